# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which PCs of a kind are built first, and whether the others of the kind follow: decided by the records of a run.

A kind is what a bad lock or a bad driver would hit together: a stack, its lock, a GPU model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import reading
from .record import Record
from .verdict import passes
from .waves import gets_driver

_MOST = 3  # PCs whose end is told; what else failed is in the report


@dataclass(frozen=True)
class Pc:
    """A PC of the run, after its look and later. `asked`: how many of its kind shall be first."""

    host: str
    kind: tuple[str, ...]  # empty: nothing is planned for it
    asked: int
    to_build: bool
    ready: bool  # trained, or a pass of it stands
    ended: str  # its verdict in words; empty: it has none yet

    @property
    def waits(self) -> bool:
        """Whether something would still be applied to it."""
        return self.to_build and not self.ended


def pc(record: Record, asked: int, last: Mapping[str, Any] | None = None) -> Pc:
    """A PC by its record; `last` is the verdict that its last pass gives, which counts where nothing is to be built."""
    plan, given = reading.section(record, "plan"), reading.section(record, "verdict")
    environment = reading.section(plan, "environment")
    to_build = False in (passes.environment_is_there(plan), passes.guest_is_there(plan)) or gets_driver(plan)
    lock, model = environment.get("lock_sha256"), reading.section(plan, "adapter").get("name")
    kind = tuple(reading.shown(one) for one in (plan.get("stack"), model, lock)) if plan.get("stack") else ()
    verdict = given or (last if last and not to_build else {})
    ended = f"{reading.shown(given.get('state'))} {reading.shown(given.get('code'))}" if given else ""
    return Pc(record["host"], kind, asked, to_build, passes.passed(record, verdict), ended)


def first(pcs: Iterable[Pc]) -> list[str]:
    """The PCs that are built before all others: of each kind so many as its PCs ask for, less those that are proven."""
    found: list[str] = []
    for kind in _kinds(pcs).values():
        asked = max(one.asked for one in kind)
        proven = sum(one.ready for one in kind)
        found += [one.host for one in kind if one.waits][: max(0, asked - proven)]
    return found


def shut(pcs: Iterable[Pc], chosen: Iterable[str]) -> dict[str, str]:
    """The PCs to which nothing is applied, with the reason: one that was chosen of their kind did not get ready."""
    went, found = set(chosen), dict[str, str]()
    for kind in _kinds(pcs).values():
        failed = [one for one in kind if one.host in went and not one.ready]
        if failed:
            told = [f"{one.host} is {one.ended or 'without a verdict'}" for one in failed[:_MOST]]
            more = [f"{len(failed) - _MOST} more"] if len(failed) > _MOST else []
            said = f"{_name(kind[0])}: {', '.join([*told, *more])}"
            found |= {one.host: said for one in kind if one.waits and one.host not in went}
    return found


def plain(pcs: Iterable[Pc], chosen: Iterable[str]) -> list[str]:
    """Who goes first, a line a kind."""
    went = set(chosen)
    lines = []
    for kind in _kinds(pcs).values():
        mine, rest = [one.host for one in kind if one.host in went], sum(one.waits for one in kind)
        if mine:
            lines.append(f"{_name(kind[0])}: {', '.join(mine)} first, then {rest - len(mine)} more")
    return lines


def _kinds(pcs: Iterable[Pc]) -> dict[tuple[str, ...], list[Pc]]:
    kinds: dict[tuple[str, ...], list[Pc]] = {}
    for one in pcs:
        if one.kind:
            kinds.setdefault(one.kind, []).append(one)
    return kinds


def _name(one: Pc) -> str:
    stack, model, _ = one.kind
    return f"{stack} on {model or 'a GPU without a name'}"
