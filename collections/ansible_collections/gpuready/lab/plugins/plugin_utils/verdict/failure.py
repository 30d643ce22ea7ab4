# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A failed task as a trouble of the record."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from .. import reading
from ..record import Trouble
from ..remedies import catalogue as remedies
from ..remedies import troubles

# Of these a failed task may speak though Ansible does not call the PC unreachable.
_WITHOUT_UNREACHABLE = (
    "MODULE_HUNG",
    "OUTPUT_GARBAGE",
    "CONNECTION_SETTINGS",
    "CONTROLLER_LACKS_LIBRARY",
    "TARGET_PYTHON_MISSING",
    "TARGET_POWERSHELL",
    "BECOME_REJECTED",
)
_DETAILS = 15  # lines of a program that are kept
# Certificates of an index are made for months: a clock that is off by less is not why one fails.
_CLOCK = timedelta(days=1)
# How a role, and the connection into a guest, begin what they say: with a code of the catalogue.
_OWN_CODE = re.compile(r"(?:(?:Task|Action) failed: )*([A-Z][A-Z0-9_]+): ")
_ARGUMENTS_OF_A_ROLE = "Validating arguments against arg spec"


def trouble(failure: object, task: str, answered: bool) -> Trouble:
    """The result of a failed task, as its trouble; what a module says of itself is not taken for the way to the PC.

    `answered`: the PC answered earlier in this very run, so that one that is gone now was cut off.
    """
    given = failure if isinstance(failure, dict) else {"msg": str(failure)}
    text = str(given.get("msg") or given.get("stderr") or "the task failed without a word")
    if given.get("code") and given.get("cause"):  # a message of ours: the next step is the verdict's to tell
        text = str(given["cause"])
    words = "\n".join([text, *(str(given[key]) for key in ("module_stdout", "module_stderr") if given.get(key))])
    told = reading.code(given.get("code"))
    if told is None and (match := _OWN_CODE.match(text)) and match[1] in remedies.codes():
        told, text = match[1], text[match.end() :]
    if task.startswith(_ARGUMENTS_OF_A_ROLE):
        told = "BAD_INPUT"
    code = told or _by_words(words, bool(given.get("unreachable")))
    code = troubles.cut_off(code) if answered else code
    step = str(given.get("step") or "apply")
    problem: Trouble = {"code": code, "message": reading.one_line(text), "step": step, "task": task}
    own = given.get("next_step")
    if isinstance(own, str) and own and code == given.get("code") and own != remedies.remedy(code).next_step:
        problem["next_step"] = reading.one_line(own)
    details = given.get("details")
    if isinstance(details, list) and details:
        problem["details"] = [reading.one_line(str(line)) for line in details[-_DETAILS:]]
    return problem


def with_clock(problem: Trouble, record: Mapping[str, Any]) -> Trouble:
    """The trouble, named by the PC's clock where a certificate fails: it holds by the clock of who looks at it."""
    off = _clock_off(record)
    if (
        off is None
        or abs(off) < _CLOCK
        or not (problem["code"] == "INDEX_UNTRUSTED" or "certificate" in problem["message"].lower())
    ):
        return problem
    times = f"the PC's clock is {abs(off).days} days {'behind' if off < timedelta() else 'ahead'}"
    return {**problem, "code": "CLOCK_WRONG", "message": reading.one_line(f"{times}: {problem['message']}")}


def _clock_off(record: Mapping[str, Any]) -> timedelta | None:
    """How far the PC's clock is from the controller's, by the look of this run."""
    said, looked = reading.section(record, "facts").get("collected_at"), record.get("looked_at")
    try:
        pc, ours = (datetime.fromisoformat(str(one).replace("Z", "+00:00")) for one in (said, looked))
        return pc - ours
    except (ValueError, TypeError, OverflowError):  # TypeError: one of them has no time zone
        return None


def _by_words(words: str, unreachable: bool) -> str:
    code = troubles.classify(words)["code"]
    is_of_the_way = remedies.remedy(code).category == "connection"
    believed = unreachable or code in _WITHOUT_UNREACHABLE or "ConnectionPool" in words
    return code if believed or not is_of_the_way else "TASK_FAILED"
