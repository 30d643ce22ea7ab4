"""A PC of the scenario as the documents that a Windows machine is made of: CIM classes, registry, features, files,
programs.

simlab's models read them, and a winlab machine is built from the very same ones.
"""

from __future__ import annotations

import json
import ntpath
from typing import TYPE_CHECKING, Any

from gpuready.simlab import gpus, programs
from gpuready.simlab.disk import Disk, Node, Value
from gpuready.simlab.subsystem import Subsystem
from gpuready.simlab.wsl.host import DiskFiles

if TYPE_CHECKING:
    from gpuready.simlab.schema import Environment, Pc

HOME = r"C:\ProgramData\gpuready"
WINDOWS = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
LXSS = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Lxss"
LANGUAGES = {
    "de-DE": 1031, "en-US": 1033, "en-GB": 2057, "es-ES": 3082, "es-MX": 2058, "fr-FR": 1036, "it-IT": 1040,
    "ja-JP": 1041, "ko-KR": 1042,
    "nl-NL": 1043, "pl-PL": 1045, "pt-BR": 1046, "pt-PT": 2070, "ru-RU": 1049, "sv-SE": 1053, "tr-TR": 1055,
    "zh-CN": 2052, "zh-TW": 1028,
}  # fmt: skip
_ARCHITECTURES = {"x86_64": ("AMD64", 9), "x86": ("x86", 0), "arm64": ("ARM64", 12)}
_KINDS = {"workstation": (1, "Client"), "domain_controller": (2, "Server"), "server": (3, "Server")}
_RUNTIME = ("vcruntime140.dll", "vcruntime140_1.dll", "msvcp140.dll", "msvcp140_1.dll")
_64_BIT = {"zh": "64 位", "ja": "64 ビット", "de": "64-Bit", "fr": "64 bits"}


def to_cim(pc: Pc) -> dict[str, list[dict[str, Any]]]:
    """CIM class -> instances."""
    system, machine = pc.os, pc.machine
    return {
        "Win32_OperatingSystem": [
            {
                "Caption": system.caption,
                "Version": f"10.0.{system.build}",
                "BuildNumber": str(system.build),
                "ProductType": _KINDS[system.kind][0],
                "OSLanguage": LANGUAGES.get(system.language, 1033),
                "MUILanguages": [system.language],
                "OSArchitecture": "32-bit"
                if system.architecture == "x86"
                else _64_BIT.get(system.language[:2], "64-bit"),
                "LastBootUpTime": system.booted,
            }
        ],
        "Win32_ComputerSystem": [
            {
                "Manufacturer": machine.manufacturer,
                "Model": machine.model,
                "TotalPhysicalMemory": machine.memory,
                "NumberOfLogicalProcessors": machine.logical_processors,
                "HypervisorPresent": machine.hypervisor,
                "PCSystemType": 1,
                "UserName": pc.users[0] if pc.users else None,
            }
        ],
        "Win32_Processor": [
            {
                "Name": machine.processor,
                "Manufacturer": "AuthenticAMD" if "AMD" in machine.processor else "GenuineIntel",
                "Architecture": _ARCHITECTURES[system.architecture][1],
                "NumberOfCores": machine.cores,
                "NumberOfLogicalProcessors": machine.logical_processors,
                "VirtualizationFirmwareEnabled": False if machine.hypervisor else machine.virtualization,
                "SecondLevelAddressTranslationExtensions": not machine.hypervisor,
                "VMMonitorModeExtensions": not machine.hypervisor,
            }
        ],
        "Win32_VideoController": gpus.controllers(pc),
        "Win32_PnPEntity": gpus.entities(pc),
        "Win32_OptionalFeature": [
            {"Name": name, "InstallState": 1 if state in ("Enabled", "DisablePending") else 2}
            for name, state in pc.features.items()
        ],
        "Win32_Process": [
            {
                "Name": "explorer.exe",
                "ProcessId": 4000 + session,
                "Handle": str(4000 + session),
                "SessionId": session,
                "Domain": user.rpartition("\\")[0],
                "User": user.rpartition("\\")[2],
            }
            for session, user in enumerate(pc.users, 1)
        ],
    }


