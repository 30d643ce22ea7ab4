# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks of a training's evidence, each with the number and the bound. Fail closed: what cannot be read is unknown, not a pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

PASS, FAIL, UNKNOWN, WAIVED = "pass", "fail", "unknown", "waived"


@dataclass(frozen=True)
class Check:
    """One threshold: `code` is the verdict's code when it fails."""

    name: str
    code: str
    state: str
    detail: str

    def as_dict(self) -> dict[str, str]:
        """The element of `verdict.checks`."""
        return {"name": self.name, "state": self.state, "detail": self.detail}


def number(value: object) -> float | None:
    """A number as a float; the trainer's "nan", "inf", "-inf" too. None for what is no number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    return float(value) if value in ("nan", "inf", "-inf") else None


def section(value: object, name: str) -> Mapping[str, Any]:
    """A part of the evidence; an empty one for what is missing or of another shape."""
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def all_checks(training: Mapping[str, Any], plan: Mapping[str, Any], policy: Mapping[str, Any]) -> list[Check]:
    """Every check, in the order in which a failure names the cause."""
    checks: tuple[Callable[[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]], Check], ...] = (
        _finite, _device, _adapter, _loss, _accuracy, _labels, _batchnorm, _agreement, _throughput,
    )  # fmt: skip
    return [check(training, plan, policy) for check in checks]


def _losses(training: Mapping[str, Any], part: str) -> list[float | None]:
    found = section(training, part).get("losses")
    return [number(loss) for loss in found] if isinstance(found, list) else []


def _finite(training: Mapping[str, Any], plan: Mapping[str, Any], policy: Mapping[str, Any]) -> Check:
    losses = _losses(training, "result")
    if len(losses) < 2 or None in losses:
        return Check("finite", "EVIDENCE_INCOMPLETE", UNKNOWN, f"{len(losses)} losses, 2 at least are needed")
    bad = sum(not math.isfinite(loss) for loss in losses if loss is not None)
    return Check(
        "finite", "NOT_FINITE", FAIL if bad else PASS, f"{bad} of {len(losses)} losses are not finite, bound 0"
    )


def _device(training: Mapping[str, Any], plan: Mapping[str, Any], policy: Mapping[str, Any]) -> Check:
    device = section(training, "device")
    name, kind, requested = (device.get(key) for key in ("name", "kind", "requested"))
    fallbacks = device.get("fallbacks")
    if not isinstance(fallbacks, list) or not isinstance(device.get("placed"), bool) or not name:
        return Check("device", "EVIDENCE_INCOMPLETE", UNKNOWN, "the framework did not say where it computed")
    if fallbacks:
        return Check("device", "CPU_FALLBACK", FAIL, f"ran on the processor: {', '.join(map(str, fallbacks[:5]))}")
    if not device["placed"] or str(kind).upper() == "CPU" or str(name).lower().startswith("cpu"):
        return Check("device", "CPU_FALLBACK", FAIL, f"asked for {requested}, computed on {name}")
    return Check("device", "CPU_FALLBACK", PASS, f"computed on {name} ({kind})")


def _adapter(training: Mapping[str, Any], plan: Mapping[str, Any], policy: Mapping[str, Any]) -> Check:
    planned, used = section(plan, "adapter").get("name"), section(training, "device").get("adapter_name")
    if not planned or not used:
        return Check(
            "adapter", "EVIDENCE_INCOMPLETE", UNKNOWN, f"planned {planned or 'none'}, used {used or 'not named'}"
        )
    same = _words(str(planned)) == _words(str(used))
    return Check("adapter", "WRONG_ADAPTER", PASS if same else FAIL, f"planned {planned}, used {used}")


def _words(name: str) -> str:
    """A GPU's name as all sources spell it: without trade marks, vendor words and case."""
    for mark in ("(R)", "(TM)", "(C)", "®", "™", "\0"):
        name = name.replace(mark, " ")
    words = [word for word in name.lower().split() if word not in ("nvidia", "amd", "intel", "graphics", "adapter")]
    return " ".join(words) or name.lower().strip()


