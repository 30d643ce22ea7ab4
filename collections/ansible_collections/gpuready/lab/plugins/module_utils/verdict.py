# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last word on a PC: a pure, total, fail-closed function of its record.

The order of judging: what could not be reached, what went wrong on the way, what the plan says stands in the way, what the training
says, and, where nothing was trained, what the last pass left. Nothing that is missing is a pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.gpuready.lab.plugins.module_utils import remedies, verdict_checks
from ansible_collections.gpuready.lab.plugins.module_utils.verdict_checks import FAIL, UNKNOWN, Check, section

POLICY: dict[str, Any] = {
    "loss_ratio": 0.5,
    "accuracy": 0.9,
    "reference_tolerance": 0.01,
    "throughput_floor": 1.0,
    "max_age_days": 30,
    "simulated_lab": False,
    "check_mode": False,
    "trainer_sha256": None,
}
_UNREACHABLE = frozenset(
    [
        "AUTH_REJECTED",
        "AUTH_METHOD_REFUSED",
        "KERBEROS_FAILED",
        "HOST_OFF",
        "PORT_CLOSED",
        "NAME_UNKNOWN",
        "CONNECT_TIMEOUT",
        "TLS_UNTRUSTED",
        "TLS_MISMATCH",
        "CONNECTION_CUT",
        "WINRM_REFUSED",
        "UNREACHABLE",
    ]
)
_UNJUDGED = frozenset(["MODULE_HUNG", "OUTPUT_GARBAGE", "NO_EVIDENCE", "TASK_FAILED", "BUSY"])
_GPU_MISSING = frozenset(("NO_ADAPTER", "NO_SUITABLE_GPU", "NO_NVIDIA_GPU"))
_FINGERPRINT = {
    "driver": "the GPU's driver",
    "os_build": "the build of the operating system",
    "kernel": "the kernel",
    "wsl": "WSL",
    "stack": "the stack",
    "lock_sha256": "the stack's lock",
    "trainer_sha256": "the trainer",
    "adapter": "the GPU",
}


def verdict(record: Mapping[str, Any], policy: Mapping[str, Any]) -> dict[str, Any]:
    """State, code, cause, next step, checks and fingerprint of a record (docs/records.md); keys of POLICY left out keep their values."""
    rules = {**POLICY, **policy}
    found = _judge(record, rules)
    if found["state"] in ("READY", "DEGRADED") and record.get("simulated") and not rules["simulated_lab"]:
        found = _word("UNKNOWN", "SIMULATED", checks=found["checks"])
    found["fingerprint"] = fingerprint(record, rules["trainer_sha256"])
    found["at"] = found.get("at") or datetime.now(UTC).isoformat(timespec="seconds")
    return found


def fingerprint(record: Mapping[str, Any], trainer_sha256: str | None = None) -> dict[str, Any]:
    """What a pass is bound to. Each value is None when it is not known, and then equals nothing.

    `trainer_sha256` is that of the trainer at hand, for a record in which nothing was trained.
    """
    facts, plan = section(record, "facts"), section(record, "plan")
    system, adapter = section(facts, "os"), section(plan, "adapter")
    known = facts.get("adapters")
    mine = (
        next((a for a in known if isinstance(a, Mapping) and a.get("id") == adapter.get("id")), {})
        if isinstance(known, list)
        else {}
    )
    return {
        "driver": section(mine, "driver").get("version"),
        "os_build": str(system.get("version") or system.get("build") or "") or None,
        "kernel": system.get("kernel"),
        "wsl": section(facts, "wsl").get("version") if plan.get("target") == "wsl" else None,
        "stack": plan.get("stack"),
        "lock_sha256": section(plan, "environment").get("lock_sha256"),
        "trainer_sha256": section(record, "training").get("trainer_sha256") or trainer_sha256,
        "adapter": adapter.get("id"),
    }


