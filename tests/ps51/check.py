#!/usr/bin/env python3
"""Names what PowerShell files use that Windows PowerShell 5.1 on .NET Framework 4.8 lacks, or does otherwise.

    check.py [FILE...]      every file of the project without one

A PowerShell 7 on the PATH or of winlab parses them (list.ps1); where there is none nothing is checked, which is a
failure with GPUREADY_REQUIRE_POWERSHELL=1. Exit 1 with a line for each finding. A method of a value whose type does not
stand in the file is known by its name and its number of arguments alone.
"""

from __future__ import annotations

import functools
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
Use = dict[str, Any]

# Short names that 5.1 gives to types (its type accelerators), as far as .NET's own name is another.
SHORT = {
    "adsi": "system.directoryservices.directoryentry",
    "array": "system.array",
    "bigint": "system.numerics.biginteger",
    "bool": "system.boolean",
    "cultureinfo": "system.globalization.cultureinfo",
    "datetime": "system.datetime",
    "float": "system.single",
    "hashtable": "system.collections.hashtable",
    "int": "system.int32",
    "ipaddress": "system.net.ipaddress",
    "long": "system.int64",
    "mailaddress": "system.net.mail.mailaddress",
    "regex": "system.text.regularexpressions.regex",
    "securestring": "system.security.securestring",
    "timespan": "system.timespan",
    "x500distinguishedname": "system.security.cryptography.x509certificates.x500distinguishedname",
    "x509certificate": "system.security.cryptography.x509certificates.x509certificate",
    "xml": "system.xml.xmldocument",
}
# Of the engine and of Ansible, which no table here has. In `param` and `[...]` they are the same in 5.1 and 7.
ENGINE_TYPES = re.compile(
    r"ansible\.|system\.management\.automation\.|microsoft\.management\.infrastructure\."
    r"|(alias|cmdletbinding|outputtype|parameter|pscustomobject|psobject|pscredential|powershell|ref|runspace|scriptblock"
    r"|switch|validate\w+|wmi|wmiclass|ordered|nullstring|void|psmoduleinfo|allownull|allowempty\w+|supportswildcards"
    r"|argumentcompleter|dscresource|initialsessionstate|system\.void)$"
)
ENGINE_METHODS = {
    "addargument",
    "addscript",
    "begininvoke",
    "endinvoke",
    "exitjson",
    "failjson",
    "getnewclosure",
    "invoke",
    "shouldcontinue",
    "shouldprocess",
    "warn",
    "writeerror",
    "deprecate",
    "where",
    "foreach",
    "find",
    "findall",
    "parsefile",
}
# Windows Update's, as Microsoft documents its COM objects (wuapi.h), and how many arguments each takes.
COM_METHODS = {
    "accepteula": 0,
    "createupdatedownloader": 0,
    "createupdateinstaller": 0,
    "createupdatesearcher": 0,
    "download": 0,
    "getupdateresult": 1,
    "install": 0,
    "search": 1,
}
ENGINE_COMMANDS = {
    "export-modulemember",
    "foreach-object",
    "get-command",
    "get-module",
    "import-module",
    "new-module",
    "out-default",
    "out-null",
    "set-strictmode",
    "where-object",
}
COMMON = {
    "confirm",
    "debug",
    "erroraction",
    "errorvariable",
    "informationaction",
    "informationvariable",
    "outbuffer",
    "outvariable",
    "pipelinevariable",
    "verbose",
    "warningaction",
    "warningvariable",
    "whatif",
}
# Parameters that a provider adds to a command, on its drives alone: those of Cert: (about_Certificate_Provider, 5.1).
OF_PROVIDERS = {
    "get-childitem": {
        "codesigningcert",
        "documentencryptioncert",
        "dnsname",
        "eku",
        "expiringindays",
        "sslserverauthentication",
    },
    "remove-item": {"deletekey"},
}
# Types that any PowerShell makes of others, or gives members of its own: their methods are not looked up.
LOOSE = {"system.object", "system.array", "system.xml.xmldocument", "system.directoryservices.directoryentry"}

