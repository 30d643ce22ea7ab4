# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report as Markdown, CSV, JUnit XML and Prometheus metrics: each a pure function of the document."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

from ..reading import shown
from ..record import READY, STATES
from ..remedies import page
from . import document as report

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "|", "%")
COLUMNS = ("host", "state", "code", "stack", "adapter", "cause", "next_step", "simulated", "reused", "at")


def row(record: Mapping[str, Any]) -> dict[str, str]:
    """One PC as a flat row."""
    verdict = record["verdict"]
    return {
        "host": shown(record["host"]),
        "state": verdict["state"],
        "code": shown(verdict["code"]),
        "stack": report.stack_name(record),
        "adapter": report.adapter_name(record),
        "cause": shown(verdict.get("cause")),
        "next_step": shown(verdict.get("next_step")),
        "simulated": str(record.get("simulated") is True).lower(),
        "reused": str(verdict.get("reused") is True).lower(),
        "at": shown(verdict.get("at")),
    }


def markdown(document: Mapping[str, Any]) -> str:
    """A table of the PCs, then the next step of each that is not ready."""

    def cell(text: str) -> str:
        escaped = re.sub(r"([\\`*_\[\]<>|#~&])", r"\\\1", text)
        return " ".join(escaped.split())

    def sentence(text: str) -> str:
        found = cell(text)
        return found if not found or found[-1] in ".!?:" else f"{found}."

    lines = ["# GPU readiness", "", cell(report.headline(document)), ""]
    if words := report.interrupted_words(document):
        lines += [f"**Interrupted.** {cell(words)}", ""]
    if document["simulated"]:
        lines += [f"**Simulated.** {cell(report.simulated_words(document))}", ""]
    if document["run"].get("check"):
        lines += ["**Check.** Nothing was changed and nothing was trained in this run.", ""]
    lines += ["| PC | verdict | code | stack | adapter |", "|---|---|---|---|---|"]
    rows = [row(record) for record in document["hosts"]]
    lines += [f"| {' | '.join(cell(r[key]) for key in ('host', 'state', 'code', 'stack', 'adapter'))} |" for r in rows]
    open_rows = [r for r in rows if r["state"] not in READY]
    if open_rows:
        lines += ["", "## Next steps", ""]
        lines += [
            f"- **{cell(r['host'])}** ({cell(r['code'])}): {sentence(r['cause'])} {sentence(r['next_step'])}".rstrip()
            for r in open_rows
        ]
    lines += ["", f"What each code means: [{page.NAME}]({page.NAME})."]
    return "\n".join(lines) + "\n"


def table(document: Mapping[str, Any]) -> str:
    """CSV with a header; a cell that a spreadsheet would run as a formula is made text."""

    def safe(text: str) -> str:
        text = " ".join(text.split())
        return f"'{text}" if text[:1] in _FORMULA else text

    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({key: safe(value) for key, value in row(record).items()} for record in document["hosts"])
    return out.getvalue()


def junit(document: Mapping[str, Any]) -> str:
    """A test case a PC: NOT_READY and STALE fail, what could not be judged is an error, SKIPPED is skipped."""
    summary = document["summary"]
    failed, errors = summary["NOT_READY"] + summary["STALE"], summary["UNKNOWN"] + summary["UNREACHABLE"]
    suite = ElementTree.Element(
        "testsuite",
        name="gpuready" + (" (simulated)" if document["simulated"] else ""),
        tests=str(summary["total"]),
        failures=str(failed),
        errors=str(errors),
        skipped=str(summary["SKIPPED"]),
        time=str(document["run"].get("seconds") or 0),
    )
    if words := report.interrupted_words(document):
        properties = ElementTree.SubElement(suite, "properties")
        ElementTree.SubElement(properties, "property", name="interrupted", value=_xml_text(words))
    kinds = {
        "NOT_READY": "failure",
        "STALE": "failure",
        "UNKNOWN": "error",
        "UNREACHABLE": "error",
        "SKIPPED": "skipped",
    }
    for record in document["hosts"]:
        flat = {key: _xml_text(value) for key, value in row(record).items()}
        case = ElementTree.SubElement(suite, "testcase", classname="gpuready", name=flat["host"])
        if flat["state"] in kinds:
            found = ElementTree.SubElement(case, kinds[flat["state"]], message=f"{flat['code']}: {flat['cause']}")
            found.text = flat["next_step"]
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _xml_text(text: str) -> str:
    """Without what XML 1.0 cannot hold at all."""
    return re.sub("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)


def prometheus(document: Mapping[str, Any]) -> str:
    """Metrics in the text format, for the textfile collector."""

    def label(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    lines = [
        "# HELP gpuready_verdict 1 for the state the PC is in, 0 for the others.",
        "# TYPE gpuready_verdict gauge",
    ]
    named: set[str] = set()
    for number, record in enumerate(document["hosts"]):
        flat = row(record)
        host = (
            flat["host"] if flat["host"] not in named else f"{flat['host']} #{number}"
        )  # a series must not come twice
        named.add(host)
        lines += [
            f'gpuready_verdict{{host="{label(host)}",state="{state}",simulated="{flat["simulated"]}"}} {int(flat["state"] == state)}'
            for state in STATES
        ]
    lines += ["# HELP gpuready_hosts PCs in the report by state.", "# TYPE gpuready_hosts gauge"]
    lines += [f'gpuready_hosts{{state="{state}"}} {document["summary"][state]}' for state in STATES]
    took = document["run"].get("seconds")
    if isinstance(took, int | float):
        lines += [
            "# HELP gpuready_run_seconds How long the run took.",
            "# TYPE gpuready_run_seconds gauge",
            f"gpuready_run_seconds {took}",
        ]
    lines += [
        "# HELP gpuready_run_interrupted 1 for a run that did not come to its end.",
        "# TYPE gpuready_run_interrupted gauge",
        f"gpuready_run_interrupted {int(bool(report.interrupted_words(document)))}",
    ]
    at = _timestamp(document["run"].get("finished_at"))
    if at is not None:
        lines += [
            "# HELP gpuready_run_timestamp_seconds When the run ended.",
            "# TYPE gpuready_run_timestamp_seconds gauge",
            f"gpuready_run_timestamp_seconds {at:.0f}",
        ]
    return "\n".join(lines) + "\n"


def _timestamp(value: object) -> float | None:
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
