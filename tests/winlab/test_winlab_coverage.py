"""The PowerShell coverage tool: what it counts, what it lets pass, and that a marker changes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent / "ps_coverage"))
import measure
from winlab import linux_powershell

SCRIPT = r"""#!powershell
# Grüße
#Requires -Version 5
using namespace System.Text
param([string]$Name = $(if ($true) { 'x' } else { 'y' }))
Set-StrictMode -Version Latest
enum Colour { Red; Green }
class Box { [int]$N; [int] Twice() { if ($this.N) { return 2 * $this.N }; return 0 } }
function Get-Thing {
    param($A)
    begin { $sum = 0 }
    process { $sum += $_ }
    end { $sum }
}
$value = if ($Name) { 1 } else { 2 }
$text = "a$($value; 'b')c"
$box = [Box]::new()
$box.N = 4
try { throw 'no' } catch { $caught = "$_" } finally { $ended = 1 }
switch ($value) { 1 { $word = 'one' } default { $word = 'other' } }
cmd-that-is-not 2> $null
$ok = $?
if (-not $ok) { $failed = 'failed' }
:outer foreach ($i in 1..3) { while ($true) { continue outer } }
$map = @{ a = if ($value) { 5 }; b = { param($z) $z + 1 } }
"$Name $value $text $($box.Twice()) $caught $ended $word $failed $i $($map.a) $(& $map.b 1) $(1, 2, 3 | Get-Thing)"
"""


def statement(line: int, text: str = "x", function: str = "", column: int = 1, file: str = "a/b.ps1"):
    return measure.Statement(file, line, column, function, text, text)


def test_judge():
    one, two, three = statement(1, "one"), statement(2, "two"), statement(3, "three", "Do-It")
    entries = [{"file": "b.ps1", "line": "two", "reason": "no such hardware"}]
    result = measure.judge([one, two, three], {one}, entries)
    assert result.missed == [three]
    assert result.excused == [two]
    assert result.failed
    assert "missed: a/b.ps1:3:1: three" in measure.table(result)
    result = measure.judge([one, two, three], {one}, [*entries, {"file": "b.ps1", "function": "Do-It", "reason": "r"}])
    assert not result.failed


@pytest.mark.parametrize(
    ("entry", "wrong", "stale"),
    [
        ({"file": "b.ps1", "line": "one", "reason": "r"}, False, True),
        ({"file": "b.ps1", "line": "gone", "reason": "r"}, True, False),
        ({"file": "c.ps1", "line": "one", "reason": "r"}, True, False),
        ({"file": "b.ps1", "line": "two"}, True, False),
        ({"file": "b.ps1", "line": "two", "function": "Other", "reason": "r"}, True, False),
        ({"file": "b.ps1", "reason": "everything"}, True, False),
    ],
)
def test_entries_that_no_longer_fit(entry, wrong, stale):
    one, two = statement(1, "one"), statement(2, "two")
    result = measure.judge([one, two], {one}, [entry])
    assert (bool(result.wrong), bool(result.stale)) == (wrong, stale)


def test_an_entry_may_name_a_part_of_a_line():
    outer = measure.Statement("a/b.ps1", 1, 1, "", "if ($x) { return }", "if ($x) { return }")
    inner = measure.Statement("a/b.ps1", 1, 11, "", "return", "if ($x) { return }")
    part, whole = ({"file": "b.ps1", "line": line, "reason": "r"} for line in ("return", "if ($x) { return }"))
    assert measure.judge([outer, inner], set(), [part]).missed == [outer]
    assert measure.judge([outer, inner], {outer}, [part]).missed == []
    assert measure.judge([outer, inner], {outer}, [whole]).missed == []


def test_a_line_counts_when_all_of_it_ran():
    inner = statement(1, "if ($x) { return }", column=11)
    result = measure.judge([statement(1, "if ($x) { return }"), inner], {statement(1, "if ($x) { return }")}, [])
    assert " 0.0%" in measure.table(result)
    assert result.missed == [inner]


@pytest.fixture(scope="module")
def engine():
    return linux_powershell() or pytest.skip("no PowerShell for Linux: run tests/winlab/install.sh")


def test_a_marker_changes_nothing_but_says_what_ran(tmp_path, engine):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "README.md").write_text("")
    (tmp_path / "scripts/it.ps1").write_text(SCRIPT, encoding="utf-8")
    work = tmp_path.parent / (tmp_path.name + "-work")
    assert measure.prepare(work, engine, tmp_path) == 1
    assert (work / "tree/README.md").is_symlink()
    copy = work / "tree/scripts/it.ps1"
    instrumented = copy.read_text()
    assert instrumented.splitlines()[:5] == [*SCRIPT.splitlines()[:4], instrumented.splitlines()[4]]
    assert len(instrumented.splitlines()) == len(SCRIPT.splitlines())
    # on Linux the markers write where the test says
    copy.write_text(instrumented.replace(r"C:\ProgramData\WinLab\coverage" + "\\", f"{work}/hits/"))
    outputs = [
        subprocess.run([engine, "-NoProfile", "-File", f], capture_output=True, text=True, timeout=60, check=False)
        for f in (tmp_path / "scripts/it.ps1", copy)
    ]
    assert outputs[0].stdout == "x 1 a1 bc 8 no 1 one failed 3 5 2 6\n"
    assert outputs[1].stdout == outputs[0].stdout
    assert [o.returncode for o in outputs] == [0, 0]
    statements, run = measure.gather(work)
    not_run = sorted((s.line, s.column, s.function) for s in statements if s not in run)
    lines = SCRIPT.splitlines()
    assert {s.text for s in statements if s not in run} == {"'y'", "return 0", "2", "$word = 'other'"}
    assert not_run == [
        (5, lines[4].index("'y'") + 1, ""),
        (8, lines[7].index("return 0") + 1, "Box.Twice"),
        (15, lines[14].index("2 }") + 1, ""),
        (20, lines[19].index("$word = 'other'") + 1, ""),
    ]


def test_every_entry_names_a_statement(tmp_path, engine):
    measure.prepare(tmp_path / "work", engine)
    assert measure.judge(*measure.gather(tmp_path / "work"), measure.read_unreachable()).wrong == []
