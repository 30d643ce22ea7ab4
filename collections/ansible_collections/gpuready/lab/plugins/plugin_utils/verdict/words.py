# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a verdict is put into words, and how what may be garbled is read."""

from __future__ import annotations

import re
from typing import Any

from ..remedies import catalogue as remedies
from ..remedies import troubles

_CODE = re.compile(r"[A-Z][A-Z0-9_]*")


def word(
    state: str, code: str, cause: str = "", next_step: str = "", checks: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    """A verdict; cause and next step are the code's own unless better ones are given."""
    usual = remedies.remedy(code)
    return {
        "state": state,
        "code": code,
        "cause": cause or usual.cause,
        "next_step": "" if state == "READY" else (next_step or usual.next_step or remedies.remedy("").next_step),
        "checks": checks or [],
        "reused": False,
    }


def code_of(value: object) -> str | None:
    """A code as the contract has it, or None."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else None


def text_of(value: object) -> str | None:
    """A text or a number as one line of text, or None."""
    if isinstance(value, bool) or not isinstance(value, str | int) or (isinstance(value, int) and abs(value) >= 2**64):
        return None
    return troubles.one_line(str(value)) or None


def with_detail(cause: str, detail: object, unit: str = "") -> str:
    """The cause, and what the PC itself said about it."""
    said = str(detail) if isinstance(detail, float) else text_of(detail)
    if said and said.lower().startswith(cause.lower()):
        return f"{said}{unit}"
    return f"{cause}: {said}{unit}" if said else cause
