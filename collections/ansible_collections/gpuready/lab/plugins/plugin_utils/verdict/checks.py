# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks of a training's evidence, each with the number and the bound.

Fail closed: what cannot be read is unknown, not a pass.
"""

from __future__ import annotations

import math
import ntpath
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..facts.model import DXG
from ..hardware import software
from ..reading import items, number, section, shown
from ..record import CHECK_STATES, CheckResult
from ..stacks.model import OWN
from . import training as verdict_training
from .bounds import floor

PASS, FAIL, UNKNOWN, WAIVED = CHECK_STATES
WAIVABLE = ("throughput",)  # what an inventory may set aside
# The checks that a training on the processor can meet.
ON_CPU = ("evidence", "framework", "finite", "task", "loss", "accuracy", "labels")
# Fewer samples, or fewer of each class, and the labels can be hit by chance.
_LEAST_SAMPLES, _LEAST_OF_A_CLASS = 32, 8
# From here on a device is so much faster than the CPU that it is another one, whatever its losses are.
_NOT_THE_CPU = 2.0
_TRADE = re.compile(r"\((?:R|TM|C)\)|[®™\0]", re.IGNORECASE)


@dataclass(frozen=True)
class Check:
    """One threshold: `code` is the verdict's code when it fails."""

    name: str
    code: str
    state: str
    detail: str
    value: float | None = None  # what was compared with the bound; a pass keeps it, to be held against later bounds

    def as_dict(self) -> CheckResult:
        """The element of `verdict.checks`."""
        result: CheckResult = {"name": self.name, "state": self.state, "detail": self.detail}
        if self.value is not None and math.isfinite(self.value):
            result["value"] = self.value
        return result


@dataclass(frozen=True)
class Given:
    """What the checks look at."""

    record: Mapping[str, Any]
    training: Mapping[str, Any]
    plan: Mapping[str, Any]
    policy: Mapping[str, Any]

    def bound(self, name: str) -> float | None:
        """A threshold; None for one that is no finite number, which nothing passes."""
        threshold = number(self.policy.get(name))
        return threshold if threshold is not None and math.isfinite(threshold) else None

    def losses(self, part: str) -> list[float] | None:
        """The losses of `result` or `reference`; None unless there is one for each step, every one a number."""
        losses, steps = section(self.training, part).get("losses"), section(self.training, "task").get("steps")
        values = [number(loss) for loss in losses] if isinstance(losses, list) else []
        numbers = [value for value in values if value is not None]
        right = isinstance(steps, int) and not isinstance(steps, bool) and steps == len(numbers) == len(values)
        return numbers if right and len(numbers) > 1 else None

    def speed(self, part: str) -> float | None:
        """Samples a second of `result` or `reference`."""
        return number(section(self.training, part).get("samples_per_second"))

    def ratio(self) -> float | None:
        """How many times as fast as the CPU; None where the two speeds are not known or make no sense."""
        ours, reference = self.speed("result"), self.speed("reference")
        if ours is None or reference is None or not (math.isfinite(ours) and math.isfinite(reference)):
            return None
        return ours / reference if reference > 0 and ours >= 0 else None


def is_version_1(part: Mapping[str, Any]) -> bool:
    """Whether a record or a section is of the version that this code knows."""
    version = part.get("schema_version")
    return isinstance(version, int) and not isinstance(version, bool) and version == 1


