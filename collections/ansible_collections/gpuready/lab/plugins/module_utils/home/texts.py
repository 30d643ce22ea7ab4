# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's texts, filled in on a Linux PC: how a stack is started, its launcher, the note.

Runs on the PC, under Python 3.9 or later.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .folder import Home


def fill(text: str, **values: object) -> str:
    """The text with each {name} that there is a value of."""
    return re.sub(r"\{(\w+)\}", lambda match: str(values.get(match[1], match[0])), text)


def start_text(home: Home, stack: str, text: str | None, words: Mapping[str, str]) -> str:
    """How a student starts the stack, for this home."""
    return fill(text or words["start"], home=home.path, stack=stack)


def launcher(stack: str, environment: Path, launcher_variable: str, words: Mapping[str, str]) -> str:
    """The script that a student starts."""
    name, _, value = launcher_variable.partition("=")
    visible = fill(words["launcher_visible"], name=name, value=value) if name else ""
    return fill(words["launcher"], stack=stack, environment=shlex.quote(str(environment)), visible=visible)


def note(pointers: Mapping[str, Mapping[str, Any]], words: Mapping[str, str]) -> str | None:
    """The note on the PC; None when there is no stack to speak of."""
    if not pointers:
        return None
    text = words["note"]
    for stack, pointer in sorted(pointers.items()):
        shown = pointer.get("launcher_variable")
        visible = fill(words["note_visible"], visible=shown) if shown else ""
        told = {"start": pointer.get("start"), "python": pointer.get("python"), "visible": visible}
        text += fill(words["note_stack"], stack=stack, **told)
    return text + words["note_end"]