def _loss(training: Mapping[str, Any], plan: Mapping[str, Any], policy: Mapping[str, Any]) -> Check:
    losses, bound = _losses(training, "result"), number(policy.get("loss_ratio"))
    if len(losses) < 2 or None in losses or bound is None or not (losses[0] or 0) > 0:
        return Check("loss", "EVIDENCE_INCOMPLETE", UNKNOWN, "the losses cannot be compared")
    tail = [loss for loss in losses[-3:] if loss is not None]
    last, first = sum(tail) / len(tail), losses[0] or 1.0
    return Check(
        "loss",
        "LOSS_NOT_FALLING",
        PASS if last / first <= bound else FAIL,
        f"{first:.4g} to {last:.4g}, bound {bound:g} of the first",
    )


def _accuracy(training: Mapping[str, Any], plan: Mapping[str, Any], policy: Mapping[str, Any]) -> Check:
    value, bound = number(section(training, "result").get("accuracy")), number(policy.get("accuracy"))
    if value is None or bound is None:
        return Check("accuracy", "EVIDENCE_INCOMPLETE", UNKNOWN, "no accuracy")
    return Check("accuracy", "LABELS_NOT_LEARNED", PASS if value >= bound else FAIL, f"{value:.3g}, bound {bound:g}")


def _labels(training: Mapping[str, Any], plan: Mapping[str, Any], policy: Mapping[str, Any]) -> Check:
    labels = section(training, "task").get("labels")
    if labels is True:
        return Check("labels", "LABELS_NOT_LEARNED", PASS, "the labels belong to the images")
    if labels is False:
        return Check("labels", "LABELS_NOT_LEARNED", FAIL, "the labels are shuffled: nothing can be learned from them")
    return Check("labels", "EVIDENCE_INCOMPLETE", UNKNOWN, "the task does not say whether its labels are real")


def _batchnorm(training: Mapping[str, Any], plan: Mapping[str, Any], policy: Mapping[str, Any]) -> Check:
    agreement, bound = section(training, "agreement"), number(policy.get("reference_tolerance"))
    mean, variance = (number(agreement.get(f"batchnorm_{which}_difference")) for which in ("mean", "variance"))
    if mean is None or variance is None or bound is None:
        return Check("batchnorm", "EVIDENCE_INCOMPLETE", UNKNOWN, "no BatchNorm statistics")
    passed = mean <= bound and variance <= bound
    return Check(
        "batchnorm",
        "BATCHNORM_WRONG",
        PASS if passed else FAIL,
        f"mean off by {mean:.2g}, variance by {variance:.2g}, bound {bound:g}",
    )


def _agreement(training: Mapping[str, Any], plan: Mapping[str, Any], policy: Mapping[str, Any]) -> Check:
    """Recomputed from the losses themselves: a claim of agreement that the losses do not bear out is none."""
    ours, reference = _losses(training, "result"), _losses(training, "reference")
    claimed, bound = (
        number(section(training, "agreement").get("loss_max_difference")),
        number(policy.get("reference_tolerance")),
    )
    if not ours or len(ours) != len(reference) or None in ours or None in reference or claimed is None or bound is None:
        return Check("agreement", "EVIDENCE_INCOMPLETE", UNKNOWN, "no reference to compare with")
    scale = reference[0] or 1.0
    differences = [abs((a or 0.0) - (b or 0.0)) for a, b in zip(ours, reference, strict=True)]
    worst = math.nan if any(math.isnan(d) for d in (*differences, claimed)) else max(*differences, claimed)
    relative = worst / abs(scale)
    return Check(
        "agreement",
        "REFERENCE_DISAGREES",
        PASS if relative <= bound else FAIL,
        f"losses off by {relative:.2g} of the first, bound {bound:g}",
    )


def _throughput(training: Mapping[str, Any], plan: Mapping[str, Any], policy: Mapping[str, Any]) -> Check:
    ours, reference = (number(section(training, part).get("samples_per_second")) for part in ("result", "reference"))
    floor = policy.get("throughput_floor")
    shown = (
        f"{ours:.4g} samples a second, CPU {reference:.4g}"
        if ours is not None and reference is not None
        else "not measured"
    )
    if floor is None:
        return Check("throughput", "SLOW", WAIVED, f"{shown}; the inventory sets the floor aside")
    bound = number(floor)
    if ours is None or reference is None or bound is None or not reference > 0 or not math.isfinite(ours):
        return Check("throughput", "EVIDENCE_INCOMPLETE", UNKNOWN, shown)
    return Check(
        "throughput",
        "SLOW",
        PASS if ours / reference >= bound else FAIL,
        f"{shown}, ratio {ours / reference:.3g}, bound {bound:g}",
    )
