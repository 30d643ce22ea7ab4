"""What a machine says of itself when a test sets nothing else."""

from __future__ import annotations

from typing import Any

FEATURES: dict[str, str] = {
    "Microsoft-Windows-Subsystem-Linux": "Disabled",
    "VirtualMachinePlatform": "Disabled",
    "NetFx3": "Disabled",
}
COMPUTER_SYSTEM: dict[str, Any] = {
    "Manufacturer": "Lab",
    "Model": "Wine",
    "NumberOfProcessors": 1,
    "NumberOfLogicalProcessors": 8,
    "TotalPhysicalMemory": 34_359_738_368,
    "HypervisorPresent": False,
    "PartOfDomain": False,
    "Domain": "WORKGROUP",
    "PrimaryOwnerContact": None,
}
OPERATING_SYSTEM: dict[str, Any] = {
    "Caption": "Microsoft Windows 11 Pro",
    "Name": "Microsoft Windows 11 Pro|C:\\Windows|",
    "Version": "10.0.22631",
    "BuildNumber": "22631",
    "OSArchitecture": "64-bit",
    "ProductType": 1,
    "LastBootUpTime": "2000-01-01T00:00:00Z",
    "TotalVisibleMemorySize": 33_000_000,
    "FreePhysicalMemory": 20_000_000,
    "TotalVirtualMemorySize": 40_000_000,
    "FreeVirtualMemory": 25_000_000,
    "TotalSwapSpaceSize": None,
    "InstallDate": "2025-01-01T00:00:00Z",
    "CSName": "LAB",
}
