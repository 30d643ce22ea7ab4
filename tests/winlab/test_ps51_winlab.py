"""The check against Windows PowerShell 5.1: a planted use of each kind is named, what 5.1 has is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "ps51"))
import check

PLANTED = {
    # syntax
    "$a = $b ? 1 : 2": "TernaryExpressionAst is no syntax of 5.1",
    "Get-Item x && Get-Item y": "PipelineChainAst is no syntax of 5.1",
    "$a = $b ?? 1": "QuestionQuestion is no syntax of 5.1",
    "$b ??= 1": "QuestionQuestionEquals is no syntax of 5.1",
    "${b}?.Length": "QuestionDot is no syntax of 5.1",
    "${b}?[0]": "QuestionLBracket is no syntax of 5.1",
    "Get-Item x &": "a pipeline in the background is no syntax of 5.1",
    "if (": "is no syntax of 5.1",
    # commands and parameters
    "Get-Uptime": "Get-Uptime is no command of 5.1",
    "Test-Json -Json '{}'": "Test-Json is no command of 5.1",
    "1..3 | ForEach-Object { Get-Item -Path x -Fantasy }": "Get-Item has no -fantasy in 5.1",
    "Start-Process -FilePath x -Environment @{}": "Start-Process has no -environment in 5.1",
    "Split-Path -Path x -LeafBase": "Split-Path has no -leafbase in 5.1",
    # types
    "[System.Text.Json.JsonDocument]": "System.Text.Json.JsonDocument is no type of .NET 4.8",
    "param([System.Half]$A) $A": "System.Half is no type of .NET 4.8",
    "New-Object -TypeName System.Threading.Lock": "System.Threading.Lock is no type of .NET 4.8",
    # members
    "[Math]::Clamp(1, 2, 3)": "Math has no Clamp of 3 arguments in .NET 4.8",
    "[System.IO.Path]::Join('a', 'b')": "System.IO.Path has no Join of 2 arguments in .NET 4.8",
    "[Convert]::ToHexString($b)": "Convert has no ToHexString of 1 arguments in .NET 4.8",
    "[Environment]::ProcessPath": "Environment has no ProcessPath in .NET 4.8",
    "[System.IO.File]::Move('a', 'b', $true)": "System.IO.File has no Move of 3 arguments in .NET 4.8",
    "$p.WaitForExitAsync()": "has a method WaitForExitAsync of 0 arguments",
    "$s.Start.ArgumentList.Add('x')": "no type of .NET 4.8 has a property ArgumentList",
    # a method that another type has with as many arguments
    "$m = New-Object -TypeName System.IO.MemoryStream; $m.ReadExactly($b, 0, 1)": "ReadExactly of 3 arguments",
    "function f([string]$T) { $T.Contains('x', 'Ordinal') }": "System.String has no Contains of 2 arguments",
    "$p = [System.Diagnostics.Process]::new(); $p.Kill($true)": "System.Diagnostics.Process has no Kill of 1 arguments",
    "'a'.Replace('b', 'c', 'Ordinal')": "System.String has no Replace of 3 arguments",
    # what both have and do differently
    "$a = ConvertFrom-Json -InputObject '[1]'": "ConvertFrom-Json reads and writes otherwise in 5.1",
    "ConvertTo-Json -InputObject @{}": "ConvertTo-Json reads and writes otherwise in 5.1",
    "Get-Content -LiteralPath x": "Get-Content without -Encoding",
    "'x' | Set-Content -Path y": "Set-Content without -Encoding",
    "'x' | Out-File y": "Out-File without -Encoding",
    "'x' > y.txt": "> y.txt writes UTF-16 in 5.1",
    "[System.IO.File]::WriteAllText('a', 'b')": "System.IO.File::WriteAllText without an encoding",
    "[System.IO.File]::ReadAllText('a')": "System.IO.File::ReadAllText without an encoding",
    "[System.Text.Encoding]::Default": "Encoding.Default is the ANSI code page in 5.1",
    "Invoke-WebRequest -Uri x": "Invoke-WebRequest without -UseBasicParsing",
    "Join-Path a b c": "Join-Path takes two parts in 5.1",
}
GOOD = r"""
param([string[]]$Names = @(), [switch]$All, [System.Collections.IDictionary]$Map)
function Get-Own { param([Parameter(Mandatory = $true)][string]$Path) $Path.Contains('x') }
$list = New-Object -TypeName 'System.Collections.Generic.List[string]'
$list.Add((Get-Own -Path 'a'))
$stream = New-Object -TypeName System.IO.MemoryStream
$stream.CopyTo($other); $stream.Dispose()
[System.IO.File]::WriteAllText('a', 'b', [System.Text.Encoding]::UTF8)
[string]::Join('-', 'a', 'b', 'c', 'd', 'e'); [System.IO.Path]::Combine('a', 'b', 'c', 'd', 'e')
$row = @{ argumentList = 1 }; $row.argumentList
Get-Content -LiteralPath x -Encoding UTF8 2>$null | Where-Object { $_ } > $null
Join-Path -Path a -ChildPath b
Remove-Item -LiteralPath Cert:\LocalMachine\My\x -DeleteKey
[cultureinfo]::InvariantCulture.Name; [xml]$x = '<a/>'; $x.SelectSingleNode('a')
[PSCustomObject]@{ a = 1 } | Sort-Object -Property a -Descending | Select-Object -First 1
Get-CimInstance -ClassName Win32_Process -Filter 'a=1' -OperationTimeoutSec 3
"""


@pytest.fixture(scope="module")
def pwsh() -> str:
    found = check.powershell()
    if found is None:
        reason = "no PowerShell 7 here: run tests/winlab/install.sh"
        if os.environ.get("GPUREADY_REQUIRE_POWERSHELL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def findings(pwsh: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What is found in each planted line: all of them looked at in one run."""
    folder = tmp_path_factory.mktemp("ps51")
    files = {}
    for number, line in enumerate(PLANTED):
        files[line] = folder / f"planted{number}.ps1"
        files[line].write_text(line + "\n", encoding="utf-8")
    said = list(check.Checker(check.list_uses(pwsh, list(files.values()))).findings())
    return {line: [one for one in said if f"/{file.name}:" in one] for line, file in files.items()}


