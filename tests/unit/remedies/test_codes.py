"""codes.yml, the one place of codes: what its keys do, how its mistakes are told, that nothing else words a code."""

from __future__ import annotations

import ast
import re._constants as constants  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan import problems
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import catalogue
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import uv as uv_output
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict.judging import verdict
from records import changed

ROOT = Path(__file__).resolve().parents[3]
PLUGINS = ROOT / "collections/ansible_collections/gpuready/lab/plugins"
ROWS: list[dict[str, Any]] = yaml.safe_load(catalogue.CODES.read_text("utf-8"))["codes"]
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def row(code: str = "ONE", **more: Any) -> dict[str, Any]:
    found = {"code": code, "category": "apply", "cause": f"what {code} is", "next_step": "Do it.", **more}
    return {key: value for key, value in found.items() if value is not None}


def parsed(*rows: Any) -> catalogue.Catalogue:
    return catalogue.parse(yaml.safe_dump({"codes": list(rows)}, sort_keys=False), "codes.yml")


def said(*entries: Any) -> dict[str, Any]:
    return row(said_by=list(entries))


HYPERV = {"channel": "wsl", "number": 0x80370102}
MISTAKES: list[tuple[list[Any], str]] = [
    ([row(), row("TWO"), row()], "ONE: code: it stands in the file already"),
    ([row(), row("TWO", cause="what ONE is")], "TWO: cause: ONE has the same: say how they differ"),
    (["text"], "row 1: this is not a mapping"),
    ([row(code=None)], "row 1: code: this is no code (upper case)"),
    ([row("lower")], "lower: code: this is no code (upper case)"),
    ([row(next="x")], "ONE: next: this is not a key of a row"),
    ([row(category="somewhere")], "ONE: category: 'somewhere' is not one of connection, apply, wsl"),
    ([row(severity="fatal")], "ONE: severity: 'fatal' is not one of ok, note, warning, error"),
    ([row(cause="short")], "ONE: cause: this is not a clause without a full stop"),
    ([row(cause="It is broken.")], "ONE: cause: this is not a clause without a full stop"),
    ([row(cause="{package} is broken")], "ONE: cause: a place is written {name|words where it is not known}"),
    ([row(next_step=None)], "ONE: next_step: it is missing"),
    ([row(next_step="do it")], "ONE: next_step: this is not a sentence with a full stop"),
    ([row(next_step_over={"x": "Do it."})], "ONE: next_step_over: this is not a mapping with keys of winrm, psrp, ssh"),
    ([row(next_step_over=["Do it."])], "ONE: next_step_over: this is not a mapping with keys of winrm, psrp, ssh"),
    ([row(next_step_over={"ssh": "do it"})], "ONE: next_step_over: this is not a sentence with a full stop"),
    ([row(next_step_over={"ssh": None})], "ONE: next_step_over: this is not a sentence with a full stop"),
    ([row(next_step=["Do it.", 7])], "ONE: next_step: this is not a sentence with a full stop"),
    ([row(said_by="words")], "ONE: said_by: this is not a list"),
    ([said("words")], "ONE: said_by: 1: this is not a mapping"),
    ([said({"pattern": "x"})], "ONE: said_by: 1: channel: None is not one of uv, connection"),
    ([said({"channel": ["uv", "radio"], "pattern": "x"})], "ONE: said_by: 1: channel: ['uv', 'radio'] is not"),
    ([said({"channel": "uv"})], "ONE: said_by: 1: it has no pattern, name, number, win32, errno, cuda, signal"),
    ([said({"channel": "uv", "pattern": "x", "words": "x"})], "ONE: said_by: 1: words: this is not a key here"),
    ([said({"channel": "uv", "pattern": "(open"})], "ONE: said_by: pattern: '(open': missing )"),
    ([said({"channel": "uv", "pattern": ["a", ""]})], "ONE: said_by: pattern: a| fits every text"),
    ([said({"channel": "uv", "pattern": [7]})], "ONE: said_by: 1: pattern: 7 is not a text"),
    ([said({"channel": "wsl", "name": "NOT A NAME"})], "ONE: said_by: 1: name: this is no name"),
    ([said({"channel": "uv", "pattern": "x", "last": 1})], "ONE: said_by: 1: phase is a word, last is true or false"),
    ([said({"channel": "wsl", "number": "0x1"})], "ONE: said_by: 1: number: '0x1' is not a number from 1"),
    ([said({"channel": "exit", "signal": 65})], "ONE: said_by: 1: signal: 65 is not a number from 1 to 64"),
    (
        [said(HYPERV), row("TWO", said_by=[HYPERV])],
        "TWO: said_by: number 0x80370102 is ONE's in wsl already",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "line"), MISTAKES)
