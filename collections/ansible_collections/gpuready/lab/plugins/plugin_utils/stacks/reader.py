# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading a mapping of a YAML file key by key: each mistake is one line with the file, the key and what is wrong."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

_MISSING: Any = object()
_KINDS = {str: "a text", int: "a whole number", bool: "true or false", list: "a list", dict: "a mapping"}


class StackError(ValueError):
    """What is wrong with a stack's file: file, key and cause in one line."""


class Reader:
    """One mapping; `where` is its dotted place in the file. `finish` refuses keys that nobody asked for."""

    def __init__(self, file: str, where: str, data: object) -> None:
        self.file, self.where = file, where
        if not isinstance(data, dict):
            raise StackError(f"{file}: {where or 'the file'}: this is not a mapping of keys")
        self._data: dict[Any, Any] = data
        self._asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return self._data.get(key) is not None

    def _error(self, key: str, text: str) -> StackError:
        place = f"{self.where}.{key}" if self.where else key
        return StackError(f"{self.file}: {place}: {text}")

    def get(self, key: str, kind: type, default: Any = _MISSING) -> Any:
        """The value of a key, of exactly this kind; absent or null is the default."""
        self._asked.add(key)
        value = self._data.get(key)
        if value is None:
            if default is _MISSING:
                raise self._error(key, "is missing")
            return default
        if type(value) is not kind:
            raise self._error(key, f"{str(value)[:40]!r} is not {_KINDS[kind]}" + _hint(value, kind))
        return value

    def text(self, key: str, default: Any = _MISSING) -> str:
        """A text that is not empty, on one line."""
        value = str(self.get(key, str, default))
        if not value.strip() and default is _MISSING:
            raise self._error(key, "is empty")
        return " ".join(value.split())

    def pattern(self, key: str, pattern: str, default: Any = _MISSING) -> str:
        """A text of this form."""
        value = str(self.get(key, str, default))
        if not re.fullmatch(pattern, value):
            raise self._error(key, f"{value[:40]!r} does not look like {pattern}")
        return value

    def positive(self, key: str, default: Any = _MISSING) -> Any:
        """A whole number above zero."""
        value = self.get(key, int, default)
        if value is not None and value <= 0:
            raise self._error(key, f"{value} is not above zero")
        return value

    def version(self, key: str) -> str | None:
        """A version of digits and dots, or null."""
        value = self.get(key, str, None)
        if value is not None and not re.fullmatch(r"\d+(\.\d+)*", value):
            raise self._error(key, f"{value[:40]!r} is not a version of digits and dots")
        return None if value is None else str(value)

    def versions(self, key: str, inner: str) -> str:
        """One version of a mapping of versions."""
        value = Reader(self.file, f"{self.where}.{key}", self.get(key, dict)).version(inner)
        if value is None:
            raise self._error(f"{key}.{inner}", "is missing")
        return value

    def keys_of(self, key: str, allowed: Collection[str]) -> list[str]:
        """The keys of an optional mapping, checked."""
        keys = list(self.get(key, dict, {}))
        for name in keys:
            if name not in allowed:
                raise self._error(key, f"{name} is not one of {', '.join(allowed)}")
        return keys

    def strings(self, key: str, empty: bool = False) -> tuple[str, ...]:
        """A list of texts."""
        values = self.get(key, list, [] if empty else _MISSING)
        if not values and not empty:
            raise self._error(key, "is empty")
        for value in values:
            if not isinstance(value, str) or not value.strip():
                raise self._error(key, f"{str(value)[:40]!r} is not a text")
        if len(set(values)) != len(values):
            raise self._error(key, "has a value twice")
        return tuple(values)

    def choices(self, key: str, allowed: Sequence[str], empty: bool = False) -> tuple[str, ...]:
        """A list of known texts."""
        values = self.strings(key, empty=True)
        if not values and not empty and self._data.get(key) is None:
            raise self._error(key, "is missing")
        for value in values:
            if value not in allowed:
                raise self._error(key, f"{value} is not one of {', '.join(allowed)}")
        return values

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """One known text."""
        value = self.text(key)
        if value not in allowed:
            raise self._error(key, f"{value} is not one of {', '.join(allowed)}")
        return value

    def section(self, key: str) -> Reader:
        """The mapping under a key."""
        return Reader(self.file, f"{self.where}.{key}" if self.where else key, self.get(key, dict))

    def sections(self, key: str, allowed: Collection[str] | None = None) -> list[tuple[str, Reader]]:
        """The mappings of a mapping, in the order of the file; not empty."""
        inner = self.get(key, dict)
        if not inner:
            raise self._error(key, "is empty")
        readers = []
        for name, value in inner.items():
            if not isinstance(name, str) or (allowed is not None and name not in allowed):
                raise self._error(key, f"{name} is not one of {', '.join(allowed or ['a text'])}")
            readers.append(
                (name, Reader(self.file, f"{self.where}.{key}.{name}" if self.where else f"{key}.{name}", value))
            )
        return readers

    def items(self, key: str) -> list[Reader]:
        """A list of mappings, perhaps empty."""
        values = self.get(key, list, [])
        return [Reader(self.file, f"{key}[{number}]", value) for number, value in enumerate(values)]

    def finish(self) -> None:
        """Refuse what is not known here: a misspelt key is a mistake, not a comment."""
        for key in self._data:
            if key not in self._asked:
                raise self._error(str(key), f"is not a key of this place ({', '.join(sorted(self._asked))})")


def _hint(value: object, kind: type) -> str:
    return " (put it in quotes)" if kind is str and isinstance(value, int | float) else ""
