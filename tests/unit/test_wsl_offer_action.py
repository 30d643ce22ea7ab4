"""What wsl_offer asks, that an export is a job, and what a PC is given for its students."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.action import wsl_offer
from ansible_collections.gpuready.lab.plugins.plugin_utils import jobs
from ansible_collections.gpuready.lab.plugins.plugin_utils.action import BadInput, options
from ansible_collections.gpuready.lab.plugins.plugin_utils.guest import students
from job_answers import CLAIMED, FOLDER, GONE, STARTED, job


def carried(
    answers: list[dict[str, Any]], windows: bool = True, **given: Any
) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """What the action gives with a PC that answers so, and what was asked of it."""
    asked: list[tuple[str, Any]] = []

    def answer(module: str, arguments: dict[str, Any], task_vars: dict[str, Any], background: Any = None) -> Any:
        asked.append((module.rpartition(".")[2], background or arguments))
        return answers.pop(0)

    action = wsl_offer.ActionModule.__new__(wsl_offer.ActionModule)
    action._connection = SimpleNamespace(_shell=SimpleNamespace(_IS_WINDOWS=windows), transport="winrm")
    action.run_once = answer  # type: ignore[method-assign]
    found = action.act(options("wsl_offer", {"name": "g", **given}, wsl_offer.ActionModule.SPEC), {})
    assert answers == []
    return found, asked


def test_where_nothing_is_to_be_exported_it_takes_one_call() -> None:
    found, asked = carried([{"changed": False, "offer": {}}])
    assert found == {"changed": False, "offer": {}}
    ((name, given),) = asked
    assert (name, given["prepare"], given["list"]) == ("wsl_offer", True, "beside")
    assert given["words"] == students.words()


def test_an_export_is_a_job() -> None:
    ended = job("ended", changed=True, finished=True, offer={"file": "x"})
    found, asked = carried([{"changed": True, "ready": True}, CLAIMED, STARTED, ended, GONE], time_limit=60)
    assert found == {"changed": True, "offer": {"file": "x"}}
    assert asked[2] == ("wsl_offer", (FOLDER, 60 + jobs.MARGIN))


def test_an_export_that_is_not_waited_for_is_under_way() -> None:
    found, _ = carried([{"ready": True}, CLAIMED, STARTED], wait=False)
    assert found["under_way"] is True


def test_an_export_that_was_killed_and_what_wsl_said_have_their_codes() -> None:
    found, _ = carried([{"ready": True}, CLAIMED, STARTED, job("lost"), GONE])
    assert found["code"] == "WSL_EXPORT_LOST"
    said = {"failed": True, "code": "WSL_FAILED", "msg": "wsl.exe --export ended with -1"}
    found, _ = carried([{**said, "details": ["x: Wsl/Service/WSL_E_EXPORT_FAILED"]}])
    assert found["code"] == "WSL_E_EXPORT_FAILED"


def test_what_is_taken_away_is_asked_for_alone() -> None:
    _, asked = carried([{"changed": True}], state="absent", list="alone", version="2")
    assert set(asked[0][1]) == {"state", "name", "lock_wait", "words"}


@pytest.mark.parametrize(("given", "windows", "says"), [
    ({"name": "a b"}, True, "name: 'a b'"),
    ({}, False, "Windows side"),
])  # fmt: skip
def test_what_cannot_be_asked_is_refused(given: dict[str, Any], windows: bool, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        carried([], windows, **given)


def test_the_launcher_and_its_script_are_what_cmd_and_every_powershell_read() -> None:
    words = students.words()
    for text in words.values():
        assert text.isascii()
        assert "\n" not in text.replace("\r\n", "")


@pytest.mark.parametrize(("tail", "cause"), [
    ("HCS_E_HYPERV_NOT_INSTALLED", "virtualization is off"),
    ("0x80370102", "virtualization is off"),
    ("ERROR_ACCESS_DISABLED_BY_POLICY", "a policy forbids WSL"),
    ("0x80070070", "disk is full"),
    ("WSL_E_WSL_OPTIONAL_COMPONENT_REQUIRED", "feature"),
])  # fmt: skip
def test_the_causes_of_wsls_errors_are_the_catalogues(tail: str, cause: str) -> None:
    lines = dict(line.split(" ", 1) for line in students.words()["causes"].splitlines())
    assert cause in lines[tail]


RECORD = {
    "schema_version": 1, "host": "pc", "run": "r", "simulated": False, "troubles": [],
    "facts": {"os": {"family": "windows"}, "wsl": {"place": {"name": "g", "registered": True, "ours": True}}},
    "plan": {"target": "wsl", "stack": "cuda", "environment": {"lock_sha256": "a" * 64}},
    "apply": {"changed": False},
    "verdict": {"state": "READY", "code": "TRAINED", "fingerprint": {"export": None, "lock_sha256": "a" * 64}},
}  # fmt: skip
OFFERED = {"changed": True, "offer": {"sha256": "f" * 64}, "launcher": "wsl-g.cmd"}


def kept(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], record: dict[str, Any]) -> tuple[Any, list[Any]]:
    """What the task gives of an offer, and what was kept in the guest."""
    asked: list[Any] = []

    def keep(action: Any, given: Any, record: Any, variables: Any) -> dict[str, Any]:
        asked.append((given, record["verdict"]["fingerprint"]["export"], variables))
        return {"changed": True}

    monkeypatch.setattr(wsl_offer.kept_pass, "keep", keep)
    monkeypatch.setattr(wsl_offer.inside, "guest", lambda action, name, variables: nullcontext(name))
    action = wsl_offer.ActionModule.__new__(wsl_offer.ActionModule)
    action._task = SimpleNamespace(check_mode=False)
    given = {"ansible_facts": {"gpuready": record}, "gpuready_run_id": "r", "inventory_hostname": "pc"}
    return action._kept(answer, given), asked


def test_a_pass_is_bound_to_the_export_and_the_record_names_the_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = kept(monkeypatch, OFFERED, RECORD)
    record = found["ansible_facts"]["gpuready"]
    assert asked == [({"state": "current"}, "f" * 64, "g")]
    assert record["apply"] == {"changed": True, "offer": {"launcher": "wsl-g.cmd", "sha256": "f" * 64}}
    assert record["facts"]["wsl"]["place"]["export"] == "f" * 64
    again, asked = kept(monkeypatch, {**OFFERED, "changed": False}, record)
    assert (asked, again["changed"]) == ([], False)


def test_what_is_offered_of_a_guest_that_nothing_was_planned_for_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = kept(monkeypatch, OFFERED, {**RECORD, "plan": {"target": "windows"}})
    assert (found, asked) == (OFFERED, [])