def test_a_mistake_is_one_clear_line(rows: list[Any], line: str) -> None:
    with pytest.raises(catalogue.CatalogueError) as caught:
        parsed(*rows)
    (told,) = str(caught.value).splitlines()
    assert told.startswith(f"codes.yml: {line}")


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(catalogue.CatalogueError) as caught:
        parsed(row(category="x", severity="y"), row("TWO"), row("THREE", cause="z"))
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == ["ONE", "ONE", "THREE"]


@pytest.mark.parametrize(("text", "line"), [("codes: {a b]", "line 1: "), ("[]", "codes: "), ("codes: {}", "codes: ")])
def test_what_is_no_catalogue_is_one_line(text: str, line: str) -> None:
    with pytest.raises(catalogue.CatalogueError) as caught:
        catalogue.parse(text, "codes.yml")
    assert str(caught.value).startswith(f"codes.yml: {line}")
    assert "\n" not in str(caught.value)


def test_the_first_row_that_fits_names_the_cause() -> None:
    weak = row("WEAK", said_by=[{"channel": "program", "pattern": "failed", "last": True}])
    one = row("ONE", said_by=[{"channel": "program", "pattern": ["disk failed", "power"]}])
    two = row("TWO", said_by=[{"channel": "program", "pattern": "failed"}])
    found = parsed(weak, one, two)
    assert [found.match(text, ["program"]) for text in ("DISK FAILED", "power failed", "it failed", "well")] == [
        *("ONE", "ONE", "TWO", None)
    ]
    assert parsed(weak, two, one).match("disk failed", ["program"]) == "TWO"
    assert parsed(weak).match("it failed", ["program"]) == "WEAK"


def test_the_same_words_mean_what_their_channel_says() -> None:
    found = parsed(
        row("HOME", said_by=[{"channel": ["uv", "program"], "pattern": "denied"}]),
        row("PASSWORD", said_by=[{"channel": "connection", "pattern": "denied"}]),
        row("PHASE", said_by=[{"channel": "uv", "phase": "interpreter", "pattern": "refused"}]),
    )
    assert [found.match("denied", [channel]) for channel in catalogue.CHANNELS] == [
        *("HOME", "PASSWORD", None, "HOME", None, None, None)
    ]
    assert [found.match("refused", ["uv"], phase) for phase in ("interpreter", "packages", "")] == [
        *("PHASE", None, None)
    ]


def test_a_number_is_found_in_words_and_as_an_exit_code() -> None:
    found = parsed(
        row("GONE", said_by=[{"channel": "program", "name": "DXGI_GONE", "number": 0x887A0005}]),
        row("DEAD", said_by=[{"channel": "exit", "number": 0xC0000005}, {"channel": "exit", "signal": [7, 11]}]),
    )
    texts = ("failed with 0x887A0005:", "0x887a00051", "DXGI_GONE", "XDXGI_GONE", "0xC0000005")
    assert [found.match(text, ["program"]) for text in texts] == ["GONE", None, "GONE", None, None]
    assert found.by_number(0xC0000005, "number", "exit") == "DEAD"
    assert found.by_number(11, "signal", "exit") == "DEAD"
    assert found.by_number(11, "number", "exit") is None
    assert found.by_number(0x887A0005, "number", "exit") is None


def test_a_place_holds_what_is_known() -> None:
    remedy = parsed(row(cause="{package|a package} is not on {host|the index}")).remedies["ONE"]
    assert remedy.cause == "a package is not on the index"
    assert remedy.about({"package": "six"}) == "six is not on the index"
    assert remedy.is_said_in("packages: six==1.16.0 is not on pypi.lab")
    assert not remedy.is_said_in("six is nowhere")
    assert parsed(row()).remedies["ONE"].about({"package": "six"}) == "what ONE is"


