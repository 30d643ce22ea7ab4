"""What Ansible sends, read: the recorded trace whole, and what is not known refused by name."""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from ansible.release import __version__ as ansible_core

from gpuready.simlab import manifest

TRACES = Path(__file__).resolve().parents[2] / "data/winrm_traces"
BOOTSTRAP = "param([string]$InputFile)\n$input"


@pytest.fixture(scope="module")
def trace() -> list[dict[str, Any]]:
    file = TRACES / f"ansible-core-{ansible_core}.json"
    assert file.is_file(), f"there is no trace of ansible-core {ansible_core}: run {TRACES / 'record.py'}"
    return list(json.loads(file.read_text())["commands"])


def stdin(boot: Any, document: Any, piped: str = "") -> bytes:
    text = json.dumps(boot) + manifest.SEPARATOR + json.dumps(document)
    return (text + (manifest.SEPARATOR + piped if piped else "")).encode()


def line(script: str) -> str:
    encoded = base64.b64encode(script.encode("utf-16-le")).decode()
    return f"powershell -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -EncodedCommand {encoded}"


def read(command: dict[str, Any]) -> manifest.Request:
    given = stdin(command["boot"], command["manifest"], "\n".join(command["piped"])) if "boot" in command else b""
    return manifest.read(command["line"], lambda: given)


def module(
    arguments: dict[str, Any] | None = None, script: str = "ansible_collections.a.b.plugins.modules.m.ps1"
) -> dict[str, Any]:
    variables = [{"Name": "complex_args", "Value": arguments or {}, "Scope": "Global"}]
    parameters = {
        "Script": script,
        "Environment": {},
        "Variables": variables,
        "CSharpModules": [],
        "PowerShellModules": [],
        "ForModule": True,
    }
    action = {"name": "module_wrapper.ps1", "params": parameters, "secure_params": {}}
    return {"scripts": {}, "actions": [action], "signed_hashlist": []}


BOOT = {"name": "exec_wrapper", "script": "", "params": {}}


def test_the_trace_of_this_ansible_core_is_understood(trace: list[dict[str, Any]]) -> None:
    found = []
    for command in trace:
        request = read(command)
        found.append(request.name if isinstance(request, manifest.Module | manifest.Helper) else "script")
    assert found[:10] == [
        "ansible.windows.win_ping",
        "ansible.windows.setup",
        "gpuready.lab.gpu_facts",
        "ansible.windows.win_file",
        "ansible.windows.win_copy",
        "powershell_mkdtemp.ps1",
        "winrm_put_file.ps1",
        "ansible.windows.win_copy",
        "script",
        "ansible.windows.win_stat",
    ]
    assert "winrm_fetch_file.ps1" in found


def test_a_job_of_async_is_read_with_the_folder_of_its_result_and_its_limit(trace: list[dict[str, Any]]) -> None:
    jobs = [one for one in trace if "manifest" in one and one["manifest"]["actions"][0]["name"] == "async_wrapper.ps1"]
    request = read(jobs[0])
    assert isinstance(request, manifest.Module)
    assert request.name == "ansible.windows.win_command"
    assert request.background is not None
    assert (request.background.folder, request.background.seconds) == (r"%USERPROFILE%\.ansible_async", 5.0)
    assert request.background.name.startswith("j")
    unknown = copy.deepcopy(jobs[0])
    unknown["manifest"]["actions"][1]["params"]["Breakpoints"] = []
    with pytest.raises(manifest.Unknown, match="Breakpoints"):
        read(unknown)


def test_arguments_environment_and_check_mode(trace: list[dict[str, Any]]) -> None:
    look = next(read(command) for command in trace if command["what"] == "gpu_facts")
    assert isinstance(look, manifest.Module)
    assert (look.arguments["time_limit"], look.variables["LAB"], look.check) == (20, "1", False)
    stat = next(read(command) for command in trace if command["what"] == "win_stat")
    assert isinstance(stat, manifest.Module)
    assert stat.check is True


def test_piped_lines_reach_the_helper(trace: list[dict[str, Any]]) -> None:
    put = next(read(command) for command in trace if command["what"] == "put_file")
    assert isinstance(put, manifest.Helper)
    assert b"".join(base64.b64decode(one) for one in put.lines) == b"hello\n"


def test_a_module_of_a_collection_of_two_words_of_any_length() -> None:
    request = manifest.read(line(BOOTSTRAP), lambda: stdin(BOOT, module({"x": 1, "_ansible_check_mode": True})))
    assert request == manifest.Module("a.b.m", {"x": 1, "_ansible_check_mode": True}, {}, True)
    request = manifest.read(line(BOOTSTRAP), lambda: stdin(BOOT, module(script="s.ps1")))
    assert isinstance(request, manifest.Module)
    assert request.name == "s"


def changed(path: list[Any], value: Any) -> dict[str, Any]:
    """The module's manifest with one thing changed or added."""
    document = copy.deepcopy(module())
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return document


@pytest.mark.parametrize(
    ("document", "names"),
    [
        (changed(["cleanup"], []), "cleanup"),
        (changed(["actions", 0, "when"], 1), "when"),
        (changed(["actions", 0, "name"], "winget_wrapper.ps1"), "winget_wrapper.ps1"),
        (changed(["actions", 0, "params", "Breakpoints"], []), "Breakpoints"),
        (changed(["actions", 0, "params", "Variables", 0, "Name"], "more_args"), "more_args"),
        (changed(["actions"], []), "no actions"),
        (
            changed(["actions"], [{"name": "coverage_wrapper.ps1", "params": {}, "secure_params": {}}] * 2),
            "coverage_wrapper.ps1",
        ),
        ([], "no object"),
    ],
)
def test_what_is_not_known_is_refused_by_name(document: Any, names: str) -> None:
    with pytest.raises(manifest.Unknown, match=names):
        manifest.read(line(BOOTSTRAP), lambda: stdin(BOOT, document))


@pytest.mark.parametrize("boot", [{"name": "other", "script": "", "params": {}}, {**BOOT, "flags": 1}, None, 3])
def test_an_unknown_bootstrap_is_refused(boot: Any) -> None:
    with pytest.raises(manifest.Unknown):
        manifest.read(line(BOOTSTRAP), lambda: stdin(boot, module()))


@pytest.mark.parametrize("given", [b"", b"{}", b"{}\n\0\0\0\0\n{", b"\xff\xfe"])
def test_broken_input_is_refused(given: bytes) -> None:
    with pytest.raises(manifest.Unknown):
        manifest.read(line(BOOTSTRAP), lambda: given)


def test_plain_scripts_and_programs_ask_for_no_input() -> None:
    def never() -> bytes:
        raise AssertionError

    assert manifest.read(line("hostname"), never) == manifest.Script("hostname")
    assert manifest.read("hostname", never) == manifest.Script("hostname")
    assert manifest.read(line(line("Get-Date")), never) == manifest.Script("Get-Date")
    with pytest.raises(manifest.Unknown, match="base64"):
        manifest.read("powershell -EncodedCommand !!!", never)
