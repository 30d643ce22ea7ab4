"""Ansible's C#, compiled once per tree and not once per call: half a second of CPU each time.

On Windows Ansible compiles `Ansible.Basic` and the like anew in each call (Add-CSharpType), and so does a machine here
the first time that it meets a text. What came of it is kept, by the sha256 of all that went in, and loaded later.
"""

from __future__ import annotations

import importlib.resources
import os
from pathlib import Path

from .tree import PREFIXES

FOLDER = PREFIXES / "csharp"
VARIABLE = "WINLAB_CSHARP"
_UTIL = "Ansible.ModuleUtils.AddType.psm1"
_COMPILES = "    if ($is_coreclr) {\n        # compile the code using Roslyn on PSCore\n"
_LOAD = r"""
    $kept = $null
    if ($env:WINLAB_CSHARP) {
        $debug = $IncludeDebugInfo
        if ($PSCmdlet.ParameterSetName -eq 'Module') { $debug = $AnsibleModule.TracebacksFor }
        $all = @($References) + $defined_symbols + @("$IgnoreWarnings $debug $($PSVersionTable.PSVersion)") -join "`0"
        $sha256 = [System.Security.Cryptography.SHA256]::HashData([System.Text.Encoding]::UTF8.GetBytes($all))
        $kept = [System.IO.Path]::Combine($env:WINLAB_CSHARP, [System.Convert]::ToHexString($sha256) + '.dll')
    }
    if ($kept -and [System.IO.File]::Exists($kept)) {
        foreach ($match in $type_pattern.Matches($References -join "`n")) {
            $type_accelerators.Add(@{Name = $match.Groups["Name"].Value; TypeName = $match.Groups["TypeName"].Value })
        }
        $bytes = [System.IO.MemoryStream]::new([System.IO.File]::ReadAllBytes($kept))
        $compiled_assembly = [System.Runtime.Loader.AssemblyLoadContext]::Default.LoadFromStream($bytes)
    }
    else"""
_COMPILED = "            $code_ms.Seek(0, [System.IO.SeekOrigin]::Begin) > $null\n"
_KEEP = """            if ($kept) {
                $part = "$kept-$([System.Guid]::NewGuid())"
                [System.IO.File]::WriteAllBytes($part, $code_ms.ToArray())
                [System.IO.File]::Move($part, $kept, $true)
            }
"""


def kept() -> Path:
    """The folder for ANSIBLE_MODULE_UTILS: Ansible's own Add-CSharpType, which looks there before it compiles."""
    text = (importlib.resources.files("ansible.module_utils") / "powershell" / _UTIL).read_text("utf-8-sig")
    for line in (_COMPILES, _COMPILED):
        if text.count(line) != 1:
            raise ValueError(f"winlab: this Ansible's {_UTIL} has no line {line.strip()!r}: see {__file__}")
    text = text.replace(_COMPILES, _LOAD + _COMPILES.lstrip(" ")).replace(_COMPILED, _COMPILED + _KEEP)
    FOLDER.mkdir(exist_ok=True)
    part = FOLDER / f"{_UTIL}-{os.getpid()}"
    part.write_text(text, "utf-8")
    part.replace(FOLDER / _UTIL)
    return FOLDER


def variables() -> dict[str, str]:
    """What a machine's programs find the folder by; nothing where it was not asked for."""
    return {VARIABLE: "Z:\\" + str(FOLDER.relative_to(PREFIXES.parent)).replace("/", "\\")} if FOLDER.is_dir() else {}
