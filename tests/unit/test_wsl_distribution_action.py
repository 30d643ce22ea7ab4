"""What wsl_distribution refuses to ask, what it asks, and how it reads what wsl.exe said."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.action import wsl_distribution
from ansible_collections.gpuready.lab.plugins.plugin_utils.action import BadInput, options
from ansible_collections.gpuready.lab.plugins.plugin_utils.environment.sources import Sources
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import catalogue

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
    action._connection = SimpleNamespace(_shell=SimpleNamespace())
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
    found = wsl_distribution._read(answer)
    assert found["code"] == code
    assert ("0x8000abcd" in found["msg"]) is ("0x8000abcd" in said)


@pytest.mark.parametrize("name", sorted(name for name in texts.numbers() if name.startswith("WSL_E_")))
def test_every_error_of_wsl_has_one_code_by_its_name_and_by_its_number(name: str) -> None:
    found = {catalogue.match(f"x\nError code: Wsl/Service/{tail}", "wsl") for tail in (name, texts.numbers()[name])}
    assert len(found) == 1
    assert None not in found
