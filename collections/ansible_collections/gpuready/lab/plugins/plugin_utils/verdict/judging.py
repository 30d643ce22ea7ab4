# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last word on a PC: a total, fail-closed function of its record. No I/O; the clock is an argument.

The order of judging (docs/verdict.md): what went wrong on the way, what is missing, what stands in the plan's way,
what the training says, and, where nothing was trained, what the last pass left. Nothing that is missing, garbled or
not finite is a pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .. import reading
from ..record import READY, CheckResult, Fingerprint, Verdict, Word, side
from ..remedies import catalogue as remedies
from . import (
    checks as verdict_checks,
)
from . import (
    passes as verdict_passes,
)
from . import (
    process as verdict_process,
)
from .checks import FAIL, UNKNOWN, Check
from .words import with_detail, word

POLICY: dict[str, Any] = {
    "loss_ratio": 0.5,
    "accuracy": 0.9,
    "reference_tolerance": 0.01,
    "throughput_floor": 1.0,
    "throughput_floor_integrated": 0.2,
    "max_age_days": 30,
    "simulated_lab": False,
    "check_mode": False,
    "trainer_sha256": None,
    "connection": None,  # by which the PC is reached
}
# The PC was reached, or it is not known whether it was.
_REACHED = frozenset(("TARGET_PYTHON_MISSING", "TARGET_POWERSHELL", "BECOME_REJECTED"))
_UNJUDGED = frozenset(
    (
        *("MODULE_HUNG", "OUTPUT_GARBAGE", "NO_EVIDENCE", "TASK_FAILED", "ENVIRONMENT_BUSY"),
        *("INTERRUPTED", "ANSWER_TOO_LARGE", "CANARY_FAILED", "BREAKER_OPEN"),
    )
)
_UNKNOWN_BLOCKERS = frozenset(
    ("FACTS_INCOMPLETE", "GPU_STATUS_UNKNOWN", "DRIVER_UNKNOWN", "COMPUTE_CAPABILITY_UNKNOWN")
)


def verdict(record: Mapping[str, Any], policy: Mapping[str, Any], now: datetime | None = None) -> Verdict:
    """State, code, cause, next step, checks and fingerprint of a record (docs/records.md).

    Keys of POLICY that `policy` leaves out keep their values. `now` is the time of judging, with a time zone.
    """
    rules = {**POLICY, **policy}
    now = now or datetime.now(UTC)
    record = record if isinstance(record, Mapping) else {}
    judgement = _judge(record, rules, now)
    if judgement["state"] in READY:
        judgement = _believable(record, rules) or judgement
    return {
        **judgement,
        "at": judgement.get("at") or now.isoformat(timespec="seconds"),
        "fingerprint": fingerprint(record, rules["trainer_sha256"]),
    }


def fingerprint(record: Mapping[str, Any], trainer_sha256: str | None = None) -> Fingerprint:
    """What a pass is bound to. Each value is None when it is not known, and then equals nothing.

    `trainer_sha256` is that of the trainer at hand, for a record in which nothing was trained.
    """
    facts, plan, trained = (reading.section(record, name) for name in ("facts", "plan", "training"))
    system, adapter = reading.section(facts, "os"), reading.section(plan, "adapter")
    known, wsl = verdict_checks.known_adapter(record), reading.section(facts, "wsl")
    place = reading.section(wsl, "place")
    # On Linux the id is a slot alone: which card is in it, the numbers and NVIDIA's own name of it say.
    names = (adapter.get("id"), known.get("vendor_id"), known.get("device_id"), known.get("uuid"))
    card = " ".join(text for name in names if (text := reading.said(name)))
    return {
        "host": reading.said(record.get("host")),  # the image of a disk that passed makes no PC ready
        "driver": reading.said(reading.section(known, "driver").get("version")),
        "os_build": reading.said(system.get("version")) or reading.said(system.get("build")),
        "kernel": reading.said(reading.section(side(record), "os").get("kernel")),
        "wsl": reading.said(wsl.get("version")) if plan.get("target") == "wsl" else None,
        "export": reading.said(place.get("export")) if plan.get("target") == "wsl" else None,
        "stack": reading.said(plan.get("stack")),
        "lock_sha256": reading.said(reading.section(plan, "environment").get("lock_sha256")),
        "trainer_sha256": reading.said(trained.get("trainer_sha256")) or reading.said(trainer_sha256),
        "adapter": (card or None) if adapter.get("id") else None,
    }


