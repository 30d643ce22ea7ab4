# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a student's launcher and kernel of Jupyter set, so that the stack trains on the GPU that was proven."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_VALUE = re.compile(r"[A-Za-z0-9,.:_/-]+")


def launcher_variable(record: Mapping[str, Any]) -> str | None:
    """The variable with which the training found the planned GPU, as NAME=VALUE: without it a program gets another one.

    Empty where the stack has no such variable or none was set; None where nothing was trained.
    """
    device = (record.get("training") or {}).get("device")
    if not isinstance(device, Mapping):
        return None
    name = ((record.get("plan") or {}).get("environment") or {}).get("gpu_variable")
    value = re.sub(r"\s", "", str(device.get("visible") if device.get("visible") is not None else ""))
    return f"{name}={value}" if isinstance(name, str) and name and _VALUE.fullmatch(value) else ""


def display_name(plan: Mapping[str, Any]) -> str | None:
    """What Jupyter calls the plan's environment, `TensorFlow 2.10 (tensorflow-directml-plugin) - gpuready`."""
    framework = (plan.get("environment") or {}).get("framework")
    return f"{framework} ({plan['stack']}) - gpuready" if framework and plan.get("stack") else None
