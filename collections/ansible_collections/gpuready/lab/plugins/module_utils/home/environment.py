# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One environment on a Linux PC: its interpreter, its packages, and whether it is whole.

Runs on the PC, under Python 3.9 or later.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .contents import MARKER, json_of
from .damage import damage
from .folder import Trouble
from .program import run_program

ASK = "import json, sys; print(json.dumps({'version': '%d.%d.%d' % sys.version_info[:3], 'prefix': sys.prefix}))"


def interpreter_of(environment: Path) -> Path:
    """The interpreter of an environment."""
    return environment / "bin/python"


def ask(interpreter: Path, why: list[str] | None = None) -> dict[str, Any]:
    """What an interpreter says of itself: {version, prefix}; empty when it does not run, and `why` gets the reason."""
    if not interpreter.exists():
        return {}
    variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    try:
        answer = json.loads(run_program([str(interpreter), "-I", "-c", ASK], "python", 60, variables, None))
    except Trouble as trouble:
        if why is not None:
            why.append(trouble.reason(interpreter))
        return {}
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def distributions(environment: Path) -> list[str]:
    """The packages that are installed in an environment, by their .dist-info folders."""
    return sorted(path.name for path in environment.glob("lib/python*/site-packages/*.dist-info"))


def complete(
    environment: Path, lock_sha256: str, version: str | None = None, check_hashes: bool = False
) -> dict[str, Any]:
    """The marker of an environment that is whole and runs; empty when it must be built (again).

    `version` of Python is that of the marker unless it is given.
    """
    marker = json_of(environment / MARKER)
    if marker.get("complete") is not True or marker.get("lock_sha256") != lock_sha256:
        return {}
    try:
        lost = damage(environment, check_hashes)
    except OSError:  # what cannot be looked through is not whole
        return {}
    if lost is None or lost["count"]:
        return {}
    answer, wanted = ask(interpreter_of(environment)), version or str(marker.get("version"))
    if not is_version(answer.get("version"), wanted):
        return {}
    if os.path.realpath(answer["prefix"]) != os.path.realpath(environment):
        return {}
    return marker


def is_version(version: object, wanted: str) -> bool:
    """Whether `3.10.4` is a `3.10`."""
    return isinstance(version, str) and (version + ".").startswith(wanted + ".")
