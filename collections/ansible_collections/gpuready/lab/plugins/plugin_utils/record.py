# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The record of a PC: what each step adds to it, its states, and what may be taken for one.

docs/records.md tells what every value means; sizes are bytes, durations seconds, times ISO 8601 in UTC. A section that
is missing was not reached, a value that is None is not known. These types are for those who write a section; a record
that comes back (from a fact cache, a report) may hold anything and is read with `reading`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NotRequired, Required, TypedDict, cast

from . import contract
from .reading import as_json, code, is_no, items, section, shown

SCHEMA_VERSION = 1
# The states of a verdict, the best first, and those that count as ready.
STATES: tuple[str, ...] = contract.STATES
READY: tuple[str, ...] = contract.READY
_WITHOUT_NEXT_STEP = (*READY, "SKIPPED")
CHECK_STATES = ("pass", "fail", "unknown", "waived")


class Trouble(TypedDict):
    """What went wrong on the way to the PC."""

    code: str
    message: str
    next_step: NotRequired[str]  # where it is another one than that of the code
    step: NotRequired[str]
    task: NotRequired[str]
    details: NotRequired[list[str]]  # the last lines of the program that failed


class PlannedAdapter(TypedDict):
    """The GPU that is meant."""

    index: int
    id: str | None
    name: str
    vendor: str


class PlannedStep(TypedDict):
    """Something that may have to be done."""

    name: str
    needed: bool
    reason: str


class PlannedEnvironment(TypedDict):
    """The environment that the PC shall have."""

    python: str
    lock: str
    lock_path: str | None
    lock_sha256: str | None
    framework: str
    backend: str
    device: str
    device_kind: str
    reference: bool
    logs_operators: bool
    ascii_paths: bool
    role: str
    gpu_variable: str | None
    visible_devices: str | None
    extra_index_urls: list[str]
    needs_vc_runtime: bool
    disk_bytes: int
    start: str
    licence: str


class PlannedDriver(TypedDict):
    """The lab's installer that is run first: an entry of drivers.yml. One of file, share and url is there, or none for
    Windows Update.

    `adapter`: the GPU's PNPDeviceID. `required`: without it the stack cannot train; else it is pinned, or of another
    GPU.
    """

    adapter: str | None
    id: str
    vendor: str
    version: str
    file: str | None
    share: str | None
    url: str | None
    windows_update: bool
    accept_licence: bool
    sha256: str
    inf: str | None
    arguments: list[str] | None
    packages: list[str]
    required: bool


class Rejected(TypedDict):
    """A stack on a target that was not chosen; `here`: the PC has that target."""

    stack: str
    target: str
    here: bool
    reasons: list[str]


class Blocker(TypedDict):
    """Why a plan cannot be carried out."""

    code: str
    cause: str
    next_step: str


class Plan(TypedDict):
    """What shall become of the PC, and why."""

    target: str | None
    stack: str | None
    life: NotRequired[str | None]  # of the stack: maintained, frozen, discontinued
    variant: str | None
    adapter: PlannedAdapter | None
    steps: list[PlannedStep]
    driver: PlannedDriver | None
    other_drivers: NotRequired[list[PlannedDriver]]  # of GPUs beside the planned one
    environment: PlannedEnvironment | None
    reasons: list[str]
    rejected: list[Rejected]
    blockers: list[Blocker]
    warnings: list[str]
    wishes: dict[str, Any]


class AppliedDriver(TypedDict):
    """The driver that the GPU got, as its vendor numbers them."""

    id: str
    before: str | None
    after: str | None
    reboot_required: bool


class AppliedOffer(TypedDict):
    """The guest as every user of the PC is offered it: what starts a copy of one's own, and the export's sha256."""

    launcher: str
    sha256: str


class Apply(TypedDict, total=False):
    """What was done. What belongs to the environment is there once that was seen to."""

    changed: Required[bool]
    driver: AppliedDriver
    other_drivers: list[AppliedDriver]
    environment: dict[str, Any]  # as the module python_environment gives it, and `built`
    home: str | None
    switched: bool
    seconds: float
    keep_old: int
    offer: AppliedOffer


class CheckResult(TypedDict):
    """One threshold of a verdict, with the number and the bound."""

    name: str
    state: str  # one of CHECK_STATES
    detail: str
    value: NotRequired[float]  # what was compared with the bound


class Fingerprint(TypedDict):
    """What a pass is bound to; None is not known, and then equals nothing."""

    host: str | None
    driver: str | None
    os_build: str | None
    kernel: str | None
    wsl: str | None
    export: str | None
    stack: str | None
    lock_sha256: str | None
    trainer_sha256: str | None
    adapter: str | None


