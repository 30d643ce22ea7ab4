"""Json.psm1 on the real engine, with 5.1 played: what its cmdlets write is read, what they give is written, as 7's are.

Expectations are Python's json, which is nobody's cmdlet.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from winlab import Machine
from winlab.testing import source

MODULE = "collections/ansible_collections/gpuready/lab/plugins/module_utils/windows/Json.psm1"
FOLDER = r"C:\lab\json"
LETTERS = "Grüße, 名前, \U0001f600, '<>&\" \\ / \b\f\n\r\t\x01\x1f"

# As ConvertTo-Json of 5.1 writes: four blanks beyond the key, CRLF, escaped quotes and brackets, its form of a date.
OF_51 = """{\r
    "name":  "\\u0027\\u003c\\u003e\\u0026 Gr\u00fc\u00dfe",\r
    "at":  "2026-11-25T10:00:00Z",\r
    "date":  "\\/Date(1764064800000)\\/",\r
    "one":  [\r
                1\r
            ],\r
    "none":  [\r
\r
             ],\r
    "number":  0.1234,\r
    "nothing":  null,\r
    "empty":  {\r
\r
              }\r
}\r
"""
FROM_51 = {
    "name": "'<>& Gr\u00fc\u00dfe",
    "at": "2026-11-25T10:00:00Z",
    "date": "/Date(1764064800000)/",
    "one": [1],
    "none": [],
    "number": 0.1234,
    "nothing": None,
    "empty": {},
}
VALUES: dict[str, Any] = {
    "dates": ["2026-11-25", "2026-11-25T10:00:00Z", "2026-11-25T10:00:00.1234567+01:00", "/Date(1)/", "12:30"],
    "numbers": [0, 1, -1, 2**31, 2**63 - 1, -(2**63), 2**63, 0.1, 1.0, -2.5, 1e-7, 1e21, 5e-324, 1.797693134862315e308],
    "figures": [0.1 + 0.2, 1 / 3, 2.4414062e-07, 123456789.12345679, 1e15, 1e16, 1e17, 100.0],
    "arrays": [[], [1], [[1]], [[]], [None], [{}], [[], [[]]], ["a"]],
    "objects": {"": "", "a b": {"c": {"d": [{"e": None}]}}, "A": 1, "a": 2, "Count": 3, "Keys": 4, "Length": 5},
    "letters": LETTERS,
    "words": [True, False, None, "true", "null", "1"],
    "list": [1, "2", [3]],
    "text": "text",
    "truth": False,
    "deep": json.loads("[" * 60 + "]" * 60),
    "long": "x" * 100_000 + LETTERS,
}  # fmt: skip
NO_JSON = [
    *("", " ", "{", "}", "[1,]", "[,1]", '{"a":1,}', '{"a" 1}', '{a:1}', "{1:2}", "01", "1.", ".5", "+1", "tru", "NaN"),
    *("Infinity", "1e999", "[1] x", "[1 2]", '"a', "'a'", '"\\x"', '"\t"', '"\\u12"', "// a\n1", "[" * 65 + "]" * 65),
]  # fmt: skip
READ = rf"""
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest
Import-Module '{FOLDER}\Json.psm1'
function Save([string]$Name, [string]$Text) {{ [System.IO.File]::WriteAllText("{FOLDER}\$Name", $Text) }}
foreach ($file in [System.IO.Directory]::GetFiles('{FOLDER}', '*.json')) {{
    $name = [System.IO.Path]::GetFileNameWithoutExtension($file)
    try {{
        $value = ConvertFrom-JsonText ([System.IO.File]::ReadAllText($file))
        Save "$name.small" (ConvertTo-JsonText $value -Compress)
        Save "$name.large" (ConvertTo-JsonText $value)
    }} catch [System.FormatException] {{ Save "$name.error" $_.Exception.Message }}
}}
"""
# The same content as 7 gives it ($new) and as 5.1 does ($old): its cmdlet's objects, the dictionaries of Ansible.Basic.
GIVEN = r"""
$inner = New-Object -TypeName 'System.Collections.Generic.Dictionary[string,object]'
$inner['losses'] = [System.Collections.ArrayList]@([decimal]'2.3025', [decimal]'0.10', 1)
$inner['at'] = '2026-11-25T10:00:00Z'
$inner['one'] = [System.Collections.ArrayList]@('a')
$inner['none'] = New-Object -TypeName System.Collections.ArrayList
$old = New-Object -TypeName PSObject
$old | Add-Member -MemberType NoteProperty -Name text -Value ("'<>&" + [char]0xFC)
$old | Add-Member -MemberType NoteProperty -Name count -Value ([int]3)
$old | Add-Member -MemberType NoteProperty -Name share -Value ([decimal]'0.5000')
$old | Add-Member -MemberType NoteProperty -Name rows -Value (New-Object -TypeName 'object[]' -ArgumentList 1)
$old.rows[0] = 'b'
$old | Add-Member -MemberType NoteProperty -Name training -Value $inner
$new = [ordered]@{
    text = "'<>&" + [char]0xFC; count = [long]3; share = [double]0.5; rows = @('b')
    training = [ordered]@{ losses = @(2.3025, 0.1, [long]1); at = '2026-11-25T10:00:00Z'; one = @('a'); none = @() }
}
Save 'old.given' (ConvertTo-JsonText $old)
Save 'new.given' (ConvertTo-JsonText $new)
function Get-Nothing { }
$more = [ordered]@{
    date = New-Object -TypeName DateTime -ArgumentList 2026, 11, 25, 10, 0, 0, ([DateTimeKind]::Utc)
    integers = @([byte]1, [sbyte]-1, [int16]2, [uint16]3, [uint32]4, [uint64]18446744073709551615)
    id = [guid]'00000000-0000-0000-0000-000000000001'; letter = [char]'c'; single = [single]0.5; zero = -0.0
    words = [string[]]@('a'); bytes = [byte[]]@(1, 2); nothing = (Get-Nothing)
}
Save 'more.given' (ConvertTo-JsonText $more -Compress)
$self = @{}; $self.self = $self
$refused = foreach ($bad in [double]::NaN, [double]::PositiveInfinity, [DayOfWeek]::Monday, { 1 }, $self) {
    try { ConvertTo-JsonText $bad } catch [System.ArgumentException] { $_.Exception.Message }
}
Save 'refused.given' ($refused -join "`n")
"""


@pytest.fixture(scope="module")
def answers(winlab_machine: Callable[..., Machine]) -> dict[str, str]:
    """The files that one run over all of the above left, by name."""
    pc = winlab_machine("powershell-parts")
    folder = pc.path(FOLDER)
    folder.mkdir(parents=True)
    (folder / "Json.psm1").write_bytes(source(MODULE).read_bytes())
    for name, value in VALUES.items():
        (folder / f"{name}.json").write_text(json.dumps(value, ensure_ascii=name == "letters"), encoding="utf-8")
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):  # a file of 5.1's Set-Content, of its -Encoding UTF8, of its `>`
        (folder / f"of51-{encoding}.json").write_bytes(OF_51.encode(encoding))
    (folder / "marked.json").write_text("\ufeff\ufeff[1]", encoding="utf-8")
    for number, text in enumerate(NO_JSON):
        (folder / f"bad{number:02}.json").write_text(text)
    (folder / "run.ps1").write_text(READ + GIVEN)
    reply = pc.powershell(rf"& '{FOLDER}\run.ps1'")
    assert reply.rc == 0, reply
    return {path.name: path.read_bytes().decode() for path in folder.iterdir() if path.suffix != ".json"}


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types: 1 is not 1.0, and not True."""
    return json.dumps(one) == json.dumps(other)


