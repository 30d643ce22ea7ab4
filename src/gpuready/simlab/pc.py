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
from gpuready.simlab.programs import Run
from gpuready.simlab.schema import Pc
from gpuready.simlab.subsystem import MSI, WSL, Subsystem
from gpuready.simlab.wsl.host import DiskFiles
from gpuready.simlab.wsl.state import LXSS

USER_PROFILE = r"C:\Users\labadmin"


class SimulatedPc:
    """The state of a PC. What a restart changes is changed by `restart`; the disk outlives it."""

    def __init__(self, scenario: Pc, user: str, password: str) -> None:
        self.scenario, self.user = scenario, user
        self.lock = threading.RLock()
        self.faults = Faults(scenario.faults)
        self.users = {user: f"not-{password}" if self.faults.has("wrong_password") else password}
        self.disk = Disk(scenario.disk.free, scenario.disk.total)
        self.features: dict[str, str] = dict(scenario.features)
        self.subsystem = Subsystem(scenario, DiskFiles(self.disk), self.features)
        self.programs = programs.for_pc(scenario, self.subsystem)
        self.cim = documents.to_cim(scenario)
        self.registry = Registry(documents.to_registry(scenario, self.subsystem))
        self.boots = 1
        self.boot_time = scenario.os.booted
        self.restarting = False
        self.boot_marks: set[str] = set()  # what is forgotten at a restart
        self.at_restart: list[Callable[[], None]] = []  # what takes effect at one
        self._processes: dict[int, threading.Event] = {}  # what goes on without a connection; set when it is ended
        self._last_process = 4000
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
        self.subsystem.fill()
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

    def run_wsl(self, command_line: str, call: Run) -> Run:
        """A raw command line of wsl.exe, carried out; the registry shows what became of it."""
        try:
            call.rc = self.subsystem.run(command_line, call)
        except programs.Hanging:
            call.rc = None
        self.show()
        return call

    def show(self) -> None:
        """Let the registry and the markers of a restart say what WSL and the features are now."""
        with self.lock:
            for key in (LXSS, MSI):
                self.registry.remove(key)
            for key in [rf"HKU\{sid}" for sid in self.subsystem.machine.users]:
                self.registry.remove(key)
            for key, values in self.subsystem.keys().items():
                self.registry.set(key, values)
            if any(state.endswith("Pending") for state in self.features.values()):
                self.registry.set(rf"{documents.WINDOWS}\Component Based Servicing\RebootPending", {})

    def put_wsl(self, version: str) -> None:
        """The package of WSL in this version; an empty one takes it away."""
        with self.lock:
            machine = self.subsystem.machine
            machine.restart_service()
            machine.version = version
            machine.new_kernel()
            if version:
                self.programs[WSL] = self.subsystem.wsl
                self.disk.write(WSL, b"MZ", machine=34404)
            else:
                self.programs.pop(WSL, None)
                self.disk.remove(WSL)
            self.show()

    def note(self, what: str, check: bool = False) -> None:
        """Write down what was asked."""
        self.journal.append({"at": time.time(), "what": what, "check": check})

    def start_process(self) -> int:
        """A process that needs no connection; its number."""
        with self.lock:
            self._last_process += 4
            self._processes[self._last_process] = threading.Event()
            return self._last_process

    def has_process(self, number: int) -> bool:
        """Whether it is there."""
        return number in self._processes

    def ends(self, number: int, within: float) -> bool:
        """Whether a process is ended by the PC within so many seconds."""
        ended = self._processes.get(number)
        return ended is None or ended.wait(within)

    def end_process(self, number: int) -> bool:
        """Let it end; False when the PC ended it before."""
        return self._processes.pop(number, None) is not None

    def log_on(self, user: str) -> None:
        """Somebody sits down at the PC."""
        with self.lock:
            self.scenario = self.scenario.model_copy(update={"users": [*self.scenario.users, user]})
            told = documents.to_cim(self.scenario)
            self.cim["Win32_Process"] = told["Win32_Process"]
            self.cim["Win32_ComputerSystem"][0]["UserName"] = told["Win32_ComputerSystem"][0]["UserName"]

    def restart(self) -> None:
        """What a restart does: processes end, pending features take effect, pending markers go."""
        with self.lock:
            done = not self.faults.has("stays_pending")
            if done:
                self.subsystem.machine.restart()
            else:
                self.subsystem.machine.restart_service()
            self.cim["Win32_OptionalFeature"] = [
                {"Name": name, "InstallState": 1 if state == "Enabled" else 2} for name, state in self.features.items()
            ]
            if self.features.get("VirtualMachinePlatform") == "Enabled" and self.scenario.machine.virtualization:
                self.cim["Win32_ComputerSystem"][0]["HypervisorPresent"] = True  # Windows starts its own
            for key in (
                rf"{documents.WINDOWS}\Component Based Servicing\RebootPending",
                rf"{documents.WINDOWS}\Component Based Servicing\PackagesPending",
                rf"{documents.WINDOWS}\WindowsUpdate\Auto Update\RebootRequired",
            ):
                if done:
                    self.registry.remove(key)
            self.show()
            for ended in self._processes.values():
                ended.set()
            self._processes.clear()
            self.boot_marks.clear()
            while self.at_restart:
                self.at_restart.pop(0)()
            self.boots += 1
            self.boot_time = now()
            self.cim["Win32_OperatingSystem"][0]["LastBootUpTime"] = self.boot_time

    def save(self, folder: Path) -> None:
        """Keep the state below a folder, whole or not at all."""
        state = {
            "boots": self.boots,
            "boot_time": self.boot_time,
            "features": self.features,
            "wsl": self.subsystem.as_dict(),
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
        self.boots, self.boot_time = state["boots"], state["boot_time"]
        self.features |= state["features"]
        self.disk.from_list(state["disk"])
        self.disk.free = state["free"]
        self.subsystem.from_dict(state["wsl"])
        self.put_wsl(self.subsystem.machine.version)


class Power(Protocol):
    """Who restarts PCs."""

    def restart(self, pc: SimulatedPc, after: float) -> bool:
        """Take the PC down and up again; False when that is already on its way."""


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
