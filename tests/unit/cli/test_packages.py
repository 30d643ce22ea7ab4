"""Names of the vendors' packages, as their downloads are called."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.installers import model
from installers_help import entry, file_of

from gpuready import packages

BOTH = ["10", "11"]
RDNA = ["rdna", "rdna2", "rdna3"]
NAMES: dict[str, dict[str, Any]] = {
    "560.94-desktop-win10-win11-64bit-international-dch-whql.exe": {
        "vendor": "nvidia", "version": "560.94", "windows": BOTH, "products": ["geforce"], "computers": ["desktop"],
    },
    "551.61-desktop-win10-win11-64bit-international-nsd-dch-whql (1).exe": {
        "vendor": "nvidia", "version": "551.61", "windows": BOTH, "products": ["geforce"], "computers": ["desktop"],
    },
    "610.62-notebook-win10-win11-64bit-international-dch-whql.exe": {
        "vendor": "nvidia", "version": "610.62", "windows": BOTH, "products": ["geforce"], "computers": ["laptop"],
    },
    "582.16-quadro-rtx-desktop-notebook-win10-win11-64bit-international-dch-whql.exe": {
        "vendor": "nvidia", "version": "582.16", "windows": BOTH, "products": ["professional"],
        "computers": ["desktop", "laptop"],
    },
    "391.35-desktop-win8-win7-64bit-international-whql.exe": {
        "vendor": "nvidia", "version": "391.35", "windows": ["8.1", "7"], "products": ["geforce"],
        "computers": ["desktop"],
    },
    "391.35-desktop-win10-32bit-international-whql.exe": {
        "vendor": "nvidia", "version": "391.35", "windows": ["10"], "architecture": "?", "products": ["geforce"],
        "computers": ["desktop"],
    },
    "580.88-data-center-tesla-desktop-win10-win11-64bit-dch-international.exe": {
        "vendor": "nvidia", "version": "580.88", "windows": BOTH, "products": ["data-center"],
        "computers": ["desktop"],
    },
    "573.39-data-center-tesla-desktop-winserver-2022-2025-dch-international.exe": {
        "vendor": "nvidia", "version": "573.39", "windows": ["server-2022", "server-2025"],
        "products": ["data-center"], "computers": ["desktop"],
    },
    "528.89-data-center-tesla-desktop-winserver-2016-2019-2022-dch-international.exe": {
        "vendor": "nvidia", "version": "528.89", "windows": ["server-2016", "server-2019", "server-2022"],
        "products": ["data-center"], "computers": ["desktop"],
    },
    "538.33_grid_win10_win11_server2019_server2022_dch_64bit_international.exe": {
        "vendor": "nvidia", "version": "538.33", "windows": [*BOTH, "server-2019", "server-2022"], "products": "?",
    },
    "582.53_grid_win10_win11_server2022_server_2025_dch_64bit_international.exe": {
        "vendor": "nvidia", "version": "582.53", "windows": [*BOTH, "server-2022", "server-2025"], "products": "?",
    },
    "WHQL-AMD-Software-Adrenalin-Edition-24.2.1-Win10-Win11-Feb26-rdna.exe": {
        "vendor": "amd", "version": "24.2.1", "windows": BOTH, "families": RDNA,
    },
    "whql-amd-software-adrenalin-edition-25.5.1-win10-win11-may8-vega-polaris.exe": {
        "vendor": "amd", "version": "25.5.1", "windows": BOTH, "families": ["polaris", "vega"],
    },
    "whql-amd-software-adrenalin-edition-25.5.1-win10-win11-may8-rdna.exe": {
        "vendor": "amd", "version": "25.5.1", "windows": BOTH, "families": [*RDNA, "rdna4"],
    },
    "whql-amd-software-adrenalin-edition-24.12.1-win10-win11-dec-rdna-combined.exe": {
        "vendor": "amd", "version": "24.12.1", "windows": BOTH, "families": ["polaris", "vega", *RDNA],
    },
    "whql-amd-software-adrenalin-edition-26.1.1-win11-a.exe": {
        "vendor": "amd", "version": "26.1.1", "windows": ["11"], "families": "?",
    },
    "amd-software-adrenalin-edition-22.4.1-win10-win11-april5.exe": {
        "vendor": "amd", "version": "22.4.1", "windows": BOTH, "families": "?",
    },
    "amd-software-pro-edition-26.q1-winsvr2022-vega-polaris.exe": {
        "vendor": "amd", "version": "?", "windows": ["server-2022"], "families": ["polaris", "vega"],
    },
    "gfx_win_101.6078.exe": {"vendor": "intel", "version": "101.6078", "windows": BOTH, "families": "?"},
    "igfx_win_101.1660.exe": {"vendor": "intel", "version": "101.1660", "windows": BOTH, "families": "?"},
    "igfx_win10_100.9864.exe": {"vendor": "intel", "version": "100.9864", "windows": ["10"], "families": "?"},
    "gfx_win_101.5590_101.5522.exe": {"vendor": "intel", "version": "?", "windows": BOTH, "families": "?"},
    "win64_15.40.5171.exe": {"vendor": "intel", "version": "15.5171", "windows": "?", "families": "?"},
    **{
        name: {"vendor": "?", "version": "?", "windows": "?", "families": "?"}
        for name in (
            "setup.exe", "7z2408-x64.exe", "560.94.exe", "560.94-something.exe", "amd-chipset-6.10.exe", ".exe",
            "NVIDIA_app_v11.0.5.245.exe",
        )
    },
    "560.94-desktop-win10-win11-64bit-international-dch-whql.zip": {
        "vendor": "?", "version": "?", "windows": "?", "families": "?", "inf": "?",
    },
}  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), NAMES.items())
def test_what_a_name_says(name: str, expected: dict[str, Any]) -> None:
    found = packages.read(name)
    assert found == expected
    # The collection takes every word of it, and asks for each "?" and for nothing else.
    whole = entry(**{"version": None, **found}, file="a.zip" if name.endswith("zip") else "a.exe")
    if found["vendor"] == "?":
        whole = {key: value for key, value in whole.items() if key != "version"} | {"version": "?"}
    asked = [one.text.partition(":")[0] for one in model.parse(file_of(whole))[1]]
    assert asked == [key for key in whole if whole[key] == "?"]


def test_a_small_file_that_fetches_the_rest_is_no_installer() -> None:
    assert packages.fetches_the_rest("amd-software-adrenalin-edition-24.3.1-minimalsetup-240320_web.exe")
    assert not packages.fetches_the_rest("amd-software-adrenalin-edition-22.4.1-win10-win11-april5.exe")
