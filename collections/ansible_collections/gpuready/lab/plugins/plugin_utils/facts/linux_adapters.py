# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The GPUs of a Linux machine: PCI devices joined with what nvidia-smi says, by PCI address.

Inside WSL the PCI bus does not show the GPUs of Windows: nvidia-smi names NVIDIA's, of others only /dev/dxg tells.
"""

from __future__ import annotations

from dataclasses import dataclass

from .. import reading
from ..evidence.nvidia_smi import NvidiaGpu, NvidiaSmi
from ..evidence.pieces import Pieces, Row
from ..hardware import pci
from ..hardware.pci import Vendor
from .model import DXG, Adapter, Busy, Driver, IgnoredAdapter, Status

# Drivers that hand a device to a virtual machine: it is not for this system.
_HANDED_OUT = ("vfio-pci", "pci-stub", "xen-pciback")
# Answers of nvidia-smi that concern every NVIDIA GPU of the machine -> their status.
_STATUS: dict[str, Status] = {
    "NVIDIA_DRIVER_MISMATCH": "restart_needed",  # updated on disk, the old one still runs
    "NVIDIA_DRIVER_NOT_RUNNING": "failing",
    "NVIDIA_GPU_BLOCKED": "failing",
    "NVIDIA_GPU_ERROR": "failing",
    "NVIDIA_SMI_FAILED": "failing",
    "NVIDIA_NO_DEVICES": "failing",
}


@dataclass(frozen=True)
class Surroundings:
    """What else is known of the machine."""

    wsl: bool
    dxg: bool | None
    nvidia_version: str | None  # of the loaded kernel driver
    kernel: str | None


def interpret(
    devices: list[Row], smi: NvidiaSmi | None, around: Surroundings, pieces: Pieces
) -> tuple[tuple[Adapter, ...], tuple[IgnoredAdapter, ...]]:
    """The facts' `adapters` and `ignored_adapters`."""
    kept: list[Row] = []
    ignored: list[IgnoredAdapter] = []
    for device in devices:
        reason = _ignored_because(device)
        if reason:
            ignored.append(IgnoredAdapter(_name(device, None), device.text("address"), reason))
        else:
            kept.append(device)
    gpus = list(smi.gpus) if smi else []
    joined = _join(kept, gpus, pieces)
    adapters = [_adapter(index, *pair, smi, around) for index, pair in enumerate(zip(kept, joined, strict=True))]
    alone = [gpu for gpu in gpus if not any(gpu is other for other in joined)]
    adapters += [_from_smi(index, gpu, smi, around) for index, gpu in enumerate(alone, len(kept))]
    if around.wsl and around.dxg and not adapters:
        pieces.problem("dxg", "DXG_VENDOR_UNKNOWN", "WSL passes a GPU of Windows; whose it is cannot be seen in here")
        adapters.append(_of_windows())
    return tuple(adapters), tuple(ignored)


def _ignored_because(device: Row) -> str | None:
    vendor_id, device_id = pci.hex_id(device.text("vendor")), pci.hex_id(device.text("device"))
    kind = pci.hex_id(device.text("class"), 6) or ""
    if device.flag("virtual_function"):
        return "virtual function of another device"
    reason = pci.ignored_because(vendor_id, device_id)
    if reason is None and kind.startswith(pci.ACCELERATOR_CLASS[:2]) and pci.vendor(vendor_id) != "amd":
        return "processing accelerator, no GPU"
    return reason


def _join(devices: list[Row], gpus: list[NvidiaGpu], pieces: Pieces) -> list[NvidiaGpu | None]:
    """For each device its GPU of nvidia-smi. Each GPU is given once, so that two alike stay two."""
    left = list(gpus)
    joined: list[NvidiaGpu | None] = [None] * len(devices)
    for position, device in enumerate(devices):
        address = pci.bus_id(device.text("address"))
        match = next((g for g in left if g.pci_bus_id and g.pci_bus_id == address), None)
        if match:
            joined[position] = match
            left = [g for g in left if g is not match]
    # GPUs whose address nvidia-smi could not say: both lists are in the order of the bus.
    lost = [g for g in left if g.pci_bus_id is None]
    free = [n for n, d in enumerate(devices) if joined[n] is None and _vendor(d) == "nvidia"]
    if lost and len(lost) == len(free):
        for position, gpu in zip(free, lost, strict=True):
            joined[position] = gpu
    elif lost and free:
        pieces.problem("nvidia_smi", "NVIDIA_GPU_ERROR", f"{len(lost)} GPUs of nvidia-smi have no PCI address")
        for gpu in lost:
            gpus.remove(gpu)
    return joined


def _vendor(device: Row) -> Vendor:
    return pci.vendor(pci.hex_id(device.text("vendor")))


