# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A large report says a fact once: what it leaves out of a record, and what of the plans of PCs alike stands once in it.

The report of a lab that is not large has its records whole. Nothing is judged by a report: every verdict was given on
the whole record before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..reading import section

LARGE = 100  # PCs; with more the report is shortened
# Of a plan, what is the same for all PCs of a kind.
ALIKE = ("environment", "reasons", "rejected", "warnings")
_DIGITS = 7  # of a number of a training: a loss has no more, it is a 32-bit float


def record(known: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a PC as a report has it. The one that is given stays as it is."""
    short = dict(known)
    if isinstance(short.get("facts"), Mapping):
        short["facts"] = _facts(short["facts"])
    planned = section(short, "plan", "environment")
    if "lock_path" in planned:  # a path of the controller is no fact of a PC
        without = {key: value for key, value in planned.items() if key != "lock_path"}
        short["plan"] = {**short["plan"], "environment": without}
    if isinstance(short.get("training"), Mapping):
        parts = {part: short["training"][part] for part in ("reference", "result") if part in short["training"]}
        short["training"] = {**short["training"], **{part: _rounded(value) for part, value in parts.items()}}
    return short


def shared(hosts: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The records, in each plan ALIKE replaced by `shared`, a position in the list that comes second.

    A plan that lacks one of ALIKE stays as it is.
    """
    records: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    places: dict[str, int] = {}
    for known in hosts:
        plan = section(known, "plan")
        if all(key in plan for key in ALIKE):
            part = {key: plan[key] for key in ALIKE}
            place = places.setdefault(json.dumps(part), len(parts))
            if place == len(parts):
                parts.append(part)
            own = {key: value for key, value in plan.items() if key not in ALIKE}
            records.append({**known, "plan": {**own, "shared": place}})
        else:
            records.append(dict(known))
    return records, parts


def _facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Without the last pass where it is the first of `passes`, and without the checks of what was judged earlier."""
    short = dict(facts)
    passes = short.get("passes")
    if isinstance(passes, list) and passes and short.get("last_pass") == passes[0]:
        del short["last_pass"]
    for name in ("passes", "failures"):
        if isinstance(short.get(name), list):
            short[name] = [_without_checks(one) for one in short[name]]
    if isinstance(short.get("guest"), Mapping):
        short["guest"] = _facts(short["guest"])
    return short


def _without_checks(earlier: Any) -> Any:
    verdict = section(earlier, "verdict")
    if "checks" not in verdict:
        return earlier
    return {**earlier, "verdict": {key: value for key, value in verdict.items() if key != "checks"}}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value
