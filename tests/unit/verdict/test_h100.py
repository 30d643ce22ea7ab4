"""A training on a real GPU of NVIDIA's, and what the same GPU says when it may not be used.

tests/data/cuda_h100/SOURCES.md says where it comes from.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import facts
from ansible_collections.gpuready.lab.plugins.plugin_utils.evidence import files
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan.wishes import Wishes
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import files as stackfiles
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict import process
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict.judging import verdict
from plans import plan
from records import changed
from words import DATA, rows

STATES = rows("cuda_h100/states.tsv")
RECORD: dict[str, Any] = json.loads((DATA / "cuda_h100/record.json").read_text(encoding="utf-8"))


def test_what_it_says_of_itself_is_understood() -> None:
    _, evidence = files.load((DATA / "cuda_h100/evidence.json").read_bytes())
    found = facts.interpret(evidence).as_dict()
    (adapter,) = found["adapters"]
    assert (adapter["name"], adapter["vendor"], adapter["device_id"]) == ("NVIDIA H100 80GB HBM3", "nvidia", "2330")
    assert (adapter["compute_capability"], adapter["driver"]["version"]) == ("9.0", "580.159.04")
    assert adapter["memory_bytes"] == 85520809984
    assert not found["problems"]
    planned = plan(found, Wishes(), stackfiles.load())
    assert (planned.stack, planned.target, planned.variant, planned.blockers) == ("cuda", "linux", "cu130", [])


def test_its_training_is_ready() -> None:
    found = verdict(RECORD, {})
    assert (found["state"], found["code"]) == ("READY", "TRAINED")
    assert {check["state"] for check in found["checks"]} == {"pass"}


@pytest.mark.parametrize(
    ("place", "value", "code"),
    [
        ("training.result.losses", ["nan"] * 40, "NOT_FINITE"),
        ("training.device.uuid", "99999999-2222-3333-4444-555555555555", "WRONG_ADAPTER"),
        ("training.device.name", "cpu", "CPU_FALLBACK"),
        ("training.result.samples_per_second", 3000.0, "SLOW"),
    ],
)
def test_what_differs_from_it_is_not(place: str, value: object, code: str) -> None:
    found = verdict(changed(place, value, RECORD), {})
    assert found["state"] != "READY"
    assert found["code"] == code


@pytest.mark.parametrize("state", STATES, ids=[state["case"] for state in STATES])
def test_what_it_says_in_a_state_has_its_code(state: dict[str, str]) -> None:
    training = json.loads(state["training"])
    died = process.died(training)
    assert (died or {}).get("code", "") in state["right"].split("|")
    assert training["finished"] is (died is None)
