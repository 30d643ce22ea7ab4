"""How long a run may still take: out of what is known, and nothing where little is."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from gpuready import estimate, events, progress
from gpuready.events import HostFinished, HostPlanned, Pace, RunStarted, StepFinished, StepStarted, Times

KNOWN = {"cuda": Times(300.0, 60.0), "torch": Times(100.0, 10.0), "half": Times(None, 20.0)}
PCS = ("a", "b", "c", "d")


def run(*planned: HostPlanned, action: str = "provision", **more: Any) -> estimate.Estimate:
    found = estimate.Estimate()
    names = tuple(one.host for one in planned)
    for event in (RunStarted("x", action, names, Pace(more.pop("times", KNOWN), **more)), *planned):
        found.take(event, 0.0)
    return found


def cuda(*hosts: str) -> list[HostPlanned]:
    return [HostPlanned(host, "cuda", True) for host in hosts]


def begins(found: estimate.Estimate, host: str, step: events.Step, now: float) -> None:
    found.take(StepStarted(host, step, "T"), now)


def ends(found: estimate.Estimate, host: str) -> None:
    found.take(HostFinished(host, "READY", "TRAINED", "", ""), 0.0)


def test_all_at_once_takes_as_long_as_the_slowest() -> None:
    found = run(*cuda("a", "b"), HostPlanned("c", "torch", True), HostPlanned("d", "cuda", False))
    assert found.rest(0.0) == 360.0
    for host in "abc":
        begins(found, host, "apply", 10.0)
    assert found.rest(110.0) == 260.0
    begins(found, "a", "apply", 200.0)  # its end is waited for: it began before
    assert found.rest(210.0) == 160.0
    for host in "ab":
        begins(found, host, "verify", 310.0)
    begins(found, "d", "verify", 340.0)
    ends(found, "c")
    assert found.rest(350.0) == 50.0


def test_it_is_never_negative() -> None:
    found = run(*cuda("a"))
    begins(found, "a", "verify", 0.0)
    assert found.rest(1e6) == 0.0


def test_few_at_once_take_turns() -> None:
    assert run(*cuda(*PCS), at_once=2).rest(0.0) == 2 * 300.0 + 60.0
    assert run(*cuda(*PCS), train_at_once=1).rest(0.0) == 300.0 + 4 * 60.0
    assert run(*cuda(*PCS), at_once=50).rest(0.0) == 360.0


def test_the_others_follow_those_that_go_first() -> None:
    found = run(*cuda(*PCS), canary=1)
    begins(found, "a", "apply", 0.0)
    assert found.rest(100.0) == 260.0 + 360.0
    ends(found, "a")
    assert found.rest(400.0) == 360.0


@pytest.mark.parametrize(
    "found",
    [
        estimate.Estimate(),
        run(*cuda("a"), times={}),  # neither an earlier run nor a size
        run(*cuda("a"), HostPlanned("b", "other", True)),
        run(*cuda("a"), HostPlanned("b", "half", True)),
        run(*cuda("a"), action="remove"),
    ],
)
def test_where_little_is_known_nothing_is_said(found: estimate.Estimate) -> None:
    assert found.rest(0.0) is None


def test_what_no_run_has_shown_goes_by_the_stacks_size() -> None:
    new = HostPlanned("b", "new", True, 4_000_000_000)
    found = run(*cuda("a"), new)
    assert found.rest(0.0) == 360.0
    assert found.guessed
    ends(found, "a")
    assert found.rest(0.0) == 100.0 + 60.0
    assert run(HostPlanned("b", "half", True, 400_000_000)).rest(0.0) == 10.0 + 20.0
    assert not run(*cuda("a")).guessed


def test_nothing_is_said_before_all_were_looked_at_and_after_the_last() -> None:
    found = run(*cuda("a"))
    found.take(RunStarted("x", "provision", ("a", "off"), Pace(KNOWN)), 0.0)
    found.take(cuda("a")[0], 0.0)
    assert found.rest(0.0) is None
    ends(found, "off")
    assert found.rest(0.0) == 360.0
    ends(found, "a")
    assert found.rest(0.0) is None


def test_verify_builds_nothing() -> None:
    assert run(*cuda("a"), action="verify").rest(0.0) == 60.0
    assert run(HostPlanned("a", "half", True), action="verify").rest(0.0) == 20.0


# --- the times of the last runs ---------------------------------------------------------------------------------------
def record(stack: str, build: Any = None, train: Any = None, **more: Any) -> dict[str, Any]:
    apply = {"environment": {"built": True}, "seconds": build} if build is not None else None
    training = {"finished": True, "process": {"seconds": train}, **more} if train is not None else None
    return {"plan": {"stack": stack}, "apply": apply, "training": training}


def kept(lab: Path, name: str, *records: Any) -> None:
    folder = lab / "runs" / name
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps({"hosts": records}))


def test_the_newest_times_of_a_stack_count(tmp_path: Path) -> None:
    kept(tmp_path, "1-old", record("cuda", 900.0, 90.0), record("torch", 100.0, 10.0))
    kept(tmp_path, "2-first", record("cuda", 100.0, 50.0), record("cuda", 300.0, 60.0), record("cuda", 320.0, 70.0))
    kept(tmp_path, "3-again", record("cuda", None, 61.0))
    kept(tmp_path, "4-odd", record("cuda", "soon", -1), record("cuda", True, 5.0, finished=False), {"plan": 7})
    kept(tmp_path, "5-none", None)
    (tmp_path / "runs/6-broken").mkdir()
    (tmp_path / "runs/6-broken/report.json").write_text("{")
    found = estimate.pace(tmp_path, [], {}).times
    assert found == {"cuda": Times(300.0, 61.0)}  # the oldest is one run too many


def test_numbers_of_the_lab_are_read_and_templates_are_not() -> None:
    hosts = [{"gpuready_at_once": 3}, {"gpuready_at_once": "5", "gpuready_canary": "{{ x }}"}]
    assert estimate.pace(None, hosts, {}) == Pace({}, 5, 0, 0)
    assert estimate.pace(None, hosts, {"gpuready_at_once": "0", "gpuready_train_at_once": 2}) == Pace({}, 0, 2, 0)


def test_the_size_comes_with_the_plan() -> None:
    plan: dict[str, Any] = {"stack": "new", "steps": [{"name": "python_environment", "needed": True}]}
    for given, size in ((7, 7), ("7", None), (0, None), (None, None)):
        plan["environment"] = {"disk_bytes": given}
        assert events._planned("a", {"plan": plan}) == HostPlanned("a", "new", True, size)
    plan["environment"] = None
    assert events._planned("a", {"plan": plan}) == HostPlanned("a", "new", True)


# --- said -------------------------------------------------------------------------------------------------------------
def test_plain_lines_say_it_once() -> None:
    out = io.StringIO()
    with progress.Progress(Console(file=out, width=200)) as shown:
        shown(RunStarted("x", "provision", ("a", "b"), Pace(KNOWN)))
        for event in (*cuda("a", "b"), StepStarted("a", "apply", "T"), StepStarted("b", "apply", "T")):
            shown(event)
    assert out.getvalue().count("left") == 1
    assert "about 6 min left" in out.getvalue()
    assert "by the size" not in out.getvalue()


def test_of_a_first_run_it_is_said_by_what_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    out, clock = io.StringIO(), [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    shown = progress.Progress(Console(file=out, width=200, force_terminal=True))
    shown(RunStarted("x", "provision", ("a",), Pace({})))
    for event in (HostPlanned("a", "new", True, 4_000_000_000), StepStarted("a", "apply", "T")):
        shown(event)
    shown._console.print(shown._picture())
    assert "about 3 min left by the size of the stack" in out.getvalue()
    shown(StepStarted("a", "verify", "T"))
    clock[0] += 500.0
    shown._console.print(shown._picture())
    assert "longer than was reckoned" in out.getvalue()


def test_a_terminal_shows_how_many_how_long_and_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=True)
    shown = progress.Progress(console)
    clock = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    shown(RunStarted("x", "provision", ("a", "b"), Pace(KNOWN)))
    for event in (*cuda("a", "b"), StepStarted("a", "apply", "T"), HostFinished("b", "UNREACHABLE", "X", "", "")):
        shown(event)
    for spent, words in ((95.0, "2 min, about 4 min left"), (400.0, "7 min, about 60 s left"), (1000.0, "17 min, ")):
        clock[0] = 1000.0 + spent
        console.print(shown._picture())
        assert f"1 of 2 PCs done, {words}" in out.getvalue()
    shown(StepStarted("a", "verify", "T"))
    clock[0] += 100.0
    console.print(shown._picture())
    assert "longer than in the last run" in out.getvalue()


def test_a_pc_that_waits_is_not_at_work() -> None:
    shown = progress.Progress(Console(file=io.StringIO(), width=200))
    shown(RunStarted("x", "provision", ("a", "b")))
    for host, outcome in (("a", "started"), ("b", "ok")):
        shown(StepStarted(host, "apply", "T", "gpuready.lab.python_environment"))
        shown(StepFinished(host, "apply", "T", outcome, 1.0))  # type: ignore[arg-type]
    assert set(shown._working) == {"a"}


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.0, "0 s"), (89.4, "89 s"), (95.0, "2 min"), (5399, "90 min"), (7500, "2 h 05 min")]
)
def test_a_duration_as_a_person_says_it(seconds: float, words: str) -> None:
    assert progress.duration(seconds) == words.replace("90 min", "1 h 30 min")
