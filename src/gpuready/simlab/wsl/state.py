"""What a machine's WSL knows: registrations by user, what runs, what is locked, and what the outside has set.

Optional features of Windows are kept here too (`Machine.features`): the services that WSL needs follow from them.

What lies in the registry is kept by it (`registry`); what only the service remembers goes with the service
(`Machine.restart_service`): running instances, locks, whose session was first.
"""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from gpuready.simlab.wsl.errors import WslError
from gpuready.simlab.wsl.texts import message

SYSTEM = "S-1-5-18"
INSTALLED, INSTALLING, UNINSTALLING = 1, 3, 4
LXSS = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Lxss"
WINDOWS_11 = 22000  # the first build
OLD_KERNEL = "0x800701bc"
NEEDED = ("DistributionName", "BasePath")


@dataclass
class Distribution:
    """A registration: one key below Lxss. `lost` are values that are gone from it."""

    guid: str
    name: str
    base_path: str
    state: int = INSTALLED
    version: int = 2
    flags: int = 15
    default_uid: int = 0
    run_oobe: int = 0
    modern: int = 0
    vhd_file_name: str = "ext4.vhdx"
    flavor: str = ""
    os_version: str = ""
    lost: frozenset[str] = frozenset()

    @property
    def disk(self) -> str:
        """The file of its disk."""
        return f"{self.base_path}\\{self.vhd_file_name}"


class Process:
    """A command in a guest. `ended` is set when the guest is taken away from under it."""

    _numbers = itertools.count(300)

    def __init__(self) -> None:
        self.pid, self.ended = next(self._numbers), threading.Event()


@dataclass
class User:
    """One Windows user: a hive, and the user's session of the service."""

    sid: str
    profile: str = r"C:\Users\labadmin"
    distributions: dict[str, Distribution] = field(default_factory=dict)
    default: str | None = None
    default_version: int = 2
    oobe_complete: bool = True
    # what the service remembers
    running: dict[str, set[Process]] = field(default_factory=dict)
    idle_since: dict[str, float] = field(default_factory=dict)
    locked: dict[str, str] = field(default_factory=dict)  # guid -> what is being done to it
    vm: bool = False
    vm_idle_since: float | None = None
    session: int | None = None  # the Windows session of the first caller
    settings: dict[str, str] = field(default_factory=dict)  # .wslconfig as it was when the machine was made

    @property
    def config_file(self) -> str:
        """Where this user's settings lie."""
        return rf"{self.profile}\.wslconfig"

    def checked(self, *contexts: str) -> list[Distribution]:
        """All registrations. Raises WslError where a key of this user is broken: then every look-up fails."""
        for one in self.distributions.values():
            for name in NEEDED:
                if name in one.lost:
                    text = message("MessageCorruptedDistroRegistration", name, one.guid)
                    raise WslError("E_UNEXPECTED", "Service", "ReadDistroConfig", *contexts, text=text)
        return list(self.distributions.values())

    def find(self, name: str, *contexts: str, any_state: bool = False) -> Distribution:
        """A distribution by its name, whatever its case. Raises WslError."""
        for one in self.checked():
            if one.name.lower() == name.lower() and (any_state or one.state == INSTALLED):
                return one
        raise WslError("WSL_E_DISTRO_NOT_FOUND", "Service", *contexts)

    def chosen(self) -> Distribution:
        """The default distribution. Raises WslError; a name that dangles counts as none."""
        found = {one.guid: one for one in self.checked() if one.state == INSTALLED}.get(self.default or "")
        if found is None:
            raise WslError("WSL_E_DEFAULT_DISTRO_NOT_FOUND", "Service")
        return found

    def stop(self, guid: str) -> None:
        """Take a guest away, from under its commands too."""
        for process in self.running.pop(guid, set()):
            process.ended.set()
        self.idle_since.pop(guid, None)

    def stop_all(self) -> None:
        """Take every guest and the machine under them away."""
        for guid in list(self.running):
            self.stop(guid)
        self.vm, self.vm_idle_since, self.settings = False, None, {}


PLATFORM, SUBSYSTEM = "VirtualMachinePlatform", "Microsoft-Windows-Subsystem-Linux"
ON, OFF, COMING, GOING = "Enabled", "Disabled", "EnablePending", "DisablePending"


