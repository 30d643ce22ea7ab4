# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What PCI numbers say about a display device: vendor, kind, and for NVIDIA the chip.

Pure tables. Numbers are the PCI-SIG's and the vendors' (the pci.ids list); chips of NVIDIA are those of nouveau's and
open-gpu-kernel-modules' lists, which give every chip a range of device ids of its own.
"""

from __future__ import annotations

import re
from typing import Literal

Vendor = Literal["amd", "intel", "nvidia", "other"]
GPU_VENDORS: dict[str, Vendor] = {"10de": "nvidia", "1002": "amd", "1022": "amd", "8086": "intel"}

# Display devices that are no GPU for training. vendor id -> why.
VIRTUAL_VENDORS = {
    "1af4": "virtual adapter (virtio)",
    "1234": "virtual adapter (QEMU)",
    "1b36": "virtual adapter (QXL)",
    "15ad": "virtual adapter (VMware)",
    "80ee": "virtual adapter (VirtualBox)",
    "1414": "virtual adapter (Hyper-V)",
    "5853": "virtual adapter (Xen)",
    "1ab8": "virtual adapter (Parallels)",
    "1d0f": "virtual adapter (Amazon)",
    "1ae0": "virtual adapter (Google)",
    "1013": "virtual adapter (Cirrus)",
    "1a03": "management controller (ASPEED)",
    "102b": "management controller (Matrox)",
    "19e5": "management controller (Huawei)",
    "126f": "display chip without compute (Silicon Motion)",
    "18ca": "management controller (XGI)",
}

# A GPU that Hyper-V passes on to a virtual machine: DirectML reaches the real one, whose name it bears.
PASSED_ON = ("1414", "008e")

# AMD's data centre GPUs announce themselves as processing accelerators.
ACCELERATOR_CLASS = "1200"

# Old cards of a GPU vendor that serve as a server's console: no driver of today computes on them.
_CONSOLE_CHIPS = {("1002", "515e"): "ES1000", ("1002", "4752"): "Rage XL", ("1002", "4c59"): "Radeon Mobility"}

# First and last device id -> compute capability of the chip (NVIDIA).
_NVIDIA_CHIPS: tuple[tuple[int, int, str], ...] = (
    (0x0FC0, 0x0FFF, "3.0"),  # GK107
    (0x1000, 0x103F, "3.5"),  # GK110
    (0x1180, 0x11FF, "3.0"),  # GK104, GK106
    (0x1280, 0x12BF, "3.5"),  # GK208
    (0x1340, 0x13BF, "5.0"),  # GM108, GM107
    (0x13C0, 0x143F, "5.2"),  # GM204, GM206
    (0x15F0, 0x15FF, "6.0"),  # GP100
    (0x1617, 0x167F, "5.2"),  # GM204 of laptops
    (0x17C0, 0x17FF, "5.2"),  # GM200
    (0x1B00, 0x1D7F, "6.1"),  # GP102, GP104, GP106, GP107, GP108
    (0x1D80, 0x1DFF, "7.0"),  # GV100
    (0x1E00, 0x1FFF, "7.5"),  # TU102, TU104, TU106, TU117
    (0x2080, 0x20FF, "8.0"),  # GA100
    (0x2180, 0x21FF, "7.5"),  # TU116
    (0x2200, 0x227F, "8.6"),  # GA102
    (0x2300, 0x237F, "9.0"),  # GH100
    (0x2400, 0x25FF, "8.6"),  # GA103, GA104, GA106, GA107
    (0x2680, 0x28FF, "8.9"),  # AD102 to AD107
    (0x2900, 0x297F, "10.0"),  # GB100
    (0x2B80, 0x2DFF, "12.0"),  # GB202, GB203, GB206, GB207
    (0x2F00, 0x2F7F, "12.0"),  # GB205
)

# Device ids of Intel's cards; every other display device of Intel is part of the processor.
_INTEL_CARDS = ("4905", "4906", "4907", "4908", "4909")  # DG1
_INTEL_CARD_RANGES = (
    (0x5690, 0x56C2),  # Arc A-series, Data Center GPU Flex
    (0xE200, 0xE22F),  # Arc B-series
    (0x0BD0, 0x0BEF),  # Data Center GPU Max
)

# Device ids of AMD's processors with graphics, as ranges of the amdgpu and radeon drivers.
_AMD_PROCESSOR_RANGES = (
    (0x1304, 0x131D),  # Kaveri
    (0x1506, 0x1506),  # Mendocino
    (0x150E, 0x150E),  # Strix Point
    (0x1586, 0x1586),  # Strix Halo
    (0x15BF, 0x15C8),  # Phoenix
    (0x15D8, 0x15DD),  # Picasso, Raven Ridge
    (0x15E7, 0x15E7),  # Barcelo
    (0x1636, 0x1638),  # Renoir, Cezanne
    (0x163F, 0x163F),  # Van Gogh
    (0x164C, 0x164F),  # Lucienne, Raphael
    (0x1681, 0x1681),  # Rembrandt
    (0x1900, 0x1901),  # Hawk Point
    (0x1114, 0x1114),  # Krackan
    (0x13C0, 0x13C0),  # Granite Ridge
    (0x9640, 0x964F),  # Sumo
    (0x9802, 0x980A),  # Wrestler
    (0x9830, 0x983F),  # Kabini
    (0x9850, 0x985F),  # Mullins
    (0x9870, 0x9877),  # Carrizo
    (0x98E4, 0x98E4),  # Stoney
    (0x9900, 0x99A4),  # Trinity, Richland
)

_BUS_ID = re.compile(r"^(?:([0-9a-fA-F]{1,8}):)?([0-9a-fA-F]{1,2}):([0-9a-fA-F]{1,2})\.([0-7])$")
_HEX = re.compile(r"^(?:0[xX])?([0-9a-fA-F]{1,8})$")


def vendor(vendor_id: str | None) -> Vendor:
    """`amd`, `intel`, `nvidia`, or `other` for any other or unknown id (four hexadecimal digits)."""
    return GPU_VENDORS.get((vendor_id or "").lower(), "other")


def hex_id(text: object, digits: int = 4) -> str | None:
    """A number as the kernel or a tool writes it (`0x10de`, `10DE`) in lower case without prefix, or None."""
    match = _HEX.match(text.strip()) if isinstance(text, str) else None
    if match is None:
        return None
    return f"{int(match[1], 16):0{digits}x}"


def bus_id(text: object) -> str | None:
    """A PCI address in the kernel's form: `00000000:0A:00.0` (nvidia-smi) and `0a:00.0` are both `0000:0a:00.0`."""
    match = _BUS_ID.match(text.strip()) if isinstance(text, str) else None
    if match is None:
        return None
    domain, bus, device, function = match.groups()
    return f"{int(domain or '0', 16):04x}:{int(bus, 16):02x}:{int(device, 16):02x}.{function}"


