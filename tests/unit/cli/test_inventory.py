"""The inventory before a run: what is wrong with it comes with file and line. No Ansible is started here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gpuready import GpureadyError, inventory, inventory_yaml


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "hosts.yml",
            "all:\n  hosts:\n    pc1:\n    pc2:\n    pc1:\n",
            "hosts.yml:5: pc1 stands here twice (first in line 3)",
        ),
        ("hosts.yml", "all: {hosts: {pc1: {a: 1, a: 2}}}\n", "hosts.yml:1: a stands here twice (first in line 1)"),
        ("room/hosts.yml", "lab: {}\nlab: {}\n", "room/hosts.yml:2: lab stands here twice"),
        ("group_vars/all.yml", "x: 1\ny: {z: 1}\nx: 2\n", "group_vars/all.yml:3: x stands here twice"),
        ("hosts.json", '{"all": {"hosts": {"pc1": {}, "pc1": {}}}}', "hosts.json: pc1 stands twice"),
        ("hosts.yml", "all:\n  hosts:\n    pc1:\n    pc2: 7\n", "hosts.yml:4: pc2 has variables as `name: value`"),
        ("hosts.yml", "lab:\n  children:\n    room:\n      hosts: {pc1: [1]}\n", "hosts.yml:4: pc1 has variables as"),
        ("group_vars/none.md", "", "there is no inventory in this folder: put a hosts.yml in it"),
        ("hosts.yml", "all:\n  hosts:\n    pc1:\n   pc2: {\n", "hosts.yml:4: this is not YAML"),
        ("hosts.yaml", "all: [\n", "hosts.yaml:2: this is not YAML"),
        ("group_vars/all.yml", "x: [\n", "group_vars/all.yml:2: this is not YAML"),
        ("host_vars/pc1/more", "a: b: c\n", "host_vars/pc1/more:1: this is not YAML"),
    ],
)
def test_what_is_broken_is_told_by_file_and_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    with pytest.raises(GpureadyError) as found:
        inventory_yaml.check(str(tmp_path))
    assert said in str(found.value)
    assert "\n" not in str(found.value)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_bytes(b"\xff\xfea\x00l\x00")
    with pytest.raises(GpureadyError, match="this is not a text file in UTF-8"):
        inventory_yaml.check(str(tmp_path / "hosts.yml"))


def test_yaml_that_is_right(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("all:\n  vars:\n    x: !vault |\n      $ANSIBLE_VAULT;1.1;AES256\n")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n6162: [\n")
    same = "x: &a {k: 1}\ny: &b {<<: *a, k: 2}\nz: {<<: *b, k: 3}\nall: {hosts: {pc1: , pc2: {k: 1}}, vars: {k: 1}}\n"
    (tmp_path / "more.yml").write_text(same)
    (tmp_path / "lab.yml").write_text("pcs: [{hosts: 5}]\nports: {hosts: 7}\n")
    inventory_yaml.check(str(tmp_path))


def test_sources(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("pc1\n")
    assert inventory.resolve(tmp_path / "hosts") == str(tmp_path / "hosts")
    assert inventory.resolve("pc1,pc2,") == "pc1,pc2,"
    with pytest.raises(GpureadyError, match="there is no such inventory"):
        inventory.resolve(str(tmp_path / "none"))


def test_the_reason_of_ansible_for_this_kind_of_file() -> None:
    said = (
        '[WARNING]: Failed to parse inventory with \'yaml\' plugin: Invalid "hosts" entry for "all" group, requires a '
        "dictionary, found \"<class 'x'>\" instead.\n\n<<< caused by >>>\n"
        "[WARNING]: Failed to parse inventory with 'ini' plugin: Failed to parse inventory: not enough values\n"
        "[ERROR]: Completely failed to parse inventory source /x\n"
    )
    assert inventory._reason(said, ["x.yml"]) == (
        'the inventory is broken: Invalid "hosts" entry for "all" group, requires a dictionary'
    )
    assert inventory._reason(said, ["x"]) == "the inventory is broken: not enough values"
    assert inventory._reason("[ERROR]: Something\nmore\n", ["x"]) == "Something"
    assert inventory._reason("ERROR: Ansible requires UTF-8\n", ["x"]) == "Ansible requires UTF-8"


# addresses

PSRP = {"ansible_connection": "ansible.builtin.psrp", "ansible_host": "10.0.0.5"}
SSH = {"ansible_connection": "ssh", "ansible_host": "10.0.0.5"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (PSRP, PSRP),
        (SSH, {"ansible_host": "10.0.0.5"}),
        (PSRP, {"ansible_connection": "winrm", "ansible_host": "10.0.0.5", "ansible_port": 5986}),
        ({**PSRP, "ansible_host": "PC7.lab."}, {**PSRP, "ansible_host": "pc7.lab"}),
        ({**PSRP, "ansible_psrp_protocol": "http"}, {**PSRP, "ansible_port": "5985"}),
        ({"ansible_connection": "psrp"}, {**PSRP, "ansible_host": "pc1"}),
        ({**SSH, "ansible_ssh_port": 2222}, {**SSH, "ansible_port": 2222}),
    ],
)
def test_two_names_of_one_pc(first: dict[str, Any], second: dict[str, Any]) -> None:
    with pytest.raises(GpureadyError, match=r"^lab: pc1 and pc2 have the same address .* never be looked at") as found:
        inventory._check_addresses({"pc1": first, "pc2": second}, ["lab"])
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (PSRP, {**PSRP, "ansible_host": "10.0.0.6"}),
        (PSRP, {**PSRP, "ansible_port": 5985}),
        (PSRP, SSH),
        ({}, {}),
        ({"ansible_connection": "local", "ansible_host": "x"}, {"ansible_connection": "local", "ansible_host": "x"}),
        ({**SSH, "ansible_ssh_common_args": "-J room1"}, {**SSH, "ansible_ssh_common_args": "-J room2"}),
        (
            {**SSH, "ansible_host": "{{ inventory_hostname }}.lab"},
            {**SSH, "ansible_host": "{{ inventory_hostname }}.lab"},
        ),
    ],
)
def test_two_pcs(first: dict[str, Any], second: dict[str, Any]) -> None:
    inventory._check_addresses({"pc1": first, "pc2": second}, ["lab"])


def test_a_pc_of_a_groups_name_is_refused() -> None:
    for names, groups in ((["pc1", "all"], ["all", "lab"]), (["pc1", "lab"], ["all", "lab"])):
        with pytest.raises(GpureadyError, match="is a PC and a group of this name: rename the PC"):
            inventory._check_names(names, groups, ["lab.yml"])
    inventory._check_names(["pc1", "localhost"], ["all", "lab"], ["lab.yml"])
