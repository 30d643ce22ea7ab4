"""PCs of the simulated lab's YAML as winlab machines: the real module's record is that of simlab's model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from winlab.testing import CHECKOUT, inventory, run_playbook

LAB = CHECKOUT / "inventories/simulated/lab.yml"
# A German PC with WSL, nvidia-smi and somebody logged on; a card changed for another, with what that leaves behind; a
# laptop with two GPUs, of which one counts.
NAMES = ("rtx4090", "rx6600xt", "hybrid")
# What differs because Wine keeps it, not the scenario: the disk of this computer, when the machine was booted, times;
# and the rooms and groups of the two inventories.
APART = {
    *("run", "looked_at", "facts.collected_at", "facts.disk", "facts.os.boot_time", "verdict.at"),
    *("facts.wsl.place.folder", "facts.wsl.place.free_bytes", "place"),
}


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Every leaf of a document by its path, without those that are kept apart."""
    if any(path == known or path.startswith(known + ".") for known in APART):
        return {}
    if isinstance(value, dict) and value:
        return {k: v for key, one in value.items() for k, v in flat(one, f"{path}.{key}".lstrip(".")).items()}
    if isinstance(value, list) and value:
        return {k: v for number, one in enumerate(value) for k, v in flat(one, f"{path}.{number}").items()}
    return {path: value}


def records(hosts: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """The records of a run of plan.yml, by PC."""
    run = run_playbook(
        CHECKOUT / "playbooks/plan.yml", hosts, "-e", f"gpuready_report_dir={folder} gpuready_lab_dir={folder}"
    )
    assert run["rc"] == 0, run
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return {host["host"]: host for host in report["hosts"]}


@pytest.fixture(scope="module")
def both(machine_from_scenario, tmp_path_factory):
    """The records of the same PCs: those of simlab, those of winlab."""
    from gpuready.simlab import background, scenario

    folder = tmp_path_factory.mktemp("both")
    document = yaml.safe_load(LAB.read_text(encoding="utf-8"))
    document["pcs"] = [pc for pc in document["pcs"] if pc["name"] in NAMES]
    for number, pc in enumerate(document["pcs"], 1):
        pc["address"] = f"127.0.9.{number}"
    lab = folder / "lab.yml"
    lab.write_text(yaml.safe_dump(document), encoding="utf-8")
    with background.running(lab, folder, 15990) as hosts:
        simulated = records(hosts, folder / "simlab")
    machines = [machine_from_scenario(pc) for pc in scenario.load(lab).pcs]
    real = records(inventory(machines, folder / "winlab.yml", gpuready_simulated=True), folder / "winlab")
    return simulated, real


@pytest.mark.parametrize("name", NAMES)
def test_simlab_and_winlab_give_the_same_record(both, name):
    simulated, real = (flat(lab[name]) for lab in both)
    assert len(simulated) > 100
    assert real == simulated


def test_what_the_record_says_is_what_the_yaml_says(both):
    record = both[1]["rtx4090"]
    (gpu,) = record["facts"]["adapters"]
    assert (gpu["name"], gpu["memory_bytes"], gpu["driver"]["version"], gpu["cuda_version"]) == (
        "NVIDIA GeForce RTX 4090",
        25757220864,
        "32.0.15.8097",
        "13.0",
    )
    assert record["facts"]["os"]["language"] == "de-DE"
    assert record["facts"]["users"][0]["name"] == "LAB\\jürgen"
    assert record["facts"]["wsl"]["version"] == "2.6.1.0"
    assert record["plan"]["target"] == "windows"