def known_adapter(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The planned adapter as the facts have it, or nothing."""
    planned = section(record, "plan", "adapter").get("id")
    mine = [one for one in items(section(record, "facts").get("adapters")) if one.get("id") == planned]
    return mine[0] if mine and isinstance(planned, str) else {}


def all_checks(record: Mapping[str, Any], policy: Mapping[str, Any]) -> list[Check]:
    """Every check, in the order in which a failure names the cause."""
    given = Given(record, section(record, "training"), section(record, "plan"), policy)
    return [check(given) for check in _CHECKS]


def _unknown(name: str, detail: str) -> Check:
    return Check(name, "EVIDENCE_INCOMPLETE", UNKNOWN, detail)


def _judged(name: str, code: str, passed: bool, detail: str, value: float | None = None) -> Check:
    return Check(name, code, PASS if passed else FAIL, detail, value)


def _evidence(given: Given) -> Check:
    """The record hangs together: a version that is known, the planned GPU among the PC's, and nothing wrong with it."""
    if not is_version_1(given.training):
        return _unknown("evidence", "the evidence of the training is of an unknown version")
    if section(given.plan, "environment").get("reference") is True:
        return Check("evidence", "EVIDENCE_INCOMPLETE", PASS, "the record hangs together")
    known = known_adapter(given.record)
    if not known:
        return _unknown("evidence", "the planned GPU is not among the PC's GPUs")
    status, problem = known.get("status"), known.get("problem_code")
    if status != "ok" and known.get("id") != DXG:  # what Windows passes on has no state in a guest
        return _unknown("evidence", f"the planned GPU trained, and the PC says that its state is {status}")
    if problem not in (None, 0) or isinstance(problem, bool) or section(known, "driver").get("basic") is True:
        why = f"problem code {problem}" if problem else "a basic display driver"
        return _unknown("evidence", f"the planned GPU trained, and the PC says that it has {why}")
    return Check("evidence", "EVIDENCE_INCOMPLETE", PASS, "the record hangs together")


def _framework(given: Given) -> Check:
    """The planned framework trained, in the interpreter of the planned environment."""
    plan, said, interpreter = (
        section(given.plan, "environment"),
        section(given.training, "framework"),
        section(given.training, "python"),
    )
    backend, title, version = plan.get("backend"), plan.get("framework"), plan.get("python")
    meant = re.fullmatch(r"([a-z]+)(\d*)-[a-z0-9]+", backend) if isinstance(backend, str) else None
    told = [said.get("name"), said.get("version"), interpreter.get("version"), interpreter.get("executable")]
    path = verdict_training.interpreter(given.record)
    known = meant is not None and path and isinstance(version, str) and isinstance(title, str)
    if meant is None or not known or not all(isinstance(one, str) and one for one in told):
        return _unknown("framework", "which framework trained in which interpreter cannot be compared with the plan")
    # A lab's own lock says which version it brings; the title is of ours.
    titled = None if given.plan.get("variant") == OWN else re.search(r" (\d+(?:\.\d+)*)$", str(title))
    shown = f"{told[0]} {told[1]} in Python {told[2]} ({told[3]})"
    same = (
        told[0] == meant[1]
        and all(_is_of(str(told[1]), least) for least in (meant[2], titled[1] if titled else ""))
        and _is_of(str(told[2]), str(version))
        and _folder(str(told[3])) == _folder(str(path))
    )
    return _judged(
        "framework",
        "WRONG_FRAMEWORK",
        same,
        shown if same else f"planned {title} in Python {version} ({path}), {shown}",
    )


def _is_of(version: str, series: str) -> bool:
    """Whether 2.10.1 is of 2.10; every version is of none."""
    return not series or version == series or re.match(re.escape(series) + r"[.+]", version) is not None


def _folder(interpreter: str) -> str:
    """Where an interpreter lies, in one spelling: an environment has its python.exe or python3 in one folder."""
    if "\\" in interpreter or interpreter[1:2] == ":":
        return ntpath.dirname(ntpath.normpath(interpreter).lower())
    return posixpath.dirname(posixpath.normpath(interpreter))


def _count(value: object) -> int | None:
    """A whole number above zero, and itself no text that holds one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9 else None


def _task(given: Given) -> Check:
    """The task is one whose labels cannot be hit by chance."""
    task = section(given.training, "task")
    counts = [one for name in ("classes", "samples", "batch") if (one := _count(task.get(name))) is not None]
    if len(counts) < 3:
        return _unknown("task", "what was trained is not known")
    classes, samples, batch = counts
    least = max(_LEAST_SAMPLES, _LEAST_OF_A_CLASS * classes)
    shown = f"{samples} samples of {classes} classes in batches of {batch}"
    if classes < 2 or samples < least or batch > samples:
        return _unknown("task", f"{shown} prove nothing: 2 classes and {least} samples are the least")
    return _judged("task", "EVIDENCE_INCOMPLETE", True, shown)


def _finite(given: Given) -> Check:
    losses = given.losses("result")
    if losses is None:
        return _unknown("finite", "not one loss for each step of the training")
    bad = sum(not math.isfinite(loss) for loss in losses)
    return _judged("finite", "NOT_FINITE", bad == 0, f"{bad} of {len(losses)} losses are not finite, bound 0")


def _device(given: Given) -> Check:
    device = section(given.training, "device")
    name, kind, placed, fallbacks = (device.get(key) for key in ("name", "kind", "placed", "fallbacks"))
    if not (isinstance(name, str) and name and isinstance(kind, str) and isinstance(placed, bool)):
        return _unknown("device", "the framework did not say where it computed")
    if not isinstance(fallbacks, list):
        return _unknown("device", "whether operators ran elsewhere is not known")
    shown = f"computed on {name} ({kind})"
    if fallbacks:
        return _judged("device", "CPU_FALLBACK", False, f"ran on the processor: {', '.join(map(str, fallbacks[:5]))}")
    if not placed or kind.upper() == "CPU" or _is_cpu(name):
        return _judged("device", "CPU_FALLBACK", False, f"asked for {device.get('requested')}, {shown}")
    places, operators = device.get("places"), device.get("operators")
    if not isinstance(places, list) or not places or not all(isinstance(place, str) for place in places):
        return _unknown("device", f"{shown}; where each tensor was, it did not say")
    elsewhere = [place for place in places if not place.upper().endswith(name.upper())]
    if elsewhere:
        return _judged("device", "CPU_FALLBACK", False, f"{shown}, with tensors on {', '.join(elsewhere[:5])}")
    if section(given.plan, "environment").get("logs_operators") is True and _count(operators) is None:
        return _unknown("device", f"{shown}, and its log names no operator")
    meant = section(given.plan, "environment").get("device_kind")
    if not isinstance(meant, str) or kind.upper() != meant:
        return _unknown("device", f"{shown}, the plan meant {meant or 'no device that is known'}")
    return _judged("device", "CPU_FALLBACK", True, shown)


def _is_cpu(name: str) -> bool:
    return re.search(r"(?<![a-z])cpu(?![a-z])", name.lower()) is not None


def _arithmetic(given: Given) -> Check:
    """Two devices round differently: losses that equal the CPU's to the last bit are the CPU's, unless much faster."""
    ours, reference = given.losses("result"), given.losses("reference")
    if ours is None or reference is None:
        return _unknown("arithmetic", "no reference to compare with")
    same = sum(a == b for a, b in zip(ours, reference, strict=True))
    shown = f"{same} of {len(ours)} losses equal the CPU's to the last bit"
    if same < len(ours):
        return _judged("arithmetic", "CPU_FALLBACK", True, shown)
    ratio = given.ratio()
    if ratio is None:
        return _unknown("arithmetic", f"{shown}, and the speed is not known")
    return _judged("arithmetic", "CPU_FALLBACK", ratio >= _NOT_THE_CPU, f"{shown}, at {ratio:.3g} times its speed")


def _adapter(given: Given) -> Check:
    planned, device = section(given.plan, "adapter"), section(given.training, "device")
    name, used, count = planned.get("name"), device.get("adapter_name"), device.get("adapters_found")
    if not (isinstance(name, str) and name and isinstance(used, str) and used.strip("\0 ")):
        return _unknown("adapter", f"planned {name or 'none'}, used {used or 'not named'}")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or not 0 < count < 100):
        return _unknown("adapter", f"used {used}, among {count} GPUs")
    known = known_adapter(given.record)
    if software.is_software(used) or software.is_software(
        known.get("name"), known.get("vendor_id"), known.get("device_id")
    ):
        return _judged("adapter", "SOFTWARE_ADAPTER", False, f"{used} is software: it computes on the processor")
    told = _other_uuid(given, known)
    if told is not None:
        return _judged("adapter", "WRONG_ADAPTER", False, told)
    if planned.get("id") == DXG:  # a guest does not see whose GPU Windows passes on
        return _judged("adapter", "WRONG_ADAPTER", True, f"planned Windows' GPU, used {used}")
    ours, theirs = _words(name), _words(used)
    same = ours == theirs or theirs.startswith(f"{ours} mig ")  # a slice of the card
    if same and _twins(given, ours):
        return _unknown("adapter", f"used {used}; which of those of that name, nothing proves")
    return _judged("adapter", "WRONG_ADAPTER", same, f"planned {name}, used {used}")


def _other_uuid(given: Given, known: Mapping[str, Any]) -> str | None:
    """What shows that another GPU than the planned one trained, though perhaps of its name; None for nothing."""
    device, visible = section(given.training, "device"), section(given.plan, "environment").get("visible_devices")
    if visible is not None and device.get("visible") != visible:
        return f"the framework was to see {visible} alone, and saw {device.get('visible') or 'all'}"
    ours, theirs = _uuid(known.get("uuid")), _uuid(device.get("uuid"))
    return f"planned {ours}, used {theirs}" if ours and theirs and ours != theirs else None


def _uuid(value: object) -> str | None:
    """NVIDIA's name of a GPU without its prefix; that of a slice (MIG-...) is another kind of name."""
    text = value.lower().removeprefix("gpu-") if isinstance(value, str) else ""
    return text if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) else None


