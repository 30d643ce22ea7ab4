# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How work on a PC's environment ended: the record's section `apply`, and a failure in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..record import Apply
from ..remedies import modules
from ..remedies import uv as uv_output
from .packages import told
from .sources import RequestError

_MOST_LINES = 15
_READ = 2_000  # characters of a line that the PC says


def section(before: Mapping[str, Any] | None, answer: Mapping[str, Any], seconds: float) -> Apply:
    """The record's `apply`: building, and a switch after it, are one piece of work."""
    before = before or {}
    built = bool((before.get("environment") or {}).get("built"))
    environment = dict(answer.get("environment") or {})
    environment["built"] = bool(environment.get("built")) or built
    apply: Apply = {
        "changed": bool(answer.get("changed")) or bool(before.get("changed")),
        "environment": environment,
        "home": answer.get("home"),
        "switched": bool(answer.get("switched")) or bool(before.get("switched")),
        "seconds": round(seconds + float(before.get("seconds") or 0), 1),
    }
    if "driver" in before:
        apply["driver"] = before["driver"]
    if "other_drivers" in before:
        apply["other_drivers"] = before["other_drivers"]
    if "keep_old" in before:
        apply["keep_old"] = before["keep_old"]
    if "offer" in before:
        apply["offer"] = before["offer"]
    return apply


def refused(error: RequestError) -> dict[str, Any]:
    """The result of a task that asks for what cannot be asked."""
    told = {"failed": True, "changed": False, "code": error.code, "msg": str(error)}
    return {**told, "next_step": error.next_step} if error.next_step else told


def failure(answer: Mapping[str, Any], ways: list[dict[str, Any]] | None = None) -> dict[str, Any] | None:
    """The result of a task whose module failed or could not be run; None of one that did well.

    uv's words are read here. `ways`: those to the packages that were asked for.
    """
    if trouble := answer.get("trouble"):
        return refused(RequestError(trouble["code"], trouble["message"]))
    if not answer.get("failed"):
        return None
    code, lines = answer.get("code"), [str(line) for line in answer.get("details") or []]
    if code == "UV_FAILED" and answer.get("failures"):
        lines = told(list(answer["failures"]), ways or [])
    details = [uv_output.scrub(line[:_READ]) for line in lines]
    explanation = modules.explain({**answer, "details": details})
    failed = refused(
        RequestError(explanation.code, explanation.line if explanation.code != code else explanation.cause)
    )
    failed |= {"cause": explanation.cause, "next_step": explanation.next_step}
    return {**failed, "details": details[-_MOST_LINES:], "notes": answer.get("notes") or []}
