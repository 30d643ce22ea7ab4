"""Tables of what programs say, for tests."""

from __future__ import annotations

import csv
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data"
_ESCAPED = (("\\\\", "\0"), ("\\n", "\n"), ("\\t", "\t"), ("\0", "\\"))


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a table with tabs, their \\\\n, \\\\t and backslashes read."""
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return [
            {key: _plain(value) for key, value in row.items()}
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]


def _plain(text: str) -> str:
    for written, meant in _ESCAPED:
        text = text.replace(written, meant)
    return text
