"""Model of gpuready.lab.gpu_facts on Windows: the evidence that gpu_facts.ps1 collects (docs/evidence.md)."""

from __future__ import annotations

import time
from typing import Any

from gpuready.simlab import documents
from gpuready.simlab.disk import Value
from gpuready.simlab.gpus import CLASS, CLASS_KEY, ENUM_KEY
from gpuready.simlab.models.home import Home
from gpuready.simlab.models.model import ModuleFailed, Task, model
from gpuready.simlab.models.reading import (
    CLASS_VALUES,
    COMPUTER,
    CONTROLLER,
    ENTITY,
    FEATURES,
    PIECES,
    PROCESSOR,
    SYSTEM,
    Reader,
)
from gpuready.simlab.models.wsl_distribution import place
from gpuready.simlab.pc import now
from gpuready.simlab.programs import NVIDIA_SMI
from gpuready.simlab.subsystem import INBOX_WSL, SID, WSL


@model("gpuready.lab.gpu_facts")
def gpu_facts(task: Task) -> dict[str, Any]:
    """The evidence of the PC."""
    task.only("home", "time_limit", "runtime_files", "check_hashes", "distribution", "location")
    limit = int(task.arguments.get("time_limit") or 20)
    if not 1 <= limit <= 600:
        raise ModuleFailed(f"time_limit: {limit} is not between 1 and 600 seconds")
    home = str(task.arguments.get("home") or documents.HOME).rstrip("\\")
    start = time.monotonic()
    names, hashes = list(task.arguments.get("runtime_files") or []), bool(task.arguments.get("check_hashes"))
    collector = Collector(task.pc, Home(task.pc, home), limit, names, hashes)
    collector.distribution = str(task.arguments.get("distribution") or "gpuready")
    collector.location = str(task.arguments.get("location") or "")
    pieces = {name: collector.piece(name) for name in PIECES}
    evidence = {
        "schema_version": 1,
        "platform": "windows",
        "collected_at": now(),
        "seconds": round(time.monotonic() - start, 2),
        "pieces": pieces,
    }
    return {"changed": False, "ansible_facts": {"gpuready_evidence": evidence}}


