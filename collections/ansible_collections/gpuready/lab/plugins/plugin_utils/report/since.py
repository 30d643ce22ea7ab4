# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What changed since the last run: each PC of a run against the newest verdict that the lab's state has of it.

A PC that the run says nothing of (it was skipped, or had no turn) is not compared. Pure; docs/reports.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..reading import section, shown
from ..record import READY
from .causes import named
from .document import moment, natural

# What became of PCs, in the order in which a person asks for it -> in words, after how many they are.
WHAT = {
    "ready_no_more": "ready no more",
    "became_ready": "became ready",
    "other": "with another verdict, cause or stack",
    "new": "judged for the first time",
    "gone": "no more in the inventory",
}
_MOST = 3  # kinds of a change that are told one by one


def since(lab: Mapping[str, Any], records: Sequence[Mapping[str, Any]], pcs: Collection[str] | None) -> dict[str, Any]:
    """`{run, at, compared, of, groups, words}`; `lab` is the lab's part of the state before the run.

    `records` are those of the run that say something, `pcs` all PCs of the inventory, None where nobody knows.
    """
    hosts, changes = section(lab, "hosts"), dict[str, dict[tuple[str, str], list[str]]]()
    for record in records:
        name = shown(record["host"])
        before = section(hosts, str(record["host"]), "record")
        what, pair = _change(before, record) if before else ("new", ("", ""))
        if what:
            changes.setdefault(what, {}).setdefault(pair, []).append(name)
    present = set(hosts) if pcs is None else set(pcs)
    gone = sorted((shown(name) for name in hosts if name not in present), key=natural)
    if gone:
        changes["gone"] = {("", ""): gone}
    groups = [_group(what, changes[what]) for what in WHAT if what in changes]
    last = section(lab, "run")
    found = {"run": shown(last.get("id")), "at": shown(last.get("finished_at")), "compared": len(records)}
    whole = found | {"of": max(len(present), len(records)), "groups": groups}
    return {**whole, "words": _words(whole)}


def _change(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, tuple[str, str]]:
    """Of WHAT, and the two verdicts in words; nothing where both are the same."""
    (state, code, stack), (now, code_now, stack_now) = _essence(before), _essence(after)
    other_stack = bool(stack and stack_now and stack != stack_now)  # a PC that is off has no plan: that says nothing
    if (state, code) == (now, code_now) and not other_stack:
        return "", ("", "")
    pair = (
        f"{state} {code}{f', {stack}' if other_stack else ''}",
        f"{now} {code_now}{f', {stack_now}' if other_stack else ''}",
    )
    if (state in READY) == (now in READY):
        return "other", pair
    return ("became_ready" if now in READY else "ready_no_more"), pair


def _essence(record: Mapping[str, Any]) -> tuple[str, str, str]:
    verdict, plan = section(record, "verdict"), section(record, "plan")
    where = f" ({shown(plan.get('target'))})" if plan.get("target") else ""
    stack = f"{shown(plan.get('stack'))}{where}" if plan.get("stack") else ""
    return shown(verdict.get("state")), shown(verdict.get("code")), stack


def _group(what: str, by_pair: Mapping[tuple[str, str], Sequence[str]]) -> dict[str, Any]:
    """`{what, count, pcs, hosts, changes: [{before, after, count, pcs}]}`, the most frequent first."""
    names = sorted((name for some in by_pair.values() for name in some), key=natural)
    ranked = sorted(by_pair.items(), key=lambda one: -len(one[1]))
    told = [
        {"before": before, "after": after, "count": len(some), "pcs": named(some)}
        for (before, after), some in ranked[:_MOST]
        if before
    ]
    return {"what": what, "count": len(names), "pcs": named(names), "hosts": names, "changes": told}


def _words(found: Mapping[str, Any]) -> str:
    """The whole in one line."""
    at = moment(found["at"])
    last = f"the run of {at}" if at else "the last run"
    parts = [f"{one['count']} {WHAT[one['what']]} ({one['pcs']})" for one in found["groups"]]
    part = f" {part_words(found)}." if part_words(found) else ""
    said = f"Since {last}: {'; '.join(parts)}." if parts else f"Nothing has changed since {last}."
    return f"{said}{part}"


def part_words(found: Mapping[str, Any]) -> str:
    """What is to be said where the run was over a part of the lab, or skipped some; else an empty string."""
    compared, of = found["compared"], found["of"]
    return f"Compared are {compared} of {of} PCs: of the others the run says nothing" if compared < of else ""
