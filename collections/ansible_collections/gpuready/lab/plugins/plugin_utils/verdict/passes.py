# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the last training still says: a pass (of this fingerprint, young, its environment in place), or a failure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from .. import reading
from ..facts.model import Damage
from ..record import READY, CheckResult, Word, side
from ..remedies import catalogue as remedies
from .bounds import missed
from .checks import NAMES, PASS, WAIVABLE, WAIVED, known_adapter
from .words import with_detail, word

# What a pass is bound to, as a person says it. Where one of `_ELSEWHERE` does not exist, None equals None.
BOUND = {
    "host": "the PC's name in the inventory",
    "driver": "the GPU's driver",
    "os_build": "the build of the operating system",
    "kernel": "the kernel",
    "wsl": "WSL",
    "export": "what students are offered of it",
    "stack": "the stack",
    "lock_sha256": "the stack's lock",
    "trainer_sha256": "the trainer",
    "adapter": "the GPU",
}
_ELSEWHERE = ("kernel", "wsl", "export")
_STATES, _FAILED = ("READY", "DEGRADED"), ("NOT_READY", "UNKNOWN")
_TRY = "Run gpuready verify."


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
    if not any(one.get("state") == "current" for one in built(record)):
        return word("STALE", "PASS_STALE", "it passed, but its environment is not the one in use")
    at = left.get("at") if isinstance(left, Mapping) else None
    if not _young(at, rules["max_age_days"], now):
        return word("STALE", "PASS_TOO_OLD", with_detail("its last pass is too old to count", at))
    shown = _checks(earlier)
    fine = {check["name"] for check in shown if check["state"] == PASS or _waived(check)}
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


def failed(left: object, now_bound: Mapping[str, Any], now: datetime) -> Word | None:
    """The verdict that the last training gives where it failed; None when it did not, or nothing is known of it.

    As a pass it holds for what it is bound to: something else may train.
    """
    bound, earlier = reading.section(left, "fingerprint"), reading.section(left, "verdict")
    state, code = reading.said(earlier.get("state")), reading.code(earlier.get("code"))
    if not bound or state not in _FAILED or code is None or code not in remedies.codes():
        return None
    at = left.get("at") if isinstance(left, Mapping) else None
    when = f"its last training failed{_ago(at, now)}"
    changed = [
        _said(BOUND[key], bound.get(key), now_bound.get(key)) for key in BOUND if bound.get(key) != now_bound[key]
    ]
    if changed:
        return word("UNKNOWN", "NOT_VERIFIED", f"{when} ({code}), and since then {'; '.join(changed)}", _TRY)
    shown = _checks(earlier)
    return word(
        state, code, f"{when}: {reading.said(earlier.get('cause')) or remedies.remedy(code).cause}", checks=shown
    )


def passed(record: Mapping[str, Any], verdict: Mapping[str, Any] | None = None) -> bool:
    """Whether it trained as it should, by its verdict or the one given. A reference that did is never READY."""
    found = reading.section(record, "verdict") if verdict is None else verdict
    reference = reading.section(record, "plan", "environment").get("reference") is True
    return found.get("state") in READY or (reference and found.get("code") == "NO_GPU" and bool(found.get("checks")))


