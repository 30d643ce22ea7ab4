"""What Ansible asks a Windows PC to run, read from the command line and standard input of a WinRS command.

The manifest behind bootstrap_wrapper.ps1 is a private interface of ansible-core: it is read here and nowhere else,
and pinned by a recorded trace for each version (tests/data/winrm_traces). What is not known raises Unknown, by name;
nothing is guessed.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

SEPARATOR = "\n\0\0\0\0\n"
_BOOTSTRAP = "param([string]$InputFile)"
_GUEST = "# gpuready.lab.wsl:"
_ENCODED = re.compile(
    r'^"?(?:[A-Za-z]:\\.*\\)?(?:powershell|pwsh)(?:\.exe)?"?\s.*?-EncodedCommand\s+(\S+)', re.I | re.S
)
_MODULE = re.compile(r"^ansible_collections\.(\w+)\.(\w+)\.plugins\.modules\.(\w+)\.ps1$")
_BOOT_KEYS = {"name", "script", "params"}
_MANIFEST_KEYS = {"scripts", "actions", "signed_hashlist"}
_ACTION_KEYS = {"name", "params", "secure_params"}
_ASYNC = ("async_wrapper.ps1", "async_watchdog.ps1")
_PARAMETERS = {
    "async_wrapper.ps1": {"AsyncDir", "AsyncJid", "StartupTimeout"},
    "async_watchdog.ps1": {"Timeout"},
    "become_wrapper.ps1": {"BecomeUser"},
    "module_wrapper.ps1": {"Script", "Environment", "Variables", "CSharpModules", "PowerShellModules", "ForModule"},
    "winrm_put_file.ps1": {"Path"},
    "winrm_fetch_file.ps1": {"Path", "BufferSize", "Offset"},
    "powershell_mkdtemp.ps1": {"Directory", "Name"},
    "powershell_expand_user.ps1": {"Path"},
}


class Unknown(Exception):  # noqa: N818 - a statement, not a failure of ours
    """Something that simlab has no model of."""


@dataclass(frozen=True)
class Background:
    """How Ansible's async runs a module: the folder of its result, the beginning of the file's name, its limit."""

    folder: str
    name: str
    seconds: float


@dataclass(frozen=True)
class Module:
    """A module: its name (`ns.collection.name`, or `name.ps1` of a script), arguments and environment variables."""

    name: str
    arguments: dict[str, Any]
    variables: dict[str, str]
    check: bool = False
    background: Background | None = None
    become: str = ""  # the user that it runs as, where that is not the one who logs on


@dataclass(frozen=True)
class Helper:
    """One of ansible-core's own small scripts (winrm_put_file.ps1 ...), its parameters, and the lines piped to it."""

    name: str
    parameters: dict[str, Any]
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Script:
    """Plain PowerShell text, or a command line of a program."""

    text: str


@dataclass(frozen=True)
class Guest:
    """wsl.exe as the connection plugin gpuready.lab.wsl runs it: the program, its raw arguments, its standard input."""

    program: str
    line: str
    stdin: bytes


Request = Module | Helper | Script | Guest


def read(line: str, stdin: Callable[[], bytes]) -> Request:
    """Read a command. `stdin` is asked only when the command has input. Raises Unknown."""
    script = _decoded(line)
    if script is None:
        return Script(line)
    inner = _decoded(script)
    text = script if inner is None else inner
    if text.startswith(_GUEST):
        return _guest(stdin().decode("ascii", "replace").splitlines())
    if _BOOTSTRAP not in text.replace("\r", ""):
        return Script(text)
    try:
        boot_text, _, rest = stdin().decode().partition(SEPARATOR)
        manifest_text, _, extra = rest.partition(SEPARATOR)
        boot, manifest = json.loads(boot_text), json.loads(manifest_text)
    except ValueError as error:
        raise Unknown(f"the input of bootstrap_wrapper.ps1 is not two JSON documents: {error}") from None
    return _request(boot, manifest, extra.splitlines())


def _decoded(line: str) -> str | None:
    match = _ENCODED.match(line)
    if match is None:
        return None
    try:
        return base64.b64decode(match[1], validate=True).decode("utf-16-le")
    except (binascii.Error, ValueError):
        raise Unknown("-EncodedCommand is not base64 of UTF-16") from None


def _guest(lines: list[str]) -> Guest:
    try:
        program, line, *stdin = [base64.b64decode(one, validate=True) for one in lines]
        return Guest(program.decode(), line.decode(), b"".join(stdin))
    except ValueError:
        raise Unknown("the input of wsl.ps1 is not lines of base64") from None


def _request(boot: Any, manifest: Any, lines: list[str]) -> Module | Helper:
    _only("the bootstrap document", boot, _BOOT_KEYS)
    _only("the exec manifest", manifest, _MANIFEST_KEYS)
    if boot.get("name") != "exec_wrapper":
        raise Unknown(f"the bootstrap runs {boot.get('name')!r}, not exec_wrapper")
    actions = manifest.get("actions")
    if not isinstance(actions, list) or not actions:
        raise Unknown("the exec manifest has no actions")
    for action in actions:
        _only("an action of the exec manifest", action, _ACTION_KEYS)
    become = ""
    if actions[0].get("name") == "become_wrapper.ps1" and len(actions) > 1:
        _only("the parameters of become_wrapper.ps1", actions[0]["params"], _PARAMETERS["become_wrapper.ps1"])
        become = str(actions[0]["params"].get("BecomeUser"))
        if become != "SYSTEM":
            raise Unknown(f"become with the user {become} is not modelled (SYSTEM is)")
        actions = actions[1:]
    background = None
    if tuple(action.get("name") for action in actions[:2]) == _ASYNC:
        for action in actions[:2]:
            _only(f"the parameters of {action['name']}", action["params"], _PARAMETERS[action["name"]])
        carrier = actions[0]["params"]
        background = Background(carrier["AsyncDir"], carrier["AsyncJid"], float(actions[1]["params"]["Timeout"]))
        actions = actions[2:]
    if len(actions) != 1:
        names = ", ".join(str(action.get("name")) for action in actions)
        raise Unknown(f"a chain of actions is not modelled (coverage): {names}")
    name, parameters = actions[0]["name"], actions[0]["params"]
    if name not in _PARAMETERS:
        raise Unknown(f"the exec action {name} is not modelled")
    _only(f"the parameters of {name}", parameters, _PARAMETERS[name])
    if name != "module_wrapper.ps1":
        return Helper(name, parameters, lines)
    return _module(parameters, background, become)


def _module(parameters: dict[str, Any], background: Background | None, become: str) -> Module:
    script = str(parameters.get("Script"))
    match = _MODULE.match(script)
    variables = parameters.get("Variables") or []
    unknown = [v.get("Name") for v in variables if v.get("Name") != "complex_args"]
    if unknown:
        raise Unknown(f"the variable {unknown[0]} of module_wrapper.ps1 is not modelled")
    arguments = dict(variables[0]["Value"]) if variables else {}
    name = ".".join(match.groups()) if match else script.removesuffix(".ps1")
    return Module(
        name=name,
        arguments=arguments,
        variables={str(k): str(v) for k, v in (parameters.get("Environment") or {}).items()},
        check=bool(arguments.get("_ansible_check_mode", False)),
        background=background,
        become=become,
    )


def _only(what: str, value: Any, keys: set[str]) -> None:
    if not isinstance(value, dict):
        raise Unknown(f"{what} is no object")
    for key in value:
        if key not in keys:
            raise Unknown(f"{what} has the key {key}, which is not modelled")
