"""Every code has a part in the page of codes, and a way by which it is reached."""

from __future__ import annotations

import re
from pathlib import Path

import asserted
import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import catalogue, page
from words import rows

from gpuready import codes
from gpuready.errors import GpureadyError

ROOT = Path(__file__).resolve().parents[3]
PLUGINS = ROOT / "collections/ansible_collections/gpuready/lab/plugins"
REACHED = rows("reached.tsv")
SPELLED = {
    "number": "failed with 0x{0:08X} there",
    "win32": "[WinError {0}] Wörter",
    "errno": "[Errno {0}] words",
    "cuda": "CUDA runtime error ({0}) : words",
}


def test_the_page_is_made_from_the_codes() -> None:
    assert (ROOT / "docs/codes.md").read_text(encoding="utf-8") == page.text(), "run make codes"


@pytest.mark.parametrize("code", catalogue.codes())
def test_every_code_can_be_explained(code: str) -> None:
    found, remedy = codes.find(code), catalogue.remedy(code)
    assert found.cause.lower() == f"{remedy.cause}.".lower()
    assert found.next_step == remedy.next_step
    assert found.text.startswith(f"## {code}\n")


def test_what_is_no_code_is_told_with_what_is_near() -> None:
    with pytest.raises(GpureadyError, match=r"DISC_FULL: gpuready gives no such code: do you mean DISK_FULL"):
        codes.find("DISC_FULL")
    assert codes.is_code("DISK_FULL")
    assert codes.is_code("disk_full")
    assert codes.find("disk_full") == codes.find("DISK_FULL")
    assert not codes.is_code("pc07")
    assert not codes.is_code("pc07.json")
    assert not codes.is_code("reports/PC.json")


@pytest.mark.parametrize("row", REACHED, ids=[f"{row['code']}-{number}" for number, row in enumerate(REACHED)])
def test_a_code_is_reached_by_words(row: dict[str, str]) -> None:
    assert catalogue.match(row["words"], row["channel"], phase=row["phase"]) == row["code"]


def numbered() -> list[tuple[str, str, str]]:
    """(channel, text, code) for each number and name that needs no words beside it."""
    found = []
    for code, sayings in catalogue.sayings().items():
        for saying in sayings:
            channel = sorted(saying.channels)[0]
            if saying.condition or saying.phase or channel == "exit":
                continue
            ends = [value for value in sorted(saying.numbers) if value[0] in SPELLED]
            texts = [SPELLED[kind].format(value) for kind, value in ends[:40]]
            found += [(channel, text, code) for text in [*texts, *(f"it says {name}" for name in saying.names)]]
    return found


@pytest.mark.parametrize(("channel", "text", "code"), numbered())
def test_a_code_is_reached_by_its_numbers_and_names(channel: str, text: str, code: str) -> None:
    assert catalogue.match(text, channel) == code


def test_an_exit_code_reaches_its_code() -> None:
    for code, sayings in catalogue.sayings().items():
        for saying in sayings:
            for kind, value in saying.numbers if "exit" in saying.channels else ():
                assert catalogue.by_number(value, kind) == code


def by_words() -> set[str]:
    """The codes that a test reaches by what a program says, by a number, or by the code with which it ended."""
    reached = {row["code"] for table in ("causes.tsv", "troubles.tsv", "reached.tsv") for row in rows(table)}
    reached |= {row["codes"] for row in rows("field_cases/more.tsv")}  # one that may have several names none
    reached |= {code for _, _, code in numbered()}
    return reached | {code for code, told in catalogue.sayings().items() if any("exit" in one.channels for one in told)}


def by_assertion() -> set[str]:
    """The codes that some test expects of what it did, and the answers of the table of plans."""
    tests = [file for file in (ROOT / "tests").rglob("*.py") if file.parent != Path(__file__).parent]
    expected = {code for file in tests for code in asserted.codes(file.read_text(encoding="utf-8"))}
    lines = (ROOT / "tests/data/plan/table.txt").read_text(encoding="utf-8").splitlines()
    answers = [line.split("|")[1:] for line in lines if not line.startswith("#")]
    return expected | set(re.findall(r"\b[A-Z][A-Z0-9_]{2,}\b", str(answers)))


WORDS, ASSERTED = by_words(), by_assertion()


@pytest.mark.parametrize("code", catalogue.codes())
def test_every_code_has_an_example_that_reaches_it(code: str) -> None:
    """What programs say needs their words, a number or an exit code; what we give, a test that ends with it."""
    said = code in catalogue.sayings()
    assert code in (WORDS if said else ASSERTED), "add its words to tests/data/reached.tsv, or a test that ends with it"


def test_a_code_that_is_named_alone_is_not_reached() -> None:
    """The reader of assertions tells what is expected from what is given, denied or told in passing."""
    source = """
TABLE = [("given", "EXPECTED_IN_TABLE"), ("GIVEN_IN_TABLE", "x")]
ENDS = {"pc": ({"faults": [{"code": "GIVEN_TO_A_RUN"}]}, "NOT_READY ENDED_SO")}

@pytest.mark.parametrize(("words", "code"), TABLE)
def test_one(words, code):
    "TOLD_IN_PASSING"
    assert look(words) == code

def test_two():
    record = {"code": "GIVEN_CODE"}
    assert judge(record, "HANDED_OVER")["code"] == "EXPECTED"
    assert judge(record)["code"] != "DENIED"
    assert [one["code"] for one in found] == ["EXPECTED_FIRST", "EXPECTED_SECOND"]
    assert "FOUND_IN" in found
"""
    assert asserted.codes(source) == {
        "EXPECTED_IN_TABLE", "ENDED_SO", "EXPECTED", "EXPECTED_FIRST", "EXPECTED_SECOND", "FOUND_IN"
    }  # fmt: skip
