"""A stack that nobody has heard of, with a backend of its own, is added by files alone and goes all the way.

Two files in a folder of the lab's: `gpuready_stack_dirs` names it. PyTorch has accelerators that no stack of the
collection uses (torch.xpu); the trainer takes each by its name, and so does a simulated PC.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpuready.lab import Lab
from gpuready.simlab import background

NET = f"127.{1 + int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])}"
PORT = 15986
pytestmark = pytest.mark.slow
ARC = {"name": "Intel(R) Arc(TM) A770 Graphics", "vendor": "intel", "device": "56A0", "memory": 17179869184,
       "driver": {"version": "32.0.101.5972"}}  # fmt: skip
RADEON = {"name": "AMD Radeon RX 6800", "vendor": "amd", "device": "73BF", "memory": 17163091968,
          "driver": {"version": "31.0.24002.92"}}  # fmt: skip
PCS = {
    "arc": {"gpus": [ARC]},
    "twins": {"gpus": [ARC, ARC]},  # asked for by its number, and XPU names GPUs by their numbers
    "fallen-back": {"gpus": [ARC], "training": {"outcome": "cpu_fallback"}},
    "radeon": {"gpus": [RADEON]},
}
STACK: dict[str, Any] = {
    "schema_version": 1,
    "name": "made-up",
    "title": "PyTorch with Intel XPU",
    "framework": "PyTorch",
    "backend": "torch-xpu",
    "device": "xpu:0",
    "device_kind": "XPU",
    "gpu_variable": {"name": "ONEAPI_DEVICE_SELECTOR", "takes": "number"},
    "libraries": ["pytorch", "abacus"],
    "vendors": ["intel"],
    "architectures": ["x86_64"],
    "memory_bytes": 1073741824,
    "platforms": "made up for a test",
    "gpu_note": "XPU needs an Intel GPU",
    "licence": "made up for a test",
    "life": {"state": "maintained", "note": "made up", "exit": "none needed"},
    "serves": [{"rank": 5, "why": "an Intel GPU trains with XPU"}],
    "targets": {
        "windows": {
            "python": "3.11",
            "disk_bytes": 1073741824,
            "start": "HOME\\bin\\made-up.cmd opens a prompt",
            "variants": {"default": {"lock": "made-up.txt"}},
        }
    },
}
# The same for the processor: a reference of another name than the collection's.
SLOW = {
    **{key: value for key, value in STACK.items() if key not in ("gpu_variable", "gpu_note")},
    "name": "slow",
    "backend": "torch-cpu",
    "device": "cpu",
    "device_kind": "CPU",
    "reference": True,
    "vendors": [],
    "serves": [],
}


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stacks")
    (folder / "locks").mkdir()
    (folder / "locks/made-up.txt").write_text(f"torch==2.13.0 --hash=sha256:{'ab' * 32}\n")
    for stack in (STACK, SLOW):
        (folder / f"{stack['name']}.yml").write_text(yaml.safe_dump(stack))
    return folder


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("lab")
    pcs = [{"name": name, "uv": "0.9.2", **what} for name, what in PCS.items()]
    (folder / "lab.yml").write_text(yaml.safe_dump({"pcs": pcs}))
    with background.running(folder / "lab.yml", folder, PORT, f"{NET}.86.1"):
        yield folder / "hosts.yml"


def provisioned(inventory: Path, stacks: Path, folder: Path, limit: str, **wishes: str) -> dict[str, dict[str, Any]]:
    """The records of these PCs by name, after the whole way."""
    lab = Lab(inventory, limit=limit, wishes=wishes, extra_vars={"gpuready_stack_dirs": [str(stacks)]})
    return {host["host"]: host for host in lab.provision(report_dir=folder / "report", lab_dir="").document["hosts"]}


def test_it_is_planned_built_trained_judged_and_started(inventory: Path, stacks: Path, tmp_path: Path) -> None:
    found = provisioned(inventory, stacks, tmp_path, "arc,radeon,fallen-back")
    arc = found["arc"]
    assert (arc["verdict"]["state"], arc["verdict"]["code"], arc["simulated"]) == ("READY", "TRAINED", True)
    assert arc["plan"]["stack"] == "made-up"
    assert arc["training"]["device"]["kind"] == "XPU"
    assert arc["apply"]["switched"] is True
    assert arc["apply"]["environment"]["start"] == r"C:\ProgramData\gpuready\bin\made-up.cmd opens a prompt"
    fallen = found["fallen-back"]["verdict"]
    assert (fallen["state"], fallen["code"]) == ("NOT_READY", "CPU_FALLBACK")
    assert found["radeon"]["plan"]["stack"] != "made-up"  # it is no GPU of its vendors
    assert any("XPU needs an Intel GPU" in " ".join(one["reasons"]) for one in found["radeon"]["plan"]["rejected"])


def test_the_second_of_two_alike_is_not_proven_by_its_name(inventory: Path, stacks: Path, tmp_path: Path) -> None:
    twins = provisioned(inventory, stacks, tmp_path, "twins", library="abacus", adapter="1")["twins"]
    assert twins["plan"]["stack"] == "made-up"
    assert (twins["verdict"]["state"], twins["verdict"]["code"]) == ("UNKNOWN", "EVIDENCE_INCOMPLETE")
    assert "nothing proves" in twins["verdict"]["cause"]


def test_a_reference_of_another_name_is_never_ready(inventory: Path, stacks: Path, tmp_path: Path) -> None:
    arc = provisioned(inventory, stacks, tmp_path, "arc", stack="slow")["arc"]
    assert (arc["plan"]["stack"], arc["training"]["finished"]) == ("slow", True)
    assert (arc["verdict"]["state"], arc["verdict"]["code"]) == ("NOT_READY", "NO_GPU")
    assert "asks for slow, which is a reference" in arc["verdict"]["cause"]