def built(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The environments of the planned lock that are on the PC, in use or not: built, and perhaps not proven."""
    plan = reading.section(record, "plan")
    meant = (plan.get("stack"), reading.section(plan, "environment").get("lock_sha256"))
    there = reading.items(side(record).get("environments"))
    whole = [one for one in there if one.get("state") in ("current", "old")]
    return [one for one in whole if None not in meant and (one.get("stack"), one.get("lock_sha256")) == meant]


def damaged(record: Mapping[str, Any]) -> Word | None:
    """The verdict on a PC whose environment is not known to be whole; None for one that is, and where there is none."""
    applied, there = reading.section(record, "apply", "environment"), built(record)
    mine = any(one.get("lock_sha256") == applied.get("lock_sha256") for one in there)
    if mine and applied.get("built") is True:
        return None  # after the look
    for one in there:
        found = Damage.of(one.get("damage"))
        if found.any is None and not (mine and applied.get("built") is False):  # then it was looked through since
            return word("UNKNOWN", "ENVIRONMENT_UNREADABLE")
        if found.any:
            cause = f"{remedies.remedy('ENVIRONMENT_DAMAGED').cause}: {found.count} ({found.shown()})"
            return word("NOT_READY", "ENVIRONMENT_DAMAGED", reading.said(cause) or "")
    return None


def unproven() -> Word:
    """Built, and nothing tells of a training."""
    return word("UNKNOWN", "NOT_VERIFIED", "the stack is built on this PC, and no training has proved it yet", _TRY)


def of_stack(facts: Mapping[str, Any], stack: object) -> object:
    """What the planned stack's last pass left; without one, that of another stack, which says what has changed."""
    for one in reading.items(facts.get("passes")):
        if reading.section(one, "fingerprint").get("stack") == stack:
            return one
    return facts.get("last_pass")


def failure_of_stack(facts: Mapping[str, Any], stack: object) -> object:
    """What the planned stack's last training left where it failed; None without one: another stack's says nothing."""
    failures = reading.items(facts.get("failures"))
    return next((one for one in failures if reading.section(one, "fingerprint").get("stack") == stack), None)


def environment_is_there(plan: Mapping[str, Any]) -> bool | None:
    """Whether the PC has the environment of the planned lock, by the plan's own steps; None when they do not say."""
    return _is_there(plan, "python_environment")


def guest_is_there(plan: Mapping[str, Any]) -> bool | None:
    """Whether the PC has the guest that the plan leads into, or the plan leads into none; the same."""
    return _is_there(plan, "wsl")


def _is_there(plan: Mapping[str, Any], name: str) -> bool | None:
    steps = reading.items(plan.get("steps"))
    mine = [step.get("needed") for step in steps if step.get("name") == name]
    if not mine or not all(isinstance(needed, bool) for needed in mine):
        return None
    return not any(mine)


def _waived(check: CheckResult) -> bool:
    return check["state"] == WAIVED and check["name"] in WAIVABLE


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
    age = _age(at, now)
    if age is None or isinstance(days, bool) or not isinstance(days, int | float):
        return False
    try:
        return timedelta(days=-1) < age <= timedelta(days=days)  # a day: the clocks of controllers differ
    except (ValueError, OverflowError):
        return False


def _age(at: object, now: datetime) -> timedelta | None:
    try:
        then = datetime.fromisoformat(at.replace("Z", "+00:00")) if isinstance(at, str) else None
        return now - (then if then.tzinfo else then.replace(tzinfo=UTC)) if then else None
    except (ValueError, OverflowError):
        return None


def _ago(at: object, now: datetime) -> str:
    """How long ago, in whole days or hours: PCs that failed together share a cause."""
    age = _age(at, now)
    if age is None or age < timedelta():
        return f" ({at[:40]})" if isinstance(at, str) and at else ""
    hours = int(age / timedelta(hours=1))
    number, unit = (hours // 24, "day") if hours >= 48 else (hours, "hour")
    return f" {number} {unit}{'s' * (number != 1)} ago" if number else " less than an hour ago"


def _checks(earlier: Mapping[str, Any]) -> list[CheckResult]:
    return [_check(one) for one in reading.items(earlier.get("checks")) if _well_formed(one)]


def _well_formed(check: Mapping[str, Any]) -> bool:
    return all(isinstance(check.get(key), str) for key in ("name", "state", "detail"))


def _check(check: Mapping[str, Any]) -> CheckResult:
    result: CheckResult = {"name": check["name"], "state": check["state"], "detail": check["detail"]}
    value = reading.number(check.get("value"))
    return {**result, "value": value} if value is not None and math.isfinite(value) else result
