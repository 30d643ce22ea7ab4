"""The command line's events, results and what is printed of them. No Ansible is started here."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cli_help import FACTS, PLAN, document, record, result
from rich.console import Console

from gpuready import GpureadyError, events, plain, progress, results, terminal

# events


def raw(kind: str, action: str, res: dict[str, Any] | None = None, **data: Any) -> dict[str, Any]:
    return {"event": kind, "event_data": {"host": "pc1", "task": "T", "task_action": action, "res": res, **data}}


def test_events_of_ansible_become_ours() -> None:
    built = raw("runner_on_ok", "gpuready.lab.python_environment", {"changed": True}, duration=2.5)
    assert events.translate({"event": "playbook_on_start", "event_data": {}}) == []
    assert events.translate({"event": "verbose", "stdout": "x"}) == []
    started = raw("runner_on_start", "gpuready.lab.gpu_facts")
    assert events.translate(started) == [events.StepStarted("pc1", "look", "T", "gpuready.lab.gpu_facts")]
    assert events.translate(built) == [
        events.StepFinished("pc1", "apply", "T", "changed", 2.5, "", "gpuready.lab.python_environment")
    ]
    assert events.step_of({"task_action": "ansible.builtin.validate_argument_spec", "role": "directml"}) == "other"
    assert events.translate(raw("runner_on_failed", "ansible.builtin.copy", {"msg": "a\nb"}, role="directml")) == [
        events.StepFinished("pc1", "apply", "T", "failed", None, "a b", "ansible.builtin.copy")
    ]
    assert events.translate(raw("runner_on_unreachable", "gpuready.lab.gpu_facts", {"msg": "off"})) == [
        events.StepFinished("pc1", "look", "T", "unreachable", None, "off", "gpuready.lab.gpu_facts")
    ]


def test_a_verdict_ends_a_pc() -> None:
    facts = {"ansible_facts": {"gpuready": record()}}
    step, end = events.translate(raw("runner_on_ok", "gpuready.lab.gpu_verdict", facts))
    assert isinstance(step, events.StepFinished)
    assert end == events.HostFinished("pc1", "READY", "CODE", "why pc1 is READY", "")


def test_what_only_began_is_no_end_and_who_did_not_answer_is_not_ok() -> None:
    begun = raw("runner_on_ok", "gpuready.lab.python_environment", {"under_way": True})
    (step,) = events.translate(begun)
    assert isinstance(step, events.StepFinished)
    assert step.outcome == "started"
    off = record(state="UNREACHABLE", troubles=[{"code": "HOST_OFF", "message": "nothing\nanswers"}])
    step, end = events.translate(raw("runner_on_ok", "gpuready.lab.gpu_facts", {"ansible_facts": {"gpuready": off}}))
    assert isinstance(step, events.StepFinished)
    assert isinstance(end, events.HostFinished)
    assert (step.outcome, step.message, end.state) == ("failed", "nothing answers", "UNREACHABLE")


def test_a_look_that_began_the_training_has_ended_itself() -> None:
    facts = {"ansible_facts": {"gpuready": record(verdict=None)}, "under_way": True}
    looked, *_, begins, began = events.translate(raw("runner_on_ok", "gpuready.lab.gpu_facts", facts))
    assert (looked.step, looked.outcome) == ("look", "ok")
    assert (begins, began.step, began.outcome) == (
        events.StepStarted("pc1", "verify", "T", looked.action),
        "verify",
        "started",
    )


def test_a_plan_says_what_is_to_be_done_where_a_pc_goes_on() -> None:
    def told(**plan: Any) -> list[Any]:
        facts = {"ansible_facts": {"gpuready": {"plan": plan}}}
        return events.translate(raw("runner_on_ok", "gpuready.lab.gpu_facts", facts))[1:]

    steps = [{"name": "python_environment", "needed": True}, {"name": "verify", "needed": True}]
    assert told(stack="cuda", steps=steps) == [events.HostPlanned("pc1", "cuda", True)]
    assert told(stack="cuda", steps=[{**steps[0], "needed": False}]) == [events.HostPlanned("pc1", "cuda", False)]
    assert told(stack=None, steps=steps) == told(stack="cuda", steps=7) == told() == []


@pytest.mark.parametrize("res", [None, 5, "text", {"ansible_facts": None}, {"ansible_facts": {"gpuready": 3}}])
def test_results_of_any_shape(res: Any) -> None:
    assert len(events.translate(raw("runner_on_ok", "gpuready.lab.gpu_verdict", res))) == 1


# results


def test_a_report_of_an_earlier_run_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(document(record(), run_id="earlier")))
    with pytest.raises(GpureadyError, match="of an earlier run"):
        results.load(path, "this", "plan")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"run": 5}', '{"run": {"id": "this"}}'])
def test_reports_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(GpureadyError) as found:
        results.load(path, "this", "plan")
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("place", [0, 1, -1, "0", None])
def test_what_plans_share_comes_back_into_each(tmp_path: Path, place: Any) -> None:
    alike = {key: PLAN[key] for key in ("environment", "reasons", "rejected", "warnings")}
    own = {key: value for key, value in PLAN.items() if key not in alike}
    written = document(record(plan={**own, "shared": place}), run_id="this")
    path = tmp_path / "report.json"
    path.write_text(json.dumps({**written, "shared": [alike, None]}))
    found = results.load(path, "this", "plan")
    assert "shared" not in found.document
    assert (found.document["hosts"][0]["plan"] == PLAN) is (place == 0)
    assert found.hosts[0].plan is not None
    assert found.hosts[0].plan.reasons == (PLAN["reasons"] if place == 0 else [])


def test_no_report(tmp_path: Path) -> None:
    with pytest.raises(GpureadyError, match="the run wrote no report"):
        results.load(tmp_path / "report.json", "this", "plan")


@pytest.mark.parametrize(
    ("action", "host", "code"),
    [
        ("provision", record(state="READY"), 0),
        ("provision", record(state="DEGRADED"), 0),
        ("provision", record(state="SKIPPED"), 0),
        ("provision", record(state="NOT_READY"), 2),
        ("verify", record(state="UNKNOWN"), 2),
        ("verify", record(state="UNREACHABLE"), 2),
        ("verify", record(state="STALE"), 2),
        ("report", record(state="READY"), 0),
        ("report", record(state="SKIPPED"), 2),
        ("report", record(state="STALE"), 2),
        ("facts", record(state="UNKNOWN", facts=FACTS), 0),
        ("facts", record(state="UNREACHABLE"), 2),
        ("plan", record(state="NOT_READY", facts=FACTS, plan=PLAN), 0),
        ("plan", record(state="NOT_READY", facts=FACTS, plan={**PLAN, "stack": None, "target": None}), 2),
        ("plan", record(facts=FACTS, plan={**PLAN, "blockers": [{"code": "X", "cause": "c", "next_step": "n"}]}), 2),
        ("plan", record(state="UNREACHABLE"), 2),
        ("explain", record(state="NOT_READY", facts=FACTS, plan=PLAN), 0),
        (
            "provision",
            record(state="UNREACHABLE", troubles=[{"code": "BAD_INPUT", "message": "gpuready_x is not a wish"}]),
            1,
        ),
        ("plan", record(state="NOT_READY", facts=FACTS, troubles=[{"code": "BAD_INPUT", "message": "wrong"}]), 1),
    ],
)
def test_exit_codes(tmp_path: Path, action: str, host: dict[str, Any], code: int) -> None:
    assert result(action, host, tmp_path=tmp_path).exit_code == code
    assert result(action, record("pc0", "READY", facts=FACTS, plan=PLAN), host, tmp_path=tmp_path).exit_code == code


# what is printed


def printed(found: results.LabResult, width: int = 80) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    terminal.summary(console, found)
    return console.export_text()


def test_a_plan_is_readable_at_80_columns(tmp_path: Path) -> None:
    blocked = {
        **PLAN,
        "blockers": [{"code": "DRIVER_TOO_OLD", "cause": "the driver is old " * 9, "next_step": "install a new one"}],
        "warnings": ["tensorflow-directml is at its end"],
    }
    text = printed(result("plan", record("pc1", "NOT_READY", facts=FACTS, plan=blocked), tmp_path=tmp_path))
    assert [line for line in text.splitlines() if len(line) > 80 and not line.startswith("Report: ")] == []
    for part in (
        "AMD Radeon RX 6800 [x] (ok), 16 GB, driver 24.5.1",
        "torch-directml on native Windows",
        "PyTorch was asked for",
        "cuda, cpu on WSL 2: no NVIDIA GPU",
        "DRIVER_TOO_OLD: the driver is old",
        "install a new one",
        "Parsec: virtual adapter",
        "tensorflow-directml is at its end",
    ):
        assert part in text


def test_what_is_not_ready_comes_with_its_next_step(tmp_path: Path) -> None:
    text = printed(
        result("provision", record("pc1"), record("pc[2]", "UNREACHABLE"), record("pc3", "SKIPPED"), tmp_path=tmp_path)
    )
    assert "pc[2] (1 PC, UNREACHABLE CODE)\n  why pc[2] is UNREACHABLE\n  next: do this with pc[2]" in text
    assert "why pc3" not in text
    assert text.endswith("1 of 3 ready; 1 UNREACHABLE, 1 SKIPPED.\n"), "the counts come last"


def test_what_changed_since_the_last_run_is_one_line(tmp_path: Path) -> None:
    found = {**document(record()), "since": {"words": "Nothing has changed since the run of\x1b[2J [b]."}}
    (tmp_path / "report.json").write_text(json.dumps(found))
    text = printed(results.load(tmp_path / "report.json", "this", "provision"))
    assert "Nothing has changed since the run of" in text
    assert "\x1b" not in text
    assert "[b]." in text


def test_300_pcs_of_one_cause_are_told_in_a_few_lines(tmp_path: Path) -> None:
    off = {**record("pc1", "UNREACHABLE")["verdict"], "cause": "it is off", "next_step": "switch it on"}
    many = [record(f"pc{number:03}", apply={"changed": True}) for number in range(1, 201)]
    many += [{**record(f"pc{number:03}"), "verdict": off} for number in range(201, 301)]
    text = " ".join(printed(result("provision", *many, tmp_path=tmp_path)).split())
    assert "pc201 to pc300 (100 PCs, UNREACHABLE CODE) it is off next: switch it on" in text
    assert text.count("it is off") == text.count("switch it on") == 1
    assert "Changed: 200 (pc001 to pc200)." in text
    assert text.endswith("200 of 300 ready; 100 UNREACHABLE.")
    assert len(text) < 700


@pytest.mark.parametrize("action", ["facts", "plan", "provision", "report"])
def test_long_names_are_never_cut(tmp_path: Path, action: str) -> None:
    name = "pc-in-room-1234.faculty-of-something.university.example.org"
    text = printed(result(action, record(name, "NOT_READY", facts=FACTS, plan=PLAN), tmp_path=tmp_path))
    table = text[text.index("PC  ") :] if "PC  " in text else text
    assert name in "".join(line.split(" ")[0] for line in table.splitlines())
    narrow = printed(result(action, record("pc-in-room-1234", "NOT_READY", facts=FACTS), tmp_path=tmp_path), 40)
    assert "pc-in-room-1234" in "".join(line.split(" ")[0] for line in narrow.splitlines())
    assert "…" not in narrow
    assert [line for line in text.splitlines() if len(line) > 80 and not line.startswith("Report: ")] == []


@pytest.mark.parametrize("action", ["facts", "plan", "provision", "report"])
def test_40_columns_hold_whole_names(tmp_path: Path, action: str) -> None:
    names = ["pc-in-room-1234.lab", "pc-in-room-1235.lab"]
    found = result(
        action, *(record(name, "NOT_READY", facts=FACTS, plan={**PLAN, "stack": "tensorflow-directml-plugin"})
                  for name in names), tmp_path=tmp_path
    )  # fmt: skip
    lines = printed(found, 40).splitlines()
    assert all(name in lines for name in names)
    if action != "facts":
        assert any("tensorflow-directml-plugin" in line for line in lines)


def test_what_is_to_do_is_said_in_words(tmp_path: Path) -> None:
    text = printed(result("plan", record("pc1", "NOT_READY", facts=FACTS, plan=PLAN), tmp_path=tmp_path))
    assert "to do      build" in text
    assert "python_environment" not in text


def test_a_short_plan_is_a_line_a_pc(tmp_path: Path) -> None:
    found = result("plan", record("pc1", "NOT_READY", facts=FACTS, plan=PLAN), tmp_path=tmp_path)
    console = Console(width=80, record=True, file=io.StringIO())
    terminal.summary(console, found, short=True)
    text = console.export_text()
    assert "PyTorch was asked for" not in text
    assert re.search(r"^pc1 +torch-directml +windows +build", text, re.MULTILINE)


@pytest.mark.parametrize("action", ["plan", "provision"])
def test_a_stack_at_its_end_is_marked_and_told_once(tmp_path: Path, action: str) -> None:
    told = "torch-directml is frozen: last release 0.2.5"
    old = {**PLAN, "life": "frozen", "warnings": ["something else", told]}
    many = [record(f"pc{n}", "READY", facts=FACTS, plan=old) for n in range(5)]
    text = printed(result(action, *many, tmp_path=tmp_path), 100)
    assert len(re.findall(r"^pc\d .*torch-directml \*", text, re.MULTILINE)) == 5
    assert f"* 5 PCs: {told}" in text
    fresh = record("pc1", "READY", facts=FACTS, plan={**PLAN, "life": "maintained"})
    assert "*" not in printed(result(action, fresh, tmp_path=tmp_path))


def test_a_pipe_gets_a_line_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = record("pc1", "NOT_READY", facts=FACTS, plan=PLAN)
    long["verdict"] = {**long["verdict"], "cause": "why " * 60 + "end", "next_step": "do " * 60 + "end"}
    terminal.show(result("provision", long, record("x" * 90, "READY"), tmp_path=tmp_path))
    lines = capsys.readouterr().out.splitlines()
    assert any(line.strip() == "why " * 60 + "end" for line in lines)
    assert any(line.strip() == "next: " + "do " * 60 + "end" for line in lines)
    assert any(re.match("x" * 90 + r" +READY ", line) for line in lines), lines


def test_a_big_lab_gets_a_table_and_not_all_reasons(tmp_path: Path) -> None:
    many = [record(f"pc{n}", facts=FACTS, plan=PLAN) for n in range(26)]
    text = printed(result("plan", *many, tmp_path=tmp_path))
    assert "PyTorch was asked for" not in text
    assert "--limit PC" in text


@pytest.mark.parametrize("action", ["facts", "plan", "provision", "report", "explain"])
def test_names_of_others_do_nothing_to_the_terminal(tmp_path: Path, action: str) -> None:
    evil = "x\x1b]0;t\x07\x1b[2J\x9b31m\u202e\ud800\r\n[bold]y"
    facts = {
        **FACTS,
        "os": {"name": evil, "build": evil},
        "adapters": [{**FACTS["adapters"][0], "name": evil, "status": evil, "driver": {"version": evil}}],
        "ignored_adapters": [{"name": evil, "reason": evil}],
        "problems": [{"piece": evil, "code": evil, "message": evil}],
    }
    plan = {
        **PLAN, "stack": evil, "target": evil, "variant": evil, "adapter": {"name": evil}, "reasons": [evil],
        "rejected": [{"stack": evil, "target": evil, "reasons": [evil]}], "warnings": [evil],
        "blockers": [{"code": evil, "cause": evil, "next_step": evil}],
    }  # fmt: skip
    bad = record(evil, "NOT_READY", facts=facts, plan=plan, troubles=[{"code": evil, "message": evil}])
    bad["verdict"] = {**bad["verdict"], "code": evil, "cause": evil, "next_step": evil}
    bare = record(evil + "2", "DEGRADED")
    found = result(action, bad, bare, tmp_path=tmp_path)
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=None, legacy_windows=False)
    terminal.summary(console, found, verbose=True)
    text = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())  # what rich itself makes bold or dim
    assert not set("\x1b\x07\x9b\u202e\ud800\r") & set(text)
    assert "[2J" in text
    assert "[bold]y" in "".join(text.split())
    shown = plain.to_json(found.document)
    assert not set("\x1b\x07\x9b\u202e\ud800\r") & set(shown)
    assert json.loads(shown) == found.document


def test_progress_does_nothing_to_the_terminal_either() -> None:
    out = io.StringIO()
    with progress.Progress(Console(file=out, width=200)) as shown:
        shown(events.StepFinished("pc\x1b[2J", "look", "T", "failed", 1.0, "a\x9b31m\r\nb"))
        shown(events.Output("one\x1b[31m\r\ntwo\x07"))
    assert out.getvalue() == "pc[2J: could not be looked at: a31m\nb\none[31m\ntwo\n"


def said(*given: events.Event, **options: bool) -> str:
    out = io.StringIO()
    with progress.Progress(Console(file=out, width=200), **options) as shown:
        for event in given:
            shown(event)
    return out.getvalue()


def test_progress_says_what_is_done_in_words() -> None:
    def of(step: events.Step, outcome: events.Outcome) -> events.StepFinished:
        return events.StepFinished("pc1", step, "Task", outcome, 2.0, action="gpuready.lab.x")

    every = (of("look", "ok"), of("apply", "started"), of("apply", "changed"), of("verify", "ok"))
    assert said(*every).splitlines() == [
        "pc1: looked at 2.0 s",
        "pc1: building 2.0 s",
        "pc1: built 2.0 s",
        "pc1: training has ended 2.0 s",
    ]
    assert said(of("apply", "changed"), check=True) == "pc1: would be built 2.0 s\n"
    assert said(of("verify", "ok"), check=True) == "pc1: training is not tried in a check 2.0 s\n"
    removal = events.RunStarted("x", "remove", ("pc1",))
    for check, words in ((False, "removed"), (True, "would be removed")):
        found = said(removal, of("apply", "changed"), of("apply", "ok"), check=check).splitlines()
        assert found[1:] == [f"pc1: {words} 2.0 s", "pc1: nothing to remove 2.0 s"]


def test_where_no_inventory_was_given_it_is_said_what_this_controller_takes() -> None:
    began = events.RunStarted("x", "provision", ("localhost",))
    planned = events.HostPlanned("localhost", "cpu", True, 1_200_000_000)
    text = said(began, planned, unnamed=True)
    assert "no -i was given: it is this controller itself" in text
    assert "localhost: cpu is built on this controller: about 1.2 GB of disk, about 2 min" in text
    assert "is built" not in said(began, planned, unnamed=True, check=True)
    assert "controller" not in said(began, planned)


def test_a_degraded_pc_says_why_and_what_to_do(tmp_path: Path) -> None:
    text = printed(result("provision", record("pc1", "DEGRADED"), tmp_path=tmp_path))
    assert "pc1 (1 PC, DEGRADED CODE)\n  why pc1 is DEGRADED" in text
    assert "next: do this with pc1" in text
    assert text.endswith("1 of 1 ready.\n")


@pytest.mark.parametrize("action", ["facts", "plan", "explain", "provision"])
def test_nobody_could_look_for_a_gpu(tmp_path: Path, action: str) -> None:
    host = record("pc1", "UNKNOWN", facts={**FACTS, "adapters": None, "ignored_adapters": []}, plan=PLAN)
    unknown = result(action, host, tmp_path=tmp_path)
    assert unknown.hosts[0].facts is not None
    assert unknown.hosts[0].facts.adapters is None
    none = result(action, {**host, "facts": {**FACTS, "adapters": []}}, tmp_path=tmp_path)
    assert none.hosts[0].facts is not None
    assert none.hosts[0].facts.adapters == []
    if action != "provision":
        assert "not known" in printed(unknown)
        assert "not known" not in printed(none)


@pytest.mark.parametrize(("size", "said"), [(128 * 2**20, "128 MB"), (2**30, "1 GB"), (24 * 2**30, "24 GB")])
def test_little_memory_is_not_none(size: int, said: str) -> None:
    assert terminal._size(size) == said
