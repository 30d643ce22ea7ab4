# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the vendors' installers are run without a person, and what their exit codes mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

PNPUTIL = "pnputil"  # Windows' own installer, for an INF file of any vendor
LOG = "{log}"  # the PC puts the path of the installer's log there

# Without a restart, a person and the vendor's own programs around the driver.
_SILENT = {
    "nvidia": ("-s", "-noreboot", "-noeula", "-nofinish", "-nosplash"),
    "amd": ("-install", "-log", LOG),
    "intel": ("-s", "--report", LOG),
}
_OVER_A_NEWER_ONE = {"intel": ("-o",)}


@dataclass(frozen=True)
class Ending:
    """What an exit code means; `code` where it is a failure, `restart` where the driver runs after one only."""

    words: str
    code: str | None = None
    restart: bool = False


_DONE = Ending("installed")
# The vendors' own lists; AMD publishes none. Every other code is a failure of which nothing is known.
_ENDINGS: dict[str, dict[int, Ending]] = {
    "nvidia": {
        0: _DONE,
        1: Ending("installed, and Windows must be restarted", restart=True),
        0xE6000000: Ending("it found no hardware that it is for", "DRIVER_NOT_FOR_PC"),
        0xE6000100: Ending("it does not support this system", "DRIVER_NOT_FOR_PC"),
        0xE4200000: Ending("it is for another Windows, or of the other kind (DCH or standard)", "DRIVER_NOT_FOR_PC"),
    },
    "amd": {0: _DONE},
    "intel": {
        0: _DONE,
        1: Ending("it does not know its arguments"),
        2: Ending("the user of the connection is no administrator"),
        3: Ending("it is for another Windows", "DRIVER_NOT_FOR_PC"),
        5: Ending("it found no device that it is for", "DRIVER_NOT_FOR_PC"),
        7: Ending("it declined to replace a newer driver", "DRIVER_DOWNGRADE"),
        10: Ending("another installation is under way", "DRIVER_BUSY"),
        12: Ending("it had nothing to do"),
        13: Ending("Windows must be restarted before it can go on", restart=True),
        14: Ending("installed, and Windows must be restarted", restart=True),
    },
    PNPUTIL: {
        0: _DONE,
        259: Ending("Windows has a driver already that it holds for no worse"),
        1641: Ending("installed, and Windows restarts", restart=True),
        3010: Ending("installed, and Windows must be restarted", restart=True),
    },
}
_FAILED = {"intel": (1, 2)}
# Windows' own numbers of a program that crashed begin so.
_HIGH = 0x80000000


def ending(way: str, rc: int) -> Ending:
    """What the exit code of a vendor's installer, or of pnputil, means. `rc` may be signed."""
    number = rc & 0xFFFFFFFF
    shown = f"0x{number:08X}" if number >= _HIGH else str(number)
    known = _ENDINGS[way].get(number)
    if known is None:
        return Ending(f"it ended with exit code {shown}, of which nothing is known", "DRIVER_FAILED")
    if known.code or number in _FAILED.get(way, ()):
        return Ending(f"{known.words} (exit code {shown})", known.code or "DRIVER_FAILED")
    return known


def restart_codes(way: str) -> list[int]:
    """The exit codes after which Windows must be restarted."""
    return [rc for rc, one in _ENDINGS[way].items() if one.restart]


def command_line(
    vendor: str, arguments: Sequence[str] | None, packages: Sequence[str], over_a_newer_one: bool = False
) -> str:
    """The arguments of a vendor's installer as Windows takes them: those of the lab, else the silent ones."""
    given = _SILENT[vendor] if arguments is None else tuple(arguments)
    if arguments is None and over_a_newer_one:
        given += _OVER_A_NEWER_ONE.get(vendor, ())
    return " ".join(_quoted(one) for one in (*given, *packages))


def _quoted(argument: str) -> str:
    """An argument as every program of Windows reads it; the log's path may hold blanks."""
    if argument and argument != LOG and not re.search(r'[\s"]', argument):
        return argument
    slashes = re.sub(r'(\\*)"', r'\1\1\\"', argument)
    return '"' + re.sub(r"(\\+)$", r"\1\1", slashes) + '"'
