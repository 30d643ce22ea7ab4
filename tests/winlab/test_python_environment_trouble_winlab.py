"""python_environment on Windows when something goes wrong: a power cut, limits, a full disk, a file in use."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from environment_help import lock_of, make_wheel, sha256, slow_index
from python_environment_winlab_help import Lab, hold
from winlab import testing

pytestmark = pytest.mark.slow


def test_the_power_goes_off_half_way(lab: Lab) -> None:
    old, new = lab.locks[0], lab.locks[1]
    lab.as_job = True
    lab.run((old, {}), (old, {"state": "current", "verified": True}))
    with slow_index(lab.alpha[1]) as (url, asked, release):
        more = {"index_url": url, "find_links": [], "no_index": False}
        running = threading.Thread(target=lab.run, args=((new, more),), daemon=True)
        running.start()
        assert asked.wait(120)
        assert lab.environment(new).is_dir()
        other, gone = lab.run((lab.locks[2], more), (None, {"state": "absent", "lock_wait": 0}))
        assert (other["code"], gone["code"]) == ("ENVIRONMENT_BUSY", "ENVIRONMENT_BUSY"), (other, gone)
        assert "another run is at work on this PC (building" in other["msg"]
        assert "process" in gone["msg"]
        lab.pc.stop()
        lab.pc.start()
        release.set()
        running.join(120)
        assert lab.environment(new).is_dir()
        assert not (lab.environment(new) / "gpuready.json").exists()
        assert lab.says() == "1.0"
        again = lab.one(new, **more)
        assert again["changed"], again
    assert lab.one(new, state="current", verified=True)["switched"]
    assert lab.says() == "2.0"


def test_limits_and_indexes(lab: Lab) -> None:
    lock = lab.locks[0]
    nothing = lock_of(make_wheel(lab.folder / "elsewhere", "gpbeta", "1.0"))
    closed = {"index_url": "http://student:secret@127.0.0.1:9/simple", "find_links": [], "no_index": False}
    with slow_index(lab.alpha[0]) as (url, _, _release):
        slow = {"index_url": url, "find_links": [], "no_index": False, "time_limit": 6}
        late, unreachable, lacking = lab.run((lock, slow), (lock, closed), (nothing, {}))
    assert late["code"] == "ENVIRONMENT_TIME_LIMIT"
    assert unreachable["code"] == "INDEX_UNREACHABLE"
    assert "secret" not in unreachable["msg"] + json.dumps(unreachable["details"])
    assert lacking["code"] == "NO_WHEEL"
    assert "gpbeta" in lacking["msg"]
    assert list((lab.home / "environments").iterdir()) == []


@pytest.fixture
def small_disk(lab: Lab) -> Iterator[Path]:
    with testing.small_drive(lab.pc, "110m") as root:
        lab.pc.stop()  # PowerShell knows the drives that were there at the start
        lab.pc.start()
        lab.windows = r"D:\home"
        yield root


def test_a_full_disk_leaves_the_old_one_working(lab: Lab, small_disk: Path) -> None:
    lab.run((lab.locks[0], {}), (lab.locks[0], {"state": "current", "verified": True}))
    big = make_wheel(lab.folder / "elsewhere", "gpbig", "1.0", {"gpbig_data.bin": b"x" * 100_000_000})
    shutil.copy(big, lab.pc.path(r"C:\lab\wheels") / big.name)
    failed = lab.one(lock_of(big))
    sent = lab.one(lock_of(big), find_links=None, wheelhouse=str(big.parent))
    (lab.pc.path(r"C:\lab\wheels") / big.name).unlink()
    assert failed["code"] == "DISK_FULL", failed
    assert sent["code"] == "DISK_FULL", sent
    assert not lab.environment(lock_of(big)).exists()
    assert not (lab.home / "wheelhouse").exists()
    assert not (lab.home / "cache").exists()
    said = lab.says()
    assert said == "1.0", said
    last = lab.one(lab.locks[1])
    assert last["changed"], last


def test_a_file_in_use(lab: Lab) -> None:
    """A student's program holds a file of the old environment; the interpreter died before and was brought again."""
    one, two = lab.locks[0], lab.locks[1]
    lab.one(one)
    (interpreter,) = (lab.home / "python").rglob("python.exe")
    interpreter.unlink()
    interpreter.write_bytes(b"no program")
    lab.run((two, {}), (two, {"state": "current", "verified": True}))
    python = rf"{lab.windows}\environments\tiny-{sha256(one.encode())[:12]}\Lib\site-packages\gpalpha.py"
    holder = hold(lab.pc, python, 30)
    left = lab.one(two, state="current", verified=True, keep_old=0)
    holder.join(90)
    gone = lab.one(two, state="current", verified=True, keep_old=0)
    assert not left["failed"]
    if left["notes"]:
        assert "in use" in left["notes"][0]
        assert gone["changed"]
    assert not lab.environment(one).exists()
    assert lab.says() == "2.0"


def test_what_others_have_laid_ready_is_neither_run_nor_removed(lab: Lab) -> None:
    """A user's own uv.exe, in a folder that was there before gpuready came; then one that everybody may write."""
    lock = lab.locks[0]
    planted = lab.home / "uv.exe"
    lab.home.mkdir()
    shutil.copy(lab.pc.path(r"C:\lab\uv.exe"), planted)
    switch = {"state": "current", "verified": True}
    os.chown(lab.home, 65534, 65534)
    calls = [
        (lock, {"uv": None}),
        (lock, {"uv": None, "check_mode": True}),
        (lock, switch),
        (None, {"state": "absent"}),
    ]
    refused = lab.run(*calls)
    os.chown(lab.home, 0, 0)
    planted.chmod(0o777)
    refused += lab.run((lock, {"uv": None}))
    assert [one["code"] for one in refused] == ["HOME_NOT_OURS"] * 5
    assert "uv.exe can be written by S-1-1-0" in refused[-1]["msg"]
    assert [path.name for path in lab.home.iterdir()] == ["uv.exe"]
