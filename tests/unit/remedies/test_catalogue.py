"""Remedies: each known cause is found by what programs really print, and every code that we give has a next step."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import catalogue as remedies
from words import rows

ROOT = Path(__file__).resolve().parents[3]
PLUGINS = ROOT / "collections/ansible_collections/gpuready/lab/plugins"

SEEN = [(row["output"], row["code"]) for row in rows("causes.tsv")]


@pytest.mark.parametrize(("text", "code"), SEEN)
def test_a_known_cause_is_found_by_what_programs_print(text: str, code: str) -> None:
    assert remedies.match(text) == code
    assert remedies.match(text.upper()) == code, "case does not matter"
    assert remedies.match(f"some line before\n{text}\nsome line after") == code


def test_every_cause_that_was_collected_is_there() -> None:
    assert len({row["cause"] for row in rows("causes.tsv")} - {"-"}) == 62


def test_other_words_stand_for_nothing() -> None:
    assert remedies.match("all is well") is None
    assert remedies.match("") is None
    opened = "Successfully opened dynamic library "
    assert remedies.match(opened + r"C:\Windows\directml.dll" + "\nfailed") is None
    assert remedies.match(opened + "libdirectml.d6f03b303ac3c4f2eeb8ca631688c9757b361310.so") is None


def test_noise_never_hides_a_cause() -> None:
    noise = "misc dxg: dxgk: dxgkio_query_adapter_info: Ioctl failed: -22\n"
    assert remedies.match(noise + "CUDA out of memory") == "OUT_OF_MEMORY"
    assert remedies.match(noise + "ImportError: x") == "FRAMEWORK_IMPORT"
    assert remedies.remedy("DXG_NOISE").severity == remedies.NOTE


def wsl_errors() -> list[list[str]]:
    with (ROOT / "tests/data/wsl_error_codes.tsv").open(encoding="utf-8") as file:
        return list(csv.reader(file, delimiter="\t"))


@pytest.mark.parametrize(("name", "number"), wsl_errors())
def test_every_error_of_wsl_is_known_by_name_and_number(name: str, number: str) -> None:
    code = remedies.match(f"Error code: Wsl/Service/{name}")
    assert code is not None
    assert remedies.match(f"Wsl/Service/CreateInstance/{number}") == code
    assert remedies.match(f"(Fehlercode: Wsl/Service/{number.lower()})") == code
    assert remedies.remedy(code).category == "wsl"


def test_the_numbers_of_wsl_are_forty_and_more() -> None:
    assert len(wsl_errors()) > 40


def given_codes() -> set[str]:
    """The codes that stand in the sources where a trouble, a blocker or a problem is made."""
    calls = re.compile(
        r"""(?:Stop-With\s+|Failure\s+|Trouble\(|RequestError\(|problem\((?:\w+,\s*)?|malformed\(|_failed\(result,\s*|failed\(|"code":\s*|code\s*=\s*|Stop\()["']([A-Z][A-Z0-9_]{3,})["']"""
    )
    found: set[str] = set()
    for path in [
        *PLUGINS.rglob("*.py"),
        *PLUGINS.rglob("*.ps1"),
        *PLUGINS.rglob("*.psm1"),
        PLUGINS.parent / "trainer/trainer.py",
    ]:
        found.update(calls.findall(path.read_text(encoding="utf-8")))
    return found - {"NEEDS"}  # not an end: the module asks the controller for files


def test_every_code_that_is_given_anywhere_has_its_remedy() -> None:
    given = given_codes()
    assert len(given) > 60
    assert sorted(given - set(remedies.codes())) == []


def test_every_code_has_a_cause_a_next_step_a_severity_and_a_category() -> None:
    for code in remedies.codes():
        found = remedies.remedy(code)
        assert re.fullmatch(r"[A-Z][A-Z0-9_]*", code)
        assert found.code == code
        assert len(found.cause.split()) > 1, code
        assert not found.cause.endswith("."), code
        assert found.next_step.endswith((".", ")")) or code == "TRAINED", (code, found.next_step)
        assert found.severity in ("ok", "note", "warning", "error"), code
        assert found.category in (
            "connection",
            "evidence",
            "plan",
            "apply",
            "training",
            "framework",
            "wsl",
            "verdict",
        ), code
    assert [code for code in remedies.codes() if remedies.remedy(code).severity == "ok"] == ["TRAINED"]


def test_a_code_that_nobody_described_still_has_a_next_step() -> None:
    found = remedies.remedy("NEVER_HEARD_OF")
    assert (found.cause, found.code) == ("never heard of", "NEVER_HEARD_OF")
    assert found.next_step
    assert remedies.remedy("").cause


def test_a_drivers_update_is_no_answer_to_everything() -> None:
    """It comes first only where what was seen is about the driver."""
    of_driver = re.compile(r"(Update|Install|Reinstall) (a |the |current |another )*(\S+ ){0,4}driver", re.IGNORECASE)
    for code in remedies.codes():
        found = remedies.remedy(code)
        first = re.split(r"(?<=\.) ", found.next_step)[0]
        if found.category in ("training", "verdict") or found.cause.endswith("not known here"):
            assert not of_driver.search(first), (code, first)