def _believable(record: Mapping[str, Any], rules: Mapping[str, Any]) -> Word | None:
    """What keeps a good verdict from being given: a simulated PC in a real lab, or a record that does not say."""
    if not verdict_checks.is_version_1(record) or not isinstance(record.get("simulated"), bool):
        return word("UNKNOWN", "EVIDENCE_INCOMPLETE", "the record does not say whether the PC is a real one")
    if record["simulated"] and rules["simulated_lab"] is not True:
        return word("UNKNOWN", "SIMULATED")
    return None


def _judge(record: Mapping[str, Any], rules: Mapping[str, Any], now: datetime) -> Word:
    given = record.get("troubles", [])
    if not isinstance(given, list):
        return word("UNKNOWN", "EVIDENCE_INCOMPLETE", "what went wrong on the way cannot be read from the record")
    if given:
        return _trouble(given, rules)
    if not isinstance(record.get("facts"), Mapping):
        return word("UNKNOWN", "NO_EVIDENCE")
    plan = record.get("plan")
    if not isinstance(plan, Mapping):
        return word("UNKNOWN", "NOT_VERIFIED", "it was looked at, not planned and not trained")
    blockers = plan.get("blockers")
    if not isinstance(blockers, list):
        return word("UNKNOWN", "EVIDENCE_INCOMPLETE", "the plan does not say what stands in its way")
    if blockers:
        return _blocked(blockers)
    if plan.get("stack") is None:
        return word("NOT_READY", "NO_STACK", "no stack fits this PC")
    if not isinstance(plan["stack"], str) or reading.said(plan["stack"]) is None:
        return word("UNKNOWN", "EVIDENCE_INCOMPLETE", "the plan's stack cannot be read")
    if not isinstance(reading.section(plan, "environment").get("reference"), bool):
        return word("UNKNOWN", "EVIDENCE_INCOMPLETE", "the plan does not say whether its stack is a reference")
    if (driver := reading.section(plan, "driver")).get("required") and not rules["check_mode"]:
        wanted = f"{reading.said(driver.get('vendor'))} {reading.said(driver.get('version'))}"
        return word(
            "NOT_READY", "DRIVER_NOT_INSTALLED", f"the GPU needs the lab's driver {wanted}, and has an older one"
        )
    damaged = verdict_passes.damaged(record)
    if damaged is not None:
        return damaged
    training = record.get("training")
    if isinstance(training, Mapping) and not training.get("skipped"):
        return _trained(record, training, plan, rules)
    return _untrained(record, plan, rules, now)


def _trouble(troubles: list[object], rules: Mapping[str, Any]) -> Word:
    """The first trouble is the cause; that a task failed (without saying more) only where nothing else is known."""
    readable = reading.items(troubles)
    told = [trouble for trouble in readable if reading.code(trouble.get("code")) not in (None, "TASK_FAILED")]
    trouble = next(iter([*told, *readable]), {})
    code = reading.code(trouble.get("code")) or "TASK_FAILED"
    usual = remedies.remedy(code)
    state = "NOT_READY"
    if code in _UNJUDGED or usual.controller:  # the PC was not asked
        state = "UNKNOWN"
    elif usual.category == "connection" and code not in _REACHED:
        state = "UNREACHABLE"
    said = reading.said(trouble.get("message")) or ""
    cause = said if usual.is_said_in(said) else with_detail(usual.cause, said)
    return word(state, code, cause, reading.said(trouble.get("next_step")) or usual.step_over(rules["connection"]))


