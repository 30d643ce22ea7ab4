"""Adapters of Windows: the PCs that are hard to read, with expectations written by hand."""

from __future__ import annotations

from typing import Any

import pytest
from adapters_help import GIB, RTX, controller, key, look, short


@pytest.mark.parametrize("keyed", [True, False])
def test_two_identical_gpus_stay_two(keyed: bool) -> None:
    facts = look(
        [
            controller(f"{RTX}\\4&AAAA&0&0008", key="0001" if keyed else None),
            controller(f"{RTX}\\4&BBBB&0&0019", key="0000" if keyed else None),
        ],
        [key("0000", 25757220864, "pci\\ven_10de&dev_2684"), key("0001", 25757220864, "pci\\ven_10de&dev_2684")],
    )
    assert [(a["id"][-4:], a["memory_bytes"]) for a in facts["adapters"]] == [
        ("0008", 25757220864),
        ("0019", 25757220864),
    ]


def test_one_gpu_that_is_listed_twice_is_one() -> None:
    assert len(look([controller(f"{RTX}\\4&AAAA&0&0008"), controller(f"{RTX}\\4&aaaa&0&0008")])["adapters"]) == 1


def test_the_devices_own_key_wins_over_a_stale_one() -> None:
    facts = look(
        [controller("PCI\\VEN_1002&DEV_67DF&SUBSYS_E3661DA2&REV_E7\\4&X&0&0008", key="0003")],
        [key("0000", 4 * GIB, "PCI\\VEN_1002&DEV_67DF&REV_E7"), key("0003", 8 * GIB, "PCI\\VEN_1002&DEV_67DF&REV_E7")],
    )
    assert facts["adapters"][0]["memory_bytes"] == 8 * GIB


def test_keys_that_contradict_each_other_are_not_believed() -> None:
    keys = [
        key("0000", 4 * GIB, "PCI\\VEN_1002&DEV_67DF&REV_E7"),
        key("0003", 8 * GIB, "PCI\\VEN_1002&DEV_67DF&REV_E7"),
    ]
    gpu = "PCI\\VEN_1002&DEV_67DF&SUBSYS_E3661DA2&REV_E7\\4&X&0&0008"
    assert look([controller(gpu)], keys)["adapters"][0]["memory_bytes"] is None
    # ... unless one is that of the driver in use
    keys[1]["DriverVersion"] = "31.0.21921.1000"
    facts = look([controller(gpu, DriverVersion="31.0.21921.1000")], keys)
    assert facts["adapters"][0]["memory_bytes"] == 8 * GIB


def test_the_key_of_another_revision_or_subsystem_does_not_fit() -> None:
    for matching in (
        "PCI\\VEN_10DE&DEV_2684&REV_A2",
        "PCI\\VEN_10DE&DEV_2684&SUBSYS_00000000",
        "PCI\\VEN_10DE&DEV_268",
        "RdpIdd",
    ):
        assert (
            look([controller(f"{RTX}\\4&A&0&8")], [key("0000", 8 * GIB, matching)])["adapters"][0]["memory_bytes"]
            is None
        )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (25757220864, 25757220864),
        ("25757220864", 25757220864),
        ("hex(b):00,00,00,ff,05,00,00,00", 25753026560),
        ("hex:00,00,00,ff,05,00,00,00", 25753026560),
        ([0, 0, 0, 255, 5, 0, 0, 0], 25753026560),
        ("dword:40000000", GIB),
        ("hex:", None),
        ("hex:zz", None),
        (0, None),
        (-1, None),
        (2**63, None),
        (1.5, None),
        (True, None),
        ("much", None),
        ({}, None),
        ([1, 2, "x"], None),
        (None, None),
    ],
)
def test_memory_in_every_form_of_the_registry(value: Any, expected: int | None) -> None:
    facts = look([controller(f"{RTX}\\4&A&0&8", key="0000")], [key("0000", value)])
    assert facts["adapters"][0]["memory_bytes"] == expected


@pytest.mark.parametrize(
    ("ram", "expected"),
    [
        (4293918720, None),
        (-1048576, None),
        (4294967295, None),
        (-1, None),
        (0, None),
        (2147483648, 2147483648),
        (-2147483648, 2147483648),
        (None, None),
        ("1073741824", GIB),
    ],
)
def test_adapter_ram_is_believed_below_its_cap_alone(ram: Any, expected: int | None) -> None:
    assert look([controller(f"{RTX}\\4&A&0&8", AdapterRAM=ram)])["adapters"][0]["memory_bytes"] == expected


