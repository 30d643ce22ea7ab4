"""Command lines of wsl.exe: the raw line at the top, the rules of CommandLineToArgvW within sub-commands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from gpuready.simlab.wsl.errors import Said, WslError
from gpuready.simlab.wsl.texts import message

GUID = re.compile(r"\{?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?")
_BLANKS = " \t"
SUBCOMMANDS = {
    "--help": "help", "--version": "version", "-v": "version", "--status": "status", "--list": "list", "-l": "list",
    "--import": "import", "--import-in-place": "import_in_place", "--export": "export", "--unregister": "unregister",
    "--set-default": "set_default", "--setdefault": "set_default", "-s": "set_default", "--terminate": "terminate",
    "-t": "terminate", "--shutdown": "shutdown", "--manage": "manage", "--install": "install",
    "--set-default-version": "set_default_version", "--uninstall": "uninstall", "--update": "update",
}  # fmt: skip


@dataclass(frozen=True)
class Launch:
    """A command for a guest. `argv` for --exec, `shell` (a raw line) else; both None: the login shell."""

    distribution: str | None = None
    identifier: str | None = None
    user: str | None = None
    folder: str | None = None
    argv: tuple[str, ...] | None = None
    shell: str | None = None


@dataclass(frozen=True)
class Sub:
    """A sub-command and the raw rest of its line."""

    name: str
    rest: str


def without_program(line: str) -> str:
    """The line behind the program's name, which quotes may hold together."""
    quoted = False
    for index, letter in enumerate(line):
        if letter == '"':
            quoted = not quoted
        elif letter in _BLANKS and not quoted:
            return line[index:].lstrip(_BLANKS)
    return ""


def word(rest: str) -> tuple[str, str]:
    """The next word, cut at blanks whatever quotes it has, and what follows."""
    rest = rest.lstrip(_BLANKS)
    parts = re.split(r"[ \t]", rest, maxsplit=1)
    return parts[0], parts[1].lstrip(_BLANKS) if len(parts) > 1 else ""


def top(line: str) -> Launch | Sub:
    """Read a whole line. Raises Said for what the top level refuses, which has no tail."""
    rest = without_program(line)
    asked: dict[str, Any] = {}
    name, behind = word(rest)
    if GUID.fullmatch(name):
        asked["identifier"], rest = name, behind
        name, behind = word(rest)
    if name == "~":
        asked["folder"], rest = "~", behind
    kind = "standard"
    while rest:
        name, behind = word(rest)
        if name in SUBCOMMANDS:
            return Sub(SUBCOMMANDS[name], behind)
        if name in ("-e", "--exec") or (name == "--" and kind == "none"):
            return _exec(asked, behind)
        if name == "--":
            return Launch(**asked, shell=behind)
        if name == "--shell-type":
            kind, rest = _value(name, behind)
            if kind not in ("standard", "login", "none"):
                raise WslError("E_INVALIDARG")
            continue
        if name in ("-d", "--distribution", "--distribution-id", "-u", "--user", "--cd"):
            key = {"-d": "distribution", "-u": "user", "--cd": "folder"}.get(name) or name.strip("-")
            key = "identifier" if key == "distribution-id" else key
            if key == "distribution" and key in asked:
                raise Said(message("MessageDistroAlreadySet") + "\n")
            asked[key], rest = _folder(name, behind) if key == "folder" else _value(name, behind)
            continue
        if name.startswith("-"):
            raise Said(message("MessageInvalidCommandLine", name, "wsl.exe") + "\n")
        return _exec(asked, rest) if kind == "none" else Launch(**asked, shell=rest)
    return Launch(**asked)


def _exec(asked: dict[str, Any], rest: str) -> Launch:
    found = split(rest)
    if not found:
        raise WslError("E_INVALIDARG")
    return Launch(**asked, argv=tuple(found))


def _value(name: str, rest: str) -> tuple[str, str]:
    if not rest:
        raise Said(message("MessageRequiredParameterMissing", name) + "\n")
    return word(rest)


def _folder(name: str, rest: str) -> tuple[str, str]:
    """The one option that takes quotes away, so that its value may have blanks."""
    if rest.startswith('"') and (end := rest.find('"', 1)) > 0:
        return rest[1:end], rest[end + 1 :].lstrip(_BLANKS)
    return _value(name, rest)


def split(line: str) -> list[str]:
    """Arguments by the rules of CommandLineToArgvW: backslashes count before a quote, two quotes within are one."""
    found, at, line = [], 0, line.strip(_BLANKS)
    while at < len(line):
        argument, quoted = "", False
        while at < len(line) and (quoted or line[at] not in _BLANKS):
            slashes = len(line[at:]) - len(line[at:].lstrip("\\"))
            at += slashes
            if line[at : at + 1] != '"':
                argument += "\\" * slashes
                if not slashes:
                    argument += line[at]
                    at += 1
                continue
            argument += "\\" * (slashes // 2)
            at += 1
            if slashes % 2:
                argument += '"'
            elif quoted and line[at : at + 1] == '"':
                argument += '"'
                at += 1
            else:
                quoted = not quoted
        found.append(argument)
        while at < len(line) and line[at] in _BLANKS:
            at += 1
    return found


def join(argv: list[str]) -> str:
    """One line that `split` reads back as these arguments."""
    return " ".join(_quoted(one) for one in argv)


def _quoted(value: str) -> str:
    if value and not re.search(r'[\s"]', value):
        return value
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', value)
    return '"' + re.sub(r"(\\+)$", r"\1\1", escaped) + '"'


@dataclass
class Arguments:
    """The arguments of a sub-command. `flags` take no value, `options` one; both by each of their names."""

    flags: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    most: int = 0

    def parse(self, rest: str) -> tuple[list[str], dict[str, str]]:
        """Positional words, and what was set by its long name. Raises WslError."""
        words, found, plain = [], {}, False
        given = split(rest)
        while given:
            one = given.pop(0)
            if plain or one == "-" or not one.startswith("-"):
                words.append(one)
                if len(words) > self.most:
                    raise _unknown(one)
            elif one == "--":
                plain = True
            elif one in self.options:
                if not given:
                    raise WslError("E_INVALIDARG", text=message("MessageMissingArgument", one, "wsl.exe"))
                found[self.options[one]] = given.pop(0)
            elif one in self.flags:
                found[self.flags[one]] = "1"
            elif not one.startswith("--") and all(f"-{letter}" in self.flags for letter in one[1:]):
                found |= {self.flags[f"-{letter}"]: "1" for letter in one[1:]}
            else:
                raise _unknown(one)
        return words, found


def _unknown(argument: str) -> WslError:
    return WslError("E_INVALIDARG", text=message("MessageInvalidCommandLine", argument, "wsl.exe"))
