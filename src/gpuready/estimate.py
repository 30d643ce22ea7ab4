"""How long a run may still take, by how long building and training took in the lab's last runs.

Of a stack that none of them has built or trained, by what is known of the stack: the size of its environment. Before
every PC was looked at, nothing is said.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from gpuready import events

_RUNS = 5  # the newest, in which times are looked for
# Bytes of an environment a second: a line of 100 Mbit/s brings the packages, which are about a third as large. No lab
# was measured for this: it is what is said of a first run, and said to be.
_RATE = 40e6
_TRAINING = 60.0  # seconds of a training of which nothing else is known
_LARGEST = 50 * 2**20  # bytes of a report that is read for them


def pace(lab_dir: Path | None, hosts: Iterable[Mapping[str, Any]], extra: Mapping[str, Any]) -> events.Pace:
    """What is known before a run: the times of the lab's last runs, and how many PCs may work at once."""
    every = [*hosts, extra]

    def count(name: str) -> int:
        given = [extra] if name in extra else every
        return max((_whole(one.get(name)) for one in given), default=0)

    limits = (count(f"gpuready_{name}") for name in ("at_once", "train_at_once", "canary"))
    return events.Pace(_times(lab_dir) if lab_dir else {}, *limits)


def _whole(value: object) -> int:
    with suppress(TypeError, ValueError):  # a template: its value is Ansible's to know
        return max(0, int(str(value)))
    return 0


def _times(lab_dir: Path) -> dict[str, events.Times]:
    """For each stack the newest times that a run kept: the middle of its PCs'."""
    built: dict[str, float] = {}
    trained: dict[str, float] = {}
    for folder in sorted(lab_dir.glob("runs/*"), key=lambda one: one.name, reverse=True)[:_RUNS]:
        of_run: tuple[dict[str, list[float]], dict[str, list[float]]] = ({}, {})
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            report = folder / "report.json"
            document = json.loads(report.read_text("utf-8")) if report.stat().st_size < _LARGEST else {"hosts": []}
            for record in document["hosts"]:
                _learn(record, *of_run)
        for kept, found in zip((built, trained), of_run, strict=True):
            for stack, seconds in found.items():
                kept.setdefault(stack, median(seconds))
    return {stack: events.Times(built.get(stack), trained.get(stack)) for stack in {**built, **trained}}


def _learn(record: Mapping[str, Any], built: dict[str, list[float]], trained: dict[str, list[float]]) -> None:
    stack = (record.get("plan") or {}).get("stack")
    apply, training = record.get("apply") or {}, record.get("training") or {}
    process = training.get("process") or {}
    if not isinstance(stack, str):
        return
    if (apply.get("environment") or {}).get("built") is True and _is_time(apply.get("seconds")):
        built.setdefault(stack, []).append(apply["seconds"])
    if training.get("finished") is True and _is_time(process.get("seconds")):
        trained.setdefault(stack, []).append(process["seconds"])


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 7 * 86400


@dataclass
class _Work:
    """What a PC still has to do: seconds of building and of training, and since when it is at the one or the other."""

    build: float = 0.0
    train: float = 0.0
    at: str = ""  # apply or verify
    since: float = 0.0
    guessed: bool = False  # by the stack, not by an earlier run

    def rest(self, now: float) -> tuple[float, float]:
        """Seconds of each that are left; what takes longer than it should has none."""
        spent = now - self.since
        if self.at == "apply":
            return max(0.0, self.build - spent), self.train
        if self.at == "verify":
            return 0.0, max(0.0, self.train - spent)
        return self.build, self.train


class Estimate:
    """Fed with the events of a run; `rest` says how long it may still take."""

    def __init__(self) -> None:
        self._pace, self._action = events.Pace(), ""
        self._not_looked_at: set[str] = set()
        self._open: dict[str, _Work | None] = {}  # None: of its stack nothing is known

    def take(self, event: events.Event, now: float | None = None) -> None:
        """Learn from an event."""
        now = time.monotonic() if now is None else now
        match event:
            case events.RunStarted():
                self._pace, self._action = event.pace, event.action
                self._not_looked_at, self._open = set(event.hosts), {}
            case events.HostPlanned():
                self._not_looked_at.discard(event.host)
                known = self._pace.times.get(event.stack, events.Times())
                build = event.build and self._action == "provision"
                guessed = known.train is None or (build and known.build is None)
                built = known.build or (event.size / _RATE if event.size else None)
                work = _Work((built or 0.0) if build else 0.0, known.train or _TRAINING, guessed=guessed)
                self._open[event.host] = None if build and built is None else work
            case events.StepStarted(step="apply" | "verify"):
                mine = self._open.get(event.host)
                if mine and mine.at != event.step:
                    mine.at, mine.since = event.step, now
            case events.HostFinished():
                self._not_looked_at.discard(event.host)
                self._open.pop(event.host, None)
            case _:
                pass

    @property
    def guessed(self) -> bool:
        """Whether it goes by a stack's size: no earlier run has built or trained it."""
        return any(one is not None and one.guessed for one in list(self._open.values()))

    def rest(self, now: float | None = None) -> float | None:
        """Seconds; None where nothing honest can be said."""
        now = time.monotonic() if now is None else now
        if self._action not in ("provision", "verify") or self._not_looked_at or not self._open:
            return None
        every = list(self._open.values())  # a terminal draws in another thread
        work = [one for one in every if one]
        if len(work) < len(every):
            return None
        going, waiting = [one for one in work if one.at], [one for one in work if not one.at]
        if self._pace.canary and waiting:  # these begin when those have ended
            return self._together(going, now) + self._together(waiting, now)
        return self._together(work, now)

    def _together(self, work: list[_Work], now: float) -> float:
        """All at once each goes its own way; where few may build or train at once, one phase follows the other."""
        rests = [one.rest(now) for one in work] or [(0.0, 0.0)]
        if not self._pace.at_once and not self._pace.train_at_once:
            return max(build + train for build, train in rests)
        return sum(
            max(*phase, sum(phase) / limit if limit else 0.0)
            for phase, limit in (
                ([build for build, _ in rests], self._pace.at_once),
                ([train for _, train in rests], self._pace.train_at_once),
            )
        )
