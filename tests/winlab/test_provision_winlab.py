"""Provisioning Windows PCs for real: uv, Python and the stack over WinRM, and Microsoft's DirectML training on them.

The AMD machine is brought to READY once; the others get its environment by hard links, and what goes wrong afterwards
goes wrong on it. Each negative is a training that really fails, judged by the product.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from gpus_help import AMD, INTEL, NVIDIA, Gpu, with_gpus
from provision_help import (
    HOME,
    PLUGIN,
    STEPS,
    WRONG,
    Bench,
    Outcome,
    Training,
    failed,
    hand_over,
    play,
    sources,
)
from winlab import Machine, testing

TORCH = Path(__file__).resolve().parents[1] / "data/locks/torch-directml-0.2.0-win_amd64.txt"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("provision")


@pytest.fixture(scope="module")
def amd(winlab_machine: Callable[..., Machine]) -> Machine:
    return winlab_machine("provision-amd", **with_gpus(AMD))


@pytest.fixture(scope="module")
def first(amd: Machine, folder: Path) -> Outcome:
    """A bare PC, provisioned."""
    assert not amd.path(HOME).exists()
    return play(amd, "provision", sources(amd, folder))


@pytest.fixture(scope="module")
def bench(amd: Machine, first: Outcome) -> Bench:
    assert first.word == ("READY", "TRAINED"), first.verdict
    return Bench(amd, first.record)


def assert_not_ready(word: dict[str, Any], code: str) -> None:
    assert (word["state"], word["code"]) == ("NOT_READY", code), word
    assert word["cause"]
    assert word["next_step"]


# --- from nothing to READY --------------------------------------------------------------------------------------------
def test_a_bare_pc_becomes_ready(amd: Machine, first: Outcome) -> None:
    assert first.word == ("READY", "TRAINED"), (first.verdict, first.record["troubles"])
    assert first.changed > 0
    record = first.record
    assert record["simulated"] is True
    assert record["plan"]["stack"] == PLUGIN
    assert record["apply"]["environment"]["built"]
    assert record["apply"]["switched"]
    training = record["training"]
    assert training["framework"]["plugin"].startswith("tensorflow-directml-plugin 0.4.0")
    assert (training["device"]["kind"], training["device"]["adapter_name"]) == ("DML", AMD.name)
    assert training["device"]["operators"] > 10
    assert training["device"]["fallbacks"] == []
    checks = {check["name"]: check for check in first.verdict["checks"]}
    assert checks.pop("throughput")["state"] == "waived"
    assert {check["state"] for check in checks.values()} == {"pass"}
    launcher = amd.path(rf"{HOME}\bin\{PLUGIN}.cmd")
    assert launcher.is_file()
    assert f"{PLUGIN}.cmd" in amd.path(rf"{HOME}\README.txt").read_text()
    script = amd.path(r"C:\lab\student.py")
    script.parent.mkdir(exist_ok=True)
    script.write_text("import sys; print(sys.prefix)")
    said = amd.run(["cmd", "/c", rf"{HOME}\bin\{PLUGIN}.cmd", r"C:\lab\student.py"])
    assert said.stdout.strip().lower() == record["apply"]["environment"]["path"].lower()


def test_a_second_run_changes_nothing(amd: Machine, bench: Bench, folder: Path) -> None:
    again = play(amd, "provision", sources(amd, folder))
    assert again.word == ("READY", "TRAINED"), again.verdict
    assert again.verdict["reused"] is False
    assert again.changed == 0
    assert again.commands <= 7  # of which the training: claimed, started, asked for each minute, kept


# --- what goes wrong in a training ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def wrong(bench: Bench) -> dict[str, Future[Training]]:
    """All that go wrong inside TensorFlow, started at once."""
    return {code: bench.start(site) for code, site in WRONG.items()}


@pytest.mark.parametrize(("code", "checks"), [
    ("NOT_FINITE", {"finite", "loss", "accuracy", "batchnorm", "agreement"}),
    ("LOSS_NOT_FALLING", {"loss", "accuracy"}),
    ("LABELS_NOT_LEARNED", {"labels", "loss", "accuracy"}),
    ("BATCHNORM_WRONG", {"batchnorm"}),
    ("REFERENCE_DISAGREES", {"agreement"}),
    ("CPU_FALLBACK", {"device"}),
])  # fmt: skip
def test_a_training_that_ends_and_is_wrong(wrong: dict[str, Future[Training]], code: str, checks: set[str]) -> None:
    word, training = wrong[code].result(300)
    assert_not_ready(word, code)
    assert failed(word) == checks
    assert training["finished"] is True
    assert training["device"]["adapter_name"] == AMD.name
    assert training["device"]["fallbacks"] == (["Identity", "Relu"] if code == "CPU_FALLBACK" else [])


@pytest.mark.parametrize("code", ["OPERATOR_UNSUPPORTED", "OUT_OF_MEMORY"])
def test_a_training_that_the_framework_gives_up(wrong: dict[str, Future[Training]], code: str) -> None:
    word, training = wrong[code].result(300)
    assert_not_ready(word, code)
    assert training["finished"] is False
    assert training["error"]["type"] == {"OUT_OF_MEMORY": "ResourceExhaustedError"}.get(code, "InvalidArgumentError")


def test_a_hang(bench: Bench) -> None:
    word, training = bench.train("import time\ntime.sleep(900)", tensorflow=False, time_limit=8)
    assert_not_ready(word, "TIMED_OUT")
    assert training["process"]["timed_out"] is True


def test_a_crash_by_an_access_violation(bench: Bench) -> None:
    word, training = bench.train("import faulthandler\nfaulthandler._read_null()", tensorflow=False)
    assert_not_ready(word, "ACCESS_VIOLATION")
    assert training["process"]["rc"] == "0xC0000005"
    assert any("sitecustomize.py" in line for line in training["process"]["stderr_tail"])


def test_killed_half_way_through_its_answer(bench: Bench) -> None:
    half = r"""
    import os
    os.write(1, b'\nGPUREADY-TRAINING {"finished": true, "result": {"losses": [1.0, 0.')
    os.kill(os.getpid(), 9)
    """
    word, training = bench.train(half, tensorflow=False)
    assert_not_ready(word, "OUTPUT_TRUNCATED")
    assert training["finished"] is False


def test_directml_is_missing(amd: Machine, bench: Bench) -> None:
    amd.path(r"C:\lab\empty").mkdir(parents=True, exist_ok=True)
    word, _ = bench.train(environment={"TF_DIRECTML_PATH": r"C:\lab\empty"})
    assert_not_ready(word, "DIRECTML_MISSING")


def test_another_gpu_than_the_planned_one(bench: Bench) -> None:
    record = copy.deepcopy(bench.record)
    record["plan"]["adapter"]["name"] = record["facts"]["adapters"][0]["name"] = "AMD Radeon RX 7900 XTX"
    word, training = bench.train(record=record)
    assert_not_ready(word, "WRONG_ADAPTER")
    assert failed(word) == {"adapter"}
    assert training["device"]["adapter_name"] == AMD.name


# --- whole runs that must not end READY, and leave what works as it is ------------------------------------------------
def test_no_adapter(amd: Machine, bench: Bench, folder: Path) -> None:
    kept = amd.path(rf"{HOME}\passes\{PLUGIN}.json").read_bytes()
    hidden = {"gpu_verify_environment": {"DML_VISIBLE_DEVICES": "-1"}}
    outcome = play(amd, "verify", sources(amd, folder) | hidden)
    assert_not_ready(outcome.verdict, "DIRECTML_NO_ADAPTER")
    # The earlier pass is taken back, why it failed is kept in its place, what students start stays.
    assert outcome.changed == 1
    left = amd.path(rf"{HOME}\passes\{PLUGIN}.json")
    assert json.loads(left.read_text())["verdict"]["code"] == "DIRECTML_NO_ADAPTER"
    report = play(amd, "report", sources(amd, folder))
    assert report.word == ("NOT_READY", "DIRECTML_NO_ADAPTER"), report.verdict
    assert report.verdict["cause"].startswith("its last training failed less than an hour ago: ")
    assert amd.path(rf"{HOME}\current\{PLUGIN}.json").exists()
    left.write_bytes(kept)  # for the tests to come


def test_a_wheel_with_a_wrong_hash(amd: Machine, bench: Bench, folder: Path) -> None:
    lock = folder / "wrong.txt"
    lock.write_text(f"six==1.16.0 --hash=sha256:{'0' * 64}\n")
    current = amd.path(rf"{HOME}\current\{PLUGIN}.json").read_bytes()
    outcome = play(amd, "provision", sources(amd, folder) | {"gpuready_stack_locks": {f"{PLUGIN}/windows": str(lock)}})
    assert_not_ready(outcome.verdict, "HASH_MISMATCH")
    assert "six" in outcome.verdict["cause"]
    assert amd.path(rf"{HOME}\current\{PLUGIN}.json").read_bytes() == current
    assert len(list(amd.path(rf"{HOME}\environments").iterdir())) == 1


def test_a_disk_that_is_too_small(amd: Machine, bench: Bench, folder: Path) -> None:
    with testing.small_drive(amd, "80m") as small:
        outcome = play(amd, "provision", sources(amd, folder) | {"python_environment_home": r"D:\gpuready"})
        assert_not_ready(outcome.verdict, "DISK_SPACE")
        assert "free on D:" in outcome.verdict["cause"]
        assert list(small.iterdir()) == []


def test_another_driver_makes_the_pass_stale(amd: Machine, bench: Bench, folder: Path) -> None:
    before = play(amd, "report", sources(amd, folder))
    AMD.change_driver(amd, "32.0.21013.1000")
    after = play(amd, "report", sources(amd, folder))
    AMD.change_driver(amd, AMD.driver)
    again = play(amd, "report", sources(amd, folder))
    assert after.word == ("STALE", "PASS_STALE"), after.verdict
    assert "driver changed from 31.0.24027.1012 to 32.0.21013.1000" in after.verdict["cause"]
    assert after.verdict["next_step"]
    for one in (before, again):
        assert one.word == ("READY", "TRAINED"), one.verdict
        assert one.verdict["reused"] is True
        assert "training" not in one.record


# --- other GPUs -------------------------------------------------------------------------------------------------------
def other(winlab_machine: Callable[..., Machine], key: str, gpus: tuple[Gpu, ...], amd: Machine) -> Machine:
    pc = winlab_machine(key, **with_gpus(*gpus))
    hand_over(amd, pc)
    return pc


@pytest.mark.parametrize(("key", "gpu"), [("provision-nvidia", NVIDIA), ("provision-intel", INTEL)])
def test_the_plugin_on(winlab_machine: Any, amd: Machine, bench: Bench, folder: Path, key: str, gpu: Gpu) -> None:
    pc = other(winlab_machine, key, (gpu,), amd)
    outcome = play(pc, "provision", sources(pc, folder))
    assert outcome.word == ("READY", "TRAINED"), (outcome.verdict, outcome.record["troubles"])
    assert outcome.record["plan"]["adapter"]["name"] == gpu.name
    assert outcome.record["training"]["device"]["adapter_name"] == gpu.name
    assert outcome.record["apply"]["environment"]["built"] is False


READY, OTHER, NOT_SAID = ("READY", "TRAINED"), ("NOT_READY", "WRONG_ADAPTER"), ("UNKNOWN", "EVIDENCE_INCOMPLETE")


# The GPUs in DirectML's order; DirectML counts what DML_VISIBLE_DEVICES leaves. `started` is the one that students then
# start the stack with.
@pytest.mark.parametrize(("gpus", "wish", "visible", "trained", "found", "word", "started"), [
    ((INTEL, AMD), "auto", None, AMD, 2, READY, "1"),
    ((INTEL, AMD), "radeon", "0", INTEL, 1, OTHER, "1"),  # as it was
    ((INTEL, AMD), "intel", "1,0", INTEL, 2, READY, "0"),
    ((AMD, AMD), "auto", None, AMD, 2, READY, "None"),
    ((AMD, AMD), 1, None, AMD, 2, NOT_SAID, "None"),
])  # fmt: skip
def test_two_gpus(
    winlab_machine: Any, amd: Machine, bench: Bench, folder: Path,
    gpus: tuple[Gpu, ...], wish: Any, visible: str | None, trained: Gpu, found: int, word: tuple[str, str],
    started: str,
) -> None:  # fmt: skip
    pc = other(winlab_machine, "provision-twins" if gpus[0] is gpus[1] else "provision-two", gpus, amd)
    asked = {"gpuready_adapter": wish, "gpu_verify_options": {"speed_seconds": 0, "steps": STEPS}}
    hidden = {"gpu_verify_environment": {"DML_VISIBLE_DEVICES": visible} if visible else {}}
    outcome = play(pc, "verify", sources(pc, folder) | asked | hidden)
    assert outcome.word == word, (outcome.verdict, outcome.record["troubles"])
    device = outcome.record["training"]["device"]
    assert (device["adapter_name"], device["adapters_found"]) == (trained.name, found)
    kept = json.loads(pc.path(rf"{HOME}\passes\{PLUGIN}.json").read_text())["verdict"]
    assert (kept["state"], kept["code"]) == word
    script = pc.path(r"C:\lab\student.py")
    script.parent.mkdir(exist_ok=True)
    script.write_text("import os; print(os.environ.get('DML_VISIBLE_DEVICES'))")
    assert pc.run(["cmd", "/c", rf"{HOME}\bin\{PLUGIN}.cmd", r"C:\lab\student.py"]).stdout.strip() == started


def test_pytorch_with_a_lock_of_the_labs_own(winlab_machine: Any, amd: Machine, bench: Bench, folder: Path) -> None:
    pc = other(winlab_machine, "provision-two", (INTEL, AMD), amd)
    mine = {"gpuready_library": "pytorch", "gpuready_stack_locks": {"torch-directml/windows": str(TORCH)}}
    outcome = play(pc, "provision", sources(pc, folder) | mine)
    assert outcome.word == ("READY", "TRAINED"), (outcome.verdict, outcome.record["troubles"])
    training = outcome.record["training"]
    assert training["framework"] == {
        "name": "torch",
        "version": "2.0.0+cpu",
        "plugin": "torch-directml 0.2.0.dev230426",
    }
    assert training["device"]["adapters"] == [INTEL.name, AMD.name]
    assert training["device"]["adapter_name"] == AMD.name
    assert training["device"]["placed"] is True
    assert outcome.record["apply"]["environment"]["built"] is True
    environment = outcome.record["apply"]["environment"]
    assert environment["lock_sha256"] == outcome.record["plan"]["environment"]["lock_sha256"]
