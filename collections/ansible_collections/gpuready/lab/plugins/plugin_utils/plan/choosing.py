# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What shall become of a PC, and why: a pure function of its facts, the lab's wishes and the stacks there are.

docs/plan.md tells the rules. No facts make it raise: what is not known is a blocker or a warning with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..facts.model import Adapter, Facts
from ..installers.model import Catalogue
from ..record import Plan, PlannedAdapter, Rejected
from ..stacks.model import Stack
from . import adapters as plan_adapters
from . import guest as plan_guest
from . import steps as plan_steps
from .checks import SIDES, TARGETS, Candidate, Situation, host_targets, no_adapter
from .installing import candidate, others
from .problems import Problem, problem
from .wishes import AUTO, Wishes

_UNRANKED = 10**6
_LIVES = ("maintained", "frozen", "discontinued")
_WHATEVER_ELSE = ("ARCHITECTURE_UNSUPPORTED", "OS_UNSUPPORTED")
_ASK_FOR_ANOTHER = ("NO_NVIDIA_GPU", "COMPUTE_CAPABILITY_TOO_LOW", "LICENCE_WINDOWS_ONLY", "GPU_PASSED_ON")


def plan(
    facts: Facts,
    wishes: Wishes,
    stacks: Mapping[str, Stack],
    guest: plan_guest.Given = plan_guest.NOTHING,
    installers: Catalogue | None = None,
    drivers_automated: bool = False,
    all_drivers: bool = False,
    downgrade: bool = False,
) -> Plan:
    """Choose the stack, its target, lock and GPU for a PC.

    `guest` is what the lab gives for a guest of WSL 2. Where a guest cannot be, a stack that runs natively too is
    planned natively, and one that does not carries the blocker.

    `installers` are the lab's drivers.yml. `drivers_automated` says whether the run installs from it: then a blocker
    that an installer mends is none. Otherwise it stays, and its next step names the installer. `all_drivers`: the GPUs
    beside the planned one get theirs too. `downgrade`: a pinned one may replace a newer one.
    """
    adapters, adapter_problem = plan_adapters.meant(wishes.adapter, facts.gpus or ())
    if facts.gpus is None:
        adapter_problem = None
    elif not facts.gpus and not facts.in_guest and adapter_problem is not None:
        adapter_problem = no_adapter()
    at = Situation(
        facts,
        wishes,
        adapters,
        adapter_problem,
        guest,
        installers,
        drivers_automated,
        all_drivers,
        downgrade,
    )
    here = host_targets(facts)
    candidates = [
        candidate(stacks[name], target, at)
        for name in sorted(stacks)
        for target in TARGETS
        if target in stacks[name].targets or target in here
    ]
    asked = wishes.stack != AUTO
    ordered = sorted(candidates, key=lambda one: _preference(one, at, asked))
    chosen = next((one for one in ordered if one.possible and (one.rule or asked)), None)
    # The processor's stack is no substitute that is worth setting WSL up for.
    if chosen is None or (_gpu_is_missed(ordered, at, asked) and not chosen.stack.vendors and chosen.problems):
        return _refused(ordered, at, asked, here)
    native = _native_way(chosen, ordered, at)
    blockers = [_with_way_out(blocker, native).as_dict() for blocker in _once(chosen.problems)]
    adapter, beside = chosen.choice.adapter, others(chosen, at)
    return Plan(
        target=chosen.target,
        stack=chosen.stack.name,
        life=chosen.stack.life_state,
        variant=chosen.variant.name if chosen.variant else None,
        adapter=_planned_adapter(adapter) if adapter else None,
        steps=plan_steps.steps(chosen, facts, guest, beside),
        driver=plan_steps.planned_driver(chosen),
        other_drivers=plan_steps.other_drivers(beside),
        environment=plan_steps.planned_environment(chosen, facts),
        reasons=_reasons(chosen, ordered, at, native),
        rejected=_rejected(ordered, chosen, at),
        blockers=blockers,
        warnings=plan_steps.warnings(chosen, facts, _maintained(chosen, ordered), beside),
        wishes=wishes.as_dict(),
    )


def _planned_adapter(adapter: Adapter) -> PlannedAdapter:
    return {"index": adapter.index, "id": adapter.id, "name": adapter.name, "vendor": adapter.vendor}


