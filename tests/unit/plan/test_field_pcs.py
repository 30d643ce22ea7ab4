"""PCs of public reports: what is planned for them and why not (tests/data/field_cases/SOURCES.md)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import facts
from ansible_collections.gpuready.lab.plugins.plugin_utils.evidence import files, nvidia_smi
from ansible_collections.gpuready.lab.plugins.plugin_utils.facts.model import Facts
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan import choosing
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan.wishes import Wishes
from ansible_collections.gpuready.lab.plugins.plugin_utils.record import Plan
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import files as stackfiles
from plans import GIVEN
from words import DATA

STACKS = stackfiles.load()
BEGINNER, PROFESSIONAL, CUDA = Wishes("beginner"), Wishes("professional"), Wishes("professional", "cuda")
PLUGIN = ("tensorflow-directml-plugin", "windows")


def pc(name: str) -> Facts:
    (file,) = (DATA / "field_cases").glob(f"{name}-*.json")
    return facts.interpret(files.load(file.read_bytes())[1])


def planned(name: str, wishes: Wishes) -> Plan:
    return choosing.plan(pc(name), wishes, STACKS, GIVEN)


TABLE: list[tuple[str, Wishes, tuple[str | None, str | None], list[str]]] = [
    ("33", BEGINNER, PLUGIN, []),
    ("33", PROFESSIONAL, ("cuda", "wsl"), ["TCC_MODE"]),
    ("33c", BEGINNER, ("tensorflow-directml-plugin", "wsl"), ["NVIDIA_GPU_BLOCKED"]),
    ("33c", PROFESSIONAL, ("cuda", "wsl"), ["NVIDIA_GPU_BLOCKED"]),
    ("33c", CUDA, ("cuda", "wsl"), ["NVIDIA_GPU_BLOCKED"]),
    ("34", BEGINNER, PLUGIN, []),
    ("34", PROFESSIONAL, PLUGIN, []),
    ("34", CUDA, (None, None), ["GPU_PASSED_ON"]),
    ("34b", BEGINNER, PLUGIN, []),
    ("34b", CUDA, (None, None), ["NO_NVIDIA_GPU"]),
    ("34c", PROFESSIONAL, ("cuda", "wsl"), ["NVIDIA_GPU_BLOCKED"]),
    ("36", BEGINNER, PLUGIN, []),
    ("37", BEGINNER, (None, None), ["ARCHITECTURE_UNSUPPORTED"]),
    ("37", CUDA, (None, None), ["ARCHITECTURE_UNSUPPORTED"]),
    ("38", BEGINNER, PLUGIN, []),
    ("38", CUDA, (None, None), ["NO_NVIDIA_GPU"]),
    ("40", BEGINNER, (None, None), ["NO_ADAPTER"]),
    ("40", CUDA, (None, None), ["NO_ADAPTER"]),
    ("41", PROFESSIONAL, (None, None), ["TCC_MODE"]),
    ("42", BEGINNER, PLUGIN, []),
    ("42", PROFESSIONAL, ("cuda", "wsl"), []),
]


@pytest.mark.parametrize(("name", "wishes", "where", "codes"), TABLE)
def test_what_is_planned(name: str, wishes: Wishes, where: Any, codes: list[str]) -> None:
    plan = planned(name, wishes)
    assert ((plan["stack"], plan["target"]), [one["code"] for one in plan["blockers"]]) == (where, codes)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("34", "tensorflow-directml-plugin"),
        ("34b", "tensorflow-directml-plugin"),
        ("38", "tensorflow-directml-plugin"),
    ],
)
def test_the_next_step_of_a_refusal_can_be_gone_on_this_pc(name: str, words: str) -> None:
    step = planned(name, CUDA)["blockers"][0]["next_step"]
    assert words in step
    asked = replace(CUDA, stack=words, library="any")
    assert not planned(name, asked)["blockers"]


def test_no_other_stack_is_named_where_none_works() -> None:
    base = pc("38")
    dead = [replace(one, status="failing", problem_code=43) for one in base.adapters or ()]
    plan = choosing.plan(replace(base, adapters=tuple(dead)), CUDA, STACKS)
    assert plan["blockers"][0]["code"] == "NO_NVIDIA_GPU"
    assert "No stack here" in plan["blockers"][0]["next_step"]


def test_the_age_of_a_gpu_is_not_read_from_microsofts_number() -> None:
    for name in ("34", "34b"):
        assert not [line for line in planned(name, BEGINNER)["warnings"] if "older than" in line]


def test_the_driver_of_a_gpu_that_was_passed_on_is_the_hosts() -> None:
    base = pc("34")
    found = choosing.plan(base, replace(BEGINNER, environment="wsl"), STACKS)
    assert (found["stack"], found["blockers"][0]["code"]) == (None, "GPU_PASSED_ON")


def guest(answer: dict[str, Any] | None, libraries: list[str]) -> Facts:
    """The guest of report 33c with another nvidia-smi, or none, and other libraries of Windows."""
    (file,) = (DATA / "field_cases").glob("33c-*.json")
    evidence: Any = files.load(file.read_bytes())[1]
    pieces = evidence["pieces"]
    pieces["dxg"]["value"]["libraries"] = libraries
    said = {**pieces["nvidia_smi"]["value"], **(answer or {})} if answer is not None else None
    pieces["nvidia_smi"] = {"value": said, "error": None}
    return facts.interpret(evidence)


MISMATCH = {"rc": 18, "stdout": "Failed to initialize NVML: Driver/library version mismatch\n"}
FOREIGN = {"path": "/usr/bin/nvidia-smi", "rc": 9, "stdout": "NVIDIA-SMI has failed because it couldn't communicate"}


@pytest.mark.parametrize(
    ("answer", "libraries", "where"),
    [
        (MISMATCH, ["libcuda.so.1"], ("cuda", "wsl", "NVIDIA_GPU_BLOCKED")),
        ({"rc": 139, "stdout": ""}, ["libcuda.so.1"], ("cuda", "wsl", "NVIDIA_GPU_BLOCKED")),
        ({"rc": None, "stdout": "", "timed_out": True}, ["libcuda.so"], ("cuda", "wsl", "NVIDIA_GPU_BLOCKED")),
        (None, ["libcuda.so.1", "libd3d12.so"], ("cuda", "wsl", "NVIDIA_GPU_BLOCKED")),
        # an nvidia-smi that somebody installed in the guest of a PC without an NVIDIA GPU
        (FOREIGN, ["libd3d12.so"], ("tensorflow-directml-plugin", "wsl", None)),
        (None, ["libd3d12.so"], ("tensorflow-directml-plugin", "wsl", None)),
    ],
)
def test_a_guest_of_a_windows_with_nvidias_driver_gets_no_other_stack_in_silence(
    answer: dict[str, Any] | None, libraries: list[str], where: tuple[str, str, str | None]
) -> None:
    plan = choosing.plan(guest(answer, libraries), PROFESSIONAL, STACKS)
    codes = [one["code"] for one in plan["blockers"]]
    assert (plan["stack"], plan["target"], codes[0] if codes else None) == where


def test_the_tcc_gpu_beside_is_named_with_what_to_do() -> None:
    blocker = planned("33", CUDA)["blockers"][0]
    assert "NVIDIA RTX A6000 is in TCC mode" in blocker["cause"]
    assert "NVIDIA RTX A6000" in blocker["next_step"]
    assert "or disable that GPU" in blocker["next_step"]


@pytest.mark.parametrize(("devices", "codes"), [("None", ["MIG_WITHOUT_INSTANCES"]), ("", ["MIG_WITHOUT_INSTANCES"])])
def test_a_gpu_that_mig_cuts_up_needs_an_instance(devices: str, codes: list[str]) -> None:
    smi = nvidia_smi.parse(
        "<nvidia_smi_log><driver_version>580.82.07</driver_version><attached_gpus>1</attached_gpus><gpu>"
        "<product_name>NVIDIA H100 80GB HBM3</product_name><mig_mode><current_mig>Enabled</current_mig></mig_mode>"
        f"<mig_devices>{devices}</mig_devices></gpu></nvidia_smi_log>"
    )
    assert smi.gpus[0].instances == 0
    linux = {
        "os": {"family": "linux", "architecture": "x86_64", "glibc": "2.36"},
        "machine": {"memory_bytes": 2**36},
        "disk": {"path": "/opt", "free_bytes": 2**38},
        "adapters": [
            {
                "index": 0,
                "id": "0000:01:00.0",
                "vendor": "nvidia",
                "name": "NVIDIA H100",
                "status": "ok",
                "driver": {"vendor_version": "580.82.07", "basic": False},
                "compute_capability": "9.0",
                "mig_instances": smi.gpus[0].instances,
            }
        ],
    }
    plan = choosing.plan(Facts.of(linux), CUDA, STACKS)
    assert (plan["stack"], [one["code"] for one in plan["blockers"]]) == ("cuda", codes)
    linux["adapters"][0]["mig_instances"] = 2  # type: ignore[index]
    assert not choosing.plan(Facts.of(linux), CUDA, STACKS)["blockers"]
