# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Facts: what the evidence of a PC means (docs/records.md)."""

from __future__ import annotations

from typing import Any

from . import linux, windows
from .model import Facts


def interpret(evidence: dict[str, Any]) -> Facts:
    """The facts of EVIDENCE (docs/evidence.md).  Never raises for what stands in the pieces; it becomes a problem."""
    if evidence.get("platform") == "linux":
        return linux.interpret(evidence)
    return windows.interpret(evidence)
