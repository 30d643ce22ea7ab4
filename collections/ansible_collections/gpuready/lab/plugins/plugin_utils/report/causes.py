# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PCs that share a cause, told once: how many, which, and the next step of all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..reading import section, shown
from ..record import READY, STATES
from ..remedies import catalogue

LOOKED_AT = "LOOKED_AT"  # what a run that judges nobody says of a PC that it could look at
_MOST_NAMES = 12
_MOST_CAUSES = 3  # of one code and one next step
_NUMBERED = re.compile(r"(.*?)(\d{1,9})(\D*)")
_NO_CAUSE = (*(state for state in READY if state != "DEGRADED"), "SKIPPED", LOOKED_AT)


def outcome(record: Mapping[str, Any], verdicts: bool) -> str:
    """The state of a PC as a report shows it: without `verdicts`, what was looked at and can go on is not judged."""
    state = shown(record["verdict"]["state"])
    if verdicts or record.get("troubles") or not isinstance(record.get("facts"), Mapping):
        return state
    plan = section(record, "plan")
    return state if plan.get("blockers") or ("stack" in plan and plan["stack"] is None) else LOOKED_AT


def causes(hosts: Iterable[Mapping[str, Any]], verdicts: bool) -> list[dict[str, Any]]:
    """Groups of one state, code and next step, the largest first: `{state, code, next_step, count, pcs, hosts, causes}`.

    `causes` are the group's own, `{cause, count, pcs}`, the most frequent first; `pcs` names the PCs in few words.
    """
    groups: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for record in hosts:
        state = outcome(record, verdicts)
        if state in _NO_CAUSE:
            continue
        verdict, host = record["verdict"], shown(record["host"])
        key = (state, shown(verdict["code"]), shown(verdict.get("next_step")))
        cause = shown(verdict.get("cause"))
        groups.setdefault(key, {}).setdefault(cause, []).append(host)
    summaries = []
    for (state, code, step), by_cause in groups.items():
        names = [name for some in by_cause.values() for name in some]
        ranked = sorted(by_cause.items(), key=lambda one: -len(one[1]))
        told = [{"cause": cause, "count": len(some), "pcs": named(some)} for cause, some in ranked[:_MOST_CAUSES]]
        rest = [name for _, some in ranked[_MOST_CAUSES:] for name in some]
        if rest:
            others = f"{len(ranked) - _MOST_CAUSES} other causes of this kind: the report has each"
            told.append({"cause": others, "count": len(rest), "pcs": named(rest)})
        group = {"state": state, "code": code, "next_step": step, "count": len(names), "pcs": named(names)}
        summaries.append({**group, "hosts": names, "causes": told})
    order = (*STATES, LOOKED_AT)
    return sorted(summaries, key=lambda one: (-one["count"], order.index(one["state"]), one["code"]))


def named(names: Sequence[str]) -> str:
    """Names in few words: `pc01 to pc12, pc20 and 7 more`. Names that count up one by one are one piece."""
    pieces: list[list[str]] = []
    for name in names:
        if pieces and _next(pieces[-1][-1]) == name:
            pieces[-1].append(name)
        else:
            pieces.append([name])
    words, told = [], 0
    for piece in pieces[:_MOST_NAMES]:
        words += [f"{piece[0]} to {piece[-1]}"] if len(piece) > 2 else piece
        told += len(piece)
    rest = len(names) - told
    return ", ".join(words) + (f" and {rest} more" if rest else "")


def _next(name: str) -> str | None:
    """The name that counts one up: pc09 -> pc10."""
    match = _NUMBERED.fullmatch(name)
    if not match:
        return None
    before, digits, after = match.groups()
    return f"{before}{int(digits) + 1:0{len(digits)}}{after}"


def lines(groups: Iterable[Mapping[str, Any]]) -> list[str]:
    """The groups for a terminal: who and how many, why, what next."""
    rows = []
    for group in groups:
        rows.append(f"{group['state']} {group['code']}, {whose(group)}{_pcs(group['count'])}: {group['pcs']}")
        several = len(group["causes"]) > 1
        for one in group["causes"]:
            rows.append(f"    {one['pcs']}: {one['cause']}" if several else f"    {one['cause']}")
        if group["next_step"]:
            rows.append(f"    next: {group['next_step']}")
    return rows


def whose(group: Mapping[str, Any]) -> str:
    """Before the number of a group's PCs: a fault of the controller is not theirs."""
    return "of the controller, met at " if catalogue.remedy(group["code"]).controller else ""


def _pcs(count: int) -> str:
    return f"{count} PC{'s' * (count != 1)}"
