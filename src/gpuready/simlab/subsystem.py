"""WSL of one simulated PC: the model of wsl.exe on its disk and features, and what the registry shows of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from gpuready.simlab import wsl_texts
from gpuready.simlab.wsl import line
from gpuready.simlab.wsl.guests import ModelledGuests
from gpuready.simlab.wsl.host import Caller, Files, Guests, Streams
from gpuready.simlab.wsl.linux import Linux
from gpuready.simlab.wsl.program import wsl
from gpuready.simlab.wsl.run import Run
from gpuready.simlab.wsl.state import (
    INSTALLED,
    INSTALLING,
    LXSS,
    UNINSTALLING,
    Distribution,
    Machine,
    User,
    registry,
)

if TYPE_CHECKING:
    from gpuready.simlab.schema import Pc, Wsl

SID = "S-1-5-21-1111111111-2222222222-3333333333-1001"  # of the user that Ansible logs on as
MSI = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Lxss\MSI"
LISTS = MSI.rpartition("\\")[0]
PRODUCT = "{408A5C50-34F2-4025-968E-A21D6A515D48}"
WSL = r"C:\Program Files\WSL\wsl.exe"
INBOX_WSL = r"C:\Windows\System32\wsl.exe"
_STATES = {"installed": INSTALLED, "installing": INSTALLING, "uninstalling": UNINSTALLING}
_POLICIES = r"HKLM\SOFTWARE\Policies\WSL"
_INBOX_SAYS = "The Windows Subsystem for Linux is not installed. You can install by running 'wsl.exe --install'.\r\r\n"


class Call(Streams, Protocol):
    """One run of the program; `args` are without its name."""

    @property
    def args(self) -> list[str]:
        """The arguments."""

    @property
    def env(self) -> Mapping[str, str]:
        """The environment variables."""


class Subsystem:
    """The state, and the programs that change it. `features` is the PC's own mapping of optional features."""

    def __init__(self, pc: Pc, files: Files, features: dict[str, str], guests: Guests | None = None) -> None:
        said = pc.wsl
        self._said, self.files = said, files
        self.guests = guests or ModelledGuests(files)
        self.machine = Machine(
            version=said.version or "",
            latest=said.latest,
            kernel=said.kernel,
            windows=f"10.0.{pc.os.build}.{pc.os.revision}",
            language=pc.os.language,
            features=features,
            policies=dict(said.policies or {}),
            lists=dict(said.lists),
            disabled=set(said.disabled),
            vm_error=(said.broken,) if said.broken else (),
        )
        self.machine.user(SID)
        for number, one in enumerate(said.distributions, 1):
            flags = 15 if one.version == 2 else 7
            guid = f"{{0000000{number}-1b2c-4d5e-8f90-a1b2c3d4e5f6}}"
            user = self.machine.user(one.owner or SID)
            user.distributions[guid] = Distribution(
                guid, one.name, rf"C:\wsl\{one.name}", _STATES[one.state], one.version, flags, one.uid
            )
            if user.default is None or one.name == said.default:
                user.default = guid

    def fill(self) -> None:
        """Write the disks of the distributions that are there from the start."""
        if isinstance(self.guests, ModelledGuests):
            for user in self.machine.users.values():
                for one in user.distributions.values():
                    if one.state == INSTALLED:
                        self.guests.keep(one, Linux.small())

    def as_dict(self) -> dict[str, Any]:
        """What outlives the PC's processes, for a file of JSON."""
        machine = self.machine
        users = {
            user.sid: {
                "default": user.default,
                "default_version": user.default_version,
                "distributions": [{**asdict(one), "lost": sorted(one.lost)} for one in user.distributions.values()],
            }
            for user in machine.users.values()
        }
        return {"version": machine.version, "users": users, "lists": machine.lists}

    def from_dict(self, kept: Mapping[str, Any]) -> None:
        """Take up what `as_dict` gave."""
        self.machine.version, self.machine.lists = kept["version"], dict(kept["lists"])
        for sid, values in kept["users"].items():
            user = self.machine.user(sid)
            user.default, user.default_version = values["default"], values["default_version"]
            found = [Distribution(**{**one, "lost": frozenset(one["lost"])}) for one in values["distributions"]]
            user.distributions = {one.guid: one for one in found}

    @property
    def me(self) -> User:
        """What is registered for the user that Ansible logs on as."""
        return self.machine.user(SID)

    def keys(self) -> dict[str, dict[str, int | str]]:
        """Registry key -> values, of the package, the policies and every user."""
        machine, keys = self.machine, dict[str, dict[str, int | str]]()
        if machine.version:
            keys[MSI] = {
                "Version": machine.version,
                "InstallLocation": "C:\\Program Files\\WSL\\",
                "ProductCode": PRODUCT,
            }
        if machine.lists:
            keys[LISTS] = dict(machine.lists)
        if self._said.policies is not None:
            keys[_POLICIES] = dict(machine.policies)
        for user in machine.users.values():
            if not user.distributions and user.default_version == 2:
                continue
            for key, values in registry(user):
                keys[key if user.sid == SID else key.replace("HKCU", rf"HKU\{user.sid}", 1)] = values
        if machine.install_status:
            keys[rf"{LXSS}\InstallStatus"] = {"": ",".join(sorted(machine.install_status))}
        return keys

    def wsl(self, call: Call) -> int:
        """wsl.exe of the package."""
        return self.run(line.join(["wsl.exe", *call.args]), call)

    def inbox(self, call: Call) -> int:
        """System32's wsl.exe: it hands on to the package, else says how to install it, in UTF-16, and fails."""
        if self.machine.version:
            return self.wsl(call)
        if call.args[:1] == ["--install"] and self.machine.missing_features:
            return self.wsl(call)
        call.out(_INBOX_SAYS.encode("utf-16-le"))
        return 1

    def run(self, command_line: str, call: Call, sid: str = SID) -> int:
        """A whole command line, as it is."""
        said: Wsl = self._said
        if said.answer == "hang":
            if hang := getattr(call, "hang", None):
                hang()
            time.sleep(3600)  # a winlab machine's Call has no hang: its program really does not end
        run = Run(self.machine, Caller(sid, call.env), self.files, self.guests, call)
        if said.answer == "error":
            run.say(wsl_texts.error(self.machine.language, said.error))
            return -1
        return wsl(run, command_line)
