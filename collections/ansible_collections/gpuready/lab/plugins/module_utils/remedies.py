# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every code that gpuready gives: its cause in a sentence and the next step that a technician can take.

Codes are stable: reports, scripts and people refer to them. `match` finds the code that a program's own words stand for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.gpuready.lab.plugins.module_utils import plan_problems
from ansible_collections.gpuready.lab.plugins.module_utils.remedies_gpu import PATTERNS as GPU_PATTERNS
from ansible_collections.gpuready.lab.plugins.module_utils.remedies_gpu import REMEDIES as GPU
from ansible_collections.gpuready.lab.plugins.module_utils.remedies_run import PATTERNS as RUN_PATTERNS
from ansible_collections.gpuready.lab.plugins.module_utils.remedies_run import REMEDIES as RUN


@dataclass(frozen=True)
class Remedy:
    """What a code means and what to do about it."""

    code: str
    cause: str
    next_step: str


_REMEDIES = {
    **{code: Remedy(code, "the plan cannot be carried out", step) for code, step in plan_problems.NEXT_STEPS.items()},
    **{code: Remedy(code, cause, step) for table in (GPU, RUN) for code, (cause, step) in table.items()},
}
_PATTERNS = [(code, re.compile(text, re.IGNORECASE)) for code, text in (*GPU_PATTERNS, *RUN_PATTERNS)]


def codes() -> list[str]:
    """All codes, sorted."""
    return sorted(_REMEDIES)


def remedy(code: str) -> Remedy:
    """The remedy of a code; a code that nobody described still gets a next step."""
    return _REMEDIES.get(code) or Remedy(
        code,
        f"{code.replace('_', ' ').lower()}",
        "Look at the details of this PC in the report, mend what they name, and run again.",
    )


def match(text: str) -> str | None:
    """The code that a program's output stands for, or None. Only codes and fixed English of the programs are looked for."""
    return next((code for code, pattern in _PATTERNS if pattern.search(text)), None)
