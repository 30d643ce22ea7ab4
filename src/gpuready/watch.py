"""What a run's events say so far: the record of each PC, who is at work, and whether anything still goes on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gpuready import events

PATIENCE = 3000.0  # seconds without an event: the longest of our tasks waits 2700
# Variables that make a task's time limit longer -> what the task waits beyond it, and we beyond the task.
_LIMITS = {
    "gpu_driver_time_limit": 1200.0,
    "python_environment_time_limit": 1200.0,
    "wsl_time_limit": 900.0,
    "gpu_verify_time_limit": 600.0,
    "gpuready_look_timeout": 300.0,
}
_ALONE = 20.0  # seconds in which tasks are under way and Ansible has no process that works on them
_ENDS = ("runner_on_ok", "runner_on_failed", "runner_on_skipped", "runner_on_unreachable")


class Watch:
    """Fed with the events of ansible-runner. `patience`: how long Ansible may be silent at most."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience = patience
        self.pid: int | None = None  # Ansible's own process
        self.records: dict[str, dict[str, Any]] = {}
        self.working: dict[str, str] = {}  # PC -> the task that it is at
        self.ended: set[str] = set()  # PCs whose run came to its end on another controller
        self.reporting = False  # all PCs have ended, and the tasks that are left are no PC's
        self.report: Path | None = None  # where the run says that its report is
        self._heard = time.monotonic()
        self._alone_since: float | None = None

    def take(self, event: Mapping[str, Any]) -> None:
        """Learn from an event."""
        self._heard = time.monotonic()
        kind, data = str(event.get("event") or ""), event.get("event_data") or {}
        if kind.startswith("playbook_on") and isinstance(event.get("pid"), int):
            self.pid = event["pid"]
        if kind == "playbook_on_play_start":
            self.working.clear()
        host = data.get("host")
        if not host:
            return
        if kind == "runner_on_start":
            self.working[host] = str(data.get("task") or "")
            self.reporting = self.reporting or events.step_of(data) == "report"
        elif kind in _ENDS:
            self.working.pop(host, None)
            self._learn(host, data.get("res"))

    def _learn(self, host: str, result: object) -> None:
        if not isinstance(result, dict):
            return
        facts = result.get("ansible_facts")
        record = facts.get("gpuready") if isinstance(facts, dict) else None
        if isinstance(record, dict):
            self.records[host] = record
        if isinstance(result.get("report"), str) and result["report"].endswith("report.json"):
            self.report = Path(result["report"])

    def finished(self, host: str) -> bool:
        """Whether a PC has its last word: a verdict, and no task that is under way."""
        judged = bool(self.records.get(host, {}).get("verdict"))
        return host in self.ended or (judged and (self.reporting or host not in self.working))

    def stuck(self) -> str | None:
        """Why nothing more is to be expected of this run, or None while there is."""
        now = time.monotonic()
        if now - self._heard > self.patience:
            return f"Ansible said nothing for {self.patience:.0f} seconds"
        if not self.working or self.pid is None or now - self._heard < _ALONE or has_children(self.pid):
            self._alone_since = None
            return None
        self._alone_since = self._alone_since or now
        if now - self._alone_since < _ALONE:
            return None
        return "a process of Ansible was killed (is memory short?)"


def patience(hosts: Iterable[Mapping[str, Any]]) -> float:
    """How long a run over PCs with these variables may give no sign of life, seconds."""
    longest = PATIENCE
    for variables in hosts:
        for name, more in _LIMITS.items():
            with suppress(TypeError, ValueError):  # a template: its value is Ansible's to know
                longest = max(longest, min(float(variables.get(name) or 0), 7 * 86400.0) + more)
    return longest


def has_children(pid: int) -> bool:
    """Whether a process has children that live; True where nobody can tell."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for thread in threads for child in (thread / "children").read_text("ascii").split()]
    except OSError:
        return True
    return any(_lives(child) for child in children)


def _lives(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()[0] not in ("Z", "X")
    except (OSError, IndexError):
        return False
