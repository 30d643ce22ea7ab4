# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One stack on one target of one PC, weighed with the driver of its GPU and with the one that the lab has for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..facts.model import Adapter
from ..installers.model import Catalogue, Installer
from ..stacks.model import Stack
from . import checks, drivers
from .adapters import Choice, problems
from .checks import Candidate, Situation
from .problems import Problem


def candidate(stack: Stack, name: str, at: Situation) -> Candidate:
    """Weigh a stack on a target; where the lab's drivers.yml matters to its GPU, the blockers and the step say how."""
    today = checks.candidate(stack, name, at)
    adapter, catalogue = today.choice.adapter, at.installers
    offer = drivers.offer(catalogue, adapter, at.facts) if today.possible else None
    if offer is None or adapter is None or catalogue is None:
        return today
    why, installer = offer.refused, offer.installer
    if installer is None:
        return _changed(today, lambda one: drivers.refused(one, why) if why and one.code in drivers.MENDED else one)
    there = Choice(drivers.with_installer(adapter, installer), today.choice.reason)
    then = checks.candidate(stack, name, at, there)
    trouble, after = _trouble(today), _trouble(then)
    if trouble is None:
        return _pinned(today, then, catalogue, installer, at)
    if after is not None and trouble.code != drivers.UNKNOWN:
        return _changed(today, lambda one: drivers.not_enough(catalogue, installer, one, after))
    if trouble.code == drivers.UNKNOWN or not at.drivers_automated:
        changed = _changed(today, lambda one: drivers.by_hand(catalogue, installer, one, at.drivers_automated))
        has = f"{trouble.cause}; the lab has {drivers.told(catalogue, installer)} for it"
        return replace(changed, driver_reason=has)
    reason = f"{trouble.cause}; it gets {drivers.told(catalogue, installer)}"
    return replace(_with(today, then, installer, reason), driver_required=True)


def _pinned(today: Candidate, then: Candidate, catalogue: Catalogue, installer: Installer, at: Situation) -> Candidate:
    """A GPU whose driver would do: only an entry that is pinned changes it, and to an older one only if asked."""
    adapter = today.choice.adapter
    if adapter is None or not installer.pinned:
        return today
    if at.drivers_automated and _pin_moves(installer, adapter, at) and _trouble(then) is None:
        have = adapter.driver.vendor_version or adapter.driver.version
        told = drivers.told(catalogue, installer)
        return _with(today, then, installer, f"{adapter.name} has {have} and is pinned to {told}")
    remark = drivers.pinned(catalogue, installer, adapter)
    return replace(today, warnings=(*today.warnings, remark)) if remark else today


def _pin_moves(installer: Installer, adapter: Adapter, at: Situation) -> bool:
    """Whether a GPU whose driver would do gets the pinned one."""
    back = at.downgrade and not installer.windows_update and drivers.older(installer, adapter)
    return bool(drivers.newer(installer, adapter)) or back


def _with(today: Candidate, then: Candidate, installer: Installer, reason: str) -> Candidate:
    """The candidate as it is once the driver runs, of the GPU that is in the PC today."""
    return replace(then, choice=today.choice, driver=installer, driver_reason=reason)


def _trouble(one: Candidate) -> Problem | None:
    """What is wrong with the driver."""
    return next((found for found in one.problems if found.code in (*drivers.MENDED, drivers.UNKNOWN)), None)


def _changed(today: Candidate, change: Callable[[Problem], Problem]) -> Candidate:
    """The candidate with what is wrong with its driver said in another way."""
    codes = (*drivers.MENDED, drivers.UNKNOWN)
    return replace(today, problems=tuple(change(one) if one.code in codes else one for one in today.problems))


@dataclass(frozen=True)
class Other:
    """The driver of a GPU beside the planned one: the installer, or without one why it keeps what it has."""

    adapter: Adapter
    installer: Installer | None
    reason: str


def others(chosen: Candidate, at: Situation) -> list[Other]:
    """What the lab has for the GPUs that were not chosen, each measured as if it were; nothing for one that is well."""
    if at.installers is None or not at.drivers_automated or not at.all_drivers:
        return []
    mine = chosen.choice.adapter
    there = [one for one in at.facts.gpus or () if one is not mine and one.status not in ("disabled", "absent")]
    return [found for one in there if (found := _other(one, chosen, at, at.installers)) is not None]


def _other(adapter: Adapter, chosen: Candidate, at: Situation, catalogue: Catalogue) -> Other | None:
    offer = drivers.offer(catalogue, adapter, at.facts)
    if offer is None:
        return None
    need = chosen.stack.targets[chosen.target].min_drivers.get(adapter.vendor)

    def wrong(one: Adapter) -> Problem | None:
        found = [unmet for unmet in problems(one) if unmet.code in drivers.MENDED]
        if not found and need is not None:
            found = checks.driver_problem(one, need, chosen.stack.name, linux=False)
        return found[0] if found else None

    today, installer = wrong(adapter), offer.installer
    if installer is None:
        return Other(adapter, None, drivers.refused(today, offer.refused).cause) if today and offer.refused else None
    told, newer = drivers.told(catalogue, installer), drivers.newer(installer, adapter)
    if today is None and not (installer.pinned and _pin_moves(installer, adapter, at)):
        return None
    if today is not None and (newer is None or today.code == drivers.UNKNOWN):
        return Other(adapter, None, f"{today.cause}; whether {told} is newer is not known")
    after = wrong(drivers.with_installer(adapter, installer))
    if after is not None:
        return Other(adapter, None, f"{(today or after).cause}; the lab has at best {told}, which is too old")
    have = adapter.driver.vendor_version or adapter.driver.version
    why = f"{today.cause}; it gets {told}" if today else f"{adapter.name} has {have} and is pinned to {told}"
    return Other(adapter, installer, why)
