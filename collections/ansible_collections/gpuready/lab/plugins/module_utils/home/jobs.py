# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A job in gpuready's home on a Linux PC: who asked for it, whether it runs, what came of it.

Ansible's async_wrapper, sent with the module that it runs, is started where the job is claimed. It keeps the result in
a file of the job's folder, `jNUMBER.PID`, and has the first part of that name among its arguments as long as it lives.
Runs on the PC, under Python 3.9 or later.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .contents import json_of
from .folder import REMOVING, Home, Trouble, as_json, boot, of_os, write_whole

NAMES = ["building", "importing", "exporting", "installing", "training"]
ASKED = "asked.json"
MODULE, WRAPPER = "module.py", "wrapper.py"  # what is run; none begins as the result's file does
MOST = 16 * 2**20  # bytes of a result
_LATE = 3.0  # seconds that the wrapper may take to write a result when the work is done
_PAUSE = 0.5
_NEW = ".new-"


class Job:
    """The one job of this name. `start_within`: seconds after which one that was claimed and not started is none."""

    def __init__(self, home: Home, name: str, start_within: float) -> None:
        self._home, self._within = home, start_within
        self._mine: int | None = None
        self.folder = home.path / "jobs" / name

    def claim(self, asked: str | None, run: str | None, files: Mapping[str, str] | None = None) -> bool:
        """Make the folder with these files in it, for nobody else to read; False where somebody else was faster."""
        jobs = self.folder.parent
        try:
            jobs.mkdir(parents=True, exist_ok=True)
            self._sweep()
            new = Path(tempfile.mkdtemp(dir=str(jobs), prefix=_NEW))
        except OSError as error:
            raise of_os(error, "making the job's folder") from None
        try:
            new.chmod(0o700)
            for name, text in (files or {}).items():
                write_whole(new / name, text, 0o600)
            write_whole(new / ASKED, as_json({"asked": asked, "run": run, "boot": boot()}), 0o600)
            self._mine = os.open(new, os.O_RDONLY)
            new.rename(self.folder)
        except OSError:
            shutil.rmtree(new, ignore_errors=True)
            if not self.folder.exists():
                raise
            return False
        return True

    def start(self, limit: int) -> None:
        """Run what the claim brought, as Ansible starts it, for so many seconds at most.

        It runs in the folder that was claimed, whatever is at its place by now: where that is gone, nothing runs.
        """
        number, keeps_the_files = f"j{secrets.randbelow(10**12)}", "true"
        command = [sys.executable, WRAPPER, number, str(limit), keeps_the_files, MODULE, sys.executable, MODULE]
        environment, none = {**os.environ, "ANSIBLE_ASYNC_DIR": "."}, subprocess.DEVNULL
        there = f"/proc/self/fd/{self._mine}"
        done = subprocess.run(command, cwd=there, env=environment, stdin=none, capture_output=True, check=False)
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        if done.returncode:
            message = f"the job was not started: Ansible's async_wrapper ended with {done.returncode}"
            raise Trouble("ENVIRONMENT_FAILED", message, rc=done.returncode, details=said)

    def give_up(self) -> None:
        """Take away what was claimed here, and not what somebody else has claimed since."""
        with suppress(OSError):
            if self._mine is not None and os.path.samestat(os.fstat(self._mine), self.folder.stat()):
                self.remove()

    def _sweep(self) -> None:
        """Take away what a claim or a removal left that was cut off in the middle: it holds what a job was given."""
        for path in self.folder.parent.iterdir():
            with suppress(OSError):
                if path.name.startswith((_NEW, REMOVING)) and time.time() - path.stat().st_mtime > self._within:
                    self._home.remove(path)

    def remove(self) -> None:
        """Take the folder away, and what would be empty without it."""
        self._home.remove(self.folder)
        for path in (self.folder.parent, self._home.path):
            with suppress(OSError):
                path.rmdir()

    def status(self, wait: float) -> dict[str, Any] | None:
        """How it stands; of one that runs, once it has ended or after so many seconds. None when there is none."""
        deadline = time.monotonic() + wait
        while True:
            now = self._now()
            if now is None or now["state"] in ("ended", "lost") or time.monotonic() >= deadline:
                return now
            time.sleep(min(_PAUSE, max(0.0, deadline - time.monotonic())))

    def _now(self) -> dict[str, Any] | None:
        try:
            at = (self.folder / ASKED).stat().st_mtime
        except OSError:
            self._home.remove(self.folder)
            return None
        known, seconds = json_of(self.folder / ASKED), max(0.0, time.time() - at)
        same_boot = known.get("boot") == boot() if known.get("boot") and boot() else None
        restarted = None if same_boot is None else not same_boot
        status = {"asked": known.get("asked"), "run": known.get("run"), "seconds": round(seconds, 1)}
        status |= {"state": "claimed", "restarted": restarted, "result": None}
        file = self._result_file()
        if file is None:
            if seconds > self._within or restarted:
                self._home.remove(self.folder)
                return None
            return status
        result = _result(file)
        if result is None and not _lives(file.name):
            late = time.monotonic() + _LATE
            while result is None and time.monotonic() < late:
                time.sleep(_PAUSE)
                result = _result(file)
            status["state"] = "lost" if result is None else "ended"
        else:
            status["state"] = "running" if result is None else "ended"
        return {**status, "result": result}

    def _result_file(self) -> Path | None:
        found = [path for path in self.folder.iterdir() if path.name.startswith("j") and path.suffix != ".tmp"]
        return found[0] if found else None


def _result(file: Path) -> dict[str, Any] | None:
    """What the work gave; None while it has given nothing."""
    try:
        if file.stat().st_size > MOST:
            too_long = f"the result of the job is longer than {MOST // 2**20} MB"
            return {"failed": True, "msg": too_long, "code": "ANSWER_TOO_LARGE"}
        found = json.loads(file.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:  # between two of its names
        return None
    except ValueError:
        return {"failed": True, "msg": "the result of the job cannot be read", "code": "OUTPUT_GARBAGE"}
    if not isinstance(found, dict) or (found.get("started") and not found.get("finished")):
        return None
    return found


def _lives(name: str) -> bool:
    """Whether a wrapper of this job is there."""
    number = name.partition(".")[0].encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if number in path.read_bytes().split(b"\0"):
                return True
    return False
