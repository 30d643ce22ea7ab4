# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Adapters that are no hardware: they compute on the processor, whatever the framework calls them."""

from __future__ import annotations

import re

# Windows' own (WARP), Mesa's and Google's; none of these names is translated.
_NAMES = re.compile(
    r"basic render|basic display|\bwarp\b|software (?:adapter|rasterizer|device)|llvmpipe|lavapipe|softpipe|swiftshader"
    r"|\bswrast\b|\bpocl\b",
    re.IGNORECASE,
)
# DXGI's and DXCore's numbers of the Basic Render Driver.
_NUMBERS = (("1414", "008c"),)


def is_software(name: object, vendor_id: object = None, device_id: object = None) -> bool:
    """Whether an adapter is software, by its name or by its numbers (hexadecimal digits)."""
    numbers = tuple(part.lower() if isinstance(part, str) else None for part in (vendor_id, device_id))
    return numbers in _NUMBERS or (isinstance(name, str) and _NAMES.search(name) is not None)
