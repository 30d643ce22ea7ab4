# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The losses of a training as a small picture within the page: two lines that fall together where the GPU counts rightly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..reading import number, section

_WIDTH, _HEIGHT, _EDGE = 240, 60, 3
_MOST = 24  # points of a line
_LINES = (("reference", "cpu", "processor"), ("result", "gpu", "GPU"))


def picture(training: Mapping[str, Any]) -> str:
    """SVG of the losses on processor and GPU; empty where neither is a row of numbers."""
    rows = {name: found for name, _, _ in _LINES if (found := _numbers(section(training, name).get("losses")))}
    every = [loss for row in rows.values() for loss in row]
    if not every:
        return ""
    low, high = min(every), max(every)
    lines = "".join(
        f'<polyline class="{style}" points="{_points(rows[name], low, high)}"/>'
        for name, style, _ in _LINES
        if name in rows
    )
    ends = [f"{words} {rows[name][0]:.3g} to {rows[name][-1]:.3g}" for name, _, words in _LINES if name in rows]
    told = " and ".join(ends)
    frame = f'role="img" aria-label="Losses: {told}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    return f"<figure><svg {frame}>{lines}</svg></figure>"  # what the lines are stands once, in the style


def _numbers(losses: object) -> list[float]:
    """The losses where each is a number, thinned out; what ends in NaN has no line."""
    found = [number(loss) for loss in losses] if isinstance(losses, list) else []
    row = [loss for loss in found if loss is not None and math.isfinite(loss)]
    if len(row) < 2 or len(row) != len(found):
        return []
    step = math.ceil(len(row) / _MOST)
    return [*row[:-1:step], row[-1]]


def _points(row: Sequence[float], low: float, high: float) -> str:
    across, down, spread = (_WIDTH - 2 * _EDGE) / (len(row) - 1), _HEIGHT - 2 * _EDGE, high - low
    heights = [(high - loss) / spread if math.isfinite(spread) and spread > 0 else 0.0 for loss in row]
    return " ".join(f"{_EDGE + at * across:.0f},{_EDGE + one * down:.0f}" for at, one in enumerate(heights))
