"""What an earlier pass is worth: bound to a fingerprint, young enough, its environment in place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict import checks as verdict_checks
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict import passes as verdict_passes
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict.judging import fingerprint, verdict
from records import a_pass, changed, good

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def judged(record: dict[str, Any], **policy: Any) -> tuple[str, str]:
    found = verdict(record, policy, NOW)
    return found["state"], found["code"]


def passed(**verdict_changes: Any) -> dict[str, Any]:
    record = changed("training", None)
    record["facts"]["last_pass"] = a_pass(record, fingerprint, (NOW - timedelta(days=2)).isoformat())
    record["facts"]["last_pass"]["verdict"] |= verdict_changes
    return record


def test_a_change_is_named_with_before_and_after() -> None:
    record = passed()
    record["facts"]["last_pass"]["fingerprint"]["driver"] = "31.0.1"
    found = verdict(record, {"trainer_sha256": "bb"}, NOW)
    assert (found["state"], found["code"]) == ("STALE", "PASS_STALE")
    assert found["cause"] == "it passed, but since then the GPU's driver changed from 31.0.1 to 31.0.24027.1012"
    assert found["next_step"] == "Run gpuready verify."


def test_what_is_not_known_equals_nothing() -> None:
    record = passed()
    record["facts"]["adapters"][0]["driver"]["version"] = None
    record["facts"]["last_pass"]["fingerprint"]["driver"] = None
    assert judged(record, trainer_sha256="bb") == ("STALE", "PASS_STALE")


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ([{"name": "python_environment", "needed": False, "reason": "r"}], "READY"),
        ([{"name": "python_environment", "needed": True, "reason": "r"}], "STALE"),
        ([{"name": "verify", "needed": True, "reason": "r"}], "STALE"),
        ([], "STALE"),
        (None, "STALE"),
        ([{"name": "python_environment", "needed": None}], "STALE"),
        ("garbage", "STALE"),
    ],
)
def test_a_pass_needs_its_environment(steps: Any, state: str) -> None:
    record = passed()
    record["plan"]["steps"] = steps
    assert judged(record, trainer_sha256="bb")[0] == state


@pytest.mark.parametrize(
    ("days", "state"), [(29.9, "READY"), (30.1, "STALE"), (-0.5, "READY"), (-2, "STALE"), (400000, "STALE")]
)
def test_a_pass_grows_old(days: float, state: str) -> None:
    record = passed()
    record["facts"]["last_pass"]["at"] = (NOW - timedelta(days=days)).isoformat()
    assert judged(record, trainer_sha256="bb")[0] == state


@pytest.mark.parametrize("at", [None, 0, "", "yesterday", "2026-13-45", [], "9999-12-31T23:59:59+00:00"])
def test_a_pass_without_a_time_does_not_stand(at: Any) -> None:
    record = passed()
    record["facts"]["last_pass"]["at"] = at
    assert judged(record, trainer_sha256="bb") == ("STALE", "PASS_TOO_OLD")


@pytest.mark.parametrize(
    "left",
    [
        None,
        {},
        [],
        "x",
        {"fingerprint": {}},
        {"fingerprint": {"a": 1}, "verdict": {"state": "NOT_READY"}},
        {"fingerprint": {"a": 1}, "verdict": "READY"},
    ],
)
def test_what_is_no_pass_is_none(left: Any) -> None:
    record = passed()
    record["facts"]["last_pass"] = left
    assert judged(record, trainer_sha256="bb") == ("UNKNOWN", "NOT_VERIFIED")
    record["plan"]["steps"][0]["needed"] = True
    record["facts"]["environments"] = []
    assert judged(record, trainer_sha256="bb") == ("NOT_READY", "NOT_INSTALLED")


def test_a_driver_that_the_stack_needs_is_missing_whatever_passed_before() -> None:
    record = passed()
    record["plan"]["driver"] = {"vendor": "amd", "version": "25.3.1", "required": True}
    assert judged(record, trainer_sha256="bb") == ("NOT_READY", "DRIVER_NOT_INSTALLED")
    assert "the lab's driver amd 25.3.1" in verdict(record, {}, NOW)["cause"]
    assert judged(record, trainer_sha256="bb", check_mode=True) == ("READY", "TRAINED")
    record["plan"]["driver"]["required"] = False
    assert judged(record, trainer_sha256="bb") == ("READY", "TRAINED")


def test_a_reused_pass_shows_its_checks_and_believes_no_other_code() -> None:
    record = passed(code="<script>")
    checks = record["facts"]["last_pass"]["verdict"]["checks"]
    found = verdict(record, {"trainer_sha256": "bb"}, NOW)
    assert (found["state"], found["code"], found["checks"], found["reused"]) == ("READY", "TRAINED", checks, True)


# --- the numbers of a pass, by today's thresholds ---


@pytest.mark.parametrize(
    ("rule", "bound", "expected"),
    [
        ("loss_ratio", 0.05, ("STALE", "PASS_STALE")),
        ("loss_ratio", 0.5, ("READY", "TRAINED")),
        ("accuracy", 1.0, ("READY", "TRAINED")),
        ("reference_tolerance", 1e-8, ("STALE", "PASS_STALE")),
        ("throughput_floor", 9.0, ("READY", "TRAINED")),
        ("throughput_floor", 9.1, ("DEGRADED", "SLOW")),
        ("throughput_floor", None, ("READY", "TRAINED")),
        ("throughput_floor_integrated", 100.0, ("READY", "TRAINED")),  # it is a card
    ],
)
def test_stricter_thresholds_count_for_an_earlier_pass(rule: str, bound: Any, expected: tuple[str, str]) -> None:
    assert judged(passed(), trainer_sha256="bb", **{rule: bound}) == expected


def test_a_pass_says_what_its_numbers_lack() -> None:
    found = verdict(passed(), {"trainer_sha256": "bb", "loss_ratio": 0.05}, NOW)
    assert found["cause"] == "it passed, but by other thresholds: its loss was 0.0866, and the bound is 0.05 now"


@pytest.mark.parametrize("value", [None, "nan", "garbage", True, {}])
def test_a_number_that_a_pass_does_not_keep_meets_nothing(value: Any) -> None:
    record = passed()
    for check in record["facts"]["last_pass"]["verdict"]["checks"]:
        if check["name"] == "loss":
            check["value"] = value
    assert judged(record, trainer_sha256="bb") == ("STALE", "PASS_STALE")


@pytest.mark.parametrize("state", ["READY", "DEGRADED"])
def test_a_pass_that_lacks_one_of_its_checks_is_none(state: str) -> None:
    for position in range(len(passed()["facts"]["last_pass"]["verdict"]["checks"])):
        record = passed(state=state)
        name = record["facts"]["last_pass"]["verdict"]["checks"].pop(position)["name"]
        assert judged(record, trainer_sha256="bb") == ("UNKNOWN", "EVIDENCE_INCOMPLETE"), name


def test_a_pass_that_was_slow_stays_so_and_is_not_by_a_lower_floor() -> None:
    record = passed(state="DEGRADED", code="SLOW")
    check = record["facts"]["last_pass"]["verdict"]["checks"][-1]
    check |= {"state": "fail", "value": 0.7}
    assert judged(record, trainer_sha256="bb") == ("DEGRADED", "SLOW")
    assert judged(record, trainer_sha256="bb", throughput_floor=0.5) == ("READY", "TRAINED")


def test_a_pass_whose_checks_did_not_pass_contradicts_itself() -> None:
    checks = [{"name": "loss", "state": "fail", "detail": "d"}]
    assert judged(passed(checks=checks), trainer_sha256="bb") == ("UNKNOWN", "EVIDENCE_INCOMPLETE")


def test_a_check_tells_of_a_pass_and_else_skips() -> None:
    assert judged(passed(), trainer_sha256="bb", check_mode=True) == ("READY", "TRAINED")
    assert judged(changed("training", None), check_mode=True) == ("SKIPPED", "CHECK_MODE")


def test_a_pass_of_a_simulated_pc_counts_in_a_simulated_lab_alone() -> None:
    record = passed()
    record["simulated"] = True
    assert judged(record, trainer_sha256="bb") == ("UNKNOWN", "SIMULATED")
    assert judged(record, trainer_sha256="bb", simulated_lab=True) == ("READY", "TRAINED")
    assert judged(record, trainer_sha256="bb", simulated_lab="yes") == ("UNKNOWN", "SIMULATED")


def test_linux_and_wsl_are_part_of_the_fingerprint() -> None:
    record = good()
    record["plan"]["target"] = "wsl"
    record["facts"]["wsl"] = {"version": "2.6.1.0"}
    record["facts"]["guest"] = {"os": {"kernel": "6.6.87.2-1"}}
    assert fingerprint(record)["wsl"] == "2.6.1.0"
    assert fingerprint(record)["kernel"] == "6.6.87.2-1"
    assert fingerprint({})["driver"] is None
    assert fingerprint({"facts": [], "plan": "x"})["stack"] is None


def test_a_pass_left_for_a_reference_makes_nothing_ready() -> None:
    record = passed()
    record["plan"]["environment"]["reference"] = True
    assert judged(record, trainer_sha256="bb") == ("NOT_READY", "NO_GPU")


def test_the_pass_of_the_planned_stack_counts_and_not_the_newest() -> None:
    """Two stacks on one PC: a later pass of the other says nothing of this one."""
    mine = {"fingerprint": {"stack": "torch-directml"}, "verdict": {}, "at": "2026-01-01"}
    other = {"fingerprint": {"stack": "tensorflow-directml-plugin"}, "verdict": {}, "at": "2026-02-02"}
    facts = {"passes": [other, mine], "last_pass": other}
    assert verdict_passes.of_stack(facts, "torch-directml") == mine
    assert verdict_passes.of_stack(facts, "tensorflow-directml") == other
    assert verdict_passes.of_stack({"passes": None, "last_pass": mine}, "x") == mine
    assert verdict_passes.of_stack({}, "x") is None


def test_a_pass_without_checks_is_none() -> None:
    assert judged(passed(checks=[]), trainer_sha256="bb") == ("UNKNOWN", "EVIDENCE_INCOMPLETE")


@pytest.mark.parametrize("name", verdict_checks.NAMES)
def test_a_pass_whose_check_was_waived_is_none_but_for_the_floor(name: str) -> None:
    record = passed()
    (check,) = [one for one in record["facts"]["last_pass"]["verdict"]["checks"] if one["name"] == name]
    check["state"] = "waived"
    wanted = ("READY", "TRAINED") if name == "throughput" else ("UNKNOWN", "EVIDENCE_INCOMPLETE")
    assert judged(record, trainer_sha256="bb") == wanted


def test_a_pass_of_what_is_not_in_use_does_not_stand() -> None:
    record = passed()
    record["facts"]["environments"][0]["state"] = "old"
    found = verdict(record, {"trainer_sha256": "bb"}, NOW)
    assert (found["state"], found["cause"]) == ("STALE", "it passed, but its environment is not the one in use")


# --- damage ---

LOST = {"count": 7, "missing": ["Lib\\site-packages\\DirectML.dll"], "changed": ["a.py"], "hashes": False}


@pytest.mark.parametrize("state", ["current", "old"])
@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("check", [True, False])
def test_what_is_damaged_is_not_ready_whatever_it_passed(state: str, trained: bool, check: bool) -> None:
    record = good() if trained else passed()
    record["facts"]["environments"][0] |= {"damage": LOST, "state": state}
    found = verdict(record, {"trainer_sha256": "bb", "check_mode": check}, NOW)
    assert (found["state"], found["code"]) == ("NOT_READY", "ENVIRONMENT_DAMAGED")
    assert found["cause"].endswith(": 7 (missing: Lib\\site-packages\\DirectML.dll; changed: a.py and 5 more)")
    assert "gpuready provision" in found["next_step"]


@pytest.mark.parametrize(
    "damage", [None, {}, {"count": None}, {"error": "OSError: gone"}, {"count": "many"}, {"count": -1}]
)
@pytest.mark.parametrize("trained", [True, False])
def test_what_cannot_be_looked_through_is_not_ready_whatever_it_passed(damage: Any, trained: bool) -> None:
    record = good() if trained else passed()
    record["facts"]["environments"][0]["damage"] = damage
    found = verdict(record, {"trainer_sha256": "bb"}, NOW)
    assert (found["state"], found["code"]) == ("UNKNOWN", "ENVIRONMENT_UNREADABLE")
    assert "gpuready provision" in found["next_step"]
    python = good()["training"]["python"]["executable"]
    for built in (True, False):  # since the look this run has built it, or looked through it
        record["apply"] = {"environment": {"built": built, "lock_sha256": "aa", "python": python}}
        assert judged(record, trainer_sha256="bb") == ("READY", "TRAINED")


def test_damage_that_contradicts_itself_is_damage() -> None:
    record = passed()
    record["facts"]["environments"][0]["damage"] = {**LOST, "count": 0}
    assert judged(record, trainer_sha256="bb") == ("NOT_READY", "ENVIRONMENT_DAMAGED")


def test_what_this_run_has_built_anew_is_damaged_no_longer() -> None:
    record = good()
    record["facts"]["environments"][0]["damage"] = LOST
    record["apply"] = {
        "environment": {"built": True, "lock_sha256": "aa", "python": record["training"]["python"]["executable"]}
    }
    assert judged(record) == ("READY", "TRAINED")
    for change in ({"built": False}, {"lock_sha256": "cc"}):
        other = {**record, "apply": {"environment": {**record["apply"]["environment"], **change}}}
        assert judged(other) == ("NOT_READY", "ENVIRONMENT_DAMAGED")


def test_damage_to_another_lock_or_stack_is_none_of_this_one() -> None:
    for change in ({"lock_sha256": "cc"}, {"stack": "cpu"}):
        record = passed()
        record["facts"]["environments"].append({**record["facts"]["environments"][0], "damage": LOST, **change})
        assert judged(record, trainer_sha256="bb") == ("READY", "TRAINED")


def test_another_card_in_the_same_slot_is_another_gpu() -> None:
    """On Linux the id of a GPU is its slot; its numbers and NVIDIA's own name of it tell the card."""
    record = passed()
    for key, before, after in (("device_id", "20b0", "2330"), ("uuid", "GPU-1", "GPU-2")):
        record["facts"]["adapters"][0][key] = before
        record["facts"]["last_pass"]["fingerprint"] = fingerprint(record, "bb")
        assert judged(record, trainer_sha256="bb") == ("READY", "TRAINED")
        record["facts"]["adapters"][0][key] = after
        assert judged(record, trainer_sha256="bb") == ("STALE", "PASS_STALE")
