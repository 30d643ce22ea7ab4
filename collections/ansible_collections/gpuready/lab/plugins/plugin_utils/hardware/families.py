# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Families of GPUs: what one package of drivers supports or leaves out. The newest stands last.

NVIDIA's are told by the compute capability; the oldest, and AMD's and Intel's, by ranges of device ids, which are
those of the drivers for Linux (nouveau, amdgpu, i915, xe) and of the pci.ids list.
"""

from __future__ import annotations

from . import pci

_NVIDIA = {
    "3": "kepler",
    "5": "maxwell",
    "6": "pascal",
    "7.0": "volta",
    "7.2": "volta",
    "7.5": "turing",
    "8.0": "ampere",
    "8.6": "ampere",
    "8.7": "ampere",
    "8.9": "ada",
    "9": "hopper",
    "10": "blackwell",
    "11": "blackwell",
    "12": "blackwell",
}
_FERMI = (
    (0x06C0, 0x06DF),
    (0x0DC0, 0x0DFF),
    (0x0E20, 0x0E3F),
    (0x0F00, 0x0F1F),
    (0x1040, 0x109F),
    (0x1140, 0x117F),
    (0x1200, 0x125F),
)

# The first and the last device id of each part of a family.
_AMD: dict[str, tuple[tuple[int, int], ...]] = {
    "gcn": (
        (0x1304, 0x131D),  # Kaveri
        (0x6600, 0x666F),  # Oland, Bonaire, Hainan
        (0x6780, 0x67BF),  # Tahiti, Hawaii
        (0x6800, 0x683F),  # Pitcairn, Cape Verde
        (0x6900, 0x693B),  # Topaz, Tonga
        (0x7300, 0x730F),  # Fiji
        (0x9830, 0x985F),  # Kabini, Mullins
        (0x9870, 0x9877),  # Carrizo
        (0x98E4, 0x98E4),  # Stoney
    ),
    "polaris": ((0x67C0, 0x67FF), (0x694C, 0x694F), (0x6980, 0x699F), (0x6FDF, 0x6FDF)),
    "vega": (
        (0x15D8, 0x15DD),  # Picasso, Raven Ridge
        (0x15E7, 0x15E7),  # Barcelo
        (0x1636, 0x1638),  # Renoir, Cezanne
        (0x164C, 0x164C),  # Lucienne
        (0x66A0, 0x66AF),
        (0x6860, 0x687F),
        (0x69A0, 0x69AF),
    ),
    "rdna": ((0x7310, 0x731F), (0x7340, 0x7362)),
    "rdna2": (
        (0x13C0, 0x13C0),  # Granite Ridge
        (0x1506, 0x1506),  # Mendocino
        (0x163F, 0x163F),  # Van Gogh
        (0x164D, 0x164E),  # Rembrandt, Raphael
        (0x1681, 0x1681),  # Rembrandt
        (0x73A0, 0x73FF),
        (0x7420, 0x743F),
    ),
    "rdna3": (
        (0x1114, 0x1114),  # Krackan
        (0x150E, 0x150E),  # Strix Point
        (0x1586, 0x1586),  # Strix Halo
        (0x15BF, 0x15C8),  # Phoenix
        (0x1900, 0x1901),  # Hawk Point
        (0x7440, 0x749F),
    ),
    "rdna4": ((0x7550, 0x755F), (0x7590, 0x759F)),
}
_INTEL: dict[str, tuple[tuple[int, int], ...]] = {
    "gen9": (
        (0x1902, 0x193D),  # Skylake
        (0x3184, 0x3185),  # Gemini Lake
        (0x3E90, 0x3EA9),  # Coffee Lake, Whiskey Lake
        (0x5902, 0x593B),  # Kaby Lake
        (0x5A84, 0x5A85),  # Apollo Lake
        (0x87C0, 0x87CA),  # Amber Lake
        (0x9B21, 0x9BF6),  # Comet Lake
    ),
    "gen11": ((0x4541, 0x4571), (0x4E51, 0x4E71), (0x8A50, 0x8A71)),  # Elkhart Lake, Jasper Lake, Ice Lake
    "xe": (
        (0x4680, 0x46D4),  # Alder Lake
        (0x4905, 0x4909),  # DG1
        (0x4C80, 0x4C9A),  # Rocket Lake
        (0x9A40, 0x9AF8),  # Tiger Lake
        (0xA720, 0xA7AD),  # Raptor Lake
    ),
    "arc": (
        (0x5690, 0x56C2),  # A-series
        (0x6420, 0x64B0),  # Lunar Lake
        (0x7D40, 0x7D67),  # Meteor Lake, Arrow Lake
        (0x7DD1, 0x7DD5),
        (0xB080, 0xB0BF),  # Panther Lake
        (0xE200, 0xE22F),  # B-series
    ),
}

FAMILIES: dict[str, tuple[str, ...]] = {
    "nvidia": ("fermi", *dict.fromkeys(_NVIDIA.values())),
    "amd": tuple(_AMD),
    "intel": tuple(_INTEL),
}

# The first branch of NVIDIA's drivers for Windows that leaves a family out.
LEFT_OUT = {"fermi": "396", "kepler": "495", "maxwell": "590", "pascal": "590", "volta": "590"}


def family(vendor: str, device_id: str | None, compute_capability: str | None = None) -> str | None:
    """The family of a GPU by its vendor, device id (four hexadecimal digits) and NVIDIA's compute capability.

    None where these do not say it.
    """
    digits = pci.hex_id(device_id)
    number = -1 if digits is None else int(digits, 16)
    if vendor == "nvidia":
        capability = compute_capability or pci.compute_capability("10de", device_id) or ""
        named = _NVIDIA.get(capability) or _NVIDIA.get(capability.partition(".")[0])
        return named or ("fermi" if any(first <= number <= last for first, last in _FERMI) else None)
    ranges = {"amd": _AMD, "intel": _INTEL}.get(vendor, {})
    for name, parts in ranges.items():
        if any(first <= number <= last for first, last in parts):
            return name
    return None
