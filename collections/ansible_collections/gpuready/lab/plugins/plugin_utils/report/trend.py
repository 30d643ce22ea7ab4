# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many PCs of a lab were ready after each of its last runs: a line a run, and a picture of it. Pure; docs/reports.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ..reading import items, section, shown, whole
from ..record import READY, STATES
from .document import moment

MOST = 30  # runs that are remembered
_WIDTH, _HEIGHT, _EDGE = 240, 60, 3


def lines(known: object) -> list[dict[str, Any]]:
    """`{run, at, playbook, total, states}` of each run, the oldest first. What is no such line is left out."""
    found = []
    for one in items(known):
        total, states = whole(one.get("total")), section(one, "states")
        counts = {state: count for state in STATES if (count := whole(states.get(state)))}
        if total and sum(counts.values()) == total and moment(one.get("at")):
            texts = {key: shown(one.get(key)) for key in ("run", "at", "playbook")}
            found.append({**texts, "total": total, "states": counts})
    return found[-MOST:]


def taken(known: object, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The lines with that of the lab as `document` has it, under its last run."""
    run, summary = document["run"], document["summary"]
    mine = {"run": run.get("id"), "at": run.get("finished_at"), "playbook": run.get("playbook")}
    now = {**mine, "total": summary["total"], "states": {state: summary[state] for state in STATES if summary[state]}}
    return lines([*(one for one in lines(known) if one["run"] != shown(run.get("id"))), now])


def words(trend: Sequence[Mapping[str, Any]]) -> str:
    """From where to where it went; empty for fewer than two runs."""
    if len(trend) < 2:
        return ""
    first, last = trend[0], trend[-1]
    worst = min(trend[1:-1], key=_share, default=last)
    dip = f", {_of(worst)} on {moment(worst['at'])}" if _share(worst) < min(_share(first), _share(last)) else ""
    return (
        f"Ready over the last {len(trend)} runs: {_of(first)} PCs on {moment(first['at'])}{dip}, "
        f"{_of(last)} on {moment(last['at'])}."
    )


def picture(trend: Sequence[Mapping[str, Any]]) -> str:
    """SVG of ready and of all PCs with its words; empty for fewer than two runs."""
    said = words(trend)
    if not said:
        return ""
    most = max(one["total"] for one in trend)
    told = ", ".join(map(_of, trend))
    frame = (
        f'role="img" aria-label="PCs ready after each run, the oldest first: {told}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    )
    lines_ = (
        f'<polyline class="cpu" points="{_points([one["total"] for one in trend], most)}"/>'
        f'<polyline class="gpu" points="{_points(list(map(_ready, trend)), most)}"/>'
    )
    caption = f"<figcaption>{escape(said)} The line is ready PCs, dashed are all.</figcaption>"
    return f'<figure class="trend"><svg {frame}>{lines_}</svg>{caption}</figure>'


def _ready(one: Mapping[str, Any]) -> int:
    return sum(one["states"].get(state, 0) for state in READY)


def _share(one: Mapping[str, Any]) -> float:
    return float(_ready(one) / one["total"])


def _of(one: Mapping[str, Any]) -> str:
    return f"{_ready(one)} of {one['total']}"


def _points(counts: Sequence[int], most: int) -> str:
    across, down = (_WIDTH - 2 * _EDGE) / (len(counts) - 1), _HEIGHT - 2 * _EDGE
    return " ".join(
        f"{_EDGE + at * across:.0f},{_EDGE + (1 - count / most) * down:.0f}" for at, count in enumerate(counts)
    )
