"""`gpuready list`: the newest verdict of each PC of a lab, for a person. No PC is reached, and names are never cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from gpuready.newest import Newest
from gpuready.plain import clean

_NEW = "not judged"


def lines(pcs: Sequence[Newest], ready: Sequence[str], now: datetime | None = None) -> Iterator[str]:
    """Whether PCs are simulated, a row a PC, each next step once with its PCs, the counts last."""
    if made := [one.host for one in pcs if one.simulated]:
        which = "" if len(made) == len(pcs) else f" ({', '.join(made)})"
        yield clean(f"Simulated PCs{which}: no real GPU trained.")
    rows = [(one.state or _NEW, one.host, one.code, one.stack, age(one.at, now)) for one in pcs]
    widths = [max((len(clean(row[at])) for row in rows), default=0) for at in range(4)]
    for row in rows:
        cells = [clean(cell).ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[4]]).rstrip()
    steps: dict[tuple[str, str, str], list[str]] = {}
    for one in pcs:
        if one.next_step and one.state not in ready:
            steps.setdefault((one.state, one.code, one.next_step), []).append(one.host)
    for (state, code, step), names in steps.items():
        yield clean(f"{', '.join(names)} ({state} {code}): {step}")
    states = [one.state or _NEW for one in pcs if one.state not in ready]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    yield f"{sum(one.state in ready for one in pcs)} of {len(pcs)} ready{f'; {counts}' if counts else ''}."


def age(at: str, now: datetime | None = None) -> str:
    """How long ago a moment was (ISO 8601), as a person says it; empty where that is not known."""
    try:
        then = datetime.fromisoformat(at)
        seconds = ((now or datetime.now(UTC)) - then).total_seconds()
    except (ValueError, TypeError):
        return ""
    if seconds < 3600:
        return "less than an hour ago" if seconds > -300 else "in the future: the clock was wrong"
    hours, days = int(seconds // 3600), int(seconds // 86400)
    number, word = (hours, "hour") if days < 2 else (days, "day")
    return f"{number} {word}{'s' * (number != 1)} ago"
