"""The guides' own stack for real: TensorFlow 1.15 with DirectML on native Windows, from the lock as it ships."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from gpus_help import AMD, with_gpus
from provision_help import HOME, PYTHONS, Bench, Outcome, play, sources
from winlab import Machine

STACK = "tensorflow-directml"
# Says that TensorFlow is there and soon computes.
BEGUN = """
import sys, threading, time

def look():
    while "tensorflow.python.client.session" not in sys.modules:
        time.sleep(0.1)
    open(r"C:\\lab\\site\\begun", "w").close()

threading.Thread(target=look, daemon=True).start()
"""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pc(winlab_machine: Callable[..., Machine]) -> Machine:
    if not PYTHONS["3.7"].is_dir():
        reason = "no CPython 3.7 for Windows: run tests/winlab/install.sh where a CPython 3.7 is"
        if os.environ.get("GPUREADY_REQUIRE_WINLAB") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return winlab_machine("provision-tensorflow1", **with_gpus(AMD))


@pytest.fixture(scope="module")
def wishes(pc: Machine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {"gpuready_library": "tensorflow", **sources(pc, tmp_path_factory.mktemp("tensorflow1"), "3.7")}


@pytest.fixture(scope="module")
def first(pc: Machine, wishes: dict[str, Any]) -> Outcome:
    """A bare PC, provisioned."""
    assert not pc.path(HOME).exists()
    return play(pc, "provision", wishes)


@pytest.fixture(scope="module")
def ready(first: Outcome) -> Outcome:
    assert first.word == ("READY", "TRAINED"), (first.verdict, first.record["troubles"])
    return first


def test_a_bare_pc_becomes_ready(pc: Machine, ready: Outcome) -> None:
    assert ready.changed > 0
    record = ready.record
    assert (record["plan"]["stack"], record["plan"]["environment"]["python"]) == (STACK, "3.7")
    assert record["apply"]["environment"]["built"]
    assert record["apply"]["switched"]
    training = record["training"]
    assert training["framework"]["version"].startswith("1.15")
    assert training["python"]["version"].startswith("3.7.")
    assert training["device"]["adapter_name"] == AMD.name
    assert training["device"]["operators"] > 10
    assert training["device"]["fallbacks"] == []
    checks = {check["name"]: check for check in ready.verdict["checks"]}
    assert checks.pop("throughput")["state"] == "waived"
    assert {check["state"] for check in checks.values()} == {"pass"}


def test_a_second_run_changes_nothing(pc: Machine, ready: Outcome, wishes: dict[str, Any]) -> None:
    again = play(pc, "provision", wishes)
    assert again.word == ("READY", "TRAINED"), again.verdict
    assert again.verdict["reused"] is False
    assert again.changed == 0
    assert again.commands <= 7  # of which the training: claimed, started, asked for each minute, kept


def test_another_driver_makes_the_pass_stale(pc: Machine, ready: Outcome, wishes: dict[str, Any]) -> None:
    AMD.change_driver(pc, "32.0.21013.1000")
    after = play(pc, "report", wishes)
    AMD.change_driver(pc, AMD.driver)
    again = play(pc, "report", wishes)
    assert after.word == ("STALE", "PASS_STALE"), after.verdict
    assert f"driver changed from {AMD.driver} to 32.0.21013.1000" in after.verdict["cause"]
    assert after.verdict["next_step"]
    assert again.word == ("READY", "TRAINED"), again.verdict
    assert again.verdict["reused"] is True


def test_a_training_that_brings_the_pc_down_leaves_no_pass(pc: Machine, ready: Outcome, wishes: dict[str, Any]) -> None:
    """The plug is pulled while TensorFlow computes: connection, trainer and all that it started end at once."""
    passes, begun = pc.path(rf"{HOME}\passes"), pc.path(r"C:\lab\site\begun")
    assert [file.name for file in passes.iterdir()] == [f"{STACK}.json"]
    begun.parent.mkdir(parents=True)
    (begun.parent / "sitecustomize.py").write_text(BEGUN)
    endless = {
        "gpu_verify_options": {"steps": 1_000_000},
        "gpu_verify_time_limit": 600,
        "gpu_verify_environment": {"PYTHONPATH": r"C:\lab\site"},
    }
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(play, pc, "verify", {**wishes, **endless})
        while not begun.exists() and not run.done():
            time.sleep(0.5)
        assert not run.done(), run.result().verdict
        assert [file.name for file in passes.iterdir()] == [f"{STACK}.trying"]
        pc.stop()
        pc.start()
        assert run.result().word == ("UNREACHABLE", "CONNECTION_CUT")
    after = play(pc, "report", wishes)
    assert after.word == ("UNKNOWN", "NOT_VERIFIED"), after.verdict
    assert after.verdict["next_step"] == "Run gpuready verify."
    assert play(pc, "verify", {**wishes, "gpu_verify_train": "when_changed"}).word == ("READY", "TRAINED")
    assert [file.name for file in passes.iterdir()] == [f"{STACK}.json"]


def test_directml_is_missing(pc: Machine, ready: Outcome, wishes: dict[str, Any]) -> None:
    """The last: neither the copy that machines are pointed at is there, nor the one that the wheel brought."""
    environment = pc.path(ready.record["apply"]["environment"]["path"])
    brought = list(environment.rglob("DirectML*.dll"))
    assert brought
    for file in brought:
        file.unlink()
    pc.path(r"C:\lab\empty").mkdir(parents=True)
    verdict, training = Bench(pc, ready.record).train(environment={"TF_DIRECTML_PATH": r"C:\lab\empty"})
    assert (verdict["state"], verdict["code"]) == ("NOT_READY", "DIRECTML_MISSING"), (verdict, training)
    assert verdict["cause"]
    assert verdict["next_step"]
    report = play(pc, "report", wishes)
    assert report.word == ("NOT_READY", "ENVIRONMENT_DAMAGED"), report.verdict
    assert "DirectML" in report.verdict["cause"]
    mended = play(pc, "provision", wishes)
    assert mended.word == ("READY", "TRAINED"), mended.verdict
    assert mended.record["apply"]["environment"]["built"] is True