# What 5.1 and 7 both have and do differently: the commands, the parameter with which they do the same, the finding.
NAMED = [
    (
        [
            "add-content",
            "export-csv",
            "get-content",
            "import-csv",
            "out-file",
            "select-string",
            "set-content",
            "tee-object",
        ],
        "encoding",
        "without -Encoding, whose default differs",
    ),
    (
        ["invoke-webrequest", "invoke-restmethod"],
        "usebasicparsing",
        "without -UseBasicParsing, which needs Internet Explorer",
    ),
]
# Methods of System.IO.File that read or write text, and the number of arguments with which they name the encoding.
TEXT_METHODS = {
    "appendalltext": 3,
    "appendalllines": 3,
    "readalllines": 2,
    "readalltext": 2,
    "readlines": 2,
    "writealllines": 3,
    "writealltext": 3,
}
JSON = {"convertfrom-json", "convertto-json"}
JSON_HELPER = "Json.psm1"
# Files that may use the cmdlets of JSON, and why.
JSON_ANYWAY = {"enable-remoting.ps1": "one file that is copied to PCs by itself; what it keeps is texts and nulls"}
FOR_7 = re.compile(r"(?im)^\s*#Requires\s+-Version\s+7")  # such a file is for the tests' own PowerShell


@functools.cache
def table(name: str) -> Any:
    return json.loads(lzma.decompress((HERE / name).read_bytes()))


class Net:
    """The public types of .NET Framework 4.8 by their full name in small letters."""

    def __init__(self) -> None:
        self._types = {name.lower(): type_ for name, type_ in table("net48.json.xz").items()}
        self.anywhere: dict[str, set[int]] = defaultdict(set)
        for type_ in self._types.values():
            for name, counts in type_["m"].items():
                self.anywhere[name.lower()].update(counts)
        self.newer = set(table("newer.json.xz"))

    def find(self, name: str) -> str | None:
        """The full name of a type that 4.8 has, '' for one that is not looked up, None for one that it lacks."""
        short = name.lower().partition("[")[0]  # without the arguments of a generic type, and of an array the element
        if not short or ENGINE_TYPES.match(short):
            return ""
        for one in (SHORT.get(short, short), f"system.{short}"):
            for full in (one, *(f"{one}`{count}" for count in (1, 2, 3, 4) if "`" not in one)):
                if full in self._types:
                    return full
        return None

    def methods(self, full: str) -> dict[str, set[int]]:
        """The methods of a type, its bases' too: name to the numbers of arguments they take."""
        found: dict[str, set[int]] = defaultdict(set)
        while full:
            type_ = self._types.get(full.lower())
            if type_ is None:
                break
            for name, counts in type_["m"].items():
                found[name.lower()].update(counts)
            full = str(type_.get("b") or "")
        for name, counts in self._types["system.object"]["m"].items():
            found[name.lower()].update(counts)
        return found

    def fields(self, full: str) -> set[str]:
        """Its fields and properties, its bases' too."""
        found: set[str] = set()
        while full and (type_ := self._types.get(full.lower())):
            found |= {name.lower() for name in type_["f"]} | {
                name[4:].lower() for name in type_["m"] if name.startswith("get_")
            }
            full = str(type_.get("b") or "")
        return found


def takes(counts: set[int], arguments: int) -> bool:
    """Whether a method can be called so; -3 is one of three, the last of which takes none or any number."""
    return arguments in counts or any(count < 0 and arguments >= -count - 1 for count in counts)


