# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A verdict is about a machine: names of an inventory that show one and the same machine are no two PCs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from .. import reading
from ..remedies import catalogue as remedies
from .words import with_detail, word

# Windows reckons the time of its start anew after its clock was set, Linux by the second.
_START_VARIES = 120.0


def tell_apart(records: Sequence[dict[str, Any]]) -> None:
    """Take back the verdict on each record that shows the machine of another one; which of them it is, nobody knows."""
    for names in same(records):
        for record in records:
            if record["host"] in names:
                others = ", ".join(name for name in names if name != record["host"])
                cause = with_detail(remedies.remedy("SAME_MACHINE").cause, f"{others} shows it too")
                record["verdict"] = {**record["verdict"], **word("UNKNOWN", "SAME_MACHINE", cause)}


def same(records: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """The names, in groups, under which one machine was looked at: its own name, its GPUs and its start are the same.

    What is not known of two machines does not make them one.
    """
    groups: dict[tuple[Any, ...], list[tuple[float, str]]] = {}
    for record in records:
        facts = reading.section(record, "facts")
        system = reading.section(facts, "os")
        name, started = reading.line(system.get("computer_name")), _seconds(system.get("boot_time"))
        if name is None or started is None or not isinstance(facts.get("adapters"), list):
            continue
        gpus = sorted(str(one.get("id")) for one in reading.items(facts["adapters"]))
        groups.setdefault((name.lower(), system.get("family"), *gpus), []).append((started, str(record.get("host"))))
    return [names for starts in groups.values() for names in _near(sorted(starts)) if len(names) > 1]


def _near(starts: list[tuple[float, str]]) -> list[list[str]]:
    """Names whose machines started at about the same time."""
    groups = [[starts[0][1]]]
    for (before, _), (after, name) in pairwise(starts):
        if after - before > _START_VARIES:
            groups.append([])
        groups[-1].append(name)
    return groups


def _seconds(time: object) -> float | None:
    try:
        return datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp() if isinstance(time, str) else None
    except (ValueError, OverflowError):
        return None
