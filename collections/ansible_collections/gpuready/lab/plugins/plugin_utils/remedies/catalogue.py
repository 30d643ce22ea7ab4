# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every code that gpuready gives: its cause in a sentence and the next step that a technician can take.

Codes are stable: reports, scripts and people refer to them. `match` finds the code that a program's words stand for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..evidence import wsl_output
from ..plan import problems as plan_problems
from . import (
    evidence as remedies_evidence,
)
from . import (
    gpu as remedies_gpu,
)
from . import (
    plan as remedies_plan,
)
from . import (
    run as remedies_run,
)
from . import (
    verdict as remedies_verdict,
)
from . import (
    wsl as remedies_wsl,
)

_READ = 20_000  # characters of a longer text that are looked at, at each end
OK, NOTE, WARNING, ERROR = "ok", "note", "warning", "error"


@dataclass(frozen=True)
class Remedy:
    """What a code means and what to do about it.

    `severity`: ok, note (never the cause by itself), warning (the PC still trains or did), error.
    `category`: where it comes from: connection, evidence, plan, apply, training, framework, wsl, verdict.
    """

    code: str
    cause: str
    next_step: str
    severity: str = ERROR
    category: str = "verdict"


_WARNINGS = frozenset(
    ("SLOW", "PASS_STALE", "PASS_TOO_OLD", "SIMULATED", "CHECK_MODE", "NOT_INSTALLED", "NOT_VERIFIED")
)


def _severity(code: str, category: str) -> str:
    if code == "TRAINED":
        return OK
    if code in remedies_wsl.NOTES:
        return NOTE
    return WARNING if code in _WARNINGS or category == "evidence" else ERROR


def _all() -> dict[str, Remedy]:
    """A code that stands in several tables keeps the words of the last; a plan brings its own next steps anyway."""
    plan = {
        code: (remedies_plan.CAUSES.get(code, code.replace("_", " ").lower()), step)
        for code, step in plan_problems.NEXT_STEPS.items()
    }
    tables = (
        ("plan", plan),
        ("evidence", remedies_evidence.REMEDIES),
        ("wsl", {**remedies_wsl.WSL_ERRORS, **remedies_wsl.NOTES, **remedies_wsl.REMEDIES}),
        ("framework", remedies_gpu.REMEDIES),
        ("connection", remedies_run.CONNECTION),
        ("apply", remedies_run.APPLY),
        ("training", remedies_verdict.TRAINING),
        ("verdict", remedies_verdict.VERDICTS),
    )
    return {
        code: Remedy(code, cause, step, _severity(code, category), category)
        for category, table in tables
        for code, (cause, step) in table.items()
    }


def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """In the order of looking: the first that fits names the cause, so what is told apart least comes last."""
    errors = [
        (code, rf"\b{code}\b|{re.escape(wsl_output.ERROR_CODES[code])}\b")
        for code in remedies_wsl.WSL_ERRORS
        if code in wsl_output.ERROR_CODES
    ]
    ordered = (
        *remedies_run.PATTERNS,
        *remedies_wsl.PATTERNS,
        *errors,
        *remedies_gpu.PATTERNS,
        *remedies_gpu.LAST_PATTERNS,
        *remedies_wsl.NOTE_PATTERNS,
    )
    return [(code, re.compile(text, re.IGNORECASE | re.MULTILINE)) for code, text in ordered]


_REMEDIES = _all()
_PATTERNS = _patterns()


def codes() -> list[str]:
    """All codes, sorted."""
    return sorted(_REMEDIES)


def remedy(code: str) -> Remedy:
    """The remedy of a code; a code that nobody described still gets a next step."""
    return _REMEDIES.get(code) or Remedy(
        code,
        code.replace("_", " ").lower() or "no cause was given",
        "Look at the details of this PC in the report, mend what they name, and run again.",
    )


def match(text: str) -> str | None:
    """The code that a program's output stands for, or None. Only codes and fixed English of programs are looked for.

    A code of severity `note` is found only where nothing else is: working systems write such lines too.
    """
    text = text if len(text) <= 2 * _READ else f"{text[:_READ]}\n{text[-_READ:]}"
    return next((code for code, pattern in _PATTERNS if pattern.search(text)), None)
