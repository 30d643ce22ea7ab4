"""Jobs of Ansible's async on a simulated PC: they go on without a connection, and end when the PC restarts."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
from simlab_help import pc_of

from gpuready.simlab import asynchronous, manifest, models
from gpuready.simlab.pc import SimulatedPc
from gpuready.simlab.schema import Fault

HOME = r"C:\ProgramData\gpuready"
FOLDER = rf"{HOME}\jobs\training"


class Power:
    """Restarts at once."""

    def restart(self, pc: SimulatedPc, after: float) -> bool:
        pc.restart()
        return True


def job(pc: SimulatedPc, **arguments: Any) -> dict[str, Any]:
    command: Any = SimpleNamespace(hang=time.sleep)
    return models.MODELS["gpuready.lab.job"](models.Task(pc, {"name": "training", **arguments}, False, command))


def start(pc: SimulatedPc, *faults: Fault, seconds: float = 60) -> list[str]:
    halves: list[str] = []
    asked = manifest.Background(FOLDER, "j1", seconds)
    said = asynchronous.start(pc, Power(), asked, list(faults), lambda: {"word": 7}, lambda: halves.append("half"))
    assert (said["started"], said["finished"]) == (True, False)
    return halves


def claimed(pc: SimulatedPc) -> None:
    answer = job(pc, state="claimed", asked="what", run="now")
    assert (answer["claimed"], answer["folder"]) == (True, FOLDER)


def test_a_job_is_claimed_once_and_gives_its_result() -> None:
    pc = pc_of()
    assert job(pc)["job"] is None
    claimed(pc)
    again = job(pc, state="claimed", asked="other", run="then")
    assert (again["claimed"], again["job"]["asked"], again["job"]["state"]) == (False, "what", "claimed")
    start(pc, Fault(kind="slow", seconds=0.3))
    assert job(pc)["job"]["state"] == "running"
    found = job(pc, wait=10)["job"]
    assert (found["state"], found["result"]["word"]) == ("ended", 7)
    job(pc, state="absent")
    assert not pc.disk.is_folder(rf"{FOLDER}\..")


def test_a_claim_lays_the_pass_aside_and_who_keeps_another_takes_the_job_away() -> None:
    pc = pc_of()
    pc.disk.write(rf"{HOME}\passes\tiny.json", b"{}")
    assert job(pc, state="claimed", asked="what", run="now", lay_aside="tiny")["claimed"]
    assert pc.disk.get(rf"{HOME}\passes\tiny.json") is None
    assert pc.disk.text(rf"{HOME}\passes\tiny.trying") == "{}"
    keep = {"state": "unproven", "stack": "tiny", "job": "training"}
    for check in (True, False):
        models.MODELS["gpuready.lab.environment_pass"](models.Task(pc, keep, check, SimpleNamespace()))  # type: ignore[arg-type]
        assert pc.disk.is_folder(FOLDER) == check


def test_a_restart_ends_it_and_is_told() -> None:
    pc = pc_of()
    claimed(pc)
    halves = start(pc, Fault(kind="restart"))
    found = job(pc, wait=10)["job"]
    assert (found["state"], found["restarted"]) == ("lost", True)
    assert halves == ["half"]


RESULTS = {
    "fail": (Fault(kind="fail", text="boom", code="X"), "boom"),
    "garbage": (Fault(kind="garbage"), "No start of json char"),
    "hang": (Fault(kind="hang"), "timed out waiting for module completion"),
    "flood": (Fault(kind="flood"), "longer than 16 MB"),
}


@pytest.mark.parametrize("kind", RESULTS)
def test_what_strikes_a_job_stands_in_its_result(kind: str) -> None:
    pc, (fault, words) = pc_of(), RESULTS[kind]
    claimed(pc)
    start(pc, fault, seconds=0.2)
    found = job(pc, wait=10)["job"]
    assert found["state"] == "ended"
    assert found["result"]["failed"] is True
    assert words in json.dumps(found["result"])
