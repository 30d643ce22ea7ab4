# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which lock of a stack a GPU gets: the first in the file whose conditions it meets."""

from __future__ import annotations

from ..facts.model import Adapter, at_least, version_key
from ..stacks.model import Target, Variant
from .problems import Problem, problem


def choose_variant(target: Target, adapter: Adapter | None, linux: bool) -> tuple[Variant | None, str, list[Problem]]:
    """The variant and why it, or what is wrong. A condition on something unknown is not met."""
    old: list[tuple[tuple[int, ...], Variant]] = []
    unknown: list[Problem] = []
    capable = False
    for variant in target.variants:
        name = adapter.name if adapter else "the GPU"
        if variant.vendors and (adapter is None or adapter.vendor not in variant.vendors):
            continue
        capability = _capability(variant, adapter)
        if capability is None:
            cause = f"the compute capability of {name} is not known, so no build can be chosen for it"
            unknown.append(problem("COMPUTE_CAPABILITY_UNKNOWN", cause))
            continue
        if not capability:
            continue
        capable = True
        if variant.min_driver is not None:
            have = adapter.driver_number(linux) if adapter else None
            reached = at_least(have, variant.min_driver)
            if reached is None:
                cause = f"the driver version of {name} is not known; {variant.name} needs {variant.min_driver}"
                unknown.append(problem("DRIVER_UNKNOWN", cause))
                continue
            if not reached:
                old.append((version_key(variant.min_driver) or (), variant))
                continue
        return variant, _reason(variant, adapter, linux), []
    if old and not unknown and adapter is not None:
        need = min(old, key=lambda item: item[0])[1].min_driver
        cause = (
            f"the driver {adapter.driver_number(linux)} of {adapter.name} is older than {need}, the least for any build"
        )
        return (
            None,
            "",
            [problem("DRIVER_TOO_OLD", cause, f"Install driver {need} or newer, restart the PC and run again.")],
        )
    if unknown:
        return None, "", unknown[:1]
    if adapter is not None and not capable and adapter.compute_capability:
        cause = f"{adapter.name} has compute capability {adapter.compute_capability}, for which there is no build"
        return None, "", [problem("COMPUTE_CAPABILITY_TOO_LOW", cause, fatal=True)]
    cause = "no lock of this stack is for this GPU"
    return None, "", [problem("NO_SUITABLE_GPU", cause, fatal=True)]


def _capability(variant: Variant, adapter: Adapter | None) -> bool | None:
    """Whether the compute capability lies within the bounds; None when it is not known."""
    low, high = variant.min_compute_capability, variant.max_compute_capability
    if low is None and high is None:
        return True
    have = adapter.compute_capability if adapter else None
    if version_key(have) is None:
        return None
    return (low is None or bool(at_least(have, low))) and (high is None or bool(at_least(high, have or "")))


def _reason(variant: Variant, adapter: Adapter | None, linux: bool) -> str:
    if not variant.note:
        return ""
    have = [f"compute capability {adapter.compute_capability}"] if adapter and adapter.compute_capability else []
    if adapter and variant.min_driver:
        have.append(f"driver {adapter.driver_number(linux)}")
    return f"{variant.note}" + (f" ({', '.join(have)})" if have else "")
