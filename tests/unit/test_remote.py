"""Running a module on a PC: what fails there is read, and what is transient is tried again."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.action import python_environment
from ansible_collections.gpuready.lab.plugins.action.gpu_facts import ActionModule
from ansible_collections.gpuready.lab.plugins.plugin_utils import remote
from ansible_collections.gpuready.lab.plugins.plugin_utils.record import Record

EVIDENCE = {"ansible_facts": {"gpuready_evidence": {"schema_version": 1}}}
HELD = {
    "failed": True,
    "msg": "internal error: failed to run exec_wrapper action module_powershell_wrapper: Failed to compile C# code:\n"
    "error CS0016: Could not write to output file 'c:\\Users\\lab\\AppData\\Local\\Temp\\x\\bsze5fqf.dll'",
}


class Action(ActionModule):
    """With a PC that gives these answers one after the other."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers, self.asked = list(answers), 0
        shell = SimpleNamespace(_IS_WINDOWS=True)
        self._connection: Any = SimpleNamespace(_shell=shell, transport="winrm", get_option=lambda name: None)
        self._task: Any = SimpleNamespace(get_name=lambda: "Look")
        self._display: Any = SimpleNamespace(vv=lambda line: None)
        self._play_context: Any = SimpleNamespace(password=None)
        self._templar: Any = SimpleNamespace(template=lambda value: value)

    def _execute_module(self, **_: Any) -> dict[str, Any]:
        self.asked += 1
        return dict(self.answers.pop(0))


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(remote.time, "sleep", found.append)
    return found


def looked(action: Action) -> tuple[dict[str, Any] | None, Record]:
    record: Record = {"schema_version": 1, "host": "pc", "simulated": True, "troubles": []}
    return action.evidence("gpuready_evidence", record, "look", "gpuready.lab.gpu_facts", {}, {}), record


def test_a_file_that_a_scanner_holds_is_tried_again_and_the_record_says_so(slept: list[float]) -> None:
    found, record = looked(Action(HELD, EVIDENCE))
    assert found == {"schema_version": 1}
    assert record["troubles"] == []
    assert [(one["code"], one["step"]) for one in record["tried_again"]] == [("TEMP_LOCKED", "look")]
    assert "CS0016" in record["tried_again"][0]["message"]
    assert slept == [5.0]


def test_it_is_tried_three_times_at_most(slept: list[float]) -> None:
    action = Action(HELD, HELD, HELD, EVIDENCE)
    found, record = looked(action)
    assert (found, action.asked, slept) == (None, 3, [5.0, 20.0])
    assert [one["code"] for one in record["troubles"]] == ["TEMP_LOCKED"]
    assert len(record["tried_again"]) == 2


@pytest.mark.parametrize(
    ("windows", "said"), [(True, r"C:\g\python.exe: x [WinError 32]"), (False, "/opt/g/python: x [Errno 26]")]
)
def test_an_interpreter_that_is_held_is_tried_again_too(windows: bool, said: str, slept: list[float]) -> None:
    def trained(error: dict[str, Any] | None, process: dict[str, Any] | None) -> dict[str, Any]:
        training = {"schema_version": 1, "finished": error is None, "error": error, "process": process}
        return {"changed": False, "failed": False, "ansible_facts": {"gpuready_training": training}}

    held = trained({"code": "INTERPRETER_MISSING", "message": said}, None)
    action = Action(held, trained(None, {"rc": 0}))
    action._connection._shell._IS_WINDOWS = windows
    record: Record = {"schema_version": 1, "host": "pc", "simulated": True, "troubles": []}
    found = action.evidence("gpuready_training", record, "verify", "gpuready.lab.training_facts", {}, {})
    assert found is not None
    assert found["finished"] is True
    assert [(one["code"], one["step"]) for one in record["tried_again"]] == [("ENVIRONMENT_IN_USE", "verify")]
    assert said in record["tried_again"][0]["message"]
    assert slept == [5.0]
    slept.clear()
    died = trained({"type": "OSError", "message": "[WinError 32] x"}, {"rc": 0})
    assert Action(died).evidence("gpuready_training", record, "verify", "gpuready.lab.training_facts", {}, {})
    assert slept == [], "what has trained is not trained again"


FAILED = [
    ("This script contains malicious content and has been blocked by your antivirus software.", "BLOCKED_BY_ANTIVIRUS"),
    ("Cannot invoke method. Only core types in this language mode.", "TARGET_POWERSHELL"),
    (r"C:\x\python.exe: Zugriff blockiert [WinError 4551]", "BLOCKED_BY_POLICY"),
    ("There is not enough space on the disk. [WinError 112]", "DISK_FULL"),
    ("something nobody has seen", "NO_EVIDENCE"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code"), FAILED)
def test_a_module_that_failed_in_the_look_is_read_like_any_other(text: str, code: str, slept: list[float]) -> None:
    found, record = looked(Action({"failed": True, "msg": text}))
    assert (found, [one["code"] for one in record["troubles"]]) == (None, [code])
    assert text in record["troubles"][0]["message"], "its own words stay"
    assert slept == []
    assert "tried_again" not in record


def test_a_module_that_gives_nothing_says_so() -> None:
    _, record = looked(Action({"changed": False}))
    assert record["troubles"][0]["code"] == "NO_EVIDENCE"


def test_a_full_disk_of_the_controller_is_not_the_pcs() -> None:
    action = Action()

    def full(**_: Any) -> dict[str, Any]:
        raise OSError(errno.ENOSPC, "No space left on device", "/root/.ansible/tmp/x")

    action._execute_module = full  # type: ignore[method-assign]
    _, record = looked(action)
    (trouble,) = record["troubles"]
    assert trouble["code"] == "CONTROLLER_DISK_FULL"
    assert "/root/.ansible/tmp/x" in trouble["message"]


def test_a_pc_that_loses_what_it_was_sent_is_not_asked_for_ever(tmp_path: Path) -> None:
    (file := tmp_path / "uv").write_bytes(b"uv")
    sha256 = hashlib.sha256(b"uv").hexdigest()
    action = object.__new__(python_environment.ActionModule)
    asked: list[dict[str, str]] = []

    def run_remote(module: str, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        asked.append(dict(arguments["uploaded"]))
        return {"needs": [{"sha256": sha256}]}

    action.run_remote = run_remote  # type: ignore[method-assign]
    action.send = lambda local, sha256: f"/tmp/{local.name}"  # type: ignore[method-assign]
    wanted: Any = SimpleNamespace(arguments={}, files={sha256: file})
    answer = action._converse(wanted, {}, [])
    assert (answer["failed"], answer["code"]) == (True, "UPLOAD_FAILED")
    assert asked[-1] == {sha256: "/tmp/uv"}
    assert len(asked) == 5
