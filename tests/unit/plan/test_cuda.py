"""Which CUDA toolkit a driver and a GPU take."""

from __future__ import annotations

import pytest
from ansible_collections.gpuready.lab.plugins.filter.cuda_toolkit import cuda_toolkit
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan.cuda import toolkit


@pytest.mark.parametrize(("driver", "capability", "windows", "version"), [
    ("580.97", "8.9", True, "13.0"),
    ("591.44", "8.9", True, "13.1"),
    ("591.44", "6.1", True, "12.9"),  # Pascal: CUDA 13 has dropped it
    ("528.33", "6.1", True, "12.0"),
    ("572.60", "12.0", True, "12.8"),
    ("561.17", "12.0", True, None),  # no toolkit of this driver knows an RTX 50
    ("527.40", "8.9", True, "11.8"),
    ("510.00", "8.9", True, None),
    ("580.65.06", "9.0", False, "13.0"),
    ("580.65.05", "9.0", False, "12.9"),
    (None, "9.0", False, None),
    ("580.65.06", None, False, None),
])  # fmt: skip
def test_the_newest_that_driver_and_gpu_take(
    driver: str | None, capability: str | None, windows: bool, version: str | None
) -> None:
    assert toolkit(driver, capability, windows=windows) == version


def test_it_is_that_of_the_planned_gpu() -> None:
    adapters = [
        {"index": 0, "id": "a", "vendor": "intel", "name": "x", "driver": {}},
        {"index": 1, "id": "b", "vendor": "nvidia", "name": "y", "compute_capability": "6.1",
         "driver": {"version": "32.0.15.8097", "vendor_version": "580.97"}},
    ]  # fmt: skip
    record = {"facts": {"os": {"family": "windows"}, "adapters": adapters}, "plan": {"adapter": {"id": "b"}}}
    assert cuda_toolkit(record) == "12.9"
    assert cuda_toolkit({**record, "plan": {"adapter": {"id": "a"}}}) == ""
