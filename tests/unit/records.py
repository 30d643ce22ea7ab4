"""A record of a PC that passed, for tests to break."""

from __future__ import annotations

import copy
from typing import Any

LOSSES = [1.77, 1.03, 0.71, 0.46, 0.33, 0.25, 0.12, 0.09]
GOOD: dict[str, Any] = {
    "schema_version": 1,
    "host": "pc07",
    "simulated": False,
    "troubles": [],
    "facts": {
        "collected_at": "2026-11-23T08:00:00Z",
        "os": {
            "family": "windows",
            "name": "Windows 11",
            "version": "10.0.22631",
            "build": 22631,
            "architecture": "x86_64",
        },
        "machine": {},
        "disk": {},
        "adapters": [
            {
                "index": 0,
                "id": "PCI\\VEN_1002&DEV_73BF",
                "vendor": "amd",
                "name": "AMD Radeon RX 6800",
                "memory_bytes": 17163091968,
                "driver": {"version": "31.0.24027.1012", "vendor_version": "24.6.1"},
                "status": "ok",
                "problem_code": 0,
                "integrated": False,
            }
        ],
        "ignored_adapters": [],
        "environments": [
            {
                "stack": "tensorflow-directml-plugin",
                "lock_sha256": "aa",
                "path": "C:\\ProgramData\\gpuready\\environments\\plugin-aa",
                "python": "C:\\ProgramData\\gpuready\\environments\\plugin-aa\\Scripts\\python.exe",
                "state": "current",
                "damage": {"count": 0, "missing": [], "changed": [], "hashes": False},
            }
        ],
        "problems": [],
        "last_pass": None,
    },
    "plan": {
        "target": "windows",
        "stack": "tensorflow-directml-plugin",
        "variant": "default",
        "adapter": {"index": 0, "id": "PCI\\VEN_1002&DEV_73BF", "name": "AMD Radeon RX 6800", "vendor": "amd"},
        "steps": [{"name": "python_environment", "needed": False, "reason": "it is there"}],
        "environment": {
            "python": "3.10",
            "lock_sha256": "aa",
            "framework": "TensorFlow 2.10",
            "backend": "tensorflow2-directml",
            "device_kind": "DML",
            "reference": False,
            "logs_operators": True,
            "gpu_variable": "DML_VISIBLE_DEVICES",
            "visible_devices": None,
        },
        "reasons": ["TensorFlow 2 was asked for"],
        "rejected": [],
        "blockers": [],
        "warnings": [],
    },
    "training": {
        "schema_version": 1,
        "trainer_sha256": "bb",
        "process": {
            "rc": 0,
            "timed_out": False,
            "seconds": 12.1,
            "stderr_tail": ["DirectML device enumeration: found 1 compatible adapters."],
        },
        "framework": {"name": "tensorflow", "version": "2.10.0"},
        "python": {
            "version": "3.10.11",
            "executable": "C:\\ProgramData\\gpuready\\environments\\plugin-aa\\Scripts\\python.exe",
        },
        "device": {
            "requested": "directml",
            "name": "/device:GPU:0",
            "kind": "DML",
            "adapter_name": "AMD Radeon RX 6800",
            "adapters_found": 1,
            "placed": True,
            "places": ["/job:localhost/replica:0/task:0/device:GPU:0"],
            "operators": 27,
            "fallbacks": [],
        },
        "task": {"seed": 1, "classes": 4, "samples": 256, "steps": 8, "batch": 64, "labels": True},
        "reference": {"losses": LOSSES, "accuracy": 1.0, "seconds": 1.0, "samples_per_second": 100.0},
        "result": {
            "losses": [loss + 1e-6 for loss in LOSSES],
            "accuracy": 1.0,
            "seconds": 1.0,
            "samples_per_second": 900.0,
        },
        "agreement": {
            "loss_max_difference": 1e-6,
            "batchnorm_mean_difference": 1e-7,
            "batchnorm_variance_difference": 2e-7,
        },
        "keras": {"finished": True, "version": "2.10.0", "error": None},
        "error": None,
        "finished": True,
    },
}


def good() -> dict[str, Any]:
    """A copy to break."""
    return copy.deepcopy(GOOD)


def changed(path: str, value: Any, of: dict[str, Any] | None = None) -> dict[str, Any]:
    """The good record, or another one, with one place changed; "training.device.placed" is a place."""
    record = copy.deepcopy(of) if of else good()
    at: Any = record
    *parents, last = path.split(".")
    for name in parents:
        at = at[name]
    at[last] = value
    return record


def on_cpu(stack: str) -> dict[str, Any]:
    """A training of PyTorch on the processor, planned as a reference of this name."""
    record = good()
    record["plan"] |= {"stack": stack, "adapter": None}
    record["plan"]["environment"] |= {
        "framework": "PyTorch",
        "backend": "torch-cpu",
        "device_kind": "CPU",
        "reference": True,
    }
    record["facts"]["environments"][0]["stack"] = stack
    record["training"]["framework"] = {"name": "torch", "version": "2.13.0+cpu"}
    record["training"]["device"] |= {"kind": "CPU", "name": "cpu", "adapter_name": None, "places": ["cpu"]}
    return record


def a_pass(record: dict[str, Any], fingerprint: Any, at: str) -> dict[str, Any]:
    """What a PC keeps of the verdict on the good training, bound to this record."""
    from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict.judging import verdict

    found = verdict(good(), {})
    kept = {key: found[key] for key in ("state", "code", "cause", "next_step", "checks", "at")}  # type: ignore[literal-required]
    return {"fingerprint": fingerprint(record, "bb"), "verdict": kept, "at": at}


def of_this_run(record: dict[str, Any]) -> dict[str, Any]:
    """The arguments of set_fact that make a record the host's, as a run of its own would have."""
    return {"cacheable": True, "gpuready_run_id": "a test", "gpuready": {**record, "run": "a test"}}