class Checker:
    """Findings of one or more files."""

    def __init__(self, uses: list[Use]) -> None:
        self.uses, self.net = uses, Net()
        self.commands = {
            name.lower(): {one.lower() for one in parameters}
            for name, parameters in table("commands51.json.xz").items()
        }
        self.own = {use["name"].lower().split(":")[-1] for use in uses if use["kind"] == "function"}
        self.keys = {use["name"].lower() for use in uses if use["kind"] == "key"}
        held: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        for use in uses:
            if use["kind"] == "variable":
                held[use["file"], use["scope"], use["name"].lower()].add(use["type"])
        self.held = {place: types.pop() for place, types in held.items() if len(types) == 1}

    def findings(self) -> Iterator[str]:
        for use in self.uses:
            look = getattr(self, f"_{use['kind']}", None)
            for text in look(use) if look else ():
                yield f"{os.path.relpath(use['file'], ROOT)}:{use['line']}: {text}"

    def _syntax(self, use: Use) -> Iterator[str]:
        yield f"{use['name']} is no syntax of 5.1"

    def _type(self, use: Use) -> Iterator[str]:
        if self.net.find(use["name"]) is None:
            yield f"{use['name']} is no type of .NET 4.8"

    def _redirection(self, use: Use) -> Iterator[str]:
        if use["name"].lower() != "$null":
            yield f"> {use['name']} writes UTF-16 in 5.1"

    def _command(self, use: Use) -> Iterator[str]:
        name = use["name"].lower()
        if name in self.own or "\\" in name or name.endswith(".exe"):
            return
        if name in JSON and Path(use["file"]).name not in JSON_ANYWAY:
            yield f"{use['name']} reads and writes otherwise in 5.1: use {JSON_HELPER}"
        known = self.commands.get(name)
        if known is None and name not in ENGINE_COMMANDS:
            yield f"{use['name']} is no command of 5.1"
        given = [one.lower() for one in use["parameters"]]
        for parameter in given if known is not None else ():
            if not any(one.startswith(parameter) for one in known | COMMON | OF_PROVIDERS.get(name, set())):
                yield f"{use['name']} has no -{parameter} in 5.1"
        if use["type"] and self.net.find(use["type"]) is None:
            yield f"{use['type']} is no type of .NET 4.8"
        for names, parameter, text in NAMED:
            if name in names and not use["splatted"] and not any(parameter.startswith(one) for one in given if one):
                yield f"{use['name']} {text}"
        if name == "join-path" and use["values"] > 2:
            yield "Join-Path takes two parts in 5.1"

    def _member(self, use: Use) -> Iterator[str]:
        if use["static"]:
            yield from self._static(use)
            return
        name = use["name"].lower()
        type_ = use["type"] or self.held.get((use["file"], use["scope"], use["variable"].lower()), "")
        if not use["call"]:
            if name in self.net.newer and name not in self.keys:
                yield f"no type of .NET 4.8 has a property {use['name']}"
            return
        if name in ENGINE_METHODS or COM_METHODS.get(name) == use["arguments"]:
            return
        full = self.net.find(type_) if type_ and not type_.endswith("]") else ""
        if full and full not in LOOSE:
            counts = self.net.methods(full).get(name, set())
            if not takes(counts, use["arguments"]):
                yield f"{type_} has no {use['name']} of {use['arguments']} arguments in .NET 4.8"
        elif not takes(self.net.anywhere.get(name, set()), use["arguments"]):
            yield f"no type of .NET 4.8 has a method {use['name']} of {use['arguments']} arguments"

    def _static(self, use: Use) -> Iterator[str]:
        name, full = use["name"].lower(), self.net.find(use["type"]) if use["type"] else ""
        if not full:  # one that is missing is said where it stands
            return
        if not use["call"]:
            if name not in self.net.fields(full):
                yield f"{use['type']} has no {use['name']} in .NET 4.8"
            elif (full, name) == ("system.text.encoding", "default"):
                yield "Encoding.Default is the ANSI code page in 5.1"
            return
        wanted = ".ctor" if name == "new" else name
        counts = self.net.methods(full).get(wanted, set())
        if not takes(counts, use["arguments"]) and not (wanted == ".ctor" and not use["arguments"]):
            yield f"{use['type']} has no {use['name']} of {use['arguments']} arguments in .NET 4.8"
        elif full == "system.io.file" and TEXT_METHODS.get(name, 0) > use["arguments"]:
            yield f"{use['type']}::{use['name']} without an encoding"


def list_uses(pwsh: str, files: list[Path]) -> list[Use]:
    """What the files use. Raises CalledProcessError with what PowerShell said."""
    named = ",".join("'" + str(file).replace("'", "''") + "'" for file in files)
    command = [pwsh, "-NoProfile", "-NonInteractive", "-Command", f"& '{HERE / 'list.ps1'}' -Path {named}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


def ours() -> list[Path]:
    """Every PowerShell file of the project that is not for PowerShell 7 alone."""
    known = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.ps1", "*.psm1"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    files = sorted({(ROOT / name).resolve() for name in known.splitlines() if (ROOT / name).is_file()})  # links once
    return [file for file in files if not (FOR_7.search(file.read_text("utf-8-sig")) and HERE.parent in file.parents)]


def powershell() -> str | None:
    """A PowerShell 7 of this machine: the one on the PATH, else that of winlab; None without one."""
    beside = Path(os.environ.get("WINLAB_ROOT", "/opt/winlab")) / "prefixes/pwsh/pwsh"
    return shutil.which("pwsh") or (str(beside) if os.access(beside, os.X_OK) else None)


def main(*files: str) -> int:
    pwsh = powershell()
    if pwsh is None:
        required = os.environ.get("GPUREADY_REQUIRE_POWERSHELL") == "1"
        print(
            "no pwsh here: PowerShell files are not checked against 5.1 (tests/winlab/install.sh brings one)",
            file=sys.stderr,
        )
        return 1 if required else 0
    named = [Path(file).resolve() for file in files] or ours()
    uses = list_uses(pwsh, named)
    findings = list(dict.fromkeys(Checker(uses).findings()))
    if findings:
        print("\n".join(findings))
        return 1
    print(f"{len(uses)} uses in {len(named)} PowerShell files, nothing newer than Windows PowerShell 5.1")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
