"""What wsl_distribution refuses to ask, what it asks, and how it reads what wsl.exe said."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.action import wsl_distribution
from ansible_collections.gpuready.lab.plugins.plugin_utils import jobs
from ansible_collections.gpuready.lab.plugins.plugin_utils.action import BadInput, options
from ansible_collections.gpuready.lab.plugins.plugin_utils.bundle.model import Bundle, File
from ansible_collections.gpuready.lab.plugins.plugin_utils.environment.sources import RequestError, Sources
from ansible_collections.gpuready.lab.plugins.plugin_utils.guest import distributions
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import catalogue
from job_answers import CLAIMED, FOLDER, GONE, STARTED, job

from gpuready.simlab.wsl import texts

ARCHIVE = {"url": "https://x.example/a.tar", "sha256": "0" * 64}


def request(given: dict[str, Any], sources: Sources | None = None, file: Path | None = None) -> dict[str, Any]:
    action = wsl_distribution.ActionModule.__new__(wsl_distribution.ActionModule)
    action.archive = lambda path: file  # type: ignore[method-assign]
    asked = options("wsl_distribution", given, wsl_distribution.ActionModule.SPEC)
    return dict(action._request(asked, sources or Sources()))


@pytest.mark.parametrize(("given", "says"), [
    ({"name": "a b", "archive": ARCHIVE}, "name: 'a b'"),
    ({"name": "Legacy", "archive": ARCHIVE}, "name: 'Legacy'"),
    ({"name": "g", "archive": ARCHIVE, "default_user": "Anna"}, "default_user: 'Anna'"),
    ({"name": "g", "archive": ARCHIVE, "wsl_conf": {"boot": {"x": None}}}, "wsl_conf: boot.x"),
    ({"name": "g"}, "archive: state present needs one"),
    ({"name": "g", "state": "absent"}, "confirm: its files are lost with g"),
    ({"name": "g", "state": "absent", "confirm": "G"}, "repeat its name here"),
])  # fmt: skip
def test_what_cannot_be_asked_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput) as caught:
        request(given)
    assert says in str(caught.value)


def test_a_guest_is_no_place_to_ask_it_in() -> None:
    action = wsl_distribution.ActionModule.__new__(wsl_distribution.ActionModule)
    action._connection = SimpleNamespace(_shell=SimpleNamespace(), transport="winrm")
    with pytest.raises(BadInput, match="Windows side"):
        action.act({}, {})


def test_a_file_of_the_controller_goes_by_its_sha256_and_size(tmp_path: Path) -> None:
    file = tmp_path / "root.tar"
    file.write_bytes(b"root")
    sha256, sources = hashlib.sha256(b"root").hexdigest(), Sources()
    given = {"name": "g", "archive": {"path": "root.tar", "sha256": sha256}, "default_user": "anna"}
    asked = request(given, sources, file)
    assert asked["archive"] == {"name": "root.tar", "sha256": sha256, "size": 4}
    assert asked["wsl_conf"] == "[user]\ndefault = anna\n"
    assert sources.files == {sha256: file}
    assert request({"name": "g", "state": "absent", "confirm": "g"}) == {
        "name": "g",
        "state": "absent",
        "lock_wait": 30,
    }


@pytest.mark.parametrize(("said", "code"), [
    ("x\nFehlercode: Wsl/Service/RegisterDistro/ERROR_ALREADY_EXISTS", "WSL_NAME_IN_USE"),
    ("x\nError code: Wsl/Service/0x8000abcd", "WSL_FAILED"),
    ("", "WSL_FAILED"),
])  # fmt: skip
def test_what_wsl_said_has_its_code(said: str, code: str) -> None:
    answer = {
        "failed": True,
        "code": "WSL_FAILED",
        "msg": "wsl.exe --import ended with -1",
        "details": said.split("\n"),
    }
    found = distributions.read(answer)
    assert found["code"] == code
    assert ("0x8000abcd" in found["msg"]) is ("0x8000abcd" in said)


@pytest.mark.parametrize("name", sorted(name for name in texts.numbers() if name.startswith("WSL_E_")))
def test_every_error_of_wsl_has_one_code_by_its_name_and_by_its_number(name: str) -> None:
    found = {catalogue.match(f"x\nError code: Wsl/Service/{tail}", "wsl") for tail in (name, texts.numbers()[name])}
    assert len(found) == 1
    assert None not in found


SHA = hashlib.sha256(b"root").hexdigest()
NEEDS = {"failed": True, "code": "NEEDS", "msg": "", "needs": [{"kind": "distribution", "sha256": SHA}]}
READY = {"changed": True, "ready": True}


def test_a_bundle_stands_in_for_the_archive_s_address(tmp_path: Path) -> None:
    (tmp_path / "root.tar").write_bytes(b"root")
    sha256, sources = hashlib.sha256(b"root").hexdigest(), Sources()
    action = wsl_distribution.ActionModule.__new__(wsl_distribution.ActionModule)
    action.archive = Path  # type: ignore[method-assign]
    given = {"name": "g", "archive": {"url": "https://x.example/ubuntu.wsl", "sha256": sha256}}
    asked = options("wsl_distribution", given, wsl_distribution.ActionModule.SPEC)
    bundle = Bundle(tmp_path, (File("root.tar", sha256, 4, "archive"),))
    found = action._request(asked, sources, bundle)
    assert found["archive"] == {"name": "root.tar", "sha256": sha256, "size": 4}
    assert sources.files == {sha256: tmp_path / "root.tar"}
    with pytest.raises(RequestError, match=r"has no file of https://x\.example/ubuntu\.wsl") as refused:
        action._request(asked, Sources(), Bundle(tmp_path))
    assert refused.value.code == "BUNDLE_INCOMPLETE"


def carried(
    tmp_path: Path, answers: list[dict[str, Any]], **given: Any
) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """What the action gives with a PC that answers so, and what was asked of it."""
    file, asked = tmp_path / "root.tar", []  # type: ignore[var-annotated]
    file.write_bytes(b"root")

    def answer(module: str, arguments: dict[str, Any], task_vars: dict[str, Any], background: Any = None) -> Any:
        asked.append((module.rpartition(".")[2], background or arguments.get("state")))
        if module == wsl_distribution.MODULE:
            asked[-1] = ("wsl", background or (arguments.get("prepare", False), arguments.get("uploaded")))
        return answers.pop(0)

    action = wsl_distribution.ActionModule.__new__(wsl_distribution.ActionModule)
    action._connection = SimpleNamespace(_shell=SimpleNamespace(_IS_WINDOWS=True), transport="winrm")
    action.run_once = answer  # type: ignore[method-assign]
    action.archive = lambda path: file  # type: ignore[method-assign]
    action.send = lambda local, sha256: "there"  # type: ignore[method-assign]
    wanted = {"name": "g", "archive": {"path": "root.tar", "sha256": SHA}, "time_limit": 60, **given}
    found = action.act(options("wsl_distribution", wanted, wsl_distribution.ActionModule.SPEC), {})
    assert answers == []
    return found, asked


def test_where_nothing_is_to_be_done_it_takes_one_call(tmp_path: Path) -> None:
    found, asked = carried(tmp_path, [{"changed": False}])
    assert found == {"changed": False}
    assert asked == [("wsl", (True, None))]


def test_an_import_is_a_job_and_what_it_needs_is_there_before(tmp_path: Path) -> None:
    ended = job("ended", changed=True, finished=True, distribution={"name": "g"})
    found, asked = carried(tmp_path, [NEEDS, READY, CLAIMED, STARTED, job("running"), ended, GONE])
    assert found == {"changed": True, "distribution": {"name": "g"}}
    assert asked[:4] == [
        ("wsl", (True, None)),
        ("wsl", (True, {SHA: "there"})),
        ("job", "claimed"),
        ("wsl", (FOLDER, 2 * 60 + jobs.MARGIN)),
    ]


def test_an_import_that_is_not_waited_for_is_under_way(tmp_path: Path) -> None:
    found, _ = carried(tmp_path, [READY, CLAIMED, STARTED], wait=False)
    assert found["under_way"] is True


def test_an_import_that_was_killed_is_told(tmp_path: Path) -> None:
    found, _ = carried(tmp_path, [READY, CLAIMED, STARTED, job("lost"), GONE])
    assert found["code"] == "WSL_IMPORT_LOST"


@pytest.mark.parametrize("after", [[NEEDS], [READY, CLAIMED, STARTED, job("ended", **NEEDS, finished=True), GONE]])
def test_a_pc_that_does_not_keep_what_was_sent_is_told(tmp_path: Path, after: list[dict[str, Any]]) -> None:
    found, _ = carried(tmp_path, [NEEDS, *after])
    assert found["code"] == "UPLOAD_FAILED"
