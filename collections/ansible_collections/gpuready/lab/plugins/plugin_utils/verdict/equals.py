# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How fast a PC trains against its equals: those of the same run with the same model of GPU and the same stack."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from .. import reading
from ..record import READY
from ..remedies import catalogue as remedies
from .words import with_detail, word

LEAST = 0.7  # of the median speed of the equals
FEWEST = 3  # equals without which nobody is told that it is slower
_DEVIATIONS = 3.0  # a speed that differs by less is among what these PCs differ by anyway
_OF_NORMAL = 1.4826  # by which the median absolute deviation of what varies normally is its standard deviation


def compare(records: Sequence[dict[str, Any]]) -> None:
    """Make READY verdicts DEGRADED where the PC trained far slower than its equals."""
    for group in _groups(records):
        for record, speed in group:
            others = [other for one, other in group if one is not record]
            if len(others) < FEWEST or record["verdict"]["state"] != "READY":
                continue
            usual = statistics.median(others)
            varies = _OF_NORMAL * statistics.median(abs(other - usual) for other in others)
            if speed < LEAST * usual and usual - speed > _DEVIATIONS * varies:
                record["verdict"] = _slower(record["verdict"], speed, usual, len(others))


def _slower(verdict: Mapping[str, Any], speed: float, usual: float, others: int) -> dict[str, Any]:
    numbers = f"{speed:.4g} samples a second, median of {others} others {usual:.4g}, {1 - speed / usual:.0%} slower"
    cause = with_detail(remedies.remedy("SLOWER_THAN_EQUALS").cause, numbers)
    return {**verdict, **word("DEGRADED", "SLOWER_THAN_EQUALS", cause, checks=list(verdict["checks"]))}


def _groups(records: Sequence[dict[str, Any]]) -> list[list[tuple[dict[str, Any], float]]]:
    """Equals with their speeds in this run: samples a second on the GPU."""
    found: dict[tuple[str, ...], list[tuple[dict[str, Any], float]]] = {}
    for record in records:
        plan, verdict = reading.section(record, "plan"), reading.section(record, "verdict")
        gpu, stack = reading.said(reading.section(plan, "adapter").get("name")), reading.said(plan.get("stack"))
        lock = reading.said(reading.section(plan, "environment").get("lock_sha256"))
        speed = reading.number(reading.section(record, "training", "result").get("samples_per_second"))
        ready = verdict.get("state") in READY and not verdict.get("reused")
        if ready and gpu and stack and lock and speed is not None and math.isfinite(speed) and speed > 0:
            found.setdefault((gpu, stack, lock), []).append((record, speed))
    return list(found.values())
