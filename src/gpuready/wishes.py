"""The lab's wishes as options: checked here before anything runs, so that a typing error costs no run."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from gpuready.contract import Contract
from gpuready.errors import GpureadyError
from gpuready.project import Stacks

PREFIX = "gpuready_"
AUTO = "auto"
ANY = "any"


def variables(wishes: Mapping[str, Any], known: Contract, stacks: Stacks) -> dict[str, Any]:
    """Extra variables of wishes by short name (`{"stack": "cuda"}`); those that are None are left out.

    Raises GpureadyError for a wish or value that does not exist, with what exists.
    """
    for name in wishes:
        if name not in known.wishes:
            raise GpureadyError(f"there is no wish {name!r}: the wishes are {', '.join(known.wishes)}")
    given = {PREFIX + name: value for name, value in wishes.items() if value is not None}
    problems = check(given, known, stacks)
    if problems:
        raise GpureadyError(problems[0])
    return given


def meant(word: str, there: Iterable[str], alike: float = 0.6) -> str:
    """`: did you mean X?` where one is close to a word that is none; `alike` is 1 for the same word."""
    close = difflib.get_close_matches(word.strip().lower()[:100], list(there), 1, alike)
    return f": did you mean {close[0]}?" if close else ""


def check(given: Mapping[str, Any], known: Contract, stacks: Stacks) -> list[str]:
    """What is wrong with wishes and counts, a sentence each. Values with templates are not judged."""
    problems = [
        f"{name} is not a wish: the wishes are {', '.join(PREFIX + wish for wish in known.wishes)}"
        f"{meant(name, [PREFIX + one for one in (*known.wishes, *known.variables)])}"
        for name in given
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in (*known.wishes, *known.variables)
    ]
    for name, allowed in known.wishes.items():
        value = given.get(PREFIX + name)
        if name == "stack" and stacks.names:
            allowed = (AUTO, *stacks.names)
        if name == "library" and allowed is not None:
            allowed = tuple(dict.fromkeys((*allowed, *stacks.libraries))) if stacks.names else None
        if value is None or allowed is None or (isinstance(value, str) and ("{{" in value or not value.strip())):
            continue
        if str(value).strip().lower() not in allowed:
            problems.append(
                f"{PREFIX}{name}: {str(value)[:60]!r} is not one of {', '.join(allowed)}{meant(str(value), allowed)}"
            )
    for name in known.counts:
        value = str(given.get(PREFIX + name) or 0).strip()
        if "{{" not in value and not (value.isascii() and value.isdecimal()):
            problems.append(f"{PREFIX}{name}: {value[:60]!r} is not a whole number from 0")
    return problems
