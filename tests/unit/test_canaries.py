"""Who goes first of a kind, and when the others stay as they are."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import canaries
from ansible_collections.gpuready.lab.plugins.plugin_utils.canaries import Pc
from records import changed

READY, FAILED = {"state": "READY", "code": "TRAINED"}, {"state": "NOT_READY", "code": "LOCK_MISMATCH"}


def lab(**ends: str | None) -> list[Pc]:
    """PCs of one kind that ask for two: `None` waits, `there` has nothing to build, else its verdict."""
    kind = ("cuda", "RTX", "aa")
    return [
        Pc(name, kind, 2, how != "there" and how != "proven", str(how).startswith(("READY", "proven")),
           "" if how in (None, "there", "proven") else str(how))
        for name, how in ends.items()
    ]  # fmt: skip


def test_so_many_of_each_kind_go_first_in_the_order_of_the_inventory() -> None:
    others = [Pc(f"b{n}", ("cuda", "GTX", "aa"), 1, True, False, "") for n in range(3)]
    assert canaries.first([*lab(a1=None, a2=None, a3=None), *others]) == ["a1", "a2", "b0"]
    assert canaries.first([]) == []


def test_who_has_ended_or_has_nothing_to_build_is_no_canary() -> None:
    assert canaries.first(lab(off="UNREACHABLE HOST_OFF", there="there", a=None, b=None, c=None)) == ["a", "b"]


def test_what_is_proven_counts() -> None:
    assert canaries.first(lab(old="proven", a=None, b=None)) == ["a"]
    assert canaries.first(lab(old="proven", older="proven", b=None)) == []


def test_the_largest_number_of_a_kind_holds() -> None:
    some = [Pc(f"pc{n}", ("cuda", "RTX", "aa"), asked, True, False, "") for n, asked in enumerate((0, 0, 2, 0))]
    assert canaries.first(some) == ["pc0", "pc1"]


def test_a_pc_for_which_nothing_is_planned_is_of_no_kind() -> None:
    assert canaries.first([Pc("pc1", (), 3, False, False, "NOT_READY NO_STACK")]) == []


def test_the_others_follow_where_all_got_ready() -> None:
    assert canaries.shut(lab(a="READY TRAINED", b="READY TRAINED", c=None), ["a", "b"]) == {}


@pytest.mark.parametrize("how", ["NOT_READY LOCK_MISMATCH", "UNREACHABLE CONNECTION_CUT", "UNKNOWN NO_EVIDENCE", None])
def test_the_others_stay_where_one_did_not(how: str | None) -> None:
    others = [Pc("other", ("cuda", "GTX", "aa"), 2, True, False, "")]
    told = canaries.shut([*lab(a="READY TRAINED", b=how, c=None, there="there", off="UNREACHABLE X"), *others], "ab")
    assert told == {"c": f"cuda on RTX: b is {how or 'without a verdict'}"}


def test_of_many_that_failed_three_are_named() -> None:
    ends: dict[str, str | None] = {f"a{n}": "NOT_READY X" for n in range(5)}
    (told,) = canaries.shut(lab(**ends, last=None), list(ends)).values()
    assert told.endswith("a0 is NOT_READY X, a1 is NOT_READY X, a2 is NOT_READY X, 2 more")


def test_who_goes_first_is_said_a_line_a_kind() -> None:
    assert canaries.plain(lab(a=None, b=None, c=None, there="there"), ["a", "b"]) == [
        "cuda on RTX: a, b first, then 1 more"
    ]


# --- a PC by its record -----------------------------------------------------------------------------------------------
NEEDED = [{"name": "python_environment", "needed": True, "reason": "it is not there"}]


def of(last: Any = None, verdict: Any = None, **more: Any) -> Pc:
    record = changed("plan.steps", more.get("steps", NEEDED))
    record["plan"]["environment"]["reference"] = more.get("reference", False)
    if verdict:
        record["verdict"] = verdict
    return canaries.pc(record, 2, last)


def test_a_kind_is_a_stack_its_lock_and_a_model() -> None:
    assert of().kind == ("tensorflow-directml-plugin", "AMD Radeon RX 6800", "aa")
    assert canaries.pc({"host": "pc1", "troubles": []}, 2).kind == ()  # type: ignore[typeddict-item]


def test_a_pass_counts_where_nothing_is_to_be_built() -> None:
    there = [{"name": "python_environment", "needed": False, "reason": "it is there"}]
    assert (of(READY, steps=there).ready, of(READY, steps=there).waits) == (True, False)
    assert (of(READY).ready, of(READY).waits) == (False, True)  # an older one's
    assert not of(FAILED, steps=there).ready


def test_what_a_plan_does_not_say_is_not_built_first() -> None:
    assert not of(steps=[]).to_build
    assert not of(steps="garbage").to_build


def test_a_verdict_of_the_run_is_the_last_word() -> None:
    assert (of(READY, FAILED).ready, of(READY, FAILED).ended) == (False, "NOT_READY LOCK_MISMATCH")
    assert of(None, {"state": "DEGRADED", "code": "SLOW"}).ready


def test_a_reference_that_trained_as_it_should_passed() -> None:
    trained = {"state": "NOT_READY", "code": "NO_GPU", "checks": [{"name": "loss"}]}
    assert of(None, trained, reference=True).ready
    assert not of(None, trained).ready
    assert not of(None, {**trained, "checks": []}, reference=True).ready
