# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state of a lab: the newest verdict of each of its PCs, with the run that gave it. Pure; docs/reports.md.

A lab is what one inventory names: two inventories may both have a pc01, and these are two PCs. A run that judges (it
provisions, verifies, reports) takes its verdicts into the state; a look, a plan and a check give none.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ..reading import items, section, shown
from ..record import SCHEMA_VERSION, STATES
from ..verdict import machines
from ..verdict.words import word
from . import document as report
from . import trend
from .since import WHAT
from .since import since as changes

STATE_VERSION = 1
HISTORY = 10  # verdicts of a PC that are remembered
_MOST_LABS = 50  # in one folder; the one that was judged longest ago goes first
_RUN = re.compile(r"\d{8}T\d{6}Z-[a-z_]{1,30}-[0-9a-f]{8}")
_NEVER = datetime.min.replace(tzinfo=UTC)


def run_name(run: Mapping[str, Any]) -> str:
    """The name of a run's folder: when it ended, what it did, the beginning of its id. They sort by age."""
    at = _time(run.get("finished_at"))
    what = "".join(c for c in shown(run.get("playbook")).lower() if c.isascii() and (c.isalpha() or c == "_"))[:30]
    known = "".join(c for c in shown(run.get("id")).lower() if c in "0123456789abcdef")
    return f"{at.year:04}{at:%m%dT%H%M%SZ}-{what or 'run'}-{known[:8]:0<8}"


def is_run_name(name: str) -> bool:
    """Whether a folder is one of a run, by its name."""
    return _RUN.fullmatch(name) is not None


def is_state(state: object) -> bool:
    """Whether this is a state that this version can read."""
    if not isinstance(state, Mapping) or state.get("schema_version") != STATE_VERSION:
        return False
    labs = state.get("labs")
    return isinstance(labs, list) and all(
        isinstance(one, Mapping)
        and isinstance(one.get("inventory"), list)
        and isinstance(one.get("hosts"), Mapping)
        and all(map(_is_entry, one["hosts"].values()))
        for one in labs
    )


def _is_entry(entry: object) -> bool:
    """Whether this is what the state has of a PC: a record with a verdict, and the verdicts before it."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("history"), list):
        return False
    record = section(entry, "record")
    verdict = section(record, "verdict")
    return "host" in record and verdict.get("state") in STATES and isinstance(verdict.get("code"), str)


def judges(document: Mapping[str, Any]) -> bool:
    """Whether a run's verdicts are verdicts on the lab."""
    return document["run"].get("verdicts") is not False and not document["run"].get("check")


def since(
    state: Mapping[str, Any] | None,
    document: Mapping[str, Any],
    inventory: Sequence[str],
    pcs: Sequence[str] | None,
) -> dict[str, Any] | None:
    """What a run changed in the lab, by the state before it; None where no earlier run has judged the lab."""
    lab = _lab(state, inventory)
    last, run = section(lab, "run"), document["run"]
    if not last or last.get("id") == run.get("id") or _time(last.get("finished_at")) > _time(run.get("finished_at")):
        return None
    records = [one for one in document["hosts"] if _says_something(one)]
    return changes(lab or {}, records, pcs)


def _lab(state: Mapping[str, Any] | None, inventory: Sequence[str]) -> dict[str, Any] | None:
    labs = state["labs"] if state else ()
    return next((one for one in labs if list(one["inventory"]) == list(inventory)), None)


def taken(
    state: Mapping[str, Any] | None,
    document: Mapping[str, Any],
    inventory: Sequence[str],
    pcs: Sequence[str] | None,
    folder: str,
) -> dict[str, Any]:
    """The state after a run: `document` is its report, `folder` where it lies.

    `pcs` are all PCs of the inventory, whatever the run was limited to; None when nobody knows. A PC that the inventory
    has no more leaves the state.
    """
    new_since = since(state, document, inventory, pcs)
    labs = copy.deepcopy(list(state["labs"])) if state else []
    lab = _lab({"labs": labs}, inventory)
    if lab is None:
        lab = {"inventory": list(inventory), "hosts": {}}
        labs.append(lab)
    run = document["run"]
    for record in document["hosts"]:
        _take(lab["hosts"], record, run, folder)
    if pcs is not None:
        lab["hosts"] = {name: entry for name, entry in lab["hosts"].items() if name in set(pcs)}
        lab["pcs"] = list(pcs)
    if _time(section(lab, "run").get("finished_at")) <= _time(run.get("finished_at")):
        again = section(lab, "run").get("id") == run.get("id")  # the same run once more: what it said before stands
        lab["since"] = lab.get("since") if again else new_since
        lab["run"], lab["simulated"] = dict(run), document["simulated"]
    labs.sort(key=lambda one: _time(section(one, "run").get("finished_at")), reverse=True)
    return {"schema_version": STATE_VERSION, "labs": labs[:_MOST_LABS]}


