# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Facts: what the evidence of a PC means (docs/records.md)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .. import reading
from ..evidence import limits
from ..evidence.pieces import Pieces
from ..reading import section
from . import linux, windows
from .model import Facts, Problem


def simulated(evidence: dict[str, Any]) -> bool | None:
    """Whether the PC says that it is a simulated one; None when that could not be read."""
    inside = section(evidence, "guest", "value", "pieces", "marker", "value")
    if inside.get("simulated") is True:
        return True
    pieces = Pieces(evidence)
    if not pieces.known("marker"):
        return None
    marker = pieces.value("marker")
    return False if marker is None else section(marker).get("simulated") is True or None


def interpret(evidence: dict[str, Any]) -> Facts:
    """The facts of EVIDENCE (docs/evidence.md).  Never raises for what stands in the pieces; it becomes a problem."""
    guest = evidence.get("guest")
    facts = _side({name: value for name, value in evidence.items() if name != "guest"})
    if facts.os.family != "windows" or not isinstance(guest, dict):
        return facts
    error = section(guest, "error")
    if error:
        told = Problem("guest", reading.code(error.get("code")) or "NO_EVIDENCE", reading.line(error.get("message")))
        return replace(facts, problems=(*facts.problems, told))
    inside = dict(section(guest, "value"))
    pieces = dict(section(inside, "pieces"))
    # wsl.exe led there, whatever kernel it has and whether it may start programs of Windows.
    pieces["wsl"] = {"value": {**section(pieces, "wsl", "value"), "interop": True}, "error": None}
    return replace(facts, guest=_side({**inside, "pieces": pieces}))


def _side(evidence: dict[str, Any]) -> Facts:
    """Each side may say as much as any PC."""
    evidence, cuts = limits.fit(evidence)
    facts = linux.interpret(evidence) if evidence.get("platform") == "linux" else windows.interpret(evidence)
    said = tuple(Problem(cut.partition(":")[0], "CUT", cut) for cut in cuts)
    return replace(facts, problems=facts.problems + said)
