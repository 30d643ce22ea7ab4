# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The records of a run as one document: docs/records.md, `schemas/report.schema.json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

REPORT_VERSION = 1
STATES = ("READY", "DEGRADED", "NOT_READY", "UNKNOWN", "UNREACHABLE", "STALE", "SKIPPED")
READY_STATES = ("READY", "DEGRADED")


def build(records: Iterable[Mapping[str, Any]], run: Mapping[str, Any], simulated: bool) -> dict[str, Any]:
    """One document from the records of a run; hosts sorted by name, numbers in names as numbers.

    Every record must carry a verdict: the caller judges a host that left none.
    """
    hosts = sorted((dict(record) for record in records), key=lambda record: _natural(str(record["host"])))
    summary = {"total": len(hosts), **dict.fromkeys(STATES, 0)}
    for record in hosts:
        summary[record["verdict"]["state"]] += 1
    return {
        "schema_version": REPORT_VERSION,
        "run": dict(run),
        "simulated": simulated,
        "summary": summary,
        "hosts": hosts,
    }


def _natural(name: str) -> list[tuple[int, int, str]]:
    """pc2 before pc10."""
    parts: list[tuple[int, int, str]] = []
    text, digits = "", ""
    for character in name.lower() + "\0":
        if character.isdecimal():
            if text:
                parts.append((1, 0, text))
                text = ""
            digits += character
        else:
            if digits:
                parts.append((0, int(digits), ""))
                digits = ""
            text += character
    parts.append((1, 0, text))
    return parts


def adapter_name(record: Mapping[str, Any]) -> str:
    """The name of the planned adapter, or of what there is, or an empty string."""
    planned = (record.get("plan") or {}).get("adapter") or {}
    if planned.get("name"):
        return str(planned["name"])
    adapters = (record.get("facts") or {}).get("adapters") or []
    return ", ".join(str(adapter.get("name") or adapter.get("id") or "") for adapter in adapters)


def stack_name(record: Mapping[str, Any]) -> str:
    """The planned stack and where it runs, or an empty string."""
    plan = record.get("plan") or {}
    if not plan.get("stack"):
        return ""
    return f"{plan['stack']} ({plan.get('target')})"


def changed_hosts(document: Mapping[str, Any]) -> list[str]:
    """The PCs on which something was changed in this run."""
    return [record["host"] for record in document["hosts"] if (record.get("apply") or {}).get("changed")]


def seconds_of(run: Mapping[str, Any]) -> float | None:
    """How long the run took, or None when its times are not known."""
    try:
        started, finished = (datetime.fromisoformat(str(run[key])) for key in ("started_at", "finished_at"))
    except (KeyError, ValueError):
        return None
    return round((finished - started).total_seconds(), 1)


def headline(document: Mapping[str, Any]) -> str:
    """One sentence: how many PCs are ready, how many are not."""
    summary = document["summary"]
    ready = sum(summary[state] for state in READY_STATES)
    rest = [f"{summary[state]} {state}" for state in STATES if state not in READY_STATES and summary[state]]
    slow = f" ({summary['DEGRADED']} of them DEGRADED)" if summary["DEGRADED"] else ""
    simulated = " SIMULATED" if document["simulated"] else ""
    text = f"{ready} of {summary['total']}{simulated} PC{'s' * (summary['total'] != 1)} ready{slow}"
    return f"{text}; {', '.join(rest)}." if rest else f"{text}."


def summary_lines(document: Mapping[str, Any], width: int = 100) -> list[str]:
    """The report for a terminal: a line a PC, then for each that is not ready its cause and next step."""
    run, hosts = document["run"], document["hosts"]
    lines = [headline(document)]
    if document["simulated"]:
        lines.append("These PCs are simulated: no real GPU was looked at, and no real GPU trained.")
    if run.get("check"):
        lines.append("This was a check: nothing was changed, nothing was trained.")
    names = max((len(str(record["host"])) for record in hosts), default=0)
    lines += [
        f"{record['verdict']['state']:<11}  {record['host']:<{names}}  "
        f"{record['verdict']['code']}  {stack_name(record)}  {adapter_name(record)}".rstrip()[:width]
        for record in hosts
    ]
    for record in hosts:
        verdict = record["verdict"]
        if verdict["state"] not in READY_STATES:
            lines.append(f"{record['host']}: {verdict['cause']}")
            if verdict.get("next_step"):
                lines.append(f"    next: {verdict['next_step']}")
    changed, took = changed_hosts(document), run.get("seconds")
    done = f"Changed: {', '.join(changed)}." if changed else "Changed: nothing."
    lines.append(f"{done} Took {took:.1f} s." if isinstance(took, int | float) else done)
    return lines
