"""One Wine prefix as one Windows machine: its files, its WinRM service, its programs and its restarts."""

from __future__ import annotations

import base64
import collections
import datetime
import json
import os
import re
import shutil
import ssl
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from gpuready.simlab.winrm.listener import Listener, Server
from gpuready.simlab.winrm.service import Service
from gpuready.simlab.winrm.shells import COMMAND_SHELL, Command, CommandShell, Shell

from . import csharp, direct3d, psrp, winrs
from .defaults import COMPUTER_SYSTEM, FEATURES, OPERATING_SYSTEM
from .programs import Program, ProgramServer, shutdown
from .registry import Value, registry_file
from .tree import PREFIXES, ROOT, display, template_in_use

LOGON_UI = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon\AutoLogonChecked"  # there once one can log on
# A program of Wine's that starts the desktop and ends.  Wine runs it at every boot, in the background: not here.
DESKTOP_STARTER = "winemenubuilder.exe"
OVERRIDES = f"shutdown.exe=n,b;pnputil.exe=n,b;{DESKTOP_STARTER}=d"
OWN = (
    "system.reg", "user.reg", "userdef.reg", "drive_c/users", "drive_c/ProgramData",
    "drive_c/windows/system32/drivers/etc",
)  # fmt: skip


@dataclass
class Reply:
    """How a program ended that `Machine.run` or `Machine.powershell` started."""

    rc: int
    stdout: str
    stderr: str


