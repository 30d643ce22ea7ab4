# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The thresholds that a lab may set, and what each may be: a bound that everything passes is none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

BOUNDS = {
    "loss_ratio": (0.0, 0.99),
    "accuracy": (0.3, 1.0),
    "reference_tolerance": (0.0, 1.0),
    "throughput_floor": (0.0, 1e6),
    "throughput_floor_integrated": (0.0, 1e6),
    "max_age_days": (0.0, 36500.0),
}

_FLOORS = ("throughput_floor", "throughput_floor_integrated")


class PolicyError(ValueError):
    """What is wrong with a threshold, in one line."""


def thresholds(given: Mapping[str, Any]) -> dict[str, float | None]:
    """The thresholds as numbers; only the throughput's floors may be None, which sets its check aside.

    Raises PolicyError for one that does not exist, is no number or lies outside its bounds.
    """
    for unknown in sorted(str(name) for name in given if name not in BOUNDS):
        raise PolicyError(f"{unknown} is not one of {', '.join(BOUNDS)}")
    return {name: _threshold(name, value) for name, value in given.items()}


def _threshold(name: str, value: object) -> float | None:
    if value in (None, "", "None", "null") and name in _FLOORS:  # a template makes a text of null
        return None
    low, high = BOUNDS[name]
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not low <= number <= high:
        raise PolicyError(f"{name}: {value!r} is not a number from {low:g} to {high:g}")
    return number
