"""Families of GPUs, by ids and names from the vendors' lists."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.hardware import families


@pytest.mark.parametrize(
    ("vendor", "device", "capability", "expected"),
    [
        ("nvidia", "0e22", None, "fermi"),  # GeForce GTX 460
        ("nvidia", "1040", None, "fermi"),  # GeForce GT 520
        ("nvidia", "1180", None, "kepler"),  # GeForce GTX 680
        ("nvidia", "13c2", None, "maxwell"),  # GeForce GTX 970
        ("nvidia", "1b80", None, "pascal"),  # GeForce GTX 1080
        ("nvidia", "1db4", None, "volta"),  # Tesla V100
        ("nvidia", "1f08", None, "turing"),  # GeForce RTX 2060
        ("nvidia", "2204", None, "ampere"),  # GeForce RTX 3090
        ("nvidia", "2684", None, "ada"),  # GeForce RTX 4090
        ("nvidia", "2b85", None, "blackwell"),  # GeForce RTX 5090
        ("nvidia", None, "6.1", "pascal"),
        ("nvidia", None, "8.9", "ada"),
        ("nvidia", "ffff", None, None),
        ("nvidia", None, None, None),
        ("nvidia", "x", "x", None),
        ("amd", "6798", None, "gcn"),  # Radeon HD 7970
        ("amd", "67df", None, "polaris"),  # Radeon RX 480
        ("amd", "687f", None, "vega"),  # Radeon RX Vega 64
        ("amd", "1638", None, "vega"),  # Cezanne
        ("amd", "731f", None, "rdna"),  # Radeon RX 5700
        ("amd", "73bf", None, "rdna2"),  # Radeon RX 6800
        ("amd", "744c", None, "rdna3"),  # Radeon RX 7900
        ("amd", "7550", None, "rdna4"),  # Radeon RX 9070
        ("amd", "4752", None, None),  # Rage XL
        ("intel", "1912", None, "gen9"),  # HD Graphics 530
        ("intel", "3e92", None, "gen9"),  # UHD Graphics 630
        ("intel", "8a52", None, "gen11"),
        ("intel", "9a49", None, "xe"),
        ("intel", "4680", None, "xe"),  # UHD Graphics 770
        ("intel", "56a0", None, "arc"),  # Arc A770
        ("intel", "e20b", None, "arc"),  # Arc B580
        ("intel", "7d55", None, "arc"),  # Core Ultra
        ("intel", "0166", None, None),  # Ivy Bridge
        ("other", "0001", None, None),
    ],
)
def test_family(vendor: str, device: str | None, capability: str | None, expected: str | None) -> None:
    assert families.family(vendor, device, capability) == expected


@pytest.mark.parametrize("table", [families._AMD, families._INTEL], ids=["amd", "intel"])
def test_no_id_is_of_two_families(table: dict[str, tuple[tuple[int, int], ...]]) -> None:
    ranges = sorted(part for parts in table.values() for part in parts)
    assert all(first <= last for first, last in ranges)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ranges))


def test_what_is_left_out_is_a_family() -> None:
    assert set(families.LEFT_OUT) < set(families.FAMILIES["nvidia"])