class Word(TypedDict):
    """A verdict before it is bound to the PC and the time."""

    state: str  # one of STATES
    code: str
    cause: str
    next_step: str  # empty for READY
    checks: list[CheckResult]
    reused: bool
    at: NotRequired[str]  # of the pass that is reused


class Verdict(Word):
    """The last word on the PC."""

    at: Required[str]  # type: ignore[misc]
    fingerprint: Fingerprint


class Record(TypedDict):
    """One PC. Facts have a model of their own (facts/model.py); a training is the trainer's word as it came."""

    schema_version: int
    host: str
    run: NotRequired[str]
    simulated: bool | None
    looked_at: NotRequired[str]
    facts: NotRequired[dict[str, Any]]
    plan: NotRequired[Plan]
    apply: NotRequired[Apply]
    training: NotRequired[dict[str, Any]]
    troubles: list[Trouble]
    tried_again: NotRequired[list[Trouble]]
    verdict: NotRequired[Verdict]


SECTIONS = tuple(Record.__annotations__)
# Ansible imports actions before it forks its workers: one value for all hosts and plays of a run without a name.
_THIS_RUN = str(uuid.uuid4())


def run_of(variables: Mapping[str, Any]) -> str:
    """The name of the run that is under way."""
    return shown(variables.get("gpuready_run_id")) or _THIS_RUN


def new(variables: Mapping[str, Any], now: datetime | None = None) -> Record:
    """An empty record of the host of these variables.

    `now` is the controller's clock: those of the PCs may be wrong. A PC is a real one only by a plain no to
    gpuready_simulated.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "host": variables["inventory_hostname"],
        "run": run_of(variables),
        "simulated": not is_no(variables.get("gpuready_simulated")),
        "looked_at": (now or datetime.now(UTC)).isoformat(timespec="milliseconds"),
        "troubles": [],
    }


def of(variables: Mapping[str, Any]) -> Record:
    """The host's record so far: a copy to extend, empty but for its frame when nothing was looked at yet.

    One of an earlier run, which a fact cache brings back, says nothing of the PC now.
    """
    known = (variables.get("ansible_facts") or {}).get("gpuready")
    if isinstance(known, dict) and known.get("run") == run_of(variables):
        return cast(Record, {**known, "troubles": list(known.get("troubles") or [])})
    return new(variables)


def changed(record: Record) -> None:
    """Say in the record that the run has changed its PC."""
    record["apply"] = {**record.get("apply", {}), "changed": True}


def side(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The facts of the side on which the planned stack lives: of the guest, where a Windows PC's plan leads in."""
    facts, target = section(record, "facts"), section(record, "plan").get("target")
    inside = target == "wsl" and section(facts, "os").get("family") == "windows"
    return section(facts, "guest") if inside else facts


def fit(left: object, host: str) -> dict[str, Any]:
    """What a PC left, as the report's schema has it. A verdict that is none is left out: the caller judges anew."""
    given = {key: as_json(value) for key, value in section({"record": left}, "record").items() if key in SECTIONS}
    record = {key: value for key, value in given.items() if value is not None}
    for name in ("facts", "plan", "apply", "training"):
        if not isinstance(record.get(name, {}), dict):
            del record[name]
    if not isinstance(record.get("looked_at", ""), str):
        del record["looked_at"]
    if not (isinstance(record.get("host"), str) and record["host"].strip()):
        record["host"] = as_json(host)
    record["schema_version"] = SCHEMA_VERSION
    claimed = record.get("simulated", False if "simulated" not in given else None)
    record["simulated"] = claimed if isinstance(claimed, bool) else None
    if not isinstance(record.get("run", ""), str):
        del record["run"]
    for name in ("troubles", *(["tried_again"] if "tried_again" in record else [])):
        record[name] = [
            {**one, "code": code(one.get("code")) or "TASK_FAILED", "message": shown(one.get("message"))}
            for one in items(record.get(name))
        ]
    if not _is_verdict(record.get("verdict")):
        record.pop("verdict", None)
    return {key: record[key] for key in SECTIONS if key in record}


def _is_verdict(given: object) -> bool:
    if not isinstance(given, Mapping):
        return False
    state, checks = given.get("state"), given.get("checks")
    return (
        isinstance(state, str)
        and state in STATES
        and code(given.get("code")) is not None
        and all(isinstance(given.get(key), str) for key in ("cause", "next_step", "at"))
        and bool(given["cause"])
        and (bool(given["next_step"]) or state in _WITHOUT_NEXT_STEP)
        and isinstance(given.get("reused"), bool)
        and isinstance(given.get("fingerprint"), Mapping | None)
        and isinstance(checks, list)
        and len(items(checks)) == len(checks)
        and all(isinstance(one.get("name"), str) and isinstance(one.get("detail"), str) for one in items(checks))
        and all(one.get("state") in CHECK_STATES for one in items(checks))
    )