def _twins(given: Given, name: str) -> bool:
    """Whether the lab asks for one GPU by its number, and the framework saw another of that name too."""
    wish = section(given.plan, "wishes").get("adapter")
    if not (isinstance(wish, str | int) and str(wish).isdigit()):  # str(True) is no number
        return False
    if section(given.plan, "environment").get("visible_devices"):  # its uuid: the framework saw no other
        return False
    known = known_adapter(given.record)
    if _uuid(known.get("uuid")) and _uuid(section(given.training, "device").get("uuid")):  # they are the same
        return False
    names = [adapter.get("name") for adapter in items(section(given.record, "facts").get("adapters"))]
    return sum(isinstance(one, str) and _words(one) == name for one in names) > 1


def _words(name: str) -> str:
    """A GPU's name as all sources spell it: without trade marks, vendor words and case."""
    plain = _TRADE.sub(" ", name).lower()
    words = [word for word in plain.split() if word not in ("nvidia", "amd", "intel", "graphics", "adapter")]
    return " ".join(words) or " ".join(plain.split())


def _loss(given: Given) -> Check:
    losses, bound = given.losses("result"), given.bound("loss_ratio")
    if losses is None or bound is None or not losses[0] > 0 or any(loss < 0 for loss in losses):
        return _unknown("loss", "the losses cannot be compared")
    tail = losses[-3:]
    first, last = losses[0], sum(tail) / len(tail)
    shown = f"{first:.4g} to {last:.4g}, bound {bound:g} of the first"
    return _judged("loss", "LOSS_NOT_FALLING", last / first <= bound, shown, last / first)


