# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the HTML report tells of one PC when its details are opened. Everything is escaped.

What a PC says is alone in its block, an element that isolates it: page.css lets each find its own direction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from ..reading import all_shown, items, section, shown, shown_bytes
from ..record import READY, side
from . import curves
from . import document as report

_BOUND = {
    "driver": "driver",
    "os_build": "operating system",
    "kernel": "kernel",
    "wsl": "WSL",
    "export": "export for students (SHA-256)",
    "stack": "stack",
    "lock_sha256": "lock (SHA-256)",
    "trainer_sha256": "trainer (SHA-256)",
    "adapter": "GPU",
}


def body(record: Mapping[str, Any], plan_at: str) -> str:
    """The sections of one PC, those without content left out.

    `plan_at` is the id of what stands elsewhere on the page, the reasons of its plan; empty: they stand here.
    """
    plan, facts, verdict = section(record, "plan"), section(record, "facts"), section(record, "verdict")
    return "".join(
        [
            _verdict(verdict),
            _list("Troubles", (_trouble(one) for one in items(record.get("troubles")))),
            _list(
                "In the words of what failed",
                (line for one in items(record.get("troubles")) for line in all_shown(one.get("details"))),
            ),
            _checks(items(verdict.get("checks"))),
            _training(section(record, "training")),
            _list("What stands in the way", (_blocker(one) for one in items(plan.get("blockers")))),
            _plan(record),
            f'<p><a href="#{plan_at}">Why this stack, and why not another</a></p>' if plan_at else why(record),
            _adapters(items(facts.get("adapters"))),
            _guest(facts),
            _list("GPUs left aside", (_named(one, "name", "reason") for one in items(facts.get("ignored_adapters")))),
            _list(
                "Evidence that could not be had",
                (_named(one, "piece", "message") for one in items(facts.get("problems"))),
            ),
            _bound(section(verdict, "fingerprint")),
        ]
    )


def why(record: Mapping[str, Any]) -> str:
    """The reasons of a plan, which PCs of a kind share; empty where there are none."""
    plan = section(record, "plan")
    return "".join(
        [
            _list("Why this stack", all_shown(plan.get("reasons"))),
            _list("Mind", all_shown(plan.get("warnings"))),
            _list("Why not another", (_rejected(one) for one in items(plan.get("rejected")))),
        ]
    )


def _list(title: str, lines: Iterable[str]) -> str:
    entries = "".join(f"<li>{escape(line)}</li>" for line in lines if line)
    return f"<h4>{title}</h4><ul>{entries}</ul>" if entries else ""


def _pairs(title: str, pairs: Iterable[tuple[str, str]]) -> str:
    entries = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs if value)
    return f"<h4>{title}</h4><dl>{entries}</dl>" if entries else ""


def _named(one: Mapping[str, Any], name: str, words: str) -> str:
    return ": ".join(part for part in (shown(one.get(name)), shown(one.get(words))) if part)


def _trouble(one: Mapping[str, Any]) -> str:
    where = ", ".join(part for part in (shown(one.get("step")), shown(one.get("task"))) if part)
    return _named(one, "code", "message") + (f" ({where})" if where else "")


def _blocker(one: Mapping[str, Any]) -> str:
    return f"{_named(one, 'code', 'cause')}. {shown(one.get('next_step'))}".strip()


def _rejected(one: Mapping[str, Any]) -> str:
    where = f" on {shown(one.get('target'))}" if shown(one.get("target")) else ""
    return f"{shown(one.get('stack'))}{where}: {'; '.join(all_shown(one.get('reasons')))}"


def _verdict(verdict: Mapping[str, Any]) -> str:
    reused = "nothing was trained now: an earlier pass stands, unchanged since" if verdict.get("reused") is True else ""
    return _pairs(
        "Verdict",
        [
            ("Code", shown(verdict.get("code"))),
            ("Cause", shown(verdict.get("cause"))),
            ("Next step", shown(verdict.get("next_step"))),
            ("Earlier pass", reused),
            ("Judged at", shown(verdict.get("at"))),
        ],
    )


def _checks(checks: Iterable[Mapping[str, Any]]) -> str:
    rows = "".join(_check(check) for check in checks)
    head = '<tr><th scope="col">Check</th><th scope="col">Result</th><th scope="col">Number and bound</th></tr>'
    table = f'<table class="checks"><caption>What the training had to show</caption><thead>{head}</thead><tbody>{rows}</tbody></table>'
    return f'<h4>Checks</h4><div class="scroll" tabindex="0">{table}</div>' if rows else ""


def _check(check: Mapping[str, Any]) -> str:
    state = shown(check.get("state"))
    marked = f' class="check-{escape(state, quote=True)}"' if state != "pass" else ""
    return (
        f'<tr{marked}><th scope="row">{escape(shown(check.get("name")))}</th>'
        f"<td>{escape(state)}</td><td>{escape(shown(check.get('detail')))}</td></tr>"
    )


