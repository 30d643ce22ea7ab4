# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One stack on one target of one PC: can it run there, what stands in its way, and for whom is it meant."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..facts.model import Adapter, View, at_least
from ..stacks.model import TARGETS, Rule, Stack, Target, Variant
from .adapters import Choice, choose
from .problems import Problem, problem
from .variants import choose_variant
from .wishes import AUTO, Wishes

SIDES = {"windows": "native Windows", "wsl": "WSL 2", "linux": "Linux"}


@dataclass(frozen=True)
class Situation:
    """What every candidate of one PC shares. `adapters` are those that the wish leaves."""

    view: View
    wishes: Wishes
    adapters: tuple[Adapter, ...]
    adapter_problem: Problem | None
    wsl_automated: bool


@dataclass(frozen=True)
class Candidate:
    """A stack on a target; `rule` is null when nobody it is meant for has such a PC and such wishes."""

    stack: Stack
    target: str
    rule: Rule | None
    choice: Choice
    variant: Variant | None = None
    variant_reason: str = ""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    @property
    def possible(self) -> bool:
        """Whether something can be done to make it run."""
        return not any(found.fatal for found in self.problems)


def host_targets(view: View) -> tuple[str, ...]:
    """The sides that this PC has, seen from where it was looked at."""
    if view.family == "windows":
        return ("windows", "wsl")
    if view.family == "linux":
        return ("wsl",) if view.guest else ("linux",)
    return ()


def candidate(stack: Stack, name: str, at: Situation) -> Candidate:
    """Weigh one stack on one target."""
    choice = _choice(stack, at)
    rule = _rule(stack, name, at.wishes, choice.adapter)
    problems = list(_wished(stack, name, at))
    target = stack.targets.get(name)
    if target is None:
        problems.insert(0, _no_target(stack, name))
    if name not in host_targets(at.view):
        problems.append(_not_here(name, at.view))
    if target is None or any(found.fatal for found in problems):
        return Candidate(stack, name, rule, choice, problems=tuple(problems))
    problems += _machine(stack, target, at.view)
    gpu = _gpu(stack, target, choice, at)
    problems += gpu
    variant, reason = None, ""
    unseen = bool(stack.vendors) and choice.adapter is None and at.view.adapters is None
    if not unseen and not any(found.fatal or found in choice.problems for found in gpu):
        variant, reason, found = choose_variant(target, choice.adapter, linux=name == "linux")
        problems += found
    problems += _disk(stack, target, variant, at.view)
    if name == "wsl" and not at.view.guest:
        problems += _wsl(target, at)
    return Candidate(stack, name, rule, choice, variant, reason, tuple(problems))


def _choice(stack: Stack, at: Situation) -> Choice:
    if not stack.vendors:
        return Choice(None, "")
    found = choose(at.adapters, stack.vendors, at.wishes.adapter != AUTO)
    if at.view.passed_on and not at.view.adapters and len(stack.vendors) > 1 and at.wishes.adapter == AUTO:
        return Choice(at.view.passed_on, "the GPU is the one that Windows passes on through /dev/dxg")
    return found


def _rule(stack: Stack, target: str, wishes: Wishes, adapter: Adapter | None) -> Rule | None:
    def fits(values: tuple[str, ...], value: str | None) -> bool:
        return not values or value in values

    matching = [
        rule
        for rule in stack.serves
        if fits(rule.experience, wishes.experience)
        and fits(rule.library, wishes.library)
        and fits(rule.targets, target)
        and (adapter is None or fits(rule.vendors, adapter.vendor))
    ]
    return min(matching, key=lambda rule: rule.rank, default=None)


def _wished(stack: Stack, target: str, at: Situation) -> list[Problem]:
    found = []
    if at.wishes.stack not in (AUTO, stack.name):
        found.append(problem("NO_STACK", f"gpuready_stack asks for {at.wishes.stack}", fatal=True))
    if at.wishes.environment not in ("any", target):
        cause = f"gpuready_environment asks for {SIDES[at.wishes.environment]}"
        found.append(problem("TARGET_UNSUPPORTED", cause, fatal=True))
    if at.wishes.library != "any" and at.wishes.library not in stack.libraries:
        cause = f"gpuready_library asks for {at.wishes.library}, which {stack.name} does not bring ({stack.framework})"
        found.append(problem("LIBRARY_NOT_SERVED", cause, fatal=True))
    return found


