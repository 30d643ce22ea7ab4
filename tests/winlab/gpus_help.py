"""PCs with GPUs on winlab: what Windows says of each, and DirectML with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from winlab import Machine

CLASS = r"HKLM\SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"


@dataclass(frozen=True)
class Gpu:
    """A GPU that Wine's DXGI knows, by the name that it has there: TensorFlow's DirectML calls it so."""

    name: str
    vendor: str
    device: str
    memory: int
    provider: str
    driver: str
    integrated: bool = False

    def pnp(self, number: int) -> str:
        """Its PNPDeviceID as the PC's GPU of this number, from 1."""
        place = "3&11583659&0&10" if self.integrated else f"6&EAF386A&0&000000{18 + number}"
        return rf"PCI\VEN_{self.vendor}&DEV_{self.device}&SUBSYS_0E3A1002&REV_C1\{place}".upper()

    def controller(self, number: int, driver: str | None = None) -> dict[str, Any]:
        """Win32_VideoController."""
        return {
            "Name": self.name,
            "PNPDeviceID": self.pnp(number),
            "AdapterRAM": 4293918720,
            "DriverVersion": driver or self.driver,
            "ConfigManagerErrorCode": 0,
            "Status": "OK",
            "AdapterCompatibility": self.provider,
            "DeviceID": f"VideoController{number}",
        }

    def entity(self, number: int) -> dict[str, Any]:
        """Win32_PnPEntity."""
        return {
            "DeviceID": self.pnp(number),
            "PNPDeviceID": self.pnp(number),
            "Name": self.name,
            "PNPClass": "Display",
            "ConfigManagerErrorCode": 0,
            "Present": True,
            "Status": "OK",
            "Manufacturer": self.provider,
        }

    def key(self, number: int) -> dict[str, str | int]:
        """The values of its key in the display class."""
        return {
            "DriverDesc": self.name,
            "ProviderName": self.provider,
            "DriverVersion": self.driver,
            "MatchingDeviceId": self.pnp(number).rsplit("\\", 1)[0],
            "HardwareInformation.qwMemorySize": self.memory,
        }

    def change_driver(self, pc: Machine, version: str) -> None:
        """As an update of the only GPU's driver leaves it, without the restart."""
        pc.set_cim("Win32_VideoController", [self.controller(1, version)])
        pc.run(["reg", "add", rf"{CLASS}\0001", "/v", "DriverVersion", "/d", version, "/f"])


def with_gpus(*gpus: Gpu) -> dict[str, Any]:
    """The arguments of a machine that has these, in the order of Windows and of DirectML."""
    numbered = list(enumerate(gpus, 1))
    return {
        "adapter": ";".join(f"{gpu.name}|{gpu.vendor}|{gpu.device}|{gpu.memory}" for gpu in gpus),
        "cim": {
            "Win32_VideoController": [gpu.controller(number) for number, gpu in numbered],
            "Win32_PnPEntity": [gpu.entity(number) for number, gpu in numbered],
        },
        "registry": {
            **{rf"{CLASS}\{number:04}": gpu.key(number) for number, gpu in numbered},
            r"HKLM\SOFTWARE\gpuready": {"Simulated": "winlab"},
        },
    }


AMD = Gpu(
    "Radeon RX 6800/6800 XT / 6900 XT", "1002", "73bf", 17163091968, "Advanced Micro Devices, Inc.", "31.0.24027.1012"
)
INTEL = Gpu("Intel(R) HD Graphics 530", "8086", "1912", 1073741824, "Intel Corporation", "31.0.101.2115", True)
NVIDIA = Gpu("NVIDIA GeForce RTX 3080", "10de", "2206", 10737418240, "NVIDIA", "32.0.15.7652")
