# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which CUDA toolkit the planned GPU of a PC takes, for the role cuda."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..plugin_utils import reading
from ..plugin_utils.facts.model import Facts
from ..plugin_utils.plan import cuda


def cuda_toolkit(record: Mapping[str, Any]) -> str:
    """As 12.9; empty where none fits, or driver or GPU are not known."""
    facts, planned = Facts.of(reading.section(record, "facts")), reading.section(record, "plan", "adapter").get("id")
    windows = facts.os.family == "windows" or facts.in_guest
    for one in facts.adapters or ():
        if one.id == planned and one.vendor == "nvidia":
            driver = one.driver_number(linux=facts.os.family == "linux")
            return cuda.toolkit(driver, one.compute_capability, windows=windows) or ""
    return ""


class FilterModule:
    """The filter as Ansible loads it."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """By name."""
        return {"cuda_toolkit": cuda_toolkit}
