# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a PC is. The interpreters build it, the plan reads it, and a record holds it as JSON (docs/records.md).

The fields are the keys of the JSON. None is "not known" throughout. `Facts.of` takes facts that come back, from a fact
cache or a report: whatever is missing or of another kind is None there, never an error.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from .. import reading
from ..hardware import drivers, pci
from ..hardware.pci import Vendor
from . import typed

# The last word stands for what is none of them.
Status = Literal["ok", "restart_needed", "disabled", "no_driver", "failing", "absent", "unknown"]
EnvironmentState = Literal["current", "old", "building"]
VENDORS: tuple[Vendor, ...] = typing.get_args(Vendor)

# The GPU of Windows in a WSL guest, where nothing names its vendor.
DXG = "/dev/dxg"


@dataclass(frozen=True)
class Driver:
    """The driver of a GPU. `basic`: Microsoft's, or none, which only shows a picture."""

    version: str | None = None
    vendor_version: str | None = None
    provider: str | None = None
    date: str | None = None
    basic: bool | None = None


@dataclass(frozen=True)
class Busy:
    """What a GPU does now."""

    utilization_percent: int | None = None
    memory_used_bytes: int | None = None


@dataclass(frozen=True)
class Adapter:
    """A GPU that can be meant for training; `index` is where it stands in the list."""

    index: int
    id: str | None
    vendor: Vendor
    vendor_id: str | None
    device_id: str | None
    name: str
    memory_bytes: int | None
    driver: Driver
    status: Status
    problem_code: int | None = None
    integrated: bool | None = None
    compute_capability: str | None = None
    driver_model: str | None = None
    cuda_version: str | None = None
    uuid: str | None = None
    mig_instances: int | None = None  # of a GPU that is cut up by MIG; None where it is whole, or not known
    busy: Busy | None = None

    @property
    def paravirtual(self) -> bool:
        """Whether this is a host's GPU in a virtual machine (GPU-P): its number says nothing of the chip."""
        return (self.vendor_id, self.device_id) == pci.PASSED_ON

    @property
    def basic(self) -> bool:
        """Whether it is known to run on a basic display driver."""
        return self.driver.basic is True

    def driver_number(self, linux: bool = False) -> str | None:
        """The driver's version in the numbers of the minimums: NVIDIA's and AMD's own, Intel's of Windows."""
        version, vendor_version = self.driver.version, self.driver.vendor_version
        if self.vendor == "nvidia" and not linux:
            is_own = re.fullmatch(r"\d{3}\.\d{2}(\.\d{2})?", version or "")
            return vendor_version or (version if is_own else drivers.vendor_version("nvidia", version))
        if self.vendor in ("nvidia", "amd"):
            return vendor_version or (version if linux else None)
        return version

    def shown(self) -> str:
        """How a person is told of it."""
        return f"{self.index}: {self.name} ({self.vendor})"


@dataclass(frozen=True)
class IgnoredAdapter:
    """A display device that is no GPU for training."""

    name: str | None
    id: str | None
    reason: str | None


@dataclass(frozen=True)
class LinuxDistribution:
    """Whose Linux it is."""

    id: str | None = None
    version: str | None = None


@dataclass(frozen=True)
class System:
    """The operating system; `wsl` is true inside a WSL guest."""

    family: str | None = None
    name: str | None = None
    version: str | None = None
    build: int | None = None
    revision: int | None = None  # what Windows' updates raise: 4602 of 22631.4602
    kind: str | None = None
    architecture: str | None = None
    language: str | None = None
    kernel: str | None = None
    glibc: str | None = None
    distribution: LinuxDistribution | None = None
    wsl: bool | None = None
    boot_time: str | None = None
    computer_name: str | None = None  # its own, whatever the inventory calls it


@dataclass(frozen=True)
class Machine:
    """The hardware but for its GPUs."""

    manufacturer: str | None = None
    model: str | None = None
    memory_bytes: int | None = None
    processor: str | None = None
    logical_processors: int | None = None
    virtualization: bool | None = None
    hypervisor: bool | None = None


@dataclass(frozen=True)
class Disk:
    """The disk that would hold the environments."""

    path: str | None = None
    free_bytes: int | None = None
    total_bytes: int | None = None


@dataclass(frozen=True)
class WslDistribution:
    """A distribution of the user that Ansible logs on as."""

    name: str | None
    state: str | None
    wsl_version: int | None
    default: bool | None
    uid: int | None


@dataclass(frozen=True)
class WslError:
    """What `wsl.exe --version` says went wrong; the code as in Wsl/Service/0x80070422."""

    code: str | None
    message: str | None


