# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a verdict is put into words."""

from __future__ import annotations

from .. import reading
from ..record import CheckResult, Word
from ..remedies import catalogue as remedies


def word(state: str, code: str, cause: str = "", next_step: str = "", checks: list[CheckResult] | None = None) -> Word:
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


def with_detail(cause: str, detail: object, unit: str = "") -> str:
    """The cause, and what the PC itself said about it."""
    said = str(detail) if isinstance(detail, float) else reading.said(detail)
    if said and said.lower().startswith(cause.lower()):
        return f"{said}{unit}"
    return f"{cause}: {said}{unit}" if said else cause
