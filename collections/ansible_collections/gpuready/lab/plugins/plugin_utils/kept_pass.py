# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a training leaves on its PC: its environment as the current one with a pass, or no pass and why it failed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from . import reading
from . import record as records
from .environment import outcome, request
from .environment.sources import RequestError
from .record import Record
from .remote import RemoteAction

MODULE = "gpuready.lab.environment_pass"


def keep(action: RemoteAction, asked: Mapping[str, Any], record: Record, task_vars: dict[str, Any]) -> dict[str, Any]:
    """What the module of this name answers, or a task's failure; a switch is added to the record's `apply`."""
    start = time.monotonic()
    try:
        wanted = request.switching(asked, record, records.READY, action.is_windows)
    except RequestError as error:
        return outcome.refused(error)
    answer = action.run_remote(MODULE, wanted.arguments, task_vars)
    if failed := outcome.failure(answer):
        return failed
    if asked["state"] == "current":
        record["apply"] = outcome.section(record.get("apply"), answer, round(time.monotonic() - start, 1))
    return answer


def after(record: Record) -> str | None:
    """The state that a training leads to: current, unproven, or None where it says nothing of a pass.

    A report, or a run that trusts an unchanged pass, must not say READY of a PC that failed since, and must say why it
    failed. The CPU's stack has no pass to lose.
    """
    if "training" not in record or "skipped" in reading.section(record, "training"):
        return None
    if reading.section(record, "verdict").get("state") in records.READY:
        return "current"
    return None if reading.section(record, "plan", "environment").get("reference") else "unproven"
