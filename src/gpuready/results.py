"""The report of a run, typed: what `report.json` (docs/records.md) says, checked while it is read."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gpuready import contract, project
from gpuready.errors import GpureadyError


class State(StrEnum):
    """The word of a verdict; the collection's `contract.yml` has the same, and says which count as ready."""

    READY = "READY"
    DEGRADED = "DEGRADED"
    NOT_READY = "NOT_READY"
    UNKNOWN = "UNKNOWN"
    UNREACHABLE = "UNREACHABLE"
    STALE = "STALE"
    SKIPPED = "SKIPPED"


class _Model(BaseModel):
    """Fields that this version does not know are kept: a newer report of the same schema version stays readable."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Check(_Model):
    """One threshold, with the number and the bound in `detail`."""

    name: str
    state: Literal["pass", "fail", "unknown", "waived"]
    detail: str = ""


class Verdict(_Model):
    """The last word on a PC."""

    state: State
    code: str
    cause: str
    next_step: str
    checks: list[Check] = Field(default_factory=list)
    reused: bool = False
    at: str | None = None
    fingerprint: dict[str, Any] | None = None


class Trouble(_Model):
    """Something that went wrong on the way."""

    code: str
    message: str
    step: str | None = None
    task: str | None = None


class Blocker(_Model):
    """Why a plan cannot be carried out."""

    code: str
    cause: str
    next_step: str


class PlanStep(_Model):
    """One step of a plan and whether it has something to do."""

    name: str
    needed: bool | None
    reason: str = ""


class Rejected(_Model):
    """A stack that was not chosen, and why."""

    stack: str
    target: str | None = None
    reasons: list[str] = Field(default_factory=list)


class Plan(_Model):
    """What shall become of a PC, and why."""

    target: str | None
    stack: str | None
    life: str | None = None
    variant: str | None = None
    adapter: dict[str, Any] | None = None
    steps: list[PlanStep] = Field(default_factory=list)
    environment: dict[str, Any] | None = None
    reasons: list[str] = Field(default_factory=list)
    rejected: list[Rejected] = Field(default_factory=list)
    blockers: list[Blocker] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    wishes: dict[str, Any] = Field(default_factory=dict)


class Adapter(_Model):
    """A GPU. `memory_bytes` is None when it is not known."""

    index: int
    id: str | None
    vendor: str
    name: str | None
    memory_bytes: int | None = None
    status: str
    driver: dict[str, Any] | None = None


class Facts(_Model):
    """What a PC is. Every part is as docs/records.md has it; the parts that are much used have types.

    `adapters` is None when nobody could look: that is not a PC without a GPU, whose list is empty.
    """

    collected_at: str | None = None
    os: dict[str, Any] = Field(default_factory=dict)
    machine: dict[str, Any] | None = None
    adapters: list[Adapter] | None = None
    ignored_adapters: list[dict[str, Any]] = Field(default_factory=list)
    problems: list[dict[str, Any]] = Field(default_factory=list)


class Apply(_Model):
    """What was done to a PC."""

    changed: bool
    environment: dict[str, Any] | None = None
    seconds: float | None = None


class HostResult(_Model):
    """The record of one PC. A section that is None was not reached."""

    host: str
    simulated: bool | None = False
    facts: Facts | None = None
    plan: Plan | None = None
    apply: Apply | None = None
    training: dict[str, Any] | None = None
    troubles: list[Trouble] = Field(default_factory=list)
    verdict: Verdict

    @property
    def ready(self) -> bool:
        """Whether the PC trains on its GPU, by proof."""
        return self.verdict.state in contract.load(project.root()).ready


class Run(_Model):
    """The run that made the report."""

    id: str
    started_at: str
    finished_at: str
    seconds: float | None = None
    controller: str = ""
    gpuready_version: str = ""
    playbook: str = ""
    check: bool = False
    interrupted: str | None = None  # what ended the run before its end
    verdicts: bool = True  # false for a look and a plan: they judge nobody


class SharedCause(_Model):
    """What `pcs` have in common; a group may have several of one code and one next step."""

    cause: str
    count: int
    pcs: str


class Causes(_Model):
    """PCs of one state, code and next step."""

    state: str
    code: str
    next_step: str
    count: int
    pcs: str
    hosts: list[str] = Field(default_factory=list)
    causes: list[SharedCause] = Field(default_factory=list)


class Changed(_Model):
    """How many PCs were changed, and in few words which."""

    count: int = 0
    pcs: str = ""


class Since(_Model):
    """What changed since the last run of the lab; `words` says it in one line."""

    words: str


class Report(_Model):
    """The document."""

    schema_version: Literal[1]
    run: Run
    simulated: bool
    summary: dict[str, int]
    causes: list[Causes] = Field(default_factory=list)
    changed: Changed = Changed()
    since: Since | None = None
    hosts: list[HostResult]


class LabResult:
    """What a run gave: a report, typed (`hosts`, `run`, `summary`) and as it was written, plans whole (`document`)."""

    def __init__(self, action: str, report: Report, document: dict[str, Any], path: Path | None) -> None:
        self.action, self.report, self.document, self.path = action, report, document, path
        self.hosts, self.run, self.summary = report.hosts, report.run, report.summary

    @property
    def ready(self) -> list[HostResult]:
        """The PCs that are ready."""
        return [host for host in self.hosts if host.ready]

    @property
    def not_as_asked(self) -> list[HostResult]:
        """The PCs on which the action did not come to its end.

        facts: those that gave none. plan: those without a stack or with a blocker. provision and verify: those that are
        neither ready nor SKIPPED (nothing was asked of them, as in a check). report: those that are not ready. remove:
        those on which something went wrong.
        """
        return [host for host in self.hosts if not self._as_asked(host)]

    @property
    def exit_code(self) -> int:
        """0 all as asked, 2 some PC is not, 1 when a variable was wrong: then the run is not the one that was meant."""
        if self.bad_input:
            return 1
        return 2 if self.not_as_asked else 0

    @property
    def bad_input(self) -> list[str]:
        """What is wrong with the variables, a line a PC."""
        lines = []
        for host in self.hosts:
            mine = [one.message for one in host.troubles if one.code == "BAD_INPUT"]
            if host.verdict.code == "BAD_INPUT":
                mine = mine or [host.verdict.cause]
            lines += [f"{host.host}: {line}" for line in mine]
        return lines

    def _as_asked(self, host: HostResult) -> bool:
        if self.action == "facts":
            return host.facts is not None
        if self.action in ("plan", "explain"):
            return host.plan is not None and host.plan.stack is not None and not host.plan.blockers
        if self.action == "report":
            return host.ready
        if self.action == "remove":
            return host.facts is not None and not host.troubles
        return host.ready or host.verdict.state is State.SKIPPED


def whole(document: dict[str, Any]) -> dict[str, Any]:
    """The document with each plan whole: in the file, what PCs of a kind have alike stands once, under `shared`."""
    known, hosts = document.get("shared"), document.get("hosts")
    if not isinstance(known, list) or not isinstance(hosts, list):
        return document
    for record in hosts:
        plan = record.get("plan") if isinstance(record, dict) else None
        if not isinstance(plan, dict) or not isinstance(place := plan.get("shared"), int):
            continue
        if 0 <= place < len(known) and isinstance(known[place], dict):
            record["plan"] = {**{key: value for key, value in plan.items() if key != "shared"}, **known[place]}
    return {key: value for key, value in document.items() if key != "shared"}


def load(path: Path, run_id: str, action: str) -> LabResult:
    """Read `report.json`, which must be that of this very run. Raises GpureadyError otherwise."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise GpureadyError(f"{path}: the run wrote no report") from None
    except (OSError, ValueError) as error:
        raise GpureadyError(f"{path}: the report cannot be read: {error}") from None
    run = document.get("run") if isinstance(document, dict) else None
    if not isinstance(run, dict) or run.get("id") != run_id:
        raise GpureadyError(f"{path}: the run wrote no report (the one that lies there is of an earlier run)")
    document = whole(document)
    try:
        report = Report.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise GpureadyError(f"{path}: the report is not as its schema says: {where}: {first['msg']}") from None
    return LabResult(action, report, document, path)
