# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a GPU has the driver that is wanted, and how an installation of it ended. By what the device says alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import reading
from ..evidence.pieces import Pieces
from ..facts import windows_adapters, windows_devices
from ..facts.model import Adapter, at_least
from . import updates
from .endings import Ending, ending

UPDATE = "windows_update"  # the way of what no installer brings


@dataclass(frozen=True)
class Wanted:
    """The driver: `version` is the vendor's own number; `exact`: a newer one is to be replaced by it."""

    id: str
    vendor: str
    version: str
    exact: bool = False
    way: str = ""  # whose exit codes count: the vendor's, or pnputil's; or Windows Update

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.vendor} {self.version}"


@dataclass(frozen=True)
class Failure:
    """What stops it: a code and its cause, and the next step where it is another one than that of the code."""

    code: str
    cause: str
    next_step: str = ""


def adapters(pieces: object) -> tuple[Adapter, ...]:
    """The GPUs in what the PC says of its display devices, read as a look reads them."""
    found = Pieces({"pieces": pieces})
    rows = (found.rows(name) for name in ("video_controllers", "pnp_display", "display_class"))
    return windows_adapters.interpret(windows_devices.gather(*rows), None)[0]


def adapter(pieces: object, wanted: Wanted) -> Adapter | Failure:
    """The GPU that is meant."""
    found = next((one for one in adapters(pieces) if (one.id or "").upper() == wanted.id.upper()), None)
    if found is None:
        return Failure("DRIVER_NO_GPU", f"the PC has no GPU {wanted.id}")
    if found.vendor != wanted.vendor:
        return Failure("DRIVER_NOT_FOR_PC", f"{found.name} is of {found.vendor}, and the driver of {wanted.vendor}")
    return found


def version(one: Adapter) -> str | None:
    """The vendor's own number of the driver that the GPU runs on; None for Windows' basic one, or an unknown."""
    return None if one.basic else one.driver.vendor_version


def is_there(one: Adapter, wanted: Wanted) -> bool | None:
    """Whether the GPU has what is wanted; None where its driver's version is not known."""
    if one.basic or one.status == "no_driver":
        return False
    have = version(one)
    reached = at_least(have, wanted.version)
    if not reached or not wanted.exact:
        return reached
    return at_least(wanted.version, have or "") is True


def stays(one: Adapter, wanted: Wanted) -> str:
    """What a person should know of a driver that is left alone."""
    have = version(one) or "?"
    if at_least(wanted.version, have) is True:
        return f"{one.name} has {have}: nothing is to be done"
    return f"{one.name} has {have}, newer than {wanted.version}: it stays"


def ended(answer: Mapping[str, Any], wanted: Wanted, limit: int) -> tuple[dict[str, Any], Failure | None]:
    """What came of an installer that was run: {version_before, version_after, reboot_required, ...} and what failed."""
    before, after = adapter(answer.get("before"), wanted), adapter(answer.get("after"), wanted)
    was = version(before) if isinstance(before, Adapter) else None
    now = version(after) if isinstance(after, Adapter) else None
    said = {
        "version_before": was,
        "version_after": now,
        "reboot_required": False,
        "others_changed": _others(answer, wanted),
    }
    end = _update(answer, wanted, before) if wanted.way == UPDATE else _installer(answer, wanted, limit)
    if isinstance(end, Failure):
        return said, end
    said["reboot_required"] = end.restart or (isinstance(after, Adapter) and after.status == "restart_needed")
    if isinstance(after, Failure):
        return said, None if said["reboot_required"] else after
    if is_there(after, wanted) or said["reboot_required"]:
        return said, None
    if after.basic is not True and now is None:
        return said, Failure("DRIVER_UNKNOWN", f"the installer ended well, and {after.name} does not tell its version")
    runs = f"{now or 'the basic driver'}, as before" if now == was else f"{now or 'the basic driver'}"
    if wanted.way == UPDATE:
        cause = f"{end.words} by Windows Update, and {after.name} runs on {runs}, which is less than {wanted.version}"
        return said, Failure("DRIVER_NOT_CHANGED", cause)
    cause = f"the installer of {wanted.name} ended well ({end.words}), and {after.name} runs on {runs}"
    return said, Failure("DRIVER_NOT_CHANGED", cause)


def _installer(answer: Mapping[str, Any], wanted: Wanted, limit: int) -> Ending | Failure:
    """How an installer ended."""
    rc = reading.integer(answer.get("installer_rc"))
    if answer.get("timed_out") or rc is None:
        cause = f"the installer did not end within {limit} s and was ended, with all that it had started"
        return Failure("DRIVER_TIME_LIMIT", cause)
    end = ending(wanted.way, rc)
    return Failure(end.code, f"the installer of {wanted.name}: {end.words}") if end.code else end


def _update(answer: Mapping[str, Any], wanted: Wanted, before: Adapter | Failure) -> Ending | Failure:
    """How Windows Update ended."""
    update = reading.section(answer, "update")
    if failed := updates.failure(update, before.name if isinstance(before, Adapter) else wanted.id):
        return Failure(failed.code or "WINDOWS_UPDATE_FAILED", failed.words)
    return Ending(f"{reading.one_line(str(update.get('title')))} is installed", restart=update.get("restart") is True)


def _others(answer: Mapping[str, Any], wanted: Wanted) -> list[str]:
    """Other GPUs whose driver changed with it: of the same vendor, as a rule."""
    was = {one.id: one.driver.version for one in adapters(answer.get("before"))}
    return [
        one.name
        for one in adapters(answer.get("after"))
        if (one.id or "").upper() != wanted.id.upper() and one.id in was and was[one.id] != one.driver.version
    ]
