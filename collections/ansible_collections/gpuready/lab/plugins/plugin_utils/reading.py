# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one tolerant reader of what may be anything: what a PC says, what a program printed, a record that comes back.

Nothing here raises but `parsed`. What is missing or of another kind is None, empty for a collection, and never taken
for "no" or zero. Three families: what a value is (`text` to `number`), what is inside of it (`section`, `items`), and
what of it may be told to people or kept (`said`, `shown`, `as_json`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from . import contract

LARGEST = 2**64  # no number of a PC reaches this
SAID = 300  # characters of what a program said that are kept
_READ = 4_000  # characters of what shall become a line of SAID
_CODE = re.compile(r"[A-Z][A-Z0-9_]*")
_NO = ("n", "no", "f", "false", "off", "0")
_NOT_FINITE = ("nan", "inf", "-inf")
_PARSED_DEPTH, _KEPT_DEPTH = 20, 40
# What Ansible writes before the words of a module.
_FRAME = re.compile(r"^(Task failed: |Action failed: |MODULE FAILURE: (?=\S))+")


# --- what a value is ---


def text(value: object) -> str | None:
    """A text without blanks around it, its lines kept. None for an empty one. Never a NUL or a lone surrogate."""
    if not isinstance(value, str):
        return None
    return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8").strip() or None


def line(value: object) -> str | None:
    """A text in one line: each run of blanks is one blank."""
    plain = text(value)
    return " ".join(plain.split()) or None if plain else None


def code(value: object) -> str | None:
    """A code as the contract has it: upper case, digits and underscores."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else None


def flag(value: object) -> bool | None:
    """True or False themselves; no other value stands for them."""
    return value if isinstance(value, bool) else None


def is_no(value: object) -> bool:
    """Whether someone says no, in a word that Ansible takes for it (a variable given with -e is a text)."""
    return str(value or "no").strip().lower() in _NO


def integer(value: object) -> int | None:
    """An integer below 2**64, also one written as text or with a fraction of nothing."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and len(value) < 24 and value.strip().removeprefix("-").isdecimal() and value.isascii():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and -LARGEST < value < LARGEST else None


def whole(value: object) -> int | None:
    """A size, a count or a position: an integer that is not negative."""
    amount = integer(value)
    return amount if amount is not None and amount >= 0 else None


def number(value: object) -> float | None:
    """A number as a float, the trainer's "nan", "inf" and "-inf" too: who compares asks whether it is finite."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return None
    return float(value) if isinstance(value, str) and value in _NOT_FINITE else None


# --- what is inside ---


def section(value: object, *names: str) -> Mapping[str, Any]:
    """The mapping under these names, one inside the other; an empty one for what is missing or none."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> list[Mapping[str, Any]]:
    """The mappings in a list; none for what is no list."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def parsed(given: str) -> Any:
    """The data of a JSON text, fit to be written again. Raises ValueError: not JSON, not finite, nested too deeply."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    def fit(value: Any, depth: int) -> Any:
        if depth > _PARSED_DEPTH:
            raise ValueError("nested too deeply")
        if isinstance(value, str):
            return value.encode("utf-8", "replace").decode("utf-8")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("not finite")
        if isinstance(value, list):
            return [fit(item, depth + 1) for item in value]
        if isinstance(value, dict):
            return {fit(name, depth): fit(item, depth + 1) for name, item in value.items()}
        return value

    try:
        return fit(json.loads(given, parse_constant=refuse), 0)
    except RecursionError:
        raise ValueError("nested too deeply") from None


# --- what may be told and kept ---


def one_line(given: str, limit: int = SAID) -> str:
    """The words of a program in one printable line without passwords and tokens, at most `limit` characters."""
    given = given[: max(_READ, 4 * limit)]  # what follows searches it more than once
    words = _FRAME.sub("", " ".join("".join(c if c.isprintable() else " " for c in given).split()))
    words = re.sub(r"(?<=://)[^\s'\"]*@(?=[\w\[])", "", words)
    for pattern, instead in contract.SECRETS:
        words = re.sub(pattern, instead, words)
    return words if len(words) <= limit else words[: limit - 1] + "…"


def said(value: object) -> str | None:
    """A text or an integer as `one_line`, to be kept in a record."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    if isinstance(value, int) and abs(value) >= LARGEST:
        return None
    return one_line(str(value)) or None


def shown(value: object) -> str:
    """A value as one line of a report, empty for nothing.

    It hides nothing: what cannot be printed, or turns writing around, is U+FFFD.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and abs(value) < LARGEST:
        return str(value)
    if isinstance(value, float):
        return f"{value:g}"
    if not isinstance(value, str):
        return ""
    if not value.isprintable():
        value = "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in value)
    return " ".join(value.split())


def shown_bytes(value: float) -> str:
    """A number of bytes as a person reads it: what is little is not `0 GiB`."""
    return f"{value / 2**30:.1f} GiB" if value >= 2**30 else f"{value / 2**20:.0f} MiB"


def all_shown(value: object) -> list[str]:
    """Of a list what can be shown, each a line."""
    return [words for one in value if (words := shown(one))] if isinstance(value, list) else []


def as_json(value: object, depth: int = 0) -> Any:
    """The value as JSON can hold it: numbers that are not finite as texts, no lone surrogates, nothing too deep."""
    if depth > _KEPT_DEPTH:
        return None
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) < LARGEST else None
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, str):
        return str(value).encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {str(as_json(str(key))): as_json(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(inner, depth + 1) for inner in value]
    return as_json(str(value))
