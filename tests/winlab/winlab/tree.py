"""The Debian tree that install.sh makes: where it is, whether it is ready, and who uses which part of it."""

from __future__ import annotations

import atexit
import fcntl
import functools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(os.environ.get("WINLAB_ROOT", "/opt/winlab"))
PREFIXES = ROOT / "prefixes"


def why_not() -> str | None:
    """Why no machine can run here, with what to do about it; None when one can."""
    if os.geteuid() != 0:
        return "winlab needs root (chroot): run the tests as root"
    if not (PREFIXES / "template/drive_c/Program Files/PowerShell/7/powershell.exe").is_file():
        return f"winlab is not installed at {ROOT}: run tests/winlab/install.sh"
    if not os.path.ismount(ROOT / "proc") or not os.path.ismount(ROOT / "dev"):
        return f"{ROOT}/proc or {ROOT}/dev is not mounted (a restart?): run tests/winlab/install.sh again"
    return None


def installed() -> bool:
    """Whether a machine can run here."""
    return why_not() is None


def linux_powershell() -> Path | None:
    """The same PowerShell engine for Linux, or None where install.sh had no archive of it."""
    program = PREFIXES / "pwsh/pwsh"
    return program if program.is_file() else None


@functools.cache
def display() -> str:
    """The X display that machines with an adapter share: Wine looks for GPUs through it."""
    command = ["chroot", str(ROOT), "Xvfb", "-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    atexit.register(server.terminate)
    assert server.stdout is not None
    return ":" + server.stdout.readline().decode().strip()


@contextmanager
def template_in_use() -> Iterator[None]:
    """Keep install.sh from changing the template while a machine is cloned from it."""
    with (PREFIXES / "template.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@dataclass
class Lease:
    """A number that no other process on this computer has: it makes a machine's folder and address its own."""

    number: int
    _lock: IO[str]

    @property
    def address(self) -> str:
        """The loopback address that goes with the number."""
        return f"127.0.2.{self.number}"

    @property
    def folder(self) -> str:
        """The name of the prefix that goes with the number."""
        return f"test-{self.number}"

    def release(self) -> None:
        """Give the number back (the end of the process does so too)."""
        self._lock.close()


def lease() -> Lease:
    """The lowest free number: pytest-xdist workers and runs side by side never share a machine."""
    leases = PREFIXES / "leases"
    leases.mkdir(exist_ok=True)
    for number in range(1, 255):
        lock = (leases / str(number)).open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
        else:
            return Lease(number, lock)
    raise RuntimeError("winlab: 254 machines are in use: end some test runs")
