# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Driver versions of Windows, read as their vendors write them."""

from __future__ import annotations

import datetime
import re

# Inbox drivers that only show a picture: their INF files and services have the same names in every language.
_BASIC_INFS = ("display.inf", "basicdisplay.inf", "basicrender.inf", "vga.inf", "msbda.inf")
_BASIC_SERVICES = ("basicdisplay", "basicrender", "vga", "vgasave")
_INBOX_VERSION = re.compile(r"^(?:10\.0|6\.[1-3])\.\d{4,6}(?:\.|$)")
_DOTTED = re.compile(r"^\d{1,5}(?:\.\d{1,6}){3}$", re.ASCII)
# A version as its vendor numbers it, and what one looks like.
_OWN = {
    "nvidia": (re.compile(r"\d{2,3}\.\d{2}", re.ASCII), "560.94"),
    "amd": (re.compile(r"[1-3]\d(?:\.\d{1,2}){2,3}", re.ASCII), "24.3.1"),
    "intel": (re.compile(r"\d{2,3}\.\d{4,5}", re.ASCII), "101.5590"),
}
_ISO_DATE = re.compile(r"^(\d{4})-(\d{2})-(\d{2})(?:T|$)")
_DMTF_DATE = re.compile(r"^(\d{4})(\d{2})(\d{2})\d{6}\.")
_INF_DATE = re.compile(r"^(\d{1,2})-(\d{1,2})-(\d{4})$")


def vendor_version(vendor: str, version: str | None, radeon_software: str | None = None) -> str | None:
    """The version that the vendor and people use, or None when it cannot be had.

    NVIDIA: the last five digits of the last two groups (32.0.15.9636 is 596.36).  Intel: the last two groups
    (31.0.101.2079 is 101.2079; before 2019 the number before the build is that of the driver's branch, 15.5058).  AMD
    has no rule: its installer writes RadeonSoftwareVersion into the driver's key (22.6.1).
    """
    if vendor == "amd":
        return radeon_software
    if version is None or not _DOTTED.match(version):
        return None
    branch, build = version.split(".")[2:]
    if vendor == "nvidia":
        digits = branch[-1] + build.zfill(4)[-4:]
        return f"{int(digits[:3])}.{digits[3:]}"
    return f"{int(branch)}.{int(build)}" if vendor == "intel" else None


def own_version(vendor: str, version: str) -> str | None:
    """The vendor's own version of what is that already, or Windows' of NVIDIA or Intel; None for anything else."""
    pattern, _ = _OWN[vendor]
    return version if pattern.fullmatch(version) else vendor_version(vendor, version)


def example(vendor: str) -> str:
    """What a version looks like as this vendor numbers it."""
    return _OWN[vendor][1]


def is_basic(version: str | None, inf: str | None, service: str | None) -> bool | None:
    """Whether the driver is Windows' own that only shows a picture; None when nothing says which driver it is.

    A vendor's package is installed as oemNN.inf, whatever its version looks like.
    """
    if service and service.lower() in _BASIC_SERVICES:
        return True
    if inf:
        if inf.lower() in _BASIC_INFS:
            return True
        if inf.lower().startswith("oem"):
            return False
    if version:
        return bool(_INBOX_VERSION.match(version))
    return None if service is None else False


def date(*candidates: str | None) -> str | None:
    """The first that is a date, as 2022-06-22.

    Read are the forms that no language changes: ISO, DMTF (CIM) and M-D-YYYY (registry).
    """
    for text in candidates:
        day = _date(text or "")
        if day:
            return day.isoformat()
    return None


def _date(text: str) -> datetime.date | None:
    if match := _ISO_DATE.match(text) or _DMTF_DATE.match(text):
        year, month, day = match.groups()
    elif match := _INF_DATE.match(text):
        month, day, year = match.groups()
    else:
        return None
    try:
        return datetime.date(int(year), int(month), int(day))
    except ValueError:
        return None
