"""Pairs of commands timed in turn, A B A B, so that a machine whose speed drifts slows both."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLAYBOOK = str(Path(sys.executable).with_name("ansible-playbook"))


@dataclass(frozen=True)
class Ratio:
    """What one thing costs as a multiple of another; seconds are medians."""

    what: str
    ours: float
    base: float
    target: float | None

    def __str__(self) -> str:
        target = f"target {self.target:.2f}" if self.target else "no target"
        return f"{self.what:64} {self.ours:8.2f} s / {self.base:6.2f} s = {self.ours / self.base:6.2f}   ({target})"


def seconds(command: Sequence[str], env: dict[str, str] | None = None) -> float:
    """Run a command to its end and give its wall time; a failing command ends the benchmark with its output."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **(env or {})}, capture_output=True, text=True)
    elapsed = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: rc {done.returncode}\n{(done.stdout + done.stderr)[-2000:]}")
    return elapsed


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds on the clock and of CPU, with those it started; bytes of memory at its peak."""

    seconds: float
    cpu: float
    memory: float


def cost(command: Sequence[str]) -> Cost:
    """Run a command to its end, watching it. Memory is counted once that several processes share."""
    before, started = os.times(), time.perf_counter()
    peak = 0.0
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=said)
        while process.poll() is None:
            peak = max(peak, sum(map(_memory, _family(process.pid))))
            with suppress(subprocess.TimeoutExpired):
                process.wait(2)
        elapsed, after = time.perf_counter() - started, os.times()
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)}: rc {process.returncode}\n{said.read()[-2000:].decode()}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(elapsed, cpu, peak)


def _family(pid: int) -> list[int]:
    """A process and those below it."""
    found = [pid]
    for one in found:
        with suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def _memory(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return float(line.split()[1]) * 1024
    return 0.0


def ratio(what: str, ours: Sequence[str], base: Sequence[str], target: float | None = None, runs: int = 5) -> Ratio:
    """Time both in turn after one uncounted run of each."""
    for command in (ours, base):
        seconds(command)
    pairs = [(seconds(ours), seconds(base)) for _ in range(runs)]
    result = Ratio(what, statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs), target)
    print(result, flush=True)
    return result
