"""The command line's parts: wishes, inventories, events, results, what is printed. No Ansible is started here."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.module_utils import wishes as collection_wishes
from rich.console import Console

from gpuready import GpureadyError, State, cli, commands, events, inventory, project, results, terminal, wishes

ROOT = Path(__file__).parents[2]
STACKS = ["cpu", "cuda", "torch-directml"]


def record(host: str = "pc1", state: str = "READY", **more: Any) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "host": host,
        "simulated": False,
        "troubles": [],
        "verdict": {
            "state": state,
            "code": "CODE",
            "cause": f"why {host} is {state}",
            "next_step": "" if state == "READY" else f"do this with {host}",
            "checks": [],
            "reused": False,
            "at": "2026-11-23T08:00:00Z",
            "fingerprint": None,
        },
        **more,
    }


FACTS: dict[str, Any] = {
    "collected_at": "2026-11-23T08:00:00Z",
    "os": {"family": "windows", "name": "Microsoft Windows 11 Pro", "build": 22631, "architecture": "x86_64"},
    "machine": None,
    "disk": None,
    "adapters": [
        {
            "index": 0,
            "id": "PCI\\VEN_1002",
            "vendor": "amd",
            "name": "AMD Radeon RX 6800 [x]",
            "memory_bytes": 17163091968,
            "status": "ok",
            "driver": {"version": "31.0.1", "vendor_version": "24.5.1"},
        }
    ],
    "ignored_adapters": [{"name": "Parsec", "id": "ROOT\\1", "reason": "virtual adapter"}],
    "problems": [],
}
PLAN: dict[str, Any] = {
    "target": "windows",
    "stack": "torch-directml",
    "variant": "default",
    "adapter": {"index": 0, "id": "x", "name": "AMD Radeon RX 6800", "vendor": "amd"},
    "steps": [{"name": "python_environment", "needed": True, "reason": "not there"}],
    "environment": None,
    "reasons": ["PyTorch was asked for"],
    "rejected": [
        {"stack": "cuda", "target": "wsl", "reasons": ["no NVIDIA GPU"]},
        {"stack": "cpu", "target": "wsl", "reasons": ["no NVIDIA GPU"]},
    ],
    "blockers": [],
    "warnings": [],
    "wishes": {},
}


def document(*hosts: dict[str, Any], run_id: str = "this", check: bool = False) -> dict[str, Any]:
    summary = {"total": len(hosts), **{s.value: sum(h["verdict"]["state"] == s for h in hosts) for s in State}}
    run = {
        "id": run_id, "started_at": "2026-11-23T08:00:00Z", "finished_at": "2026-11-23T08:00:05Z", "seconds": 5.0,
        "controller": "c", "gpuready_version": "1", "playbook": "p", "check": check,
    }  # fmt: skip
    return {"schema_version": 1, "run": run, "simulated": False, "summary": summary, "hosts": list(hosts)}


def result(action: str, *hosts: dict[str, Any], tmp_path: Path) -> results.LabResult:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(document(*hosts)))
    return results.load(path, "this", action)


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


# events


def raw(kind: str, action: str, res: dict[str, Any] | None = None, **data: Any) -> dict[str, Any]:
    return {"event": kind, "event_data": {"host": "pc1", "task": "T", "task_action": action, "res": res, **data}}


def test_events_of_ansible_become_ours() -> None:
    built = raw("runner_on_ok", "gpuready.lab.python_environment", {"changed": True}, duration=2.5)
    assert events.translate({"event": "playbook_on_start", "event_data": {}}) == []
    assert events.translate({"event": "verbose", "stdout": "x"}) == []
    started = raw("runner_on_start", "gpuready.lab.gpu_facts")
    assert events.translate(started) == [events.StepStarted("pc1", "look", "T", "gpuready.lab.gpu_facts")]
    assert events.translate(built) == [
        events.StepFinished("pc1", "apply", "T", "changed", 2.5, "", "gpuready.lab.python_environment")
    ]
    assert events.step_of({"task_action": "ansible.builtin.validate_argument_spec", "role": "directml"}) == "other"
    assert events.translate(raw("runner_on_failed", "ansible.builtin.copy", {"msg": "a\nb"}, role="directml")) == [
        events.StepFinished("pc1", "apply", "T", "failed", None, "a b", "ansible.builtin.copy")
    ]
    assert events.translate(raw("runner_on_unreachable", "gpuready.lab.gpu_facts", {"msg": "off"})) == [
        events.StepFinished("pc1", "look", "T", "unreachable", None, "off", "gpuready.lab.gpu_facts")
    ]


def test_a_verdict_ends_a_pc() -> None:
    facts = {"ansible_facts": {"gpuready": record()}}
    step, end = events.translate(raw("runner_on_ok", "gpuready.lab.gpu_verdict", facts))
    assert isinstance(step, events.StepFinished)
    assert end == events.HostFinished("pc1", "READY", "CODE", "why pc1 is READY", "")


@pytest.mark.parametrize("res", [None, 5, "text", {"ansible_facts": None}, {"ansible_facts": {"gpuready": 3}}])
def test_results_of_any_shape(res: Any) -> None:
    assert len(events.translate(raw("runner_on_ok", "gpuready.lab.gpu_verdict", res))) == 1


# results


def test_a_report_of_an_earlier_run_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(document(record(), run_id="earlier")))
    with pytest.raises(GpureadyError, match="of an earlier run"):
        results.load(path, "this", "plan")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"run": 5}', '{"run": {"id": "this"}}'])
def test_reports_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(GpureadyError) as found:
        results.load(path, "this", "plan")
    assert "\n" not in str(found.value)


def test_no_report(tmp_path: Path) -> None:
    with pytest.raises(GpureadyError, match="the run wrote no report"):
        results.load(tmp_path / "report.json", "this", "plan")


@pytest.mark.parametrize(
    ("action", "host", "code"),
    [
        ("provision", record(state="READY"), 0),
        ("provision", record(state="DEGRADED"), 0),
        ("provision", record(state="SKIPPED"), 0),
        ("provision", record(state="NOT_READY"), 2),
        ("verify", record(state="UNKNOWN"), 2),
        ("verify", record(state="UNREACHABLE"), 2),
        ("verify", record(state="STALE"), 2),
        ("report", record(state="READY"), 0),
        ("report", record(state="SKIPPED"), 2),
        ("report", record(state="STALE"), 2),
        ("facts", record(state="UNKNOWN", facts=FACTS), 0),
        ("facts", record(state="UNREACHABLE"), 2),
        ("plan", record(state="NOT_READY", facts=FACTS, plan=PLAN), 0),
        ("plan", record(state="NOT_READY", facts=FACTS, plan={**PLAN, "stack": None, "target": None}), 2),
        ("plan", record(facts=FACTS, plan={**PLAN, "blockers": [{"code": "X", "cause": "c", "next_step": "n"}]}), 2),
        ("plan", record(state="UNREACHABLE"), 2),
        ("explain", record(state="NOT_READY", facts=FACTS, plan=PLAN), 0),
        (
            "provision",
            record(state="UNREACHABLE", troubles=[{"code": "BAD_INPUT", "message": "gpuready_x is not a wish"}]),
            1,
        ),
        ("plan", record(state="NOT_READY", facts=FACTS, troubles=[{"code": "BAD_INPUT", "message": "wrong"}]), 1),
    ],
)
def test_exit_codes(tmp_path: Path, action: str, host: dict[str, Any], code: int) -> None:
    assert result(action, host, tmp_path=tmp_path).exit_code == code
    assert result(action, record("pc0", "READY", facts=FACTS, plan=PLAN), host, tmp_path=tmp_path).exit_code == code


# what is printed


def printed(found: results.LabResult) -> str:
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    terminal.summary(console, found)
    return console.export_text()


def test_a_plan_is_readable_at_80_columns(tmp_path: Path) -> None:
    blocked = {
        **PLAN,
        "blockers": [{"code": "DRIVER_TOO_OLD", "cause": "the driver is old " * 9, "next_step": "install a new one"}],
        "warnings": ["tensorflow-directml is at its end"],
    }
    text = printed(result("plan", record("pc1", "NOT_READY", facts=FACTS, plan=blocked), tmp_path=tmp_path))
    assert [line for line in text.splitlines() if len(line) > 80 and not line.startswith("Report: ")] == []
    for part in (
        "AMD Radeon RX 6800 [x] (ok), 16 GB, driver 24.5.1",
        "torch-directml on native Windows",
        "PyTorch was asked for",
        "cuda, cpu on WSL 2: no NVIDIA GPU",
        "DRIVER_TOO_OLD: the driver is old",
        "install a new one",
        "Parsec: virtual adapter",
        "tensorflow-directml is at its end",
    ):
        assert part in text


def test_what_is_not_ready_comes_with_its_next_step(tmp_path: Path) -> None:
    text = printed(
        result("provision", record("pc1"), record("pc[2]", "UNREACHABLE"), record("pc3", "SKIPPED"), tmp_path=tmp_path)
    )
    assert "pc[2]: why pc[2] is UNREACHABLE" in text
    assert "next: do this with pc[2]" in text
    assert "pc3: why" not in text
    assert "1 of 3 ready." in text


@pytest.mark.parametrize("action", ["facts", "plan", "provision", "report"])
def test_long_names_are_never_cut(tmp_path: Path, action: str) -> None:
    name = "pc-in-room-1234.faculty-of-something.university.example.org"
    text = printed(result(action, record(name, "NOT_READY", facts=FACTS, plan=PLAN), tmp_path=tmp_path))
    table = text[text.index("PC  ") :] if "PC  " in text else text
    assert name in "".join(line.split(" ")[0] for line in table.splitlines())
    assert [line for line in text.splitlines() if len(line) > 80 and not line.startswith("Report: ")] == []


def test_a_big_lab_gets_a_table_and_not_all_reasons(tmp_path: Path) -> None:
    many = [record(f"pc{n}", facts=FACTS, plan=PLAN) for n in range(26)]
    text = printed(result("plan", *many, tmp_path=tmp_path))
    assert "PyTorch was asked for" not in text
    assert "--limit PC" in text


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
