"""What the controller lacks is found before a PC is asked, and is not told as the PC's."""

from __future__ import annotations

import hashlib
import hmac
import shutil
from collections.abc import Callable
from importlib import util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants
from ansible_collections.gpuready.lab.plugins.action.gpu_facts import ActionModule
from ansible_collections.gpuready.lab.plugins.plugin_utils import controller
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import catalogue


def connection(kind: str, /, **options: Any) -> Any:
    return SimpleNamespace(transport=kind, get_option=options.get, _shell=SimpleNamespace(_IS_WINDOWS=True))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))


def without(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    found = util.find_spec
    monkeypatch.setattr(controller.util, "find_spec", lambda name: None if name in modules else found(name))


def no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller.shutil, "which", lambda name: None)


NTLM = {"transport": ["ntlm"], "remote_user": "lab", "remote_password": "x"}
TICKET = {"transport": None, "remote_user": "lab@LAB.EXAMPLE", "remote_password": "x"}


@pytest.mark.parametrize(
    ("kind", "options", "lacking", "said"),
    [
        ("winrm", NTLM, ["winrm"], "winrm: on the controller pywinrm is not installed"),
        ("winrm", NTLM, ["requests_ntlm"], "winrm: on the controller requests-ntlm is not installed, which ntlm needs"),
        ("winrm", TICKET, ["kerberos"], "pywinrm[kerberos] is not installed, which kerberos needs"),
        ("winrm", {**NTLM, "transport": ["credssp"]}, ["requests_credssp"], "pywinrm[credssp] is not installed"),
        ("winrm", {**NTLM, "transport": ["kerberos", "ntlm"]}, ["kerberos"], None),
        ("psrp", {"auth": "negotiate"}, ["pypsrp"], "psrp: on the controller pypsrp is not installed"),
        ("psrp", {"auth": "kerberos"}, ["gssapi"], "pypsrp[kerberos] is not installed, which kerberos needs"),
        ("psrp", {"auth": "negotiate"}, ["gssapi"], None),
        ("winrm", NTLM, [], None),
        ("local", {}, ["winrm", "pypsrp"], None),
    ],
)
def test_a_library(
    kind: str, options: dict[str, Any], lacking: list[str], said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, *lacking)
    found = controller.fault(connection(kind, **options))
    if said is None:
        assert found is None
    else:
        assert found is not None
        assert found["code"] == "CONTROLLER_LACKS_LIBRARY"
        assert said in found["message"]


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("ssh", {}, "there is no ssh"),
        ("winrm", TICKET, "which makes a ticket of a password"),
        ("winrm", {**TICKET, "remote_password": None}, None),
        ("winrm", NTLM, None),
    ],
)
def test_a_program(kind: str, options: dict[str, Any], said: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    no_programs(monkeypatch)
    monkeypatch.setattr(controller.util, "find_spec", lambda name: True)
    found = controller.fault(connection(kind, **options))
    assert (found["message"] if found else None) == said or (found and said and said in found["message"])


def test_sshpass_is_needed_only_where_a_password_goes_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller.shutil, "which", lambda name: None if name == "sshpass" else "/usr/bin/ssh")
    given = {"password_mechanism": "sshpass", "password": "x"}
    assert (controller.fault(connection("ssh", **given)) or {})[
        "message"
    ] == "ssh: on the controller there is no sshpass"
    assert controller.fault(connection("ssh", password_mechanism="sshpass")) is None
    assert controller.fault(connection("ssh", password="x")) is None


def refuse(what: str) -> Callable[..., None]:
    def refused(*_: Any, **__: Any) -> None:
        raise ValueError(what)

    return refused


def test_ntlm_needs_what_a_fips_mode_takes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashlib, "new", refuse("unsupported hash type md4"))
    assert controller.fault(connection("winrm", **NTLM)) is None, "requests-ntlm has an MD4 of its own"
    monkeypatch.setattr(controller.metadata, "version", lambda name: "1.1.0")
    assert "unsupported hash type md4" in (controller.fault(connection("winrm", **NTLM)) or {})["message"]
    monkeypatch.setattr(hmac, "new", refuse("disabled for FIPS"))
    assert "disabled for FIPS" in (controller.fault(connection("winrm", **NTLM)) or {})["message"]


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=70_000))
    found = controller.fault(connection("ssh"))
    assert found is not None
    assert found["code"] == "CONTROLLER_DISK_FULL"
    assert "68 KiB are free" in found["message"]


def test_no_pc_is_asked_where_the_controller_lacks_something(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "winrm")
    action: Any = object.__new__(ActionModule)
    action._connection = connection("winrm", **NTLM)
    action._play_context = SimpleNamespace(password=None)
    action._templar = SimpleNamespace(template=lambda value: value)
    action._execute_module = refuse("a PC was asked")
    answer = action.run_remote("gpuready.lab.gpu_facts", {}, {"inventory_hostname": "pc01"})
    assert answer["trouble"]["code"] == "CONTROLLER_LACKS_LIBRARY"
    assert catalogue.remedy(answer["trouble"]["code"]).controller
