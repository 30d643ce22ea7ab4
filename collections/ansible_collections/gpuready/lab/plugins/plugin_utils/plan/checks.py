# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One stack on one target of one PC: can it run there, what stands in its way, and for whom is it meant."""

from __future__ import annotations

from dataclasses import dataclass, field

from .. import reading
from ..facts.model import Adapter, Disk, Environment, Facts, Wsl, at_least
from ..installers.model import Catalogue, Installer
from ..stacks.model import TARGETS, Rule, Stack, Target, Variant
from . import guest
from .adapters import Choice, choose
from .problems import Problem, problem
from .variants import choose_variant
from .wishes import AUTO, Wishes

SIDES = {"windows": "native Windows", "wsl": "WSL 2", "linux": "Linux"}


@dataclass(frozen=True)
class Situation:
    """What every candidate of one PC shares. `adapters` are those that the wish leaves."""

    facts: Facts
    wishes: Wishes
    adapters: tuple[Adapter, ...]
    adapter_problem: Problem | None
    for_guest: guest.Given
    installers: Catalogue | None = None
    drivers_automated: bool = False
    all_drivers: bool = False
    downgrade: bool = False


@dataclass(frozen=True)
class Candidate:
    """A stack on a target; `rule` is null when nobody it is meant for has such a PC and such wishes.

    `driver` is the lab's installer that is run first, for whose driver the lock is chosen; `driver_reason` is what the
    lab's drivers.yml has to do with this GPU, `driver_required` whether the GPU cannot train without it.
    """

    stack: Stack
    target: str
    rule: Rule | None
    choice: Choice
    variant: Variant | None = None
    variant_reason: str = ""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    driver: Installer | None = None
    driver_reason: str = ""
    driver_required: bool = False

    @property
    def possible(self) -> bool:
        """Whether something can be done to make it run."""
        return not any(blocker.fatal for blocker in self.problems)


def host_targets(facts: Facts) -> tuple[str, ...]:
    """The sides that this PC has, seen from where it was looked at."""
    if facts.os.family == "windows":
        return ("windows", "wsl")
    if facts.os.family == "linux":
        return ("wsl",) if facts.in_guest else ("linux",)
    return ()


def candidate(stack: Stack, name: str, at: Situation, choice: Choice | None = None) -> Candidate:
    """Weigh one stack on one target, with the GPU that is chosen for it, or a choice that stands already."""
    choice = choice or _choice(stack, at)
    rule = _rule(stack, name, at.wishes, choice.adapter)
    problems = list(_wished(stack, name, at))
    target = stack.targets.get(name)
    if target is None:
        problems.insert(0, _no_target(stack, name))
    if name not in host_targets(at.facts):
        problems.append(_not_here(name, at.facts))
    if target is None or any(unmet.fatal for unmet in problems):
        return Candidate(stack, name, rule, choice, problems=tuple(problems))
    problems += _machine(stack, target, at.facts)
    gpu = _gpu(stack, target, choice, at)
    problems += gpu
    variant, reason = None, ""
    unseen = bool(stack.vendors) and choice.adapter is None and (at.facts.gpus is None or bool(at.facts.nvidia_blocked))
    if not unseen and not any(unmet.fatal for unmet in gpu):
        variant, reason, unmet = choose_variant(target, choice.adapter, linux=name == "linux")
        if any(one in choice.problems for one in gpu):  # mending the GPU does not help one for which there is no build
            variant, reason, unmet = None, "", [one for one in unmet if one.fatal]
        problems += unmet
    problems += _disk(stack, target, variant, at.facts)
    if at.facts.home_refused and (name != "wsl" or at.facts.in_guest):  # a guest has a folder of its own
        problems.append(problem("HOME_NOT_OURS", at.facts.home_refused))
    if name == "wsl" and not at.facts.in_guest:
        problems += _wsl(stack, target, choice, at)
    return Candidate(stack, name, rule, choice, variant, reason, tuple(problems))


