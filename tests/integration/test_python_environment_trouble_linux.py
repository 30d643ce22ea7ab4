"""The module on this machine when something goes wrong: wrong wheels, kills, time limits, a full disk."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from environment_help import lock_of, make_wheel, sha256, slow_index
from python_environment_help import Lab


def test_a_wrong_hash_leaves_the_old_one_working(lab: Lab, lock1: str) -> None:
    lab.run(lock1)
    lab.run(lock1, state="current", verified=True)
    bad = lock_of(lab.alpha2, wrong=True)
    failed = lab.run(bad)
    assert failed["failed"]
    assert failed["code"] == "HASH_MISMATCH"
    assert "gpalpha==2.0" in failed["msg"]
    assert "\n" not in failed["msg"]
    assert any("Hash mismatch" in line for line in failed["details"])
    assert not lab.environment(bad).exists()
    out = subprocess.run(
        [lab.home / "bin/tiny", "-c", "import gpalpha; print(gpalpha.VERSION)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout.strip() == "1.0"


def test_a_wheel_that_is_not_there(lab: Lab) -> None:
    gone = make_wheel(lab.folder / "elsewhere", "gpbeta", "1.0")
    failed = lab.run(lock_of(gone))
    assert failed["code"] == "NO_WHEEL"
    assert "gpbeta" in failed["msg"]


def test_an_index_out_of_reach(lab: Lab, lock1: str) -> None:
    failed = lab.run(lock1, find_links=[], no_index=False, index_url="http://student:secret@127.0.0.1:9/simple")
    assert failed["code"] == "INDEX_UNREACHABLE"
    assert "127.0.0.1:9" in failed["msg"]
    assert "secret" not in json.dumps({key: failed[key] for key in ("msg", "details")})


def processes_in(home: Path) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.fsencode(str(home)) in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


def test_killed_half_way(lab: Lab, lock2: str, lock1: str) -> None:
    lab.run(lock1)
    lab.run(lock1, state="current", verified=True)
    more = {"find_links": [], "no_index": False}
    with slow_index(lab.alpha2) as (url, asked, release):
        started = lab.start(lab.options(lock2, index_url=url, **more))
        assert asked.wait(60)
        assert lab.environment(lock2).is_dir()
        busy = lab.run(lock2, index_url=url, lock_wait=1, **more)
        assert busy["code"] == "ENVIRONMENT_BUSY"
        started.kill()
        started.wait()
        deadline = time.monotonic() + 10
        while processes_in(lab.home) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert lab.environment(lock2).is_dir()
        assert not (lab.environment(lock2) / "gpuready.json").exists()
        release.set()
        out = subprocess.run(
            [lab.home / "bin/tiny", "-c", "import gpalpha; print(gpalpha.VERSION)"], capture_output=True, text=True
        )
        assert out.stdout.strip() == "1.0"
        again = lab.run(lock2, index_url=url, lock_wait=1, **more)
        assert again["changed"], again
    assert lab.says(lock2) == "2.0"
    assert not list((lab.home / "environments").glob(".*"))


def test_uv_dies_with_the_module(lab: Lab, lock1: str) -> None:
    with slow_index(lab.alpha1) as (url, asked, _):
        started = lab.start(lab.options(lock1, index_url=url, find_links=[], no_index=False))
        assert asked.wait(60)
        (uv,) = processes_in(lab.home)
        started.kill()
        started.wait()
        deadline = time.monotonic() + 10
        while Path(f"/proc/{uv}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not Path(f"/proc/{uv}").exists()


def test_time_limit(lab: Lab, lock1: str) -> None:
    with slow_index(lab.alpha1) as (url, _, _release):
        start = time.monotonic()
        failed = lab.run(lock1, index_url=url, find_links=[], no_index=False, time_limit=3)
        assert time.monotonic() - start < 20
    assert failed["code"] == "ENVIRONMENT_TIME_LIMIT"
    assert not lab.environment(lock1).exists()
    assert not processes_in(lab.home)


def test_a_stale_lock_file_locks_nobody_out(lab: Lab, lock1: str) -> None:
    lab.home.mkdir()
    (lab.home / ".lock").write_text('{"pid": 999999, "since": "2020-01-01T00:00:00Z"}')
    assert lab.run(lock1, lock_wait=0)["changed"]


def test_two_runs_at_once(lab: Lab, lock1: str) -> None:
    lab.home.mkdir()
    with (lab.home / ".lock").open("w") as file:
        json.dump({"pid": 4711, "since": "2026-01-01T00:00:00Z"}, file)
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        failed = lab.run(lock1, lock_wait=0)
        assert failed["code"] == "ENVIRONMENT_BUSY"
        assert "4711" in failed["msg"]
    both = [lab.start(lab.options(lock1)) for _ in range(2)]
    changed = [json.loads(one.communicate(timeout=120)[0])["changed"] for one in both]
    assert sorted(changed) == [False, True]
    assert lab.says(lock1) == "1.0"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=False)


def test_a_full_disk_leaves_the_old_one_working(lab: Lab, lock1: str, small_disk: Path) -> None:
    lab.home = small_disk / "home"
    assert lab.run(lock1)["changed"]
    lab.run(lock1, state="current", verified=True)
    big = lock_of(make_wheel(lab.wheels, "gpbig", "1.0", {"gpbig_data.bin": os.urandom(40_000_000)}))
    wheel = lab.wheels / "gpbig-1.0-py3-none-any.whl"
    half = lab.folder / "sent"
    shutil.copy(wheel, half)
    digest = sha256(wheel.read_bytes())
    offered = {"offered_wheels": [{"name": wheel.name, "sha256": digest}], "find_links": None}
    sent = lab.run(big, uploaded={digest: str(half)}, **offered)
    assert sent["code"] == "DISK_FULL", sent
    assert not (lab.home / "wheelhouse").exists()
    failed = lab.run(big)
    assert failed["code"] == "DISK_FULL", failed
    assert not lab.environment(big).exists()
    assert not (lab.home / "cache").exists()
    launched = [lab.home / "bin/tiny", "-c", "import gpalpha; print(gpalpha.VERSION)"]
    assert subprocess.run(launched, capture_output=True, text=True, check=True).stdout.strip() == "1.0"
    assert lab.run(lock_of(lab.alpha2))["changed"]


def test_a_pyenv_that_cannot_be_looked_into_is_none(lab: Lab, lock1: str) -> None:
    """As that of another user, after `su`: here by a name that is too long, which root cannot look into either."""
    done = lab.run(lock1, env={"PYENV_ROOT": "/" + "a" * 300})
    assert done["changed"], done


def test_what_others_may_have_put_there_is_neither_run_nor_removed(lab: Lab, lock1: str) -> None:
    """A uv that everybody may write, in a home of ours; a lock that leads elsewhere."""
    marks = lab.folder / "ran"
    lab.home.mkdir()
    planted = lab.home / "uv"
    planted.write_text(f"#!/bin/sh\ntouch {marks}\necho uv 9.9.9\n")
    planted.chmod(0o777)
    switch = {"state": "current", "verified": True}
    refused = [lab.run(lock1, uv=None), lab.run(lock1, check=True, uv=None), lab.run(lock1, **switch)]
    refused += [lab.run(state="absent"), lab.run(state="unproven")]
    assert [one["code"] for one in refused] == ["HOME_NOT_OURS"] * 5
    assert f"{planted} can be written by everybody" in refused[0]["msg"]
    assert "remove gpuready's folder as administrator" in refused[0]["next_step"]
    assert planted.exists()
    planted.unlink()
    victim = lab.folder / "victim"
    victim.write_text("kept")
    (lab.home / ".lock").symlink_to(victim)
    assert lab.run(lock1)["code"] == "HOME_NOT_OURS"
    assert victim.read_text() == "kept"
    assert not marks.exists()