def _no_target(stack: Stack, target: str) -> Problem:
    code = "LICENCE_WINDOWS_ONLY" if target == "linux" and "licensed for" in stack.platforms else "TARGET_UNSUPPORTED"
    return problem(code, f"{stack.name} does not run on {SIDES[target]}: {stack.platforms}", fatal=True)


def _not_here(target: str, view: View) -> Problem:
    if view.family == "windows":
        cause = "this is a Windows PC, not a Linux host"
    elif view.family == "linux":
        kind = "a WSL guest, looked at from inside" if view.guest else "a Linux host"
        cause = f"this is {kind}: it has no {SIDES[target]}"
    elif view.family is None:
        return problem("FACTS_INCOMPLETE", "which operating system the PC has is not known", fatal=True)
    else:
        return problem("OS_UNSUPPORTED", f"the operating system {view.family} is not supported", fatal=True)
    return problem("TARGET_UNSUPPORTED", cause, fatal=True)


def _machine(stack: Stack, target: Target, view: View) -> list[Problem]:
    found = []
    if view.architecture is None:
        found.append(problem("FACTS_INCOMPLETE", "the processor architecture is not known"))
    elif view.architecture not in stack.architectures:
        cause = f"{stack.name} has no packages for {view.architecture} (only for {', '.join(stack.architectures)})"
        found.append(problem("ARCHITECTURE_UNSUPPORTED", cause, fatal=True))
    if view.family == "windows" and target.min_windows_build is not None:
        if view.build is None:
            found.append(problem("FACTS_INCOMPLETE", "the build of Windows is not known"))
        elif view.build < target.min_windows_build:
            cause = (
                f"Windows build {view.build} is older than {target.min_windows_build}, which {SIDES[target.name]} needs"
            )
            found.append(problem("OS_BUILD_TOO_OLD", f"{cause} for {stack.name}"))
    if view.family == "linux" and target.min_glibc is not None and at_least(view.glibc, target.min_glibc) is False:
        cause = f"glibc {view.glibc} is older than {target.min_glibc}, which the packages of {stack.name} need"
        found.append(problem("GLIBC_TOO_OLD", cause))
    if view.guest and target.min_kernel is not None and at_least(view.kernel, target.min_kernel) is False:
        cause = f"the WSL kernel {view.kernel} is older than {target.min_kernel}, which the GPU in WSL 2 needs"
        found.append(problem("WSL_KERNEL_TOO_OLD", cause))
    return found


def _gpu(stack: Stack, target: Target, choice: Choice, at: Situation) -> list[Problem]:
    if not stack.vendors:
        return _no_gpu_meant(stack, at)
    found = []
    if at.view.guest:
        if at.view.dxg is False:
            found.append(problem("NO_DXG", "/dev/dxg, the GPU of a WSL 2 guest, is not there"))
        elif at.view.dxg is None:
            found.append(
                problem("FACTS_INCOMPLETE", "whether /dev/dxg, the GPU of a WSL 2 guest, is there is not known")
            )
    if at.adapter_problem is not None:
        return [*found, at.adapter_problem]
    if choice.adapter is None:
        return found + _no_gpu(stack, at)
    if choice.adapter.driver_model == "TCC" and target.name != "linux":
        way = "CUDA in WSL 2" if target.name == "wsl" and stack.vendors == ("nvidia",) else stack.name
        cause = f"{choice.adapter.name} is in TCC mode, in which {way} cannot reach it"
        return [*found, problem("TCC_MODE", cause, fatal=True)]
    found += choice.problems
    need = target.min_drivers.get(choice.adapter.vendor)
    if need is not None and not choice.problems:
        found += driver_problem(choice.adapter, need, stack.name, linux=target.name == "linux")
    return found


