"""Adapters of Windows joined with what nvidia-smi says of them."""

from __future__ import annotations

from typing import Any

import pytest
from adapters_help import RTX, controller, look, short
from ansible_collections.gpuready.lab.plugins.plugin_utils import facts as all_facts


def smi(*gpus: tuple[str, str, str]) -> str:
    """nvidia-smi's answer for (bus, name, free memory in use)."""
    blocks = "".join(
        f'<gpu id="00000000:{bus}"><product_name>{name}</product_name><uuid>GPU-{bus}</uuid>'
        "<driver_model><current_dm>WDDM</current_dm></driver_model>"
        f"<pci><pci_bus_id>00000000:{bus}</pci_bus_id><pci_device_id>0x268410DE</pci_device_id></pci>"
        f"<fb_memory_usage><total>24564 MiB</total><used>{used} MiB</used></fb_memory_usage>"
        "<utilization><gpu_util>3 %</gpu_util></utilization></gpu>"
        for bus, name, used in gpus
    )
    head = "<driver_version>576.52</driver_version><cuda_version>12.9</cuda_version>"
    head += f"<attached_gpus>{len(gpus)}</attached_gpus>"
    return f"<?xml version='1.0'?><nvidia_smi_log>{head}{blocks}</nvidia_smi_log>"


def place(bus: int) -> str:
    return f"@System32\\drivers\\pci.sys,#65536;PCI bus %1, device %2, function %3;({bus},0,0)"


def test_nvidia_smi_is_joined_by_the_place_on_the_bus() -> None:
    facts = look(
        [
            controller(f"{RTX}\\4&A&0&8", "NVIDIA GeForce RTX 4090", LocationInformation=place(65)),
            controller(
                f"{RTX}\\4&B&0&8", "NVIDIA GeForce RTX 4090", LocationInformation="PCI-Bus 1, Gerät 0, Funktion 0"
            ),
        ],
        smi=smi(("01:00.0", "NVIDIA GeForce RTX 4090", "900"), ("41:00.0", "NVIDIA GeForce RTX 4090", "100")),
    )
    assert [(a["uuid"], a["busy"]["memory_used_bytes"]) for a in facts["adapters"]] == [
        ("GPU-41:00.0", 100 * 1024**2),
        ("GPU-01:00.0", 900 * 1024**2),
    ]
    first = facts["adapters"][0]
    assert (first["memory_bytes"], first["cuda_version"], first["driver_model"]) == (25757220864, "12.9", "WDDM")
    assert first["busy"]["utilization_percent"] == 3


def test_nvidia_smi_is_joined_by_order_without_places() -> None:
    facts = look(
        [controller(f"{RTX}\\4&A&0&8"), controller(f"{RTX}\\4&B&0&8")],
        smi=smi(("01:00.0", "A", "1"), ("41:00.0", "B", "2")),
    )
    assert [a["uuid"] for a in facts["adapters"]] == ["GPU-01:00.0", "GPU-41:00.0"]


def test_another_vendors_gpu_is_never_joined() -> None:
    facts = look(
        [controller("PCI\\VEN_8086&DEV_9A60&SUBSYS_1\\3&11583659&2&10"), controller(f"{RTX}\\4&A&0&8")],
        smi=smi(("01:00.0", "X", "1")),
    )
    assert [a["uuid"] for a in facts["adapters"]] == [None, "GPU-01:00.0"]


def test_a_gpu_that_nvidia_smi_alone_knows_has_an_unknown_state() -> None:
    facts = look(smi=smi(("01:00.0", "NVIDIA GeForce RTX 4090", "1")))
    assert short(facts) == [("nvidia", "NVIDIA GeForce RTX 4090", 25757220864, "576.52", "unknown", False)]
    assert facts["adapters"][0]["id"] == "GPU-01:00.0"


def test_nvidia_smi_that_fails_is_a_problem_and_costs_no_adapter() -> None:
    facts = look(
        [controller(f"{RTX}\\4&A&0&8")],
        smi="NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
    )
    assert [p["code"] for p in facts["problems"] if p["piece"] == "nvidia_smi"] == ["NVIDIA_DRIVER_NOT_RUNNING"]
    assert (facts["adapters"][0]["uuid"], facts["adapters"][0]["compute_capability"]) == (None, "8.9")


@pytest.mark.parametrize("numbers", ["0x268410DE", "268410de", "0x10DE2684", "10de2684", "0x00002684", "0x2684"])
def test_however_it_writes_the_numbers_a_gpu_is_one(numbers: str) -> None:
    """A driver that writes them otherwise does not double the GPU."""
    said = smi(("01:00.0", "NVIDIA GeForce RTX 4090", "1")).replace("0x268410DE", numbers)
    for location in (place(1), None):
        facts = look([controller(f"{RTX}\\4&A&0&8", LocationInformation=location)], smi=said)
        assert [a["uuid"] for a in facts["adapters"]] == ["GPU-01:00.0"], location


INFOROM = "WARNING: infoROM is corrupted at gpu 0000:01:00.0"
LOST = smi(("01:00.0", "A", "1")).replace("3 %", "ERR!")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"stdout": smi(("01:00.0", "A", "1")), "stderr": INFOROM, "rc": 14}, "NVIDIA_SMI_WARNING"),
        ({"stdout": smi(("01:00.0", "A", "1")), "stderr": "Unable to determine the device handle"}, "NVIDIA_GPU_ERROR"),
        ({"stdout": "", "stderr": "Failed to initialize NVML: Unknown Error", "rc": 255}, "NVIDIA_SMI_FAILED"),
        ({"stdout": LOST}, "NVIDIA_GPU_ERROR"),
    ],
)
def test_what_nvidia_smi_complains_of_is_the_same_on_both_sides(said: dict[str, Any], code: str) -> None:
    program = {"path": "nvidia-smi", "rc": 0, "stderr": "", "timed_out": False, "seconds": 1, **said}
    told = []
    for platform in ("windows", "linux"):
        evidence = {"platform": platform, "pieces": {"nvidia_smi": {"value": program, "error": None}}}
        problems = all_facts.interpret(evidence).as_dict()["problems"]
        told.append([problem for problem in problems if problem["piece"] == "nvidia_smi"])
    assert told[0] == told[1]
    assert [problem["code"] for problem in told[0]] == [code]
    if said.get("stderr") == INFOROM:
        assert "code 14" in told[0][0]["message"]
        assert INFOROM in told[0][0]["message"]
