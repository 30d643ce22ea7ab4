# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What this PC's pip is told, as it stands: its files and variables. The controller reads them.

Runs on the PC, under Python 3.9 or later.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .contents import text_of


def said(variables: Mapping[str, str]) -> dict[str, Any]:
    """{files: texts, the one that wins last; variables: those that begin with PIP_}."""
    texts = []
    for file in files(variables):
        with suppress(OSError):  # pip says so itself; one that may not be read is no reason not to go on without it
            texts.append(text_of(file))
    own = {name: value for name, value in variables.items() if name.startswith("PIP_")}
    return {"files": [text for text in texts if text is not None], "variables": own}


def files(variables: Mapping[str, str]) -> list[Path]:
    """The configuration files that pip reads, the one that wins last."""
    own = variables.get("PIP_CONFIG_FILE", "")
    if own == os.devnull:
        return []
    user = Path(variables.get("HOME") or "/")
    paths = [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf"), user / ".pip/pip.conf"]
    paths += [
        Path(variables.get("XDG_CONFIG_HOME") or user / ".config") / "pip/pip.conf",
        Path(sys.prefix) / "pip.conf",
    ]
    return [*paths, Path(own)] if own else paths
