# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Facts as the plan reads them: whatever is missing, null or of a foreign kind is None here, never an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VENDORS = ("amd", "intel", "nvidia", "other")
STATUSES = ("ok", "restart_needed", "disabled", "no_driver", "failing", "absent", "unknown")

# The GPU of Windows in a WSL guest, where nothing names its vendor.
DXG = "/dev/dxg"
# No size, build or percentage reaches this.
_BEYOND = 2**63


@dataclass(frozen=True)
class Adapter:
    """One GPU of the PC; `position` is where it stands in the list."""

    index: int
    id: str | None
    name: str
    vendor: str
    status: str
    problem_code: int | None
    basic: bool
    driver_version: str | None
    vendor_version: str | None
    memory_bytes: int | None
    integrated: bool | None
    compute_capability: str | None
    driver_model: str | None
    uuid: str | None
    utilization: float | None
    device_id: str | None = None

    def driver(self, linux: bool = False) -> str | None:
        """The driver's version in the numbers of the minimums: NVIDIA's and AMD's own, Intel's of Windows."""
        if self.vendor == "nvidia":
            return self.vendor_version or (self.driver_version if linux else _nvidia_version(self.driver_version))
        if self.vendor == "amd":
            return self.vendor_version or (self.driver_version if linux else None)
        return self.driver_version

    def shown(self) -> str:
        """How a person is told of it."""
        return f"{self.index}: {self.name} ({self.vendor})"

    def as_dict(self) -> dict[str, Any]:
        """The section `adapter` of a plan."""
        return {"index": self.index, "id": self.id, "name": self.name, "vendor": self.vendor}


@dataclass(frozen=True)
class Environment:
    """An environment of ours on the PC."""

    stack: str
    lock_sha256: str
    state: str


@dataclass(frozen=True)
class View:
    """What the plan knows of a PC. None is "not known" throughout; `adapters` is None when nobody could look.

    `passed_on` is the nameless GPU that Windows passes on to a WSL guest.
    """

    family: str | None
    architecture: str | None
    build: int | None
    kind: str | None
    os_name: str
    kernel: str | None
    glibc: str | None
    guest: bool
    virtualization: bool | None
    hypervisor: bool | None
    memory_bytes: int | None
    free_bytes: int | None
    disk_path: str
    adapters: tuple[Adapter, ...] | None
    passed_on: Adapter | None
    dxg: bool | None
    wsl_allowed: bool | None
    wsl_kernel: str | None
    vc_runtime: bool | None
    pending_reboot: bool | None
    environments: tuple[Environment, ...]
    smi_problems: tuple[str, ...] = ()


