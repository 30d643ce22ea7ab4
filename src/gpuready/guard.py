"""The parent of Ansible: when gpuready dies, whatever the way, nothing of its run goes on and nothing of it is left.

`python guard.py FOLDER PID PROGRAM ARGUMENT...` runs the program, and ends with its exit code. It is the reaper of all
that comes from the program, workers in sessions of their own too. Once the process PID is gone, or at SIGTERM, all of
that is killed; in the first case the run's private folder goes as well. It loads little, to start in milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

PID_FILE = "guard.pid"
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_EVERY = 0.3  # seconds between two looks whether gpuready lives
_LONGEST = 10.0  # seconds that what was killed may take to be gone
_INTERRUPTED = 99  # Ansible's exit code then


def main(folder: str, parent: int, program: list[str]) -> int:
    """Run the program to its end, or end it."""
    told, tell = os.pipe()
    for end in (told, tell):
        os.set_blocking(end, False)
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    signal.signal(signal.SIGCHLD, lambda *_: None)  # that it has a handler wakes the loop
    signal.set_wakeup_fd(tell)
    _adopt()
    (Path(folder) / PID_FILE).write_text(str(os.getpid()), "ascii")
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            os.execvp(program[0], program)  # noqa: S606  what our caller named
        except OSError as error:
            os.write(2, f"ERROR: {program[0]}: {error.strerror}\n".encode())
        os._exit(127)
    while True:
        code = _reap(child)
        if os.getppid() != parent:  # also where Ansible ended of the terminal that went with it
            kill_all()
            shutil.rmtree(folder, ignore_errors=True)
            return 128 + signal.SIGHUP
        if code is not None:
            if code < 0 or code == _INTERRUPTED:  # what it left was not meant to go on
                kill_all()
            return code if code >= 0 else 128 - code
        if asked:
            kill_all()
            return 128 + signal.SIGTERM
        if select.select([told], [], [], _EVERY)[0]:
            os.read(told, 4096)


def kill_all() -> None:
    """End every descendant; one that appears meanwhile too."""
    deadline = time.monotonic() + _LONGEST
    while time.monotonic() < deadline:
        pids = descendants(os.getpid())
        if not pids:
            return
        for pid in pids:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.02)


def descendants(pid: int) -> list[int]:
    """Living processes that come from a process, by /proc; none where there is no such thing."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            state, parent = entry.read_text("latin-1").rpartition(")")[2].split()[:2]
            if state not in ("Z", "X"):
                children.setdefault(int(parent), []).append(int(entry.parent.name))
    pids, waiting = [], [pid]
    while waiting:
        mine = children.pop(waiting.pop(), [])
        pids += mine
        waiting += mine
    return pids


def _adopt() -> None:
    """Be the parent of every orphan that comes from here (Linux; elsewhere an orphan is the system's)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def _reap(child: int) -> int | None:
    """Take the ends of all that has ended; that of the program itself, negative where a signal ended it, else None."""
    code = None
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == child:
                code = os.waitstatus_to_exitcode(ended[1])
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
