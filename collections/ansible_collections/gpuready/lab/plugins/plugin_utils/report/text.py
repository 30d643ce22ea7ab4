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

from ..reading import section, shown
from ..record import STATES
from ..remedies import page
from . import document as report
from . import places, trend
from .causes import LOOKED_AT, whose
from .ends import life

_KINDS = {
    "NOT_READY": "failure",
    "STALE": "failure",
    "UNKNOWN": "error",
    "UNREACHABLE": "error",
    "SKIPPED": "skipped",
    LOOKED_AT: "skipped",
}
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "|", "%")
COLUMNS = (
    *("host", "state", "code", "stack", "adapter", "cause", "next_step", "simulated", "reused", "at", "run"),
    *("judged_at", "pcs_alike", "life", "room", "groups"),
)


def row(document: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, str]:
    """One PC as a flat row; in the state of a lab `run` and `judged_at` are of the run that gave its verdict."""
    verdict, newest = record["verdict"], section(record, "newest")
    lab = "lab" in document
    return {
        "host": shown(record["host"]),
        "state": report.outcome(document, record),
        "code": shown(verdict["code"]),
        "stack": report.stack_name(record),
        "adapter": report.adapter_name(record),
        "cause": shown(verdict.get("cause")),
        "next_step": shown(verdict.get("next_step")),
        "simulated": str(record.get("simulated") is True).lower(),
        "reused": str(verdict.get("reused") is True).lower(),
        "at": shown(verdict.get("at")),
        "run": shown(newest.get("run") if lab else document["run"].get("id")),
        "judged_at": shown(newest.get("at") if lab else document["run"].get("finished_at")),
        "life": life(record),
        "room": places.room(record),
        "groups": ", ".join(places.groups(record)),
    }


def markdown(document: Mapping[str, Any]) -> str:
    """A table of the PCs, then the next step of each that is not ready."""

    def cell(text: str) -> str:
        escaped = re.sub(r"([\\`*_\[\]<>|#~&])", r"\\\1", text)
        return " ".join(escaped.split())

    def sentence(text: str) -> str:
        cell_text = cell(text)
        return cell_text if not cell_text or cell_text[-1] in ".!?:" else f"{cell_text}."

    lines = ["# GPU readiness", "", cell(report.headline(document)), ""]
    if words := report.interrupted_words(document):
        lines += [f"**Interrupted.** {cell(words)}", ""]
    if document["simulated"]:
        lines += [f"**Simulated.** {cell(report.simulated_words(document))}", ""]
    if document["run"].get("check"):
        lines += ["**Check.** Nothing was changed and nothing was trained in this run.", ""]
    if words := shown(section(document, "since").get("words")):
        lines += [cell(words), ""]
    if words := trend.words(document.get("trend", ())):
        lines += [cell(words), ""]
    roomed = any(map(places.room, document["hosts"]))
    columns = ["host"] + ["room"] * roomed + ["state", "code", "stack", "adapter"] + ["judged_at"] * ("lab" in document)
    names = {"host": "PC", "state": "verdict", "judged_at": "judged"}
    lines += [f"| {' | '.join(names.get(key, key) for key in columns)} |", "|---" * len(columns) + "|"]
    rows = [row(document, record) for record in document["hosts"]]
    lines += [f"| {' | '.join(cell(r[key]) for key in columns)} |" for r in rows]
    if document["causes"]:
        lines += ["", "## Next steps", ""]
    for group in document["causes"]:
        several = len(group["causes"]) > 1
        why = " ".join(
            sentence(f"{one['pcs']}: {one['cause']}" if several else one["cause"]) for one in group["causes"]
        )
        who = (
            f"**{cell(group['pcs'])}** ({whose(group)}{group['count']}, {cell(group['state'])}, {cell(group['code'])})"
        )
        lines.append(f"- {who}: {why} {sentence(group['next_step'])}".rstrip())
    if ended := [*document["end_of_life"], *document["out_of_support"]]:
        lines += ["", "## At the end of their life", ""]
    lines += [f"- **{cell(one['pcs'])}** ({one['count']}): {sentence(one['words'])}" for one in ended]
    lines += ["", f"What each code means: [{page.NAME}]({page.NAME})."]
    return "\n".join(lines) + "\n"