def version_key(text: str | None) -> tuple[int, ...] | None:
    """A version as numbers to compare: the digits and dots it begins with (`5.15.153.1-microsoft` is 5.15.153.1)."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", text.strip()) if isinstance(text, str) else None
    if found is None or len(found.group(1)) > 60:
        return None
    numbers = [int(part) for part in found.group(1).split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def at_least(have: str | None, need: str) -> bool | None:
    """Whether a version is not below another; None when it cannot be read."""
    left, right = version_key(have), version_key(need)
    return None if left is None or right is None else left >= right


def view(facts: object) -> View:
    """Read facts (docs/records.md); total: no input makes it raise."""
    top = _mapping(facts)
    system, machine, disk = (_mapping(top.get(key)) for key in ("os", "machine", "disk"))
    wsl, pending = _mapping(top.get("wsl")), _mapping(top.get("pending_reboot"))
    adapters = top.get("adapters")
    found = _adapters(adapters) if isinstance(adapters, list) else None
    passed_on = next((one for one in found or () if one.id == DXG and system.get("wsl") is True), None)
    return View(
        family=_text(system.get("family")),
        architecture=_text(system.get("architecture")),
        build=_whole(system.get("build")),
        kind=_text(system.get("kind")),
        os_name=_text(system.get("name")) or "",
        kernel=_text(system.get("kernel")),
        glibc=_text(system.get("glibc")),
        guest=system.get("wsl") is True,
        virtualization=_boolean(machine.get("virtualization")),
        hypervisor=_boolean(machine.get("hypervisor")),
        memory_bytes=_whole(machine.get("memory_bytes")),
        free_bytes=_whole(disk.get("free_bytes")),
        disk_path=_text(disk.get("path")) or "the disk",
        adapters=None if found is None else tuple(one for one in found if one is not passed_on),
        passed_on=passed_on,
        dxg=_boolean(top.get("dxg")),
        wsl_allowed=_boolean(wsl.get("policy_allows")),
        wsl_kernel=_text(wsl.get("kernel")),
        vc_runtime=_boolean(_mapping(top.get("vc_runtime")).get("installed")),
        pending_reboot=_boolean(pending.get("pending")),
        environments=_environments(top.get("environments")),
        smi_problems=_smi_problems(top.get("problems")),
    )


def _smi_problems(items: object) -> tuple[str, ...]:
    """What nvidia-smi complained of, as far as the facts say it."""
    rows = [_mapping(item) for item in items] if isinstance(items, list) else []
    return tuple(_text(row.get("message")) or "" for row in rows if row.get("piece") == "nvidia_smi")


def _adapters(items: list[Any]) -> tuple[Adapter, ...]:
    """Those that are there: an absent device is no candidate. The index is the position in the list of the facts."""
    found = []
    for position, item in enumerate(items):
        if not isinstance(item, Mapping):
            continue
        driver, busy = _mapping(item.get("driver")), _mapping(item.get("busy"))
        vendor, status, index = _text(item.get("vendor")), _text(item.get("status")), _whole(item.get("index"))
        if status == "absent":
            continue
        found.append(
            Adapter(
                index=position if index is None else index,
                id=_text(item.get("id")),
                name=_text(item.get("name")) or "a GPU without a name",
                vendor=vendor if vendor in VENDORS else "other",
                status=status if status in STATUSES else "unknown",
                problem_code=_whole(item.get("problem_code")),
                basic=driver.get("basic") is True,
                driver_version=_text(driver.get("version")),
                vendor_version=_text(driver.get("vendor_version")),
                memory_bytes=_whole(item.get("memory_bytes")),
                integrated=_boolean(item.get("integrated")),
                compute_capability=_text(item.get("compute_capability")),
                driver_model=_text(item.get("driver_model")),
                uuid=_text(item.get("uuid")),
                utilization=_number(busy.get("utilization_percent")),
                device_id=_text(item.get("device_id")),
            )
        )
    return tuple(found)


def _environments(items: object) -> tuple[Environment, ...]:
    found = []
    for item in items if isinstance(items, list) else []:
        item = _mapping(item)
        stack, lock, state = (_text(item.get(key)) for key in ("stack", "lock_sha256", "state"))
        if stack and lock and state:
            found.append(Environment(stack, lock, state))
    return tuple(found)


def _nvidia_version(windows: str | None) -> str | None:
    """NVIDIA's version out of the one of Windows: the last five digits, 32.0.15.7652 -> 576.52."""
    if windows is None or re.fullmatch(r"\d{3}\.\d{2}(\.\d{2})?", windows):
        return windows
    if not re.fullmatch(r"\d{1,4}(\.\d{1,5}){3}", windows):
        return None
    digits = "".join(f"{int(part):04d}" for part in windows.split(".")[2:])[-5:]
    return f"{int(digits[:3])}.{digits[3:]}"


def _mapping(value: object) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    return " ".join(value.split()) or None if isinstance(value, str) else None


def _whole(value: object) -> int | None:
    usable = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _BEYOND
    return value if usable and isinstance(value, int) else None


def _number(value: object) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _BEYOND  # not NaN either
    return float(value) if usable and isinstance(value, int | float) else None


def _boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
