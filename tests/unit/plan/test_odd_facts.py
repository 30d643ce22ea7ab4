"""The plan is total and deterministic: no facts, however odd, make it raise or promise something."""

import copy
import json
import random
from pathlib import Path

import pytest
import yaml
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan import steps as plan_steps
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan.wishes import (
    ENVIRONMENTS,
    EXPERIENCES,
    LIBRARIES,
    Wishes,
)
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import files as stackfiles
from plans import plan

PCS = yaml.safe_load((Path(__file__).parents[2] / "data" / "plan" / "pcs.yml").read_text())
STACKS = stackfiles.load()
# fmt: off
ODD = [
    None, "", " ", "?", 0, -1, 1, 2**70, 10**400, 1.5, float("nan"), float("inf"), True, False, [], {}, [None], [[]],
    {"a": None}, "9" * 5000, "1." * 200, "\udcff", "N/A", b"x", "x86_64", "nvidia", "580.97", {1: 2},
    "32.0.15.99999999999999999999999",
]
# fmt: on


def whole(base, adapters):
    facts = copy.deepcopy(PCS["bases"][base])
    facts["adapters"] = [
        {"index": i, "id": str(i), **copy.deepcopy(PCS["adapters"][one])} for i, one in enumerate(adapters)
    ]
    return facts


def places(value, at=()):
    """Every place in nested facts, for a value to be put in."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*at, key))


def put(facts, at, value):
    if not at:
        return value
    for key in at[:-1]:
        facts = facts[key]
    facts[at[-1]] = value
    return None


def check(facts, wished=None):
    found = plan(facts, wished or Wishes(), STACKS)
    assert found.blockers if found.stack is None else found.reasons
    assert found == plan(copy.deepcopy(facts), wished or Wishes(), STACKS)
    json.dumps(vars(found))
    assert plan_steps.summary(vars(found))
    return found


@pytest.mark.parametrize("facts", [*ODD, {"os": None}, {"os": {"family": "windows"}}, {"os": {"family": "linux"}}])
def test_no_facts_to_speak_of(facts):
    assert check(facts).blockers


@pytest.mark.parametrize("base", ["windows", "linux", "guest"])
def test_each_place_of_the_facts_may_hold_anything(base):
    adapters = {"windows": ["uhd630", "rtx4090"], "linux": ["a100_linux"], "guest": ["rtx4090"]}[base]
    pattern = whole(base, adapters)
    for at in places(pattern):
        for value in ODD:
            facts = copy.deepcopy(pattern)
            changed = put(facts, at, value)
            check(changed if not at else facts, Wishes("professional"))


def test_null_everywhere():
    for base in ("windows", "linux", "guest"):
        pattern = whole(base, ["rtx4090"])

        def emptied(value):
            if isinstance(value, dict):
                return {key: emptied(inner) for key, inner in value.items()}
            return [emptied(inner) for inner in value] if isinstance(value, list) else None

        facts = emptied(pattern)
        assert check(facts).blockers
        facts["os"]["family"] = pattern["os"]["family"]
        assert check(facts).blockers


def test_many_broken_pcs():
    chance = random.Random(20261123)
    for _ in range(1500):
        base = chance.choice(["windows", "linux", "guest"])
        facts = whole(base, chance.choices(list(PCS["adapters"]), k=chance.randrange(4)))
        for _ in range(chance.randrange(6)):
            at = chance.choice(list(places(facts))[1:])
            put(facts, at, chance.choice(ODD))
        wished = Wishes(
            chance.choice(EXPERIENCES),
            chance.choice(LIBRARIES),
            chance.choice(ENVIRONMENTS),
            chance.choice(["auto", *STACKS]),
            chance.choice(["auto", "0", "nvidia", "radeon", "9" * 5000, "²"]),
            chance.random() < 0.5,
        )
        found = check(facts, wished)
        assert wished.stack in ("auto", found.stack) or found.stack is None
        assert wished.environment in ("any", found.target) or found.stack is None


def test_the_facts_are_left_as_they_are():
    facts = whole("windows", ["uhd630", "rtx4090"])
    before = copy.deepcopy(facts)
    plan(facts, Wishes(), STACKS)
    assert facts == before


def test_unknown_is_never_taken_for_fine():
    """Each fact that a plan stands on, once unknown, is a blocker or a warning."""
    for at in (("os", "build"), ("os", "architecture"), ("os", "family"), ("adapters",), ("adapters", 0, "status")):
        facts = whole("windows", ["rx6800"])
        put(facts, at, None)
        assert check(facts).blockers, at
    for at in (("machine", "memory_bytes"), ("disk", "free_bytes")):
        facts = whole("windows", ["rx6800"])
        put(facts, at, None)
        assert any("not known" in warning for warning in check(facts).warnings), at
    for at in (("adapters", 0, "compute_capability"), ("adapters", 0, "driver")):
        facts = whole("linux", ["a100_linux"])
        put(facts, at, None)
        assert check(facts).blockers, at


@pytest.mark.parametrize(("base", "adapters"), [("windows", ["rtx4090"]), ("linux", []), ("guest", [])])
def test_a_folder_that_others_may_write_stands_in_the_way(base, adapters):
    facts = whole(base, adapters)
    code = "HOME_NOT_OURS"
    assert code not in {one["code"] for one in plan(facts, Wishes(), STACKS).blockers}
    cause = r"C:\ProgramData\gpuready belongs to S-1-5-21-1-2-3-1001"
    facts["problems"] = [{"piece": "environments", "code": code, "message": cause}]
    (blocker,) = [one for one in plan(facts, Wishes(stack="cpu"), STACKS).blockers if one["code"] == code]
    assert blocker["cause"] == cause
    assert "remove gpuready's folder as administrator" in blocker["next_step"]