def _word(
    state: str, code: str, cause: str = "", next_step: str = "", checks: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    usual = remedies.remedy(code)
    return {
        "state": state,
        "code": code,
        "cause": cause or usual.cause,
        "next_step": "" if state == "READY" else (next_step or usual.next_step),
        "checks": checks or [],
        "reused": False,
    }


def _judge(record: Mapping[str, Any], rules: Mapping[str, Any]) -> dict[str, Any]:
    given = record.get("troubles")
    troubles = [t for t in given if isinstance(t, Mapping)] if isinstance(given, list) else []
    if troubles:
        return _trouble(troubles[-1])
    if not isinstance(record.get("facts"), Mapping):
        return _word("UNKNOWN", "NO_EVIDENCE")
    plan = record.get("plan")
    if not isinstance(plan, Mapping):
        return _word("UNKNOWN", "NOT_VERIFIED", "it was looked at, not planned and not trained")
    blockers = plan.get("blockers")
    if not isinstance(blockers, list):
        return _word("UNKNOWN", "EVIDENCE_INCOMPLETE", "the plan does not say what stands in its way")
    if blockers:
        return _blocked(blockers[0])
    if not plan.get("stack"):
        return _word("NOT_READY", "NO_STACK", "no stack fits this PC")
    training = record.get("training")
    if isinstance(training, Mapping) and not training.get("skipped"):
        return _trained(training, plan, rules)
    if rules["check_mode"]:
        return _word("SKIPPED", "CHECK_MODE")
    return _last_pass(record, plan, rules)


def _trouble(trouble: Mapping[str, Any]) -> dict[str, Any]:
    code = str(trouble.get("code") or "TASK_FAILED")
    message = str(trouble.get("message") or "").strip()
    cause = remedies.remedy(code).cause + (f": {message}" if message else "")
    state = "UNREACHABLE" if code in _UNREACHABLE else "UNKNOWN" if code in _UNJUDGED else "NOT_READY"
    return _word(state, code, cause, str(trouble.get("next_step") or ""))


def _blocked(blocker: object) -> dict[str, Any]:
    if not isinstance(blocker, Mapping) or not blocker.get("code"):
        return _word("UNKNOWN", "EVIDENCE_INCOMPLETE", "the plan is blocked and does not say why")
    code, cause, step = (str(blocker.get(key) or "") for key in ("code", "cause", "next_step"))
    state = (
        "UNKNOWN"
        if code in ("FACTS_INCOMPLETE", "GPU_STATUS_UNKNOWN", "DRIVER_UNKNOWN", "COMPUTE_CAPABILITY_UNKNOWN")
        else "NOT_READY"
    )
    return _word(state, code, cause, step)


def _trained(training: Mapping[str, Any], plan: Mapping[str, Any], rules: Mapping[str, Any]) -> dict[str, Any]:
    died = _died(training)
    if died:
        return died
    checks = verdict_checks.all_checks(training, plan, rules)
    shown = [check.as_dict() for check in checks]
    if plan.get("stack") == "cpu" or not plan.get("adapter"):
        on_cpu = [check for check in checks if check.name in ("finite", "loss", "accuracy", "labels")]
        worst = _worst(on_cpu)
        if worst:
            return _word("NOT_READY" if worst.state == FAIL else "UNKNOWN", worst.code, checks=shown)
        return _word(
            "NOT_READY",
            "NO_GPU",
            "PyTorch trains on the processor here, but " + remedies.remedy("NO_GPU").cause,
            checks=shown,
        )
    worst = _worst(checks)
    if worst is None:
        return _word("READY", "TRAINED", checks=shown)
    cause = f"{remedies.remedy(worst.code).cause} ({worst.name}: {worst.detail})"
    if worst.state == UNKNOWN:
        return _word("UNKNOWN", "EVIDENCE_INCOMPLETE", cause, checks=shown)
    return _word("DEGRADED" if worst.code == "SLOW" else "NOT_READY", worst.code, cause, checks=shown)


def _worst(checks: list[Check]) -> Check | None:
    """The first failed check, but for slowness before the first unknown one; slowness alone last."""
    failed = [check for check in checks if check.state == FAIL and check.code != "SLOW"]
    unknown = [check for check in checks if check.state == UNKNOWN]
    slow = [check for check in checks if check.state == FAIL and check.code == "SLOW"]
    return next(iter([*failed, *unknown, *slow]), None)


def _died(training: Mapping[str, Any]) -> dict[str, Any] | None:
    """The verdict on a training that did not come to its end, or None."""
    process, error = section(training, "process"), section(training, "error")
    tail = process.get("stderr_tail")
    words = "\n".join(
        [
            str(error.get("type") or ""),
            str(error.get("message") or ""),
            *(map(str, tail) if isinstance(tail, list) else []),
        ]
    )
    last = str(error.get("message") or "").strip()
    # The error's own words first: the tail also holds warnings of trainings that went well.
    code = remedies.match(f"{error.get('type') or ''}: {last}") if error else None
    if process.get("timed_out"):
        return _word("NOT_READY", "TIMED_OUT", _with(remedies.remedy("TIMED_OUT").cause, process.get("seconds"), " s"))
    if training.get("finished") is True and not error:
        return None
    known = str(error.get("code") or "")
    if known:
        return _word("NOT_READY", known, _with(remedies.remedy(known).cause, last))
    code = code or _by_exit(process.get("rc")) or remedies.match(words)
    if code is None:
        code = "TRAINING_FAILED" if error else "OUTPUT_TRUNCATED" if process.get("rc") == 0 else "CRASHED"
    return _word("NOT_READY", code, _with(remedies.remedy(code).cause, last or _exit(process.get("rc"))))


def _by_exit(rc: object) -> str | None:
    """What an exit code says: Windows' exception codes and Linux' signals, however they are written."""
    value = rc
    if isinstance(rc, str):
        try:
            value = int(rc, 0)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    code = value & 0xFFFFFFFF
    if code == 0xC0000005 or value in (-11, 139, -7, 135):
        return "ACCESS_VIOLATION"
    if value in (-9, 137, -15, 143):
        return "KILLED"
    if code == 0xC0000017:
        return "OUT_OF_MEMORY"
    return "CRASHED" if 0xC0000000 <= code <= 0xCFFFFFFF or value in (-6, 134) else None


def _exit(rc: object) -> str:
    return f"exit code {rc}" if rc is not None else ""


def _with(cause: str, detail: object, unit: str = "") -> str:
    text = " ".join(str(detail).split()) if detail not in (None, "") else ""
    return f"{cause}: {text[:300]}{unit}" if text else cause


def _last_pass(record: Mapping[str, Any], plan: Mapping[str, Any], rules: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing was trained now: an earlier pass stands only while nothing that it is bound to has changed."""
    left = section(record["facts"], "last_pass")
    bound, earlier = section(left, "fingerprint"), section(left, "verdict")
    steps = plan.get("steps")
    needed = (
        [s for s in steps if isinstance(s, Mapping) and s.get("name") == "python_environment" and s.get("needed")]
        if isinstance(steps, list)
        else []
    )
    if not bound or earlier.get("state") not in ("READY", "DEGRADED"):
        return _word("NOT_READY", "NOT_INSTALLED") if needed else _word("UNKNOWN", "NOT_VERIFIED")
    now = fingerprint(record, rules["trainer_sha256"])
    changed = [name for key, name in _FINGERPRINT.items() if _differs(key, bound.get(key), now.get(key))]
    if changed:
        return _word("STALE", "PASS_STALE", f"it passed, but {', '.join(changed)} changed since")
    if needed:
        return _word("STALE", "PASS_STALE", "it passed, but its environment is no longer complete")
    if not _young(left.get("at"), rules["max_age_days"]):
        return _word("STALE", "PASS_TOO_OLD", _with(remedies.remedy("PASS_TOO_OLD").cause, left.get("at")))
    found = _word(str(earlier["state"]), str(earlier.get("code") or "TRAINED"), str(earlier.get("cause") or ""))
    return {**found, "reused": True, "at": str(left["at"])}


def _differs(key: str, before: object, now: object) -> bool:
    if before is None and now is None and key in ("kernel", "wsl"):  # the one is Linux', the other Windows'
        return False
    return before is None or now is None or before != now


def _young(at: object, days: object) -> bool:
    if not isinstance(at, str) or isinstance(days, bool) or not isinstance(days, int | float):
        return False
    try:
        then = datetime.fromisoformat(at.replace("Z", "+00:00"))
    except ValueError:
        return False
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return timedelta(days=-1) < datetime.now(UTC) - then <= timedelta(days=days)
