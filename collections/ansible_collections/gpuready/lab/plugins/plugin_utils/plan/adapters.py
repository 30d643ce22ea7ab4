# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which GPU of a PC is meant: by the lab's word, else the most capable one that works."""

from __future__ import annotations

from dataclasses import dataclass

from ..facts.model import VENDORS, Adapter
from .problems import Problem, problem
from .wishes import AUTO

# A GPU in the first group works; the later ones need somebody's hand.
_ORDER = {"ok": 0, "restart_needed": 1, "unknown": 2, "disabled": 3, "no_driver": 4, "failing": 5, "absent": 6}


@dataclass(frozen=True)
class Choice:
    """The GPU for a stack, why this one, and what is wrong with it."""

    adapter: Adapter | None
    reason: str
    problems: tuple[Problem, ...] = ()


def meant(wish: str, adapters: tuple[Adapter, ...]) -> tuple[tuple[Adapter, ...], Problem | None]:
    """The GPUs that a wish leaves: all for auto, else one, or none with the problem that lists the candidates."""
    if wish == AUTO:
        return adapters, None
    low = wish.lower()
    if wish.isascii() and wish.isdigit():
        matches = [adapter for adapter in adapters if adapter.index == int(wish)] if len(wish) < 10 else []
        matches = matches or [adapter for adapter in adapters if _named(low, adapter)]
    elif low in VENDORS:
        matches = [adapter for adapter in adapters if adapter.vendor == low]
    else:
        exact = [adapter for adapter in adapters if adapter.name.lower() == low]
        matches = exact or [adapter for adapter in adapters if _named(low, adapter)]
    if len(matches) == 1:
        return tuple(matches), None
    shown = "; ".join(adapter.shown() for adapter in matches or adapters) or "none"
    if matches:
        return (), problem(
            "ADAPTER_AMBIGUOUS", f"gpuready_adapter {wish!r} names more than one GPU: {shown}", fatal=True
        )
    return (), problem(
        "ADAPTER_UNKNOWN", f"gpuready_adapter {wish!r} names no GPU of this PC; it has: {shown}", fatal=True
    )


def _named(low: str, adapter: Adapter) -> bool:
    return " ".join(low.split()) in adapter.name.lower()


def choose(adapters: tuple[Adapter, ...], vendors: tuple[str, ...], asked: bool) -> Choice:
    """The best GPU of these vendors: one that works, discrete before integrated, then most memory, then the first."""
    fitting = [adapter for adapter in adapters if adapter.vendor in vendors]
    if not fitting:
        return Choice(None, "")
    best = min(fitting, key=_key)
    others = [adapter for adapter in adapters if adapter is not best]
    return Choice(best, _reason(best, others, vendors, asked), tuple(problems(best)))


def _key(adapter: Adapter) -> tuple[int, ...]:
    usable = adapter.driver_model != "TCC"
    kind = {False: 0, None: 1, True: 2}[adapter.integrated]
    memory = -1 if adapter.memory_bytes is None else adapter.memory_bytes
    return (_ORDER[adapter.status], int(adapter.basic), int(not usable), kind, -memory, adapter.index)


def _reason(best: Adapter, others: list[Adapter], vendors: tuple[str, ...], asked: bool) -> str:
    if asked:
        return f"{best.name} is the GPU that gpuready_adapter names"
    if not others:
        return f"{best.name} is the only GPU of this PC"
    fitting = [adapter for adapter in others if adapter.vendor in vendors]
    if not fitting:
        return f"{best.name} is the only GPU of this PC that this stack can use"
    second = min(fitting, key=_key)
    mine, theirs = _key(best), _key(second)
    if mine[0] != theirs[0] or mine[1] != theirs[1] or mine[2] != theirs[2]:
        return f"{best.name} works, {second.name} does not ({_state(second)})"
    if mine[3] != theirs[3]:
        return f"{best.name} comes before {second.name}: a discrete GPU is faster than an integrated one"
    if mine[4] != theirs[4]:
        return f"{best.name} comes before {second.name}: it has more memory"
    return f"{best.name} (index {best.index}) is taken: it is the first of {len(fitting) + 1} that are alike"


def _state(adapter: Adapter) -> str:
    if adapter.status != "ok" and not (adapter.status == "no_driver" and adapter.basic and adapter.problem_code == 0):
        code = f", code {adapter.problem_code}" if adapter.problem_code else ""
        return adapter.status.replace("_", " ") + code
    return "a basic display driver" if adapter.basic else "TCC mode"


def problems(adapter: Adapter) -> list[Problem]:
    """What is wrong with a GPU as it is."""
    name, code = adapter.name, adapter.problem_code
    shown = f" (code {code})" if code else ""
    found = []
    if adapter.status == "disabled":
        found.append(problem("GPU_DISABLED", f"{name} is disabled{shown}"))
    elif adapter.status == "no_driver" and adapter.basic and code == 0:
        found.append(problem("BASIC_DRIVER", f"{name} runs on a basic display driver, which cannot compute"))
    elif adapter.status == "no_driver":
        found.append(problem("GPU_NO_DRIVER", f"{name} has no driver{shown}"))
    elif adapter.status == "failing":
        found.append(problem("GPU_FAILING", f"{name} is stopped by its driver or the system{shown}"))
    elif adapter.status == "restart_needed":
        found.append(problem("GPU_RESTART_NEEDED", f"{name} waits for a restart{shown}"))
    elif adapter.status != "ok":
        found.append(problem("GPU_STATUS_UNKNOWN", f"whether {name} works is not known{shown}"))
    elif adapter.basic:
        found.append(problem("BASIC_DRIVER", f"{name} runs on a basic display driver, which cannot compute"))
    return found


def warnings(adapters: tuple[Adapter, ...], chosen: Adapter | None) -> list[str]:
    """What is wrong with the GPUs that were not chosen, and whether the chosen one is in use."""
    remarks = []
    for adapter in adapters:
        if adapter is not chosen and (adapter.status != "ok" or adapter.basic):
            remarks.append(f"{adapter.name}, not used here, does not work: {_state(adapter)}")
    percent = chosen.busy.utilization_percent if chosen is not None and chosen.busy else None
    if chosen is not None and percent is not None and percent >= 50:
        remarks.append(f"{chosen.name} is busy ({percent} %): training now would be slow")
    return remarks