def _blocked(blockers: list[object]) -> Word:
    blocker = blockers[0]
    code = reading.code(blocker.get("code")) if isinstance(blocker, Mapping) else None
    if not isinstance(blocker, Mapping) or code is None:
        return word("UNKNOWN", "EVIDENCE_INCOMPLETE", "the plan is blocked and does not say why")
    cause, step = reading.said(blocker.get("cause")) or "", reading.said(blocker.get("next_step")) or ""
    return word("UNKNOWN" if code in _UNKNOWN_BLOCKERS else "NOT_READY", code, cause, step)


def _is_reference(plan: Mapping[str, Any]) -> bool:
    return reading.section(plan, "environment").get("reference") is True


def _no_gpu(plan: Mapping[str, Any], checks: list[CheckResult] | None = None) -> Word:
    """A reference is never READY, however well it trains."""
    framework = reading.said(reading.section(plan, "environment").get("framework")) or "the stack"
    trains = f"{framework} trains on the processor here, but " if checks else ""
    if reading.section(plan, "wishes").get("stack") == plan["stack"]:
        cause = f"{trains}gpuready_stack asks for {reading.said(plan['stack'])}, which is a reference and never ready"
        return word("NOT_READY", "NO_GPU", cause, "Set gpuready_stack to auto if this PC has a GPU.", checks)
    return word("NOT_READY", "NO_GPU", trains + remedies.remedy("NO_GPU").cause, "", checks)


def _trained(
    record: Mapping[str, Any], training: Mapping[str, Any], plan: Mapping[str, Any], rules: Mapping[str, Any]
) -> Word:
    died = verdict_process.died(training)
    if died:
        return died
    checks = verdict_checks.all_checks(record, rules)
    shown = [check.as_dict() for check in checks]
    if _is_reference(plan):
        worst = _worst([check for check in checks if check.name in verdict_checks.ON_CPU])
        return _no_gpu(plan, shown) if worst is None else _failed(worst, shown)
    worst = _worst(checks)
    if worst is not None:
        return _failed(worst, shown, verdict_process.warned(training))
    return word("READY", "TRAINED", checks=shown)


def _failed(worst: Check, shown: list[CheckResult], warned: str = "") -> Word:
    cause = f"{remedies.remedy(worst.code).cause} ({worst.name}: {worst.detail})"
    if worst.state == UNKNOWN:
        return word("UNKNOWN", "EVIDENCE_INCOMPLETE", cause, checks=shown)
    if worst.code != "SLOW" and remedies.match(warned) == "CUDA_NO_KERNEL":  # such a GPU computes nothing, or zeros
        cause = with_detail(remedies.remedy("CUDA_NO_KERNEL").cause, warned.splitlines()[0])
        return word("NOT_READY", "CUDA_NO_KERNEL", cause, checks=shown)
    return word("DEGRADED" if worst.code == "SLOW" else "NOT_READY", worst.code, cause, checks=shown)


def _worst(checks: list[Check]) -> Check | None:
    """The first failed check, but for slowness before the first unknown one; slowness alone last."""
    failed = [check for check in checks if check.state == FAIL and check.code != "SLOW"]
    unknown = [check for check in checks if check.state == UNKNOWN]
    slow = [check for check in checks if check.state == FAIL and check.code == "SLOW"]
    return next(iter([*failed, *unknown, *slow]), None)


def _untrained(record: Mapping[str, Any], plan: Mapping[str, Any], rules: Mapping[str, Any], now: datetime) -> Word:
    """Nothing was trained now: what the last pass left, if it still stands."""
    checking = bool(rules["check_mode"])
    if _is_reference(plan):
        return word("SKIPPED", "CHECK_MODE") if checking else _no_gpu(plan)
    bound = fingerprint(record, rules["trainer_sha256"])
    left = verdict_passes.of_stack(side(record), plan["stack"])
    left = verdict_passes.judge(left, bound, record, rules, now)
    if left is not None:
        return left
    if checking:
        return word("SKIPPED", "CHECK_MODE")
    failure = verdict_passes.failure_of_stack(side(record), plan["stack"])
    if verdict_passes.built(record):
        return verdict_passes.failed(failure, bound, now) or verdict_passes.unproven()
    if verdict_passes.environment_is_there(plan) is False:
        return word("NOT_READY", "NOT_INSTALLED")
    return word("UNKNOWN", "NOT_VERIFIED")