@pytest.mark.parametrize("line", PLANTED)
def test_a_planted_use_is_named(findings: dict[str, list[str]], line: str) -> None:
    assert any(PLANTED[line] in one for one in findings[line]), findings[line]


def run(*files: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, check.__file__, *map(str, files)]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


def test_what_5_1_has_is_not_named(pwsh: str, tmp_path: Path) -> None:
    file = tmp_path / "good.ps1"
    file.write_text(GOOD, encoding="utf-8")
    done = run(file)
    assert done.returncode == 0, done.stdout
    file.write_text(GOOD + "\nGet-Uptime\n", encoding="utf-8")
    done = run(file)
    assert done.returncode == 1
    assert done.stdout.endswith(f"good.ps1:{GOOD.count(chr(10)) + 2}: Get-Uptime is no command of 5.1\n")


def test_every_file_of_ours_is_looked_at() -> None:
    names = {path.relative_to(check.ROOT).as_posix() for path in check.ours()}
    collection = check.ROOT / "collections/ansible_collections"
    every = [*collection.rglob("*.ps1"), *collection.rglob("*.psm1"), *(check.ROOT / "scripts").rglob("*.ps1")]
    assert {path.resolve().relative_to(check.ROOT).as_posix() for path in every} <= names
    assert all("ConvertFrom-Json" in (check.ROOT / f"scripts/{name}").read_text() for name in check.JSON_ANYWAY)


def test_without_a_powershell_it_says_so_and_fails_where_it_must(tmp_path: Path) -> None:
    bare = {"PATH": str(tmp_path), "WINLAB_ROOT": str(tmp_path)}
    passed, failed = run(**bare, GPUREADY_REQUIRE_POWERSHELL=""), run(**bare, GPUREADY_REQUIRE_POWERSHELL="1")
    assert (passed.returncode, failed.returncode) == (0, 1)
    assert "are not checked" in passed.stderr
