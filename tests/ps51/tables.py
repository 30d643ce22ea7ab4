#!/usr/bin/env python3
"""Makes the tables of check.py anew; README.md says where each comes from.

tables.py commands FILE         commands51.json.xz, of PSScriptAnalyzer's desktop-5.1.14393.206-windows.json
tables.py types PWSH DIRECTORY  net48.json.xz, of Debian's /usr/lib/mono/4.8-api; and newer.json.xz, of PWSH's folder
"""

from __future__ import annotations

import json
import lzma
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ASSEMBLIES = [
    "mscorlib",
    "System",
    "System.Core",
    "System.Configuration",
    "System.Data",
    "System.DirectoryServices",
    "System.IO.Compression",
    "System.IO.Compression.FileSystem",
    "System.Management",
    "System.Net.Http",
    "System.Numerics",
    "System.Runtime.Serialization",
    "System.Security",
    "System.ServiceProcess",
    "System.Transactions",
    "System.Web.Extensions",
    "System.Xml",
    "System.Xml.Linq",
    "Microsoft.CSharp",
]


def write(name: str, content: object) -> None:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    (HERE / name).write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{name}: {(HERE / name).stat().st_size} bytes")


def read_types(pwsh: str, files: list[Path]) -> dict[str, Any]:
    """The public types of assemblies, as types.ps1 gives them."""
    named = ",".join(f"'{file}'" for file in files)
    command = [pwsh, "-NoProfile", "-NonInteractive", "-Command", f"& '{HERE / 'types.ps1'}' -Path {named}"]
    return dict(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def properties(types: dict[str, Any]) -> set[str]:
    """The names of all fields and properties, in small letters."""
    fields = {name.lower() for type_ in types.values() for name in type_["f"]}
    return fields | {name[4:].lower() for type_ in types.values() for name in type_["m"] if name.startswith("get_")}


def commands(file: str) -> None:
    found = {}
    for module in json.loads(Path(file).read_text("utf-8-sig"))["Modules"]:
        for command in module["ExportedCommands"]:
            found[command["Name"]] = sorted(set(re.findall(r"(?<!\w)-(\w+)", command.get("ParameterSets") or "")))
    write("commands51.json.xz", found)


def types(pwsh: str, directory: str) -> None:
    of_48 = read_types(pwsh, [Path(directory) / f"{name}.dll" for name in ASSEMBLIES])
    write("net48.json.xz", of_48)
    every = read_types(pwsh, sorted(Path(directory).glob("*.dll")))
    own = sorted(Path(pwsh).resolve().parent.glob("System*.dll"))
    newer = read_types(pwsh, [file for file in own if file.name != "System.Management.Automation.dll"])
    write("newer.json.xz", sorted(properties(newer) - properties(every)))


if __name__ == "__main__":
    {"commands": commands, "types": types}[sys.argv[1]](*sys.argv[2:])
