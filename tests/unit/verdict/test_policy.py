"""Thresholds: numbers within bounds that not everything passes."""

from __future__ import annotations

import math
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict.policy import BOUNDS, PolicyError, thresholds


def test_what_is_given_becomes_a_number() -> None:
    assert thresholds({}) == {}
    assert thresholds({"accuracy": "0.95", "max_age_days": 7}) == {"accuracy": 0.95, "max_age_days": 7.0}
    for low, high in BOUNDS.values():
        assert low < high


@pytest.mark.parametrize("nothing", [None, "", "None", "null"])
def test_only_the_floor_of_the_throughput_may_be_set_aside(nothing: Any) -> None:
    assert thresholds({"throughput_floor": nothing}) == {"throughput_floor": None}
    with pytest.raises(PolicyError, match=r"^accuracy: .* is not a number from 0\.3 to 1$"):
        thresholds({"accuracy": nothing})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("loss_ratio", 1.0),  # everything passes it
        ("loss_ratio", -0.1),
        ("accuracy", 0.25),  # that of guessing
        ("reference_tolerance", math.inf),
        ("reference_tolerance", "nan"),
        ("throughput_floor", True),
        ("throughput_floor", [1]),
        ("max_age_days", "soon"),
        ("max_age_days", 10**400),
    ],
)
def test_what_is_no_bound_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(PolicyError, match=rf"^{name}: .* is not a number from "):
        thresholds({name: value})


def test_a_threshold_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(PolicyError, match=r"^accurracy is not one of loss_ratio, accuracy, "):
        thresholds({"accurracy": 0.9})
