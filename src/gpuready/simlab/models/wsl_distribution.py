"""Model of gpuready.lab.wsl_distribution: the same steps, by the model of wsl.exe and on the files of the guest."""

from __future__ import annotations

import hashlib
import json
import ntpath
from typing import Any

from gpuready.simlab import documents
from gpuready.simlab.models.home import Home, fail
from gpuready.simlab.models.model import ModuleFailed, Task, model
from gpuready.simlab.pc import SimulatedPc, now
from gpuready.simlab.programs import Run
from gpuready.simlab.subsystem import SID, WSL
from gpuready.simlab.wsl.guests import ModelledGuests
from gpuready.simlab.wsl.state import INSTALLED, Distribution

_ARGUMENTS = (
    *("state", "name", "home", "archive", "location", "default_user", "wsl_conf", "uploaded", "time_limit"),
    "lock_wait",
    "prepare",
)
_GIB = 2**30


@model("gpuready.lab.wsl_distribution")
def wsl_distribution(task: Task) -> dict[str, Any]:
    """Bring the state about."""
    task.only(*_ARGUMENTS)
    return _Work(task).run()


class _Work:
    """One run of the module."""

    def __init__(self, task: Task) -> None:
        self.task, self.pc = task, task.pc
        self.name = str(task.need("name"))
        self.archive: dict[str, Any] = task.arguments.get("archive") or {}
        self.wanted = str(self.archive.get("sha256") or "").lower()
        self.result: dict[str, Any] = {"changed": False}
        self.before: dict[str, Any] = {"name": self.name}
        self.after: dict[str, Any] = {"name": self.name}

    def run(self) -> dict[str, Any]:
        """The result of the module."""
        demand(self.pc)
        if (self.task.arguments.get("state") or "present") == "absent":
            self._absent()
        else:
            if not self.archive:
                raise ModuleFailed("state is present but all of the following are missing: archive")
            self._present()
        found, shown = registered(self.pc, self.name), None
        if found:
            shown = {"name": found.name, "id": found.guid, "location": found.base_path, "disk": found.disk}
            shown["sha256"] = self.wanted
        return {**self.result, "distribution": shown, "diff": {"before": self.before, "after": self.after}}

    def _present(self) -> None:
        pc, found = self.pc, registered(self.pc, self.name)
        folder = folder_of(pc, self.name, str(self.task.arguments.get("location") or ""))
        if found:
            marker = self._ours(found)
            folder = found.base_path
            if found.state == INSTALLED and marker.get("complete") is True:
                if marker.get("sha256") != self.wanted:
                    raise fail("WSL_OTHER_ARCHIVE", f"{self.name} was made from another archive ({marker['sha256']})")
                if not found.flags & 8:
                    raise fail("WSL_VERSION_1", f"{self.name} is a distribution of WSL 1")
                self._settings()
                return
        else:
            self._nobody_elses(folder)
        if not found:
            self._room(int(self.archive.get("size") or 0))
        self.result["changed"] = True
        self.before["sha256"], self.after["sha256"] = None, self.wanted
        self.after["wsl_conf"] = self.task.arguments.get("wsl_conf")
        if self.task.check:
            return
        if self.task.arguments.get("prepare"):
            home = self._home()
            if self.archive.get("name"):
                self._file(home)
            self.result["ready"] = True
            return
        if found:
            self._remove(found)
        self._import(folder)
        self._settings()

    def _absent(self) -> None:
        found = registered(self.pc, self.name)
        if found:
            self.before["sha256"], self.after["sha256"] = self._ours(found).get("sha256"), None
            self.result["changed"] = True
            if not self.task.check:
                self._remove(found)

    def _ours(self, found: Distribution) -> dict[str, Any]:
        marker = marker_of(self.pc, found.base_path)
        if marker is None:
            where = f"is registered for this user already ({found.base_path}), and gpuready did not make it"
            raise fail("WSL_NOT_OURS", f"a distribution {self.name} {where}")
        return marker

    def _nobody_elses(self, folder: str) -> None:
        other = other_owner(self.pc, self.name)
        if other:
            text = f"a distribution {self.name} is registered for another user of this PC ({other})"
            raise fail("WSL_OTHER_USER", text)
        if self.pc.disk.is_file(rf"{folder}\ext4.vhdx") and marker_of(self.pc, folder) is None:
            raise fail("WSL_NOT_OURS", f"{folder} holds the disk of another distribution")

    def _room(self, size: int) -> None:
        room(self.pc, 3 * size, "the distribution")

    def _import(self, folder: str) -> None:
        file = self._file(self._home())
        disk = self.pc.disk
        node = disk.get(file)
        self._room(node.bytes if node else 0)
        disk.make_folder(folder)
        self._mark(folder, complete=False)
        kind = " --vhd" if file.lower().endswith(".vhdx") else ""
        try:
            self._wsl(f'--import {self.name} "{folder}" "{file}" --version 2{kind}')
        except ModuleFailed:
            disk.remove(rf"{folder}\gpuready.json")
            raise
        finally:
            disk.remove(file)
        self._mark(folder, complete=True)

    def _home(self) -> Home:
        home = Home(self.pc, str(self.task.arguments.get("home") or documents.HOME).rstrip("\\"))
        home.check()
        return home

    def _file(self, home: Home) -> str:
        """The archive in gpuready's folder, checked."""
        disk, given = self.pc.disk, self.archive
        name = given.get("name") or ntpath.basename(str(given.get("path") or given.get("url")))
        target = rf"{home.path}\downloads\{self.wanted[:12]}-{name}"
        if given.get("url"):
            raise ModuleFailed("simlab: the archive of a distribution by url is not modelled")
        source = str((self.task.arguments.get("uploaded") or {}).get(self.wanted) or given.get("path") or "")
        if not source and disk.is_file(target):
            source = target
        if not source:
            raise ModuleFailed("", needs=[{"kind": "distribution", "name": name, "sha256": self.wanted}], code="NEEDS")
        node = disk.get(source)
        if node is None or node.data is None:
            raise fail("ARCHIVE_MISSING", f"{source}: there is no such archive on the controller or the PC")
        actual = hashlib.sha256(node.data).hexdigest()
        if actual != self.wanted:
            raise fail("HASH_MISMATCH", f"{name}: its sha256 is {actual}, not {self.wanted}; it was not used")
        disk.write(target, node.data, size=node.size)
        return target

    def _settings(self) -> None:
        found = registered(self.pc, self.name)
        guests = self.pc.subsystem.guests
        assert found is not None and isinstance(guests, ModelledGuests)  # noqa: PT018 - it was just there
        self._wsl(f"-d {self.name} -u root --cd / --exec true")
        linux = guests.linux(found)
        user, text = self.task.arguments.get("default_user") or "root", self.task.arguments.get("wsl_conf")
        known = user in linux.users()
        same = text is None or linux.text("/etc/wsl.conf") == text
        if known and same:
            return
        self.result["changed"] = True
        self.before["wsl_conf"] = linux.text("/etc/wsl.conf")
        self.after["wsl_conf"] = self.before["wsl_conf"] if same else text
        if self.task.check:
            return
        if not known:
            linux.add_user(str(user))
        if not same:
            linux.write("/etc/wsl.conf", str(text).encode(), 0o644, 0)
        guests.keep(found, linux)
        self._wsl(f"--terminate {self.name}")

    def _remove(self, found: Distribution) -> None:
        self._wsl(f"--unregister {self.name}")
        disk = self.pc.disk
        disk.remove(rf"{found.base_path}\gpuready.json")
        if disk.is_folder(found.base_path) and not disk.below(found.base_path):
            disk.remove(found.base_path)

    def _mark(self, folder: str, complete: bool) -> None:
        marker = {"distribution": self.name, "sha256": self.wanted, "owner": SID, "complete": complete}
        self.pc.disk.write(rf"{folder}\gpuready.json", json.dumps({**marker, "created_at": now()}).encode())

    def _wsl(self, line: str) -> None:
        asked_of(self.pc, line)


