"""A GPU for DirectML: Wine's Direct3D 12 on a software Vulkan, with what DirectML stumbles over put right."""

from __future__ import annotations

import shutil
from pathlib import Path

from .registry import Value

# Wine starts its debugger for a process that crashed, and that may hang; Windows as shipped has none.
AFTER_A_CRASH = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\AeDebug"
DIRECTML = Path(__file__).resolve().parents[1] / "directml"


def install(drive_c: Path, adapter: str) -> dict[str, dict[str, Value]]:
    """Put our d3d12.dll before Wine's, which becomes d3d12wine.dll, and our dxcore.dll in the place of its stub.

    Returns the registry values that make Wine's DXGI show `adapter` ("name|vendor|device|bytes").
    """
    system32 = drive_c / "windows/system32"
    wine = bytearray((system32 / "d3d12.dll").read_bytes())
    wine[0x40:0x60] = bytes(0x20)  # "Wine builtin DLL": without it the loader takes the file as it is
    (system32 / "d3d12wine.dll").write_bytes(wine)
    for dll in ("d3d12.dll", "dxcore.dll"):
        (system32 / dll).unlink()
        shutil.copyfile(DIRECTML / dll, system32 / dll)
    _, vendor, device, memory = adapter.split("|")
    identity: dict[str, Value] = {
        "VideoPciVendorID": int(vendor, 16),
        "VideoPciDeviceID": int(device, 16),
        "VideoMemorySize": str(int(memory) >> 20),
    }
    return {r"HKCU\Software\Wine\Direct3D": identity, AFTER_A_CRASH: {"Auto": "1", "Debugger": "cmd.exe /c exit"}}