def table(document: Mapping[str, Any]) -> str:
    """CSV with a header; a cell that a spreadsheet would run as a formula is made text.

    No cell has a semicolon: where a spreadsheet splits there (much of Europe), what follows would be a cell of its own.
    """

    def safe(text: str) -> str:
        text = " ".join(text.split()).replace(";", ",")
        return f"'{text}" if text[:1] in _FORMULA else text

    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    alike = {host: str(group["count"]) for group in document["causes"] for host in group["hosts"]}
    for record in document["hosts"]:
        flat = row(document, record)
        flat["pcs_alike"] = alike.get(flat["host"], "")
        writer.writerow({key: safe(value) for key, value in flat.items()})
    return out.getvalue()


def junit(document: Mapping[str, Any]) -> str:
    """A test case a PC: NOT_READY and STALE fail, what could not be judged is an error, what was not is skipped."""
    flats = [row(document, record) for record in document["hosts"]]
    kinds = [_KINDS.get(flat["state"]) for flat in flats]
    suite = ElementTree.Element(
        "testsuite",
        name="gpuready" + (" (simulated)" if document["simulated"] else ""),
        tests=str(len(flats)),
        failures=str(kinds.count("failure")),
        errors=str(kinds.count("error")),
        skipped=str(kinds.count("skipped")),
        time=str(document["run"].get("seconds") or 0),
    )
    words = report.interrupted_words(document)
    told = [("interrupted", words)] if words else []
    for group in document["causes"]:
        value = f"{group['count']}: {group['pcs']}. {group['next_step']}"
        told.append((f"{group['state']} {group['code']}", value))
    if told:
        properties = ElementTree.SubElement(suite, "properties")
        for name, value in told:
            ElementTree.SubElement(properties, "property", name=_xml_text(name), value=_xml_text(value))
    for raw, kind in zip(flats, kinds, strict=True):
        flat = {key: _xml_text(value) for key, value in raw.items()}
        case = ElementTree.SubElement(suite, "testcase", classname="gpuready", name=flat["host"])
        if kind and flat["state"] == LOOKED_AT:
            ElementTree.SubElement(case, kind, message="it was looked at; this run judges nobody")
        elif kind:
            element = ElementTree.SubElement(case, kind, message=f"{flat['code']}: {flat['cause']}")
            element.text = flat["next_step"]
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _xml_text(text: str) -> str:
    """Without what XML 1.0 cannot hold at all."""
    return re.sub("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)


def prometheus(document: Mapping[str, Any]) -> str:
    """Metrics in the text format, for the textfile collector. A run that judges nobody tells of itself alone."""
    lines = [] if document["run"].get("verdicts") is False else _verdicts(document)
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


def _verdicts(document: Mapping[str, Any]) -> list[str]:
    """State, and in the state of a lab its age, of each PC; how many are in each state and have each cause."""

    def label(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    lines = [
        "# HELP gpuready_verdict 1 for the state the PC is in, 0 for the others.",
        "# TYPE gpuready_verdict gauge",
    ]
    ages = []
    named: set[str] = set()
    for number, record in enumerate(document["hosts"]):
        flat = row(document, record)
        host = (
            flat["host"] if flat["host"] not in named else f"{flat['host']} #{number}"
        )  # a series must not come twice
        named.add(host)
        lines += [
            f'gpuready_verdict{{host="{label(host)}",state="{state}",simulated="{flat["simulated"]}"}} {int(flat["state"] == state)}'
            for state in STATES
        ]
        at = _timestamp(flat["judged_at"])
        if at is not None:
            ages.append(f'gpuready_verdict_timestamp_seconds{{host="{label(host)}"}} {at:.0f}')
    lines += [
        "# HELP gpuready_verdict_timestamp_seconds When the run that judged the PC ended.",
        "# TYPE gpuready_verdict_timestamp_seconds gauge",
        *ages,
        "# HELP gpuready_hosts PCs in the report by state.",
        "# TYPE gpuready_hosts gauge",
    ]
    lines += [f'gpuready_hosts{{state="{state}"}} {document["summary"][state]}' for state in STATES]
    alike: dict[tuple[str, str], int] = {}
    for group in document["causes"]:
        key = (group["state"], group["code"])
        alike[key] = alike.get(key, 0) + group["count"]
    lines += ["# HELP gpuready_causes PCs by what keeps them.", "# TYPE gpuready_causes gauge"]
    return lines + [
        f'gpuready_causes{{state="{state}",code="{code}"}} {count}' for (state, code), count in alike.items()
    ]


def _timestamp(value: object) -> float | None:
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