def test_memory_size_of_32_bits_in_the_registry() -> None:
    row = {"key": "0000", "HardwareInformation.MemorySize": -493289472}  # REG_DWORD as .NET hands it out: 0xe2990000
    row_small = {"key": "0000", "HardwareInformation.MemorySize": 1073741824}
    gpu = controller(f"{RTX}\\4&A&0&8", key="0000", AdapterRAM=None)
    assert look([gpu], [row])["adapters"][0]["memory_bytes"] == 3801677824
    assert look([gpu], [row_small])["adapters"][0]["memory_bytes"] == GIB


def test_an_intel_card_has_no_memory_by_adapter_ram() -> None:
    facts = look([controller("PCI\\VEN_8086&DEV_E20B&SUBSYS_11008086&REV_00\\6&A&0&00080008", AdapterRAM=2 * GIB)])
    assert (facts["adapters"][0]["integrated"], facts["adapters"][0]["memory_bytes"]) == (False, None)


@pytest.mark.parametrize(
    ("code", "expected"),
    [(0, "ok"), (14, "restart_needed"), (22, "disabled"), (28, "no_driver"), (31, "failing"), (43, "failing"),
     (52, "failing"), (10, "failing"),
     (29, "disabled"), (18, "no_driver"), (38, "restart_needed"), (99, "failing"), (None, "unknown"), (-5, "unknown")],
)  # fmt: skip
def test_problem_codes(code: int | None, expected: str) -> None:
    adapter = look([controller(f"{RTX}\\4&A&0&8", code=code)])["adapters"][0]
    assert (adapter["status"], adapter["problem_code"]) == (expected, code)


def test_a_phantom_is_ignored() -> None:
    for facts in (
        look([controller(f"{RTX}\\4&A&0&8", code=45)]),
        look(
            pnp=[
                {
                    "DeviceID": f"{RTX}\\4&A&0&8",
                    "Name": "NVIDIA GeForce RTX 4090",
                    "Present": False,
                    "ConfigManagerErrorCode": 45,
                }
            ]
        ),
        look(pnp=[{"DeviceID": f"{RTX}\\4&A&0&8", "Name": "NVIDIA GeForce RTX 4090", "Present": False}]),
    ):
        assert facts["adapters"] == []
        assert facts["ignored_adapters"][0]["reason"] == "phantom: no longer in the PC"


def test_a_gpu_without_any_driver_is_found_by_plug_and_play() -> None:
    facts = look(
        [controller("ROOT\\BASICDISPLAY\\0000", "Microsoft Basic Display Adapter", DriverVersion="10.0.22621.1")],
        pnp=[
            {
                "DeviceID": f"{RTX}\\4&A&0&8",
                "Name": "3D-Videocontroller",
                "PNPClass": None,
                "Present": True,
                "ConfigManagerErrorCode": 28,
            },
            {
                "DeviceID": "ROOT\\BASICDISPLAY\\0000",
                "Name": "Microsoft Basic Display Adapter",
                "Present": True,
                "ConfigManagerErrorCode": 0,
            },
        ],
    )
    assert short(facts) == [("nvidia", "3D-Videocontroller", None, None, "no_driver", False)]
    assert facts["adapters"][0]["driver"] == {
        "version": None,
        "vendor_version": None,
        "provider": "Microsoft",
        "date": None,
        "basic": True,
    }
    assert facts["adapters"][0]["compute_capability"] == "8.9"
    assert [entry["id"] for entry in facts["ignored_adapters"]] == ["ROOT\\BASICDISPLAY\\0000"]


def test_a_real_gpu_on_the_basic_driver_in_japanese() -> None:
    gpu = controller(
        "PCI\\VEN_1002&DEV_73BF&SUBSYS_0E3A1002&REV_C1\\6&A&0&00000019", "Microsoft 基本ディスプレイ アダプター",
        DriverVersion="10.0.22621.1", InfFilename="display.inf", AdapterCompatibility="(標準ディスプレイの種類)",
        AdapterRAM=0,
    )  # fmt: skip
    adapter = look([gpu])["adapters"][0]
    assert (adapter["vendor"], adapter["status"], adapter["driver"]["basic"], adapter["driver"]["provider"]) == (
        "amd",
        "no_driver",
        True,
        "Microsoft",
    )
    assert adapter["memory_bytes"] is None