def test_the_file_is_read_once_a_run_and_before_the_forks() -> None:
    """Ansible imports an action in the process that forks: every action that words a code has the catalogue then."""
    program = (
        "import importlib, sys\n"
        "from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import catalogue\n"
        "importlib.import_module('ansible_collections.gpuready.lab.plugins.action.' + sys.argv[1])\n"
        "assert catalogue._catalogue.cache_info().currsize == 1, 'it is not read yet'\n"
        "catalogue.CODES = None\n"
        "assert catalogue.remedy('DISK_FULL').category == 'apply'\n"
    )
    for name in ("gpu_facts", "python_environment", "training_facts", "gpu_verdict", "fleet_report"):
        done = subprocess.run(
            [sys.executable, "-c", program, name],
            env={"PYTHONPATH": str(ROOT / "collections"), "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (name, done.stderr)


# --- said once --------------------------------------------------------------------------------------------------------
def worded(file: Path) -> list[str]:
    """The codes that a table in this file gives words for: `"CODE": "words of it"`, or the same as a pair."""
    codes, found = set(catalogue.codes()) - {"UNREACHABLE"}, []  # that one is the name of a state too
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        pairs: list[tuple[ast.expr | None, ast.expr]] = []
        if isinstance(node, ast.Dict):
            pairs = list(zip(node.keys, node.values, strict=True))
        elif isinstance(node, ast.Tuple) and len(node.elts) == 2:
            pairs = [(node.elts[0], node.elts[1]), (node.elts[1], node.elts[0])]
        for key, value in pairs:
            if isinstance(key, ast.Constant) and key.value in codes:
                texts = [one.value for one in ast.walk(value) if isinstance(one, ast.Constant)]
                if any(isinstance(text, str) and " " in text for text in texts):
                    found.append(str(key.value))
    return found


def test_no_code_is_worded_twice() -> None:
    assert len(ROWS) > 200
    assert len({one["code"] for one in ROWS}) == len(ROWS)
    for folder in (PLUGINS / "plugin_utils", PLUGINS / "action", PLUGINS / "connection", ROOT / "src"):
        for file in folder.rglob("*.py"):
            assert worded(file) == [], file


def test_a_second_table_would_be_found(tmp_path: Path) -> None:
    file = tmp_path / "table.py"
    file.write_text(
        'A = {"DISK_FULL": ("the disk is full", "free it")}\nB = (("NO_WHEEL", r"no wheel|x"), ("a", "b"))\n'
    )
    assert worded(file) == ["DISK_FULL", "NO_WHEEL"]


def test_the_plan_and_the_report_give_the_same_next_step() -> None:
    for code in catalogue.codes():
        assert problems.problem(code, "").next_step == catalogue.remedy(code).next_step


@pytest.mark.parametrize("code", [one["code"] for one in ROWS if one["category"] == "apply"])
def test_the_reader_gets_the_cause_once_and_the_next_step_where_it_belongs(code: str) -> None:
    text = "Failed to download `six==1.16.0` from https://index.lab/simple/"
    found = uv_output.explain("packages", text, known=code if code != "UV_FAILED" else "ENVIRONMENT_FAILED")
    judged = verdict(changed("troubles", [{"code": found.code, "message": found.cause}]), {}, NOW)
    assert judged["cause"] == found.cause
    assert judged["next_step"] == found.next_step == catalogue.remedy(found.code).next_step
    assert found.line.lower() == f"{found.cause}; {found.next_step}".lower()


def endless(parsed: Any) -> list[str]:
    """What a pattern repeats without end over almost any letter."""
    found: list[str] = []
    for kind, value in parsed:
        if kind in (constants.MAX_REPEAT, constants.MIN_REPEAT):
            one, wide = value[2][0], (constants.CATEGORY, constants.CATEGORY_NOT_SPACE)
            of_any = one[0] in (constants.ANY, constants.NOT_LITERAL) or (
                one[0] is constants.IN and (one[1][0][0] is constants.NEGATE or wide in one[1])
            )
            found += [str(one)] * (value[1] is constants.MAXREPEAT and of_any) + endless(value[2])
        elif kind is constants.SUBPATTERN:
            found += endless(value[-1])
        elif kind is constants.BRANCH:
            found += [one for branch in value[1] for one in endless(branch)]
        elif kind in (constants.ASSERT, constants.ASSERT_NOT):
            found += endless(value[1])
    return found


def test_a_hostile_text_costs_no_more_than_its_length() -> None:
    """A pattern that runs on to the end of a line begins anew at each word of it: 40 kB would take seconds."""
    assert endless(parser.parse(r"a[^\n]*b|x(?:y.+)?"))
    assert not endless(parser.parse(r"a[^\n]{0,200}b|\d+[ \t]*"))
    for code, sayings in catalogue.sayings().items():
        for saying in sayings:
            for pattern in (saying.pattern, saying.condition):
                if pattern and not pattern.pattern.startswith(r"\A"):  # this begins once
                    assert endless(parser.parse(pattern.pattern, pattern.flags)) == [], code


@pytest.mark.parametrize("line", ["cuda error ", "Wsl/a/", "x" * 50_000 + "\n"])
def test_of_a_long_text_its_ends_are_read(line: str) -> None:
    flood = line * (400_000 // len(line))
    assert len(catalogue.cut(flood)) < 30_000
    assert catalogue.match(f"{flood}\nCUDA out of memory") == "OUT_OF_MEMORY"
    assert catalogue.match(f"CUDA out of memory\n{flood}") == "OUT_OF_MEMORY"


def test_numbers_from_one_to_another_are_all_of_them_or_a_mistake() -> None:
    wide = said({"channel": "wsl", "number": "0x80d00000-0x80d0ffff"})
    with pytest.raises(catalogue.CatalogueError, match="'0x80d00000-0x80d0ffff' is not a number from 1"):
        parsed(wide)
