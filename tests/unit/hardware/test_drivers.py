"""Driver versions: expectations from the vendors' release pages."""

from __future__ import annotations

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.hardware import drivers


@pytest.mark.parametrize(
    ("vendor", "version", "expected"),
    [
        ("nvidia", "32.0.15.9636", "596.36"),
        ("nvidia", "32.0.15.7652", "576.52"),
        ("nvidia", "32.0.15.6590", "565.90"),
        ("nvidia", "27.21.14.5671", "456.71"),
        ("nvidia", "31.0.15.1694", "516.94"),
        ("nvidia", "9.18.13.697", "306.97"),  # the build has lost its zero
        ("nvidia", "32.0.16.1047", "610.47"),
        ("intel", "31.0.101.2079", "101.2079"),
        ("intel", "32.0.101.8509", "101.8509"),
        ("intel", "26.20.100.7463", "100.7463"),
        ("intel", "20.19.15.5058", "15.5058"),
        ("intel", "9.17.10.4459", "10.4459"),
        ("amd", "30.0.21023.1015", None),  # AMD's numbers follow no rule
        ("other", "10.0.22621.1", None),
        ("nvidia", None, None),
        ("nvidia", "", None),
        ("nvidia", "576.52", None),
        ("nvidia", "32.0.15", None),
        ("nvidia", "32.0.15.x", None),
        ("intel", "nan", None),
    ],
)
def test_vendor_version(vendor: str, version: str | None, expected: str | None) -> None:
    assert drivers.vendor_version(vendor, version) == expected


def test_amd_says_it_in_the_registry() -> None:
    assert drivers.vendor_version("amd", "30.0.21023.1015", "22.6.1") == "22.6.1"
    assert drivers.vendor_version("amd", None, "25.3.2") == "25.3.2"


@pytest.mark.parametrize(
    ("version", "inf", "service", "expected"),
    [
        ("10.0.19041.868", None, None, True),
        ("10.0.22621.1", "display.inf", "BasicDisplay", True),
        ("10.0.22621.1", "oem12.inf", None, False),  # a vendor's package
        ("32.0.15.7652", "oem316.inf", "nvlddmkm", False),
        ("27.20.1034.6", "u0354308.inf", "amdkmdag", False),  # AMD's driver that comes with Windows
        ("10.18.10.4358", None, None, False),  # Intel's, for Windows 8.1
        ("6.1.7600.16385", None, None, True),
        (None, None, "BasicDisplay", True),
        (None, None, "nvlddmkm", False),
        (None, None, None, None),
    ],
)
def test_is_basic(version: str | None, inf: str | None, service: str | None, expected: bool | None) -> None:
    assert drivers.is_basic(version, inf, service) is expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["2025-05-01T00:00:00Z"], "2025-05-01"),
        (["20220622000000.000000-000"], "2022-06-22"),
        (["6-22-2022"], "2022-06-22"),
        (["06.11.2019 01:00:00", "11-6-2019"], "2019-11-06"),  # a date in German is not read
        (["06.11.2019 01:00:00"], None),
        (["2025-02-30T00:00:00Z"], None),
        (["13-1-2022"], None),
        ([None, ""], None),
    ],
)
def test_date(texts: list[str | None], expected: str | None) -> None:
    assert drivers.date(*texts) == expected


@pytest.mark.parametrize(
    ("vendor", "version", "expected"),
    [
        ("nvidia", "560.94", "560.94"),
        ("nvidia", "32.0.15.6094", "560.94"),
        ("nvidia", "580", None),
        ("amd", "24.3.1", "24.3.1"),
        ("amd", "31.0.24002.92", None),
        ("amd", "27.20.1034.6", None),
        ("intel", "101.5590", "101.5590"),
        ("intel", "32.0.101.5590", "101.5590"),
        ("intel", "15.5058", "15.5058"),
        ("intel", "32.0.101", None),
    ],
)
def test_own_version(vendor: str, version: str, expected: str | None) -> None:
    assert drivers.own_version(vendor, version) == expected
    assert drivers.own_version(vendor, drivers.example(vendor)) == drivers.example(vendor)
