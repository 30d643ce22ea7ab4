"""A report with a PC in every state, and one whose every text is hostile, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.gpuready.lab.plugins.plugin_utils.report import document as report
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict.judging import fingerprint, verdict
from records import changed, good

NOW = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
RUN: dict[str, Any] = {
    "id": "3f6c0c1e",
    "started_at": "2026-11-23T08:20:00.000+00:00",
    "finished_at": "2026-11-23T08:30:00.000+00:00",
    "seconds": 600.0,
    "controller": "controller.lab.example",
    "gpuready_version": "1.0.0",
    "playbook": "provision",
    "check": False,
}
HOSTILE = [
    "<script>window.hacked = true</script>",
    "\"><img src=x onerror='window.hacked = true'>",
    "</style></script><svg onload=alert(1)>",
    "=HYPERLINK(\"http://evil.example\",\"x\")",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "| a | b |\n# heading [link](javascript:alert(1)) `code` ![x](http://evil.example/x.png)",
    'quote " backslash \\ newline\nend',
    "javascript:alert(1)",
    "\u202eright to left",
    "bell\x07 escape\x1b[31m null\x00",
    "\ud800 lone surrogate",
    "{{ 7 * 7 }} {% raw %}",
    "&lt;b&gt; &amp; ]]>",
    "漢字 é ß ∑",
]  # fmt: skip


def document(records: list[dict[str, Any]], simulated: bool = False, **run: Any) -> dict[str, Any]:
    """A report of these records, each with its verdict."""
    judged = [
        {**record, "verdict": record.get("verdict") or verdict(record, {"simulated_lab": simulated}, NOW)}
        for record in records
    ]
    return report.build(judged, {**RUN, **run}, simulated)


def named(host: str, record: dict[str, Any]) -> dict[str, Any]:
    """The record under another name."""
    return {**record, "host": host}


def every_state() -> list[dict[str, Any]]:
    """A PC in each state, as real ones get there."""
    stale = changed("training", None)
    bound = {**fingerprint(stale, "bb"), "driver": "31.0.24002.92"}
    passed = {"state": "READY", "code": "TRAINED", "cause": "c", "checks": []}
    stale["facts"]["last_pass"] = {"fingerprint": bound, "verdict": passed, "at": (NOW - timedelta(days=2)).isoformat()}
    blocked = changed("training", None)
    blocked["plan"]["blockers"] = [
        {
            "code": "BASIC_DRIVER",
            "cause": "AMD Radeon RX 6800 runs on a basic display driver, which cannot compute",
            "next_step": "Install the driver of the GPU's vendor, restart the PC and run again.",
        }
    ]
    blocked["plan"]["rejected"] = [
        {"stack": "cuda", "target": "wsl", "here": True, "reasons": ["it needs an NVIDIA GPU"]},
        {"stack": "cpu", "target": "windows", "here": True, "reasons": ["it is a reference, never ready"]},
    ]
    blocked["plan"]["warnings"] = ["DirectML is at the end of its life: it is kept working, nothing new comes"]
    off = named("pc05", {"schema_version": 1, "simulated": False, "troubles": []})
    off["troubles"] = [
        {
            "code": "PORT_CLOSED",
            "message": "winrm: Connection refused",
            "step": "look",
            "task": "Look",
            "details": ["its own words"],
        }
    ]
    hung = {
        **off,
        "troubles": [
            {"code": "MODULE_HUNG", "message": "Timed out after 180 second(s).", "step": "look", "task": "Look"}
        ],
    }
    skipped = changed("training", {"skipped": "check mode"})
    skipped["verdict"] = verdict(skipped, {"check_mode": True}, NOW)
    start = good()
    start["apply"] = {
        "changed": True,
        "environment": {
            "path": r"C:\ProgramData\gpuready\environments\tensorflow-directml-plugin-aa",
            "python": r"C:\ProgramData\gpuready\environments\tensorflow-directml-plugin-aa\Scripts\python.exe",
            "start": r"C:\ProgramData\gpuready\bin\tensorflow-directml-plugin.cmd",
            "built": True,
            "size_bytes": 2_345_678_901,
            "kernel": "TensorFlow 2.10 (tensorflow-directml-plugin) - gpuready",
        },
        "home": r"C:\ProgramData\gpuready",
        "seconds": 41.2,
    }
    return [
        named("pc01", start),
        named("pc02", changed("training.result.samples_per_second", 55.0)),
        named("pc03", blocked),
        named("pc04", changed("training.device.adapter_name", None)),
        off,
        named("pc06", stale),
        named("pc07", skipped),
        named("pc10", hung),
        named("pc11", changed("training.result.losses", ["nan"] * 8)),
    ]


def hostile() -> list[dict[str, Any]]:
    """Every text that a PC, a library or an inventory can give, in turn one of HOSTILE."""
    records = []
    for text in HOSTILE:
        record = good()
        record["host"] = text
        record["troubles"] = [{"code": "TASK_FAILED", "message": text, "step": text, "task": text}]
        record["facts"]["os"]["name"] = record["facts"]["os"]["version"] = text
        record["facts"]["problems"] = [{"piece": text, "code": "X", "message": text}]
        record["facts"]["adapters"][0] |= {"name": text, "driver": {"version": text}, "status": text}
        record["plan"] |= {"reasons": [text], "warnings": [text], "stack": text, "target": text}
        record["plan"]["adapter"] |= {"name": text}
        record["plan"]["rejected"] = [{"stack": text, "target": text, "reasons": [text]}]
        record["plan"]["blockers"] = [{"code": "X", "cause": text, "next_step": text}]
        record["training"]["framework"] = {"name": text, "version": text}
        record["training"]["device"] |= {"name": text, "adapter_name": text}
        record["training"]["process"]["stderr_tail"] = [text]
        record["apply"] = {"changed": True, "environment": {"start": text, "path": text}}
        record["verdict"] = {
            "state": "READY",
            "code": "TRAINED",
            "cause": text,
            "next_step": text,
            "checks": [{"name": text, "state": "pass", "detail": text}],
            "reused": False,
            "at": text,
            "fingerprint": {"driver": text},
        }
        records.append(record)
    return records
