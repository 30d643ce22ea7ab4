# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a chosen stack means for the PC: steps, environment, warnings, and the plan as lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from .. import reading
from ..facts.model import Adapter, Disk, Facts, PendingReboot, VcRuntime
from ..hardware import oldest
from ..installers.model import Installer
from ..record import Plan, PlannedDriver, PlannedEnvironment, PlannedStep
from . import adapters as plan_adapters
from . import drivers, guest
from .checks import SIDES, Candidate, built
from .installing import Other

_DRIVER_CODES = (*drivers.MENDED, drivers.UNKNOWN, *drivers.NAMED)


def steps(
    chosen: Candidate, facts: Facts, given: guest.Given = guest.NOTHING, beside: Sequence[Other] = ()
) -> list[PlannedStep]:
    """wsl, gpu_driver, cuda, python_environment, verify: each with whether it has something to do.

    `beside`: the drivers of the other GPUs.
    """
    problems = {problem.code: problem for problem in chosen.problems}
    driver = next((problems[code] for code in _DRIVER_CODES if code in problems), None)
    if chosen.target == "wsl" and facts.os.family == "windows":
        wsl = guest.step(facts, given)
    elif chosen.target == "wsl":
        wsl = (False, "the PC was looked at from inside the guest, so WSL is there")
    else:
        wsl = (False, f"the stack runs on {SIDES[chosen.target]}")
    if not chosen.stack.vendors:
        gpu_driver = (False, "the stack needs no GPU")
    elif chosen.driver_reason:
        gpu_driver = (True, chosen.driver_reason)
    elif driver is not None:
        gpu_driver = (True, driver.cause)
    else:
        gpu_driver = (False, "nothing is known to be wrong with the driver")
    if more := [one.reason for one in beside if one.installer is not None]:
        gpu_driver = (True, "; ".join([gpu_driver[1], *more] if gpu_driver[0] else more))
    todo = {
        "wsl": wsl,
        "gpu_driver": gpu_driver,
        "cuda": (False, chosen.stack.cuda_note or "the stack does not use CUDA"),
        "python_environment": _building(chosen, facts),
        "verify": (True, "only training proves it"),
    }
    return [{"name": name, "needed": needed, "reason": reason} for name, (needed, reason) in todo.items()]


def planned_driver(chosen: Candidate) -> PlannedDriver | None:
    """The section `driver`: null where no installer is run."""
    if chosen.driver is None or chosen.choice.adapter is None:
        return None
    return _entry(chosen.choice.adapter, chosen.driver, chosen.driver_required)


def other_drivers(beside: Sequence[Other]) -> list[PlannedDriver]:
    """The section `other_drivers`, in the order of the GPUs."""
    return [_entry(one.adapter, one.installer, False) for one in beside if one.installer is not None]


def _entry(adapter: Adapter, one: Installer, required: bool) -> PlannedDriver:
    return {
        "adapter": adapter.id,
        "id": one.id,
        "vendor": one.vendor,
        "version": one.version,
        "file": one.file,
        "share": one.share,
        "url": one.url,
        "windows_update": one.windows_update,
        "accept_licence": one.accept_licence,
        "sha256": one.sha256,
        "inf": one.inf,
        "arguments": None if one.arguments is None else list(one.arguments),
        "packages": list(one.packages),
        "required": required,
    }


def _needs_runtime(chosen: Candidate) -> bool:
    return chosen.stack.targets[chosen.target].needs_vc_runtime


def _building(chosen: Candidate, facts: Facts) -> tuple[bool, str]:
    """Whether the environment has to be built or completed, and why."""
    side = facts.side(chosen.target)
    mine = built(chosen.stack, chosen.variant, side) if chosen.variant is not None else None
    if mine is None:
        return True, _building_reason(chosen, side)
    if mine.damaged or mine.damage is None:
        what = f"is damaged ({mine.damage.shown()})" if mine.damage else "cannot be looked through"
        return True, f"the environment of this lock {what}: it is built anew if it is not whole"
    runtime = True if (facts.vc_runtime or VcRuntime()).installed else mine.vc_runtime
    if runtime is not True and _needs_runtime(chosen):
        missing = "the Visual C++ runtime is missing"
        return True, missing if runtime is False else "whether the Visual C++ runtime is there is not known"
    if mine.state == "current":
        return False, "the environment of this very lock is in use already"
    return False, "the environment of this very lock is built, and no training has proved it yet"


def _building_reason(chosen: Candidate, facts: Facts) -> str:
    same = [env for env in facts.environments if env.stack == chosen.stack.name]
    if any(env.state == "current" for env in same):
        return "the lock has changed since the environment in use was made"
    return "there is no environment of this stack yet"


def planned_environment(chosen: Candidate, facts: Facts) -> PlannedEnvironment | None:
    """The section `environment`: null when no lock could be chosen."""
    target, variant = chosen.stack.targets[chosen.target], chosen.variant
    if variant is None:
        return None
    return {
        "python": target.python_version,
        "lock": variant.lock,
        "lock_path": variant.lock_path,
        "lock_sha256": variant.lock_sha256,
        "framework": chosen.stack.framework,
        "backend": chosen.stack.backend,
        "device": chosen.stack.device,
        "device_kind": chosen.stack.device_kind,
        "reference": chosen.stack.reference,
        "logs_operators": chosen.stack.logs_operators,
        "ascii_paths": chosen.stack.ascii_paths,
        "role": chosen.stack.role,
        "gpu_variable": chosen.stack.gpu_variable.name if chosen.stack.gpu_variable else None,
        # A framework numbers its GPUs by itself: the uuid says which is meant, a number shows when it runs.
        "visible_devices": _uuid(chosen, facts),
        "extra_index_urls": list(target.extra_index_urls),
        "needs_vc_runtime": target.needs_vc_runtime,
        "disk_bytes": target.disk_bytes,
        "start": target.start,
        "licence": chosen.stack.licence,
    }