def _take(hosts: dict[str, Any], record: Mapping[str, Any], run: Mapping[str, Any], folder: str) -> None:
    name, verdict = record["host"], record["verdict"]
    known = section(hosts, name)
    if not _says_something(record):
        return
    if _time(section(known, "run").get("finished_at")) > _time(run.get("finished_at")):
        return  # a run that began earlier may end later
    mine = {key: run.get(key) for key in ("id", "finished_at", "playbook")}
    now = {"run": run.get("id"), "at": run.get("finished_at"), "state": verdict["state"], "code": verdict["code"]}
    before = [one for one in items(known.get("history")) if one.get("run") != run.get("id")]
    hosts[name] = {
        "record": dict(record),
        "run": {**mine, "folder": folder},
        "history": [now, *before][:HISTORY],
    }


def _says_something(record: Mapping[str, Any]) -> bool:
    return record["verdict"]["state"] != "SKIPPED" and not _had_no_turn(record)


def _had_no_turn(record: Mapping[str, Any]) -> bool:
    """The run was interrupted before it came to this PC: that says nothing of the PC."""
    return record["verdict"]["code"] == "INTERRUPTED" and not any(
        shown(one.get("task")) for one in items(record.get("troubles"))
    )


def document(state: Mapping[str, Any], inventory: Sequence[str]) -> dict[str, Any]:
    """The report of a lab's state: the newest record of each PC, and where it is from (`newest`).

    Its `trend` is for `counted`.
    """
    lab = next(one for one in state["labs"] if list(one["inventory"]) == list(inventory))
    names: Iterable[str] = dict.fromkeys([*(lab.get("pcs") or ()), *lab["hosts"]])
    records = []
    for name in names:
        entry = section(lab["hosts"], name)
        if entry:
            run = section(entry, "run")
            newest = {"run": run.get("id"), "at": run.get("finished_at"), "playbook": run.get("playbook")}
            newest |= {"folder": run.get("folder"), "history": list(entry["history"])}
            records.append({**entry["record"], "newest": newest})
        else:
            records.append(_unjudged(name, bool(lab.get("simulated")), lab["run"]))
    machines.tell_apart(records)  # two runs may have come to one machine by two names
    lab_report = report.build(records, lab["run"], False)
    known = {"since": dict(lab["since"])} if _is_since(lab.get("since")) else {}
    told = {"trend": trend.taken(lab.get("runs"), lab_report)}
    return {**lab_report, **known, **told, "lab": {"inventory": list(inventory)}}


def counted(state: Mapping[str, Any], lab_document: Mapping[str, Any]) -> dict[str, Any]:
    """The state with how many PCs of the lab were ready after its last runs, as its document has it."""
    inventory, runs = lab_document["lab"]["inventory"], lab_document["trend"]
    labs = [{**one, "runs": runs} if list(one["inventory"]) == inventory else one for one in state["labs"]]
    return {**state, "labs": labs}


def _is_since(found: object) -> bool:
    """Whether this is what `since` gave: the state may have been written by hand."""
    if not isinstance(found, Mapping) or not all(isinstance(found.get(key), int) for key in ("compared", "of")):
        return False
    groups = found.get("groups")
    texts = all(isinstance(found.get(key), str) for key in ("run", "at", "words"))
    return texts and isinstance(groups, list) and len(items(groups)) == len(groups) and all(map(_is_group, groups))


def _is_group(one: Mapping[str, Any]) -> bool:
    changed = items(one.get("changes"))
    texts = all(isinstance(change.get(key), str) for change in changed for key in ("before", "after", "pcs"))
    return one.get("what") in WHAT and isinstance(one.get("count"), int) and isinstance(one.get("pcs"), str) and texts


def _unjudged(name: str, simulated: bool, run: Mapping[str, Any]) -> dict[str, Any]:
    unverified = word("UNKNOWN", "NOT_VERIFIED", "no run has judged this PC yet")
    verdict = {**unverified, "at": shown(run.get("finished_at")), "fingerprint": None}
    frame = {"schema_version": SCHEMA_VERSION, "host": name, "simulated": simulated, "troubles": []}
    return {**frame, "verdict": verdict}


def _time(value: object) -> datetime:
    """A moment that can be compared; what is none is older than all others."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return _NEVER
    return moment.astimezone(UTC) if moment.tzinfo else _NEVER
