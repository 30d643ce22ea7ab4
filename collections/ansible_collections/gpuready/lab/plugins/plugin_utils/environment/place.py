# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether gpuready's folder lies where an environment can work: told before anything is built there.

The account's temporary folder is not asked about: uv has its own in gpuready's folder, and a training none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .. import reading
from ..reading import shown
from .sources import RequestError

# What lies below an environment: TensorFlow's packages have paths of 150 letters and more, and Windows ends at 260.
# With LongPathsEnabled uv and python.exe go further; Windows PowerShell, which looks through the environment, does not.
_BELOW = 190
_MOST = 260
_SYNCHRONIZED = re.compile(
    r"(?:^|[\\/])((?:OneDrive|Dropbox|Creative Cloud Files)[^\\/]*|Google ?Drive|My Drive|iCloud ?(?:Drive|Photos)"
    r"|Nextcloud|ownCloud|pCloud ?Drive|MEGA(?:sync)?|Box(?: Sync)?)(?:[\\/]|$)",
    re.IGNORECASE,
)
_WINDOWS_DRIVE = re.compile(r"/mnt/[a-z](?:/|$)")


def unsuitable(
    home: object, windows: bool, planned: Mapping[str, Any], facts: Mapping[str, Any]
) -> RequestError | None:
    """Why a folder does not suit; None for one that does. `facts`: the PC's.

    Where none is given it is the usual one: on Windows that suits, on Linux it may be in a user's own folder, and the
    facts say where that lies.
    """
    if not home and not windows:
        home = reading.section(facts, "disk").get("path")
    if not isinstance(home, str) or not home:
        return None
    if match := _SYNCHRONIZED.search(home):
        cause = f"python_environment_home lies in {match[1]}, which moves files away: {shown(home)}"
        return RequestError("CACHE_LINKS", cause)
    if windows and len(home) + _BELOW > _MOST:
        most = _MOST - _BELOW
        cause = f"python_environment_home has {len(home)} letters, and {most} are the most: {shown(home)}"
        return RequestError(
            "PATH_TOO_LONG", cause, f"Set python_environment_home to a folder of at most {most} letters."
        )
    if not windows and reading.section(facts, "os").get("wsl") is True and _WINDOWS_DRIVE.match(home):
        cause = f"python_environment_home lies on a drive of Windows, not in the distribution: {shown(home)}"
        return RequestError("PATH_OF_WINDOWS", cause)
    if windows and not home.isascii() and planned.get("ascii_paths") is True:
        letters = "".join(dict.fromkeys(letter for letter in home if not letter.isascii()))
        whose = shown(planned.get("framework"))
        cause = f"{whose} loads no library from a path with {letters!r}, as python_environment_home has: {shown(home)}"
        return RequestError("PATH_LETTERS", cause)
    return None
