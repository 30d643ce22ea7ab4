"""The decision table: experience x vendor x library x environment, each line of tests/data/plan/table.txt."""

import itertools
from pathlib import Path

import pytest
import yaml
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan import guest, wishes
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import catalogue as remedies
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import files as stackfiles
from plans import GIVEN, plan

DATA = Path(__file__).parents[2] / "data" / "plan"
PCS = yaml.safe_load((DATA / "pcs.yml").read_text())
STACKS = stackfiles.load()
WHOLE = {"count": 0, "missing": [], "changed": []}


def pc(base, *adapters):
    found = [{"index": i, "id": f"PCI\\{i}", **PCS["adapters"][name]} for i, name in enumerate(adapters)]
    return {**PCS["bases"][base], "adapters": found}


def rows():
    for number, line in enumerate((DATA / "table.txt").read_text().splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            left, guides, bare = (part.strip() for part in line.split("|"))
            yield pytest.param(left.split(), guides, guides if bare == "=" else bare, id=f"line{number}")


def answer(found):
    codes = [blocker["code"] for blocker in found.blockers]
    if found.stack is None:
        return " ".join(["-", *codes])
    return " ".join([found.stack, found.target, *("!" + code for code in codes)])


@pytest.mark.parametrize(("left", "guides", "bare"), list(rows()))
def test_table(left, guides, bare):
    base, adapter, experience, library, environment, linux = left
    facts = pc(base, *([] if adapter == "none" else [adapter]))
    prefer = "maintained" if "M" in linux else "guides"
    wished = wishes.Wishes(experience, library, environment, knows_linux="L" in linux, prefer=prefer)
    for given, wanted in ((GIVEN, guides), (guest.Given(), bare)):
        found = plan(facts, wished, STACKS, given)
        assert answer(found) == wanted
        check_whole(found)


def check_whole(found):
    """What holds for every plan: reasons for what was chosen, and one for each stack and target that was not."""
    others = {(one["stack"], one["target"]) for one in found.rejected}
    assert all(one["reasons"] and all(one["reasons"]) for one in found.rejected)
    assert (found.stack, found.target) not in others
    for stack in STACKS.values():
        assert {(stack.name, target) for target in stack.targets} - others <= {(found.stack, found.target)}
    for blocker in found.blockers:
        assert blocker["code"] in remedies.codes()
        assert blocker["cause"]
        assert blocker["next_step"].endswith(".")
    if found.stack is None:
        assert found.blockers
        assert (found.target, found.environment, found.adapter, found.steps, found.variant) == (
            None,
            None,
            None,
            [],
            None,
        )
    else:
        assert found.reasons
        names = [step["name"] for step in found.steps]
        assert names == ["wsl", "gpu_driver", "cuda", "python_environment", "verify"]
        if not found.blockers:
            assert found.environment["lock_sha256"]


@pytest.mark.parametrize("base", ["windows", "linux", "guest"])
def test_every_combination_holds_together(base):
    adapters = [*PCS["adapters"], None]
    axes = (wishes.EXPERIENCES, wishes.LIBRARIES, wishes.ENVIRONMENTS, (False, True), ("auto", *STACKS))
    for adapter in adapters:
        facts = pc(base, *([adapter] if adapter else []))
        nvidia = adapter is not None and facts["adapters"][0]["vendor"] == "nvidia"
        # every seventh of them, shifted by the adapter: all values of all axes meet, in a second
        combinations = itertools.islice(itertools.product(*axes), adapters.index(adapter) % 7, None, 7)
        for experience, library, environment, linux, stack in combinations:
            wished = wishes.Wishes(experience, library, environment, stack, "auto", linux)
            found = plan(facts, wished, STACKS)
            check_whole(found)
            assert environment in ("any", found.target) or found.stack is None
            assert stack in ("auto", found.stack) or found.stack is None
            if found.stack is not None and library != "any":
                assert library in STACKS[found.stack].libraries
            if found.stack is not None:
                assert nvidia or found.stack != "cuda"
                assert base == "windows" or base == "guest" or "directml" not in found.stack
                assert (base == "windows") or (found.target == {"linux": "linux", "guest": "wsl"}[base])
            if found.environment and not nvidia:
                assert "cuda" not in found.environment["lock"]


def test_reasons_say_why_the_plugin_and_not_the_stack_of_the_guides():
    found = plan(pc("windows", "rx6800"), wishes.Wishes(), STACKS)
    assert "Python 3.7" in found.reasons[0]
    assert any("discontinued" in warning for warning in found.warnings)
    rejected = {(one["stack"], one["target"]): one["reasons"] for one in found.rejected}
    assert any("comes before it" in reason for reason in rejected["tensorflow-directml", "windows"])
    assert any("NVIDIA" in reason for reason in rejected["cuda", "wsl"])


def test_a_stack_at_its_end_says_what_it_costs_and_what_is_maintained():
    (told,) = (
        one for one in plan(pc("windows", "rtx4090"), wishes.Wishes(), STACKS).warnings if "is discontinued" in one
    )
    assert "costs security fixes" in told
    assert told.endswith("its maker maintains cuda (WSL 2): gpuready_prefer: maintained chooses it")
    (told,) = (
        one for one in plan(pc("windows", "rx6800"), wishes.Wishes(), STACKS).warnings if "is discontinued" in one
    )
    assert "maintains" not in told  # nothing that is maintained trains on this GPU
    found = plan(pc("windows", "rx6800"), wishes.Wishes(prefer="maintained"), STACKS)
    assert found.life == "frozen"
    assert "of those that fit none is maintained" in found.reasons[1]


def test_the_guides_way_to_wsl_is_said_when_it_is_not_taken():
    found = plan(pc("windows", "rx6800"), wishes.Wishes("student", "tensorflow", knows_linux=True), STACKS)
    assert found.target == "windows"
    assert any("WSL 2" in reason and "knows Linux" not in reason for reason in found.reasons)


def test_cuda_in_wsl_names_the_native_way_out():
    found = plan(pc("windows", "rtx4090"), wishes.Wishes("professional"), STACKS)
    assert [one["code"] for one in found.blockers] == ["WSL_NOT_INSTALLED", "WSL_NO_ARCHIVE"]
    assert all("tensorflow-directml-plugin trains natively" in one["next_step"] for one in found.blockers)
    assert {step["name"]: step["needed"] for step in found.steps} == {
        "wsl": True,
        "gpu_driver": False,
        "cuda": False,
        "python_environment": True,
        "verify": True,
    }


def test_a_current_environment_needs_nothing_but_the_proof():
    facts = pc("windows", "rx6800")
    first = plan(facts, wishes.Wishes(), STACKS)
    mine = {"stack": first.stack, "lock_sha256": first.environment["lock_sha256"], "path": "x", "state": "current"}
    mine["damage"] = WHOLE
    needed = {
        step["name"]
        for step in plan({**facts, "environments": [mine]}, wishes.Wishes(), STACKS).steps
        if step["needed"]
    }
    assert needed == {"verify"}
    for change in ({"state": "building"}, {"lock_sha256": "0" * 64}, {"stack": "cpu"}, {"damage": None}):
        steps = plan({**facts, "environments": [{**mine, **change}]}, wishes.Wishes(), STACKS).steps
        assert {step["name"] for step in steps if step["needed"]} == {"verify", "python_environment"}


def test_an_environment_that_is_built_and_not_proven_needs_the_proof_alone():
    facts = pc("windows", "rx6800")
    first = plan(facts, wishes.Wishes(), STACKS)
    mine = {"stack": first.stack, "lock_sha256": first.environment["lock_sha256"], "path": "x", "state": "old"}
    (step,) = (
        step
        for step in plan({**facts, "environments": [{**mine, "damage": WHOLE}]}, wishes.Wishes(), STACKS).steps
        if step["name"] == "python_environment"
    )
    assert (step["needed"], "no training has proved it" in step["reason"]) == (False, True)


@pytest.mark.parametrize("state", ["current", "old"])
def test_a_damaged_environment_is_built_anew(state: str) -> None:
    facts = pc("windows", "rx6800")
    first = plan(facts, wishes.Wishes(), STACKS)
    mine = {"stack": first.stack, "lock_sha256": first.environment["lock_sha256"], "path": "x", "state": state}
    lost = {"count": 8, "missing": ["DirectML.dll"], "changed": ["a.py", "b.py"], "hashes": False}
    steps = plan({**facts, "environments": [{**mine, "damage": lost}]}, wishes.Wishes(), STACKS).steps
    (step,) = (step for step in steps if step["name"] == "python_environment")
    assert step["needed"] is True
    assert "is damaged (missing: DirectML.dll; changed: a.py, b.py and 5 more)" in step["reason"]


@pytest.mark.parametrize("windows", [{"installed": False}, {"installed": None}, None])
@pytest.mark.parametrize(("own", "said"), [(True, ""), (False, "is missing"), (None, "is not known")])
def test_an_environment_that_brings_the_runtime_needs_none_of_windows(
    windows: dict[str, bool | None] | None, own: bool | None, said: str
) -> None:
    facts = pc("windows", "rx6800")
    first = plan(facts, wishes.Wishes(), STACKS)
    mine = {"stack": first.stack, "lock_sha256": first.environment["lock_sha256"], "path": "x", "state": "current"}
    mine["damage"] = WHOLE
    there = {**facts, "environments": [{**mine, "vc_runtime": own}], "vc_runtime": windows}
    steps = {step["name"]: step for step in plan(there, wishes.Wishes(), STACKS).steps}
    assert steps["python_environment"]["needed"] is (own is not True)
    assert said in steps["python_environment"]["reason"]
