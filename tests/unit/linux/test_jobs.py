"""A job in gpuready's home on a Linux PC, with Ansible's own async_wrapper where it matters."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.module_utils.home import folder, jobs
from ansible_collections.gpuready.lab.plugins.module_utils.home.folder import Home
from ansible_collections.gpuready.lab.plugins.modules import environment_pass
from ansible_collections.gpuready.lab.plugins.modules import job as job_module


@pytest.fixture
def job(tmp_path: Path) -> jobs.Job:
    return jobs.Job(Home(tmp_path / "home"), "training", 60)


def start(job: jobs.Job, text: str, limit: int = 30) -> None:
    """As Ansible does it: the wrapper's path, its number, its limit, whether to keep the files, the module."""
    module = job.folder.parent.parent.parent / "work" / "module.py"
    module.parent.mkdir()
    module.write_text(f"open({str(module.with_name('up'))!r}, 'w').close()\n{text}")
    command = [sys.executable, "-m", "ansible.modules.async_wrapper", "j123456789", str(limit), "true", str(module)]
    command += [sys.executable, str(module)]
    environment = os.environ | {"ANSIBLE_ASYNC_DIR": str(job.folder)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30)
    assert json.loads(done.stdout)["started"]
    end = time.monotonic() + 30
    while not module.with_name("up").exists():
        assert time.monotonic() < end
        time.sleep(0.05)


def status(job: jobs.Job, wait: float = 0) -> dict[str, Any]:
    found = job.status(wait)
    assert found is not None
    return found


def test_there_is_none_until_it_is_claimed_and_only_one_claims_it(job: jobs.Job) -> None:
    assert job.status(0) is None
    assert job.claim("what", "run") is True
    assert job.claim("other", "run") is False
    found = status(job)
    assert (found["asked"], found["run"], found["state"], found["restarted"]) == ("what", "run", "claimed", False)
    assert [path.name for path in job.folder.parent.iterdir()] == ["training"]
    job.remove()
    assert not job.folder.parent.exists()


def test_another_start_of_a_guest_is_told_by_its_first_process(job: jobs.Job, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, _, first = str(folder.boot()).partition(" ")
    assert first.isdigit()
    job.claim("what", "run")
    (job.folder / "j1.2").write_text("{}")
    monkeypatch.setattr(jobs, "boot", lambda: f"{kernel} {first}0")
    assert status(job)["restarted"] is True


def test_a_claim_lays_the_pass_aside_or_is_none(tmp_path: Path) -> None:
    passes = tmp_path / "passes"
    passes.mkdir()
    (passes / "tiny.json").write_text("{}")
    asked = {"name": "training", "state": "claimed", "asked": "what", "run": "one", "wait": 0, "start_within": 60}
    asked |= {"lay_aside": "tiny", "lock_wait": 0}
    (tmp_path / ".lock").mkdir()
    with pytest.raises(Exception, match="lock"):
        job_module.act(Home(tmp_path), asked, False)
    assert not (tmp_path / "jobs").exists()
    assert [path.name for path in passes.iterdir()] == ["tiny.json"]
    (tmp_path / ".lock").rmdir()
    assert job_module.act(Home(tmp_path), asked, False)["claimed"]
    assert [path.name for path in passes.iterdir()] == ["tiny.trying"]
    kept = {"state": "unproven", "stack": "tiny", "lock_wait": 0, "job": "training", "pass_record": None}
    for check in (True, False):
        assert environment_pass.act(Home(tmp_path), kept, check)["changed"]
        assert (tmp_path / "jobs").exists() == check


def test_what_the_module_says_is_waited_for(job: jobs.Job) -> None:
    job.claim("what", "run")
    start(job, 'import time\ntime.sleep(3)\nprint(\'{"changed": false, "word": 7}\')')
    assert status(job)["state"] == "running"
    found = status(job, 20)
    assert (found["state"], found["result"]["word"]) == ("ended", 7)


def test_a_job_that_is_killed_is_lost_and_not_restarted(job: jobs.Job) -> None:
    job.claim("what", "run")
    start(job, "import time\ntime.sleep(300)")
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            ours = b"j123456789" in path.read_bytes().split(b"\0") and str(job.folder.parents[2]).encode()
            if ours and ours in path.read_bytes():
                os.kill(int(path.parent.name), signal.SIGKILL)
        except (OSError, ProcessLookupError):
            continue
    found = status(job, 20)
    assert (found["state"], found["restarted"], found["result"]) == ("lost", False, None)


def test_a_restart_is_told(job: jobs.Job, monkeypatch: pytest.MonkeyPatch) -> None:
    job.claim("what", "run")
    (job.folder / "j1.99").write_text('{"started": true, "finished": false}')
    monkeypatch.setattr(jobs, "boot", lambda: "another")
    monkeypatch.setattr(jobs, "_LATE", 0.1)
    found = status(job)
    assert (found["state"], found["restarted"]) == ("lost", True)


def test_a_claim_that_nobody_made_use_of_is_none(job: jobs.Job) -> None:
    job.claim("what", "run")
    then = time.time() - 100
    os.utime(job.folder / jobs.ASKED, (then, then))
    assert job.status(0) is None
    assert not job.folder.exists()
    assert job.claim("again", "run") is True


def test_a_result_without_end_is_not_read(job: jobs.Job, monkeypatch: pytest.MonkeyPatch) -> None:
    job.claim("what", "run")
    (job.folder / "j1.99").write_text("{" + "x" * 100)
    monkeypatch.setattr(jobs, "MOST", 50)
    assert status(job)["result"]["code"] == "ANSWER_TOO_LARGE"
