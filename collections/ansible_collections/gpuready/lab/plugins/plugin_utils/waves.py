# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which PCs each play of a wave is for, decided once for all PCs of a run.

A play for a PC on which it has nothing to do costs Ansible a look at its variables and an expression: a thousand times
that is a minute.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Pc:
    """A PC that has no verdict after its look. `in_turn`: few build at once.

    `waited`: its training is not one to start now; `trains_in_turn`: because few train at once. `driver`: its GPU gets
    a driver first, and what is built then may differ; `guest`: so does a guest of WSL 2, in which it is built. `offer`:
    that guest is for every user, once it is proven.
    """

    host: str
    to_build: bool
    in_turn: bool = False
    waited: bool = False
    trains_in_turn: bool = False
    driver: bool = False
    guest: bool = False
    offer: bool = False


@dataclass(frozen=True)
class Wave:
    """The PCs of each play: to get a driver; a guest, at once or in turn; to build; to start training; to collect."""

    drivers: list[str] = field(default_factory=list)
    guests: list[str] = field(default_factory=list)
    guests_in_turn: list[str] = field(default_factory=list)
    build: list[str] = field(default_factory=list)
    together: list[str] = field(default_factory=list)
    in_turn: list[str] = field(default_factory=list)
    train: list[str] = field(default_factory=list)
    collect: list[str] = field(default_factory=list)
    collect_in_turn: list[str] = field(default_factory=list)
    offer: list[str] = field(default_factory=list)


def gets_driver(plan: Mapping[str, Any]) -> bool:
    """Whether a plan names a driver for a GPU of the PC."""
    return bool(plan.get("driver") or plan.get("other_drivers"))


def waves(pcs: Iterable[Pc], first: Collection[str]) -> tuple[Wave, Wave]:
    """Those that are built before all others, and the rest."""
    found, chosen = (Wave(), Wave()), set(first)
    for pc in pcs:
        wave = found[0 if pc.host in chosen else 1]
        (wave.collect_in_turn if pc.trains_in_turn else wave.collect).append(pc.host)
        if pc.driver:
            wave.drivers.append(pc.host)
        if pc.offer:
            wave.offer.append(pc.host)
        if pc.guest:
            (wave.guests_in_turn if pc.in_turn else wave.guests).append(pc.host)
        if pc.to_build or pc.driver or pc.guest:
            wave.build.append(pc.host)
            (wave.in_turn if pc.in_turn else wave.together).append(pc.host)
        elif not pc.waited:
            wave.train.append(pc.host)
    return found
