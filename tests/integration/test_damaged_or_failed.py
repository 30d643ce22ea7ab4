"""PCs whose training failed or brought them down, and PCs whose environment was damaged after its pass: what a report
says of them without training, and that a provisioning mends what can be mended."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from simlab_winrm_help import NET, PORT

from gpuready import Lab
from gpuready.simlab import background

ROOT = Path(__file__).resolve().parents[2]
GPU = {
    "name": "AMD Radeon RX 6800", "vendor": "amd", "device": "73BF", "memory": 17163091968,
    "driver": {"version": "31.0.24027.1012", "radeon_software": "24.6.1"},
}  # fmt: skip
CRASH = {"kind": "restart", "on": "training_facts", "after": 1, "times": 1}  # in its second training
PCS: dict[str, dict[str, Any]] = {
    "damaged": {},
    "fails": {"training": {"outcome": "nan"}},
    "crashes": {"faults": [CRASH]},
}
Run = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("damaged")
    document = {
        "defaults": {"uv": "0.9.2", "gpus": [GPU]},
        "pcs": [{"name": name, **what} for name, what in PCS.items()],
    }
    (folder / "lab.yml").write_text(yaml.safe_dump(document))
    with background.running(folder / "lab.yml", folder, PORT + 30, f"{NET}.91.1"):
        yield folder


def run(folder: Path, action: str, limit: str = "damaged,fails", **variables: Any) -> Run:
    lab = Lab(folder / "hosts.yml", limit=limit, extra_vars=variables)
    result = getattr(lab, action)(report_dir=folder / "report", lab_dir="")
    return {host["host"]: host for host in result.document["hosts"]}


def words(found: Run) -> dict[str, str]:
    return {name: f"{host['verdict']['state']} {host['verdict']['code']}" for name, host in found.items()}


def remove(folder: Path, path: str) -> None:
    """As a scanner does."""
    program = Path(sys.executable).with_name("ansible")
    command = [
        program,
        "damaged",
        "-i",
        folder / "hosts.yml",
        "-m",
        "ansible.windows.win_file",
        "-a",
        json.dumps({"path": path, "state": "absent"}),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "CHANGED" in done.stdout, done.stdout + done.stderr


def test_a_report_knows_of_failures_and_damage_and_a_provisioning_mends(folder: Path) -> None:
    first = run(folder, "provision")
    assert words(first) == {"damaged": "READY TRAINED", "fails": "NOT_READY NOT_FINITE"}

    report = run(folder, "report")
    assert words(report) == words(first)
    failed = report["fails"]["verdict"]
    assert failed["cause"].startswith("its last training failed less than an hour ago: ")
    assert failed["next_step"] == first["fails"]["verdict"]["next_step"]
    steps = {step["name"]: step for step in report["fails"]["plan"]["steps"]}
    assert "no training has proved it" in steps["python_environment"]["reason"]

    (environment,) = report["damaged"]["facts"]["environments"]
    assert environment["damage"] == {"count": 0, "missing": [], "changed": [], "hashes": False}
    remove(folder, rf"{environment['path']}\Lib\site-packages\packages")
    damaged = run(folder, "report")["damaged"]
    assert damaged["verdict"]["code"] == "ENVIRONMENT_DAMAGED"
    assert damaged["facts"]["environments"][0]["damage"]["missing"] == [r"Lib\site-packages\packages"]
    assert words(run(folder, "verify"))["damaged"] == "NOT_READY ENVIRONMENT_DAMAGED"
    assert words(run(folder, "report"))["damaged"] == "NOT_READY ENVIRONMENT_DAMAGED"

    mended = run(folder, "provision", gpu_verify_train="when_changed")
    assert words(mended) == words(first)
    assert mended["damaged"]["apply"]["environment"]["built"] is True
    again = run(folder, "provision", gpu_verify_train="when_changed")
    assert words(again) == words(first)
    assert "apply" not in again["damaged"]
    assert again["damaged"]["verdict"]["reused"] is True
    assert "apply" not in again["fails"]  # built, and whole: it is trained alone


def test_a_training_that_brings_the_pc_down_leaves_no_pass(folder: Path) -> None:
    def judged(action: str, **more: Any) -> tuple[str, bool]:
        verdict = run(folder, action, limit="crashes", **more)["crashes"]["verdict"]
        return f"{verdict['state']} {verdict['code']}", verdict.get("reused") is True

    assert judged("provision") == ("READY TRAINED", False)
    assert judged("report") == ("READY TRAINED", True)
    assert judged("verify") == ("UNREACHABLE CONNECTION_CUT", False)
    assert judged("report") == ("UNKNOWN NOT_VERIFIED", False)
    assert judged("verify", gpu_verify_train="when_changed") == ("READY TRAINED", False)
    assert judged("report") == ("READY TRAINED", True)