def _preference(contender: Candidate, at: Situation, asked: bool) -> tuple[Any, ...]:
    """Least first: the stack meant for these wishes, then the target in reach, then the target that is preferred."""
    another_was_asked = asked and contender.stack.name != at.wishes.stack
    rank = contender.rule.rank if contender.rule else _UNRANKED
    no_guest = any(plan_guest.is_of_guest(unmet.code) for unmet in contender.problems)
    order = ("wsl", "windows", "linux") if at.wishes.knows_linux else ("windows", "wsl", "linux")
    out_of_reach = contender.target not in host_targets(at.facts)
    kept = 0 if at.wishes.prefer == "guides" else _kept(contender.stack)
    return (
        another_was_asked,
        kept,
        rank,
        out_of_reach,
        no_guest,
        bool(contender.problems),
        order.index(contender.target),
        contender.stack.name,
    )


def _kept(stack: Stack) -> int:
    """How far a stack's makers look after it; a reference is no substitute for any that trains on a GPU."""
    return _LIVES.index(stack.life_state) if stack.vendors else len(_LIVES)


def _maintained(chosen: Candidate, ordered: list[Candidate]) -> Candidate | None:
    """The candidate that its maker maintains, where the chosen one is not."""
    if chosen.stack.life_state == _LIVES[0]:
        return None
    alive = (one for one in ordered if one.possible and one.rule and one.stack.life_state == _LIVES[0])
    return next((one for one in alive if one.stack.vendors), None)


def _reasons(chosen: Candidate, ordered: list[Candidate], at: Situation, native: str | None) -> list[str]:
    wishes = at.wishes
    reasons = []
    if wishes.stack != AUTO:
        reasons.append(f"{chosen.stack.title}: gpuready_stack asks for it")
    elif chosen.rule:
        reasons.append(f"{chosen.stack.title}: {chosen.rule.why}")
    if wishes.prefer != "guides" and not asked_for(wishes):
        state = {"maintained": "its maker maintains it", "frozen": "of those that fit none is maintained"}
        said = state.get(chosen.stack.life_state, "no other stack fits")
        reasons.append(f"gpuready_prefer: {wishes.prefer}: {said}")
    if chosen.choice.reason:
        reasons.append(chosen.choice.reason)
    if chosen.variant_reason:
        reasons.append(chosen.variant_reason)
    twin = next(
        (one for one in ordered if one.stack is chosen.stack and one is not chosen and one.possible and one.rule), None
    )
    if wishes.environment != "any":
        reasons.append(f"on {SIDES[chosen.target]}: gpuready_environment asks for it")
    elif twin is not None and at.facts.os.family == "windows" and chosen.target == "windows":
        if wishes.knows_linux:
            against = twin.problems[0].cause if twin.problems else "it comes first here"
            reasons.append(
                f"on native Windows: the guides send people who know Linux to WSL 2, but {against}, and the same stack "
                "trains natively (gpuready_environment: wsl insists)"
            )
        else:
            reasons.append(
                "on native Windows: nothing says that its user knows Linux, and nothing more has to be set up"
            )
    elif twin is not None and at.facts.os.family == "windows":
        reasons.append("in WSL 2: its user knows Linux")
    if native is not None:
        reasons.append(f"without WSL 2, {native} trains natively on this PC as it is (gpuready_environment: windows)")
    return reasons


def asked_for(wishes: Wishes) -> bool:
    """Whether the stack itself was named."""
    return wishes.stack != AUTO


def _native_way(chosen: Candidate, ordered: list[Candidate], at: Situation) -> str | None:
    """The stack that native Windows could train with at once while the chosen one waits for WSL 2."""
    if chosen.target != "wsl" or at.facts.os.family != "windows" or not chosen.problems or at.wishes.stack != AUTO:
        return None
    natively = [
        candidate(one.stack, "windows", replace(at, wishes=replace(at.wishes, environment="windows")))
        for one in ordered
        if one.target == "windows"
    ]
    return next((one.stack.name for one in natively if one.rule and not one.problems), None)


def _with_way_out(blocker: Problem, native: str | None) -> Problem:
    if not plan_guest.is_of_guest(blocker.code) or native is None or "gpuready_environment" in blocker.next_step:
        return blocker
    return replace(
        blocker, next_step=f"{blocker.next_step} Or set gpuready_environment to windows: {native} trains natively."
    )


def _rejected(ordered: list[Candidate], chosen: Candidate | None, at: Situation) -> list[Rejected]:
    """Every other stack and target with what stands against it; what merely comes later says so."""
    here = host_targets(at.facts)
    rejected: list[Rejected] = []
    for one in sorted(ordered, key=lambda item: (item.stack.name, TARGETS.index(item.target))):
        if one is chosen:
            continue
        reasons = [item.cause for item in _once(one.problems)]
        if one.possible and one.rule is None and at.wishes.stack == AUTO:
            reasons.append(f"it has to be asked for (gpuready_stack: {one.stack.name})")
        elif one.possible and chosen is not None and one.stack is chosen.stack:
            reasons.append(f"{SIDES[chosen.target]} comes first for this PC and these wishes")
        elif one.possible and chosen is not None:
            why = f": {one.rule.behind}" if one.rule and one.rule.behind else ""
            reasons.append(f"{chosen.stack.name} comes before it for these wishes{why}")
        rejected.append(
            {
                "stack": one.stack.name,
                "target": one.target,
                "here": one.target in here,
                "reasons": reasons or ["no GPU fits"],
            }
        )
    return rejected


