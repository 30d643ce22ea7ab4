"""One simulated PC: its documents, its disk and registry, and what becomes of them while the lab runs."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from gpuready.simlab import documents, programs
from gpuready.simlab.disk import Disk, Registry
from gpuready.simlab.faults import Faults
from gpuready.simlab.schema import Pc

USER_PROFILE = r"C:\Users\labadmin"


class SimulatedPc:
    """The state of a PC. What a restart changes is changed by `restart`; the disk outlives it."""

    def __init__(self, scenario: Pc, user: str, password: str) -> None:
        self.scenario, self.user = scenario, user
        self.lock = threading.RLock()
        self.faults = Faults(scenario.faults)
        self.users = {user: f"not-{password}" if self.faults.has("wrong_password") else password}
        self.programs = programs.for_pc(scenario)
        self.cim = documents.to_cim(scenario)
        self.registry = Registry(documents.to_registry(scenario))
        self.features: dict[str, str] = dict(scenario.features)
        self.disk = Disk(scenario.disk.free, scenario.disk.total)
        self.boots = 1
        self.boot_time = scenario.os.booted
        self.restarting = False
        self.journal: list[dict[str, Any]] = []  # what was asked of it: {at, what, check}
        self.recorder: Callable[[str, str, bytes], None] | None = (
            None  # gets what, command line and input of each command
        )
        self._fill()

    def _fill(self) -> None:
        free, self.disk.free = self.disk.free, self.disk.total  # what is there already is not what is free
        for path in (
            rf"{USER_PROFILE}\AppData\Local\Temp",
            r"C:\Windows\System32",
            r"C:\Windows\Temp",
            r"C:\ProgramData",
        ):
            self.disk.make_folder(path)
        for path in self.programs:
            self.disk.write(path, b"MZ", machine=34404)
        for node in documents.to_files(self.scenario):
            self.disk.write(node.path, node.data or b"", version=node.version, machine=node.machine)
        self.disk.free = free

    @property
    def name(self) -> str:
        """The computer's name."""
        return self.scenario.name[:15].upper()

    @property
    def variables(self) -> dict[str, str]:
        """Variables of a process of the user that Ansible logs on as."""
        return {
            "TEMP": rf"{USER_PROFILE}\AppData\Local\Temp",
            "TMP": rf"{USER_PROFILE}\AppData\Local\Temp",
            "USERPROFILE": USER_PROFILE,
            "LOCALAPPDATA": rf"{USER_PROFILE}\AppData\Local",
            "APPDATA": rf"{USER_PROFILE}\AppData\Roaming",
            "SYSTEMROOT": r"C:\Windows",
            "WINDIR": r"C:\Windows",
            "PROGRAMDATA": r"C:\ProgramData",
            "PROGRAMFILES": r"C:\Program Files",
            "SYSTEMDRIVE": "C:",
            "COMPUTERNAME": self.name,
            "USERNAME": self.user,
        }

    def expand(self, path: str) -> str:
        """%VARIABLES% of a path filled in."""
        known = self.variables
        return re.sub(r"%(\w+)%", lambda match: known.get(match[1].upper(), match[0]), path)

    def find_program(self, name: str) -> str | None:
        """A program by path, or by name on the PATH (System32)."""
        low = name.lower() if name.lower().endswith(".exe") else f"{name.lower()}.exe"
        for path in self.programs:
            if path.lower() == low or (path.lower() == rf"c:\windows\system32\{low}"):
                return path
        return None

    def note(self, what: str, check: bool = False) -> None:
        """Write down what was asked."""
        self.journal.append({"at": time.time(), "what": what, "check": check})

    def restart(self) -> None:
        """What a restart does: pending features take effect, pending markers go."""
        with self.lock:
            after = {"EnablePending": "Enabled", "DisablePending": "Disabled"}
            self.features = {name: after.get(state, state) for name, state in self.features.items()}
            self.cim["Win32_OptionalFeature"] = [
                {"Name": name, "InstallState": 1 if state == "Enabled" else 2} for name, state in self.features.items()
            ]
            for key in (
                rf"{documents.WINDOWS}\Component Based Servicing\RebootPending",
                rf"{documents.WINDOWS}\Component Based Servicing\PackagesPending",
                rf"{documents.WINDOWS}\WindowsUpdate\Auto Update\RebootRequired",
                rf"HKCU\{documents.LXSS}\InstallStatus",
            ):
                self.registry.remove(key)
            self.boots += 1
            self.boot_time = now()
            self.cim["Win32_OperatingSystem"][0]["LastBootUpTime"] = self.boot_time

    def save(self, folder: Path) -> None:
        """Keep the state below a folder, whole or not at all."""
        state = {
            "boots": self.boots,
            "boot_time": self.boot_time,
            "features": self.features,
            "disk": self.disk.as_list(),
            "free": self.disk.free,
        }
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{self.scenario.name}.new"
        temporary.write_text(json.dumps(state))
        temporary.replace(folder / f"{self.scenario.name}.json")

    def load(self, folder: Path) -> None:
        """Take up a state that was kept; without one nothing happens."""
        path = folder / f"{self.scenario.name}.json"
        if not path.is_file():
            return
        state = json.loads(path.read_text())
        self.boots, self.boot_time, self.features = state["boots"], state["boot_time"], state["features"]
        self.disk.from_list(state["disk"])
        self.disk.free = state["free"]


class Power(Protocol):
    """Who restarts PCs."""

    def restart(self, pc: SimulatedPc, after: float) -> bool:
        """Take the PC down and up again; False when that is already on its way."""


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