def ignored_because(vendor_id: str | None, device_id: str | None) -> str | None:
    """Why a display device cannot be meant for training, or None when it can."""
    vendor_id, device_id = (vendor_id or "").lower(), (device_id or "").lower()
    if vendor_id in VIRTUAL_VENDORS:
        return VIRTUAL_VENDORS[vendor_id]
    chip = _CONSOLE_CHIPS.get((vendor_id, device_id))
    return f"console chip ({chip})" if chip else None


def compute_capability(vendor_id: str | None, device_id: str | None) -> str | None:
    """CUDA compute capability of an NVIDIA chip by its device id, None when it is not one or not in the table."""
    number = _number(device_id)
    if vendor(vendor_id) != "nvidia" or number is None:
        return None
    return next((capability for first, last, capability in _NVIDIA_CHIPS if first <= number <= last), None)


def integrated(vendor_id: str | None, device_id: str | None) -> bool | None:
    """Whether the GPU is part of the processor: True, False, or None when these numbers do not say it."""
    number = _number(device_id)
    if number is None:
        return None
    kind = vendor(vendor_id)
    if kind == "nvidia":
        return False  # NVIDIA's integrated GPUs of today (Tegra) are no PCI devices
    if kind == "intel":
        card = (device_id or "").lower() in _INTEL_CARDS or any(a <= number <= b for a, b in _INTEL_CARD_RANGES)
        return not card
    if kind == "amd":
        return any(first <= number <= last for first, last in _AMD_PROCESSOR_RANGES)
    return None


def _number(text: str | None) -> int | None:
    digits = hex_id(text)
    return None if digits is None else int(digits, 16)
