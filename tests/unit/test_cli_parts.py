"""The command line's parts: wishes, the project, inventories, arguments. No Ansible is started here."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.module_utils import wishes as collection_wishes

from gpuready import GpureadyError, cli, commands, inventory, project, wishes

ROOT = Path(__file__).parents[2]
STACKS = ["cpu", "cuda", "torch-directml"]


# wishes


def test_wishes_are_those_of_the_collection() -> None:
    assert tuple(wishes.VALUES) == collection_wishes.NAMES
    assert wishes.VALUES["experience"] == collection_wishes.EXPERIENCES
    assert wishes.OTHERS == collection_wishes.VARIABLES
    assert wishes.VALUES["library"] == collection_wishes.LIBRARIES
    assert wishes.VALUES["environment"] == collection_wishes.ENVIRONMENTS


def test_wishes_become_variables() -> None:
    asked = wishes.variables({"stack": "cuda", "experience": None, "adapter": "1"}, STACKS)
    assert asked == {"gpuready_stack": "cuda", "gpuready_adapter": "1"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"stack": "rocm"}, "gpuready_stack: 'rocm' is not one of auto, cpu, cuda, torch-directml"),
        ({"experience": "expert"}, "gpuready_experience: 'expert' is not one of professional, student, beginner"),
        ({"colour": "red"}, "there is no wish 'colour': the wishes are experience, library,"),
    ],
)
def test_wishes_that_do_not_exist(asked: dict[str, str], said: str) -> None:
    with pytest.raises(GpureadyError, match="^" + said.replace("(", r"\(")):
        wishes.variables(asked, STACKS)


def test_templates_are_left_to_ansible() -> None:
    assert wishes.check({"gpuready_stack": "{{ my_stack }}", "gpuready_library": ""}, STACKS) == []


# project


def test_the_stacks_of_the_project() -> None:
    assert {"cpu", "cuda", "torch-directml", "tensorflow-directml"} <= set(project.stack_names(ROOT))


def test_a_root_without_playbooks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GPUREADY_ROOT", str(tmp_path))
    with pytest.raises(GpureadyError, match="GPUREADY_ROOT names a folder without playbooks"):
        project.root()


def test_nothing_of_the_collection_is_imported() -> None:
    for file in (ROOT / "src/gpuready").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.startswith("ansible_collections")], file


def test_the_command_line_loads_little() -> None:
    code = "import sys, gpuready.cli; print([m for m in ('pydantic', 'rich', 'ansible_runner') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


# inventory


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("hosts.yml", "all:\n  hosts:\n    pc1:\n   pc2: {\n", "hosts.yml:4: this is not YAML"),
        ("hosts.yaml", "all: [\n", "hosts.yaml:2: this is not YAML"),
        ("group_vars/all.yml", "x: [\n", "group_vars/all.yml:2: this is not YAML"),
        ("host_vars/pc1/more", "a: b: c\n", "host_vars/pc1/more:1: this is not YAML"),
    ],
)
def test_broken_yaml_is_told_by_file_and_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    with pytest.raises(GpureadyError) as found:
        inventory._check_syntax(str(tmp_path))
    assert said in str(found.value)
    assert "\n" not in str(found.value)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_bytes(b"\xff\xfea\x00l\x00")
    with pytest.raises(GpureadyError, match="this is not a text file in UTF-8"):
        inventory._check_syntax(str(tmp_path / "hosts.yml"))


def test_yaml_that_is_right(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("all:\n  vars:\n    x: !vault |\n      $ANSIBLE_VAULT;1.1;AES256\n")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n6162: [\n")
    inventory._check_syntax(str(tmp_path))


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


# the program


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["a=1 b='x y'"], {"a": "1", "b": "x y"}),
        (['{"a": [1, 2]}', "b=2"], {"a": [1, 2], "b": "2"}),
        ([], {}),
    ],
)
def test_extra_variables(given: list[str], found: dict[str, Any]) -> None:
    assert commands._extra_vars(given) == found


@pytest.mark.parametrize("given", ["nothing", "=5", "1a=5", "{broken", "@/no/such/file", "a='"])
def test_extra_variables_that_are_none(given: str) -> None:
    with pytest.raises(GpureadyError):
        commands._extra_vars([given])


@pytest.mark.parametrize(
    "arguments",
    [
        ["nosuch"],
        ["plan", "--nosuch"],
        ["plan", "--forks", "0"],
        ["plan", "--stack", "nosuch"],
        ["plan", "--library", "nosuch"],
        ["plan", "-i", "/no/such/inventory"],
        ["plan", "--save", "/tmp"],
        ["plan", "-e", "gpuready_run_id=1"],
        ["plan", "--vault-password-file", "/no/such/file"],
        ["explain"],
        ["explain", "/no/such/file"],
    ],
)
def test_wrong_arguments_are_one_line_and_1(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for given in (arguments, [*arguments, "--json"]):
        with pytest.raises(SystemExit) as stopped:
            cli.main(given)
        said = capsys.readouterr()
        assert stopped.value.code == 1
        assert said.err.startswith("gpuready: ")
        assert said.err.count("\n") == 1
        if "--json" in given:
            assert json.loads(said.out)["error"]["message"] in said.err
        else:
            assert said.out == ""


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, word in ((["--version"], "gpuready "), ([], "provision"), (["plan", "--help"], "--inventory")):
        with pytest.raises(SystemExit) as stopped:
            cli.main(arguments)
        assert stopped.value.code == 0
        assert word in capsys.readouterr().out