def _no_gpu_meant(stack: Stack, at: Situation) -> list[Problem]:
    """A stack for the processor does not replace a GPU that the lab asks for."""
    if at.wishes.adapter == AUTO:
        return []
    if at.adapter_problem is not None:
        return [at.adapter_problem]
    cause = f"gpuready_adapter asks for {at.wishes.adapter!r}, and {stack.name} trains on the processor"
    return [problem("ADAPTER_UNSUITABLE", cause, fatal=True)]


def _no_gpu(stack: Stack, at: Situation) -> list[Problem]:
    if at.view.adapters is None:
        return [problem("FACTS_INCOMPLETE", "which GPUs the PC has is not known")]
    if not at.view.adapters:
        if at.view.guest and len(stack.vendors) > 1:
            return []  # a guest does not show the vendor: /dev/dxg is the GPU, and training tells which
        if stack.vendors == ("nvidia",):
            return [
                problem("NO_NVIDIA_GPU", f"the PC has no NVIDIA GPU that can be seen: {stack.gpu_note}", fatal=True)
            ]
        return [problem("NO_ADAPTER", "the PC has no GPU that could train", fatal=True)]
    names = ", ".join(f"{adapter.name} ({adapter.vendor})" for adapter in at.adapters)
    note = f"; {stack.gpu_note}" if stack.gpu_note else ""
    if at.wishes.adapter != AUTO:
        return [problem("ADAPTER_UNSUITABLE", f"{stack.name} cannot use {names}{note}", fatal=True)]
    code = "NO_NVIDIA_GPU" if stack.vendors == ("nvidia",) else "NO_SUITABLE_GPU"
    return [problem(code, f"the PC has {names}, which {stack.name} cannot use{note}", fatal=True)]


def driver_problem(adapter: Adapter, need: str, stack: str, linux: bool) -> list[Problem]:
    """Whether the driver of a GPU reaches a minimum."""
    have = adapter.driver(linux)
    reached = at_least(have, need)
    if reached is None:
        return [problem("DRIVER_UNKNOWN", f"the driver version of {adapter.name} is not known; {stack} needs {need}")]
    if reached:
        return []
    return [problem("DRIVER_TOO_OLD", f"the driver {have} of {adapter.name} is older than {need}, which {stack} needs")]


def _disk(stack: Stack, target: Target, variant: Variant | None, view: View) -> list[Problem]:
    if (
        variant is None
        or view.free_bytes is None
        or view.free_bytes >= target.disk_bytes
        or current(stack, variant, view)
    ):
        return []
    need, have = target.disk_bytes / 2**30, view.free_bytes / 2**30
    return [
        problem(
            "DISK_SPACE", f"{stack.name} needs {need:.0f} GiB free on {view.disk_path}, and {have:.1f} GiB are free"
        )
    ]


def current(stack: Stack, variant: Variant, view: View) -> bool:
    """Whether this very lock is what the PC uses now."""
    return any(
        found.stack == stack.name and found.state == "current" and found.lock_sha256 == variant.lock_sha256
        for found in view.environments
    )


def _wsl(target: Target, at: Situation) -> list[Problem]:
    """What stands between a Windows PC and its WSL side."""
    found, view = [], at.view
    if view.wsl_allowed is False:
        found.append(problem("WSL_POLICY", "a policy of the PC forbids WSL"))
    if view.virtualization is False and view.hypervisor is not True:
        found.append(problem("VIRTUALIZATION_OFF", "virtualization is off in the firmware, and WSL 2 needs it"))
    if target.min_kernel is not None and at_least(view.wsl_kernel, target.min_kernel) is False:
        cause = f"the WSL kernel {view.wsl_kernel} is older than {target.min_kernel}, which the GPU in WSL 2 needs"
        found.append(problem("WSL_KERNEL_TOO_OLD", cause))
    if not at.wsl_automated:
        cause = "WSL 2 has to be set up by hand: this version of gpuready does not do it"
        found.append(problem("WSL_SETUP_MANUAL", cause))
    return found


__all__ = ["SIDES", "TARGETS", "Candidate", "Situation", "candidate", "current", "driver_problem", "host_targets"]
