"""The command line's parts: wishes, the project, arguments. No Ansible is started here."""

from __future__ import annotations

import ast
import json
import locale
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import contract as of_collection
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan import wishes as collection_wishes

from gpuready import GpureadyError, Lab, cli, commands, contract, playbooks, progress, project, results, wishes

ROOT = Path(__file__).parents[3]
KNOWN = contract.load(ROOT)
OPTIONS = ("experience", "library", "environment", "prefer")
STACKS = project.Stacks(("cpu", "cuda", "torch-directml"), ("pytorch", "jax"))


# wishes


def test_both_houses_read_the_same_file() -> None:
    assert tuple(KNOWN.wishes) == collection_wishes.NAMES
    assert {name: words for name, words in KNOWN.wishes.items() if name in of_collection.WORDS} == of_collection.WORDS
    assert KNOWN.wishes["knows_linux"] == of_collection.TRUE + of_collection.FALSE
    assert (KNOWN.variables, KNOWN.states) == (of_collection.VARIABLES, of_collection.STATES)
    assert KNOWN.counts == of_collection.COUNTS
    assert KNOWN.ready == of_collection.READY == ("READY", "DEGRADED")


def test_what_must_be_written_once_more_is_the_same() -> None:
    schema = json.loads((project.collection(ROOT) / "schemas/report.schema.json").read_text("utf-8"))
    assert tuple(results.State) == tuple(progress.STYLES) == KNOWN.states
    assert tuple(schema["$defs"]["state"]["enum"]) == KNOWN.states
    options = {name: getattr(commands, name.title()).__metadata__[0].help for name in KNOWN.wishes if name in OPTIONS}
    for name, said in options.items():
        words = KNOWN.wishes[name] or ()
        assert [word for word in words if word not in re.findall(r"\w+", said)] == [], name
    table = (ROOT / "docs/records.md").read_text("utf-8")
    for name, words in of_collection.WORDS.items():
        row = next(line for line in table.splitlines() if line.startswith(f"| gpuready_{name} |"))
        assert re.findall(r"\w+", re.sub(r"\(.*?\)", "", row.split("|")[2])) == list(words)


def test_every_variable_of_the_playbooks_is_known() -> None:
    files = [*(ROOT / "playbooks").glob("*.yml"), *(ROOT / "roles").rglob("*.yml")]
    used = {name for file in files for name in re.findall(r"\bgpuready_([a-z_]+)", file.read_text("utf-8"))}
    assert {"hosts", "report_dir"} <= used
    assert used <= {*KNOWN.wishes, *KNOWN.variables}


@pytest.mark.parametrize("content", [None, "", "[]", "wishes: {}", "wishes: ["])
def test_a_checkout_that_is_not_whole_is_one_line(tmp_path: Path, content: str | None) -> None:
    file = project.collection(tmp_path) / "contract.yml"
    file.parent.mkdir(parents=True)
    if content is not None:
        file.write_text(content)
    with pytest.raises(GpureadyError, match=r"contract\.yml: .*: set GPUREADY_ROOT to a whole checkout") as caught:
        contract.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_wishes_become_variables() -> None:
    asked = wishes.variables({"stack": "cuda", "experience": None, "adapter": "1"}, KNOWN, STACKS)
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
        wishes.variables(asked, KNOWN, STACKS)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"gpuready_stack": "torch-directm"}, "torch-directml"),
        ({"gpuready_library": "Tensorflow22"}, "tensorflow2"),
        ({"gpuready_experience": "beginer"}, "beginner"),
        ({"gpuready_libary": "any"}, "gpuready_library"),
        ({"gpuready_traim_at_once": 3}, "gpuready_train_at_once"),
    ],
)
def test_what_is_nearly_right_is_told_what_was_meant(given: dict[str, Any], meant: str) -> None:
    (said,) = wishes.check(given, KNOWN, STACKS)
    assert said.endswith(f": did you mean {meant}?")


def test_a_misspelt_stack_is_not_removed_from_nobody() -> None:
    with pytest.raises(GpureadyError, match=r"^remove: there is no stack 'torch-directm': did you mean torch-directml"):
        Lab("pc1,").remove("torch-directm")


