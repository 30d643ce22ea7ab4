# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What stands in the way of a stack on a PC: each with a code, the cause and the next step."""

from __future__ import annotations

from dataclasses import dataclass

from ..record import Blocker
from ..remedies import catalogue as remedies


@dataclass(frozen=True)
class Problem:
    """`fatal`: this stack cannot run there whatever is done to the PC, so it is no choice at all. Otherwise it is a
    choice that cannot be carried out yet."""

    code: str
    cause: str
    next_step: str
    fatal: bool = False

    def as_dict(self) -> Blocker:
        """A blocker of a plan."""
        return {"code": self.code, "cause": self.cause, "next_step": self.next_step}


def problem(code: str, cause: str, next_step: str = "", fatal: bool = False) -> Problem:
    """A problem with the usual next step of its code, unless one is given that knows more of this PC."""
    return Problem(code, cause, next_step or remedies.remedy(code).next_step, fatal)
