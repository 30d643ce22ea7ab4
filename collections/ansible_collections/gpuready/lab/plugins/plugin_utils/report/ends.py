# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PCs whose stack its makers look after no longer, told once a stack: what that costs, and where to go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..reading import all_shown, section, shown
from .causes import named

ENDED = ("frozen", "discontinued")


def life(record: Mapping[str, Any]) -> str:
    """How far the makers of a PC's stack look after it where they do so no longer, else an empty string."""
    plan = section(record, "plan")
    found = shown(plan.get("life"))
    return found if found in ENDED and plan.get("stack") else ""


def ends(hosts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """`{stack, life, words, count, pcs, hosts}`, the largest first; `words` are those of the plan."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for record in hosts:
        if at_end := life(record):
            plan = section(record, "plan")
            stack = shown(plan.get("stack"))
            start = f"{stack} is {at_end}"
            words = next((one for one in all_shown(plan.get("warnings")) if one.startswith(start)), start)
            groups.setdefault((stack, at_end, words), []).append(shown(record["host"]))
    ranked = sorted(groups.items(), key=lambda one: -len(one[1]))
    return [
        {"stack": stack, "life": at_end, "words": words, "count": len(names), "pcs": named(names), "hosts": names}
        for (stack, at_end, words), names in ranked
    ]
