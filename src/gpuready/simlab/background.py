"""A lab in a process of its own: as long as a `with` lasts, or until it is stopped by its pid file (molecule)."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gpuready.errors import GpureadyError

_PATIENCE = 30.0


@contextmanager
def running(lab: Path, folder: Path, port: int, base_address: str = "127.0.1.1") -> Iterator[Path]:
    """Run a lab beside us; gives the path of its inventory. `folder` gets it, and simlab.log: what each PC was asked.

    Signals of our terminal do not reach it; it ends with us, however we end. Raises GpureadyError.
    """
    ready, inventory, log = folder / "ready", folder / "hosts.yml", folder / "simlab.log"
    command = [sys.executable, "-m", "gpuready.simlab", str(lab), "--ready-file", str(ready)]
    command += ["--inventory-out", str(inventory), "--port", str(port), "--base-address", base_address]
    command += ["--until-eof", "--verbose"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=file, stderr=file, start_new_session=True)
    try:
        _await(process, ready, log)
        yield inventory
    finally:
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: subprocess.Popen[bytes], ready: Path, log: Path) -> None:
    """Wait until a lab is up. Raises GpureadyError with its own last line when it ends, or is not up in time."""
    end = time.monotonic() + _PATIENCE
    while not ready.exists():
        if process.poll() is not None:
            lines = log.read_text(errors="replace").strip().splitlines()
            said = lines[-1].removeprefix("simlab: ") if lines else f"the lab ended with code {process.returncode}"
            raise GpureadyError(said)
        if time.monotonic() > end:
            process.terminate()
            raise GpureadyError(f"the lab is not up after {_PATIENCE:.0f} seconds; {log} says more")
        time.sleep(0.05)


def detach(options: argparse.Namespace) -> int:
    """Start a lab that outlives us; returns when it is up."""
    if options.pid_file is None:
        raise GpureadyError("--detach needs --pid-file, by which --stop finds the lab")
    if _alive(options.pid_file):
        raise GpureadyError(f"{options.pid_file}: this lab runs already; stop it with --stop")
    with tempfile.TemporaryDirectory(prefix="gpuready-simlab-") as folder:
        ready = options.ready_file or Path(folder) / "ready"
        ready.unlink(missing_ok=True)
        command = [
            sys.executable,
            "-m",
            "gpuready.simlab",
            str(options.lab),
            "--ready-file",
            str(ready),
            "--pid-file",
            str(options.pid_file),
        ]
        command += ["--base-address", options.base_address, "--port", str(options.port)]
        for name, value in (("--inventory-out", options.inventory_out), ("--state", options.state)):
            command += [name, str(value)] if value else []
        command += ["--verbose"] if options.verbose else []
        options.pid_file.parent.mkdir(parents=True, exist_ok=True)
        log = options.log_file or options.pid_file.with_suffix(".log")
        with log.open("wb") as file:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )
        _await(process, ready, log)
    print(f"the simulated lab runs (process {process.pid}, log {log})")
    return 0


def stop(pid_file: Path | None) -> int:
    """Stop the lab of a pid file; one that does not run is no error."""
    if pid_file is None:
        raise GpureadyError("--stop needs --pid-file")
    pid = _alive(pid_file)
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + _PATIENCE
        while _alive(pid_file) and time.monotonic() < end:
            time.sleep(0.05)
    pid_file.unlink(missing_ok=True)
    print("the simulated lab is stopped" if pid else "no simulated lab was running")
    return 0


def _alive(pid_file: Path) -> int | None:
    """The process id of the lab that a pid file names, if it is one of ours and lives."""
    try:
        pid = int(pid_file.read_text())
        command = Path(f"/proc/{pid}/cmdline")
        if command.exists():
            return pid if b"gpuready.simlab" in command.read_bytes() and "Z" not in _state(pid) else None
        if Path("/proc/self").exists():
            return None
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    return pid


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return "Z"
