"""Model of gpuready.lab.wsl_offer: the export by the model of wsl.exe, the list that it reads, the launcher's files."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from typing import Any

from gpuready.simlab import documents
from gpuready.simlab.models.home import Home, fail, fill, note
from gpuready.simlab.models.model import ModuleFailed, Task, model
from gpuready.simlab.models.wsl_distribution import asked_of, demand, marker_of, offer_of, registered, room
from gpuready.simlab.pc import now
from gpuready.simlab.subsystem import LISTS, MSI
from gpuready.simlab.wsl.host import local_path
from gpuready.simlab.wsl.state import INSTALLED, Distribution

_ARGUMENTS = ("state", "name", "home", "version", "list", "logon", "words", "prepare", "time_limit", "lock_wait")
_VALUES = {"beside": "DistributionListUrlAppend", "alone": "DistributionListUrl"}
_RUN = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run"
_NEEDED = (2, 4, 4)


@model("gpuready.lab.wsl_offer")
def wsl_offer(task: Task) -> dict[str, Any]:
    """Bring the state about."""
    task.only(*_ARGUMENTS)
    work = _Work(task)
    if task.arguments.get("state") == "absent":
        work.absent()
    else:
        work.result["launcher"] = work.launcher
        work.present()
    return {"offer": None, "notes": [], **work.result}


class _Work:
    """One run of the module."""

    def __init__(self, task: Task) -> None:
        self.task, self.pc, self.disk = task, task.pc, task.pc.disk
        self.name = str(task.need("name"))
        self.home = Home(task.pc, str(task.arguments.get("home") or documents.HOME).rstrip("\\"))
        self.folder = rf"{self.home.path}\wsl"
        self.address = "file:///" + rf"{self.folder}\list.json".replace("\\", "/")
        self.before = rf"{self.folder}\list.before.json"
        self.launcher = rf"{self.home.path}\bin\wsl-{self.name}.cmd"
        self.readme = rf"{self.home.path}\README.txt"
        self.list = str(task.arguments.get("list") or "beside")
        self.lists = task.pc.subsystem.machine.lists
        self.result: dict[str, Any] = {"changed": False}

    def present(self) -> None:
        """Offer it."""
        demand(self.pc)
        version = str(self.pc.registry.value(MSI, "Version"))
        if tuple(int(part) for part in version.split(".")[:3]) < _NEEDED:
            raise fail("WSL_PACKAGE_OLD", f"this PC has WSL {version}, and a list of its distributions needs 2.4.4")
        self.home.check()
        found, of = self._source()
        offer = self._offer(self.name)
        if offer is None or offer["of"] != of:
            self._text([{"distribution": self.name, "file": "", "sha256": ""}, *self._others()])
            room(self.pc, self._size(found), "the export")
            self.result["changed"] = True
            if self.task.check:
                return
            if self.task.arguments.get("prepare"):
                self.result["ready"] = True
                return
            offer = self._export(found, of)
        self.result["offer"] = offer
        words = self.task.arguments.get("words") or {}
        files = {
            self.launcher: fill(words["launcher"], name=self.name),
            self.readme: note(self.home.pointers(), words, [*self.home.guests(), self.launcher]) or "",
            rf"{self.folder}\student.ps1": words["student"],
            rf"{self.folder}\causes.txt": words["causes"],
            rf"{self.folder}\list.json": self._text([offer, *self._others()]),
            self.before: json.dumps({value: self._lab(value) for value in sorted(_VALUES.values())}),
        }
        todo = {path: text for path, text in files.items() if self.disk.text(path) != text}
        addresses = {value: self._lab(value) for value in _VALUES.values()} | {_VALUES[self.list]: self.address}
        old, logon = self._old(offer["file"]), self._logon()
        at_logon = (self.pc.registry.value(_RUN, f"gpuready wsl {self.name}") or "") != logon
        if not (todo or old or at_logon or addresses != self._addresses()):
            return
        self.result["changed"] = True
        if not self.task.check:
            for path, text in todo.items():
                self.home.write(path, text)
            self._set(addresses)
            self.pc.registry.set(_RUN, {f"gpuready wsl {self.name}": logon})
            for path in old:
                self.disk.remove(path)

    def absent(self) -> None:
        """Offer it no longer."""
        self.home.check()
        self.list = next((kind for kind, value in _VALUES.items() if self.lists.get(value) == self.address), self.list)
        others = self._others()
        addresses = self._addresses() if others else {value: self._lab(value) for value in _VALUES.values()}
        gone = [self.launcher, rf"{self.folder}\{self.name}.json"]
        if not others:
            gone += [rf"{self.folder}\{name}" for name in ("list.json", "student.ps1", "causes.txt")] + [self.before]
        gone = [path for path in gone if self.disk.is_file(path)] + self._old("")
        at_logon = bool(self.pc.registry.value(_RUN, f"gpuready wsl {self.name}"))
        self.result["changed"] = bool(gone or at_logon or addresses != self._addresses())
        if self.task.check or not self.result["changed"]:
            return
        if others:
            self.home.write(rf"{self.folder}\list.json", self._text(others))
        self._set(addresses)
        self.pc.registry.set(_RUN, {f"gpuready wsl {self.name}": ""})
        for path in gone:
            self.disk.remove(path)
        left = note(self.home.pointers(), self.task.arguments.get("words") or {}, self.home.guests())
        if left is None:
            self.disk.remove(self.readme)
        else:
            self.home.write(self.readme, left)
        if self.disk.is_folder(self.folder) and not self.disk.below(self.folder):
            self.disk.remove(self.folder)

    def _source(self) -> tuple[Distribution, dict[str, str]]:
        found = registered(self.pc, self.name)
        if found is None:
            raise fail("WSL_NO_DISTRIBUTION", f"no distribution {self.name} is registered for this user")
        marker = marker_of(self.pc, found.base_path)
        if marker is None:
            where = f"is registered for this user already ({found.base_path}), and gpuready did not make it"
            raise fail("WSL_NOT_OURS", f"a distribution {self.name} {where}")
        if found.state != INSTALLED or marker.get("complete") is not True:
            raise fail("WSL_NO_DISTRIBUTION", f"the distribution {self.name} is half imported; import it again")
        version = str(self.task.arguments.get("version") or "")
        return found, {"archive": marker["sha256"], "imported_at": marker["created_at"], "version": version}

    def _size(self, found: Distribution) -> int:
        node = self.disk.get(found.disk)
        return node.bytes if node else 0

    def _offer(self, name: str) -> dict[str, Any] | None:
        return offer_of(self.home, name)

    def _others(self) -> list[dict[str, Any]]:
        names = [one["name"].removesuffix(".json") for one in self.home.texts("wsl")]
        found = [self._offer(name) for name in sorted(names) if name not in (self.name, "list", "list.before")]
        return [offer for offer in found if offer]

    def _old(self, keep: str) -> list[str]:
        ours = re.compile(rf"({re.escape(self.name)}-[0-9a-f]{{12}}|\.new-[0-9a-f]{{32}})\.wsl")
        paths = [node.path for node in self.disk.children(self.folder)]
        names = {path: path.rpartition("\\")[2] for path in paths}
        return [path for path, name in names.items() if ours.fullmatch(name) and name != keep]

    def _export(self, found: Distribution, of: dict[str, str]) -> dict[str, Any]:
        size, new = self._size(found), rf"{self.folder}\.new-{uuid.uuid4().hex}.wsl"
        self.disk.make_folder(self.folder)
        try:
            asked_of(self.pc, f'--export {self.name} "{new}" --format tar.gz')
            data = self.pc.subsystem.files.read(new)
        finally:
            self.disk.remove(new)
        sha256 = hashlib.sha256(data).hexdigest()
        file = f"{self.name}-{sha256[:12]}.wsl"
        self.disk.write(rf"{self.folder}\{file}", data)
        offer = {
            "distribution": self.name, "file": file, "sha256": sha256, "disk_bytes": size, "size_bytes": len(data),
            "exported_at": now(), "of": of,
        }  # fmt: skip
        self.home.write(rf"{self.folder}\{self.name}.json", json.dumps(offer))
        return offer

    def _addresses(self) -> dict[str, str]:
        return {value: self.lists.get(value, "") for value in _VALUES.values()}

    def _lab(self, value: str) -> str:
        known = self.lists.get(value, "")
        return known if known != self.address else str(self.home.json(self.before).get(value) or "")

    def _set(self, addresses: dict[str, str]) -> None:
        self.lists.clear()
        self.lists.update({value: address for value, address in addresses.items() if address})
        self.pc.registry.set(LISTS, addresses)

    def _text(self, offers: list[dict[str, Any]]) -> str:
        lab, document = self._lab(_VALUES[self.list]), dict[str, Any]()
        if lab:
            path = local_path(lab)
            if path is None:
                raise ModuleFailed("simlab: a list of distributions at an address of the network is not modelled")
            document = self.home.json(path)
            if not document:
                raise fail("WSL_LIST_UNREADABLE", f"the lab's own list of distributions, {lab}, cannot be read")
        families = dict(document.get("ModernDistributions") or {})
        for offer in sorted(offers, key=lambda one: str(one["distribution"])):
            name = offer["distribution"]
            if name in families:
                text = f"the lab's own list of distributions, {lab}, has a distribution {name} already"
                raise fail("WSL_LIST_NAME", text)
            url = "file:///" + rf"{self.folder}\{offer['file']}".replace("\\", "/")
            one = {"Name": name, "FriendlyName": f"{name} (gpuready)", "Default": True}
            families[name] = [{**one, "Amd64Url": {"Url": url, "Sha256": f"0x{offer['sha256']}"}}]
            if self.list == "alone":
                document.setdefault("Default", name)
        return json.dumps({**document, "ModernDistributions": families})

    def _logon(self) -> str:
        if not self.task.arguments.get("logon"):
            return ""
        shell = "powershell.exe -NoProfile -WindowStyle Hidden -ExecutionPolicy Bypass -File"
        return rf'{shell} "{self.folder}\student.ps1" {self.name} --prepare'
