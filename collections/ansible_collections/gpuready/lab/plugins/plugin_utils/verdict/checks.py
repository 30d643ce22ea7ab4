# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks of a training's evidence, each with the number and the bound.

Fail closed: what cannot be read is unknown, not a pass.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..facts.model import DXG
from ..reading import items, number, section
from ..record import CHECK_STATES, CheckResult

PASS, FAIL, UNKNOWN, WAIVED = CHECK_STATES
# The checks that a training on the processor can meet.
ON_CPU = ("evidence", "finite", "loss", "accuracy", "labels")
_TRADE = re.compile(r"\((?:R|TM|C)\)|[®™\0]", re.IGNORECASE)


@dataclass(frozen=True)
class Check:
    """One threshold: `code` is the verdict's code when it fails."""

    name: str
    code: str
    state: str
    detail: str

    def as_dict(self) -> CheckResult:
        """The element of `verdict.checks`."""
        return {"name": self.name, "state": self.state, "detail": self.detail}


@dataclass(frozen=True)
class Given:
    """What the checks look at."""

    record: Mapping[str, Any]
    training: Mapping[str, Any]
    plan: Mapping[str, Any]
    policy: Mapping[str, Any]

    def bound(self, name: str) -> float | None:
        """A threshold; None for one that is no finite number, which nothing passes."""
        found = number(self.policy.get(name))
        return found if found is not None and math.isfinite(found) else None

    def losses(self, part: str) -> list[float] | None:
        """The losses of `result` or `reference`; None unless there is one for each step, every one a number."""
        found, steps = section(self.training, part).get("losses"), section(self.training, "task").get("steps")
        values = [number(loss) for loss in found] if isinstance(found, list) else []
        numbers = [value for value in values if value is not None]
        right = isinstance(steps, int) and not isinstance(steps, bool) and steps == len(numbers) == len(values)
        return numbers if right and len(numbers) > 1 else None


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
    checks: tuple[Callable[[Given], Check], ...] = (
        _evidence, _finite, _device, _adapter, _labels, _loss, _accuracy, _batchnorm, _agreement, _throughput,
    )  # fmt: skip
    return [check(given) for check in checks]


def _unknown(name: str, detail: str) -> Check:
    return Check(name, "EVIDENCE_INCOMPLETE", UNKNOWN, detail)


def _judged(name: str, code: str, passed: bool, detail: str) -> Check:
    return Check(name, code, PASS if passed else FAIL, detail)


def _evidence(given: Given) -> Check:
    """The record hangs together: a version that is known, the planned GPU among the PC's."""
    if not is_version_1(given.training):
        return _unknown("evidence", "the evidence of the training is of an unknown version")
    if section(given.plan, "environment").get("reference") is not True and not known_adapter(given.record):
        return _unknown("evidence", "the planned GPU is not among the PC's GPUs")
    return Check("evidence", "EVIDENCE_INCOMPLETE", PASS, "the record hangs together")


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
    if not placed or kind.upper() == "CPU" or re.search(r"(?<![a-z])cpu(?![a-z])", name.lower()):
        return _judged("device", "CPU_FALLBACK", False, f"asked for {device.get('requested')}, {shown}")
    meant = section(given.plan, "environment").get("device_kind")
    if not isinstance(meant, str) or kind.upper() != meant:
        return _unknown("device", f"{shown}, the plan meant {meant or 'no device that is known'}")
    return _judged("device", "CPU_FALLBACK", True, shown)


def _adapter(given: Given) -> Check:
    planned, device = section(given.plan, "adapter"), section(given.training, "device")
    name, used, count = planned.get("name"), device.get("adapter_name"), device.get("adapters_found")
    if not (isinstance(name, str) and name and isinstance(used, str) and used.strip("\0 ")):
        return _unknown("adapter", f"planned {name or 'none'}, used {used or 'not named'}")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or not 0 < count < 100):
        return _unknown("adapter", f"used {used}, among {count} GPUs")
    if planned.get("id") == DXG:  # a guest does not see whose GPU Windows passes on
        return _judged("adapter", "WRONG_ADAPTER", True, f"planned Windows' GPU, used {used}")
    ours, theirs = _words(name), _words(used)
    same = ours == theirs or theirs.startswith(f"{ours} mig ")  # a slice of the card
    if same and _twins(given, ours):
        return _unknown("adapter", f"used {used}; which of those of that name, nothing proves")
    return _judged("adapter", "WRONG_ADAPTER", same, f"planned {name}, used {used}")


def _twins(given: Given, name: str) -> bool:
    """Whether the lab asks for one GPU by its number, and the framework saw another of that name too."""
    wish = section(given.plan, "wishes").get("adapter")
    if not (isinstance(wish, str | int) and str(wish).isdigit()):  # str(True) is no number
        return False
    if section(given.plan, "environment").get("visible_devices"):  # its uuid: the framework saw no other
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
    return _judged("loss", "LOSS_NOT_FALLING", last / first <= bound, shown)


def _accuracy(given: Given) -> Check:
    value, bound = number(section(given.training, "result").get("accuracy")), given.bound("accuracy")
    if value is None or bound is None or value < 0 or value > 1:
        return _unknown("accuracy", "no accuracy between 0 and 1")
    return _judged("accuracy", "LABELS_NOT_LEARNED", value >= bound, f"{value:.3g}, bound {bound:g}")


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
    return _judged("batchnorm", "BATCHNORM_WRONG", mean <= bound and variance <= bound, shown)


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
    return _judged("agreement", "REFERENCE_DISAGREES", relative <= bound, shown)


def _throughput(given: Given) -> Check:
    ours, reference = (
        number(section(given.training, part).get("samples_per_second")) for part in ("result", "reference")
    )
    shown = "not measured"
    if ours is not None and reference is not None:
        shown = f"{ours:.4g} samples a second, CPU {reference:.4g}"
    if given.policy.get("throughput_floor") is None:
        return Check("throughput", "SLOW", WAIVED, f"{shown}; the inventory sets the floor aside")
    bound = given.bound("throughput_floor")
    if ours is None or reference is None or bound is None or not (math.isfinite(ours) and math.isfinite(reference)):
        return _unknown("throughput", shown)
    if not reference > 0 or ours < 0:
        return _unknown("throughput", f"{shown}: these speeds make no sense")
    ratio = ours / reference
    return _judged("throughput", "SLOW", ratio >= bound, f"{shown}, ratio {ratio:.3g}, bound {bound:g}")
