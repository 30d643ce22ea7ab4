# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an earlier pass still stands: bound to a fingerprint, young enough, its environment in place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from .. import reading
from ..record import CheckResult, Word
from ..remedies import catalogue as remedies
from .bounds import missed
from .checks import NAMES, PASS, WAIVED, known_adapter
from .words import with_detail, word

# What a pass is bound to, as a person says it. Where one of `_ELSEWHERE` does not exist, None equals None.
BOUND = {
    "host": "the PC's name in the inventory",
    "driver": "the GPU's driver",
    "os_build": "the build of the operating system",
    "kernel": "the kernel",
    "wsl": "WSL",
    "stack": "the stack",
    "lock_sha256": "the stack's lock",
    "trainer_sha256": "the trainer",
    "adapter": "the GPU",
}
_ELSEWHERE = ("kernel", "wsl")
_STATES = ("READY", "DEGRADED")


def judge(
    left: object, now_bound: Mapping[str, Any], record: Mapping[str, Any], rules: Mapping[str, Any], now: datetime
) -> Word | None:
    """The verdict that the last pass gives, READY or DEGRADED and reused, or STALE; None when there was no pass.

    `rules` are today's thresholds: the numbers that the pass keeps are held against them.
    """
    bound, earlier = reading.section(left, "fingerprint"), reading.section(left, "verdict")
    state = reading.said(earlier.get("state"))
    if not bound or state not in _STATES:
        return None
    changed = [
        _said(BOUND[key], bound.get(key), now_bound.get(key)) for key in BOUND if _differs(key, bound, now_bound)
    ]
    if changed:
        return word("STALE", "PASS_STALE", f"it passed, but since then {'; '.join(changed)}")
    there = environment_is_there(reading.section(record, "plan"))
    if there is not True:
        why = "is no longer complete" if there is False else "may be gone: the plan does not say"
        return word("STALE", "PASS_STALE", f"it passed, but its environment {why}", "Run gpuready provision.")
    at = left.get("at") if isinstance(left, Mapping) else None
    if not _young(at, rules["max_age_days"], now):
        return word("STALE", "PASS_TOO_OLD", with_detail("its last pass is too old to count", at))
    shown = [_check(one) for one in reading.items(earlier.get("checks")) if _well_formed(one)]
    fine = {check["name"] for check in shown if check["state"] in (PASS, WAIVED)}
    slow = {"throughput"} if state == "DEGRADED" else set()
    if len(shown) != len(NAMES) or fine | slow != set(NAMES):
        return word(
            "UNKNOWN",
            "EVIDENCE_INCOMPLETE",
            "the last pass contradicts itself: not each of its checks is there and passed",
        )
    adapter = known_adapter(record)
    lacking = {check["name"]: said for check in shown if (said := missed(check, rules, adapter))}
    slow_now = lacking.pop("throughput", None)
    if lacking:
        return word("STALE", "PASS_STALE", f"it passed, but by other thresholds: {'; '.join(lacking.values())}")
    if slow_now:
        cause = with_detail(remedies.remedy("SLOW").cause, slow_now)
        verdict = word("DEGRADED", "SLOW", cause, checks=shown)
    else:
        verdict = word(
            "READY", "TRAINED", (reading.said(earlier.get("cause")) or "") if state == "READY" else "", checks=shown
        )
    return {**verdict, "reused": True, "at": str(at)}


def of_stack(facts: Mapping[str, Any], stack: object) -> object:
    """What the planned stack's last pass left; without one, that of another stack, which says what has changed."""
    for one in reading.items(facts.get("passes")):
        if reading.section(one, "fingerprint").get("stack") == stack:
            return one
    return facts.get("last_pass")


def environment_is_there(plan: Mapping[str, Any]) -> bool | None:
    """Whether the PC has the environment of the planned lock, by the plan's own steps; None when they do not say."""
    steps = reading.items(plan.get("steps"))
    mine = [step.get("needed") for step in steps if step.get("name") == "python_environment"]
    if not mine or not all(isinstance(needed, bool) for needed in mine):
        return None
    return not any(mine)


def _differs(key: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    old, new = before.get(key), now.get(key)
    if key in _ELSEWHERE and old is None and new is None:  # the one is Linux', the other Windows'
        return False
    return old is None or new is None or old != new


def _said(name: str, before: object, now: object) -> str:
    if now is None:
        return f"{name} is no longer known"
    if before is None:
        return f"{name} cannot be compared: the pass does not name it"
    old, new = (str(reading.said(value) or "?")[:40] for value in (before, now))
    return f"{name} changed from {old} to {new}"


def _young(at: object, days: object, now: datetime) -> bool:
    if not isinstance(at, str) or isinstance(days, bool) or not isinstance(days, int | float):
        return False
    try:
        then = datetime.fromisoformat(at.replace("Z", "+00:00"))
        then = then if then.tzinfo else then.replace(tzinfo=UTC)
        return timedelta(days=-1) < now - then <= timedelta(days=days)  # a day: the clocks of controllers differ
    except (ValueError, OverflowError):
        return False


def _well_formed(check: Mapping[str, Any]) -> bool:
    return all(isinstance(check.get(key), str) for key in ("name", "state", "detail"))


def _check(check: Mapping[str, Any]) -> CheckResult:
    result: CheckResult = {"name": check["name"], "state": check["state"], "detail": check["detail"]}
    value = reading.number(check.get("value"))
    return {**result, "value": value} if value is not None and math.isfinite(value) else result