def _accuracy(given: Given) -> Check:
    value, bound = number(section(given.training, "result").get("accuracy")), given.bound("accuracy")
    if value is None or bound is None or value < 0 or value > 1:
        return _unknown("accuracy", "no accuracy between 0 and 1")
    return _judged("accuracy", "LABELS_NOT_LEARNED", value >= bound, f"{value:.3g}, bound {bound:g}", value)


def _labels(given: Given) -> Check:
    labels = section(given.training, "task").get("labels")
    if not isinstance(labels, bool):
        return _unknown("labels", "the task does not say whether its labels are real")
    shown = "the labels belong to the images" if labels else "the labels are shuffled: nothing can be learned from them"
    return _judged("labels", "LABELS_NOT_LEARNED", labels, shown)


def _batchnorm(given: Given) -> Check:
    agreement, bound = section(given.training, "agreement"), given.bound("reference_tolerance")
    mean, variance = (number(agreement.get(f"batchnorm_{which}_difference")) for which in ("mean", "variance"))
    if mean is None or variance is None or bound is None or mean < 0 or variance < 0:
        return _unknown("batchnorm", "no BatchNorm statistics")
    shown = f"mean off by {mean:.2g}, variance by {variance:.2g}, bound {bound:g}"
    most = max(mean, variance)
    return _judged("batchnorm", "BATCHNORM_WRONG", mean <= bound and variance <= bound, shown, most)