def _choice(stack: Stack, at: Situation) -> Choice:
    if not stack.vendors:
        return Choice(None, "")
    choice = choose(at.adapters, stack.vendors, at.wishes.adapter != AUTO)
    if at.facts.passed_on and not at.facts.gpus and len(stack.vendors) > 1 and at.wishes.adapter == AUTO:
        return Choice(at.facts.passed_on, "the GPU is the one that Windows passes on through /dev/dxg")
    return choice


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
    problems = []
    if at.wishes.stack not in (AUTO, stack.name):
        problems.append(problem("NO_STACK", f"gpuready_stack asks for {at.wishes.stack}", fatal=True))
    if at.wishes.environment not in ("any", target):
        cause = f"gpuready_environment asks for {SIDES[at.wishes.environment]}"
        problems.append(problem("TARGET_UNSUPPORTED", cause, fatal=True))
    if at.wishes.library != "any" and at.wishes.library not in stack.libraries:
        cause = f"gpuready_library asks for {at.wishes.library}, which {stack.name} does not bring ({stack.framework})"
        problems.append(problem("LIBRARY_NOT_SERVED", cause, fatal=True))
    return problems


def _no_target(stack: Stack, target: str) -> Problem:
    code = "LICENCE_WINDOWS_ONLY" if target == "linux" and stack.windows_licence else "TARGET_UNSUPPORTED"
    return problem(code, f"{stack.name} does not run on {SIDES[target]}: {stack.platforms}", fatal=True)


def _not_here(target: str, facts: Facts) -> Problem:
    if facts.os.family == "windows":
        cause = "this is a Windows PC, not a Linux host"
    elif facts.os.family == "linux":
        kind = "a WSL guest, looked at from inside" if facts.in_guest else "a Linux host"
        cause = f"this is {kind}: it has no {SIDES[target]}"
    elif facts.os.family is None:
        return problem("FACTS_INCOMPLETE", "which operating system the PC has is not known", fatal=True)
    else:
        return problem("OS_UNSUPPORTED", f"the operating system {facts.os.family} is not supported", fatal=True)
    return problem("TARGET_UNSUPPORTED", cause, fatal=True)


def _machine(stack: Stack, target: Target, facts: Facts) -> list[Problem]:
    problems, system = [], facts.os
    if system.architecture is None:
        problems.append(problem("FACTS_INCOMPLETE", "the processor architecture is not known"))
    elif system.architecture not in stack.architectures:
        cause = f"{stack.name} has no packages for {system.architecture} (only for {', '.join(stack.architectures)})"
        problems.append(problem("ARCHITECTURE_UNSUPPORTED", cause, fatal=True))
    if system.family == "windows" and target.min_windows_build is not None:
        if system.build is None:
            problems.append(problem("FACTS_INCOMPLETE", "the build of Windows is not known"))
        elif system.build < target.min_windows_build:
            least = target.min_windows_build
            cause = f"Windows build {system.build} is older than {least}, which {SIDES[target.name]} needs"
            problems.append(problem("OS_BUILD_TOO_OLD", f"{cause} for {stack.name}"))
    if system.family == "linux" and target.min_glibc is not None and at_least(system.glibc, target.min_glibc) is False:
        cause = f"glibc {system.glibc} is older than {target.min_glibc}, which the packages of {stack.name} need"
        problems.append(problem("GLIBC_TOO_OLD", cause))
    if facts.in_guest and target.min_kernel is not None and at_least(system.kernel, target.min_kernel) is False:
        cause = f"the WSL kernel {system.kernel} is older than {target.min_kernel}, which the GPU in WSL 2 needs"
        problems.append(problem("WSL_KERNEL_TOO_OLD", cause))
    return problems