def to_registry(pc: Pc, subsystem: Subsystem | None = None) -> dict[str, dict[str, Value]]:
    """Registry key -> values; `subsystem` is the PC's WSL where there is one already."""
    system = pc.os
    keys: dict[str, dict[str, Value]] = {
        r"HKLM\SOFTWARE\gpuready": {"Simulated": "simlab"},
        r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion": {
            "ProductName": system.caption.removeprefix("Microsoft ").replace("Windows 11", "Windows 10"),
            "EditionID": system.edition,
            "DisplayVersion": system.display_version,
            "InstallationType": _KINDS[system.kind][1],
            "CurrentBuildNumber": str(system.build),
            "UBR": system.revision,
        },
        rf"{CONTROL}\Session Manager\Environment": {"PROCESSOR_ARCHITECTURE": _ARCHITECTURES[system.architecture][0]},
        rf"{CONTROL}\ComputerName\ActiveComputerName": {"ComputerName": pc.name[:15].upper()},
        rf"{CONTROL}\ComputerName\ComputerName": {"ComputerName": pc.name[:15].upper()},
        **gpus.registry(pc),
    }
    if pc.vc_runtime:
        major, minor, build = (int(part) for part in pc.vc_runtime.split(".")[:3])
        keys[r"HKLM\SOFTWARE\Microsoft\VisualStudio\14.0\VC\Runtimes\X64"] = {
            "Installed": 1, "Version": f"v{major}.{minor}.{build}.00", "Major": major, "Minor": minor, "Bld": build,
        }  # fmt: skip
    for one in pc.interpreters:
        if one.source == "registry":
            key = rf"HKLM\SOFTWARE\Python\PythonCore\{'.'.join(one.version.split('.')[:2])}"
            keys[key] = {"Version": one.version}
            keys[rf"{key}\InstallPath"] = {"": ntpath.dirname(one.path) + "\\", "ExecutablePath": one.path}
    keys |= {key: dict(values) for key, values in (subsystem or to_subsystem(pc)).keys().items()}
    return keys | _pending(pc)


def to_subsystem(pc: Pc) -> Subsystem:
    """Its WSL, with a disk of its own."""
    return Subsystem(pc, DiskFiles(Disk(pc.disk.free, pc.disk.total)), dict(pc.features))


def _pending(pc: Pc) -> dict[str, dict[str, Value]]:
    cbs = rf"{WINDOWS}\Component Based Servicing"
    keys: dict[str, tuple[str, dict[str, Value]]] = {
        "cbs": (rf"{cbs}\RebootPending", {}),
        "packages": (rf"{cbs}\PackagesPending", {}),
        "windows_update": (rf"{WINDOWS}\WindowsUpdate\Auto Update\RebootRequired", {}),
        "file_renames": (rf"{CONTROL}\Session Manager",
        {"PendingFileRenameOperations": [r"\??\C:\Windows\Temp\old.dll", r"\??\C:\Windows\Temp\new.dll"]}),
        "computer_name": (rf"{CONTROL}\ComputerName\ComputerName", {"ComputerName": "RENAMED"}),
        "wsl": (rf"HKCU\{LXSS}\InstallStatus", {}),
    }  # fmt: skip
    return dict(keys[one] for one in pc.pending_reboot)


def to_files(pc: Pc) -> list[Node]:
    """Files on drive C:, without the programs."""
    system32 = r"C:\Windows\System32"
    nodes = [
        Node(rf"{system32}\{name}", b"MZ", version=pc.vc_runtime, machine=34404) for name in _RUNTIME if pc.vc_runtime
    ]
    nodes += [Node(one.path, b"MZ", version=one.version, machine=one.machine) for one in pc.interpreters]
    for one in pc.environments:
        nodes += _environment(one)
    return [*nodes, Node(rf"{HOME}\uv.exe", b"MZ", machine=34404)] if pc.home_owner else nodes


def _environment(one: Environment) -> list[Node]:
    path = rf"{HOME}\environments\{one.stack}-{one.lock_sha256[:12]}"
    files = {rf"{path}\pyvenv.cfg": "home = gpuready\n", rf"{path}\Scripts\python.exe": "MZ"}
    if one.state != "building":
        files[rf"{path}\gpuready.files"] = "".join(
            sorted(f"{len(text)} {name.removeprefix(path)[1:]}\n" for name, text in files.items())
        )
        marker = {
            "stack": one.stack,
            "lock_sha256": one.lock_sha256,
            "python": rf"{path}\Scripts\python.exe",
            "version": one.python,
            "interpreter": rf"{path}\Scripts\python.exe",
            "complete": True,
        }
        files[rf"{path}\gpuready.json"] = json.dumps({**marker, "created_at": "2026-10-01T08:00:00Z"})
    if one.state == "current":
        pointer = {
            "stack": one.stack,
            "environment": path,
            "lock_sha256": one.lock_sha256,
            "python": rf"{path}\Scripts\python.exe",
        }
        files[rf"{HOME}\current\{one.stack}.json"] = json.dumps({**pointer, "switched_at": "2026-10-01T08:00:00Z"})
    if one.passed is not None:
        files[rf"{HOME}\passes\{one.stack}.json"] = json.dumps(one.passed)
    return [Node(name, text.encode()) for name, text in files.items()]


def winlab_arguments(pc: Pc) -> dict[str, Any]:
    """Arguments of a winlab Machine that is this PC: cim, registry, features, programs, adapter.

    The files of the scenario (interpreters, environments, the C++ runtime) are to be written by the test: `to_files`.
    """
    adapter = ""
    if pc.gpus and pc.gpus[0].driver not in (None, "basic") and not pc.gpus[0].problem_code:
        gpu = pc.gpus[0]
        adapter = f"{gpu.name}|{gpus.VENDORS[gpu.vendor].lower()}|{gpu.device.lower()}|{gpu.memory or 0}"
    subsystem = to_subsystem(pc)
    subsystem.fill()
    return {
        "cim": to_cim(pc),
        "registry": to_registry(pc, subsystem),
        "features": dict(pc.features),
        "programs": programs.for_pc(pc, subsystem),
        "adapter": adapter,
    }
