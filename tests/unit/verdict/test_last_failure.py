"""A PC whose last training failed: a report that trains nothing says why, how long ago, and what to do."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.environment import request
from ansible_collections.gpuready.lab.plugins.plugin_utils.record import READY
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import catalogue
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict.judging import fingerprint, verdict
from records import changed, good

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
RULES = {"trainer_sha256": "bb"}


def failure(ago: timedelta = timedelta(days=3), **of_verdict: Any) -> dict[str, Any]:
    """A record in which nothing was trained, of a PC that keeps what its last training failed of."""
    failed = changed("training.result.accuracy", 0.2)
    failed["verdict"] = verdict(failed, RULES, NOW - ago)
    kept = request.switching({"state": "unproven"}, failed, READY, windows=True).arguments["pass_record"]
    record = changed("training", None)
    record["facts"]["failures"] = [copy.deepcopy(kept)]
    record["facts"]["failures"][0]["verdict"] |= of_verdict
    return record


def judged(record: dict[str, Any]) -> tuple[str, str]:
    found = verdict(record, RULES, NOW)
    return found["state"], found["code"]


def test_it_says_what_its_last_training_failed_of() -> None:
    found = verdict(failure(), RULES, NOW)
    assert (found["state"], found["code"], found["reused"]) == ("NOT_READY", "LABELS_NOT_LEARNED", False)
    assert found["cause"].startswith("its last training failed 3 days ago: ")
    assert "accuracy" in found["cause"]
    assert found["next_step"] == catalogue.remedy("LABELS_NOT_LEARNED").next_step
    assert [one["name"] for one in found["checks"] if one["state"] == "fail"] == ["accuracy"]


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(minutes=5), " less than an hour ago: "),
        (timedelta(hours=1.5), " 1 hour ago: "),
        (timedelta(hours=30), " 30 hours ago: "),
        (timedelta(days=400), " 400 days ago: "),
        (timedelta(hours=-5), " (2026-11-23T13:00:00+00:00): "),
    ],
)
def test_it_says_how_long_ago(ago: timedelta, words: str) -> None:
    assert f"its last training failed{words}" in verdict(failure(ago), RULES, NOW)["cause"]


def test_a_pass_of_the_stack_comes_before_a_failure_of_another() -> None:
    record = failure()
    record["facts"]["failures"][0]["fingerprint"]["stack"] = "torch-directml"
    assert judged(record) == ("UNKNOWN", "NOT_VERIFIED")


@pytest.mark.parametrize("key", sorted(fingerprint(good())))
def test_it_holds_no_longer_when_something_has_changed(key: str) -> None:
    record = failure()
    kept = record["facts"]["failures"][0]["fingerprint"]
    if key == "stack":  # then it is another stack's
        return
    kept[key] = "another"
    found = verdict(record, RULES, NOW)
    assert (found["state"], found["code"], found["next_step"]) == ("UNKNOWN", "NOT_VERIFIED", "Run gpuready verify.")
    assert "(LABELS_NOT_LEARNED), and since then" in found["cause"]


def test_an_environment_of_another_lock_is_not_installed() -> None:
    record = failure()
    record["plan"]["environment"]["lock_sha256"] = "cc"
    record["plan"]["steps"][0]["needed"] = True
    assert judged(record) == ("NOT_READY", "NOT_INSTALLED")


@pytest.mark.parametrize("state", ["current", "old"])
def test_built_and_never_proven_is_not_the_same_as_not_installed(state: str) -> None:
    record = changed("training", None)
    record["facts"]["environments"][0]["state"] = state
    found = verdict(record, RULES, NOW)
    assert (found["state"], found["code"], found["next_step"]) == ("UNKNOWN", "NOT_VERIFIED", "Run gpuready verify.")
    assert found["cause"] == "the stack is built on this PC, and no training has proved it yet"


@pytest.mark.parametrize(
    "odd",
    [
        {"state": "READY"},
        {"state": "STALE"},
        {"state": ["NOT_READY"]},
        {"code": "<script>"},
        {"code": "NO_SUCH_CODE"},
        {"code": None},
    ],
)
def test_what_is_no_failure_is_none(odd: dict[str, Any]) -> None:
    assert judged(failure(**odd)) == ("UNKNOWN", "NOT_VERIFIED")


@pytest.mark.parametrize("left", [None, [], "x", [None], [{"fingerprint": {"stack": "tensorflow-directml-plugin"}}]])
def test_garbage_says_nothing(left: Any) -> None:
    record = failure()
    record["facts"]["failures"] = left
    assert judged(record) == ("UNKNOWN", "NOT_VERIFIED")


def test_its_own_words_are_cut_and_its_next_step_is_the_catalogues() -> None:
    found = verdict(failure(cause="x" * 5000, next_step="Run format C:", checks=["garbage"]), RULES, NOW)
    assert len(found["cause"]) < 500
    assert (found["next_step"], found["checks"]) == (catalogue.remedy("LABELS_NOT_LEARNED").next_step, [])


def test_what_says_nothing_of_the_training_is_not_kept() -> None:
    """A simulated PC in a real lab: another inventory, and it is ready."""
    record = changed("simulated", True)
    record["verdict"] = verdict(record, RULES, NOW)
    assert record["verdict"]["code"] == "SIMULATED"
    assert "pass_record" not in request.switching({"state": "unproven"}, record, READY, windows=True).arguments