def _speed(training: Mapping[str, Any], name: str) -> str:
    rate = section(training, name).get("samples_per_second")
    return f"{rate:.0f} samples a second" if isinstance(rate, int | float) and not isinstance(rate, bool) else ""


def _losses(training: Mapping[str, Any], name: str) -> str:
    losses = section(training, name).get("losses")
    if not isinstance(losses, list) or not losses:
        return ""
    return f"loss {shown(losses[0])} to {shown(losses[-1])} in {len(losses)} steps"


def _training(training: Mapping[str, Any]) -> str:
    device, framework, process = (section(training, name) for name in ("device", "framework", "process"))
    error = section(training, "error")

    def joined(*values: str) -> str:
        return ", ".join(value for value in values if value)

    pairs = _pairs(
        "Training",
        [
            (
                "Framework",
                " ".join(part for key in ("name", "version", "plugin") if (part := shown(framework.get(key)))),
            ),
            ("Device", joined(shown(device.get("name")), shown(device.get("adapter_name")))),
            ("On the GPU", joined(_losses(training, "result"), _speed(training, "result"))),
            ("On the processor", joined(_losses(training, "reference"), _speed(training, "reference"))),
            ("Error", _named(error, "type", "message")),
            ("Took", f"{shown(process.get('seconds'))} s" if process.get("seconds") else ""),
            ("Exit code", shown(process.get("rc")) if process.get("rc") not in (0, None) else ""),
        ],
    )
    bad = training and (training.get("finished") is not True or error)
    return (
        pairs
        + curves.picture(training)
        + (_list("Last lines of the training", all_shown(process.get("stderr_tail"))[-10:]) if bad else "")
    )


def _plan(record: Mapping[str, Any]) -> str:
    plan, environment = section(record, "plan"), section(record, "apply", "environment")
    needed = [step for step in items(plan.get("steps")) if step.get("needed") is True]
    ready = section(record, "verdict").get("state") in READY
    return _pairs(
        "Plan",
        [
            ("Stack", report.stack_words(record)),
            ("GPU", report.adapter_name(record)),
            ("To do", "; ".join(_named(step, "name", "reason") for step in needed)),
            ("Environment", shown(environment.get("path"))),
            ("How a student starts it", _start(record) if ready else ""),
            ("In every user's Jupyter", _kernel(record) if ready else ""),
        ],
    )


def _start(record: Mapping[str, Any]) -> str:
    """The stack's launcher; before it that of a guest, where every user of the PC is offered one."""
    start = shown(section(record, "apply", "environment").get("start"))
    launcher = shown(section(record, "apply", "offer").get("launcher"))
    return f"{launcher} opens a guest of one's own; in it {start}" if launcher and start else start


def _kernel(record: Mapping[str, Any]) -> str:
    """What Jupyter calls the environment: as it was switched to, else as it was found."""
    planned = section(record, "plan", "environment").get("lock_sha256")
    found = [one for one in items(side(record).get("environments")) if one.get("lock_sha256") == planned]
    names = (shown(one.get("kernel")) for one in (section(record, "apply", "environment"), *found))
    return next((name for name in names if name), "")


def _adapters(adapters: Iterable[Mapping[str, Any]]) -> str:
    lines = []
    for adapter in adapters:
        driver, memory = section(adapter, "driver"), adapter.get("memory_bytes")
        size = "memory not known"
        if isinstance(memory, int | float) and not isinstance(memory, bool):
            size = shown_bytes(memory)
        version = shown(driver.get("vendor_version")) or shown(driver.get("version")) or "not known"
        name = shown(adapter.get("name")) or shown(adapter.get("id"))
        lines.append(f"{name}: {size}, driver {version}, {shown(adapter.get('status'))}")
    return _list("GPUs of the PC", lines)


def _guest(facts: Mapping[str, Any]) -> str:
    guest, name = section(facts, "guest"), section(facts, "wsl", "place").get("name")
    system = section(guest, "os")
    pairs = [
        ("Distribution", shown(name)),
        ("Linux", shown(system.get("name"))),
        ("Kernel", shown(system.get("kernel"))),
        ("GPUs that it sees", ", ".join(shown(one.get("name")) for one in items(guest.get("adapters")))),
        ("What could not be had", "; ".join(_named(one, "piece", "message") for one in items(guest.get("problems")))),
    ]
    return _pairs("The guest", pairs) if guest else ""


def _bound(fingerprint: Mapping[str, Any]) -> str:
    return _pairs("What a pass is bound to", ((name, shown(fingerprint.get(key))) for key, name in _BOUND.items()))
