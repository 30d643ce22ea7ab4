# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of packages by their names (PyPA's binary distribution format): which of a wheelhouse a PC needs."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SOURCES = (".tar.gz", ".zip", ".tar.bz2")


def normalized(name: str) -> str:
    """A project's name in the one spelling that all its spellings share."""
    return re.sub(r"[-_.]+", "-", name).lower()


def project_of(file: str) -> str | None:
    """The normalized project of a wheel or source archive; None for any other file."""
    if file.endswith(".whl"):
        return normalized(file.split("-")[0]) if file.count("-") >= 4 else None
    for ending in _SOURCES:
        if file.endswith(ending):
            match = re.match(r"(.+?)-\d", file[: -len(ending)])
            return normalized(match.group(1)) if match else None
    return None


def fits(file: str, platform: str, python_version: str) -> bool:
    """Whether a wheel can be for a `windows` or `linux` PC and this Python ("3.10"); source archives always can.

    It only keeps what certainly does not fit from being sent; uv decides.
    """
    if not file.endswith(".whl"):
        return project_of(file) is not None
    tags, abis, platforms = (part.split(".") for part in file[:-4].split("-")[-3:])
    if not any(
        one == "any" or one.startswith("win" if platform == "windows" else ("linux", "manylinux", "musllinux"))
        for one in platforms
    ):
        return False
    if all(re.fullmatch(r"cp3\d+t", abi) for abi in abis):  # for the Python without its lock alone
        return False
    minor = int(python_version.split(".")[1])
    for tag in tags:
        match = re.fullmatch(r"(py|cp)3(\d*)", tag)
        if match is None:
            continue
        least = int(match.group(2) or 0)
        if least == minor or (least < minor and (match.group(1) == "py" or "abi3" in abis)):
            return True
    return False


def wanted(files: Iterable[str], projects: Iterable[str], platform: str, python_version: str) -> list[str]:
    """Files of a wheelhouse that can be meant by the lock's projects."""
    names = {normalized(project) for project in projects}
    return sorted(file for file in files if project_of(file) in names and fits(file, platform, python_version))
