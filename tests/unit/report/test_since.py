"""What changed since the last run: who is compared, with what, and how it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import labfolder
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import document as report
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import html as report_html
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import lab
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import text as report_text
from documents import HOSTILE, document, named
from records import good

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "collections/ansible_collections/gpuready/lab/schemas/report.schema.json").read_text())
INVENTORY = ["/lab/hosts.yml"]
PCS = ["pc1", "pc2", "pc3", "pc10"]
BROKEN = ("NOT_READY", "NO_GPU")
SKIPPED = ("SKIPPED", "CHECK_MODE")


def ended(host: str, state: str = "READY", code: str = "TRAINED", stack: str | None = "cuda") -> dict[str, Any]:
    words = {"state": state, "code": code, "cause": "c", "next_step": "n", "checks": [], "reused": False}
    record = named(host, good())
    record["plan"]["stack"] = stack
    return {**record, "verdict": {**words, "at": "2026-11-01T08:00:00+00:00", "fingerprint": None}}


def run(number: int, *records: dict[str, Any], **more: Any) -> dict[str, Any]:
    return document(list(records), id=f"run{number}", finished_at=f"2026-11-{number:02}T08:00:00.000+00:00", **more)


def since(before: list[dict[str, Any]], after: list[dict[str, Any]], pcs: list[str] | None = None) -> dict[str, Any]:
    state = lab.taken(None, run(1, *before), INVENTORY, [one["host"] for one in before], "runs/1")
    last = run(2, *after)
    found = lab.since(state, last, INVENTORY, pcs or [one["host"] for one in after])
    assert found is not None
    jsonschema.validate({**last, "since": found}, SCHEMA)
    return found


def told(found: dict[str, Any]) -> dict[str, list[str]]:
    return {one["what"]: one["hosts"] for one in found["groups"]}


def test_each_pc_is_compared_with_its_newest_verdict() -> None:
    before = [ended("pc1"), ended("pc2", *BROKEN), ended("pc3", *BROKEN), ended("pc10"), ended("pc11"), ended("old")]
    after = [
        ended("pc1", "STALE", "DRIVER_CHANGED"),
        ended("pc2"),
        ended("pc3", "NOT_READY", "DISK_SPACE"),
        ended("pc10", stack="torch-directml"),
        ended("pc11"),
        ended("pc12"),
    ]
    found = since(before, after)
    assert told(found) == {
        "ready_no_more": ["pc1"],
        "became_ready": ["pc2"],
        "other": ["pc3", "pc10"],
        "new": ["pc12"],
        "gone": ["old"],
    }
    other = found["groups"][2]["changes"]
    assert [(one["before"], one["after"]) for one in other] == [
        ("NOT_READY NO_GPU", "NOT_READY DISK_SPACE"),
        ("READY TRAINED, cuda (windows)", "READY TRAINED, torch-directml (windows)"),
    ]
    assert found["words"] == (
        "Since the run of 1 November 2026, 08:00 UTC: 1 ready no more (pc1); 1 became ready (pc2); "
        "2 with another verdict, cause or stack (pc3, pc10); 1 judged for the first time (pc12); "
        "1 no more in the inventory (old)."
    )


def test_nothing_changed_is_said_too_and_a_pc_without_a_plan_has_no_other_stack() -> None:
    before = [ended("pc1"), ended("pc2", "UNREACHABLE", "OFF", stack=None)]
    found = since(before, [ended("pc1"), ended("pc2", "UNREACHABLE", "OFF")])
    assert found["words"] == "Nothing has changed since the run of 1 November 2026, 08:00 UTC."


def test_a_run_over_a_part_compares_its_pcs_alone_and_says_so() -> None:
    found = since([ended(name) for name in PCS], [ended("pc2", *BROKEN)], PCS)
    assert told(found) == {"ready_no_more": ["pc2"]}
    assert found["words"].endswith(" Compared are 1 of 4 PCs: of the others the run says nothing.")
    page = report_html.page({**run(2, ended("pc2", *BROKEN)), "since": found})
    assert "Compared are 1 of 4 PCs: of the others the run says nothing.</p>" in page


def test_what_says_nothing_of_a_pc_changes_nothing() -> None:
    assert told(since([ended("pc1"), ended("pc2")], [ended("pc1", *SKIPPED), ended("pc2")])) == {}


def test_the_first_run_a_second_telling_of_it_and_one_that_is_overtaken_are_compared_with_nothing() -> None:
    first, second = run(1, ended("pc1")), run(2, ended("pc1", *BROKEN))
    assert lab.since(None, first, INVENTORY, ["pc1"]) is None
    state = lab.taken(None, second, INVENTORY, ["pc1"], "runs/2")
    assert lab.since(state, first, INVENTORY, ["pc1"]) is None
    assert lab.since(state, second, INVENTORY, ["pc1"]) is None
    assert lab.since(state, run(3, ended("pc1")), ["/another/lab.yml"], ["pc1"]) is None


def test_the_lab_keeps_what_its_last_run_changed() -> None:
    state = lab.taken(None, run(1, ended("pc1"), ended("pc2")), INVENTORY, PCS, "runs/1")
    assert "since" not in lab.document(state, INVENTORY)
    second = run(2, ended("pc1", *BROKEN), ended("pc2"))
    for _ in range(2):  # the same run once more: what it said stands
        state = json.loads(json.dumps(lab.taken(state, second, INVENTORY, PCS, "runs/2")))
        found = lab.document(state, INVENTORY)
        assert told(found["since"]) == {"ready_no_more": ["pc1"]}
        jsonschema.validate(found, SCHEMA)
    assert found["since"]["words"] in report_text.markdown(found)
    assert found["since"]["words"] in report.summary_lines(found)
    page = report_html.page(found)
    assert page.index('<h2 id="since">') < page.index('<h2 id="causes">')
    assert "was <bdi>READY TRAINED</bdi>, is <bdi>NOT_READY NO_GPU</bdi>" in page
    state["labs"][0]["since"] = {"groups": 7}
    assert "since" not in lab.document(state, INVENTORY), "what no run wrote is not told"


@pytest.mark.parametrize("text", HOSTILE)
def test_what_pcs_are_called_is_nothing_but_words(text: str) -> None:
    found = since([ended(text, stack=text)], [ended(text, *BROKEN, stack=f"{text}x"), ended(f"{text}2")])
    page = report_html.page({**document([ended("pc1")]), "since": found})
    calm = since([ended("a", stack="b")], [ended("a", *BROKEN, stack="c"), ended("d")])
    plain = report_html.page({**document([ended("pc1")]), "since": calm})
    assert page.count("<") == plain.count("<")


def test_the_state_is_read_once_and_again_where_another_run_wrote_it(tmp_path: Path) -> None:
    def keep(number: int, before: labfolder.Known, *records: dict[str, Any]) -> labfolder.Kept:
        return labfolder.keep(tmp_path, run(number, *records), INVENTORY, PCS, tmp_path / "runs/x", [], before)

    assert labfolder.known(tmp_path) == labfolder.Known()
    keep(1, labfolder.Known(), ended("pc1"))
    before = labfolder.known(tmp_path)
    assert before.state is not None
    keep(2, before, ended("pc1", *BROKEN))
    kept = keep(3, before, ended("pc2"))  # `before` is old by now
    states = {one["host"]: one["verdict"]["state"] for one in kept.document["hosts"]}
    assert (states["pc1"], states["pc2"]) == ("NOT_READY", "READY")
    assert kept.aside is None


@pytest.mark.parametrize(
    "hosts", [7, {"pc1": 7}, {"pc1": {"record": {"verdict": {"state": "GOOD"}}, "history": []}}, {"pc1": {"record": 7}}]
)
def test_a_state_that_is_none_is_put_aside(tmp_path: Path, hosts: Any) -> None:
    text = json.dumps({"schema_version": 1, "labs": [{"inventory": INVENTORY, "hosts": hosts}]})
    (tmp_path / "state.json").write_text(text)
    before = labfolder.known(tmp_path)
    assert before == labfolder.Known()
    kept = labfolder.keep(tmp_path, run(1, ended("pc1")), INVENTORY, ["pc1"], tmp_path / "runs/x", [], before)
    assert kept.aside is not None
    assert kept.aside.read_text() == text
    assert kept.document["summary"]["READY"] == 1
