# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a PC stands, as the inventory says: its room, and the groups that tell it from other PCs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..reading import all_shown, section, shown
from .causes import named

_ROOM = ("gpuready_room", "room")  # the first that is set; `gpuready init` writes the second
_OF_ALL = ("all", "ungrouped")


def place(written: Callable[[str], Any]) -> dict[str, Any]:
    """`{room, groups}`: the room may be empty. Nothing where the inventory says neither.

    `written`: the value of a variable of the PC; None where there is none, or a broken one.
    """
    known = next((found for name in _ROOM if (found := shown(written(name)))), "")
    given = written("group_names")
    groups = [one for one in all_shown(list(given) if isinstance(given, list | tuple) else None) if one not in _OF_ALL]
    return {"room": known, "groups": groups} if known or groups else {}


def room(record: Mapping[str, Any]) -> str:
    """The room of a PC, or an empty string."""
    return shown(section(record, "place").get("room"))


def groups(record: Mapping[str, Any]) -> list[str]:
    """The groups of a PC."""
    return all_shown(section(record, "place").get("groups"))


def telling(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """The groups that hold some of these PCs and not all, nor just those of a room, in the order of their names."""
    members: dict[str, list[int]] = {}
    rooms: dict[str, list[int]] = {}
    for number, record in enumerate(records):
        if known := room(record):
            rooms.setdefault(known, []).append(number)
        for group in set(groups(record)):
            members.setdefault(group, []).append(number)
    of_rooms = set(map(tuple, rooms.values()))
    return sorted(group for group, some in members.items() if len(some) < len(records) and tuple(some) not in of_rooms)


def by_room(names: Iterable[str], rooms: Mapping[str, str]) -> list[dict[str, Any]]:
    """`[{room, count, pcs}]` of some PCs, by the rooms of all; empty where none of them has a room."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(rooms.get(name, ""), []).append(name)
    if set(found) <= {""}:
        return []
    ordered = sorted(found.items(), key=lambda one: (not one[0], -len(one[1])))  # without a room: last
    return [{"room": known, "count": len(some), "pcs": named(some)} for known, some in ordered]
