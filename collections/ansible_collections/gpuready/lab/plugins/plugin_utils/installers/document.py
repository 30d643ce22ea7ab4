# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A YAML file that people write, as mappings, lists and texts that know their lines; every mistake with its line.

A value is the text as it stands: the version 560.90 is no number here that loses its zero. What a catalogue never
needs, and a hostile file is made of (anchors, tags, depth, size), is refused before anything is built of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from .. import reading

_LARGEST = 2**20  # characters
_DEEPEST = 6
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_YAML = "tag:yaml.org,2002:"
_PLAIN = {_YAML + name for name in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "value", "merge")}


@dataclass(frozen=True)
class Mistake:
    """What is wrong, where, and what to do: `line` counts from 1 and is 0 for the whole file; `entry` is an id."""

    line: int
    text: str
    entry: str = ""

    def shown(self, file: str) -> str:
        """In one line."""
        place = [file, *([f"line {self.line}"] if self.line else []), *([self.entry] if self.entry else [])]
        return reading.shown(": ".join([*place, self.text]))


@dataclass(frozen=True)
class Value:
    """A text, a list of values, or a mapping of keys to values; None for nothing. `line` is its key's, or its own."""

    line: int
    content: str | list[Value] | dict[str, Value] | None


def read(text: str) -> tuple[Value | None, list[Mistake]]:
    """The file's content, or None with what is wrong with the file as a whole; mistakes within it beside a content."""
    if len(text) > _LARGEST:
        return None, [Mistake(0, f"it has more than {_LARGEST} characters: no lab has so many installers")]
    try:
        if refused := _refused(text):
            return None, refused
        node = yaml.compose(text, _LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or "this is not YAML"
        return None, [Mistake(mark.line + 1 if mark else 0, f"{what}: mend the YAML of this line")]
    except (ValueError, RecursionError):
        return None, [Mistake(0, "this is not YAML: write it as docs/drivers.md shows")]
    mistakes: list[Mistake] = []
    return (_built(node, mistakes) if node is not None else None), mistakes


def _refused(text: str) -> list[Mistake]:
    depth = 0
    for event in yaml.parse(text, _LOADER):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            return [Mistake(line, "an anchor or alias (& or *): write each entry out")]
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                return [Mistake(line, "nested too deeply: write it as docs/drivers.md shows")]
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return []


def _built(node: Any, mistakes: list[Mistake]) -> Value:
    line = node.start_mark.line + 1
    if node.tag not in _PLAIN:
        mistakes.append(Mistake(line, f"a tag ({node.tag[:40]}): write the value alone"))
        return Value(line, None)
    if isinstance(node, yaml.SequenceNode):
        return Value(line, [_built(one, mistakes) for one in node.value])
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Value] = {}
        for key, value in node.value:
            at = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                mistakes.append(Mistake(at, "a key that is no word: see docs/drivers.md"))
                continue
            if key.value in mapping:
                first = mapping[key.value].line
                mistakes.append(Mistake(at, f"{key.value[:40]}: stands in line {first} already: keep one"))
            mapping[key.value] = Value(at, _built(value, mistakes).content)
        return Value(line, mapping)
    nothing = node.tag == _YAML + "null" or not node.value.strip()
    return Value(line, None if nothing else node.value.strip())
