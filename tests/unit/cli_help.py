"""What the tests of the command line share: a PC's record, a report, and the result read from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.gpuready.lab.plugins.plugin_utils.report import causes

from gpuready import State, results


def record(host: str = "pc1", state: str = "READY", **more: Any) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "host": host,
        "simulated": False,
        "troubles": [],
        "verdict": {
            "state": state,
            "code": "CODE",
            "cause": f"why {host} is {state}",
            "next_step": "" if state == "READY" else f"do this with {host}",
            "checks": [],
            "reused": False,
            "at": "2026-11-23T08:00:00Z",
            "fingerprint": None,
        },
        **more,
    }


FACTS: dict[str, Any] = {
    "collected_at": "2026-11-23T08:00:00Z",
    "os": {"family": "windows", "name": "Microsoft Windows 11 Pro", "build": 22631, "architecture": "x86_64"},
    "machine": None,
    "disk": None,
    "adapters": [
        {
            "index": 0,
            "id": "PCI\\VEN_1002",
            "vendor": "amd",
            "name": "AMD Radeon RX 6800 [x]",
            "memory_bytes": 17163091968,
            "status": "ok",
            "driver": {"version": "31.0.1", "vendor_version": "24.5.1"},
        }
    ],
    "ignored_adapters": [{"name": "Parsec", "id": "ROOT\\1", "reason": "virtual adapter"}],
    "problems": [],
}
PLAN: dict[str, Any] = {
    "target": "windows",
    "stack": "torch-directml",
    "variant": "default",
    "adapter": {"index": 0, "id": "x", "name": "AMD Radeon RX 6800", "vendor": "amd"},
    "steps": [{"name": "python_environment", "needed": True, "reason": "not there"}],
    "environment": None,
    "reasons": ["PyTorch was asked for"],
    "rejected": [
        {"stack": "cuda", "target": "wsl", "reasons": ["no NVIDIA GPU"]},
        {"stack": "cpu", "target": "wsl", "reasons": ["no NVIDIA GPU"]},
    ],
    "blockers": [],
    "warnings": [],
    "wishes": {},
}


def document(*hosts: dict[str, Any], run_id: str = "this", check: bool = False) -> dict[str, Any]:
    summary = {"total": len(hosts), **{s.value: sum(h["verdict"]["state"] == s for h in hosts) for s in State}}
    run = {
        "id": run_id, "started_at": "2026-11-23T08:00:00Z", "finished_at": "2026-11-23T08:00:05Z", "seconds": 5.0,
        "controller": "c", "gpuready_version": "1", "playbook": "p", "check": check,
    }  # fmt: skip
    changed = [host["host"] for host in hosts if (host.get("apply") or {}).get("changed")]
    return {
        "schema_version": 1, "run": run, "simulated": False, "summary": summary, "hosts": list(hosts),
        "causes": causes.causes(hosts, True), "changed": {"count": len(changed), "pcs": causes.named(changed)},
    }  # fmt: skip


def result(action: str, *hosts: dict[str, Any], tmp_path: Path) -> results.LabResult:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(document(*hosts)))
    return results.load(path, "this", action)
