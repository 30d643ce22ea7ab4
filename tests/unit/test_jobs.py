"""Jobs on a PC, from the controller: started once, collected by whoever comes next, and told what became of them."""

from __future__ import annotations

import dataclasses
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.gpuready.lab.plugins.action.training_facts import ActionModule
from ansible_collections.gpuready.lab.plugins.plugin_utils import inside, jobs, remote

WORK = "gpuready.lab.training_facts"
FOLDER = r"C:\ProgramData\gpuready\jobs\training"
MINE = jobs.job("training", ["cuda"], {"gpuready_run_id": "now"}, None, 60)
STARTED = {"started": True, "finished": False}
REFUSED = AnsibleConnectionFailure("winrm connection error: [Errno 111] Connection refused")


def there(state: str, *, asked: str = MINE.asked, run: str = "now", **more: Any) -> dict[str, Any]:
    found = {"asked": asked, "run": run, "seconds": 5.0, "state": state, "restarted": False, "result": None, **more}
    return {"job": found, "claimed": False, "folder": FOLDER}


NOTHING = {"job": None, "claimed": False, "folder": FOLDER}
CLAIMED = {**there("claimed"), "claimed": True}
ENDED = there("ended", result={**STARTED, "finished": True, "ansible_facts": {"gpuready_training": {"finished": True}}})


class Action(ActionModule):
    """With a PC that gives these answers one after the other; `asked`: what was asked of it."""

    PAUSE = 0.0

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self.answers, self.asked, self.claims = list(answers), [], []  # type: ignore[var-annotated]
        shell = SimpleNamespace(_IS_WINDOWS=True, set_option=lambda name, value: self.asked.append(value))
        self.resets = 0
        self._connection: Any = SimpleNamespace(
            _shell=shell, transport="winrm", get_option=lambda name: None, reset=self._reset
        )
        self._task: Any = SimpleNamespace(get_name=lambda: "Train", async_val=0)
        self._display: Any = SimpleNamespace(vv=lambda line: None)
        self._play_context: Any = SimpleNamespace(password=None)
        self._templar: Any = SimpleNamespace(template=lambda value: value)

    def _reset(self) -> None:
        self.resets += 1

    def _execute_module(self, **given: Any) -> dict[str, Any]:
        what = given["module_args"].get("state") if given["module_name"] == jobs.MODULE else self._task.async_val
        self.asked.append(what)
        if what == "claimed":
            self.claims.append(given["module_args"])
        assert given["wrap_async"] is (given["module_name"] == WORK)
        if given["wrap_async"]:
            self.variables, self.given = given["task_vars"], given["module_args"]
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    def begin(self) -> dict[str, Any] | None:
        return self.start(MINE, WORK, {"python": "p"}, {})

    def end(self) -> dict[str, Any]:
        return self.collect(MINE, {})