def demand(pc: SimulatedPc) -> None:
    """End the module where wsl.exe would take no orders."""
    if pc.subsystem.machine.policies.get("AllowWSL") == 0:
        raise fail("WSL_POLICY", "a policy of the PC forbids WSL")
    if WSL not in pc.programs:
        raise fail("WSL_NOT_INSTALLED", "the package of WSL is not installed on the PC")


def room(pc: SimulatedPc, size: int, what: str) -> None:
    """End the module where the disk has no room for so many bytes and the gigabyte that is left to Windows."""
    needed, free = size + _GIB, pc.disk.free
    if free < needed:
        text = f"C:\\ has {free / _GIB:.1f} GB free, and {what} needs {needed / _GIB:.1f} GB there"
        raise fail("WSL_DISK_TOO_SMALL", text)


def asked_of(pc: SimulatedPc, line: str) -> None:
    """Carry out a command line of wsl.exe; what it says against it ends the module."""
    call = Run([], {**pc.variables, "WSL_UTF8": "1", "WSL_DISABLE_WARNINGS": "1"})
    pc.run_wsl(f"wsl.exe {line}", call)
    if call.rc is None:
        raise fail("WSL_TIME_LIMIT", f"{WSL} did not end within its time limit and was stopped")
    if call.rc:
        said = (call.stdout + call.stderr).decode("utf-8", "replace").splitlines()
        rc = call.rc - 2**32 if call.rc >= 2**31 else call.rc
        step = line.split()[0]
        raise ModuleFailed(f"wsl.exe {step} ended with {rc}", code="WSL_FAILED", program_rc=rc, details=said)


