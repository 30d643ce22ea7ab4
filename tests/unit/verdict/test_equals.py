"""A PC that trains far slower than its equals is told so, with the numbers."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict import equals
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict.judging import verdict
from records import good


def trained(speed: float, **planned: Any) -> dict[str, Any]:
    record = good()
    record["training"]["result"]["samples_per_second"] = 900.0
    record["plan"] |= planned
    record["verdict"] = dict(verdict(record, {}))
    record["training"]["result"]["samples_per_second"] = speed
    return record


def codes(*records: dict[str, Any]) -> list[str]:
    equals.compare(records)
    return [f"{record['verdict']['state']} {record['verdict']['code']}" for record in records]


FINE, SLOWER = "READY TRAINED", "DEGRADED SLOWER_THAN_EQUALS"


def test_a_pc_far_slower_than_its_equals_is_degraded_and_says_the_numbers() -> None:
    slow = trained(600)
    assert codes(trained(1000), slow, trained(990), trained(1010)) == [FINE, SLOWER, FINE, FINE]
    assert slow["verdict"]["cause"].endswith("600 samples a second, median of 3 others 1000, 40% slower")
    assert slow["verdict"]["next_step"]
    assert slow["verdict"]["checks"]
    assert slow["verdict"]["fingerprint"]


@pytest.mark.parametrize(
    ("speed", "others", "expected"),
    [
        (710, [1000, 1000, 1000], FINE),
        (690, [1000, 1000, 1000], SLOWER),
        (600, [1000, 1000], FINE),  # two are too few to tell
        (600, [1000, 700, 1400], FINE),  # these differ that much among themselves
        (600, [1000, 1000, float("nan")], FINE),
        (600, [1000, 1000, -1000], FINE),
        (5000, [1000, 1000, 1000], FINE),
    ],
)
def test_slower_is_by_a_third_of_the_median_and_beyond_what_varies(
    speed: float, others: list[float], expected: str
) -> None:
    assert codes(trained(speed), *map(trained, others))[0] == expected


def test_only_equals_are_compared() -> None:
    others = [trained(1000, stack="other") for _ in range(3)]
    assert codes(trained(600), *others)[0] == FINE
    others = [trained(1000, adapter={"name": "NVIDIA GeForce RTX 4090"}) for _ in range(3)]
    assert codes(trained(600), *others)[0] == FINE


def test_who_is_not_ready_or_did_not_train_now_is_neither_compared_nor_changed() -> None:
    failed = trained(600)
    failed["verdict"] |= {"state": "NOT_READY", "code": "CPU_FALLBACK"}
    reused = trained(600)
    reused["verdict"]["reused"] = True
    fine = [trained(1000) for _ in range(3)]
    assert codes(failed, reused, *fine) == ["NOT_READY CPU_FALLBACK", FINE, FINE, FINE, FINE]
    assert codes(trained(600), *([failed] * 4)) == [FINE, *(["NOT_READY CPU_FALLBACK"] * 4)]