class Linux(Action):
    """The same with a PC of Linux, on which the claim is the start."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        super().__init__(*answers)
        self._connection._shell._IS_WINDOWS = False

    def _update_module_args(self, name: str, given: dict[str, Any], task_vars: Any) -> None:
        given["_ansible_tmpdir"] = "of this task"

    def _configure_module(self, **given: Any) -> Any:
        sent = json.dumps([given["module_name"], given["module_args"]])
        return SimpleNamespace(b_module_data=sent.encode()), "module.py"

    def _execute_module(self, **given: Any) -> dict[str, Any]:
        self.given = given["module_args"]
        return super()._execute_module(**given)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote.time, "sleep", lambda seconds: None)


def test_a_job_is_claimed_then_started_with_a_limit_beyond_its_own() -> None:
    action = Action(CLAIMED, STARTED)
    assert action.begin() is None
    assert action.asked == ["claimed", FOLDER, 60 + jobs.MARGIN]
    assert action._task.async_val == 0, "other modules of this task are not jobs"


def test_a_process_may_claim_its_job_itself_in_a_place_of_its_own() -> None:
    action = Action(STARTED, STARTED)
    wanted = dataclasses.replace(MINE, aside="cuda")
    places = []
    for _ in range(2):
        assert action.start_unclaimed(wanted, WORK, {"python": "p"}, r"D:\gpu", {}) is True
        claim = action.given["claim"]
        assert (claim["asked"], claim["run"], claim["lay_aside"]) == (MINE.asked, "now", "cuda")
        assert action.asked[-2:] == [rf"D:\gpu\jobs\{claim['place']}", 60 + jobs.MARGIN]
        places.append(claim["place"])
    assert all(re.fullmatch("training-[0-9a-f]{32}", place) for place in places)
    assert places[0] != places[1], "of two runs each has its own"


@pytest.mark.parametrize("answer", [REFUSED, {"failed": True, "msg": "no"}, {"started": True, "failed": True}, {}])
def test_a_process_that_did_not_start_is_said_so(answer: Any) -> None:
    assert Action(answer).start_unclaimed(MINE, WORK, {}, r"D:\gpu", {}) is False


def test_a_pass_is_laid_aside_in_the_call_that_claims_the_training() -> None:
    action = Action(CLAIMED, STARTED)
    assert action.start(dataclasses.replace(MINE, aside="torch-directml"), WORK, {}, {}) is None
    assert [one["lay_aside"] for one in action.claims] == ["torch-directml"]


def test_a_claim_whose_pass_cannot_be_laid_aside_is_none() -> None:
    held = {"failed": True, "code": "ENVIRONMENT_BUSY", "msg": "held"}
    action = Action(held)
    assert action.start(dataclasses.replace(MINE, aside="torch-directml"), WORK, {}, {}) == held


def test_a_job_that_stays_is_taken_away_by_who_has_kept_what_it_gave() -> None:
    action = Action(ENDED, NOTHING)
    assert action.collect(dataclasses.replace(MINE, stays=True), {})["ansible_facts"]
    assert action.asked == ["status"]
    for _ in range(2):
        action.take_away({})
    assert action.asked == ["status", "absent"]


def test_who_collects_what_was_started_before_asks_once() -> None:
    action = Action(ENDED)
    assert "ansible_facts" in (
        action.carry(dataclasses.replace(MINE, stays=True), WORK, {}, {}, wait=True, begun=True) or {}
    )
    assert action.asked == ["status"]


def test_what_nobody_started_is_started_and_collected() -> None:
    action = Action(NOTHING, CLAIMED, STARTED, ENDED)
    assert "ansible_facts" in (
        action.carry(dataclasses.replace(MINE, stays=True), WORK, {}, {}, wait=True, begun=True) or {}
    )
    assert action.asked == ["status", "claimed", FOLDER, 60 + jobs.MARGIN, "status"]


def test_a_network_that_bounces_as_a_job_is_asked_for_costs_nothing() -> None:
    action = Action(REFUSED, ENDED)
    assert "ansible_facts" in (
        action.carry(dataclasses.replace(MINE, stays=True), WORK, {}, {}, wait=True, begun=True) or {}
    )
    assert action.asked == ["status", "status"]


def test_how_long_a_job_took_is_counted_from_its_start() -> None:
    action = Action(there("running", seconds=60.0), {**ENDED, "job": {**ENDED["job"], "seconds": 97.5}}, NOTHING)
    action.end()
    assert action.took == 97.5


@pytest.mark.parametrize("state", ["claimed", "running"])
def test_a_job_that_is_there_is_not_started_twice(state: str) -> None:
    action = Action(there(state, run="yesterday"))
    assert action.begin() is None
    assert action.asked == ["claimed"]


def test_a_job_that_ended_well_for_a_run_that_died_is_collected() -> None:
    action = Action({**ENDED, "job": {**ENDED["job"], "run": "earlier"}})
    assert action.begin() is None
    assert action.asked == ["claimed"]


@pytest.mark.parametrize("warning", ["held", {"event": {"msg": "held"}}, {"msg": "held"}])
def test_a_modules_warnings_come_with_its_answer(warning: Any) -> None:
    result = {**STARTED, "finished": True, "warnings": [warning]}
    action = Action(there("ended", result=result), NOTHING)
    said: list[str] = []
    action._display = SimpleNamespace(vv=lambda line: None, warning=said.append)
    assert action.end() == {}
    assert said == ["held"]


OF_THE_PAST = {
    "another was asked for": there("ended", asked="other", result={"finished": True}),
    "it failed": there("ended", run="earlier", result={"finished": True, "failed": True}),
    "it was lost": there("lost", run="earlier"),
    "an hour ago": there("ended", run="earlier", seconds=4000.0, result={"finished": True}),
}


@pytest.mark.parametrize("left", OF_THE_PAST.values(), ids=OF_THE_PAST)
def test_what_says_nothing_to_this_run_is_taken_away_and_started_anew(left: dict[str, Any]) -> None:
    action = Action(left, NOTHING, CLAIMED, STARTED)
    assert action.begin() is None
    assert action.asked == ["claimed", "absent", "claimed", FOLDER, 60 + jobs.MARGIN]


def test_what_an_earlier_run_built_shows_on_the_pc_and_not_in_its_job() -> None:
    left = {**ENDED, "job": {**ENDED["job"], "run": "earlier"}}
    action = Action(left, NOTHING, CLAIMED, STARTED)
    building = dataclasses.replace(MINE, name="building")
    assert action.start(building, WORK, {"python": "p"}, {}) is None
    assert action.asked[:3] == ["claimed", "absent", "claimed"]


def test_another_job_that_runs_is_left_alone() -> None:
    refused = Action(there("running", asked="other")).begin()
    assert refused is not None
    assert refused["trouble"]["code"] == "ENVIRONMENT_BUSY"
    assert "training" in refused["trouble"]["message"]


def test_when_only_the_answer_to_the_start_is_lost_the_job_goes_on() -> None:
    action = Action(CLAIMED, REFUSED, there("running"))
    assert action.begin() is None
    assert action.asked[-1] == "status"


def test_a_start_that_never_came_there_takes_the_claim_back() -> None:
    action = Action(CLAIMED, REFUSED, there("claimed"), NOTHING)  # its start may be on the way: none is begun anew
    refused = action.begin()
    assert refused is not None
    assert refused["trouble"]["code"] == "PORT_CLOSED"
    assert action.asked[-1] == "absent"


def test_a_start_that_crashed_on_the_way_is_tried_once_more() -> None:
    crashed = {"failed": True, "msg": "Module result deserialization failed", "module_stdout": "", "module_stderr": "x"}
    action = Action(CLAIMED, crashed, there("claimed"), STARTED)
    assert action.begin() is None


def test_a_pc_that_starts_slower_than_ansible_waits_has_started() -> None:
    late = "failure during exec_wrapper: Ansible encountered a timeout while waiting for the async task to start"
    action = Action(CLAIMED, {"failed": True, "msg": late}, there("running"))
    assert action.begin() is None
    assert action.variables == {"ansible_win_async_startup_timeout": 60}


def test_a_lab_may_give_a_job_more_time_to_start() -> None:
    action = Action(CLAIMED, STARTED)
    own = {"ansible_win_async_startup_timeout": 300}
    assert action.start(MINE, WORK, {}, own) is None
    assert action.variables == own


def test_a_wrapper_that_fails_is_told() -> None:
    refused = Action(CLAIMED, {"failed": True, "msg": "no"}, there("claimed"), NOTHING).begin()
    assert refused == {"failed": True, "msg": "no"}


def test_the_end_is_waited_for_and_the_result_is_the_modules_own() -> None:
    action = Action(there("claimed"), there("running"), ENDED, NOTHING)
    assert action.end() == {"ansible_facts": {"gpuready_training": {"finished": True}}}
    assert action.asked == ["status", "status", "status", "absent"]


GARBAGE = {"failed": True, "msg": "Module result deserialization failed.", "module_stdout": "Fatal error.", "rc": 1}


@pytest.mark.parametrize("nothing", [REFUSED, GARBAGE], ids=["cut", "garbage"])
def test_a_network_that_bounces_or_a_poll_that_crashes_costs_nothing(nothing: Any) -> None:
    action = Action(there("running"), nothing, nothing, ENDED, NOTHING)
    assert "ansible_facts" in action.end()
    assert action.resets == 2


def test_a_pc_that_does_not_come_back_was_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10**6, 100))
    monkeypatch.setattr(jobs.time, "monotonic", lambda: next(clock))
    assert Action(*[REFUSED] * 9).end()["trouble"]["code"] == "CONNECTION_CUT"


def test_a_password_that_is_refused_is_not_sent_again() -> None:
    action = Action(AnsibleConnectionFailure("basic: the specified credentials were rejected by the server"))
    assert action.end()["trouble"]["code"] == "AUTH_REJECTED"
    assert action.asked == ["status"]


LOST = {True: ("CONNECTION_CUT", "restarted"), False: ("KILLED", "without a word"), None: ("KILLED", "without a word")}


@pytest.mark.parametrize("restarted", LOST)
def test_a_pc_that_restarted_is_told_from_a_job_that_was_killed(restarted: bool | None) -> None:
    trouble = Action(there("lost", restarted=restarted), NOTHING).end()["trouble"]
    code, words = LOST[restarted]
    assert trouble["code"] == code
    assert words in trouble["message"]


def test_a_guest_that_was_ended_is_no_pc_that_restarted() -> None:
    action = Action(there("lost", restarted=True), NOTHING)
    action._connection.transport = inside.NAME
    assert action.end()["trouble"] == {"code": "WSL_GUEST_ENDED", "message": "the guest was ended while it trained"}


def test_a_job_that_async_ended_was_too_slow() -> None:
    said = "failure during async watchdog: timed out waiting for module completion"
    answer = Action(there("ended", result={"failed": True, "msg": said, "finished": True}), NOTHING).end()
    assert answer["trouble"]["code"] == "TIMED_OUT"


def test_a_job_is_told_by_what_was_asked() -> None:
    other = jobs.job("training", ["cpu"], {"gpuready_run_id": "now"}, None, 60)
    again = jobs.job("training", ["cuda"], {"gpuready_run_id": "later"}, "/home", 60)
    assert other.asked != MINE.asked
    assert (again.asked, again.run, again.home) == (MINE.asked, "later", "/home")


def test_on_linux_the_claim_brings_the_job_and_starts_it() -> None:
    action = Linux(CLAIMED)
    assert action.start(dataclasses.replace(MINE, aside="cuda"), WORK, {"python": "p"}, {}) is None
    assert action.asked == ["started"]
    assert json.loads(action.given["module"]) == [WORK, {"python": "p", "_ansible_tmpdir": None}]
    assert json.loads(action.given["wrapper"])[0] == "ansible.legacy.async_wrapper"
    told = [action.given[name] for name in ("asked", "run", "lay_aside", "limit")]
    assert told == [MINE.asked, "now", "cuda", 60 + jobs.MARGIN]


# What a PC of Linux says to a start, and to what is asked after it; what was asked, and how that ended.
STARTS: dict[str, tuple[list[Any], list[str], str | None]] = {
    "only the answer is lost": ([REFUSED, there("running")], ["started", "status"], None),
    "it never came there": ([REFUSED, NOTHING], ["started", "status"], "PORT_CLOSED"),
    "it was cut off after the claim": (
        [REFUSED, there("claimed"), NOTHING],
        ["started", "status", "absent"],
        "PORT_CLOSED",
    ),
    "another run has it": ([REFUSED, there("claimed", run="other")], ["started", "status"], "PORT_CLOSED"),
    "it crashed before the claim": ([GARBAGE, NOTHING, CLAIMED], ["started", "status", "started"], None),
    "it crashed after the claim": (
        [GARBAGE, there("claimed"), NOTHING, CLAIMED],
        ["started", "status", "absent", "started"],
        None,
    ),
    "it crashes": ([GARBAGE, NOTHING, GARBAGE, NOTHING], ["started", "status"] * 2, "OUTPUT_GARBAGE"),
    "it ran already": ([there("running", run="yesterday")], ["started"], None),
    "another was asked for": ([there("running", asked="other")], ["started"], "ENVIRONMENT_BUSY"),
}


@pytest.mark.parametrize(("answers", "asked", "code"), STARTS.values(), ids=STARTS)
def test_on_linux_a_job_is_never_started_twice(answers: list[Any], asked: list[str], code: str | None) -> None:
    action = Linux(*answers)
    refused = action.begin()
    assert action.asked == asked
    assert (refused or {"trouble": {"code": None}})["trouble"]["code"] == code


@pytest.mark.parametrize("left", OF_THE_PAST.values(), ids=OF_THE_PAST)
def test_on_linux_too_what_says_nothing_to_this_run_is_taken_away(left: dict[str, Any]) -> None:
    action = Linux(left, NOTHING, CLAIMED)
    assert action.begin() is None
    assert action.asked == ["started", "absent", "started"]


def test_what_keeps_a_pc_of_linux_from_a_start_is_told() -> None:
    held = {"failed": True, "code": "ENVIRONMENT_BUSY", "msg": "held"}
    assert Linux(held).begin() == held