def test_an_option_of_the_lab_is_none_of_a_run() -> None:
    with pytest.raises(TypeError, match=r"Lab.plan\(\) takes no option 'limit'"):
        Lab("pc1,").plan(limit="pc1")  # type: ignore[call-arg]


def test_templates_are_left_to_ansible() -> None:
    assert wishes.check({"gpuready_stack": "{{ my_stack }}", "gpuready_library": ""}, KNOWN, STACKS) == []


# project


def test_the_stacks_of_the_project() -> None:
    found = project.stacks(ROOT)
    assert {"cpu", "cuda", "torch-directml", "tensorflow-directml"} <= set(found.names)
    # the usual libraries are those of the collection's stacks
    assert {"any", *found.libraries} == set(KNOWN.wishes["library"] or ())


def test_a_folder_of_the_labs_own_stacks(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text("libraries: [jax]\n")
    (tmp_path / "broken.yml").write_text("libraries: [\n")  # the collection says what is wrong with it
    (tmp_path / "odd.yml").write_text("- a list\n")
    found = project.stacks(ROOT, [tmp_path])
    assert {"mine", "broken", "odd", "cuda"} <= set(found.names)
    assert {"jax", "pytorch"} <= set(found.libraries)


def test_a_library_is_one_that_a_stack_brings() -> None:
    assert wishes.check({"gpuready_library": "jax"}, KNOWN, STACKS) == []
    assert wishes.check({"gpuready_library": "caffe"}, KNOWN, STACKS) == [
        "gpuready_library: 'caffe' is not one of any, cuda, pytorch, tensorflow, tensorflow2, jax"
    ]
    assert wishes.check({"gpuready_library": "caffe"}, KNOWN, project.UNKNOWN) == []  # the collection knows


def test_a_root_without_playbooks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GPUREADY_ROOT", str(tmp_path))
    with pytest.raises(GpureadyError, match="GPUREADY_ROOT names a folder without playbooks"):
        project.root()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"LC_ALL": "C"}, {"C.UTF-8", "C.utf8", "en_US.UTF-8"}),
        ({"LANG": "xx_XX.UTF-8"}, {"C.UTF-8", "C.utf8", "en_US.UTF-8"}),
        ({"LC_CTYPE": "C.UTF-8", "LC_MESSAGES": "xx_XX.UTF-8"}, {"C.UTF-8", "C.utf8", "en_US.UTF-8"}),
        ({"LC_ALL": "C.UTF-8"}, {None}),
    ],
)
def test_the_locale_for_ansible(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], wanted: set[str | None]
) -> None:
    for name in [name for name in os.environ if name == "LANG" or name.startswith("LC_")]:
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    before = locale.setlocale(locale.LC_ALL)
    assert project.process_variables(ROOT).get("LC_ALL") in wanted
    assert locale.setlocale(locale.LC_ALL) == before


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"LC_ALL": "xx_XX.UTF-8"}, "C.UTF-8"),
        ({"LC_ALL": "C"}, "C.UTF-8"),
        ({}, "C.UTF-8"),
        ({"LANG": "C.UTF-8"}, "none"),
    ],
)
def test_the_locale_of_make(given: dict[str, str], wanted: str) -> None:
    rest = {n: v for n, v in os.environ.items() if n != "LANG" and not n.startswith(("LC_", "MAKE"))}
    done = subprocess.run(
        ["make", "-s", "--eval", "show: ; @echo $${LC_ALL:-none}", "show"],
        cwd=ROOT, env={**rest, **given}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == wanted


def test_the_key_of_a_pc_is_not_taken_from_whoever_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither by the project's settings, nor by ansible-runner, which forbids the check where nobody speaks of it."""
    monkeypatch.delenv("ANSIBLE_HOST_KEY_CHECKING", raising=False)
    assert "host_key_checking" not in (ROOT / "ansible.cfg").read_text()
    assert playbooks._process_variables(ROOT, tmp_path)["ANSIBLE_HOST_KEY_CHECKING"] == "True"
    monkeypatch.setenv("ANSIBLE_HOST_KEY_CHECKING", "False")
    assert playbooks._process_variables(ROOT, tmp_path)["ANSIBLE_HOST_KEY_CHECKING"] == "False"


def test_programs_are_found_without_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATH")
    assert {"/bin", "/usr/bin"} <= set(project.process_variables(ROOT)["PATH"].split(os.pathsep))


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
        ["plan", "--adapter", ""],
        ["plan", "--limit", " "],
        ["plan", "-i", ""],
        ["demo", "--nosuch"],
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


def run(arguments: list[str], redirection: str) -> subprocess.CompletedProcess[str]:
    program = shlex.join([sys.executable, "-c", "from gpuready.cli import main; main()", *arguments])
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}  # it hides what is left at the end
    return subprocess.run(
        ["bash", "-c", f"{program} {redirection}"], env=variables, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("arguments", [["--version"], ["plan", "-i", "/none", "--json"]])
def test_output_that_cannot_be_written_is_one_line(arguments: list[str]) -> None:
    done = run(arguments, ">/dev/full")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr or "there is no such inventory" in done.stderr


def test_streams_that_are_closed_or_full() -> None:
    assert (run(["--version"], ">&-").returncode, run(["--version"], ">&-").stderr) == (0, "")
    assert run(["--version"], "<&- 2>&-").stdout.startswith("gpuready ")
    assert run(["plan", "-i", "/none"], "2>/dev/full").returncode == 1


def test_control_characters_in_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["plan", "-i", "/no\x1b[31m\x9b1m\u202ename", "--json"])
    said = capsys.readouterr()
    assert "/no[31m1mname: there is no such inventory" in said.err
    assert not set("\x1b\x9b\u202e") & set(said.out + said.err)


