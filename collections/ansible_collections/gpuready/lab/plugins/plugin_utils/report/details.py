# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the HTML report tells of one PC when its details are opened. Everything is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from .. import contract
from . import document as report
from .parts import items, part, text, texts

_BOUND = {
    "driver": "driver",
    "os_build": "operating system",
    "kernel": "kernel",
    "wsl": "WSL",
    "stack": "stack",
    "lock_sha256": "lock (SHA-256)",
    "trainer_sha256": "trainer (SHA-256)",
    "adapter": "GPU",
}


def body(record: Mapping[str, Any]) -> str:
    """The sections of one PC, those without content left out."""
    plan, facts, verdict = part(record, "plan"), part(record, "facts"), part(record, "verdict")
    return "".join(
        [
            _verdict(verdict),
            _list("Troubles", (_trouble(one) for one in items(record.get("troubles")))),
            _checks(items(verdict.get("checks"))),
            _training(part(record, "training")),
            _list("What stands in the way", (_blocker(one) for one in items(plan.get("blockers")))),
            _plan(record),
            _list("Why this stack", texts(plan.get("reasons"))),
            _list("Mind", texts(plan.get("warnings"))),
            _list("Why not another", (_rejected(one) for one in items(plan.get("rejected")))),
            _adapters(items(facts.get("adapters"))),
            _list("GPUs left aside", (_named(one, "name", "reason") for one in items(facts.get("ignored_adapters")))),
            _list(
                "Evidence that could not be had",
                (_named(one, "piece", "message") for one in items(facts.get("problems"))),
            ),
            _bound(part(verdict, "fingerprint")),
        ]
    )


def _list(title: str, lines: Iterable[str]) -> str:
    entries = "".join(f"<li><bdi>{escape(line)}</bdi></li>" for line in lines if line)
    return f"<h4>{title}</h4><ul>{entries}</ul>" if entries else ""


def _pairs(title: str, pairs: Iterable[tuple[str, str]]) -> str:
    entries = "".join(
        f"<div><dt>{escape(name)}</dt><dd><bdi>{escape(value)}</bdi></dd></div>" for name, value in pairs if value
    )
    return f"<h4>{title}</h4><dl>{entries}</dl>" if entries else ""


def _named(one: Mapping[str, Any], name: str, words: str) -> str:
    return ": ".join(found for found in (text(one.get(name)), text(one.get(words))) if found)


def _trouble(one: Mapping[str, Any]) -> str:
    where = ", ".join(found for found in (text(one.get("step")), text(one.get("task"))) if found)
    return _named(one, "code", "message") + (f" ({where})" if where else "")


def _blocker(one: Mapping[str, Any]) -> str:
    return f"{_named(one, 'code', 'cause')}. {text(one.get('next_step'))}".strip()


def _rejected(one: Mapping[str, Any]) -> str:
    where = f" on {text(one.get('target'))}" if text(one.get("target")) else ""
    return f"{text(one.get('stack'))}{where}: {'; '.join(texts(one.get('reasons')))}"


def _verdict(verdict: Mapping[str, Any]) -> str:
    reused = "nothing was trained now: an earlier pass stands, unchanged since" if verdict.get("reused") is True else ""
    return _pairs(
        "Verdict",
        [
            ("Code", text(verdict.get("code"))),
            ("Cause", text(verdict.get("cause"))),
            ("Next step", text(verdict.get("next_step"))),
            ("Earlier pass", reused),
            ("Judged at", text(verdict.get("at"))),
        ],
    )


def _checks(checks: Iterable[Mapping[str, Any]]) -> str:
    rows = "".join(
        f'<tr class="check-{escape(text(check.get("state")), quote=True)}"><th scope="row"><bdi>{escape(text(check.get("name")))}</bdi></th>'
        f"<td>{escape(text(check.get('state')))}</td><td><bdi>{escape(text(check.get('detail')))}</bdi></td></tr>"
        for check in checks
    )
    head = '<tr><th scope="col">Check</th><th scope="col">Result</th><th scope="col">Number and bound</th></tr>'
    table = f'<table class="checks"><caption>What the training had to show</caption><thead>{head}</thead><tbody>{rows}</tbody></table>'
    return f'<h4>Checks</h4><div class="scroll" tabindex="0">{table}</div>' if rows else ""


def _speed(training: Mapping[str, Any], name: str) -> str:
    found = part(training, name).get("samples_per_second")
    return f"{found:.0f} samples a second" if isinstance(found, int | float) and not isinstance(found, bool) else ""


def _losses(training: Mapping[str, Any], name: str) -> str:
    found = part(training, name).get("losses")
    if not isinstance(found, list) or not found:
        return ""
    return f"loss {text(found[0])} to {text(found[-1])} in {len(found)} steps"


def _training(training: Mapping[str, Any]) -> str:
    device, framework, process = (part(training, name) for name in ("device", "framework", "process"))
    error = part(training, "error")

    def joined(*values: str) -> str:
        return ", ".join(value for value in values if value)

    pairs = _pairs(
        "Training",
        [
            (
                "Framework",
                " ".join(found for key in ("name", "version", "plugin") if (found := text(framework.get(key)))),
            ),
            ("Device", joined(text(device.get("name")), text(device.get("adapter_name")))),
            ("On the GPU", joined(_losses(training, "result"), _speed(training, "result"))),
            ("On the processor", joined(_losses(training, "reference"), _speed(training, "reference"))),
            ("Error", _named(error, "type", "message")),
            ("Took", f"{text(process.get('seconds'))} s" if process.get("seconds") else ""),
            ("Exit code", text(process.get("rc")) if process.get("rc") not in (0, None) else ""),
        ],
    )
    bad = training and (training.get("finished") is not True or error)
    return pairs + (_list("Last lines of the training", texts(process.get("stderr_tail"))[-10:]) if bad else "")


def _plan(record: Mapping[str, Any]) -> str:
    plan, environment = part(record, "plan"), part(record, "apply", "environment")
    needed = [step for step in items(plan.get("steps")) if step.get("needed") is True]
    ready = part(record, "verdict").get("state") in contract.READY
    return _pairs(
        "Plan",
        [
            ("Stack", report.stack_name(record)),
            ("GPU", report.adapter_name(record)),
            ("To do", "; ".join(_named(step, "name", "reason") for step in needed)),
            ("Environment", text(environment.get("path"))),
            ("How a student starts it", text(environment.get("start")) if ready else ""),
        ],
    )


def _adapters(adapters: Iterable[Mapping[str, Any]]) -> str:
    lines = []
    for adapter in adapters:
        driver, memory = part(adapter, "driver"), adapter.get("memory_bytes")
        size = "memory not known"
        if isinstance(memory, int | float) and not isinstance(memory, bool):
            size = f"{memory / 2**30:.1f} GiB"
        version = text(driver.get("vendor_version")) or text(driver.get("version")) or "not known"
        name = text(adapter.get("name")) or text(adapter.get("id"))
        lines.append(f"{name}: {size}, driver {version}, {text(adapter.get('status'))}")
    return _list("GPUs of the PC", lines)


def _bound(fingerprint: Mapping[str, Any]) -> str:
    return _pairs("What a pass is bound to", ((name, text(fingerprint.get(key))) for key, name in _BOUND.items()))
