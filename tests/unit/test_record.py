"""The record: its frame, what is kept of one that was left, and that types, documentation and schema say the same."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import record
from ansible_collections.gpuready.lab.plugins.plugin_utils.record import fit
from ansible_collections.gpuready.lab.plugins.plugin_utils.report.causes import LOOKED_AT
from ansible_collections.gpuready.lab.plugins.plugin_utils.report.html import MEANINGS
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict.judging import verdict
from documents import document
from records import changed, good

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "collections/ansible_collections/gpuready/lab/schemas/report.schema.json").read_text())


@pytest.mark.parametrize(
    ("said", "simulated"),
    [
        (None, False),
        (False, False),
        ("false", False),  # -e gpuready_simulated=false is a text
        ("No", False),
        (0, False),
        ("", False),
        (True, True),
        ("yes", True),
        (1, True),
        ("{{ is_a_lab_of_models }}", True),  # what is no plain no is never taken for a real PC
        ("perhaps", True),
    ],
)
def test_only_a_plain_no_makes_a_pc_a_real_one(said: Any, simulated: bool) -> None:
    assert record.new({"inventory_hostname": "pc1", "gpuready_simulated": said})["simulated"] is simulated


def test_a_record_is_extended_as_a_copy() -> None:
    known = {"host": "pc1", "run": "7", "troubles": [{"code": "X", "message": "x"}]}
    found = record.of({"inventory_hostname": "pc1", "gpuready_run_id": 7, "ansible_facts": {"gpuready": known}})
    assert found["run"] == "7"
    found["troubles"].append({"code": "Y", "message": "y"})
    assert known["troubles"] == [{"code": "X", "message": "x"}]


def test_without_a_record_there_is_an_empty_one() -> None:
    found = record.of({"inventory_hostname": "pc1", "ansible_facts": {"gpuready": "nonsense"}})
    assert (found["host"], found["troubles"], found["simulated"]) == ("pc1", [], False)


@pytest.mark.parametrize("run", ["6", None, 7, ""])
def test_a_record_of_another_run_counts_for_nothing(run: Any) -> None:
    known = {"host": "pc1", "run": run, "troubles": [], "facts": {}, "verdict": {"state": "READY"}}
    for variables in ({"gpuready_run_id": "7"}, {}):
        found = record.of({"inventory_hostname": "pc1", "ansible_facts": {"gpuready": known}, **variables})
        assert "facts" not in found
        assert "verdict" not in found


def test_a_run_without_a_name_has_one_all_the_same() -> None:
    first, second = (record.new({"inventory_hostname": name}) for name in ("pc1", "pc2"))
    assert first["run"] == second["run"] == record.run_of({})
    assert record.of({"inventory_hostname": "pc1", "ansible_facts": {"gpuready": dict(first, facts={})}})["facts"] == {}


@pytest.mark.parametrize(("said", "kept"), [(True, True), (False, False), (None, None), ("no", None), (0, None)])
def test_who_cannot_say_whether_it_is_simulated_is_not_taken_for_real(said: Any, kept: Any) -> None:
    given = {**good(), "simulated": said}
    found = fit(given, "pc1")
    assert found["simulated"] is kept
    assert (verdict(found, {})["state"] == "READY") is (said is False)


def test_the_clock_is_the_controllers() -> None:
    now = datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert record.new({"inventory_hostname": "pc1"}, now).get("looked_at") == "2026-11-23T08:00:00.000+00:00"


# --- what a PC left ---

LEFT: list[Any] = [
    None,
    [],
    "x",
    7,
    {},
    {"host": ""},
    {"verdict": {}},
    {"verdict": {"state": "READY"}},
    {"troubles": 1},
]


@pytest.mark.parametrize("left", LEFT)
def test_whatever_was_left_becomes_a_record(left: Any) -> None:
    kept = fit(left, "pc1")
    assert kept["host"] == "pc1"
    assert "verdict" not in kept
    found = document([kept])
    assert list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(found)) == []
    assert found["hosts"][0]["verdict"]["state"] == "UNKNOWN"


def test_a_good_record_stays_as_it_is() -> None:
    whole = {**good(), "looked_at": "2026-11-23T08:00:00+00:00"}
    whole["verdict"] = verdict(whole, {})
    assert fit(whole, "other") == whole


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("state", "FINE"),
        ("state", []),
        ("code", "<b>"),
        ("cause", ""),
        ("next_step", None),
        ("checks", [{"name": "x"}]),
        ("checks", ["x"]),
        ("reused", "no"),
        ("at", 5),
        ("fingerprint", []),
    ],
)
def test_a_verdict_that_is_none_is_left_out(key: str, value: Any) -> None:
    given = {**good(), "verdict": {**verdict(good(), {}), key: value}}
    assert "verdict" not in fit(given, "pc1")


def test_a_record_without_a_next_step_is_judged_anew() -> None:
    blocked = changed("troubles", [{"code": "DISK_FULL", "message": "m"}])
    blocked["verdict"] = {**verdict(blocked, {}), "next_step": ""}
    assert "verdict" not in fit(blocked, "pc1")


# --- one contract ---


def test_the_schema_knows_the_same_sections_and_states() -> None:
    schema = SCHEMA["$defs"]
    of_reports = ("place", "newest")  # the second in the state of a lab
    assert tuple(schema["record"]["properties"]) == (*record.SECTIONS, *of_reports)
    assert tuple(schema["state"]["enum"]) == record.STATES
    assert set(record.READY) < set(record.STATES)
    assert set(MEANINGS) == {*record.STATES, LOOKED_AT}
    assert set(schema["verdict"]["required"]) == set(record.Verdict.__annotations__)
    check = schema["verdict"]["properties"]["checks"]["items"]
    assert set(check["required"]) == set(record.CheckResult.__annotations__) - {"value"}
    assert set(check["properties"]) == set(record.CheckResult.__annotations__)
    assert tuple(check["properties"]["state"]["enum"]) == record.CHECK_STATES
    assert set(schema["plan"]["required"]) <= set(record.Plan.__annotations__)


@pytest.mark.parametrize(
    ("section", "types"),
    [
        ("plan", [record.Plan, record.PlannedAdapter, record.PlannedEnvironment, record.PlannedStep, record.Rejected]),
        ("plan", [record.Blocker]),
        ("apply", [record.Apply]),
        ("verdict", [record.Verdict, record.CheckResult, record.Fingerprint]),
    ],
)
def test_the_documentation_names_every_key(section: str, types: list[Any]) -> None:
    text = (ROOT / "docs/records.md").read_text()
    told = re.search(rf"^## {section}\n(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)
    assert told
    keys = {key for kind in types for key in kind.__annotations__}
    assert {key for key in keys if not re.search(rf"\b{key}\b", told[1])} == set()


def test_a_verdict_has_the_keys_of_its_type() -> None:
    found = verdict(good(), {})
    assert set(found) == set(record.Verdict.__annotations__)
    assert set(found["fingerprint"]) == set(record.Fingerprint.__annotations__)
