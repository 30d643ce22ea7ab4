# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What keeps a Windows PC from a guest of WSL 2, known before anything is changed there."""

from __future__ import annotations

from dataclasses import dataclass

from .. import reading
from ..facts.model import Adapter, Facts, Wsl, WslPlace
from ..remedies import catalogue as remedies
from .problems import Problem, problem

PIECE = "guest"  # of the evidence
# What stands in a guest's way alone, beside all that is of WSL.
_CODES = ("VIRTUALIZATION_OFF", "WSL_KERNEL_TOO_OLD", "BUNDLE_INCOMPLETE")

_WINDOWS_10 = range(19041, 19046)
_TAKES_THE_PACKAGE = 2311  # with KB5020030
_OLDEST_BUILD = 19041
_LEFT_TO_WINDOWS = 2**30


@dataclass(frozen=True)
class Given:
    """What the lab gives for a guest: an archive, or why the one that it names is none, and the version of a package.

    The package is that of WSL itself; `conf` is the text of /etc/wsl.conf. `archive_lost` and `package_lost` say what
    of them the lab's bundle, its one source, has not.
    """

    archive: bool = False
    no_archive: str = "the lab names no archive that a guest is made from"
    package: str | None = None
    conf: str | None = None
    archive_lost: str = ""
    package_lost: str = ""


NOTHING = Given()


def is_of_guest(code: str) -> bool:
    """Whether this stands in a guest's way alone: a stack that runs natively too has its way out there."""
    return code in _CODES or remedies.remedy(code).category == "wsl"


def there(facts: Facts) -> bool:
    """Whether the lab's guest is registered, and gpuready made it."""
    place = (facts.wsl or Wsl()).place or WslPlace()
    return place.registered is True and place.ours is True


def step(facts: Facts, given: Given) -> tuple[bool, str]:
    """Whether the role wsl has something to do, and why."""
    wsl = facts.wsl or Wsl()
    if not there(facts):
        return True, "the stack runs in WSL 2, and the lab's guest is not on the PC"
    if given.package is not None and wsl.version != given.package:
        return True, f"the lab names WSL {given.package}, and the PC has {wsl.version or 'none'}"
    if facts.guest is None:
        said = next((one for one in facts.problems if one.piece == PIECE), None)
        return True, f"the guest could not be looked into{f' ({said.code})' if said else ''}"
    handed = facts.guest.handed
    if given.conf is not None and handed is not None and reading.line(given.conf) != handed.conf:
        return True, "/etc/wsl.conf of the guest is not as the lab has it"
    return False, "the lab's guest is on the PC"


def problems(facts: Facts, given: Given) -> list[Problem]:
    """What stands in the way of the lab's guest, what it does not give among it."""
    found = _in_the_way(facts, given.package is not None)
    if (facts.wsl or Wsl()).installed is False and given.package is None:
        found.append(problem("WSL_NOT_INSTALLED", "the package of WSL is not installed, and the lab names none"))
    if given.package_lost and (facts.wsl or Wsl()).version != given.package:
        found.append(problem("BUNDLE_INCOMPLETE", given.package_lost))
    if given.archive_lost and not there(facts):
        found.append(problem("BUNDLE_INCOMPLETE", given.archive_lost))
    elif not given.archive and not there(facts):
        found.append(problem("WSL_NO_ARCHIVE", given.no_archive))
    return found + _not_looked_into(facts, given)


def _not_looked_into(facts: Facts, given: Given) -> list[Problem]:
    """Why a guest that is there could not be had, where the role wsl mends it neither by itself nor by a package."""
    said = next((one for one in facts.problems if one.piece == PIECE), None)
    if said is None or facts.guest is not None or not there(facts):
        return []
    if given.package not in (None, (facts.wsl or Wsl()).version):
        return []
    code = said.code if said.code in remedies.codes() else "WSL_FAILED"
    usual = remedies.remedy(code)
    if usual.mended_by == "wsl":
        return []
    words = (said.message or usual.cause).partition(usual.next_step)[0].strip(" .")
    return [problem(code, f"the guest could not be looked into: {words}")]


def _in_the_way(facts: Facts, package: bool) -> list[Problem]:
    """`package`: one is declared, and would be installed."""
    wsl, found = facts.wsl or Wsl(), []
    if wsl.policy_allows is False:
        found.append(problem("WSL_POLICY", "a policy of the PC forbids WSL"))
    if wsl.local_system is True:
        found.append(problem("WSL_LOCAL_SYSTEM", "the connection runs as LocalSystem, of whom WSL takes no orders"))
    return [*found, *_virtualization(facts), *_package(facts, package), *_place(wsl.place or WslPlace())]


def of_any(facts: Facts, package: bool = False) -> list[Problem]:
    """What stands in the way of any guest, whatever stack it is for."""
    found, place = _in_the_way(facts, package), (facts.wsl or Wsl()).place or WslPlace()
    if facts.os.build is not None and facts.os.build < _OLDEST_BUILD:
        cause = f"Windows build {facts.os.build} is older than {_OLDEST_BUILD}, which the package of WSL needs"
        found.append(problem("OS_BUILD_TOO_OLD", cause))
    if not place.registered and place.free_bytes is not None and place.free_bytes < _LEFT_TO_WINDOWS:
        free = reading.shown_bytes(place.free_bytes)
        found.append(problem("WSL_DISK_TOO_SMALL", f"{place.drive} has {free} free, and a gigabyte is left to Windows"))
    return found