class Collector(Reader):
    """Collects the pieces of one PC."""

    distribution, location = "gpuready", ""

    def operating_system(self) -> Any:
        """Win32_OperatingSystem and the registry's word on it."""
        names = ("ProductName", "EditionID", "DisplayVersion", "InstallationType", "CurrentBuildNumber", "UBR")
        registry = self._values(r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion", names)
        return {**self._cim("Win32_OperatingSystem", SYSTEM)[0], "registry": registry}

    def computer_system(self) -> Any:
        """Win32_ComputerSystem."""
        return self._cim("Win32_ComputerSystem", COMPUTER)[0]

    def processors(self) -> Any:
        """Win32_Processor."""
        return self._cim("Win32_Processor", PROCESSOR)

    def _placed(self, rows: list[dict[str, Any]], identity: str) -> list[dict[str, Any]]:
        for row in rows:
            key = rf"{ENUM_KEY}\{row[identity]}"
            row["Driver"] = self.pc.registry.value(key, "Driver")
            row["LocationInformation"] = self.pc.registry.value(key, "LocationInformation")
        return rows

    def video_controllers(self) -> Any:
        """Win32_VideoController."""
        return self._placed(self._cim("Win32_VideoController", CONTROLLER), "PNPDeviceID")

    def pnp_display(self) -> Any:
        """Display devices of Plug and Play, and those of PCI's display class that have no class yet."""
        rows = [
            row
            for row in self._cim("Win32_PnPEntity", ENTITY)
            if (row["ClassGuid"] or "").lower() == CLASS
            or (
                not row["ClassGuid"]
                and any(str(one).upper().startswith(r"PCI\CC_03") for one in row["CompatibleID"] or [])
            )
        ]
        return self._placed(rows, "DeviceID")

    def display_class(self) -> Any:
        """The keys of four digits in the display class."""
        keys = []
        for key in self.pc.registry.subkeys(CLASS_KEY):
            if len(key) == 4 and key.isdecimal():
                keys.append({**(self._values(rf"{CLASS_KEY}\{key}", CLASS_VALUES) or {}), "key": key})
        return keys

    def architecture(self) -> Any:
        """The processor's and this process's."""
        machine = self.pc.registry.value(rf"{documents.CONTROL}\Session Manager\Environment", "PROCESSOR_ARCHITECTURE")
        wide = machine != "x86"
        return {"machine": machine, "process": machine, "wow64": None, "os_64bit": wide, "process_64bit": wide}

    def features(self) -> Any:
        """The optional features; DISM is asked when a restart is pending."""
        cbs = rf"{documents.WINDOWS}\Component Based Servicing\RebootPending"
        asked = self.pc.registry.has(cbs) or self.pc.registry.has(rf"HKCU\{documents.LXSS}\InstallStatus")
        states = {row["Name"]: row["InstallState"] for row in self.pc.cim["Win32_OptionalFeature"]}
        return {
            name: {"install_state": states.get(name), "dism_state": self.pc.features.get(name) if asked else None}
            for name in FEATURES
        }

    def pending_reboot(self) -> Any:
        """The markers of a pending restart."""
        registry, cbs = self.pc.registry, rf"{documents.WINDOWS}\Component Based Servicing"
        renames = registry.value(rf"{documents.CONTROL}\Session Manager", "PendingFileRenameOperations")
        names = rf"{documents.CONTROL}\ComputerName"
        return {
            "cbs_reboot_pending": registry.has(rf"{cbs}\RebootPending"),
            "cbs_packages_pending": registry.has(rf"{cbs}\PackagesPending"),
            "windows_update": registry.has(rf"{documents.WINDOWS}\WindowsUpdate\Auto Update\RebootRequired"),
            "file_renames": (len(renames) + 1) // 2 if isinstance(renames, list) else 0,
            "computer_name": {
                "active": registry.value(rf"{names}\ActiveComputerName", "ComputerName"),
                "pending": registry.value(rf"{names}\ComputerName", "ComputerName"),
            },
            "wsl_install_status": registry.has(rf"HKCU\{documents.LXSS}\InstallStatus"),
        }

    def wsl_registry(self) -> Any:
        """WSL in the registry."""
        registry, own = self.pc.registry, rf"HKCU\{documents.LXSS}"
        names = (
            "DistributionName",
            "State",
            "Version",
            "Flags",
            "DefaultUid",
            "BasePath",
            "VhdFileName",
            "Flavor",
            "OsVersion",
        )
        distributions = [
            {**(self._values(rf"{own}\{key}", names) or {}), "id": key}
            for key in registry.subkeys(own)
            if key.startswith("{")
        ]
        return {
            "msi": self._values(rf"HKLM\{documents.LXSS}\MSI", ("Version", "InstallLocation", "ProductCode")),
            "store": None,
            "user": {
                "name": f"{self.pc.name}\\{self.pc.user}",
                "sid": SID,
                "DefaultDistribution": registry.value(own, "DefaultDistribution"),
                "DefaultVersion": registry.value(own, "DefaultVersion"),
                "distributions": distributions,
            },
            "policies": registry.values(r"HKLM\SOFTWARE\Policies\WSL"),
            "inbox": self.pc.disk.is_file(INBOX_WSL),
        }

    def wsl_place(self) -> Any:
        """Where the guest lies or would lie."""
        return place(self.pc, self.distribution, self.location, self.home)

    def wsl_version(self) -> Any:
        """`wsl --version`, only where WSL is installed."""
        candidates = [WSL]
        if self.pc.registry.has(rf"HKLM\{documents.LXSS}\MSI"):
            candidates.append(INBOX_WSL)
        return self._program(self._first(*candidates), ["--version"], {"WSL_UTF8": "1"}, as_bytes=True)

    def nvidia_smi(self) -> Any:
        """`nvidia-smi -q -x`."""
        return self._program(
            self._first(NVIDIA_SMI, r"C:\Program Files\NVIDIA Corporation\NVSMI\nvidia-smi.exe"), ["-q", "-x"]
        )

    def uv(self) -> Any:
        """`uv --version`."""
        if self.home.refusal():
            return None
        return self._program(self._first(rf"{self.home.path}\uv.exe"), ["--version"])

    def interpreters(self) -> Any:
        """Pythons: of the registry, of HOME, on the PATH."""
        interpreters: dict[str, dict[str, Any]] = {}

        def add(path: str, source: str, version: Value | None = None) -> None:
            node = self.pc.disk.get(path)
            if node is None or not node.data or path.lower() in interpreters:
                return
            interpreters[path.lower()] = {
                "path": path,
                "version": node.version or version,
                "machine": node.machine,
                "source": source,
            }

        root = r"HKLM\SOFTWARE\Python"
        for company in self.pc.registry.subkeys(root):
            for tag in self.pc.registry.subkeys(rf"{root}\{company}"):
                path = self.pc.registry.value(rf"{root}\{company}\{tag}\InstallPath", "ExecutablePath")
                if isinstance(path, str):
                    add(path, "registry", self.pc.registry.value(rf"{root}\{company}\{tag}", "Version"))
        own = [] if self.home.refusal() else self.pc.disk.children(rf"{self.home.path}\python")
        for node in own:
            add(rf"{node.path}\python.exe", "home")
        for one in self.pc.scenario.interpreters:
            if one.source == "path":
                add(one.path, "path")
        return list(interpreters.values())

    def vc_runtime(self) -> Any:
        """The C++ runtime: registry and files."""
        names = ("Installed", "Version", "Major", "Minor", "Bld")
        files = {}
        for name in self.runtime_files:
            node = self.pc.disk.get(rf"C:\Windows\System32\{name}")
            files[name] = None if node is None else node.version or ""
        return {
            "registry": self._values(r"HKLM\SOFTWARE\Microsoft\VisualStudio\14.0\VC\Runtimes\X64", names),
            "files": files,
        }

    def disk(self) -> Any:
        """Room on the drive of HOME."""
        return {"path": "C:\\", "free_bytes": self.pc.disk.free, "total_bytes": self.pc.disk.total}

    def users(self) -> Any:
        """Who is logged on."""
        rows = self.pc.cim["Win32_Process"]
        users = [
            {"name": f"{row['Domain']}\\{row['User']}" if row["Domain"] else row["User"], "session": row["SessionId"]}
            for row in rows
        ]
        console = self.pc.cim["Win32_ComputerSystem"][0]["UserName"]
        if console and all(one["name"] != console for one in users):
            users.append({"name": console, "session": None})
        return users

    def environments(self) -> Any:
        """What lies in HOME."""
        return self._refused() or self.home.contents(self.runtime_files, self.hashes)

    def last_pass(self) -> Any:
        """What the last passes were bound to."""
        return self._refused() or self.home.texts("passes")

    def _refused(self) -> dict[str, Any] | None:
        why = self.home.refusal()
        return {"__value": None, "__error": {"code": "HOME_NOT_OURS", "message": why}} if why else None

    def marker(self) -> Any:
        """Every PC here says that it is simulated."""
        by = self.pc.registry.value(r"HKLM\SOFTWARE\gpuready", "Simulated")
        return {"simulated": True, "by": by if isinstance(by, str) else None} if by else None
