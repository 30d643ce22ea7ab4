# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a lab wishes for a PC: inventory variables, checked. The table of them stands in docs/records.md."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .. import contract, reading

EXPERIENCES, LIBRARIES, ENVIRONMENTS = (contract.WORDS[name] for name in ("experience", "library", "environment"))
AUTO = "auto"
PREFIX = "gpuready_"
NAMES = contract.NAMES


class WishError(ValueError):
    """What is wrong with the wishes, in one line that lists the allowed values."""


@dataclass(frozen=True)
class Wishes:
    """The wishes as understood; `adapter` is auto, an index as text, a vendor, or part of a name."""

    experience: str = "beginner"
    library: str = "any"
    environment: str = "any"
    stack: str = AUTO
    adapter: str = AUTO
    knows_linux: bool = False
    prefer: str = "guides"

    def as_dict(self) -> dict[str, Any]:
        """The section `wishes` of a plan."""
        return asdict(self)


def parse(variables: Mapping[str, Any], stacks: Collection[str], libraries: Collection[str] = ()) -> Wishes:
    """Wishes from inventory variables (`gpuready_experience: ...`); variables without the prefix are left alone.

    `stacks` are the names that exist, `libraries` what they bring beside the usual ones. Null and empty mean the
    default. Raises WishError, also for a gpuready_ variable that means nothing, or a count that is none.
    """
    problems: list[str] = []
    given: dict[str, Any] = {}
    for name in NAMES:
        value = variables.get(PREFIX + name)
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        given[name] = value
    brought = tuple(dict.fromkeys((*LIBRARIES, *sorted(libraries))))
    allowed = {**contract.WORDS, "library": brought, "stack": (AUTO, *sorted(stacks))}
    for name, values in allowed.items():
        if name in given:
            given[name] = _choice(name, given[name], values, problems)
    if "knows_linux" in given:
        given["knows_linux"] = _boolean("knows_linux", given["knows_linux"], problems)
    if "adapter" in given:
        given["adapter"] = _adapter(given["adapter"], problems)
    wishes, others = [PREFIX + name for name in NAMES], [PREFIX + name for name in contract.VARIABLES]
    for variable in sorted(str(key) for key in variables):
        if variable.startswith(PREFIX) and variable not in (*wishes, *others):
            near = difflib.get_close_matches(variable, [*wishes, *others], 1, 0.8)
            meant = f"{near[0]} is" if near else f"the wishes are {', '.join(wishes)}"
            problems.append(f"{variable} is not a wish: {meant}")
    for name in contract.COUNTS:
        value = variables.get(PREFIX + name)
        if value not in (None, "") and count(value) is None:
            problems.append(f"{PREFIX}{name}: {str(value)[:60]!r} is not a whole number from 0")
    if problems:
        raise WishError("; ".join(problems))
    return Wishes(**given)


def count(value: object) -> int | None:
    """A variable that is a whole number from 0; 0 for one that is not set, None for what is none."""
    return 0 if value in (None, "") else reading.whole(value)


def _choice(name: str, value: Any, values: Collection[str], problems: list[str]) -> str:
    text = value.strip().lower() if isinstance(value, str) else ""
    if text not in values:
        shown = repr(value) if isinstance(value, str) else str(value)
        problems.append(f"{PREFIX}{name}: {shown[:60]} is not one of {', '.join(values)}")
    return text


def _boolean(name: str, value: Any, problems: list[str]) -> bool:
    text = str(value).strip().lower()
    if text not in (*contract.TRUE, *contract.FALSE):
        problems.append(f"{PREFIX}{name}: {str(value)[:60]!r} is not one of true, false")
    return text in contract.TRUE


def _adapter(value: Any, problems: list[str]) -> str:
    usable = isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)
    if not usable:
        problems.append(f"{PREFIX}adapter: {str(value)[:60]!r} is not one of auto, an index, a vendor, part of a name")
    text = str(value).strip()
    return AUTO if text.lower() == AUTO else text