def registered(pc: SimulatedPc, name: str) -> Distribution | None:
    """The distribution of this name of the user that Ansible logs on as."""
    mine = pc.subsystem.me.distributions.values()
    return next((one for one in mine if one.name.lower() == name.lower()), None)


def other_owner(pc: SimulatedPc, name: str) -> str | None:
    """The user, if there is one, who has a distribution of this name that is not gpuready's."""
    for sid, user in pc.subsystem.machine.users.items():
        for one in user.distributions.values():
            if sid != SID and one.name.lower() == name.lower() and marker_of(pc, one.base_path) is None:
                return sid
    return None


def folder_of(pc: SimulatedPc, name: str, location: str) -> str:
    """Where a distribution's disk is to lie."""
    return pc.expand(location or rf"%LOCALAPPDATA%\gpuready\wsl\{name}").rstrip("\\")


def offer_of(home: Home, name: str) -> dict[str, Any] | None:
    """What every user of the PC is offered, with its file; None where that is not there, or is not the whole of it."""
    offer = home.json(rf"{home.path}\wsl\{name}.json")
    node = home.disk.get(rf"{home.path}\wsl\{offer.get('file')}")
    return offer if node is not None and node.bytes == offer.get("size_bytes") else None


def place(pc: SimulatedPc, name: str, location: str, home: Home) -> dict[str, Any]:
    """Where it lies or would lie, what lies there now, and whose it is."""
    found = registered(pc, name)
    folder = found.base_path if found else folder_of(pc, name, location)
    disk = found.disk if found else rf"{folder}\ext4.vhdx"
    running = found is not None and found.guid in pc.subsystem.me.running
    return {
        "name": name,
        "folder": folder,
        "registered": found is not None,
        "marker": pc.disk.is_file(rf"{folder}\gpuready.json"),
        "disk": pc.disk.is_file(disk),
        "held": f"{disk} is in use" if running else None,
        "drive": "C:\\",
        "free_bytes": pc.disk.free,
        "export": None if home.refusal() else (offer_of(home, name) or {}).get("sha256"),
        "other_sid": other_owner(pc, name),
    }


def marker_of(pc: SimulatedPc, folder: str) -> dict[str, Any] | None:
    """What gpuready wrote beside a distribution's disk; None where it is not gpuready's."""
    try:
        found = json.loads(pc.disk.text(rf"{folder}\gpuready.json") or "")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
