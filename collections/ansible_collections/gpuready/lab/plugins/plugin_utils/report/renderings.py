# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of a report: the document itself, and its renderings for people and for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..remedies import page
from . import html, shortened, text

DOCUMENT = "report.json"
RENDERINGS = {
    "csv": ("report.csv", text.table),
    "html": ("report.html", html.page),
    "junit": ("junit.xml", text.junit),
    "md": ("report.md", text.markdown),
    "prom": ("metrics.prom", text.prometheus),
}
_FOR_PEOPLE = {"html", "md"}  # they refer to the page of codes, which lies beside them
NAMES = (*(name for name, _ in RENDERINGS.values()), page.NAME, DOCUMENT)


def files(document: Mapping[str, Any], formats: Iterable[str]) -> dict[str, str]:
    """Name -> text of the asked formats and the document, which is last: a reader that sees it sees the others too."""
    asked = list(formats)
    texts = {RENDERINGS[name][0]: RENDERINGS[name][1](document) for name in asked}
    if set(asked) & _FOR_PEOPLE:
        texts[page.NAME] = page.text()
    return {**texts, DOCUMENT: _json(document)}


def not_among(names: Iterable[str]) -> tuple[str, ...]:
    """The files of other formats, which would contradict these."""
    return tuple(file for file in NAMES if file != DOCUMENT and file not in names)


def _json(document: Mapping[str, Any]) -> str:
    """The document, a line a PC. What many PCs share stands once, under `shared`."""
    hosts, parts = document["hosts"], list[dict[str, Any]]()
    if len(hosts) > shortened.LARGE:
        hosts, parts = shortened.shared(hosts)
    values = {key: _indented(value) for key, value in document.items() if key != "hosts"}
    values |= {"shared": _lines(parts)} if parts else {}
    values["hosts"] = _lines(hosts)
    body = ",\n".join(f" {json.dumps(key)}: {value}" for key, value in values.items())
    return f"{{\n{body}\n}}\n"


def _indented(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False).replace("\n", "\n ")


def _lines(values: Iterable[object]) -> str:
    lines = (json.dumps(one, ensure_ascii=False, allow_nan=False, separators=(",", ":")) for one in values)
    body = ",\n".join(f"  {line}" for line in lines)
    return f"[\n{body}\n ]" if body else "[]"