def _adapter(index: int, device: Row, gpu: NvidiaGpu | None, smi: NvidiaSmi | None, around: Surroundings) -> Adapter:
    vendor_id, device_id = pci.hex_id(device.text("vendor")), pci.hex_id(device.text("device"))
    vendor, driver = pci.vendor(vendor_id), device.text("driver")
    is_nvidia = vendor == "nvidia"
    own = (is_nvidia and driver == "nvidia") or (vendor in ("amd", "intel") and driver is not None)
    version = device.text("driver_version") or (around.nvidia_version if is_nvidia else None)
    if is_nvidia and own:
        version = version or (smi.driver_version if smi else None)
    return Adapter(
        index=index,
        id=device.text("address"),
        vendor=vendor,
        vendor_id=vendor_id,
        device_id=device_id,
        name=_name(device, gpu),
        memory_bytes=gpu.memory_bytes if gpu and gpu.memory_bytes else _number(device, "vram_total"),
        driver=Driver(
            version=(version or (around.kernel if driver and not is_nvidia else None)) if driver else None,
            vendor_version=version if is_nvidia and own else None,
            provider=driver,
            basic=not (own or (vendor == "other" and driver is not None)),
        ),
        status=_status(vendor, driver, gpu, smi),
        integrated=pci.integrated(vendor_id, device_id),
        compute_capability=(gpu.compute_capability if gpu else None) or pci.compute_capability(vendor_id, device_id),
        driver_model=gpu.driver_model if gpu else None,
        cuda_version=smi.cuda_version if smi and gpu else None,
        uuid=gpu.uuid if gpu else None,
        mig_instances=gpu.instances if gpu else None,
        busy=_busy(device, gpu),
    )


def _status(vendor: str, driver: str | None, gpu: NvidiaGpu | None, smi: NvidiaSmi | None) -> Status:
    if driver in _HANDED_OUT:
        return "disabled"
    if vendor == "nvidia":
        if driver != "nvidia":
            return "no_driver"  # nouveau and the like serve a screen
        return _nvidia_status(gpu, smi)
    return "ok" if driver else "no_driver"


def _nvidia_status(gpu: NvidiaGpu | None, smi: NvidiaSmi | None) -> Status:
    """Of a GPU that the NVIDIA driver has: what nvidia-smi says of it."""
    if smi is None:
        return "unknown"
    if gpu is not None:
        return "failing" if any(p.code == "NVIDIA_GPU_ERROR" for p in gpu.problems) else "ok"
    for problem in smi.problems:
        if problem.code in _STATUS:
            return _STATUS[problem.code]
    # A complete answer without this GPU: it is not offered here (a container with some of the machine's GPUs).
    return "unknown" if smi.problems else "absent"


def _from_smi(index: int, gpu: NvidiaGpu, smi: NvidiaSmi | None, around: Surroundings) -> Adapter:
    """A GPU that only nvidia-smi knows: WSL, or a container without the PCI bus."""
    version = smi.driver_version if smi else None
    return Adapter(
        index=index,
        id=gpu.pci_bus_id or gpu.uuid,
        vendor="nvidia",
        vendor_id=gpu.vendor_id or "10de",
        device_id=gpu.device_id,
        name=gpu.name or "NVIDIA GPU",
        memory_bytes=gpu.memory_bytes,
        driver=Driver(version=version, vendor_version=version, provider="nvidia", basic=False),
        status=_nvidia_status(gpu, smi) if not around.wsl or around.dxg is not False else "absent",
        integrated=False,
        compute_capability=gpu.compute_capability,
        driver_model=gpu.driver_model,
        cuda_version=smi.cuda_version if smi else None,
        uuid=gpu.uuid,
        mig_instances=gpu.instances,
        busy=_busy(None, gpu),
    )


def _of_windows() -> Adapter:
    """The GPU behind /dev/dxg when nothing in the guest names it."""
    return Adapter(
        index=0,
        id=DXG,
        vendor="other",
        vendor_id=None,
        device_id=None,
        name="GPU of Windows (/dev/dxg)",
        memory_bytes=None,
        driver=Driver(provider="dxgkrnl", basic=False),
        status="unknown",
    )


def _name(device: Row, gpu: NvidiaGpu | None) -> str:
    known = (gpu.name if gpu else None) or device.text("product_name") or device.text("device_name")
    if known:
        return known
    vendor = _vendor(device)
    word = {"nvidia": "NVIDIA", "amd": "AMD", "intel": "Intel"}.get(vendor) or device.text("vendor_name") or "unknown"
    return f"{word} {pci.hex_id(device.text('vendor')) or '?'}:{pci.hex_id(device.text('device')) or '?'}"


def _busy(device: Row | None, gpu: NvidiaGpu | None) -> Busy | None:
    percent = gpu.utilization_percent if gpu else None
    used = gpu.memory_used_bytes if gpu else None
    if device is not None and gpu is None:
        percent, used = _number(device, "busy_percent"), _number(device, "vram_used")
    if percent is None and used is None:
        return None
    return Busy(percent, used)


def _number(device: Row, name: str) -> int | None:
    return reading.whole(device.values.get(name))
