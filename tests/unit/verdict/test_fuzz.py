"""Nothing that is missing or garbled passes: every place of a record in turn, and several at once with a fixed seed."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict.judging import verdict
from records import changed, good


def judged(record: dict[str, Any], **policy: Any) -> tuple[str, str]:
    found = verdict(record, policy)
    return found["state"], found["code"]


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*at, key))
    return found


# What may be missing or odd without making the evidence of a training weaker: it is told, not judged.
TOLD = (
    "trainer_sha256",
    "process.seconds",
    "process.stderr_tail",
    "device.requested",
    "task.seed",
    "result.seconds",
    "reference.seconds",
    "reference.accuracy",
    "keras.version",
)
GARBAGE: list[Any] = [
    None,
    "nan",
    "inf",
    "-inf",
    [],
    {},
    "garbage",
    float("nan"),
    float("-inf"),
    -1,
    10**400,
    [None],
    2.5,
    "",
]


def test_nothing_that_is_taken_away_or_garbled_passes() -> None:
    """Every place of the evidence of a training, in turn, without its value or with a wrong one."""
    tried = 0
    for at in places(good()["training"]):
        name = ".".join(str(part) for part in at if not isinstance(part, int))
        if name.startswith(TOLD):
            continue
        for value in GARBAGE:
            allowed = (
                (name == "device.fallbacks" and value == [])
                or (name == "device.adapters_found" and value is None)
                or (name in ("error", "keras.error") and value is None)
                or (name in ("device.name",) and isinstance(value, str) and value)
                or (name.startswith(("result.samples", "reference.samples")) and value == 2.5)
            )
            if allowed:
                continue
            record = good()
            target: Any = record["training"]
            for part in at[:-1]:
                target = target[part]
            target[at[-1]] = value
            found = verdict(record, {})
            assert found["state"] != "READY", (name, value)
            assert found["next_step"], (name, value)
            tried += 1
    assert tried > 500


PARTS = """schema_version simulated facts facts.adapters plan plan.stack plan.adapter plan.blockers plan.environment
    plan.environment.device_kind plan.environment.reference training"""


@pytest.mark.parametrize("place", PARTS.split())
def test_no_part_of_a_record_can_be_garbled(place: str) -> None:
    for value in [*GARBAGE, "true", 0, 1.5, "READY", True]:
        if (place == "plan.blockers" and value == []) or (place == "plan.stack" and isinstance(value, str) and value):
            continue  # nothing in its way; a stack of the lab's own
        assert judged(changed(place, value))[0] != "READY", (place, value)


def test_garbled_records_never_raise_and_never_pass() -> None:
    """Several places at once, with a fixed seed: READY only when none of them is evidence."""
    source = random.Random(7)
    pool: list[Any] = [*GARBAGE, True, "READY", {"code": None}, {"code": "X Y"}, [[]]]
    ready = 0
    for _ in range(1200):
        record = good()
        spots = [p for p in places(record) if p[0] in ("training", "plan", "facts", "troubles", "simulated")]
        broken = source.sample(spots, source.randrange(1, 4))
        for spot in broken:
            target: Any = record
            try:
                for part in spot[:-1]:
                    target = target[part]
                target[spot[-1]] = copy.deepcopy(source.choice(pool))
            except (KeyError, IndexError, TypeError, AttributeError):
                pass  # its parent was replaced before
        found = verdict(record, source.choice([{}, {"throughput_floor": None}, {"check_mode": True}]))
        assert found["state"] in ("READY", "DEGRADED", "NOT_READY", "UNKNOWN", "UNREACHABLE", "STALE", "SKIPPED")
        assert found["state"] == "READY" or found["next_step"], record
        assert found["code"].isupper()
        assert json.dumps(found, allow_nan=False)
        if found["state"] == "READY":
            assert evidence(record["training"]) == evidence(good()["training"])
            ready += 1
    assert 0 < ready < 600


def evidence(training: dict[str, Any]) -> dict[str, Any]:
    """What of a training is judged, but for what may differ a little."""
    free = (*TOLD, "device.name", "device.adapters_found", "result.samples_per_second", "reference.samples_per_second")
    return {
        ".".join(map(str, at)): value
        for at in places(training)
        if not ".".join(str(part) for part in at).startswith(free)
        for value in [training_at(training, at)]
        if not isinstance(value, dict | list)
    }


def training_at(training: dict[str, Any], at: tuple[Any, ...]) -> Any:
    for part in at:
        training = training[part]
    return training


@pytest.mark.parametrize("record", [None, [], "READY", 7, {}, {"verdict": {"state": "READY"}}])
def test_what_is_no_record_is_unknown(record: Any) -> None:
    assert verdict(record, {})["state"] == "UNKNOWN"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("loss_ratio", "inf"),
        ("loss_ratio", float("nan")),
        ("accuracy", None),
        ("accuracy", "x"),
        ("reference_tolerance", float("inf")),
        ("throughput_floor", "nan"),
        ("throughput_floor", True),
    ],
)
def test_a_bound_that_is_no_number_lets_nothing_pass(name: str, value: Any) -> None:
    assert judged(good(), **{name: value}) == ("UNKNOWN", "EVIDENCE_INCOMPLETE")
