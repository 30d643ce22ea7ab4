"""What the tests of simlab's models share: a simulated PC, and its modules run."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from ansible_collections.gpuready.lab.plugins.plugin_utils.environment import texts
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import runtime
from environment_help import module_for

from gpuready.simlab import models, scenario
from gpuready.simlab.pc import SimulatedPc

HOME = r"C:\ProgramData\gpuready"
LOCK = "numpy==1.26.4 --hash=sha256:00\n"
SHA = hashlib.sha256(LOCK.encode()).hexdigest()
AMD = {"name": "AMD Radeon RX 6800", "vendor": "amd", "device": "73BF", "memory": 17163091968,
       "driver": {"version": "31.0.24002.92", "radeon_software": "24.3.1"}}  # fmt: skip
BUILD = {"state": "present", "stack": "torch-directml", "lock": LOCK, "lock_sha256": SHA, "python": "3.10"}
PATH = rf"{HOME}\environments\torch-directml-{SHA[:12]}"


def pc_of(**document: Any) -> SimulatedPc:
    lab = scenario.parse({"pcs": [{"name": "pc", "uv": "0.9.2", "gpus": [AMD], **document}]})
    return SimulatedPc(lab.pcs[0], lab.user, lab.password)


def run(pc: SimulatedPc, module: str, arguments: dict[str, Any], check: bool = False) -> dict[str, Any]:
    model = models.MODELS[module]
    try:
        return model(models.Task(pc, arguments, check, None))  # type: ignore[arg-type]
    except models.ModuleFailed as failed:
        return {"failed": True, **failed.result}


def environment(pc: SimulatedPc, arguments: dict[str, Any], check: bool = False) -> dict[str, Any]:
    """As the controller asks: with its texts, and again with the ways to the packages when the PC says of its pip."""
    given = {"words": texts.words(windows=True), "go_on_after": "x", "runtime_files": list(runtime.FILES)} | arguments
    module = module_for(arguments)
    if arguments.get("state") != "present":
        for name in ("go_on_after", "runtime_files"):
            del given[name]
    found = run(pc, module, given, check)
    if "pip" in found and not found["needs"]:
        found = run(pc, module, {**given, "ways": []}, check)
    return found
