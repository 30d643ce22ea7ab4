"""The one reader of what may be anything: what each function takes, and that nothing makes one raise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import reading
from documents import HOSTILE

ANYTHING: list[Any] = [
    None, True, False, 0, -1, 1, 2**63, 2**64, 10**400, 0.0, 1.5, -2.0, float("nan"), float("inf"), "", " ", "x", "\0",
    "\ud800", "9" * 5000, "²", "1e9", b"x", object(), {1, 2}, (1,), [], [None], [[]], {}, {1: 2}, {"a": None},
]  # fmt: skip
READERS = [
    *(reading.text, reading.line, reading.code, reading.flag, reading.is_no, reading.integer, reading.whole),
    *(reading.number, reading.section, reading.items, reading.said, reading.shown, reading.all_shown, reading.as_json),
]


@pytest.mark.parametrize("reader", READERS)
def test_nothing_raises(reader: Any) -> None:
    for value in [*ANYTHING, *HOSTILE]:
        reader(value)
        reader([value])
        reader({"a": value})


@pytest.mark.parametrize(
    ("reader", "value", "found"),
    [
        (reading.text, "  two\n  lines ", "two\n  lines"),
        (reading.text, "\0a\0", "a"),
        (reading.text, "\ud800", "?"),
        (reading.text, " ", None),
        (reading.text, 5, None),
        (reading.line, "AMD  Radeon\n RX", "AMD Radeon RX"),
        (reading.line, "\0 ", None),
        (reading.code, "NO_GPU", "NO_GPU"),
        (reading.code, "no gpu", None),
        (reading.code, "NO_GPU\n", None),
        (reading.flag, False, False),
        (reading.flag, 0, None),
        (reading.flag, "true", None),
        (reading.is_no, "No", True),
        (reading.is_no, None, True),
        (reading.is_no, "perhaps", False),
        (reading.integer, " 12 ", 12),
        (reading.integer, "-5", -5),
        (reading.integer, 3.0, 3),
        (reading.integer, 3.5, None),
        (reading.integer, True, None),
        (reading.integer, 2**64, None),
        (reading.integer, "²", None),
        (reading.whole, -1, None),
        (reading.whole, "22631", 22631),
        (reading.number, 3, 3.0),
        (reading.number, "inf", float("inf")),
        (reading.number, "3", None),
        (reading.number, True, None),
        (reading.number, 10**400, None),
        (reading.items, [{"a": 1}, 5, {}], [{"a": 1}, {}]),
        (reading.items, {"a": 1}, []),
        (reading.said, 0, "0"),
        (reading.said, True, None),
        (reading.said, 1.5, None),
        (reading.said, "Task failed: a\tb \x1b[31m", "a b [31m"),
        (reading.said, "password: geheim", "password: ***"),
        (reading.shown, True, "yes"),
        (reading.shown, 1.50, "1.5"),
        (reading.shown, "a\x1b b\n c", "a\ufffd b c"),
        (reading.shown, "password: geheim", "password: geheim"),
        (reading.all_shown, ["a", "", None, 5], ["a", "5"]),
        (reading.all_shown, "ab", []),
    ],
)
def test_what_each_reader_takes(reader: Any, value: Any, found: Any) -> None:
    assert (reader(value), type(reader(value))) == (found, type(found))


def test_a_section_within_a_section() -> None:
    record = {"plan": {"adapter": {"name": "x"}, "steps": []}}
    assert reading.section(record, "plan", "adapter") == {"name": "x"}
    assert reading.section(record, "plan", "steps") == {}
    assert reading.section(record, "apply", "environment") == {}
    assert reading.section(record) == record
    assert reading.section(None) == {}


def test_what_a_program_said_is_cut_to_its_length() -> None:
    assert len(reading.one_line("x" * 1000)) == 300
    assert reading.one_line("x" * 1000, 5) == "xxxx…"


@pytest.mark.parametrize("text", ["{", "NaN", "1e999", "[" * 30 + "]" * 30, "[" * 100_000])
def test_json_that_cannot_be_written_again_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        reading.parsed(text)
    assert reading.parsed('{"\\ud800": ["\\ud800", 1]}') == {"?": ["?", 1]}


def test_every_value_fits_json() -> None:
    odd = {
        "a": float("nan"),
        1: float("-inf"),
        "b": {2, 1},
        "c": (1, b"x"),
        "d": "\ud800",
        "e": 10**400,
        "f": object,
        "g": 1e999,
    }
    found = reading.as_json(odd)
    assert json.loads(json.dumps(found, allow_nan=False).encode()) == found
    assert (found["a"], found["1"], found["d"], found["e"]) == ("nan", "-inf", "?", None)
    deep: Any = "x"
    for _ in range(500):
        deep = [deep]
    assert json.dumps(reading.as_json(deep))


@pytest.mark.parametrize(
    ("value", "words"),
    [(17163091968, "16.0 GiB"), (2**30, "1.0 GiB"), (2**30 - 1, "1024 MiB"), (2**26, "64 MiB"), (0, "0 MiB")],
)
def test_bytes_are_told_in_what_fits(value: int, words: str) -> None:
    assert reading.shown_bytes(value) == words


@pytest.mark.parametrize("value", [*HOSTILE, "a\u2028b", "\x9b31m", "\ufeff", None, [], {}, True, 1.5, 10**500])
def test_a_shown_text_is_one_printable_line(value: Any) -> None:
    assert reading.shown(value).isprintable()
    assert reading.shown(value) == reading.shown(value).strip()
