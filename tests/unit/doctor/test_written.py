"""What the doctor finds in an inventory without Ansible and without a PC."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import winrm
import yaml

from gpuready import contract, inventory, project
from gpuready.doctor import names, written
from gpuready.doctor.finding import Finding

KNOWN = contract.load(project.root())
WINDOWS: dict[str, Any] = {
    "ansible_connection": "ansible.builtin.winrm",
    "ansible_user": "gpuready",
    "ansible_winrm_transport": "ntlm",
    "ansible_winrm_scheme": "http",
    "ansible_port": 5985,
}


def look(folder: Path, pcs: dict[str, dict[str, Any]] | None = None, *groups: str) -> list[Finding]:
    """Those findings that are not well."""
    listed = inventory.Listing(dict(pcs or {"pc1": WINDOWS}), frozenset({"lab", *groups}))
    found = list(written.examine([str(folder)], KNOWN, listed, asked=True))
    assert all(one.next_step for one in found if one.state != "ok")
    return [one for one in found if one.state != "ok"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hosts.yml").write_text("lab: {hosts: {pc1: }}\n")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/lab.yml").write_text("ansible_port: 5985\n")
    return tmp_path


def test_what_is_well_is_no_finding(folder: Path) -> None:
    assert look(folder) == []


def test_a_file_of_a_group_that_there_is_not(folder: Path) -> None:
    (folder / "group_vars/lab.yml").rename(folder / "group_vars/laab.yml")
    (found,) = look(folder)
    assert (found.what, found.state) == (str(folder / "group_vars/laab.yml"), "wrong")
    assert "there is no group laab" in found.said
    assert found.next_step == "Did you mean lab? Then rename it to lab.yml."


@pytest.mark.parametrize(
    ("name", "state", "said"),
    [
        ("group_vars/elsewhere.yml", "warning", "there is no group elsewhere"),
        ("group_vars/laab/all.yml", "wrong", "there is no group laab"),
        ("group_vars/lab.ymll", "wrong", "does not read a file of this name"),
        ("host_vars/pc2.yml", "warning", "there is no PC pc2"),
    ],
)
def test_files_that_nobody_reads(folder: Path, name: str, state: str, said: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("a: 1\n")
    (found,) = look(folder)
    assert found.state == state
    assert said in found.said


@pytest.mark.parametrize(
    "name", ["group_vars/all.yml", "group_vars/lab/vault.yml", "host_vars/pc1", "group_vars/notes.md"]
)
def test_files_that_are_well(folder: Path, name: str) -> None:
    (folder / "group_vars/lab.yml").unlink()
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("a: 1\n")
    assert look(folder) == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ansible_pasword", "ansible_password"),
        ("ansbile_user", "ansible_user"),
        ("ansible_winrm_trasport", "ansible_winrm_transport"),
        ("gpureday_stack", "gpuready_stack"),
        ("gpuready_libary", "gpuready_library"),
        ("ansible_conection", "ansible_connection"),
    ],
)
def test_a_variable_that_is_nearly_one(folder: Path, name: str, meant: str) -> None:
    (folder / "group_vars/all.yml").write_text(f"a: 1\n{name}: '{{{{ x }}}}'\n")
    (found,) = look(folder)
    assert found.what == f"{folder / 'group_vars/all.yml'}:2"
    assert found.next_step == f"Did you mean {meant}? Then write that."


def test_a_variable_in_the_line_of_a_pc(folder: Path) -> None:
    (folder / "hosts.yml").write_text("lab:\n  hosts:\n    pc1: {ansible_hots: 10.0.0.1}\n")
    assert [one.what for one in look(folder)] == [f"{folder / 'hosts.yml'}:3"]
    (folder / "hosts.yml").unlink()
    (folder / "hosts").write_text("[lab]\n# ansible_hots=\npc1 ansible_hots=10.0.0.1\n")
    assert [one.what for one in look(folder)] == [f"{folder / 'hosts'}:3"]


@pytest.mark.parametrize(
    "text", ["my_answer: 42", "room: A 1", "ansible_become_method: runas", "gpu_verify_train: never"]
)
def test_a_variable_of_others_is_left_alone(folder: Path, text: str) -> None:
    (folder / "group_vars/all.yml").write_text(text)
    assert look(folder) == []


def test_a_password_in_a_file_is_told_and_not_shown(folder: Path) -> None:
    file = folder / "group_vars/all.yml"
    file.write_text("ansible_password: hunter2\n")
    (found,) = look(folder)
    assert found.state == "warning"
    assert "hunter2" not in f"{found}"
    for text in ("'{{ vault_password }}'", "!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3030"):
        file.write_text(f"ansible_password: {text}\n")
        assert look(folder) == []
    file.write_text("$ANSIBLE_VAULT;1.1;AES256\n3030\n")
    assert look(folder) == []


@pytest.mark.parametrize(
    ("more", "without", "state", "said"),
    [
        ({}, ["ansible_connection"], "wrong", "though ansible_winrm_transport is Windows' own"),
        (
            {},
            ["ansible_connection", "ansible_winrm_transport", "ansible_winrm_scheme"],
            "wrong",
            "port 5985 is Windows",
        ),
        ({}, ["ansible_user"], "wrong", "nothing says who logs on"),
        ({"ansible_winrm_scheme": "https"}, [], "wrong", "port 5985 does not answer by https"),
        ({"ansible_winrm_transport": "basic"}, [], "wrong", "would travel readably"),
        ({"ansible_winrm_message_encryption": "never"}, [], "wrong", "not be encrypted"),
        ({"ansible_winrm_server_cert_validation": "ignore"}, [], "warning", "any certificate"),
        ({"ansible_winrm_ca_trust_path": "/nowhere/ca.pem"}, [], "wrong", "/nowhere/ca.pem is not there"),
        ({"gpuready_bundle": "/nowhere/bundle"}, [], "wrong", "gpuready_bundle: /nowhere/bundle is not there"),
        ({"wsl_archive": {"path": "/nowhere/u.wsl", "sha256": "0"}}, [], "wrong", "wsl_archive: /nowhere/u.wsl is not"),
        ({"ansible_winrm_transport": "kerberos", "ansible_host": "10.0.0.1"}, [], "wrong", "knows names"),
    ],
)
def test_what_cannot_be_meant(folder: Path, more: dict[str, Any], without: list[str], state: str, said: str) -> None:
    pc = {key: value for key, value in {**WINDOWS, **more}.items() if key not in without}
    (found,) = look(folder, {"pc1": pc, "pc2": pc})
    assert (found.what, found.state) == ("pc1, pc2", state)
    assert said in found.said


def test_a_pc_of_which_nothing_is_known_would_be_one_with_linux(folder: Path) -> None:
    (found,) = look(folder, {"pc1": {}, "localhost": {}})
    assert (found.what, found.state) == ("pc1", "warning")
    assert "by ssh" in found.said


def test_a_password_of_the_environment_that_is_not_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GPUREADY_PASSWORD", raising=False)
    pc = {**WINDOWS, "ansible_password": "{{ lookup('ansible.builtin.env', 'GPUREADY_PASSWORD') }}"}
    listed = inventory.Listing({"pc1": pc}, frozenset({"lab"}))
    (found,) = [one for one in written.examine([str(folder)], KNOWN, listed, asked=False) if one.state != "ok"]
    assert found.next_step == "export GPUREADY_PASSWORD=..."


def test_the_known_names_are_those_of_the_plugins() -> None:
    documented = set()
    for plugin in ("winrm", "psrp", "ssh", "local"):
        options = yaml.safe_load(import_module(f"ansible.plugins.connection.{plugin}").DOCUMENTATION)["options"]
        documented |= {one["name"] for option in options.values() for one in option.get("vars", ())}
    taken = set(inspect.signature(winrm.Protocol.__init__).parameters) - {"self", "endpoint"}
    documented |= {f"ansible_winrm_{name}" for name in taken}
    assert {name for name in documented if name.startswith("ansible_")} <= names.KNOWN
