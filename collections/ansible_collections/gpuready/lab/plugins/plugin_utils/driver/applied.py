# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a record keeps of the drivers that its PC got. One is got, too, of an installer that failed after that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import reading
from ..record import AppliedDriver, Record, changed


def keep(record: Record, result: Mapping[str, Any]) -> None:
    """Add the driver that a result of gpu_driver says is another one now, or waits for a restart; of others nothing."""
    if result.get("changed") is not True or not isinstance(gpu := result.get("gpu"), str):
        return
    driver: AppliedDriver = {
        "id": gpu,
        "before": result.get("version_before"),
        "after": result.get("version_after"),
        "reboot_required": result.get("reboot_required") is True,
    }
    changed(record)
    apply = record["apply"]
    planned = reading.section(record, "plan", "adapter").get("id") or gpu
    if gpu.upper() == str(planned).upper():
        apply["driver"] = driver
    else:
        before = [one for one in apply.get("other_drivers") or [] if one["id"] != gpu]
        apply["other_drivers"] = [*before, driver]
