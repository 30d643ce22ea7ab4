"""How the model of gpu_facts reads a simulated PC, and which properties it asks for."""

from __future__ import annotations

import base64
from typing import Any

from gpuready.simlab.disk import Value
from gpuready.simlab.models.home import Home
from gpuready.simlab.pc import SimulatedPc
from gpuready.simlab.programs import Run

FEATURES = ("VirtualMachinePlatform", "Microsoft-Windows-Subsystem-Linux", "Microsoft-Hyper-V")
CLASS_VALUES = (
    "DriverDesc", "ProviderName", "DriverVersion", "DriverDate", "MatchingDeviceId", "InfPath", "InfSection",
    "RadeonSoftwareVersion",
    "RadeonSoftwareEdition", "HardwareInformation.qwMemorySize", "HardwareInformation.MemorySize",
    "HardwareInformation.AdapterString",
    "HardwareInformation.ChipType",
)  # fmt: skip
SYSTEM = (
    "Caption",
    "Version",
    "BuildNumber",
    "ProductType",
    "OSLanguage",
    "MUILanguages",
    "OSArchitecture",
    "LastBootUpTime",
)
COMPUTER = (
    "Manufacturer",
    "Model",
    "TotalPhysicalMemory",
    "NumberOfLogicalProcessors",
    "HypervisorPresent",
    "PCSystemType",
    "UserName",
)
PROCESSOR = (
    "Name", "Manufacturer", "Architecture", "NumberOfCores", "NumberOfLogicalProcessors",
    "VirtualizationFirmwareEnabled",
    "SecondLevelAddressTranslationExtensions", "VMMonitorModeExtensions",
)  # fmt: skip
CONTROLLER = (
    "DeviceID", "Name", "AdapterCompatibility", "AdapterRAM", "ConfigManagerErrorCode", "DriverVersion",
    "DriverDate", "PNPDeviceID", "InfFilename",
    "InfSection", "VideoProcessor", "Status",
)  # fmt: skip
ENTITY = (
    "DeviceID", "Name", "PNPClass", "ClassGuid", "Manufacturer", "Service", "ConfigManagerErrorCode", "Present",
    "Status", "HardwareID", "CompatibleID",
)  # fmt: skip
PIECES = (
    "operating_system", "computer_system", "processors", "video_controllers", "pnp_display", "display_class",
    "architecture", "features",
    "pending_reboot", "wsl_registry", "wsl_place", "wsl_version", "nvidia_smi", "uv", "interpreters",
    "vc_runtime", "disk", "users", "environments",
    "last_pass", "marker",
)  # fmt: skip


def _signed(value: Value | None) -> Value | None:
    """A REG_DWORD as .NET reads it."""
    return value - 2**32 if isinstance(value, int) and 2**31 <= value < 2**32 else value


class Reader:
    """Reads one PC."""

    def __init__(self, pc: SimulatedPc, home: Home, limit: int, runtime_files: list[str], hashes: bool = False) -> None:
        self.pc, self.home, self.limit, self.runtime_files, self.hashes = pc, home, limit, runtime_files, hashes

    def piece(self, name: str) -> dict[str, Any]:
        """`{value, error}`."""
        value = getattr(self, name)()
        error = None
        if isinstance(value, dict) and "__error" in value:
            error, value = value["__error"], value["__value"]
        return {"value": value, "error": error}

    def _cim(self, name: str, properties: tuple[str, ...]) -> list[dict[str, Any]]:
        return [{key: row.get(key) for key in properties} for row in self.pc.cim.get(name, [])]

    def _values(self, key: str, names: tuple[str, ...]) -> dict[str, Value | None] | None:
        if not self.pc.registry.has(key):
            return None
        return {name: _signed(self.pc.registry.value(key, name)) for name in names}

    def _program(
        self, path: str | None, arguments: list[str], variables: dict[str, str] | None = None, as_bytes: bool = False
    ) -> Any:
        if path is None:
            return None
        call = Run(arguments, self.pc.variables | (variables or {})).execute(self.pc.programs[path])
        ended = call.rc is not None
        value: dict[str, Any] = {
            "path": path,
            "rc": call.rc,
            "timed_out": not ended,
            "seconds": 0.1 if ended else float(self.limit),
        }
        for name, data in (("stdout", call.stdout), ("stderr", call.stderr)):
            if as_bytes:
                value[f"{name}_base64"] = base64.b64encode(data).decode()
            else:
                value[name] = data.decode("utf-8", "replace")
        if ended:
            return value
        message = f"{path} did not end within {self.limit} seconds and was stopped"
        return {"__value": value, "__error": {"code": "TIME_LIMIT", "message": message}}

    def _first(self, *candidates: str) -> str | None:
        for path in candidates:
            known = next((one for one in self.pc.programs if one.lower() == path.lower()), None)
            if known and self.pc.disk.is_file(path):
                return known
        return None
