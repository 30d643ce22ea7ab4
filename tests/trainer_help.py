"""What the tests of the trainer share: a Python with PyTorch, trainings under a broken world, and their verdict.

Nothing in the trainer helps to break it. A test breaks the world around it: a `torch` of its own, or a sitecustomize.py
that changes the real one while it is imported, both by PYTHONPATH.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import records
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict import judging as verdict

ROOT = Path(__file__).resolve().parents[1]
TRAINER = ROOT / "collections/ansible_collections/gpuready/lab/trainer/trainer.py"
LOCK = ROOT / "collections/ansible_collections/gpuready/lab/stacks/locks/cpu-linux_x86_64.txt"
INDEX = "https://download.pytorch.org/whl/cpu"
MARK = "GPUREADY-TRAINING "


def torch_python() -> str:
    """The interpreter of an environment made from the stack's own lock, kept in .cache; or the test is skipped."""
    if given := os.environ.get("GPUREADY_TORCH_PYTHON"):
        return given
    from uv import find_uv_bin

    folder = ROOT / ".cache" / f"torch-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    python = folder / "bin/python"
    if not (folder / "complete").exists():
        uv, links = find_uv_bin(), os.environ.get("PIP_FIND_LINKS", "").split()
        install = [uv, "pip", "install", "-q", "--python", str(python), "--require-hashes", "-r", str(LOCK)]
        here = [option for link in links for option in ("--find-links", link)]
        made = _run([uv, "venv", "-q", "--clear", "--python", "3.11", str(folder)])
        if made.returncode == 0:
            made = _run(install + here)
        if made.returncode != 0 and python.exists():
            made = _run([*install, *here, "--extra-index-url", INDEX, "--index-strategy", "unsafe-best-match"])
        if made.returncode != 0:
            pytest.skip(f"PyTorch cannot be had here: {made.stderr.strip()[-300:]}")
        (folder / "complete").touch()
    return str(python)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)


def train(
    folder: Path,
    *,
    torch: str = "",
    site: str = "",
    python: str = sys.executable,
    environment: dict[str, str] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Run the trainer where `torch` is this text's module, or with this sitecustomize.py; its one line."""
    for name, text in (("torch.py", torch), ("sitecustomize.py", site)):
        if text:
            (folder / name).write_text(textwrap.dedent(text), encoding="utf-8")
    given = {"speed_seconds": 0, "time_limit": 120, **options}
    done = subprocess.run(
        [python, "-B", str(TRAINER), json.dumps(given)],
        env=os.environ | {"PYTHONPATH": str(folder)} | (environment or {}),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=given["time_limit"] + 60,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    assert len(lines) == 1, (done.stdout, done.stderr)
    assert done.returncode == 0
    found: dict[str, Any] = json.loads(lines[0][len(MARK) :], parse_constant=_no_constant)
    assert found["schema_version"] == 1
    assert set(found) >= {"process", "error", "finished", "python"}
    return found


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def judged(training: dict[str, Any]) -> dict[str, Any]:
    """The verdict on this evidence, as if a planned GPU had given it, which rounds otherwise than the CPU."""
    record = records.good()
    shown = {**training, "framework": record["training"]["framework"], "python": record["training"]["python"]}
    if (training.get("framework") or {}).get("name") == "torch":  # which brings no keras; the planned one does
        shown["keras"] = record["training"]["keras"]
    result, reference = training.get("result") or {}, training.get("reference") or {}
    if result.get("losses") and result["losses"] == reference.get("losses"):
        first = result["losses"][0]
        other = first + 1e-6 if isinstance(first, float) else first
        shown["result"] = {**result, "losses": [other, *result["losses"][1:]]}
    if training.get("device") and training.get("finished"):
        device = dict(record["training"]["device"])
        device.update(fallbacks=training["device"]["fallbacks"], placed=training["device"]["placed"])
        shown["device"] = device
    record["training"] = {**shown, "trainer_sha256": "bb"}
    return verdict.verdict(record, {"throughput_floor": None})
