"""Progress of a run as typed events: what `on_event` gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Step = Literal["look", "plan", "apply", "verify", "judge", "report", "other"]
Outcome = Literal["ok", "changed", "started", "failed", "skipped", "unreachable"]

_ACTIONS: dict[str, Step] = {
    "gpu_facts": "look",
    "gpu_plan": "plan",
    "gpu_driver": "apply",
    "python_environment": "apply",
    "training_facts": "verify",
    "environment_pass": "verify",
    "wsl_distribution": "apply",
    "wsl_offer": "apply",
    "canary": "judge",
    "gpu_verdict": "judge",
    "fleet_report": "report",
}
# Those whose record has a verdict when they have judged the PC.
_JUDGES = ("gpu_facts", "training_facts", "gpu_verdict")
_TELLS = ("gpu_facts", "training_facts")
_ROLES: dict[str, Step] = {
    "gpu_driver": "apply",
    "python_environment": "apply",
    "cuda": "apply",
    "directml": "apply",
    "wsl": "apply",
    "restart": "apply",
    "gpu_verify": "verify",
    "fleet_report": "report",
}
_OUTCOMES: dict[str, Outcome] = {
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_skipped": "skipped",
    "runner_on_unreachable": "unreachable",
}


@dataclass(frozen=True)
class Times:
    """Seconds that a stack's building and training took; None where nobody knows."""

    build: float | None = None
    train: float | None = None


@dataclass(frozen=True)
class Pace:
    """What is known of a run's length before it begins: times by stack, how many PCs work at once, who goes first."""

    times: Mapping[str, Times] = field(default_factory=dict)
    at_once: int = 0
    train_at_once: int = 0
    canary: int = 0


@dataclass(frozen=True)
class RunStarted:
    """The inventory was read; Ansible starts."""

    run_id: str
    action: str
    hosts: tuple[str, ...]
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True)
class HostPlanned:
    """A PC was looked at and goes on: with this stack, of so many bytes, and with something to `build` or not."""

    host: str
    stack: str
    build: bool
    size: int | None = None


@dataclass(frozen=True)
class StepStarted:
    """A task began on a PC. `action` is the module or action plugin, `gpuready.lab.gpu_facts`."""

    host: str
    step: Step
    task: str
    action: str = ""


@dataclass(frozen=True)
class StepFinished:
    """A task ended on a PC. `seconds` is None when Ansible does not say it, `message` is set when it failed.

    What was only `started` goes on there, and a later task waits for its end.
    """

    host: str
    step: Step
    task: str
    outcome: Outcome
    seconds: float | None = None
    message: str = ""
    action: str = ""


@dataclass(frozen=True)
class HostFinished:
    """A PC has its verdict. What still goes wrong afterwards gives it another."""

    host: str
    state: str
    code: str
    cause: str
    next_step: str


@dataclass(frozen=True)
class RunFinished:
    """Ansible has ended, well or not."""

    run_id: str
    seconds: float


@dataclass(frozen=True)
class Output:
    """Text of Ansible itself, for a run that was asked to be verbose."""

    text: str


Event = Output | RunStarted | HostPlanned | StepStarted | StepFinished | HostFinished | RunFinished
_OfHost = HostPlanned | StepStarted | StepFinished | HostFinished


def step_of(data: Mapping[str, Any]) -> Step:
    """The step that a task belongs to: by its action, else by its role."""
    action = str(data.get("task_action") or "").rpartition(".")[2]
    if action == "validate_argument_spec":
        return "other"
    role = str(data.get("role") or "").rpartition(".")[2]
    return _ACTIONS.get(action) or _ROLES.get(role) or "other"


def translate(raw: Mapping[str, Any]) -> list[_OfHost]:
    """What one event of ansible-runner means here; most mean nothing."""
    data, kind = raw.get("event_data") or {}, str(raw.get("event") or "")
    host = data.get("host")
    if not host:
        return []
    step, task, action = step_of(data), str(data.get("task") or ""), str(data.get("task_action") or "")
    name = action.rpartition(".")[2]
    if kind == "runner_on_start":
        return [StepStarted(host, step, task, action)]
    outcome = _OUTCOMES.get(kind)
    if outcome is None:
        return []
    given = data.get("res")
    result: dict[str, Any] = given if isinstance(given, dict) else {}
    message = ""
    if outcome == "ok" and result.get("changed"):
        outcome = "changed"
    trains = name == "gpu_facts" and result.get("under_way") is True
    if result.get("under_way") is True and not trains:
        outcome = "started"
    if outcome in ("failed", "unreachable"):
        message = " ".join(str(result.get("msg") or "").split())
    record = _record(result)
    if outcome == "ok" and name in _TELLS and (told := _trouble(record)):  # its task says so, and does not fail
        outcome, message = "failed", told
    took = data.get("duration")
    seconds = took if isinstance(took, int | float) else None
    events: list[_OfHost] = [StepFinished(host, step, task, outcome, seconds, message, action)]
    verdict = record.get("verdict")
    if name in _JUDGES and isinstance(verdict, dict):
        texts = {key: str(verdict.get(key) or "") for key in ("state", "code", "cause", "next_step")}
        events.append(HostFinished(host, **texts))
    elif name == "gpu_facts" and (planned := _planned(host, record)):
        events.append(planned)
    if trains:
        events += [
            StepStarted(host, "verify", task, action),
            StepFinished(host, "verify", task, "started", action=action),
        ]
    return events


def _planned(host: str, record: Mapping[str, Any]) -> HostPlanned | None:
    plan = record.get("plan")
    stack, steps = (plan.get("stack"), plan.get("steps")) if isinstance(plan, dict) else (None, None)
    if not isinstance(stack, str) or not isinstance(steps, list):
        return None
    needed = [one.get("name") for one in steps if isinstance(one, dict) and one.get("needed")]
    environment = plan.get("environment") if isinstance(plan, dict) else None
    size = environment.get("disk_bytes") if isinstance(environment, dict) else None
    known = size if isinstance(size, int) and size > 0 else None
    return HostPlanned(host, stack, "python_environment" in needed, known)


def _record(result: Mapping[str, Any]) -> Mapping[str, Any]:
    facts = result.get("ansible_facts")
    record = facts.get("gpuready") if isinstance(facts, dict) else None
    return record if isinstance(record, dict) else {}


def _trouble(record: Mapping[str, Any]) -> str:
    """The last of what went wrong on the way, in a line."""
    troubles = record.get("troubles")
    last = troubles[-1] if isinstance(troubles, list) and troubles else None
    return " ".join(str(last.get("message") or last.get("code") or "").split()) if isinstance(last, dict) else ""
