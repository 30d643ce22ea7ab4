# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report as one self-contained HTML page: readable without scripts, filtered and sorted with them.

Everything that comes from a PC or an inventory is escaped: a host name may be hostile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from ansible_collections.gpuready.lab.plugins.module_utils import report
from ansible_collections.gpuready.lab.plugins.plugin_utils.report_assets import SCRIPT, STYLE

MEANINGS = {
    "READY": "trained on the planned GPU, every check passed",
    "DEGRADED": "trains on the GPU, but slower than it must",
    "NOT_READY": "a known cause, with the next step",
    "UNKNOWN": "evidence is missing or contradicts itself",
    "UNREACHABLE": "the PC could not be had",
    "STALE": "passed, but something has changed since",
    "SKIPPED": "nothing was asked of it",
}


def page(document: Mapping[str, Any]) -> str:
    """The whole page."""
    run = document["run"]
    title = "GPU readiness" + (" (simulated)" if document["simulated"] else "")
    took = f", {run['seconds']:.1f} s" if isinstance(run.get("seconds"), int | float) else ""
    when = f"{run.get('finished_at') or 'time not known'}{took}"
    banners = ""
    if document["simulated"]:
        banners += '<p class="banner"><strong>Simulated.</strong> These PCs are simulated: no real GPU was looked at, and no real GPU trained.</p>'
    if run.get("check"):
        banners += (
            '<p class="banner"><strong>Check.</strong> Nothing was changed and nothing was trained in this run.</p>'
        )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<a class="skip" href="#pcs">Skip to the PCs</a>