@pytest.mark.parametrize(
    ("pnp_id", "why"),
    [
        ("PCI\\VEN_15AD&DEV_0405&SUBSYS_040515AD&REV_00\\3&1&0&78", "VMware"),
        ("PCI\\VEN_80EE&DEV_BEEF\\3&1&0&10", "VirtualBox"),
        ("PCI\\VEN_1AF4&DEV_1050\\3&1&0&10", "virtio"),
        ("PCI\\VEN_1B36&DEV_0100\\3&1&0&10", "QXL"),
        ("PCI\\VEN_1234&DEV_1111\\3&1&0&10", "QEMU"),
        ("PCI\\VEN_1414&DEV_5353\\3&1&0&10", "Hyper-V"),
        ("pci\\ven_1414&dev_5353\\3&1&0&10", "Hyper-V"),
        ("PCI\\VEN_1A03&DEV_2000\\4&1&0&10", "ASPEED"),
        ("PCI\\VEN_102B&DEV_0538\\4&1&0&10", "Matrox"),
        ("VMBUS\\{DA0A7802-E377-4AAC-8E77-0558EB1073F8}\\{5620E0C7-8062-4DCE-AEB7-520C7EF76171}", "Hyper-V"),
        ("ROOT\\DISPLAY\\0000", "virtual"),
        ("ROOT\\BASICRENDER\\0000", "virtual"),
        ("SWD\\REMOTEDISPLAYENUM\\RDPIDD_INDIRECTDISPLAY&SESSIONID_0002", "remote"),
        ("USB\\VID_17E9&PID_4301&MI_00\\7&1&0&0000", "USB"),
        ("BTHENUM\\X\\1", "BTHENUM"),
    ],
)
def test_what_is_no_gpu_is_dropped_with_a_reason(pnp_id: str, why: str) -> None:
    # The name lies: ids decide.
    facts = look([controller(pnp_id, "NVIDIA GeForce RTX 4090")])
    assert facts["adapters"] == []
    assert why in facts["ignored_adapters"][0]["reason"]


def test_the_vendor_is_in_the_id_and_not_in_the_name() -> None:
    facts = look(
        [
            controller("PCI\\VEN_8086&DEV_9A60&SUBSYS_1\\3&11583659&2&10", "NVIDIA GeForce"),
            controller("PCI\\VEN_1ED5&DEV_0222\\4&1&0&8", "MTT S80"),
        ]
    )
    assert [a["vendor"] for a in facts["adapters"]] == ["intel", "other"]


@pytest.mark.parametrize(
    ("pnp_id", "expected"),
    [
        ("PCI\\VEN_8086&DEV_9A60&SUBSYS_12EC1462&REV_01\\3&11583659&2&10", True),
        ("PCI\\VEN_8086&DEV_7D55&SUBSYS_1&REV_08\\3&11583659&0&10", True),  # "Intel(R) Arc(TM) Graphics" of a processor
        ("PCI\\VEN_8086&DEV_56A0&SUBSYS_1&REV_08\\6&1B2C&0&00080008", False),  # Arc A770
        ("PCI\\VEN_8086&DEV_FFFE&SUBSYS_1&REV_08\\6&1B2C&0&00080008", False),  # a card that no table knows yet
        ("PCI\\VEN_1002&DEV_1638&SUBSYS_1&REV_C1\\4&1&0&0041", True),  # Cezanne
        ("PCI\\VEN_1002&DEV_15BF&SUBSYS_1&REV_C1\\4&1&0&0041", True),  # Phoenix
        ("PCI\\VEN_1002&DEV_744C&SUBSYS_1&REV_C8\\6&1&0&00000019", False),  # RX 7900
        ("PCI\\VEN_10DE&DEV_25A0&SUBSYS_12EC1462&REV_A1\\4&36DBEA65&0&0008", False),
        ("ACPI\\VEN_QCOM&DEV_0C36&SUBSYS_CRD08380&REV_0100\\0", True),  # Adreno in a Snapdragon
        ("PCI\\VEN_1ED5&DEV_0222\\4&1&0&8", None),
    ],
)
def test_hybrid_laptops(pnp_id: str, expected: bool | None) -> None:
    assert look([controller(pnp_id)])["adapters"][0]["integrated"] is expected


@pytest.mark.parametrize(
    ("ram", "expected"), [(2 * GIB, None), (2 * GIB - 4096, None), (4 * GIB - 1, None), (GIB, GIB)]
)
def test_adapter_ram_of_one_without_an_id_is_not_believed_from_the_smaller_cap_on(
    ram: int, expected: int | None
) -> None:
    facts = look([controller(None, "Intel(R) Arc(TM) A770 Graphics", AdapterRAM=ram)])
    assert facts["adapters"][0]["memory_bytes"] == expected
