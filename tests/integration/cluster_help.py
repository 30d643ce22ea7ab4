"""A Dask scheduler and its workers, as processes on this machine, as their users start them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from distributed import Client

from gpuready import guard

DASK = str(Path(sys.executable).with_name("dask"))
_PATIENCE = 60


@dataclass
class Cluster:
    """Processes of workers by name; the logs lie in `folder`."""

    address: str
    workers: dict[str, subprocess.Popen[bytes]]
    folder: Path

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
def running(folder: Path, workers: int, *, nanny: bool = True, protocol: str = "tcp") -> Iterator[Cluster]:
    """As long as the `with` lasts; whoever lives then is killed. Without a nanny a worker that is killed stays dead."""
    file = folder / "scheduler.json"
    with ExitStack() as all_of_them:

        def start(name: str, *arguments: str) -> subprocess.Popen[bytes]:
            log = all_of_them.enter_context((folder / f"{name}.log").open("wb"))
            process = subprocess.Popen(
                [DASK, *arguments, "--no-dashboard"], cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            all_of_them.callback(_end, process)
            return process

        place = ("--host", "127.0.0.1", "--port", "0", "--protocol", protocol)
        start("scheduler", "scheduler", *place, "--scheduler-file", str(file))
        address = _address(file)
        options = ("--nthreads", "1", "--nanny" if nanny else "--no-nanny", "--local-directory", str(folder))
        names = [f"worker{number}" for number in range(workers)]
        started = {name: start(name, "worker", address, "--name", name, *options) for name in names}
        if workers:
            with Client(address, set_as_default=False, timeout=_PATIENCE) as client:
                client.wait_for_workers(workers, timeout=_PATIENCE)
        yield Cluster(address, started, folder)


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