@dataclass(eq=False)
class Machine:
    """A Windows PC.

    cim: class -> instances.  features: name -> state.  registry: key -> {name: int | str | list of str}, set at every
    boot.  programs: name or C:\\... path -> what it does.  adapter: "name|PCI vendor|PCI device|bytes" (hexadecimal
    ids) of a GPU that Direct3D 12 and DirectML really run on, in software; of more, in their order, with ";" between.
    folder: the name of its prefix, where `name` is not to be it.  tls: WinRM by HTTPS (set the port too).
    """

    name: str
    address: str = "127.0.1.1"
    port: int = 5985
    users: dict[str, str] = field(default_factory=lambda: {"labadmin": "S3cret!"})
    programs: dict[str, Program] = field(default_factory=dict)
    cim: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    features: dict[str, str] = field(default_factory=lambda: dict(FEATURES))
    appx: list[dict[str, Any]] = field(default_factory=list)
    registry: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    adapter: str = ""
    boot_seconds: float = 2.0
    on_boot: Callable[[Machine], None] | None = None
    folder: str = ""
    tls: ssl.SSLContext | None = None

    boots: int = field(default=0, init=False)
    _operations: collections.Counter[str] = field(default_factory=collections.Counter, init=False, repr=False)
    _winrm: Server | None = field(default=None, init=False, repr=False)
    _programs: ProgramServer | None = field(default=None, init=False, repr=False)
    _timer: threading.Timer | None = field(default=None, init=False, repr=False)

    # --- files --------------------------------------------------------------------------------------------------------
    @property
    def prefix(self) -> Path:
        """The machine's folder on this computer."""
        return PREFIXES / (self.folder or self.name)

    @property
    def drive_c(self) -> Path:
        """The folder that is C:."""
        return self.prefix / "drive_c"

    @property
    def lab(self) -> Path:
        """The folder of the machine's JSON documents."""
        return self.drive_c / "ProgramData/WinLab"

    def create(self) -> None:
        """Clone the template by hard links; only what a machine may write is copied."""
        self.remove()
        if self.prefix.exists():
            raise RuntimeError(f"{self.prefix} is left from an earlier run and cannot be removed: remove it by hand")
        template = PREFIXES / "template"
        with template_in_use():
            subprocess.run(["cp", "-al", str(template), str(self.prefix)], check=True)
            for own in OWN:
                source, target = template / own, self.prefix / own
                if source.is_dir():
                    shutil.rmtree(target, ignore_errors=True)
                    shutil.copytree(source, target, symlinks=True)
                elif source.exists():
                    target.unlink(missing_ok=True)
                    shutil.copy2(source, target)
        (self.lab / "cim").mkdir(parents=True, exist_ok=True)
        (self.lab / "coverage").mkdir(exist_ok=True)
        self.programs = {"shutdown.exe": shutdown, **self.programs}
        for program in self.programs:
            self.install_program(program)
        self.copy_in(PREFIXES / "windows/directml", r"C:\ProgramData\WinLab\directml")
        if self.adapter:
            self.registry = {**self.registry, **direct3d.install(self.drive_c, self.adapter)}
        self.write_json("features.json", self.features)
        self.write_json("appx.json", self.appx)
        documents = {
            "Win32_OperatingSystem": [dict(OPERATING_SYSTEM, CSName=self.name.upper())],
            "Win32_ComputerSystem": [COMPUTER_SYSTEM],
            **self.cim,
        }
        for name, instances in documents.items():
            self.set_cim(name, instances)

    def remove(self) -> None:
        """Take the machine's files away, ending what still runs from them."""
        if self.prefix.exists():
            # What is left over from a run that was cut off: its processes, and its small drives.
            self._wine_tool("wineserver", "-k")
            for drive in self.prefix.glob("drive_*"):
                if drive.is_mount():
                    subprocess.run(["umount", "-l", str(drive)], check=True)
            self._keep_coverage()
        shutil.rmtree(self.prefix, ignore_errors=True)

    def install_program(self, program: str, handler: Program | None = None) -> None:
        r"""Put a program on the PATH, or at a path given as C:\...; its behaviour is the handler."""
        if handler:
            self.programs[program] = handler
        target = self.path(program) if ":" in program else self.drive_c / "windows/system32" / program
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copyfile(PREFIXES / "program.exe", target)

    def copy_in(self, source: Path, windows: str) -> None:
        r"""Put a file or a tree at C:\..., by hard links: for what the machine only reads."""
        target = self.path(windows)
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-alT", str(source), str(target)], check=True)

    def path(self, windows: str) -> Path:
        r"""The file behind C:\..., found without regard to case."""
        at = self.prefix / f"drive_{windows[0].lower()}"
        for part in re.split(r"[\\/]+", windows[3:]):
            names = {n.lower(): n for n in os.listdir(at)} if at.is_dir() else {}
            at = at / names.get(part.lower(), part) if part else at
        return at

    def write_json(self, name: str, value: object) -> None:
        """Replace one of the machine's JSON documents (features.json, appx.json, cim/CLASS.json, your own)."""
        f = self.lab / name
        f.parent.mkdir(parents=True, exist_ok=True)
        temporary = f.with_suffix(".tmp")
        temporary.write_text(json.dumps(value, indent=1))
        temporary.replace(f)

    def read_json(self, name: str) -> Any:
        """One of the machine's JSON documents."""
        return json.loads((self.lab / name).read_text())

    def read_features(self) -> dict[str, str]:
        """The optional features and their states."""
        return dict(self.read_json("features.json"))

    def set_cim(self, name: str, instances: list[dict[str, Any]]) -> None:
        """Replace the instances of a CIM class."""
        self.write_json(f"cim/{name}.json", instances)

    def get_cim(self, name: str) -> list[dict[str, Any]]:
        """The instances of a CIM class."""
        return list(self.read_json(f"cim/{name}.json"))

    # --- life ---------------------------------------------------------------------------------------------------------
    def __enter__(self) -> Self:
        self.create()
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Boot: about two seconds until WinRM answers."""
        self._programs = ProgramServer(self)
        (self.lab / "port").write_text(str(self._programs.port))
        self._wine_tool("wineserver", "-p")
        self._wine_tool("wine", "cmd", "/c", "exit")  # the services start here, on nobody's pipes
        # Wine's desktop writes the display adapter's keys once a boot: wait for it here, before they are set below.
        self._wine_tool("wine", DESKTOP_STARTER, "-a", "-r", env={"WINEDLLOVERRIDES": ""})
        self._wine_tool("wine", "reg", "add", LOGON_UI, "/f")
        if self.registry:  # at every boot: Wine rewrites its display adapter's keys
            (self.lab / "machine.reg").write_bytes(registry_file(self.registry))
            self._wine_tool("wine", "regedit", "/S", "C:\\ProgramData\\WinLab\\machine.reg")
        boot = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        systems = self.get_cim("Win32_OperatingSystem")
        self.set_cim("Win32_OperatingSystem", [dict(o, LastBootUpTime=boot) for o in systems])
        if self.on_boot:
            self.on_boot(self)
        self.boots += 1
        self._operations.clear()
        self.plug_in()

    def plug_in(self) -> None:
        """Let WinRM answer."""
        remoting = self.command(["wine", winrs.POWERSHELL, "-ServerMode", "-NoProfile"])
        endpoint = f"{'https' if self.tls else 'http'}://{self.address}:{self.port}/wsman"
        kinds: dict[str, Callable[[Any], Shell]] = {
            COMMAND_SHELL: lambda body: CommandShell(self._winrs),
            psrp.POWERSHELL_SHELL: lambda body: psrp.PowerShellShell(body, remoting),
        }
        service = Service("winlab", self.users, endpoint, kinds, before=[self._count])
        self._winrm = Server()
        self._winrm.add(Listener(self.address, self.port, service, self.tls))

    def unplug(self) -> None:
        """Take the machine off the net: connections end at once, and what runs by itself goes on."""
        if self._winrm:
            self._winrm.close()
            self._winrm = None

    def stop(self) -> None:
        """Pull the plug: connections and processes end at once."""
        self.abort_restart()
        self.unplug()
        self._wine_tool("wineserver", "-k")
        if self._programs:
            self._programs.close()
            self._programs = None
        self._keep_coverage()

    def _keep_coverage(self) -> None:
        """Hand over which lines of instrumented scripts have run (../ps_coverage), where somebody wants to know."""
        wanted = os.environ.get("GPUREADY_PS_COVERAGE")
        for f in (self.lab / "coverage").glob("*.txt") if wanted else ():
            shutil.move(f, Path(str(wanted)) / "hits" / f"{uuid.uuid4()}.txt")

    @property
    def commands(self) -> int:
        """How many commands WinRM has carried since it booted: one for each module, more for a file."""
        return self._operations["Command"]

    def _count(self, operation: str) -> None:
        self._operations[operation] += 1

    def restart(self) -> None:
        """Cut every connection, end every process, settle the pending features, boot."""
        self.stop()
        settled = {"EnablePending": "Enabled", "DisablePending": "Disabled"}
        features = {k: settled.get(v, v) for k, v in self.read_features().items()}
        self.write_json("features.json", features)
        if (self.lab / "cim/Win32_OptionalFeature.json").exists():  # CIM says it in its own way
            rows = self.get_cim("Win32_OptionalFeature")
            installed = {"Enabled": 1, "Disabled": 2}
            states = {k: installed[v] for k, v in features.items() if v in installed}
            self.set_cim(
                "Win32_OptionalFeature", [r | {"InstallState": states.get(r["Name"], r["InstallState"])} for r in rows]
            )
        time.sleep(self.boot_seconds)
        self.start()

    def schedule_restart(self, seconds: float) -> bool:
        """Restart after so many seconds; False when a restart is due already."""
        if self._timer:
            return False
        self._timer = threading.Timer(seconds, self.restart)
        self._timer.daemon = True
        self._timer.start()
        return True

    def abort_restart(self) -> bool:
        """Call a restart off; False when none is due."""
        timer, self._timer = self._timer, None
        if timer is None:
            return False
        timer.cancel()
        return True

    # --- processes ----------------------------------------------------------------------------------------------------
    def command(self, argv: list[str], env: Mapping[str, str] | None = None) -> list[str]:
        """The argv that runs a program of the tree in this prefix."""
        variables = {
            "WINEPREFIX": "/" + str(self.prefix.relative_to(ROOT)),
            "WINEDEBUG": "-all",
            "DISPLAY": "",
            "HOME": "/root",
            "WINEDLLOVERRIDES": OVERRIDES,
            # .NET maps its code twice so that it is never both writable and executable: dear, and brittle, under Wine
            "DOTNET_EnableWriteXorExecute": "0",
            # Ansible's PowerShell lives for two seconds: what .NET does for longer lives costs a tenth of them
            "DOTNET_TieredPGO": "0",
            "DOTNET_TC_CallCounting": "0",
            "DOTNET_gcConcurrent": "0",
            "DOTNET_GCgen0size": "0x4000000",
            # Wine loses registers of AVX-512 in the middle of .NET's base64. The second name is that of older ones.
            "DOTNET_EnableAVX512": "0",
            "DOTNET_EnableAVX512F": "0",
            # TensorFlow's own copy of DirectML is licensed for Windows alone: it must load this one
            "TF_DIRECTML_PATH": r"C:\ProgramData\WinLab\directml",
            **csharp.variables(),
        }
        if self.adapter:
            overrides = f"{OVERRIDES};{','.join(direct3d.libraries(self.adapter))}=n,b"
            variables |= {"DISPLAY": display(), "WINLAB_ADAPTER": self.adapter, "WINEDLLOVERRIDES": overrides}
        settings = [f"{k}={v}" for k, v in {**variables, **(env or {})}.items()]
        return ["chroot", str(ROOT), "/usr/bin/env", "-i", "PATH=/usr/bin:/bin", *settings, *argv]

    def _wine_tool(self, *argv: str, env: Mapping[str, str] | None = None) -> None:
        null = subprocess.DEVNULL
        subprocess.run(self.command(list(argv), env), stdin=null, stdout=null, stderr=null, check=False)

    def run(self, argv: list[str], stdin: bytes = b"", timeout: float = 120) -> Reply:
        """Run a Windows program on the machine, past WinRM."""
        p = subprocess.run(
            self.command(["wine", *argv]), input=stdin, capture_output=True, timeout=timeout, check=False
        )
        return Reply(
            p.returncode, p.stdout.decode(errors="replace"), winrs.NOISE.sub(b"", p.stderr).decode("utf-8", "replace")
        )

    def powershell(self, script: str, timeout: float = 120) -> Reply:
        """Run a PowerShell script on the machine, past WinRM."""
        encoded = base64.b64encode(script.encode("utf-16-le")).decode()
        return self.run(
            [winrs.POWERSHELL, "-NoProfile", "-NonInteractive", "-EncodedCommand", encoded], timeout=timeout
        )

    def _winrs(self, command: Command) -> int:
        return winrs.run(command, self.command)