def _agreement(given: Given) -> Check:
    """Recomputed from the losses themselves: a claim of agreement that the losses do not bear out is none."""
    ours, reference = given.losses("result"), given.losses("reference")
    claimed = number(section(given.training, "agreement").get("loss_max_difference"))
    bound = given.bound("reference_tolerance")
    if ours is None or reference is None or claimed is None or bound is None or claimed < 0:
        return _unknown("agreement", "no reference to compare with")
    differences = [claimed, *(abs(a - b) for a, b in zip(ours, reference, strict=True))]
    if not all(math.isfinite(value) for value in (*differences, *reference)):
        return _judged("agreement", "REFERENCE_DISAGREES", False, "losses that are not finite cannot agree")
    if not reference[0] > 0:
        return _unknown("agreement", "the reference's losses make no sense")
    relative = max(differences) / reference[0]
    shown = f"losses off by {relative:.2g} of the first, bound {bound:g}"
    return _judged("agreement", "REFERENCE_DISAGREES", relative <= bound, shown, relative)


def _keras(given: Given) -> Check:
    """What a student's first script imports works; PyTorch's needs nothing more than what has trained."""
    backend, said = section(given.plan, "environment").get("backend"), section(given.training, "keras")
    if not isinstance(backend, str):
        return _unknown("keras", "whether the stack brings keras is not known")
    if not backend.startswith("tensorflow"):
        return _judged("keras", "KERAS_FAILED", True, "the stack brings no keras")
    error, version = section(said, "error"), said.get("version")
    if said.get("finished") is False and error:
        return _judged(
            "keras", "KERAS_FAILED", False, f"{shown(error.get('type'))}: {shown(error.get('message'))}"[:300]
        )
    if said.get("finished") is not True or said.get("error") is not None or not isinstance(version, str):
        return _unknown("keras", "whether keras works was not tried")
    return _judged("keras", "KERAS_FAILED", True, f"keras {version[:40]} was imported, fitted and asked")


def _throughput(given: Given) -> Check:
    ours, reference = given.speed("result"), given.speed("reference")
    shown = "not measured"
    if ours is not None and reference is not None:
        shown = f"{ours:.4g} samples a second, CPU {reference:.4g}"
    ratio, which = given.ratio(), floor(known_adapter(given.record))
    if given.policy.get("throughput_floor") is None or given.policy.get(which) is None:
        return Check("throughput", "SLOW", WAIVED, f"{shown}; the inventory sets the floor aside", ratio)
    bound = given.bound(which)
    if ours is None or reference is None or bound is None or not (math.isfinite(ours) and math.isfinite(reference)):
        return _unknown("throughput", shown)
    if ratio is None:
        return _unknown("throughput", f"{shown}: these speeds make no sense")
    return _judged("throughput", "SLOW", ratio >= bound, f"{shown}, ratio {ratio:.3g}, bound {bound:g}", ratio)


_CHECKS: tuple[Callable[[Given], Check], ...] = (
    _evidence, _framework, _finite, _task, _device, _arithmetic, _adapter, _labels, _loss, _agreement,
    _accuracy, _batchnorm, _keras, _throughput,
)  # fmt: skip
NAMES = tuple(check.__name__.removeprefix("_") for check in _CHECKS)
