# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lists of GPUs: the oldest that somebody names for something, by vendor, and the chips that came before them.

A stack's YAML says which list is its own (`oldest_gpus`). Some of the chips before still train, so being one of them is
a warning and no verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Oldest:
    """`named` is the oldest of each vendor in `source`; `before` the first and last device ids of what came before."""

    source: str
    named: Mapping[str, str]
    before: Mapping[str, tuple[tuple[int, int], ...]]


OLDEST = {
    # Microsoft gives names, not chips: the ids are from pci.ids, nouveau's, Mesa's and the kernel's lists.
    "directml": Oldest(
        "Microsoft names for DirectML",
        {"amd": "Radeon R5, R7 or R9 200", "intel": "Intel HD Graphics 500", "nvidia": "GeForce GTX 900"},
        {
            "amd": (
                (0x3150, 0x3E54),  # R300 to R400
                (0x4136, 0x5F57),
                (0x6700, 0x677F),  # Cayman, Barts, Turks, Caicos
                (0x6840, 0x684F),
                (0x6880, 0x68FF),  # Evergreen
                (0x7100, 0x72FF),  # R500
                (0x9400, 0x97FF),  # R600, R700 and their chipsets
                (0x9802, 0x980A),  # Wrestler
                (0x9900, 0x99A4),  # Trinity, Richland
            ),
            "intel": (
                (0x0042, 0x016A),  # Ironlake to Ivy Bridge
                (0x0402, 0x0BCF),  # Haswell
                (0x0C02, 0x0F33),  # Haswell, Bay Trail
                (0x1602, 0x163E),  # Broadwell
                (0x22B0, 0x22B3),  # Cherry Trail
                (0x2562, 0x2E93),  # chipsets
                (0xA001, 0xA016),
            ),
            "nvidia": ((0x0020, 0x133F), (0x1380, 0x13BF)),  # to Kepler, and Maxwell's first chips (GTX 750)
        },
    ),
}


def older_than_named(list_name: str, vendor: str, device_id: str | None) -> bool:
    """Whether a GPU of this vendor (amd, intel, nvidia) and device id (four hexadecimal digits) came before a list."""
    try:
        number = int(device_id or "", 16)
    except ValueError:
        return False
    return any(first <= number <= last for first, last in OLDEST[list_name].before.get(vendor, ()))
