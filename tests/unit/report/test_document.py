"""The report's document: its schema, its order, its summary, and that whatever a PC left becomes a record."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import record
from ansible_collections.gpuready.lab.plugins.plugin_utils.record import fit
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import document as report
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import renderings, shortened, text
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict.judging import verdict
from documents import HOSTILE, RUN, document, every_state, hostile, named
from records import good

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "collections/ansible_collections/gpuready/lab/schemas/report.schema.json").read_text())
VALID = jsonschema.Draft202012Validator(SCHEMA)


def errors(found: dict[str, Any]) -> list[str]:
    return [f"{error.json_path}: {error.message[:200]}" for error in VALID.iter_errors(json.loads(json.dumps(found)))]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_report_of_every_state_is_as_the_schema_says() -> None:
    found = document(every_state())
    assert errors(found) == []
    assert found["summary"] == {
        "total": 9,
        "READY": 1,
        "DEGRADED": 1,
        "NOT_READY": 2,
        "UNKNOWN": 2,
        "UNREACHABLE": 1,
        "STALE": 1,
        "SKIPPED": 1,
    }
    assert [record["host"] for record in found["hosts"]][-2:] == ["pc10", "pc11"], "ten comes after nine"


def test_the_file_of_a_small_lab_has_its_records_whole() -> None:
    found = document(every_state())
    assert json.loads(renderings.files(found, [])["report.json"]) == json.loads(json.dumps(found))


def test_the_file_is_as_the_schema_says_and_a_plan_has_its_reasons_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortened, "LARGE", 0)
    written = json.loads(renderings.files(document(every_state()), [])["report.json"])
    assert errors(written) == []
    plan = written["hosts"][0]["plan"]
    assert "reasons" in written["shared"][plan["shared"]]
    plan["reasons"] = []
    assert errors(written), "either here or there"
    del plan["reasons"], plan["shared"]
    assert errors(written), "but somewhere"


def test_a_report_leaves_out_what_it_says_already_and_the_record_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortened, "LARGE", 0)
    record = every_state()[0]
    judged = verdict(record, {})
    earlier = {"fingerprint": judged["fingerprint"], "verdict": judged, "at": judged["at"]}
    other = {**earlier, "at": "2026-01-01T00:00:00+00:00"}
    record["facts"] |= {"passes": [earlier, other], "last_pass": earlier, "failures": [other, "garbled"]}
    record["plan"]["environment"] = {"lock": "a.txt", "lock_path": "/srv/locks/a.txt"}
    record["training"]["result"]["losses"] = [1.7693996429443359, "nan", 2]
    before = copy.deepcopy(record)
    (told,) = document([record])["hosts"]
    assert record == before
    assert told["plan"]["environment"] == {"lock": "a.txt"}
    assert told["training"]["result"]["losses"] == [1.7694, "nan", 2]
    assert told["training"]["task"] == record["training"]["task"]
    assert "last_pass" not in told["facts"]
    assert [one["at"] for one in told["facts"]["passes"]] == [earlier["at"], other["at"]]
    assert all("checks" not in one["verdict"] and one["verdict"]["code"] for one in told["facts"]["passes"])
    assert told["facts"]["failures"][1] == "garbled"
    assert document([told])["hosts"] == [told], "the state of a lab is made of records that are short already"
    alone = {**record, "facts": {**record["facts"], "passes": [other]}}
    assert document([alone])["hosts"][0]["facts"]["last_pass"] == earlier, "it is said nowhere else"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema_version",), 2),
        (("run", "id"), ""),
        (("run", "seconds"), -1),
        (("summary", "READY"), -1),
        (("summary", "STALE"), None),
        (("hosts", 0, "verdict", "state"), "FINE"),
        (("hosts", 0, "verdict", "code"), "trained"),
        (("hosts", 0, "verdict", "cause"), ""),
        (("hosts", 2, "verdict", "next_step"), ""),
        (("hosts", 0, "verdict", "checks", 0, "state"), "ok"),
        (("hosts", 0, "simulated"), "no"),
        (("hosts", 0, "host"), ""),
        (("hosts", 0, "password"), "x"),
        (("hosts", 0, "facts", "adapters", 0, "memory_bytes"), -5),
        (("hosts", 2, "plan", "blockers", 0, "next_step"), ""),
        (("hosts", 0, "plan", "target"), "moon"),
        (("hosts", 4, "troubles", 0, "code"), "port closed"),
    ],
)
def test_the_schema_refuses_what_is_wrong(place: tuple[Any, ...], value: Any) -> None:
    found = copy.deepcopy(document(every_state()))
    at: Any = found
    for part in place[:-1]:
        at = at[part]
    at[place[-1]] = value
    assert errors(found)


def test_names_are_sorted_as_people_count() -> None:
    names = ["pc10", "pc2", "PC1", "b", "a10b2", "a10b10", "a9", "9", "10", "pc" + "9" * 5000]
    found = [record["host"] for record in document([named(name, good()) for name in names])["hosts"]]
    assert found == ["9", "10", "a9", "a10b2", "a10b10", "b", "PC1", "pc2", "pc10", "pc" + "9" * 5000]


def test_an_empty_report_is_one_too() -> None:
    found = document([])
    assert errors(found) == []
    assert report.headline(found) == "0 of 0 PCs ready."


def test_the_headline_and_the_lines_for_a_terminal() -> None:
    found = document(every_state())
    lines = report.summary_lines(found, ["Report: here"])
    assert lines[-2:] == [
        "Report: here",
        "2 of 9 PCs ready (1 of them DEGRADED); 2 NOT_READY, 2 UNKNOWN, 1 UNREACHABLE, 1 STALE, 1 SKIPPED.",
    ], "the counts come last"
    assert lines[0] == "READY        pc01  TRAINED  tensorflow-directml-plugin (windows)  AMD Radeon RX 6800"
    at = lines.index("UNREACHABLE PORT_CLOSED, 1 PC: pc05")
    assert lines[at + 1] == "    nothing listens on the PC's port, or a firewall refuses: winrm: Connection refused"
    assert lines[at + 2].startswith("    next: ")
    assert lines[-3] == "Changed: pc01. Took 600.0 s."
    assert report.summary_lines(document(every_state(), check=True))[-2] == "Would change: pc01. Took 600.0 s."


def test_a_simulated_report_says_so_and_of_how_many() -> None:
    records = every_state()[:2]
    assert document(records)["simulated"] is False
    assert document(records, simulated=True)["simulated"] is True
    records[0]["simulated"] = True
    found = document(records)
    assert found["simulated"] is True
    assert report.summary_lines(found)[-1].startswith("1 of 2 SIMULATED PCs ready")
    words = "1 of these 2 PCs are simulated: no real GPU was looked at there, and no real GPU trained."
    assert report.simulated_words(found) == words
    records[1]["simulated"] = True
    assert report.simulated_words(document(records)).startswith("These PCs are simulated: no real GPU")
    assert report.simulated_words(document([])) == ""


def test_no_line_for_a_terminal_can_do_harm() -> None:
    for line in report.summary_lines(document(hostile())):
        assert line.isprintable()


@pytest.mark.parametrize(
    ("started", "finished", "seconds"),
    [
        ("2026-11-23T08:00:00+00:00", "2026-11-23T08:00:41.250+00:00", 41.2),
        ("2026-11-23T08:00:00Z", "2026-11-23T09:00:00+01:00", 0.0),
        ("2026-11-23T08:00:00", "2026-11-23T08:00:41+00:00", None),
        ("2026-11-23T08:00:01+00:00", "2026-11-23T08:00:00+00:00", None),
        ("yesterday", "2026-11-23T08:00:00+00:00", None),
        (None, None, None),
    ],
)
def test_how_long_a_run_took(started: Any, finished: Any, seconds: float | None) -> None:
    assert report.seconds_of({"started_at": started, "finished_at": finished}) == seconds


def test_garbled_records_become_reports_that_fit_the_schema_but_for_facts() -> None:
    """Whatever was put into the sections, the frame holds: names, states, codes, counts."""
    source = random.Random(3)
    pool: list[Any] = [None, [], {}, "x", -1, float("nan"), True, {"a": []}, ["\ud800"], *HOSTILE]
    frame = copy.deepcopy(SCHEMA)
    for section in ("facts", "plan", "apply"):
        frame["$defs"]["record"]["properties"][section] = {"type": "object"}
    loose = jsonschema.Draft202012Validator(frame)
    for _ in range(300):
        record = good()
        if source.random() < 0.5:
            record["verdict"] = verdict(record, {})
        for _ in range(source.randrange(1, 4)):
            section = source.choice([*list(record), "verdict", "password"])
            part = record.get(section)
            if isinstance(part, dict) and source.random() < 0.7 and part:
                part[source.choice(list(part))] = copy.deepcopy(source.choice(pool))
            else:
                record[section] = copy.deepcopy(source.choice(pool))
        found = document([fit(record, "pc1")], **RUN)
        assert list(loose.iter_errors(json.loads(json.dumps(found, allow_nan=False)))) == []
        assert report.summary_lines(found)


def test_a_run_is_told_by_its_variables_and_by_the_clock_where_they_are_silent() -> None:
    told = {"gpuready_run_id": "7", "gpuready_started_at": "2026-11-23T08:00:00+00:00", "gpuready_playbook": "plan"}
    found = report.run(told, [], "controller")
    assert (found["id"], found["started_at"], found["playbook"]) == ("7", told["gpuready_started_at"], "plan")
    assert (found["gpuready_version"], found["controller"]) == ("", "controller")
    assert found["seconds"] > 0
    looked = [{"looked_at": "2026-11-23T08:00:05+00:00"}, {}, {"looked_at": "2026-11-23T08:00:03+00:00"}]
    silent = report.run({}, looked, "controller")
    assert (silent["id"], silent["started_at"]) == (record.run_of({}), "2026-11-23T08:00:03+00:00")
    alone = report.run({}, [], "controller")
    assert (alone["started_at"], alone["seconds"]) == (alone["finished_at"], 0.0)


def test_wrong_variables_are_told_whatever_else_befell_the_pc() -> None:
    wrong = {"code": "BAD_INPUT", "message": "gpuready_x is not a wish"}
    judged, off = good(), named("pc08", good())
    judged["troubles"] = [wrong]
    off["troubles"] = [{"code": "PORT_CLOSED", "message": "refused"}, wrong]
    found = report.bad_input(document([judged, off, named("pc09", good())]))
    assert [line.partition(": ")[0] for line in found] == ["pc07", "pc08"]
    assert all("gpuready_x is not a wish" in line for line in found)


def test_who_is_not_ready_is_told_where_the_run_judges() -> None:
    ended = {"pc1": "READY", "pc2": "DEGRADED", "pc3": "SKIPPED", "pc4": "STALE", "pc5": "UNKNOWN"}
    words = {"code": "C", "cause": "", "next_step": "", "checks": [], "reused": False, "at": None, "fingerprint": None}
    records = [{**named(name, good()), "verdict": {**words, "state": state}} for name, state in ended.items()]
    told = {"hosts": records, "run": {}}
    assert report.not_ready(told) == ["pc4", "pc5"]
    assert report.not_ready({**told, "run": {"check": True}}) == []
    assert report.not_ready({**told, "run": {"verdicts": False}}) == []


def test_a_fault_of_the_controller_is_told_once() -> None:
    said = {"code": "CONTROLLER_LACKS_LIBRARY", "message": "ntlm: unsupported hash type md4"}
    off = {"code": "HOST_OFF", "message": "winrm: no route to host"}
    records = [named(f"pc{number}", {**good(), "facts": None, "troubles": [said]}) for number in range(1, 28)]
    found = document([*records, named("pc99", {**good(), "troubles": [off]})])
    lines = report.summary_lines(found)
    assert sum("md4" in line for line in lines) == 1
    assert "UNKNOWN CONTROLLER_LACKS_LIBRARY, of the controller, met at 27 PCs: pc1 to pc27" in lines
    assert "UNREACHABLE HOST_OFF, 1 PC: pc99" in lines
    markdown = text.markdown(found)
    assert markdown.count("md4") == 1
    assert "of the controller, met at 27," in markdown


@pytest.mark.parametrize(
    ("life", "words"),
    [
        ("discontinued", "a (windows), discontinued"),
        ("frozen", "a (windows), frozen"),
        ("maintained", "a (windows)"),
        ([], "a (windows)"),
    ],
)
def test_a_stack_at_its_end_is_called_so(life: object, words: str) -> None:
    assert report.stack_words({"plan": {"stack": "a", "target": "windows", "life": life}}) == words
    assert report.stack_words({"plan": {"stack": "a", "target": "windows"}}) == "a (windows)"
    assert report.stack_words({}) == ""