<header>
<h1>{title}</h1>
<p class="headline">{escape(report.headline(document))}</p>
<p class="when">{escape(when)}</p>
</header>
<main>
{banners}
{_counts(document["summary"])}
<section aria-labelledby="pcs">
<h2 id="pcs" tabindex="-1">PCs</h2>
{_filters(document)}
<div class="scroll">
<table id="table">
<caption>Every PC of this run, its verdict and what to do next</caption>
<thead><tr>{"".join(f'<th scope="col" data-sort="{key}">{name}</th>' for key, name in _COLUMNS)}</tr></thead>
<tbody>
{"".join(_row(number, record) for number, record in enumerate(document["hosts"]))}
</tbody>
</table>
</div>
<p id="none" hidden>No PC fits the filter.</p>
</section>
<section aria-labelledby="details">
<h2 id="details">Details</h2>
{"".join(_details(number, record) for number, record in enumerate(document["hosts"]))}
</section>
</main>
<footer><p>gpuready {escape(str(run.get("gpuready_version") or ""))} · run {escape(str(run.get("id") or ""))} · controller {escape(str(run.get("controller") or ""))}</p></footer>
<script>{SCRIPT}</script>
</body>
</html>
"""


_COLUMNS = (
    ("host", "PC"),
    ("state", "Verdict"),
    ("stack", "Stack"),
    ("adapter", "Adapter"),
    ("next", "Cause and next step"),
)


def _counts(summary: Mapping[str, int]) -> str:
    shown = [state for state in report.STATES if summary[state]]
    items = "".join(
        f'<li class="{state.lower()}"><b>{summary[state]}</b> <span>{_words(state)}</span><small>{MEANINGS[state]}</small></li>'
        for state in shown
    )
    return f'<ul class="counts" aria-label="Summary">{items}</ul>'


def _filters(document: Mapping[str, Any]) -> str:
    states = [state for state in report.STATES if document["summary"][state]]
    options = "".join(f'<option value="{state}">{_words(state)}</option>' for state in states)
    return (
        '<form id="filter" hidden><label>Find <input type="search" id="find" autocomplete="off"></label> '
        f'<label>Verdict <select id="state"><option value="">all</option>{options}</select></label> '
        '<output id="shown" aria-live="polite"></output></form>'
    )


def _words(state: str) -> str:
    return state.replace("_", " ").lower()


def _row(number: int, record: Mapping[str, Any]) -> str:
    verdict = record["verdict"]
    step = f'<p class="step">{escape(str(verdict["next_step"]))}</p>' if verdict.get("next_step") else ""
    simulated = ' <span class="tag">simulated</span>' if record.get("simulated") else ""
    return (
        f'<tr data-state="{verdict["state"]}"><th scope="row"><a href="#pc{number}">{escape(str(record["host"]))}</a>{simulated}</th>'
        f'<td data-value="{report.STATES.index(verdict["state"])}">{_badge(verdict["state"])}<code>{escape(str(verdict["code"]))}</code></td>'
        f"<td>{escape(report.stack_name(record)) or _none()}</td><td>{escape(report.adapter_name(record)) or _none()}</td>"
        f"<td><p>{escape(str(verdict.get('cause') or ''))}</p>{step}</td></tr>\n"
    )


def _badge(state: str) -> str:
    return f'<span class="badge {state.lower()}">{_words(state)}</span>'


def _none() -> str:
    return '<span class="none">none</span>'


def _details(number: int, record: Mapping[str, Any]) -> str:
    verdict, plan, facts = record["verdict"], record.get("plan") or {}, record.get("facts") or {}
    parts = [
        _list("Troubles", [f"{t.get('code')}: {t.get('message')}" for t in record.get("troubles") or []]),
        _checks(verdict.get("checks") or []),
        _training(record.get("training") or {}),
        _list(
            "Blocked by",
            [f"{b.get('code')}: {b.get('cause')} {b.get('next_step') or ''}" for b in plan.get("blockers") or []],
        ),
        _list("Why this stack", plan.get("reasons") or []),
        _list(
            "Why not another",
            [
                f"{r.get('stack')} on {r.get('target')}: {'; '.join(r.get('reasons') or [])}"
                for r in plan.get("rejected") or []
            ],
        ),
        _list("Mind", plan.get("warnings") or []),
        _adapters(facts.get("adapters") or []),
        _list(
            "Evidence that could not be had",
            [f"{p.get('piece')}: {p.get('message')}" for p in facts.get("problems") or []],
        ),
        _start(record),
    ]
    os_name = " ".join(str((facts.get("os") or {}).get(key) or "") for key in ("name", "version")).strip()
    return (
        f'<details id="pc{number}"><summary>{escape(str(record["host"]))} {_badge(verdict["state"])} '
        f'<span class="os">{escape(os_name)}</span></summary>{"".join(parts)}</details>\n'
    )


def _list(title: str, lines: Iterable[Any]) -> str:
    items = "".join(f"<li>{escape(str(line))}</li>" for line in lines)
    return f"<h3>{title}</h3><ul>{items}</ul>" if items else ""


def _checks(checks: Iterable[Mapping[str, Any]]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(str(c.get("name")))}</th><td>{escape(str(c.get("state")))}</td><td>{escape(str(c.get("detail") or ""))}</td></tr>'
        for c in checks
    )
    head = '<tr><th scope="col">Check</th><th scope="col">Result</th><th scope="col">Number and bound</th></tr>'
    return (
        f'<div class="scroll"><table><caption>Checks</caption><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
        if rows
        else ""
    )


def _training(training: Mapping[str, Any]) -> str:
    if not training:
        return ""
    device, result, reference = (training.get(key) or {} for key in ("device", "result", "reference"))
    framework = training.get("framework") or {}
    lines = [
        f"framework: {framework.get('name')} {framework.get('version')}",
        f"device: {device.get('name')} ({device.get('adapter_name') or 'adapter not named'})",
    ]
    for name, part in (("GPU", result), ("CPU", reference)):
        if isinstance(part.get("samples_per_second"), int | float):
            lines.append(f"{name}: {part['samples_per_second']:.0f} samples a second")
    return _list("Training", lines)


def _adapters(adapters: Iterable[Mapping[str, Any]]) -> str:
    lines = []
    for adapter in adapters:
        driver, memory = adapter.get("driver") or {}, adapter.get("memory_bytes")
        size = f"{memory / 2**30:.1f} GiB" if isinstance(memory, int | float) else "memory not known"
        version = driver.get("vendor_version") or driver.get("version") or "not known"
        lines.append(f"{adapter.get('name') or adapter.get('id')}: {size}, driver {version}, {adapter.get('status')}")
    return _list("Adapters", lines)


def _start(record: Mapping[str, Any]) -> str:
    start = ((record.get("apply") or {}).get("environment") or {}).get("start")
    return (
        _list("How a student starts it", [start]) if start and record["verdict"]["state"] in report.READY_STATES else ""
    )
