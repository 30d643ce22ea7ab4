"""A GPU for DirectML: Wine's Direct3D 12 on a software Vulkan, with what DirectML stumbles over put right."""

from __future__ import annotations

import shutil
from pathlib import Path

from .registry import Value

# Wine starts its debugger for a process that crashed, and that may hang; Windows as shipped has none.
AFTER_A_CRASH = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\AeDebug"
DIRECTML = Path(__file__).resolve().parents[1] / "directml"


def libraries(adapter: str) -> list[str]:
    """Which libraries of Wine's ours take the place of: for a second GPU that of DXGI too, since Wine has but one."""
    return ["d3d12", "dxcore", *(["dxgi"] if ";" in adapter else [])]


def install(drive_c: Path, adapter: str) -> dict[str, dict[str, Value]]:
    """Put our libraries before Wine's, whose d3d12.dll becomes d3d12wine.dll, and so on.

    Returns the registry values that make Wine's DXGI show the first of `adapter` ("name|vendor|device|bytes;...").
    """
    system32 = drive_c / "windows/system32"
    for name in libraries(adapter):
        wine = bytearray((system32 / f"{name}.dll").read_bytes())
        wine[0x40:0x60] = bytes(0x20)  # "Wine builtin DLL": without it the loader takes the file as it is
        (system32 / f"{name}wine.dll").write_bytes(wine)
        (system32 / f"{name}.dll").unlink()
        shutil.copyfile(DIRECTML / f"{name}.dll", system32 / f"{name}.dll")
    _, vendor, device, memory = adapter.split(";")[0].split("|")
    identity: dict[str, Value] = {
        "VideoPciVendorID": int(vendor, 16),
        "VideoPciDeviceID": int(device, 16),
        "VideoMemorySize": str(int(memory) >> 20),
    }
    return {r"HKCU\Software\Wine\Direct3D": identity, AFTER_A_CRASH: {"Auto": "1", "Debugger": "cmd.exe /c exit"}}
