"""Pairs of commands timed in turn, A B A B, so that a machine whose speed drifts slows both."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
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


def ratio(what: str, ours: Sequence[str], base: Sequence[str], target: float | None = None, runs: int = 5) -> Ratio:
    """Time both in turn after one uncounted run of each."""
    for command in (ours, base):
        seconds(command)
    pairs = [(seconds(ours), seconds(base)) for _ in range(runs)]
    result = Ratio(what, statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs), target)
    print(result, flush=True)
    return result