def _gpu(stack: Stack, target: Target, choice: Choice, at: Situation) -> list[Problem]:
    if not stack.vendors:
        return _no_gpu_meant(stack, at)
    problems = []
    if at.facts.in_guest:
        if at.facts.dxg is False:
            problems.append(problem("NO_DXG", "/dev/dxg, the GPU of a WSL 2 guest, is not there"))
        elif at.facts.dxg is None:
            problems.append(
                problem("FACTS_INCOMPLETE", "whether /dev/dxg, the GPU of a WSL 2 guest, is there is not known")
            )
    if at.facts.nvidia_blocked:  # Windows has an NVIDIA GPU: another stack would hide that it is not given here
        cause = f"Windows has an NVIDIA GPU, and this guest is not let to it: {at.facts.nvidia_blocked}"
        return [*problems, problem("NVIDIA_GPU_BLOCKED", cause)]
    if at.adapter_problem is not None:
        return [*problems, at.adapter_problem]
    if choice.adapter is None:
        return problems + _no_gpu(stack, at)
    if choice.adapter.paravirtual and target.name == "wsl":
        cause = f"{choice.adapter.name} reaches this virtual machine by GPU-P, and WSL 2 in such a machine gets no GPU"
        return [*problems, problem("GPU_PASSED_ON", cause, fatal=True)]
    if choice.adapter.driver_model == "TCC" and target.name != "linux":
        cause = f"{choice.adapter.name} is in TCC mode, in which {stack.name} on {SIDES[target.name]} cannot reach it"
        return [*problems, problem("TCC_MODE", cause, fatal=True)]
    problems += choice.problems
    problems += _beside(choice.adapter, target, at.facts)
    if choice.adapter.mig_instances == 0 and stack.vendors == ("nvidia",):
        cause = f"{choice.adapter.name} is cut up by MIG and has no instance, so CUDA sees no GPU"
        problems.append(problem("MIG_WITHOUT_INSTANCES", cause))
    need = target.min_drivers.get(choice.adapter.vendor)
    if need is not None and not choice.problems:
        problems += driver_problem(choice.adapter, need, stack.name, linux=target.name == "linux")
    return problems


def _beside(adapter: Adapter, target: Target, facts: Facts) -> list[Problem]:
    """What another GPU of the PC does to this one."""
    if target.name != "wsl" or adapter.vendor != "nvidia" or facts.os.family != "windows":
        return []
    hiding = [one for one in facts.gpus or () if one is not adapter and one.driver_model == "TCC"]
    if not hiding:
        return []
    cause = f"{hiding[0].name} is in TCC mode, and beside such a GPU no NVIDIA GPU of the PC reaches WSL 2"
    step = f"Switch {hiding[0].name} to WDDM (nvidia-smi -i N -dm 0 as administrator, restart), or disable that GPU."
    return [problem("TCC_MODE", cause, step)]


def _no_gpu_meant(stack: Stack, at: Situation) -> list[Problem]:
    """A stack for the processor does not replace a GPU that the lab asks for."""
    if at.wishes.adapter == AUTO:
        return []
    if at.adapter_problem is not None:
        return [at.adapter_problem]
    cause = f"gpuready_adapter asks for {at.wishes.adapter!r}, and {stack.name} trains on the processor"
    return [problem("ADAPTER_UNSUITABLE", cause, fatal=True)]


def _no_gpu(stack: Stack, at: Situation) -> list[Problem]:
    if at.facts.gpus is None:
        return [problem("FACTS_INCOMPLETE", "which GPUs the PC has is not known")]
    if not at.facts.gpus:
        if at.facts.in_guest and len(stack.vendors) > 1:
            return []  # a guest does not show the vendor: /dev/dxg is the GPU, and training tells which
        if at.facts.in_guest and stack.vendors == ("nvidia",):  # nvidia-smi alone shows one there
            return [
                problem("NO_NVIDIA_GPU", f"the PC has no NVIDIA GPU that can be seen: {stack.gpu_note}", fatal=True)
            ]
        return [no_adapter()]
    names = ", ".join(f"{adapter.name} ({adapter.vendor})" for adapter in at.adapters)
    note = f"; {stack.gpu_note}" if stack.gpu_note else ""
    if at.wishes.adapter != AUTO:
        return [problem("ADAPTER_UNSUITABLE", f"{stack.name} cannot use {names}{note}", fatal=True)]
    code = "NO_NVIDIA_GPU" if stack.vendors == ("nvidia",) else "NO_SUITABLE_GPU"
    return [problem(code, f"the PC has {names}, which {stack.name} cannot use{note}", fatal=True)]


