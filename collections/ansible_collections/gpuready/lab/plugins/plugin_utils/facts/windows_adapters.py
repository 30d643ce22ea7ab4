# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Windows' display devices as the facts' adapters: which are GPUs for training, and what state they are in."""

from __future__ import annotations

import re
from typing import Any

from ..evidence.nvidia_smi import NvidiaGpu, NvidiaSmi
from ..hardware import drivers, pci
from ..hardware.pci import Vendor
from .model import Adapter, Busy, Driver, IgnoredAdapter, Status
from .windows_devices import Device, memory, small_memory

# ConfigManagerErrorCode -> status.  Every other code than these is a device that fails.
_STATUS: dict[int, Status] = {
    0: "ok",
    1: "no_driver",  # not configured
    14: "restart_needed",
    18: "no_driver",  # to be reinstalled
    21: "restart_needed",  # being removed
    22: "disabled",
    28: "no_driver",
    29: "disabled",  # by the firmware
    38: "restart_needed",  # an old driver is still in memory
}
_SMALL_CAP = 2 * 1024**3 - 16 * 1024**2
_ABSENT = (45, 47)  # phantom; prepared for removal

# Where a device hangs -> why it is no GPU.
_BUSES = {
    "ROOT": "virtual or mirror adapter (made by software)",
    "SWD": "virtual or remote adapter (made by software)",
    "VMBUS": "virtual adapter (Hyper-V)",
    "USB": "USB display (no GPU)",
    "UMB": "virtual adapter (made by software)",
    "TERMINPUT_BUS": "remote adapter",
    "XENVIF": "virtual adapter (Xen)",
    "XENBUS": "virtual adapter (Xen)",
}
_ACPI_VENDORS: dict[str, Vendor] = {"NVDA": "nvidia", "NVIDIA": "nvidia", "AMDI": "amd", "INTC": "intel"}
# Without an id, the manufacturer and the name of an INF file are what is left; these are names, in no language.
_NAMES: tuple[tuple[Vendor, re.Pattern[str]], ...] = (
    (
        "other",
        re.compile(r"microsoft|displaylink|vmware|virtualbox|parsec|citrix|virtual|remote|mirror|basic display", re.I),
    ),
    ("nvidia", re.compile(r"\bnvidia\b|\bgeforce\b|\bquadro\b", re.I)),
    ("amd", re.compile(r"advanced micro devices|\bamd\b|\bati technologies\b|\bradeon\b", re.I)),
    ("intel", re.compile(r"\bintel\b|intel\(r\)", re.I)),
)


def interpret(devices: list[Device], smi: NvidiaSmi | None) -> tuple[tuple[Adapter, ...], tuple[IgnoredAdapter, ...]]:
    """The adapters and the ignored ones."""
    kept: list[Device] = []
    ignored: list[IgnoredAdapter] = []
    for device in devices:
        reason = ignored_because(device)
        if reason:
            ignored.append(IgnoredAdapter(device.name or "unnamed display device", device.id, reason))
        else:
            kept.append(device)
    gpus = list(smi.gpus) if smi else []
    joined = _join(kept, gpus)
    adapters = [_adapter(index, device, joined.get(index), smi) for index, device in enumerate(kept)]
    gone = [device for device in devices if device not in kept and vendor(device) == "nvidia"]
    for gpu in gpus:
        matched = any(gpu is other for other in joined.values())
        if not matched and not any(device.pci_ids[1] == gpu.device_id for device in gone):
            adapters.append(_from_smi(len(adapters), gpu, smi))
    return tuple(adapters), tuple(ignored)


def vendor(device: Device) -> Vendor:
    """`amd`, `intel`, `nvidia` or `other`: by the PCI or ACPI id; by name only where there is none."""
    if device.pci_ids[0] and device.pci_ids != pci.PASSED_ON:
        return pci.vendor(device.pci_ids[0])
    if device.id and device.pci_ids != pci.PASSED_ON:
        match = re.match(r"ACPI\\(?:VEN_)?([A-Z]{4})", device.id, re.I)
        return _ACPI_VENDORS.get(match[1].upper(), "other") if match else "other"
    text = " ".join(part for part in (device.manufacturer, device.name) if part)
    return next((maker for maker, pattern in _NAMES if pattern.search(text)), "other")


def ignored_because(device: Device) -> str | None:
    """Why this display device cannot be meant for training, or None when it can."""
    if device.problem_code in _ABSENT or device.present is False:
        return "phantom: no longer in the PC"
    if device.pci_ids == pci.PASSED_ON:
        return None
    if device.pci_ids[0]:
        return pci.ignored_because(*device.pci_ids)
    bus = device.bus
    if bus in ("ACPI", "PCI"):
        return None
    if bus:
        return _BUSES.get(bus, f"not on the PCI bus ({bus})")
    text = " ".join(part for part in (device.manufacturer, device.name) if part)
    if _NAMES[0][1].search(text):
        return "USB display (no GPU)" if "displaylink" in text.lower() else "virtual or remote adapter (by its name)"
    return None


def status(device: Device, basic: bool | None) -> Status:
    """What state the device is in, by its problem code and its driver."""
    if device.problem_code is None:
        return "no_driver" if basic else "unknown"
    if device.problem_code < 0:
        return "unknown"
    if device.problem_code == 0 and basic:
        return "no_driver"
    return _STATUS.get(device.problem_code, "failing")