def _refused(ordered: list[Candidate], at: Situation, asked: bool, here: tuple[str, ...]) -> Plan:
    """No stack: the blockers say what stands against the one that comes first, or against the wish that cannot be."""
    return Plan(
        target=None,
        stack=None,
        variant=None,
        adapter=None,
        steps=[],
        driver=None,
        other_drivers=[],
        environment=None,
        reasons=[],
        rejected=_rejected(ordered, None, at),
        blockers=[_checked(blocker, ordered, at).as_dict() for blocker in _once(_why(ordered, at, asked, here))],
        warnings=plan_steps.pc_warnings(at.facts) + plan_adapters.warnings(at.facts.gpus or (), None),
        wishes=at.wishes.as_dict(),
    )


def _gpu_is_missed(ordered: list[Candidate], at: Situation, asked: bool) -> bool:
    """Whether the PC has no GPU, and what is asked for needs one."""
    needs = not asked or any(one.stack.vendors for one in ordered if one.stack.name == at.wishes.stack)
    return at.facts.gpus == () and not at.facts.in_guest and needs


def _why(ordered: list[Candidate], at: Situation, asked: bool, here: tuple[str, ...]) -> list[Problem]:
    """Why nothing: that there is no GPU first, whatever else stands against the wish."""
    problems = _why_nothing(ordered, at, asked, here)
    return [no_adapter(), *problems] if here and _gpu_is_missed(ordered, at, asked) else problems


def _why_nothing(ordered: list[Candidate], at: Situation, asked: bool, here: tuple[str, ...]) -> list[Problem]:
    if not ordered:
        return [problem("NO_STACK", "there is no stack to choose from")]
    if at.facts.os.family is None:
        return [problem("FACTS_INCOMPLETE", "which operating system the PC has is not known")]
    if not here:
        return [problem("OS_UNSUPPORTED", f"the operating system {at.facts.os.family} is not supported")]
    if at.wishes.environment not in ("any", *here):
        has = " and ".join(SIDES[side] for side in here)
        cause = f"gpuready_environment asks for {SIDES[at.wishes.environment]}, and the PC has {has}"
        return [problem("TARGET_UNSUPPORTED", cause)]
    if at.adapter_problem is not None:
        return [at.adapter_problem]
    relevant = [
        one
        for one in ordered
        if one.target in here
        and at.wishes.environment in ("any", one.target)
        and (not asked or one.stack.name == at.wishes.stack)
        and (asked or one.rule is not None or at.wishes.library in one.stack.libraries)
        and one.problems
    ]
    if not relevant:
        return [problem("NO_STACK", "no stack is meant for these wishes on this PC")]
    relevant = [one for one in relevant if one.target in one.stack.targets] or relevant
    best = min(relevant, key=lambda one: (sum(blocker.fatal for blocker in one.problems), ordered.index(one)))
    fatal = [blocker for blocker in best.problems if blocker.fatal]
    # Where there are no packages for a PC, what its GPU is does not matter any more.
    return _once([blocker for blocker in fatal if blocker.code in _WHATEVER_ELSE] or fatal or best.problems)


def _checked(blocker: Problem, ordered: list[Candidate], at: Situation) -> Problem:
    """A next step that names another stack names one that can work on this very PC."""
    if blocker.code not in _ASK_FOR_ANOTHER:
        return blocker
    free = replace(at.wishes, stack=AUTO, library="any", environment="any")
    others = [candidate(one.stack, one.target, replace(at, wishes=free)) for one in ordered]
    ways = [one for one in others if one.target in host_targets(at.facts) and not one.problems and one.stack.vendors]
    if ways:
        best = min(ways, key=lambda one: one.rule.rank if one.rule else _UNRANKED)
        step = f"Set gpuready_stack to {best.stack.name}, which trains on {SIDES[best.target]} of this PC as it is."
    else:
        step = (
            "No stack here trains on this PC's GPU: use a PC with an NVIDIA GPU, or gpuready_stack: cpu as a reference."
        )
    return replace(blocker, next_step=step)


def _once(problems: Iterable[Problem]) -> list[Problem]:
    """Each problem once, in order: two conditions may find the same."""
    return list(dict.fromkeys(problems))
