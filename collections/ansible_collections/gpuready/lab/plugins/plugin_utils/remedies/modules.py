# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module that failed on a PC: its own code, else its words, read like those of any program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import reading
from . import catalogue as remedies
from . import uv
from .uv import Explained

_READ = 20_000  # characters of what a module says that are looked at
_OF_UV = ("UV_FAILED", "ENVIRONMENT_TIME_LIMIT")
# Codes of what was tried, with the channels by which the number in the words says why it failed.
_TRIED = {
    **dict.fromkeys(("UV_MISSING", "INTERPRETER_MISSING", "ENVIRONMENT_BROKEN"), ("start", "exit")),
    **dict.fromkeys(("ENVIRONMENT_FAILED", "HOME_NOT_WRITABLE"), ("uv",)),
}


def explain(answer: Mapping[str, Any], usual: str = "ENVIRONMENT_FAILED") -> Explained:
    """What the result of a failed module means; its cause is one line. `usual`: the code where nothing is known."""
    given = reading.code(answer.get("code"))
    details = [str(line)[:_READ] for line in answer.get("details") or []]
    message = uv.scrub(str(answer.get("msg") or "the module failed without a word")[:_READ])
    text = "\n".join(details) or message
    why = remedies.match(message, *_TRIED[given]) if given in _TRIED else None
    if given in _OF_UV or (given == "INTERPRETER_MISSING" and details and why is None):
        return uv.explain(str(answer.get("phase") or ""), text, known=given)
    code = given
    if words := _not_started(answer):
        code, message = remedies.match(words, "start"), words
    elif given is None:  # Ansible's own wrapper, or Windows below it
        words = "\n".join((message, *details, str(answer.get("exception") or "")))
        code = remedies.match(words, "connection") or remedies.match(words, "start", "uv", "program", "wsl") or usual
    remedy = remedies.remedy(why or code or usual)
    last = reading.one_line(next((line for line in reversed(details) if line.strip()), ""))
    if remedy.code == usual and last and last not in message:  # nothing is known of it: its last words tell most
        message = f"{message}: {uv.scrub(last)}"
    return Explained(remedy.code, message, remedy.next_step)


def is_transient(answer: Mapping[str, Any]) -> bool:
    """Whether a module, or the training that it was to start, could not be run for what is often gone later."""
    if trouble := answer.get("trouble"):
        return remedies.remedy(trouble["code"]).transient
    began = not answer.get("failed") and not _not_started(answer)
    return not began and remedies.remedy(explain(answer).code).transient


def _not_started(answer: Mapping[str, Any]) -> str:
    """Why the interpreter of a training could not be started, in its words: the module itself did its work."""
    training = reading.section(answer, "ansible_facts", "gpuready_training")
    if training.get("finished") is not False or training.get("process") is not None:
        return ""
    return uv.scrub(str(reading.section(training, "error").get("message") or "")[:_READ])
