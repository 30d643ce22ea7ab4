# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The numbers of a pass held against the thresholds of today."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..reading import number

# Check -> its threshold, and whether that is the most or the least that it may be.
_MOST, _LEAST = "most", "least"
_BOUNDS = {
    "loss": ("loss_ratio", _MOST),
    "accuracy": ("accuracy", _LEAST),
    "batchnorm": ("reference_tolerance", _MOST),
    "agreement": ("reference_tolerance", _MOST),
    "throughput": ("throughput_floor", _LEAST),
}


def floor(adapter: Mapping[str, Any]) -> str:
    """Which floor is this GPU's: faster than the CPU must be only a card that is known to be one (docs/verdict.md)."""
    return "throughput_floor" if adapter.get("integrated") is False else "throughput_floor_integrated"


def missed(check: Mapping[str, Any], rules: Mapping[str, Any], adapter: Mapping[str, Any]) -> str | None:
    """What a check of a pass lacks by today's thresholds, in words; None for nothing."""
    name = check.get("name")
    if name not in _BOUNDS:
        return None
    rule, kind = _BOUNDS[name]
    rule = floor(adapter) if name == "throughput" else rule
    if name == "throughput" and (rules.get("throughput_floor") is None or rules.get(rule) is None):
        return None
    value, bound = number(check.get("value")), number(rules.get(rule))
    if value is None or bound is None or not (math.isfinite(value) and math.isfinite(bound)):
        return f"its {name} is not known"
    if (value <= bound) if kind == _MOST else (value >= bound):
        return None
    return f"its {name} was {value:.3g}, and the bound is {bound:g} now"
