# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A failed task as a trouble of the record."""

from __future__ import annotations

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
_GONE = ("HOST_OFF", "PORT_CLOSED", "CONNECT_TIMEOUT")
_DETAILS = 15  # lines of a program that are kept
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
    if task.startswith(_ARGUMENTS_OF_A_ROLE):
        told = "BAD_INPUT"
    code = told or _by_words(words, bool(given.get("unreachable")))
    if answered and code in _GONE:
        code = "CONNECTION_CUT"
    step = str(given.get("step") or "apply")
    found: Trouble = {"code": code, "message": reading.one_line(text), "step": step, "task": task}
    details = given.get("details")
    if isinstance(details, list) and details:
        found["details"] = [reading.one_line(str(line)) for line in details[-_DETAILS:]]
    return found


def _by_words(words: str, unreachable: bool) -> str:
    code = troubles.classify(words)["code"]
    is_of_the_way = remedies.remedy(code).category == "connection"
    believed = unreachable or code in _WITHOUT_UNREACHABLE or "ConnectionPool" in words
    return code if believed or not is_of_the_way else "TASK_FAILED"