def _adapter(index: int, device: Device, gpu: NvidiaGpu | None, smi: NvidiaSmi | None) -> Adapter:
    kind = vendor(device)
    vendor_id, device_id = device.pci_ids
    registry = device.registry
    version = device.driver_version or (registry.text("DriverVersion") if registry else None)
    inf = device.inf or (registry.text("InfPath") if registry else None)
    basic = drivers.is_basic(version, inf, device.service)
    if device.problem_code in (1, 28):
        basic = True
    radeon = registry.text("RadeonSoftwareVersion") if registry else None
    provider = (registry.text("ProviderName") if registry else None) or ("Microsoft" if basic else device.manufacturer)
    vendor_version = None if basic else drivers.vendor_version(kind, version, radeon)
    if vendor_version is None and gpu is not None and smi is not None:
        vendor_version = smi.driver_version
    return Adapter(
        index=index,
        id=device.id,
        vendor=kind,
        vendor_id=vendor_id,
        device_id=device_id,
        name=_name(device, gpu, kind),
        memory_bytes=_memory(device, gpu, basic),
        driver=Driver(
            version=version,
            vendor_version=vendor_version,
            provider=provider,
            date=drivers.date(device.driver_date, registry.text("DriverDate") if registry else None),
            basic=basic,
        ),
        status=status(device, basic),
        problem_code=device.problem_code,
        integrated=device.integrated if vendor_id or device.id else (False if kind == "nvidia" else None),
        compute_capability=_capability(gpu, vendor_id, device_id),
        driver_model=gpu.driver_model if gpu else None,
        cuda_version=smi.cuda_version if smi and gpu else None,
        uuid=gpu.uuid if gpu else None,
        mig_instances=gpu.instances if gpu else None,
        busy=_busy(gpu),
    )


def _name(device: Device, gpu: NvidiaGpu | None, kind: str) -> str:
    described = device.registry.text("DriverDesc") if device.registry else None
    ids = ":".join(one for one in device.pci_ids if one)
    name = device.name or described or (gpu.name if gpu else None)
    return name or (f"{kind} display adapter {ids}" if ids else "unnamed display adapter")


def _memory(device: Device, gpu: NvidiaGpu | None, basic: bool | None) -> int | None:
    """Bytes: the registry's 64 bits, then nvidia-smi's, then 32 bits where they cannot be the cap.

    Intel's driver gives its cards a fixed AdapterRAM (2 GB for one of 12), so there it says nothing.
    """
    size = memory(device.registry, "HardwareInformation.qwMemorySize") or (gpu.memory_bytes if gpu else None)
    if size or basic or (vendor(device) == "intel" and device.integrated is False):
        return size
    size = small_memory(memory(device.registry, "HardwareInformation.MemorySize")) or small_memory(device.adapter_ram)
    # Without an id nobody knows whether the driver is one of those that stop at 2 GB.
    return None if device.id is None and size is not None and size >= _SMALL_CAP else size


def _capability(gpu: NvidiaGpu | None, vendor_id: str | None, device_id: str | None) -> str | None:
    return (gpu.compute_capability if gpu else None) or pci.compute_capability(vendor_id, device_id)


def _busy(gpu: NvidiaGpu | None) -> Busy | None:
    if gpu is None or (gpu.utilization_percent is None and gpu.memory_used_bytes is None):
        return None
    return Busy(gpu.utilization_percent, gpu.memory_used_bytes)


def _from_smi(index: int, gpu: NvidiaGpu, smi: NvidiaSmi | None) -> Adapter:
    """A GPU that nvidia-smi alone knows of: Windows' own word on it is missing, so its state is not known."""
    return Adapter(
        index=index,
        id=gpu.uuid or gpu.pci_bus_id,
        vendor="nvidia",
        vendor_id=gpu.vendor_id or "10de",
        device_id=gpu.device_id,
        name=gpu.name or "NVIDIA GPU",
        memory_bytes=gpu.memory_bytes,
        driver=Driver(vendor_version=smi.driver_version if smi else None, provider="NVIDIA", basic=False),
        status="unknown",
        integrated=False,
        compute_capability=_capability(gpu, gpu.vendor_id, gpu.device_id),
        driver_model=gpu.driver_model,
        cuda_version=smi.cuda_version if smi else None,
        uuid=gpu.uuid,
        mig_instances=gpu.instances,
        busy=_busy(gpu),
    )


def _join(devices: list[Device], gpus: list[NvidiaGpu]) -> dict[int, NvidiaGpu]:
    """Which of nvidia-smi's GPUs each device is: by the place on the bus, by the chip's number and order, by name."""
    joined: dict[int, NvidiaGpu] = {}

    def match(fits: Any) -> None:
        for position, device in enumerate(devices):
            if position in joined or vendor(device) != "nvidia":
                continue
            for gpu in gpus:
                if not any(gpu is other for other in joined.values()) and fits(device, gpu):
                    joined[position] = gpu
                    break

    def same_place(device: Device, gpu: NvidiaGpu) -> bool | None:
        if device.location is None or gpu.pci_bus_id is None:
            return None
        bus, slot, function = device.location
        return gpu.pci_bus_id.split(":", 1)[-1] == f"{bus:02x}:{slot:02x}.{function:x}"

    def same_chip(device: Device, gpu: NvidiaGpu) -> bool:
        return device.pci_ids[1] is not None and device.pci_ids[1] == gpu.device_id

    def same_name(device: Device, gpu: NvidiaGpu) -> bool:
        return bool(device.name and gpu.name and device.name.lower() == gpu.name.lower())

    def comparable(device: Device, gpu: NvidiaGpu) -> bool:
        return device.pci_ids[1] is None or gpu.device_id is None

    match(lambda device, gpu: same_place(device, gpu) and (same_chip(device, gpu) or comparable(device, gpu)))
    match(lambda device, gpu: same_place(device, gpu) is None and same_chip(device, gpu))
    match(lambda device, gpu: same_place(device, gpu) is None and comparable(device, gpu) and same_name(device, gpu))
    match(lambda device, gpu: same_place(device, gpu) is False and same_chip(device, gpu))
    return joined
