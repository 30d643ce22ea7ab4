# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a training ended that did not come to its end: by what it said, how its process ended, and its last words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import reading
from ..record import Word
from ..remedies import catalogue as remedies
from .words import with_detail, word

# What was tried, not why it failed.
_GENERAL = ("INTERPRETER_MISSING", "TRAINING_FAILED", "ENVIRONMENT_BROKEN")
_UNKNOWN = ("TRAINING_FAILED", "CRASHED", "OUTPUT_TRUNCATED")
# Why DirectML finds no adapter stands in its log before that: a library that is missing is the cause.
_BEHIND_NO_ADAPTER = ("D3D12_MISSING", "DXCORE_FAILED", "DIRECTML_MISSING", "GLIBC_TOO_OLD", "NO_DXG")


def died(training: Mapping[str, Any]) -> Word | None:
    """The verdict on a training that did not come to its end, or None for one that says it did and ended so."""
    process, error = reading.section(training, "process"), training.get("error")
    rc, timed_out = process.get("rc"), process.get("timed_out")
    if timed_out:
        return word(
            "NOT_READY", "TIMED_OUT", with_detail(remedies.remedy("TIMED_OUT").cause, process.get("seconds"), " s")
        )
    if training.get("finished") is True and error is None:
        if rc == 0 and not isinstance(rc, bool) and timed_out is False:
            return None
        crash = by_exit(rc)
        if crash is None:
            return word(
                "UNKNOWN",
                "EVIDENCE_INCOMPLETE",
                f"the training says that it ended well, its process does not{_exit(rc)}",
            )
        return _word(crash, _exit(rc))
    said = reading.section(training, "error")
    message = reading.said(said.get("message")) or reading.said(error) or ""
    tail = "\n".join((_tail(process), warned(training)))
    code = _by_words(said, message, tail, rc)
    first = next((line.strip() for line in str(said.get("message") or "").splitlines() if line.strip()), "")
    detail = reading.one_line(first) or message or _last_words(code, _tail(process), rc)
    if code in _UNKNOWN:  # whoever is asked needs to know where that stood
        places = (reading.said(said.get("type")), reading.said(said.get("where")), reading.said(process.get("phase")))
        place = ", ".join(text for text in places if text)
        detail = f"{detail} ({place})" if place else detail
    return _word(code, detail)


def _by_words(said: Mapping[str, Any], message: str, tail: str, rc: object) -> str:
    """The trainer's own code, then the error's own words, the exit code, and the last lines of the log.

    The log comes last: it also holds warnings of trainings that went well.
    """
    own = reading.code(said.get("code"))
    last = _found(tail)
    if own is not None:
        if own in _GENERAL:  # the number in the words says more than what was tried
            return remedies.match(message, "start") or _found(message) or own
        return last if own == "DIRECTML_NO_ADAPTER" and last in _BEHIND_NO_ADAPTER else own
    code = _found(f"{reading.said(said.get('type')) or ''}: {message}") if message or said else None
    exit_code = by_exit(rc)
    if code is None and exit_code in (None, "CRASHED", "KILLED"):
        code = last
    if code == "FRAMEWORK_IMPORT" and last in ("DIRECTML_MISSING", "D3D12_MISSING", "TORCH_MISMATCH"):
        code = last
    if code is None:
        code = exit_code or ("TRAINING_FAILED" if said or message else "OUTPUT_TRUNCATED" if rc == 0 else "CRASHED")
    return code


def warned(training: Mapping[str, Any]) -> str:
    """What the framework warned of."""
    given = training.get("warnings")
    return "\n".join(map(str, given)) if isinstance(given, list) else ""


def _last_words(code: str, tail: str, rc: object) -> str:
    """What is shown beside the cause: the line that named it, or the last line; and the exit code."""
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    telling = next((line for line in lines if remedies.match(line) == code), lines[-1] if lines else "")
    return f"{reading.one_line(telling)}{_exit(rc)}".lstrip(", ")


def _found(text: str) -> str | None:
    code = remedies.match(text)
    return None if code is None or remedies.remedy(code).severity == remedies.NOTE else code


def _tail(process: Mapping[str, Any]) -> str:
    lines = process.get("stderr_tail")
    return "\n".join(map(str, lines)) if isinstance(lines, list) else ""


def by_exit(rc: object) -> str | None:
    """What an exit code says: Windows' exception codes and Linux' signals, however they are written."""
    value = rc
    if isinstance(rc, str):
        try:
            value = int(rc, 0)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    code = value & 0xFFFFFFFF
    if 0x40000000 <= code < 0xFFFF0000:  # what Windows ends a process with; a log-off is 0x40010004
        return remedies.by_number(code) or "CRASHED"
    # as Python (-N) and shells (128 + N) write a signal
    return remedies.by_number(-value if value < 0 else value - 128, "signal")


def _exit(rc: object) -> str:
    return f", exit code {reading.said(rc)}" if reading.said(rc) is not None else ""


def _word(code: str, detail: str) -> Word:
    return word("NOT_READY", code, with_detail(remedies.remedy(code).cause, detail.lstrip(", ")))
