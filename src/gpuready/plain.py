"""Text of others (a PC, an evidence file that came by mail) made fit for a terminal."""

from __future__ import annotations

import json
import re
from typing import Any

_BLANKS = re.compile("[\t\n\r\x0b\x0c\x85\u2028\u2029]")
# What moves the cursor, colours, reverses the line or cannot be written: controls, marks of direction, surrogates.
_CONTROLS = "\x00-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
_REMOVED = re.compile(f"[{_CONTROLS}]")
_ESCAPED = re.compile(f"[{_CONTROLS.replace('\x00-\x1f', '')}]")  # json escapes the others itself
_LINES = re.compile(r"\r?\n")


def clean(text: object) -> str:
    """One line without control characters; a line break or a tab becomes a blank."""
    return _REMOVED.sub("", _BLANKS.sub(" ", str(text)))


def clean_lines(text: str) -> str:
    """The same for text of several lines."""
    return "\n".join(clean(line) for line in _LINES.split(text))


def to_json(document: Any, indent: int | None = None) -> str:
    """JSON of the same meaning that does nothing to a terminal either: controls stand as `\\u009b`."""
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