def _uuid(chosen: Candidate, facts: Facts) -> str | None:
    """The GPU's own name for a stack that takes it, where there are several of its vendor."""
    adapter, variable = chosen.choice.adapter, chosen.stack.gpu_variable
    if adapter is None or variable is None or variable.takes != "uuid":
        return None
    several = len([other for other in facts.gpus or () if other.vendor == adapter.vendor]) > 1
    return adapter.uuid if several else None


def pc_warnings(facts: Facts) -> list[str]:
    """What is worth knowing of the PC whatever the stack."""
    cautions = []
    if facts.os.kind == "server":
        cautions.append(
            f"{facts.os.name or 'Windows Server'} is a server: Microsoft's guides speak of Windows 10 and 11 only"
        )
    if (facts.pending_reboot or PendingReboot()).pending is True:
        cautions.append("the PC waits for a restart: restart it before you trust what is installed now")
    return cautions


def _old_hardware(chosen: Candidate) -> list[str]:
    """A GPU that may be too old for the stack."""
    adapter, name = chosen.choice.adapter, chosen.stack.oldest_gpus
    if adapter is None or name is None or adapter.paravirtual:
        return []
    if not oldest.older_than_named(name, adapter.vendor, adapter.device_id):
        return []
    source, least = oldest.OLDEST[name].source, oldest.OLDEST[name].named[adapter.vendor]
    return [f"{adapter.name} is older than what {source} ({least} and later): training tells"]


def warnings(
    chosen: Candidate, facts: Facts, maintained: Candidate | None = None, beside: Sequence[Other] = ()
) -> list[str]:
    """End of life, other GPUs, little memory, what is not known.

    `maintained`: what its maker maintains and would fit this PC too, where the chosen stack is at its end. `beside`:
    the drivers of the other GPUs.
    """
    stack, cautions = chosen.stack, []
    if stack.life_state != "maintained":
        cautions.append(f"{stack.name} is {stack.life_state}: {stack.life_note}; exit: {stack.life_exit}")
        if maintained is not None:
            cautions[-1] += (
                f"; on this PC its maker maintains {maintained.stack.name} ({SIDES[maintained.target]}): "
                "gpuready_prefer: maintained chooses it"
            )
    elif not stack.vendors:
        cautions.append(f"{stack.name}: {stack.life_note}")
    cautions += pc_warnings(facts)
    cautions += plan_adapters.warnings(facts.gpus or (), chosen.choice.adapter)
    cautions += [f"{one.adapter.name} keeps its driver: {one.reason}" for one in beside if one.installer is None]
    cautions += _old_hardware(chosen)
    cautions += chosen.warnings
    if facts.smi_complaints and chosen.choice.adapter is not None and chosen.choice.adapter.vendor == "nvidia":
        cautions.append(f"nvidia-smi complains ({facts.smi_complaints[0]}): restart the PC if the training fails")
    if facts.machine.memory_bytes is None:
        cautions.append("how much memory the PC has is not known")
    elif facts.machine.memory_bytes < stack.memory_bytes * 0.95:
        need, have = (reading.shown_bytes(one) for one in (stack.memory_bytes, facts.machine.memory_bytes))
        cautions.append(f"the PC has {have} of memory, and {stack.name} wants {need}")
    if (facts.disk or Disk()).free_bytes is None:
        cautions.append("how much disk space is free is not known")
    if facts.os.family == "linux" and facts.os.glibc is None:
        cautions.append("the C library is not known to be glibc: the packages need it")
    if facts.in_guest and stack.vendors and chosen.choice.adapter in (None, facts.passed_on):
        cautions.append("which GPU the guest has cannot be seen from inside it: training tells")
    if (
        chosen.target == "wsl"
        and facts.os.family == "windows"
        and facts.machine.virtualization is None
        and facts.machine.hypervisor is not True
    ):
        cautions.append("whether virtualization is on in the firmware is not known; WSL 2 needs it")
    return cautions


def summary(planned: Plan) -> list[str]:
    """The plan as lines for a terminal."""
    lines = []
    if planned["stack"] is None or planned["target"] is None:
        lines.append("no stack")
    else:
        adapter = planned["adapter"]
        where = SIDES[planned["target"]]
        variant = "" if planned["variant"] in (None, "default") else f" ({planned['variant']})"
        lines.append(f"{planned['stack']}{variant} on {where}" + (f", {adapter['name']}" if adapter else ""))
    lines += [f"because  {reason}" for reason in planned["reasons"]]
    needed = [step["name"] for step in planned["steps"] if step["needed"]]
    if needed:
        lines.append(f"steps    {', '.join(needed)}")
    for blocker in planned["blockers"]:
        lines += [f"blocked  {blocker['code']}: {blocker['cause']}", f"next     {blocker['next_step']}"]
    lines += [f"warning  {warning}" for warning in planned["warnings"]]
    # What the PC has no side for stands in the record; a person at a terminal wants the real alternatives.
    for one in planned["rejected"]:
        if one["here"]:
            lines.append(f"not      {one['stack']} on {SIDES[one['target']]}: {'; '.join(one['reasons'])}")
    return lines