@dataclass(frozen=True)
class WslPlace:
    """Where the lab's guest lies or would lie. `ours`: gpuready made what lies there; `held`: somebody holds its disk.

    `other_user`: another user of the PC has a distribution of this name that gpuready did not make; `export`: the
    sha256 of the one that every user is offered.
    """

    name: str | None = None
    folder: str | None = None
    registered: bool | None = None
    ours: bool | None = None
    disk: bool | None = None
    held: bool | None = None
    other_user: bool | None = None
    export: str | None = None
    drive: str | None = None
    free_bytes: int | None = None


@dataclass(frozen=True)
class Wsl:
    """WSL, seen from Windows. `local_system`: the PC was looked at as LocalSystem, of whom WSL takes no orders."""

    installed: bool | None = None
    version: str | None = None
    kernel: str | None = None
    default_version: int | None = None
    policy_allows: bool | None = None
    local_system: bool | None = None
    distributions: tuple[WslDistribution, ...] | None = None
    place: WslPlace | None = None
    error: WslError | None = None

    @property
    def inbox_only(self) -> bool:
        """Whether this is the old WSL that is a part of Windows, without the package."""
        return self.installed is True and self.version is None and self.error is None


@dataclass(frozen=True)
class Handed:
    """What Windows hands a guest of WSL beside /dev/dxg, seen in the guest.

    `cached`: its loader knows these libraries; `drivers`: packages of Linux display drivers, which are in their way;
    `conf`: its /etc/wsl.conf, in one line.
    """

    libraries: tuple[str, ...] | None = None
    cached: bool | None = None
    drivers: tuple[str, ...] = ()
    conf: str | None = None


@dataclass(frozen=True)
class VcRuntime:
    """Microsoft's C++ runtime."""

    installed: bool | None = None
    version: str | None = None


@dataclass(frozen=True)
class PendingReboot:
    """Whether the PC waits for a restart, and why."""

    pending: bool | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class User:
    """Someone who is logged on."""

    name: str | None
    session: str | int | None
    state: str | None


@dataclass(frozen=True)
class Uv:
    """The uv that is there."""

    path: str | None
    version: str | None


@dataclass(frozen=True)
class Interpreter:
    """A Python that is there."""

    path: str | None
    version: str | None
    architecture: str | None


@dataclass(frozen=True)
class Damage:
    """What an environment lacks of what was built: names of the first files, and how many there are."""

    count: int | None = None
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    hashes: bool | None = None  # whether contents were looked at, and not sizes alone

    @property
    def any(self) -> bool | None:
        """Whether anything is missing or changed; None where that is not known."""
        return None if self.count is None else bool(self.count or self.missing or self.changed)

    @classmethod
    def of(cls, damage: object) -> Damage:
        """What a record says of an environment's damage. No input makes it raise."""
        return typed.read(cls, damage)

    def shown(self) -> str:
        """The first names, in words."""
        parts = [f"{what}: {', '.join(names)}" for what in ("missing", "changed") if (names := getattr(self, what))]
        rest = (self.count or 0) - len(self.missing) - len(self.changed)
        return "; ".join(parts) + (f" and {rest} more" if rest > 0 else "")


@dataclass(frozen=True)
class Environment:
    """An environment of ours: the current one of its stack, an old one, or one that is not complete."""

    stack: str | None
    lock_sha256: str | None
    path: str | None
    python: str | None
    state: EnvironmentState
    vc_runtime: bool | None = None  # whether its programs find the C++ runtime, in Windows or in it; None on Linux
    damage: Damage | None = None  # None where it was never whole, or could not be read
    kernel: str | None = None  # what Jupyter calls it; None where Jupyter is not led to it

    @property
    def damaged(self) -> bool | None:
        """Whether something of what was built is missing or changed."""
        return self.damage.any if self.damage else None


@dataclass(frozen=True)
class Pass:
    """What gpuready left on the PC when it passed, as it stands there."""

    fingerprint: Mapping[str, Any]
    verdict: Mapping[str, Any]
    at: str | None


@dataclass(frozen=True)
class Failure:
    """What gpuready left on the PC when its last training failed, as it stands there."""

    fingerprint: Mapping[str, Any]
    verdict: Mapping[str, Any]
    at: str | None


@dataclass(frozen=True)
class Problem:
    """Evidence that could not be had."""

    piece: str | None
    code: str | None
    message: str | None


