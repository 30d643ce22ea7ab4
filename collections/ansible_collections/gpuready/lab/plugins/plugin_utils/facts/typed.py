# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Dataclasses from JSON and back, by the types of their fields: what is missing or of another kind is None or empty.

A field may be a text, a whole number, a boolean, a mapping, a Literal (whose last word stands for what is none of
them), another dataclass, or a tuple of one of these; each may be None.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal

from .. import reading


def as_json(value: Any) -> Any:
    """A value of such a class as JSON: fields are keys, tuples are lists."""
    if is_dataclass(value):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    return [as_json(one) for one in value] if isinstance(value, tuple) else value


@functools.cache
def _types(cls: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def preload(kind: Any, known: tuple[Any, ...] = ()) -> None:
    """Find the types of a class and of those within: once, for all processes that are forked later."""
    for one in (*typing.get_args(kind), *(_types(typing.cast(Any, kind)).values() if is_dataclass(kind) else ())):
        if one not in known:
            preload(one, (*known, kind))


def read[T](cls: type[T], value: object) -> T:
    """One of a class from JSON, each field by its type."""
    given, kinds = reading.section(value), _types(typing.cast(Any, cls))
    return cls(**{name: _field(kind, given.get(name)) for name, kind in kinds.items()})


_READERS: dict[Any, Callable[[object], Any]] = {
    str: reading.line,
    int: reading.whole,
    bool: reading.flag,
    types.NoneType: lambda _: None,
}


def _field(kind: Any, value: object) -> Any:
    """The value of a field: None, or empty where the type has no None, for what is of another kind."""
    origin, of = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType or origin is typing.Union:
        return next((fitting for one in of if _fits(one, value) and (fitting := _field(one, value)) is not None), None)
    if origin is Literal:
        return value if isinstance(value, str) and value in of else of[-1]
    if origin is tuple:
        values = value if isinstance(value, list) else []
        fitting = (_field(of[0], one) for one in values if _fits(of[0], one))
        return tuple(one for one in fitting if one is not None)
    if origin is Mapping:
        return dict(reading.section(value))
    return _READERS[kind](value) if kind in _READERS else read(kind, value)


def _fits(kind: Any, value: object) -> bool:
    """Whether JSON has the shape of a type: a list or an object, where it is one."""
    if typing.get_origin(kind) is tuple:
        return isinstance(value, list)
    return isinstance(value, Mapping) or not (is_dataclass(kind) or typing.get_origin(kind) is Mapping)
