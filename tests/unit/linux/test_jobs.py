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

import ansible
import pytest
from ansible_collections.gpuready.lab.plugins.module_utils.home import folder, jobs
from ansible_collections.gpuready.lab.plugins.module_utils.home.folder import Home, Trouble
from ansible_collections.gpuready.lab.plugins.modules import environment_pass
from ansible_collections.gpuready.lab.plugins.modules import job as job_module

WRAPPER = (Path(ansible.__file__).parent / "modules" / "async_wrapper.py").read_text()
MAIN = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpuready.lab.plugins.modules import job
with patch_module_args(json.load(sys.stdin)):
    job.main()
"""


@pytest.fixture
def job(tmp_path: Path) -> jobs.Job:
    return jobs.Job(Home(tmp_path / "home"), "training", 60)


def start(job: jobs.Job, text: str, limit: int = 30) -> None:
    """Claim it with such a module, start it, and wait until that is up."""
    up = job.folder.parent.parent / "up"
    assert job.claim("what", "run", {"module.py": f"open({str(up)!r}, 'w').close()\n{text}", "wrapper.py": WRAPPER})
    job.start(limit)
    end = time.monotonic() + 30
    while not up.exists():
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


def asking(**more: Any) -> dict[str, Any]:
    """What the controller asks that starts a job."""
    asked = {"name": "training", "state": "started", "asked": "what", "run": "one", "wait": 0, "start_within": 60}
    return {**asked, "lay_aside": None, "lock_wait": 0, "limit": 30, "wrapper": WRAPPER, **more}


def test_a_job_is_claimed_and_started_once_and_nobody_else_reads_what_it_was_given(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    asked = asking(module=f"open({str(tmp_path / 'runs')!r}, 'a').write('x')\nprint('{{\"word\": 7}}')  # a secret")
    for run, mine in (("one", True), ("two", False)):
        answer = job_module.act(home, {**asked, "run": run}, False)
        assert (answer["claimed"], answer["job"]["run"]) == (mine, "one")
        assert answer["job"]["state"] in ("running", "ended")
    found = job_module.act(home, {**asked, "state": "status", "wait": 20}, False)["job"]
    assert (found["state"], found["result"]["word"]) == ("ended", 7)
    assert (tmp_path / "runs").read_text() == "x"
    folder = home.path / "jobs" / "training"
    assert folder.stat().st_mode & 0o777 == 0o700
    for name in ("module.py", "wrapper.py"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
    job_module.act(home, {**asked, "state": "absent"}, False)
    assert not home.path.exists()


def test_what_is_brought_is_in_no_answer(tmp_path: Path) -> None:
    given = asking(home=str(tmp_path / "home"), module="print('{}')  # a secret", _ansible_inject_invocation=True)
    given = {key: value for key, value in given.items() if value is not None}
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[3] / "collections")}
    command, sent = [sys.executable, "-c", MAIN], json.dumps(given)
    done = subprocess.run(command, input=sent, env=environment, capture_output=True, text=True, check=True, timeout=60)
    answer = json.loads(done.stdout)
    assert (answer["claimed"], answer["invocation"]["module_args"]["asked"]) == (True, "what")
    assert not [word for word in ("secret", "daemonize") if word in done.stdout + done.stderr]


def test_in_check_mode_nothing_is_started(tmp_path: Path) -> None:
    answer = job_module.act(Home(tmp_path / "home"), asking(module=""), True)
    assert (answer["claimed"], answer["job"]) == (False, None)
    assert not (tmp_path / "home").exists()


def test_a_start_that_fails_is_told_and_takes_the_claim_back(tmp_path: Path) -> None:
    asked = asking(module="", wrapper="import sys\nsys.exit('no such thing')")
    with pytest.raises(Trouble, match="ended with 1") as caught:
        job_module.act(Home(tmp_path / "home"), asked, False)
    assert "no such thing" in caught.value.details
    assert not (tmp_path / "home").exists()


def test_a_start_whose_claim_was_taken_away_runs_nothing(tmp_path: Path) -> None:
    """One before Ansible's wrapper, one after it had answered: neither runs again what the next claim brought."""
    runs, home = tmp_path / "runs", Home(tmp_path / "home")
    module = f"open({str(runs)!r}, 'a').write('x')\nprint('{{}}')"
    slow = WRAPPER.replace('    jwrite({"started": True', '    time.sleep(3)\n    jwrite({"started": True', 1)
    assert slow != WRAPPER
    early, late = jobs.Job(home, "training", 60), jobs.Job(home, "training", 60)
    assert early.claim("what", "one", {"module.py": module, "wrapper.py": slow})
    early.start(30)
    early.remove()
    assert late.claim("what", "two", {"module.py": module, "wrapper.py": WRAPPER})
    late.remove()
    answer = job_module.act(home, asking(run="three", module=module), False)
    assert answer["claimed"]
    with pytest.raises(Trouble):
        late.start(30)
    late.give_up()
    time.sleep(1)
    found = status(jobs.Job(home, "training", 60), 20)
    assert (found["run"], found["state"], runs.read_text()) == ("three", "ended", "x")
    assert len(list(early.folder.glob("j*"))) == 1


def test_what_a_claim_or_a_removal_left_half_done_goes_with_the_next_claim(job: jobs.Job) -> None:
    left = [job.folder.parent / name for name in (".new-1", ".removing-1-training", ".new-2")]
    for path in left:
        path.mkdir(parents=True)
        (path / "module.py").write_text("secret")
    for path in left[:2]:
        os.utime(path, (1, 1))
    assert job.claim("what", "run")
    assert [path.exists() for path in left] == [False, False, True]


def test_a_claim_lays_the_pass_aside_or_is_none(tmp_path: Path) -> None:
    passes = tmp_path / "passes"
    passes.mkdir()
    (passes / "tiny.json").write_text("{}")
    asked = asking(lay_aside="tiny", module="print('{}')")
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
    start(job, 'import time\ntime.sleep(3)\nprint(\'{"changed": false, "word": 7}\')')
    assert status(job)["state"] == "running"
    found = status(job, 20)
    assert (found["state"], found["result"]["word"]) == ("ended", 7)


def test_a_job_that_is_killed_is_lost_and_not_restarted(job: jobs.Job) -> None:
    start(job, "import time\ntime.sleep(300)")
    number = next(job.folder.glob("j*")).name.partition(".")[0].encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if number in path.read_bytes().split(b"\0"):
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
