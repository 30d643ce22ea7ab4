"""Provisioning Windows PCs for real: uv, Python and the stack over WinRM, and Microsoft's DirectML training on them.

The AMD machine is brought to READY once; the others get its environment by hard links, and what goes wrong afterwards
goes wrong on it. Each negative is a training that really fails, judged by the product.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from provision_help import AMD, HOME, PLUGIN, Bench, Outcome, failed, play, sources
from winlab import Machine

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("winlab-gpu")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("provision")


@pytest.fixture(scope="module")
def amd(winlab_machine: Callable[..., Machine]) -> Machine:
    return winlab_machine("provision-amd", **AMD.arguments())


@pytest.fixture(scope="module")
def first(amd: Machine, folder: Path) -> Outcome:
    """A bare PC, provisioned."""
    assert not amd.path(HOME).exists()
    return play(amd, "provision", sources(amd, folder))


@pytest.fixture(scope="module")
def bench(amd: Machine, first: Outcome) -> Bench:
    assert first.word == ("READY", "TRAINED"), first.verdict
    return Bench(amd, first.record)


def no_pass(word: dict[str, Any], code: str) -> None:
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
    assert again.commands <= 4


# --- what goes wrong in a training ------------------------------------------------------------------------------------
def test_a_hang(bench: Bench) -> None:
    word, training = bench.train("import time\ntime.sleep(900)", tensorflow=False, time_limit=10)
    no_pass(word, "TIMED_OUT")
    assert training["process"]["timed_out"] is True


def test_a_crash_by_an_access_violation(bench: Bench) -> None:
    word, training = bench.train("import ctypes\nctypes.string_at(0)", tensorflow=False)
    no_pass(word, "ACCESS_VIOLATION")
    assert training["process"]["rc"] == "0xC0000005"


def test_killed_half_way_through_its_answer(bench: Bench) -> None:
    half = r"""
    import os
    os.write(1, b'\nGPUREADY-TRAINING {"finished": true, "result": {"losses": [1.0, 0.')
    os.kill(os.getpid(), 9)
    """
    word, training = bench.train(half, tensorflow=False)
    no_pass(word, "OUTPUT_TRUNCATED")
    assert training["finished"] is False


def test_directml_is_missing(amd: Machine, bench: Bench) -> None:
    amd.path(r"C:\lab\empty").mkdir(parents=True, exist_ok=True)
    word, _ = bench.train(environment={"TF_DIRECTML_PATH": r"C:\lab\empty"})
    no_pass(word, "DIRECTML_MISSING")


def test_another_gpu_than_the_planned_one(bench: Bench) -> None:
    record = copy.deepcopy(bench.record)
    record["plan"]["adapter"]["name"] = record["facts"]["adapters"][0]["name"] = "AMD Radeon RX 7900 XTX"
    word, training = bench.train(record=record)
    no_pass(word, "WRONG_ADAPTER")
    assert training["finished"] is True
    assert training["device"]["adapter_name"] == AMD.name
