"""What nobody could look at is not taken for absent; and what Hyper-V passes on is a GPU."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.facts import windows as windows_facts
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan import wishes
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import files as stackfiles
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict import judging as verdict
from plans import plan

DATA = Path(__file__).resolve().parents[2] / "data"
STACKS = stackfiles.load()


def pieces() -> dict[str, Any]:
    """A PC with all pieces and no display device."""
    found = copy.deepcopy(json.loads((DATA / "evidence_windows.json").read_text())["gpuready_evidence"]["pieces"])
    for name in ("video_controllers", "pnp_display"):
        found[name] = {"value": [], "error": None}
    found["display_class"] = {"value": [], "error": None}
    found["nvidia_smi"] = {"value": None, "error": None}
    return found


def judged(given: dict[str, Any]) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    facts = windows_facts.interpret({"schema_version": 1, "platform": "windows", "pieces": given}).as_dict()
    planned = vars(plan(facts, wishes.Wishes(), STACKS))
    record = {"schema_version": 1, "host": "pc", "simulated": False, "troubles": [], "facts": facts, "plan": planned}
    return facts["adapters"], planned, verdict.verdict(record, {})


def test_a_pc_that_was_looked_at_and_has_no_gpu() -> None:
    adapters, _, word = judged(pieces())
    assert adapters == []
    assert (word["state"], word["code"]) == ("NOT_READY", "NO_ADAPTER")


@pytest.mark.parametrize("code", ["CIM_TIME_LIMIT", "CIM_FAILED", "ACCESS_DENIED"])
@pytest.mark.parametrize("lost", [("video_controllers", "pnp_display"), ("video_controllers",), ("pnp_display",)])
def test_cim_that_did_not_answer_leaves_the_gpus_unknown(lost: tuple[str, ...], code: str) -> None:
    given = pieces()
    for name in lost:
        given[name] = {"value": None, "error": {"code": code, "message": "no answer"}}
    adapters, planned, word = judged(given)
    assert adapters is None
    assert planned["adapter"] is None
    assert (word["state"], word["code"]) == ("UNKNOWN", "FACTS_INCOMPLETE")
    assert word["next_step"]


def test_evidence_without_pieces_says_nothing_of_gpus() -> None:
    adapters, _, word = judged({})
    assert adapters is None
    assert word["state"] == "UNKNOWN"


@pytest.mark.parametrize(
    ("name", "vendor"),
    [("NVIDIA GeForce RTX 3080", "nvidia"), ("AMD Radeon RX 6800", "amd"), ("Virtual Render Device", "other")],
)
def test_a_gpu_that_hyper_v_passes_on_is_the_gpu_whose_name_it_bears(name: str, vendor: str) -> None:
    given = pieces()
    device = r"PCI\VEN_1414&DEV_008E&SUBSYS_00000000&REV_00\5&1234&0&0"
    row = {"Name": name, "PNPDeviceID": device, "ConfigManagerErrorCode": 0, "DriverVersion": "32.0.15.8097"}
    given["video_controllers"]["value"] = [row]
    adapters, planned, _ = judged(given)
    assert [(one["name"], one["vendor"]) for one in adapters] == [(name, vendor)]
    assert (planned["stack"] is not None) is (vendor != "other")


def test_what_nvidia_smi_complains_of_is_a_warning() -> None:
    given = pieces()
    row = {"Name": "NVIDIA GeForce RTX 4090", "PNPDeviceID": r"PCI\VEN_10DE&DEV_2684&SUBSYS_889D1043&REV_A1\4&1&0&0008"}
    given["video_controllers"]["value"] = [row | {"ConfigManagerErrorCode": 0, "DriverVersion": "32.0.15.8097"}]
    said = "Unable to determine the device handle for GPU0: 0000:01:00.0: GPU is lost.  Reboot the system to recover\n"
    run = {"path": "nvidia-smi.exe", "rc": 15, "stdout": said, "stderr": "", "timed_out": False, "seconds": 1.0}
    given["nvidia_smi"]["value"] = run
    _, planned, _ = judged(given)
    assert any("nvidia-smi complains" in warning and "lost" in warning for warning in planned["warnings"])
