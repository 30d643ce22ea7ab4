# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading records that may hold anything, for reports: a text is one printable line, every value fits JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from .. import contract

SECTIONS = (
    "schema_version",
    "host",
    "simulated",
    "looked_at",
    "facts",
    "plan",
    "apply",
    "training",
    "troubles",
    "verdict",
)
_CODE = re.compile(r"[A-Z][A-Z0-9_]*")
_CHECKS = ("pass", "fail", "unknown", "waived")
_DEPTH = 40


def text(value: object) -> str:
    """A value as one line that can be shown: what cannot be printed, or turns writing around, is replaced by U+FFFD."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and abs(value) < 2**64:
        return str(value)
    if isinstance(value, float):
        return f"{value:g}"
    if not isinstance(value, str):
        return ""
    plain = "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in value)
    return " ".join(plain.split())


def part(value: object, *names: str) -> Mapping[str, Any]:
    """A section within a section; an empty one for what is missing or of another shape."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list; none for what is no list."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def texts(value: object) -> list[str]:
    """The texts of a list that are not empty."""
    return [found for one in value if (found := text(one))] if isinstance(value, list) else []


def clean(value: object, depth: int = 0) -> Any:
    """The value as JSON can hold it: numbers that are not finite as texts, no lone surrogates, nothing too deep."""
    if depth > _DEPTH:
        return None
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) < 2**64 else None
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, str):
        return str(value).encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {str(clean(str(key))): clean(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(inner, depth + 1) for inner in value]
    return clean(str(value))


def fit(record: object, host: str) -> dict[str, Any]:
    """A record as the report's schema has it. A verdict that is none is left out: the caller judges anew."""
    given = {key: clean(value) for key, value in part({"record": record}, "record").items() if key in SECTIONS}
    found = {key: value for key, value in given.items() if value is not None}
    for section in ("facts", "plan", "apply", "training"):
        if not isinstance(found.get(section, {}), dict):
            del found[section]
    if not isinstance(found.get("looked_at", ""), str):
        del found["looked_at"]
    if not (isinstance(found.get("host"), str) and found["host"].strip()):
        found["host"] = clean(host)
    found["schema_version"] = 1
    found["simulated"] = found.get("simulated") is True
    found["troubles"] = [_trouble(one) for one in items(found.get("troubles"))]
    if not _is_verdict(found.get("verdict")):
        found.pop("verdict", None)
    return {key: found[key] for key in SECTIONS if key in found}


def _trouble(given: Mapping[str, Any]) -> dict[str, Any]:
    code = given.get("code")
    known = isinstance(code, str) and _CODE.fullmatch(code)
    return {**given, "code": code if known else "TASK_FAILED", "message": text(given.get("message"))}


def _is_verdict(given: object) -> bool:
    if not isinstance(given, Mapping):
        return False
    state, code = given.get("state"), given.get("code")
    checks = given.get("checks")
    return (
        isinstance(state, str)
        and state in contract.STATES
        and isinstance(code, str)
        and _CODE.fullmatch(code) is not None
        and all(isinstance(given.get(key), str) for key in ("cause", "next_step", "at"))
        and bool(given["cause"])
        and (bool(given["next_step"]) or state in (*contract.READY, "SKIPPED"))
        and isinstance(given.get("reused"), bool)
        and isinstance(given.get("fingerprint"), Mapping | None)
        and isinstance(checks, list)
        and len(items(checks)) == len(checks)
        and all(isinstance(c.get("name"), str) and isinstance(c.get("detail"), str) for c in items(checks))
        and all(c.get("state") in _CHECKS for c in items(checks))
    )