# the program itself


def said_by(*command: str, **variables: str) -> str:
    beside = Path(sys.executable).parent
    done = subprocess.run(
        [str(beside / command[0]), *command[1:]],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_runs_as_a_module_and_h_is_help() -> None:
    assert said_by("python", "-m", "gpuready", "--version") == f"gpuready {project.version()}\n"
    assert said_by("gpuready", "plan", "-h") == said_by("gpuready", "plan", "--help")


NAMES = [one.name or one.callback.__name__.removesuffix("_command") for one in commands.app.registered_commands
         if one.callback]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_help_has_an_example_and_the_exit_codes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main([name, "-h"])
    said = capsys.readouterr().out
    assert re.search(rf"^  Example:     gpuready {name}\b", said, re.MULTILINE)
    assert re.search(r"^  Exit codes:  0 .*1 ", said, re.MULTILINE)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("gpuready pro", ["provision"]),
        ("gpuready plan --stack torch", ["torch-directml"]),
        ("gpuready plan --experience s", ["student"]),
        ("gpuready list --only failed,st", ["failed,stale"]),
        ("gpuready lock torch", ["torch-directml"]),
        ("gpuready lock cuda --target w", ["windows", "wsl"]),
    ],
)
def test_words_are_completed(line: str, offered: list[str]) -> None:
    words = line.split(" ")
    more = {"_GPUREADY_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    assert said_by("gpuready", **more).split() == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell", "pwsh"])
def test_five_shells_complete_it(shell: str) -> None:
    assert "gpuready" in said_by("gpuready", _GPUREADY_COMPLETE=f"source_{shell}")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["plan", "-i", "x,", "--report", ""], "the name of a folder is empty"),
        (["plan", "-i", "x,", "--report", "FILE"], "File exists: this is a file: name a folder"),
        (["plan", "-i", "x,", "--lab-dir", "FILE"], "a file is part of that path"),
        (["list", "--lab-dir", " "], "the name of a folder is empty"),
        (["facts", "-i", "x,", "--save", ""], "the name of a folder is empty"),
        (["plan", "-i", "VAULT"], "ansible-vault has encrypted a part of it: give --vault-password-file FILE"),
        (["plan", "-i", "x,", "--ask-pass"], "--ask-pass: there is nobody to ask: no terminal"),
    ],
)
def test_bad_input_is_one_line_with_a_next_step(tmp_path: Path, given: list[str], said: str) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "lab/group_vars"
    folder.mkdir(parents=True)
    (folder.parent / "hosts").write_text("pc1 ansible_connection=winrm\n")
    (folder / "all.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n6136\n")
    words = {"FILE": str(tmp_path / "file"), "VAULT": str(folder.parent)}
    command = [str(Path(sys.executable).with_name("gpuready")), *(words.get(one, one) for one in given)]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "lab"]