@pytest.mark.parametrize("name", VALUES)
def test_what_is_read_is_written_again(answers: dict[str, str], name: str) -> None:
    expected = VALUES[name]
    if name == "numbers":  # what fits into no whole number of .NET is read as a floating one
        expected = [float(one) if one == 2**63 else one for one in expected]
    assert same(json.loads(answers[f"{name}.small"]), expected)
    assert same(json.loads(answers[f"{name}.large"]), expected)


def test_the_form_is_that_of_the_linux_side(answers: dict[str, str]) -> None:
    for name in ("objects", "list", "arrays"):
        value = VALUES[name]
        assert answers[f"{name}.large"] == json.dumps(value, indent=1, ensure_ascii=False)
        assert answers[f"{name}.small"] == json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_5_1_has_written_is_read(answers: dict[str, str], encoding: str) -> None:
    assert same(json.loads(answers[f"of51-{encoding}.small"]), FROM_51)


def test_what_5_1_gives_is_written_as_what_7_gives(answers: dict[str, str]) -> None:
    assert answers["old.given"] == answers["new.given"]
    assert json.loads(answers["old.given"]) == {
        "text": "'<>&ü",
        "count": 3,
        "share": 0.5,
        "rows": ["b"],
        "training": {"losses": [2.3025, 0.1, 1], "at": "2026-11-25T10:00:00Z", "one": ["a"], "none": []},
    }


def test_other_values(answers: dict[str, str]) -> None:
    assert answers["more.given"] == (
        '{"date":"2026-11-25T10:00:00Z","integers":[1,-1,2,3,4,18446744073709551615],'
        '"id":"00000000-0000-0000-0000-000000000001","letter":"c","single":0.5,"zero":0.0,"words":["a"],"bytes":[1,2],'
        '"nothing":null}'
    )
    assert answers["refused.given"].split("\n") == [
        f"{what} cannot be written as JSON"
        for what in (
            "a number that is not finite",
            "a number that is not finite",
            "a System.DayOfWeek",
            "a System.Management.Automation.ScriptBlock",
            "what holds itself",
        )
    ]


@pytest.mark.parametrize("number", range(len(NO_JSON)), ids=lambda number: repr(NO_JSON[number])[:20])
def test_what_is_no_json_is_refused(answers: dict[str, str], number: int) -> None:
    assert f"bad{number:02}.small" not in answers
    assert answers[f"bad{number:02}.error"].startswith("this is no JSON, from character ")


def test_a_second_mark_of_the_encoding_is_passed_over(answers: dict[str, str]) -> None:
    assert answers["marked.small"] == "[1]"