@dataclass(frozen=True)
class Facts:
    """A PC. `adapters` is None when nobody could look; `wsl` to `vc_runtime` where the side has no such thing.

    `guest` is the lab's own guest of a Windows PC, seen from inside.
    """

    collected_at: str | None = None
    os: System = System()
    machine: Machine = Machine()
    disk: Disk | None = None
    adapters: tuple[Adapter, ...] | None = None
    ignored_adapters: tuple[IgnoredAdapter, ...] = ()
    wsl: Wsl | None = None
    guest: Facts | None = None
    dxg: bool | None = None
    handed: Handed | None = None
    features: Mapping[str, str | None] | None = None
    vc_runtime: VcRuntime | None = None
    pending_reboot: PendingReboot | None = None
    users: tuple[User, ...] | None = None
    uv: Uv | None = None
    interpreters: tuple[Interpreter, ...] = ()
    environments: tuple[Environment, ...] = ()
    passes: tuple[Pass, ...] = ()  # of each stack, the latest first
    failures: tuple[Failure, ...] = ()  # of each stack whose last training failed, the latest first
    problems: tuple[Problem, ...] = ()

    @classmethod
    def of(cls, facts: object) -> Facts:
        """The facts in a record. No input makes it raise."""
        given = dict(reading.section(facts))
        guest, adapters = given.pop("guest", None), given.get("adapters")
        inside = {key: value for key, value in guest.items() if key != "guest"} if isinstance(guest, Mapping) else None
        return replace(
            typed.read(cls, given),
            adapters=_adapters(adapters) if isinstance(adapters, list) else None,
            guest=None if inside is None else cls.of(inside),
        )

    def as_dict(self) -> dict[str, Any]:
        """The section `facts` of a record."""
        section: dict[str, Any] = typed.as_json(replace(self, guest=None))
        section["guest"] = self.guest.as_dict() if self.guest else None
        return {**section, "last_pass": section["passes"][0] if section["passes"] else None}

    def side(self, target: str) -> Facts:
        """The facts of the side on which a stack of this target lives."""
        return self.guest or Facts() if target == "wsl" and self.os.family == "windows" else self

    @property
    def in_guest(self) -> bool:
        """Whether this is the inside of a WSL guest."""
        return self.os.wsl is True

    @property
    def passed_on(self) -> Adapter | None:
        """The nameless GPU that Windows passes on to a WSL guest."""
        there = (one for one in self.adapters or () if one.id == DXG and one.status != "absent")
        return next(there, None) if self.in_guest else None

    @property
    def gpus(self) -> tuple[Adapter, ...] | None:
        """The adapters that may be chosen: neither absent nor nameless. None when nobody could look."""
        if self.adapters is None:
            return None
        return tuple(one for one in self.adapters if one.status != "absent" and one is not self.passed_on)

    @property
    def nvidia_blocked(self) -> str | None:
        """Why a guest of a Windows with NVIDIA's driver reaches no NVIDIA GPU; None where it does, or has none."""
        blocked = (one for one in self.problems if one.code == "NVIDIA_GPU_BLOCKED" and one.piece == "dxg")
        return next((one.message or one.code for one in blocked), None) if self.in_guest else None

    @property
    def home_refused(self) -> str | None:
        """Why nothing in gpuready's folder is run or believed; None where it may be."""
        refused = (one for one in self.problems if one.piece == "environments" and one.code == "HOME_NOT_OURS")
        return next((one.message or "others may write in gpuready's folder" for one in refused), None)

    @property
    def smi_complaints(self) -> tuple[str, ...]:
        """What nvidia-smi complained of."""
        return tuple(reading.line(one.message) or "" for one in self.problems if one.piece == "nvidia_smi")


def _adapters(given: list[Any]) -> tuple[Adapter, ...]:
    """An adapter always has a number and a name to be told by."""
    numbered = ((position, typed.read(Adapter, one)) for position, one in enumerate(given) if isinstance(one, Mapping))
    return tuple(
        replace(
            adapter,
            index=position if adapter.index is None else adapter.index,
            name=adapter.name or "a GPU without a name",
        )
        for position, adapter in numbered
    )


def version_key(text: str | None) -> tuple[int, ...] | None:
    """A version as numbers to compare: the digits and dots it begins with (`5.15.153.1-microsoft` is 5.15.153.1)."""
    match = re.match(r"v?(\d+(?:\.\d+)*)", text.strip()) if isinstance(text, str) else None
    if match is None or len(match.group(1)) > 60:
        return None
    numbers = [int(part) for part in match.group(1).split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def at_least(have: str | None, need: str) -> bool | None:
    """Whether a version is not below another; None when it cannot be read."""
    left, right = version_key(have), version_key(need)
    return None if left is None or right is None else left >= right
