"""Which GPUs are older than what a list names, Microsoft's for DirectML; device ids by hand from pci.ids."""

from __future__ import annotations

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.hardware.oldest import older_than_named

OLD = [
    ("nvidia", "0614", "GeForce 9800 GT"),
    ("nvidia", "0e22", "GeForce GTX 460"),
    ("nvidia", "128b", "GeForce GT 710"),
    ("nvidia", "1187", "GeForce GTX 760"),
    ("nvidia", "1381", "GeForce GTX 750"),
    ("amd", "68f9", "Radeon HD 5450"),
    ("amd", "6779", "Radeon HD 6450"),
    ("amd", "9802", "Radeon HD 6310"),
    ("intel", "0166", "HD Graphics 4000"),
    ("intel", "0412", "HD Graphics 4600"),
    ("intel", "1616", "HD Graphics 5500"),
]
NAMED = [
    ("nvidia", "1401", "GeForce GTX 960"),
    ("nvidia", "13c2", "GeForce GTX 970"),
    ("nvidia", "2684", "GeForce RTX 4090"),
    ("amd", "6811", "Radeon R9 270"),
    ("amd", "67df", "Radeon RX 480"),
    ("amd", "73bf", "Radeon RX 6800"),
    ("amd", "1681", "Radeon 680M"),
    ("amd", "15d8", "Vega of Picasso"),
    ("intel", "1912", "HD Graphics 530"),
    ("intel", "5a85", "HD Graphics 500"),
    ("intel", "46a6", "Iris Xe"),
    ("intel", "56a0", "Arc A770"),
    ("intel", "e20b", "Arc B580"),
    ("intel", "0bd5", "Data Center GPU Max"),
    ("other", "0614", "somebody else's"),
    ("nvidia", None, "no id"),
    ("nvidia", "xyz", "no number"),
]


@pytest.mark.parametrize(("vendor", "device", "name"), OLD)
def test_older(vendor: str, device: str, name: str) -> None:
    assert older_than_named("directml", vendor, device), name


@pytest.mark.parametrize(("vendor", "device", "name"), NAMED)
def test_named_or_unknown(vendor: str, device: str | None, name: str) -> None:
    assert not older_than_named("directml", vendor, device), name
