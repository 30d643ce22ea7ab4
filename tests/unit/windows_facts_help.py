"""What the tests of the facts of Windows share: a whole PC's evidence, with pieces changed or in error."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from ansible_collections.gpuready.lab.plugins.plugin_utils.facts import windows as windows_facts

# A German Windows 11 Pro with an RTX 4090, everything in order.  Made up, in the shapes of docs/evidence.md.
SAMPLE = json.loads((Path(__file__).resolve().parents[1] / "data/evidence_windows.json").read_text(encoding="utf-8"))


def values() -> dict[str, Any]:
    pieces = copy.deepcopy(SAMPLE["gpuready_evidence"]["pieces"])
    return {name: piece["value"] for name, piece in pieces.items()}


def evidence(changes: dict[str, Any] | None = None, errors: dict[str, str] | None = None) -> dict[str, Any]:
    """The PC with some pieces replaced, and some pieces in error."""
    found = {**values(), **(changes or {})}
    wrong = {name: {"code": code, "message": "…"} for name, code in (errors or {}).items()}
    return {
        "schema_version": 1,
        "platform": "windows",
        "collected_at": "2026-11-23T08:00:00Z",
        "seconds": 2.4,
        "pieces": {name: {"value": value, "error": wrong.get(name)} for name, value in found.items()},
    }


def look(changes: dict[str, Any] | None = None, errors: dict[str, str] | None = None) -> dict[str, Any]:
    return windows_facts.interpret(evidence(changes, errors)).as_dict()


def within(piece: str, **changes: Any) -> dict[str, Any]:
    return {piece: {**values()[piece], **changes}}
