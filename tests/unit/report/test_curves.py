"""The losses of a training as a picture."""

from __future__ import annotations

import re

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import curves


def lines(picture: str) -> dict[str, list[tuple[int, int]]]:
    found = re.findall(r'<polyline class="(\w+)" points="([^"]+)"/>', picture)
    return {name: [tuple(map(int, point.split(","))) for point in points.split()] for name, points in found}  # type: ignore[misc]


def test_both_lines_have_one_scale() -> None:
    picture = curves.picture({"reference": {"losses": [2.0, 1.0, 0.0]}, "result": {"losses": [2.0, 1.5, 1.0]}})
    assert lines(picture) == {"cpu": [(3, 3), (120, 30), (237, 57)], "gpu": [(3, 3), (120, 16), (237, 30)]}
    assert 'aria-label="Losses: processor 2 to 0 and GPU 2 to 1"' in picture


@pytest.mark.parametrize(
    "losses",
    [None, "1 2", [], [1.0], ["nan", 1.0], [1.0, float("nan")], [1.0, float("inf")], [{}, []], ["<svg>", 2.0]],
)
def test_what_is_no_row_of_numbers_has_no_line(losses: object) -> None:
    assert curves.picture({"result": {"losses": losses}}) == ""


@pytest.mark.parametrize("losses", [[1.0, 1.0], [1e308, -1e308], [0.0, 5e-324]])
def test_any_numbers_stay_in_the_picture(losses: list[float]) -> None:
    for x, y in lines(curves.picture({"result": {"losses": losses}}))["gpu"]:
        assert 0 <= x <= 240
        assert 0 <= y <= 60


def test_a_long_training_is_thinned_out_and_keeps_its_end() -> None:
    points = lines(curves.picture({"result": {"losses": [1.0] * 999 + [0.0]}}))["gpu"]
    assert len(points) <= 25
    assert points[-1] == (237, 57)