@dataclass
class Machine:
    """One PC's WSL. `version` is that of the package, empty without it; `latest` what `--update` finds.

    `vm_error` is (code, contexts...) of a machine that does not start, `network_error` a code that is only warned of.
    """

    version: str = "2.6.1.0"
    latest: str = ""
    kernel: str = "6.6.87.2-1"
    windows: str = "10.0.26100.2454"
    language: str = "en-US"
    features: dict[str, str] = field(default_factory=lambda: {PLATFORM: ON, SUBSYSTEM: OFF})
    disabled: set[str] = field(default_factory=set)  # services that somebody has disabled
    policies: dict[str, int] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)  # DistributionListUrl, ...Append of the registry
    install_status: set[str] = field(default_factory=set)
    users: dict[str, User] = field(default_factory=dict)
    vm_error: tuple[str, ...] = ()
    network_error: str = ""
    admin_protection: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def build(self) -> int:
        """The build of Windows: 22000 and later are Windows 11."""
        return int(self.windows.split(".")[2])

    @property
    def services(self) -> frozenset[str]:
        """The services that are there: a feature brings its own only after a restart."""
        there = {name for name, state in self.features.items() if state in (ON, GOING)}
        found = {"wslservice"} if self.version else set()
        found |= {"vmcompute", "hns", "vfpext"} if PLATFORM in there else set()
        found |= {"lxssmanager"} if SUBSYSTEM in there else set()
        return frozenset(found - self.disabled)

    @property
    def missing_features(self) -> list[str]:
        """The optional features that WSL 2 needs on this Windows and has not."""
        services = self.services
        missing = [] if {"vmcompute", "hns", "vfpext"} <= services else [PLATFORM]
        return missing if self.build >= WINDOWS_11 or "lxssmanager" in services else [*missing, SUBSYSTEM]

    def user(self, sid: str) -> User:
        """The user of a SID; a new one where none was."""
        return self.users.setdefault(sid, User(sid))

    def new_kernel(self) -> None:
        """What a package brings: with its kernel a machine starts that wanted a newer one."""
        if self.vm_error == (OLD_KERNEL,):
            self.vm_error = ()

    def restart_service(self) -> None:
        """The service ends and starts: what it remembered is gone, what it wrote stays."""
        for user in self.users.values():
            user.stop_all()
            user.locked, user.session = {}, None

    def restart(self) -> None:
        """A restart of Windows: what was pending is done, the volatile key is gone."""
        self.restart_service()
        settled = {COMING: ON, GOING: OFF}
        self.features |= {name: settled.get(state, state) for name, state in self.features.items()}
        self.install_status = set()

    def log_off(self, session: int) -> None:
        """A Windows session ends: with it the guests of every user whose first caller came from it."""
        for user in self.users.values():
            if user.session == session and session != 0:
                user.stop_all()
                user.session = None

    def tick(self, now: float) -> None:
        """Time goes by: guests that nobody holds end after 15 s, their machine 60 s later, unless settings differ."""
        for user in self.users.values():
            instance = int(user.settings.get("general.instanceidletimeout", "15000")) / 1000
            machine = int(user.settings.get("wsl2.vmidletimeout", "60000")) / 1000
            for guid, processes in list(user.running.items()):
                if not processes and instance >= 0 and now - user.idle_since.get(guid, now) >= instance:
                    user.stop(guid)
                    user.vm_idle_since = now
            idle = user.vm and not user.running and not user.locked and user.vm_idle_since is not None
            if idle and machine >= 0 and now - (user.vm_idle_since or now) >= machine:
                user.stop_all()


def new_guid() -> str:
    """A name for a registration's key: lower case, in braces."""
    return "{" + str(uuid.uuid4()) + "}"


def registry(user: User) -> Iterator[tuple[str, dict[str, int | str]]]:
    """The keys and values of a user's hive. They never tell what runs."""
    top: dict[str, int | str] = {"DefaultVersion": user.default_version, "OOBEComplete": int(user.oobe_complete)}
    yield LXSS, top | ({"DefaultDistribution": user.default} if user.default else {})
    for one in user.distributions.values():
        values: dict[str, int | str] = {
            "State": one.state, "Version": one.version, "Flags": one.flags, "DefaultUid": one.default_uid,
            "RunOOBE": one.run_oobe, "Modern": one.modern, "DistributionName": one.name, "BasePath": one.base_path,
            "VhdFileName": one.vhd_file_name, "Flavor": one.flavor, "OsVersion": one.os_version,
        }  # fmt: skip
        yield f"{LXSS}\\{one.guid}", {key: value for key, value in values.items() if key not in one.lost}
