"""The state of a lab: what a run changes in it, and what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import document as report
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import lab
from documents import document, every_state, named
from records import good

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "collections/ansible_collections/gpuready/lab/schemas/report.schema.json").read_text())
INVENTORY = ["/lab/hosts.yml"]
PCS = ["pc01", "pc02", "pc03"]


def run(number: int, *records: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The report of run `number`: the greater, the later."""
    return document(list(records), id=f"run{number}", finished_at=f"2026-11-{number:02}T08:00:00.000+00:00", **more)


def ended(host: str, state: str = "READY", code: str = "TRAINED", **more: Any) -> dict[str, Any]:
    found = {**named(host, good()), **more}
    words = {"state": state, "code": code, "cause": "c", "next_step": "n", "checks": [], "reused": False}
    return {**found, "verdict": {**words, "at": "2026-11-01T08:00:00+00:00", "fingerprint": None}}


def after(*runs: dict[str, Any], pcs: list[str] | None = None) -> dict[str, Any]:
    state: dict[str, Any] | None = None
    for number, found in enumerate(runs):
        state = json.loads(json.dumps(lab.taken(state, found, INVENTORY, pcs or PCS, f"runs/{number}")))
        assert lab.is_state(state)
    assert state is not None
    return lab.document(state, INVENTORY)


def words(found: dict[str, Any]) -> dict[str, str]:
    return {one["host"]: one["verdict"]["state"] for one in found["hosts"]}


def test_the_newest_verdict_of_each_pc_stands_with_its_run() -> None:
    whole = run(1, *(ended(name) for name in PCS))
    found = after(whole, run(2, ended("pc02", "NOT_READY", "CPU_FALLBACK"), playbook="verify"))
    assert words(found) == {"pc01": "READY", "pc02": "NOT_READY", "pc03": "READY"}
    assert report.headline(found) == "2 of 3 PCs ready; 1 NOT_READY."
    newest = {one["host"]: one["newest"] for one in found["hosts"]}
    assert (newest["pc01"]["run"], newest["pc01"]["folder"]) == ("run1", "runs/0")
    assert (newest["pc02"]["run"], newest["pc02"]["at"]) == ("run2", "2026-11-02T08:00:00.000+00:00")
    assert newest["pc02"]["playbook"] == "verify"
    assert [one["state"] for one in newest["pc02"]["history"]] == ["NOT_READY", "READY"]
    assert found["run"]["id"] == "run2"
    jsonschema.validate(found, SCHEMA)


def test_a_run_that_ends_late_does_not_hide_a_newer_one() -> None:
    found = after(run(2, ended("pc01", "NOT_READY", "CPU_FALLBACK")), run(1, ended("pc01"), ended("pc02")))
    assert words(found) == {"pc01": "NOT_READY", "pc02": "READY", "pc03": "UNKNOWN"}
    assert found["run"]["id"] == "run2"


def test_a_pc_that_no_run_has_judged_is_unknown_and_one_that_is_gone_is_no_more() -> None:
    found = after(run(1, ended("pc01"), ended("pc02")))
    last = found["hosts"][-1]
    assert (last["host"], last["verdict"]["state"], last["verdict"]["code"]) == ("pc03", "UNKNOWN", "NOT_VERIFIED")
    assert last["verdict"]["next_step"]
    jsonschema.validate(found, SCHEMA)
    assert words(after(run(1, ended("pc01"), ended("pc02")), run(2, ended("pc01")), pcs=["pc01"])) == {"pc01": "READY"}


def test_what_says_nothing_of_a_pc_leaves_its_verdict() -> None:
    skipped = ended("pc01", "SKIPPED", "CHECK_MODE")
    no_turn = ended("pc02", "UNKNOWN", "INTERRUPTED", troubles=[{"code": "INTERRUPTED", "message": "m", "task": ""}])
    at_work = ended("pc03", "UNKNOWN", "INTERRUPTED", troubles=[{"code": "INTERRUPTED", "message": "m", "task": "T"}])
    found = after(run(1, *(ended(name) for name in PCS)), run(2, skipped, no_turn, at_work))
    assert words(found) == {"pc01": "READY", "pc02": "READY", "pc03": "UNKNOWN"}


@pytest.mark.parametrize(("more", "judges"), [({}, True), ({"verdicts": False}, False), ({"check": True}, False)])
def test_a_look_and_a_check_judge_nobody(more: dict[str, Any], judges: bool) -> None:
    assert lab.judges(run(1, good(), **more)) is judges


def test_one_machine_by_two_names_in_two_runs_is_no_two_pcs() -> None:
    facts = good()["facts"]
    facts["os"] |= {"computer_name": "PC07", "boot_time": "2026-11-01T07:00:00Z"}
    found = after(run(1, ended("pc01", facts=facts)), run(2, ended("pc02", facts=facts), ended("pc03")))
    assert words(found) == {"pc01": "UNKNOWN", "pc02": "UNKNOWN", "pc03": "READY"}
    assert found["hosts"][0]["verdict"]["code"] == "SAME_MACHINE"


def test_two_inventories_may_have_a_pc_of_one_name() -> None:
    state = lab.taken(None, run(1, ended("pc01")), ["/a.yml"], ["pc01"], "runs/1")
    state = lab.taken(state, run(2, ended("pc01", "NOT_READY", "NO_GPU")), ["/b.yml"], ["pc01"], "runs/2")
    assert words(lab.document(state, ["/a.yml"])) == {"pc01": "READY"}
    assert words(lab.document(state, ["/b.yml"])) == {"pc01": "NOT_READY"}


def test_the_history_ends_somewhere_and_a_run_is_in_it_once() -> None:
    found = after(*(run(number, ended("pc01")) for number in range(1, 20)), run(19, ended("pc01", "STALE", "X")))
    history = found["hosts"][0]["newest"]["history"]
    assert len(history) == lab.HISTORY
    assert [one["run"] for one in history[:2]] == ["run19", "run18"]


def test_a_lab_with_every_state_and_its_renderings() -> None:
    records = every_state()
    found = after(run(1, *records), pcs=[one["host"] for one in records])
    jsonschema.validate(found, SCHEMA)
    assert found["summary"]["UNKNOWN"] == 3, "the one that was skipped is not judged yet"


@pytest.mark.parametrize("broken", [None, [], {}, {"schema_version": 1}, {"schema_version": 1, "labs": [{}]}])
def test_what_is_no_state(broken: object) -> None:
    assert not lab.is_state(broken)


def test_names_of_runs_sort_by_age_and_are_told_from_others() -> None:
    names = [
        lab.run_name({"finished_at": f"2026-{month}-01T08:00:00+01:00", "playbook": "plan", "id": "3F6c-0c1e-99"})
        for month in ("09", "10")
    ]
    assert names == ["20260901T070000Z-plan-3f6c0c1e", "20261001T070000Z-plan-3f6c0c1e"]
    odd = lab.run_name({"finished_at": None, "playbook": "../../x", "id": "zz"})
    assert all(lab.is_run_name(name) for name in [*names, odd])
    assert not any(lab.is_run_name(name) for name in ("mine", "..", "20260901T070000Z-plan-3f6c0c1e.bak", ""))
