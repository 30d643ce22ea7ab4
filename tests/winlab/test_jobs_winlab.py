"""Jobs on the real PowerShell engine, carried by Ansible's own async: started in one run, collected in another."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from winlab import PREFIXES, testing

PYTHON = r"C:\lab\Python310\python.exe"
HOME = r"C:\lab\jobs home"
JOBS = rf"{HOME}\jobs"
MODULE = "gpuready.lab.job"
TRAINING = """
import os, time
folder = os.environ["LAB"]
with open(os.path.join(folder, "began"), "a") as file:
    file.write("x")
while not os.path.exists(os.path.join(folder, "go")):
    time.sleep(0.2)
"""


@pytest.fixture
def pc(winlab_machine):
    machine = winlab_machine("jobs")
    if not machine.path(PYTHON).exists():
        machine.copy_in(PREFIXES / "windows/Python310", r"C:\lab\Python310")
        shim = machine.path(r"C:\lab\shim")
        shim.mkdir(parents=True)
        (shim / "torch.py").write_text(TRAINING)
    for name in ("began", "go"):
        machine.path(rf"C:\lab\{name}").unlink(missing_ok=True)
    return machine


def train(ansible, pc, wait: bool = True, startup: int | None = None, **more: Any) -> dict[str, Any]:
    variables = {"PYTHONPATH": r"C:\lab\shim", "LAB": r"C:\lab"}
    given = {"interpreter": PYTHON, "backend": "torch-cpu", "time_limit": 500, "variables": variables, "home": HOME}
    settings = {} if startup is None else {"ansible_win_async_startup_timeout": startup}
    return dict(ansible(pc, "gpuready.lab.training_facts", {**given, "wait": wait, **more}, variables=settings))


def job(ansible, pc, **more: Any) -> dict[str, Any]:
    return dict(ansible(pc, MODULE, {"home": HOME, "name": "training", **more}))


def began(pc) -> int:
    file, end = pc.path(r"C:\lab\began"), time.monotonic() + 90
    while not file.exists():
        assert time.monotonic() < end
        time.sleep(0.2)
    return len(file.read_text())


def test_what_one_run_starts_another_collects_and_it_is_not_started_twice(pc, ansible):
    assert train(ansible, pc, wait=False)["msg"] == "the training is under way"
    assert began(pc) == 1
    assert train(ansible, pc, wait=False)["msg"] == "the training is under way"
    left = job(ansible, pc)["job"]
    assert (left["state"], left["restarted"], left["result"]) == ("running", False, None)
    other = train(ansible, pc, adapter="another")["ansible_facts"]["gpuready"]["troubles"]
    assert [one["code"] for one in other] == ["ENVIRONMENT_BUSY"]
    pc.path(r"C:\lab\go").touch()
    training = train(ansible, pc)["ansible_facts"]["gpuready"]["training"]
    assert training["error"]["type"] == "AttributeError", (
        "torch has no such thing: it came from the training that began"
    )
    assert began(pc) == 1
    assert not pc.path(JOBS).exists()


def test_a_job_whose_process_starts_later_than_ansible_waits_is_collected(pc, ansible):
    pc.path(r"C:\lab\go").touch()
    training = train(ansible, pc, startup=0)["ansible_facts"]["gpuready"]["training"]
    assert training["error"]["type"] == "AttributeError"
    assert began(pc) == 1
    assert not pc.path(JOBS).exists()


def test_a_pc_that_restarts_in_the_middle_is_told_and_then_trains_anew(pc, ansible):
    train(ansible, pc, wait=False)
    began(pc)
    pc.restart()
    left = job(ansible, pc)["job"]
    assert (left["state"], left["restarted"]) == ("lost", True)
    pc.path(r"C:\lab\go").touch()
    training = train(ansible, pc)["ansible_facts"]["gpuready"]["training"]
    assert training["error"]["type"] == "AttributeError"
    assert began(pc) == 2


def test_a_job_that_is_killed_is_lost_without_a_restart(pc, ansible):
    train(ansible, pc, wait=False)
    began(pc)
    file = next(pc.path(rf"{JOBS}\training").glob("j*"))
    number = file.read_text().partition('"ansible_async_watchdog_pid":')[2].partition(",")[0].strip("}")
    pc.powershell(f"Stop-Process -Id {number} -Force; Get-Process python | Stop-Process -Force")
    left = job(ansible, pc, wait=20)["job"]
    assert (left["state"], left["restarted"]) == ("lost", False)
    job(ansible, pc, state="absent")
    assert not pc.path(JOBS).exists()


def test_a_claim_is_one_runs_alone_and_does_not_last(pc, ansible):
    assert job(ansible, pc)["job"] is None
    first = job(ansible, pc, state="claimed", asked="what", run="one")
    second = job(ansible, pc, state="claimed", asked="other", run="two")
    assert (first["claimed"], second["claimed"], second["job"]["asked"]) == (True, False, "what")
    assert first["folder"] == rf"{JOBS}\training"
    assert job(ansible, pc, start_within=0)["job"] is None
    assert not pc.path(JOBS).exists()
    pc.path(JOBS).mkdir()
    pc.path(rf"{JOBS}\other").mkdir()
    assert job(ansible, pc, state="absent")["changed"] is False
    assert pc.path(rf"{JOBS}\other").exists()
    pc.path(rf"{JOBS}\other").rmdir()


def claiming(ansible, pc, **more: Any) -> Path | None:
    """Start a process that claims its training itself, as a look does; its place, if it is there still."""
    before = set(pc.path(JOBS).glob("training-*"))
    variables = {"PYTHONPATH": r"C:\lab\shim", "LAB": r"C:\lab"}
    given = {"interpreter": PYTHON, "backend": "torch-cpu", "trainer": "import torch", "variables": variables}
    assert ansible(pc, "claiming", {"home": HOME, "arguments": given, **more}, environment=testing.OUR_ACTIONS)["begun"]
    return next((one for one in pc.path(JOBS).glob("training-*") if one not in before), None)


def pass_of_tiny(pc) -> Path:
    folder = pc.path(rf"{HOME}\passes")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "tiny.json").write_text("passed")
    return folder


def test_a_process_claims_its_job_itself_and_lays_the_pass_aside(pc, ansible):
    passes = pass_of_tiny(pc)
    place = claiming(ansible, pc, lay_aside="tiny")
    assert place is not None
    assert began(pc) == 1
    left = job(ansible, pc)["job"]
    assert (left["asked"], left["run"], left["state"], left["restarted"]) == ("what", "one", "running", False)
    assert [one.name for one in passes.iterdir()] == ["tiny.trying"]
    late = claiming(ansible, pc)
    assert late is not None
    file, end = next(late.glob("j*")), time.monotonic() + 90
    while "another run has claimed" not in file.read_text(errors="replace"):
        assert time.monotonic() < end
        time.sleep(0.2)
    assert began(pc) == 1
    pc.path(r"C:\lab\go").touch()
    ended = job(ansible, pc, wait=60)["job"]
    assert (ended["state"], ended["result"]["ansible_facts"]["gpuready_training"]["finished"]) == ("ended", False)
    assert set(pc.path(JOBS).iterdir()) == {pc.path(rf"{JOBS}\training"), place, late}
    job(ansible, pc, state="absent")
    assert not pc.path(JOBS).exists()


def test_one_that_is_about_to_claim_is_waited_for_and_leaves_nothing_where_it_cannot(pc, ansible):
    passes = pass_of_tiny(pc)
    (passes / "tiny.trying").mkdir()
    claiming(ansible, pc, lay_aside="tiny")
    assert job(ansible, pc)["job"] is None
    assert not pc.path(r"C:\lab\began").exists()
    assert not pc.path(JOBS).exists()
    shutil.rmtree(passes)
    place = pc.path(rf"{JOBS}\training-{'0' * 32}")
    place.mkdir(parents=True)
    just = time.time() + 11  # in the time to come: a call that is slow must find that it is just being started
    os.utime(place, (just, just))
    since = time.monotonic()
    assert job(ansible, pc, start_within=12)["job"] is None
    assert time.monotonic() - since > 4, "what is being started is waited for"
    os.utime(place, (1e9, 1e9))
    assert job(ansible, pc)["job"] is None
    job(ansible, pc, state="absent")
    assert not pc.path(JOBS).exists()


def test_a_claim_lays_the_pass_aside_or_is_none(pc, ansible):
    home = pc.path(HOME)
    (home / "passes").mkdir(exist_ok=True)
    for name in ("tiny.json", "tiny.trying"):
        (home / "passes" / name).write_text(name)
    (home / ".lock").unlink(missing_ok=True)
    (home / ".lock").mkdir()
    refused = job(ansible, pc, state="claimed", asked="what", run="one", lay_aside="tiny", lock_wait=0)
    assert (refused["failed"], refused["code"]) == (True, "HOME_NOT_WRITABLE")
    assert not pc.path(JOBS).exists()
    (home / ".lock").rmdir()
    assert job(ansible, pc, state="claimed", asked="what", run="one", lay_aside="tiny")["claimed"]
    assert {one.name: one.read_text() for one in (home / "passes").iterdir()} == {"tiny.trying": "tiny.json"}
    given = {"state": "unproven", "stack": "tiny", "home": HOME, "job": "training"}
    for check in (True, False):
        assert ansible(pc, "gpuready.lab.environment_pass", given, check=check)["changed"]
        assert pc.path(JOBS).exists() == check
    assert list((home / "passes").iterdir()) == []


def test_a_result_that_others_have_laid_ready_is_not_believed(pc, ansible):
    job(ansible, pc, state="claimed", asked="what", run="one")
    folder = pc.path(rf"{JOBS}\training")
    (folder / "j1.99").write_text('{"finished": true, "word": "planted"}')
    assert job(ansible, pc)["job"]["state"] == "ended"
    os.chown(folder, 65534, 65534)
    refused = job(ansible, pc)
    assert (refused["failed"], refused["code"], refused.get("job")) == (True, "HOME_NOT_OURS", None)
    os.chown(folder, 0, 0)
    job(ansible, pc, state="absent")


def test_a_result_that_is_half_written_or_too_long(pc, ansible):
    job(ansible, pc, state="claimed", asked="what", run="one")
    file = pc.path(rf"{JOBS}\training\j1.99")
    file.write_text('{"started": true')
    assert job(ansible, pc)["job"]["state"] == "running"
    file.write_bytes(b"x" * (2**24 + 1))
    result = job(ansible, pc)["job"]["result"]
    assert (result["failed"], result["code"]) == (True, "ANSWER_TOO_LARGE")
    job(ansible, pc, state="absent")