def no_adapter() -> Problem:
    """There is nothing to choose from, whatever the wish."""
    return problem("NO_ADAPTER", "the PC has no GPU that could train", fatal=True)


def driver_problem(adapter: Adapter, need: str, stack: str, linux: bool) -> list[Problem]:
    """Whether the driver of a GPU reaches a minimum."""
    have = adapter.driver_number(linux)
    reached = at_least(have, need)
    if reached is None:
        return [problem("DRIVER_UNKNOWN", f"the driver version of {adapter.name} is not known; {stack} needs {need}")]
    if reached:
        return []
    cause = f"the driver {have} of {adapter.name} is older than {need}, which {stack} needs"
    step = "Update the driver on the host of this virtual machine, and give the machine the new driver's files."
    return [problem("DRIVER_TOO_OLD", cause, step if adapter.paravirtual else "")]


def _disk(stack: Stack, target: Target, variant: Variant | None, facts: Facts) -> list[Problem]:
    disk = facts.disk or Disk()
    place = (facts.wsl or Wsl()).place if target.name == "wsl" and not facts.in_guest else None
    if place is not None and place.free_bytes is not None:
        disk = Disk(place.drive or place.folder, place.free_bytes)
    if variant is None or disk.free_bytes is None or disk.free_bytes >= target.disk_bytes:
        return []
    if built(stack, variant, facts.side(target.name)):
        return []
    need, have = (reading.shown_bytes(one) for one in (target.disk_bytes, disk.free_bytes))
    where = disk.path or "the disk"
    return [problem("DISK_SPACE", f"{stack.name} needs {need} free on {where}, and {have} are free")]


def built(stack: Stack, variant: Variant, facts: Facts) -> Environment | None:
    """The environment of this very lock, where it was built once: what the PC uses now, or what has not trained yet."""
    mine = [one for one in facts.environments if one.stack == stack.name and one.lock_sha256 == variant.lock_sha256]
    return next((one for state in ("current", "old") for one in mine if one.state == state), None)


def _wsl(stack: Stack, target: Target, choice: Choice, at: Situation) -> list[Problem]:
    """What stands between a Windows PC and its WSL side."""
    kernel = (at.facts.wsl or Wsl()).kernel
    problems = guest.problems(at.facts, at.for_guest)
    if target.min_kernel is not None and at_least(kernel, target.min_kernel) is False:
        cause = f"the WSL kernel {kernel} is older than {target.min_kernel}, which the GPU in WSL 2 needs"
        problems.append(problem("WSL_KERNEL_TOO_OLD", cause))
    inside = at.facts.guest
    if inside is None:
        return problems
    if target.min_glibc is not None and at_least(inside.os.glibc, target.min_glibc) is False:
        cause = f"glibc {inside.os.glibc} of the guest is older than {target.min_glibc}, which {stack.name} needs"
        problems.append(problem("GLIBC_TOO_OLD", cause))
    if inside.home_refused:
        problems.append(problem("HOME_NOT_OURS", f"in the guest: {inside.home_refused}"))
    return problems + (guest.disagreements(inside, choice.adapter) if choice.adapter else [])


__all__ = ["SIDES", "TARGETS", "Candidate", "Situation", "built", "candidate", "driver_problem", "host_targets"]
