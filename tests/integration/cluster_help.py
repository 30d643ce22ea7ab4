"""A Dask scheduler and its workers, as processes on this machine, as their users start them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from distributed import Client

from gpuready import guard

DASK = [str(Path(sys.executable).with_name("dask"))]
# As `dask`, where gpuready is not installed.
_WITHOUT = "import sys; sys.modules['gpuready'] = None; from dask.__main__ import main; main()"
_PATIENCE = 60


@dataclass
class Cluster:
    """Processes of workers by name; the logs lie in `folder`."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: dict[str, subprocess.Popen[bytes]]
    folder: Path
    _join: Callable[[str, bool], subprocess.Popen[bytes]]

    def join(self, name: str, *, gpuready: bool = True) -> None:
        """Start one more worker, and wait until it is there."""
        with Client(self.address, set_as_default=False, timeout=_PATIENCE) as client:
            before = len(client.nthreads())
            self.workers[name] = self._join(name, gpuready)
            client.wait_for_workers(before + 1, timeout=_PATIENCE)

    def busy(self) -> int:
        """How many workers have an Ansible."""
        pids = set(self.ansibles())
        return sum(not pids.isdisjoint(guard.descendants(worker.pid)) for worker in self.workers.values())

    def ansibles(self) -> list[int]:
        """Processes of Ansible that the workers have."""
        pids = [pid for worker in self.workers.values() for pid in guard.descendants(worker.pid)]
        return [pid for pid in pids if b"ansible-playbook" in _command_line(pid)]

    def logs(self) -> str:
        """What scheduler and workers wrote."""
        return "".join(file.read_text(errors="replace") for file in sorted(self.folder.glob("*.log")))


def _command_line(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


@contextmanager
def running(
    folder: Path, workers: int, *, nanny: bool = True, protocol: str = "tcp", gpuready: bool = True
) -> Iterator[Cluster]:
    """As long as the `with` lasts; whoever lives then is killed. Without a nanny a worker that is killed stays dead.

    `gpuready`: whether the scheduler has it.
    """
    file = folder / "scheduler.json"
    with ExitStack() as all_of_them:

        def start(name: str, *arguments: str, gpuready: bool = True) -> subprocess.Popen[bytes]:
            log = all_of_them.enter_context((folder / f"{name}.log").open("wb"))
            process = subprocess.Popen(
                [*(DASK if gpuready else [sys.executable, "-c", _WITHOUT]), *arguments, "--no-dashboard"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            all_of_them.callback(_end, process)
            return process

        place = ("--host", "127.0.0.1", "--port", "0", "--protocol", protocol)
        scheduler = start("scheduler", "scheduler", *place, "--scheduler-file", str(file), gpuready=gpuready)
        address = _address(file)
        options = ("--nthreads", "1", "--nanny" if nanny else "--no-nanny", "--local-directory", str(folder))

        def join(name: str, gpuready: bool) -> subprocess.Popen[bytes]:
            return start(name, "worker", address, "--name", name, *options, gpuready=gpuready)

        started = {name: join(name, True) for name in (f"worker{number}" for number in range(workers))}
        if workers:
            with Client(address, set_as_default=False, timeout=_PATIENCE) as client:
                client.wait_for_workers(workers, timeout=_PATIENCE)
        yield Cluster(address, scheduler, started, folder, join)


def _end(process: subprocess.Popen[bytes]) -> None:
    for pid in [process.pid, *guard.descendants(process.pid)]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait(30)


def _address(file: Path) -> str:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return str(json.loads(file.read_text())["address"])
        except (OSError, ValueError, LookupError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
