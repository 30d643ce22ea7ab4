"""GPUs of Linux machines: made-up /sys trees read by the module's own functions, then interpreted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.module_utils.linux import probe as linux_probe
from linux_facts_help import AMD, INTEL, NVIDIA, evidence, facts_of, gpu, interpret, program, smi, sysfs

DATA = Path(__file__).parents[2] / "data" / "nvidia_smi"


def test_nvidia(tmp_path: Path) -> None:
    facts = facts_of(sysfs(tmp_path, _01_00_0=NVIDIA), nvidia_smi=program(smi(gpu("01:00.0"))))
    (adapter,) = facts["adapters"]
    assert adapter == {
        "index": 0,
        "id": "0000:01:00.0",
        "vendor": "nvidia",
        "vendor_id": "10de",
        "device_id": "2684",
        "name": "NVIDIA GeForce RTX 4090",
        "memory_bytes": 24564 * 1024**2,
        "driver": {
            "version": "580.65.06",
            "vendor_version": "580.65.06",
            "provider": "nvidia",
            "date": None,
            "basic": False,
        },
        "status": "ok",
        "problem_code": None,
        "integrated": False,
        "compute_capability": "8.9",
        "driver_model": None,
        "cuda_version": "13.0",
        "uuid": "GPU-00000000:01:00.0",
        "mig_instances": None,
        "busy": {"utilization_percent": 5, "memory_used_bytes": 10 * 1024**2},
    }
    assert facts["problems"] == []


def test_amd(tmp_path: Path) -> None:
    tree = sysfs(
        tmp_path,
        _03_00_0={**AMD, "mem_info_vram_total": "17163091968", "mem_info_vram_used": "0", "gpu_busy_percent": "7"},
    )
    (adapter,) = facts_of(tree)["adapters"]
    assert (adapter["vendor"], adapter["status"], adapter["integrated"]) == ("amd", "ok", False)
    assert (adapter["memory_bytes"], adapter["name"]) == (17163091968, "AMD 1002:73bf")
    assert adapter["busy"] == {"utilization_percent": 7, "memory_used_bytes": 0}
    assert adapter["driver"] == {
        "version": "6.1.0-18-amd64",
        "vendor_version": None,
        "provider": "amdgpu",
        "date": None,
        "basic": False,
    }


def test_intel_parts_and_cards(tmp_path: Path) -> None:
    arc = {**INTEL, "device": "0x56a0", "drm/card1/lmem_total_bytes": "17095983104"}
    first, second = facts_of(sysfs(tmp_path, _00_02_0=INTEL, _03_00_0=arc))["adapters"]
    assert (first["vendor"], first["integrated"], first["memory_bytes"]) == ("intel", True, None)
    assert (second["vendor"], second["integrated"], second["memory_bytes"]) == ("intel", False, 17095983104)


def test_names_of_the_systems_list(tmp_path: Path) -> None:
    names = tmp_path / "pci.ids"
    names.write_text(
        "# list\n1002  AMD/ATI\n\t73bf  Navi 21 [Radeon RX 6800]\n\t\t1002 0e3a  Board\n10de  NVIDIA\n\t73bf  Other\n"
    )
    found = linux_probe.pci_display(str(sysfs(tmp_path / "sys", _03_00_0=AMD)), names=(str(names),))
    (adapter,) = interpret(evidence(pci_display=found))["adapters"]
    assert adapter["name"] == "Navi 21 [Radeon RX 6800]"


def test_two_alike_stay_two_and_keep_their_own(tmp_path: Path) -> None:
    tree = sysfs(tmp_path, _01_00_0=NVIDIA, _41_00_0=NVIDIA)
    answer = smi(gpu("41:00.0", util="90 %"), gpu("01:00.0", util="1 %"))
    first, second = facts_of(tree, nvidia_smi=program(answer))["adapters"]
    assert (first["index"], first["id"], first["busy"]["utilization_percent"]) == (0, "0000:01:00.0", 1)
    assert (second["index"], second["id"], second["busy"]["utilization_percent"]) == (1, "0000:41:00.0", 90)


def test_two_alike_whose_address_nvidia_smi_cannot_say(tmp_path: Path) -> None:
    tree = sysfs(tmp_path, _01_00_0=NVIDIA, _41_00_0=NVIDIA)
    lost = gpu("01:00.0").replace("00000000:01:00.0", "ERR!")
    facts = facts_of(tree, nvidia_smi=program(smi(lost, gpu("41:00.0"))))
    assert [a["id"] for a in facts["adapters"]] == ["0000:01:00.0", "0000:41:00.0"]
    assert [a["status"] for a in facts["adapters"]] == ["failing", "ok"]
    assert facts["problems"][0]["code"] == "NVIDIA_GPU_ERROR"


def test_hybrid_laptop(tmp_path: Path) -> None:
    mobile = {**NVIDIA, "class": "0x030200", "device": "0x2520"}
    facts = facts_of(sysfs(tmp_path, _00_02_0=INTEL, _01_00_0=mobile), nvidia_smi=program(smi(gpu("01:00.0"))))
    assert [(a["vendor"], a["integrated"]) for a in facts["adapters"]] == [("intel", True), ("nvidia", False)]


@pytest.mark.parametrize(
    ("vendor", "device", "kind", "reason"),
    [
        ("0x1af4", "0x1050", "0x030000", "virtual adapter (virtio)"),
        ("0x1234", "0x1111", "0x030000", "virtual adapter (QEMU)"),
        ("0x1b36", "0x0100", "0x030000", "virtual adapter (QXL)"),
        ("0x15ad", "0x0405", "0x030000", "virtual adapter (VMware)"),
        ("0x80ee", "0xbeef", "0x030000", "virtual adapter (VirtualBox)"),
        ("0x1414", "0x008e", "0x030200", "virtual adapter (Hyper-V)"),
        ("0x1013", "0x00b8", "0x030000", "virtual adapter (Cirrus)"),
        ("0x1a03", "0x2000", "0x030000", "management controller (ASPEED)"),
        ("0x102b", "0x0536", "0x030000", "management controller (Matrox)"),
        ("0x8086", "0x7d1d", "0x120000", "processing accelerator, no GPU"),
        ("0x1da3", "0x1000", "0x120000", "processing accelerator, no GPU"),
    ],
)
def test_no_gpus(tmp_path: Path, vendor: str, device: str, kind: str, reason: str) -> None:
    tree = sysfs(tmp_path, _00_01_0={"vendor": vendor, "device": device, "class": kind, "driver": "x"})
    facts = facts_of(tree)
    assert facts["adapters"] == []
    (ignored,) = facts["ignored_adapters"]
    assert (ignored["id"], ignored["reason"]) == ("0000:00:01.0", reason)
    assert ignored["name"]


def test_accelerator_of_amd_is_a_gpu(tmp_path: Path) -> None:
    mi300 = {**AMD, "device": "0x74a1", "class": "0x120000"}
    assert [a["vendor"] for a in facts_of(sysfs(tmp_path, _05_00_0=mi300))["adapters"]] == ["amd"]


def test_virtual_function_beside_its_card(tmp_path: Path) -> None:
    card = {**INTEL, "device": "0x56c0", "class": "0x038000"}
    facts = facts_of(sysfs(tmp_path, _03_00_0=card, _03_00_1={**card, "physfn": ""}))
    assert [a["id"] for a in facts["adapters"]] == ["0000:03:00.0"]
    assert facts["ignored_adapters"][0]["reason"] == "virtual function of another device"


@pytest.mark.parametrize(
    ("driver", "said", "status", "basic"),
    [
        (None, None, "no_driver", True),
        ("nouveau", None, "no_driver", True),
        ("vfio-pci", None, "disabled", True),
        ("nvidia", None, "unknown", False),
        ("nvidia", program("No devices were found\n"), "failing", False),
        (
            "nvidia",
            program("", 9, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver"),
            "failing",
            False,
        ),
        (
            "nvidia",
            program("Failed to initialize NVML: Driver/library version mismatch\n", 18),
            "restart_needed",
            False,
        ),
        ("nvidia", program("", 1, "Segmentation fault"), "unknown", False),
        ("nvidia", program(smi(gpu("02:00.0"))), "absent", False),
        ("nvidia", program(smi(gpu("01:00.0", util="ERR!"))), "failing", False),
        ("nvidia", program(smi(gpu("01:00.0", util="N/A"))), "ok", False),
        ("nvidia", program(smi(gpu("01:00.0")), 14, "WARNING: infoROM is corrupted at gpu 0000:01:00.0"), "ok", False),
        ("nvidia", program(smi(gpu("01:00.0"))[:-60]), "unknown", False),
    ],
)
def test_state_of_an_nvidia_gpu(
    tmp_path: Path, driver: str | None, said: dict[str, Any] | None, status: str, basic: bool
) -> None:
    device = {k: v for k, v in NVIDIA.items() if k != "driver"} | ({"driver": driver} if driver else {})
    facts = facts_of(sysfs(tmp_path, _01_00_0=device), nvidia_smi=said)
    adapter = next(a for a in facts["adapters"] if a["id"] == "0000:01:00.0")
    assert (adapter["status"], adapter["driver"]["basic"], adapter["driver"]["provider"]) == (status, basic, driver)
    assert adapter["compute_capability"] == "8.9"
    if said and (said["rc"] != 0 or status == "failing"):
        assert facts["problems"]


def test_renamed_fields_of_driver_610(tmp_path: Path) -> None:
    answer = smi(gpu("01:00.0"), driver="<kmd_version>610.57.04</kmd_version><cuda_umd_version>13.3</cuda_umd_version>")
    (adapter,) = facts_of(sysfs(tmp_path, _01_00_0=NVIDIA), nvidia_smi=program(answer))["adapters"]
    assert (adapter["driver"]["vendor_version"], adapter["cuda_version"]) == ("610.57.04", "13.3")


def test_loaded_driver_says_its_version_without_nvidia_smi(tmp_path: Path) -> None:
    words = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (dvs-builder)"
    loaded = {"version": None, "text": words, "nodes": ["/dev/nvidia0"]}
    (adapter,) = facts_of(sysfs(tmp_path, _01_00_0=NVIDIA), nvidia_driver=loaded)["adapters"]
    assert adapter["driver"]["vendor_version"] == "580.65.06"


def test_container_without_a_pci_bus(tmp_path: Path) -> None:
    (tmp_path / "kernel").mkdir()
    assert linux_probe.pci_display(str(tmp_path)) is None
    facts = interpret(evidence(pci_display=None, nvidia_smi=program(smi(gpu("01:00.0")))))
    (adapter,) = facts["adapters"]
    assert (adapter["vendor"], adapter["status"], adapter["id"]) == ("nvidia", "ok", "0000:01:00.0")


def test_wsl_with_nvidia() -> None:
    sample = (DATA / "netdata_go.d__rtx-2080-win.xml").read_text()
    basic = {
        "address": "5582:00:00.0",
        "vendor": "0x1414",
        "device": "0x008e",
        "class": "0x030200",
        "driver": "dxgkrnl",
    }
    facts = interpret(
        evidence(
            pci_display=[basic],
            nvidia_smi=program(sample),
            dxg={"device": True, "libraries": ["libcuda.so.1", "libdxcore.so"]},
            wsl={"kernel_says_microsoft": True, "interop": True, "distribution": "Ubuntu"},
        )
    )
    (adapter,) = facts["adapters"]
    assert (adapter["vendor"], adapter["driver"]["vendor_version"], adapter["driver_model"]) == (
        "nvidia",
        "516.59",
        "WDDM",
    )
    assert (facts["os"]["wsl"], facts["dxg"]) == (True, True)
    assert [i["reason"] for i in facts["ignored_adapters"]] == ["virtual adapter (Hyper-V)"]


def test_wsl_without_nvidia_knows_of_a_gpu_but_not_whose() -> None:
    facts = interpret(
        evidence(
            dxg={"device": True, "libraries": ["libdxcore.so"]},
            wsl={"kernel_says_microsoft": True, "interop": True, "distribution": "Ubuntu"},
        )
    )
    (adapter,) = facts["adapters"]
    assert (adapter["vendor"], adapter["id"], adapter["status"]) == ("other", "/dev/dxg", "unknown")
    assert [p["code"] for p in facts["problems"]] == ["DXG_VENDOR_UNKNOWN"]


def test_wsl_without_its_gpu_device() -> None:
    facts = interpret(
        evidence(
            nvidia_smi=program(smi(gpu("01:00.0"))),
            wsl={"kernel_says_microsoft": True, "interop": True, "distribution": "Ubuntu"},
        )
    )
    assert [a["status"] for a in facts["adapters"]] == ["absent"]