def disagreements(inside: Facts, adapter: Adapter) -> list[Problem]:
    """What the guest lacks of a GPU that Windows has, each with why that may be."""
    name, driver = adapter.name, adapter.driver_number() or "of an unknown version"
    if inside.dxg is False:
        cause = f"Windows has {name}, and the guest has no /dev/dxg: gpuSupport=false or safeMode=true in .wslconfig"
        return [problem("NO_DXG", f"{cause}, gpu.enabled=false in /etc/wsl.conf, or a driver that serves no WSL")]
    handed, nvidia = inside.handed, adapter.vendor == "nvidia"
    if handed is None:
        return []
    wanted = "libcuda.so.1" if nvidia else "libd3d12.so"
    if handed.libraries is not None and wanted not in handed.libraries:
        cause = f"Windows has the driver {driver} of {name}, and the guest has no {wanted} of it in /usr/lib/wsl/lib"
        usual = remedies.remedy(code := "LIBCUDA_ABSENT" if nvidia else "D3D12_MISSING").next_step
        step = (
            f"Run wsl --shutdown on the PC: a new driver reaches a guest with its next start. If it stays so: {usual}"
        )
        return [problem(code, cause, step)]
    if nvidia and handed.drivers:
        packages = ", ".join(handed.drivers)
        step = f"In the guest run apt-get purge {' '.join(handed.drivers)}, and on the PC wsl --shutdown; run again."
        return [problem("WSL_DISPLAY_DRIVER", f"the guest has a Linux display driver of its own ({packages})", step)]
    if handed.cached is False:
        return [problem("WSL_LOADER_CACHE", "the loader of the guest does not know /usr/lib/wsl/lib")]
    if nvidia and inside.nvidia_blocked:
        cause = f"Windows has {name}, and the guest is not let to it: {inside.nvidia_blocked}"
        return [problem("NVIDIA_GPU_BLOCKED", cause)]
    return []


def _package(facts: Facts, declared: bool) -> list[Problem]:
    """Whether this Windows takes the package of WSL, and whether there is one."""
    system, wsl = facts.os, facts.wsl or Wsl()
    if system.build in _WINDOWS_10 and system.revision is not None and system.revision < _TAKES_THE_PACKAGE:
        least = f"{system.build}.{_TAKES_THE_PACKAGE}"
        cause = f"Windows 10 {system.build}.{system.revision} is older than {least}, which the package of WSL needs"
        return [problem("WSL_OS_OLD", cause)]
    if wsl.inbox_only and not declared:
        cause = "WSL is the old part of Windows itself, without the package: no guest of it can be reached from afar"
        return [problem("WSL_INBOX_ONLY", cause)]
    return []


def _place(place: WslPlace) -> list[Problem]:
    """What lies where the guest would lie, or has its name."""
    if place.registered and place.ours is False:
        cause = f"a distribution {place.name} is registered already ({place.folder}), and gpuready did not make it"
        return [problem("WSL_NOT_OURS", cause)]
    if place.registered:
        return []
    problems = []
    if place.other_user:
        cause = f"a distribution {place.name} is registered for another user of the PC"
        problems.append(problem("WSL_OTHER_USER", cause))
    if place.disk and place.ours is False:
        problems.append(problem("WSL_NOT_OURS", f"{place.folder} holds the disk of another distribution"))
    elif place.held:
        problems.append(problem("WSL_DISK_LOCKED", f"the disk in {place.folder} is in use"))
    return problems


def _virtualization(facts: Facts) -> list[Problem]:
    """Where virtualization is off: the firmware, Windows, or the host of a virtual machine."""
    machine, error = facts.machine, (facts.wsl or Wsl()).error
    said = error is not None and remedies.match(f"{error.code} {error.message}", "wsl") == "VIRTUALIZATION_OFF"
    enabled = "Enabled" in (
        (facts.features or {}).get(name) for name in ("VirtualMachinePlatform", "Microsoft-Hyper-V")
    )
    if machine.virtualization is False and machine.hypervisor is not True:
        cause = "virtualization is off in the firmware, and WSL 2 needs it"
        step = "Switch on Intel VT-x or AMD SVM in the firmware, switch the PC off and on, and run again."
    elif machine.virtualization is True and machine.hypervisor is False and (said or enabled):
        cause = "virtualization is on in the firmware, and Windows has not started its hypervisor, which WSL 2 needs"
        step = "Run bcdedit /set hypervisorlaunchtype auto and wsl --install --no-distribution as administrator"
        step += ", enable the devices of Hyper-V that are disabled in Device Manager, restart and run again."
    elif said and machine.virtualization is None and machine.hypervisor is True:
        cause = "the host of this virtual machine passes no virtualization on, and WSL 2 needs it"
        step = "Switch nested virtualization on at the host (Hyper-V: Set-VMProcessor NAME"
        step += " -ExposeVirtualizationExtensions $true), or set gpuready_environment to windows."
    elif said:
        cause = f"WSL says that virtualization is off, and the PC that it is on: {error.message if error else ''}"
        step = ""
    else:
        return []
    return [problem("VIRTUALIZATION_OFF", cause, step)]
