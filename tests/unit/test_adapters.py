"""Adapters of Windows: every recorded dump, and the PCs that are hard to read, with expectations written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.module_utils import windows_facts

EXAMPLES = {
    example["id"]: example
    for example in json.loads(
        (Path(__file__).resolve().parents[1] / "data/video_controllers.json").read_text(encoding="utf-8")
    )["examples"]
}
CLASS = "{4d36e968-e325-11ce-bfc1-08002be10318}"
GIB = 1024**3


def look(
    controllers: list[dict[str, Any]] | None = None,
    keys: list[dict[str, Any]] | None = None,
    pnp: list[dict[str, Any]] | None = None,
    smi: str | None = None,
) -> dict[str, Any]:
    pieces: dict[str, Any] = {
        "video_controllers": {"value": controllers or [], "error": None},
        "display_class": {"value": keys or [], "error": None},
        "pnp_display": {"value": pnp or [], "error": None},
        "nvidia_smi": {"value": None, "error": None},
    }
    if smi:
        program = {"path": "nvidia-smi.exe", "rc": 0, "stdout": smi, "stderr": "", "timed_out": False, "seconds": 1}
        pieces["nvidia_smi"]["value"] = program
    return windows_facts.interpret({"schema_version": 1, "platform": "windows", "pieces": pieces})


def recorded(name: str) -> dict[str, Any]:
    """A recorded dump as evidence: properties that our source abbreviated count as they stand."""
    example = EXAMPLES[name]
    controllers, keys = [], []
    for number, source in enumerate(example["controllers"]):
        row = dict(source)
        row["Name"] = row.get("Name", row.get("Name_approx"))
        row["PNPDeviceID"] = row.get("PNPDeviceID", row.get("PNPDeviceID_prefix"))
        if "registry_qwMemorySize" in row:
            row["Driver"] = f"{CLASS}\\{number:04}"
            keys.append({"key": f"{number:04}", "HardwareInformation.qwMemorySize": row["registry_qwMemorySize"]})
        controllers.append(row)
    for source in example.get("registry_class_4d36e968", []):
        keys.append({**source, "key": source["key"][-4:]})
    return look(controllers, keys)


def short(facts: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (a["vendor"], a["name"], a["memory_bytes"], a["driver"]["vendor_version"], a["status"], a["integrated"])
        for a in facts["adapters"]
    ]


# vendor, name, memory, the vendor's version of the driver, status, integrated
EXPECTED: dict[str, list[tuple[Any, ...]]] = {
    # hex(b):00,00,00,ff,01,00,00,00 is 0x1ff000000; the key of the GTX 960 is that of a card that is gone
    "glpi-amd-radeon-rx6600xt": [("amd", "AMD Radeon RX 6600 XT", 8573157376, "22.6.1", "ok", False)],
    # AdapterRAM 2210398208 = MemorySize hex:00,00,c0,83
    "glpi-intel-hd-graphics": [("intel", "Intel(R) HD Graphics", 2210398208, "10.4459", "ok", True)],
    "ubuntu-insights-msi-hybrid": [
        ("nvidia", "NVIDIA GeForce RTX 3050 Ti Laptop GPU", None, "565.90", "ok", False),  # AdapterRAM is at its cap
        ("intel", "Intel(R) UHD Graphics", 1073741824, "101.2079", "ok", True),
    ],
    "lindexi-hd530": [("intel", "Intel(R) HD Graphics 530", 1073741824, "16.4973", "ok", True)],
    "powershell-one-iris": [("intel", "Intel Iris Graphics", 1073741824, "100.7463", "unknown", None)],
    "displaylink": [],
    "systeminformation-790": [("intel", "Intel UHD Graphics", None, None, "ok", True)],
    "dd-monitor-hd5500": [("intel", "Intel(R) HD Graphics 5500", None, "15.5058", "unknown", None)],
    "tjguk-wmi-23": [("other", "unnamed display adapter", None, None, "unknown", None)],
    "igcit-1370-arc-b580": [("intel", "Intel(R) Arc(TM) B580 Graphics", None, "101.8509", "unknown", None)],
    "nemosminer-89": [("amd", "unnamed display adapter", None, None, "unknown", None)],
    "rtx4080-laptop": [
        ("nvidia", "NVIDIA GeForce RTX 4080 Laptop GPU", None, None, "unknown", False),
        ("intel", "Intel(R) UHD Graphics", 2147479552, None, "unknown", None),
    ],
    "rx9070-igpu-virtual": [
        ("amd", "AMD Radeon RX 9070", 17095983104, None, "unknown", None),
        ("amd", "amd display adapter 1002:164e", 536870912, None, "unknown", True),
    ],
    "hyperv-win10": [],
    "vmware-luci": [],
    # the basic driver shows a picture on a GPU that is there: DG1 is a card, Tiger Lake's is not
    "intel-installer-log-two-basic": [
        ("intel", "intel display adapter 8086:4905", None, None, "no_driver", False),
        ("intel", "intel display adapter 8086:9a49", None, None, "no_driver", True),
    ],
}
IGNORED = {
    "displaylink": ["USB display (no GPU)"],
    "rx9070-igpu-virtual": ["virtual or mirror adapter (made by software)"],
    "hyperv-win10": ["virtual adapter (Hyper-V)"],
    "vmware-luci": ["virtual adapter (VMware)"],
}


def test_every_example_has_an_expectation() -> None:
    assert set(EXPECTED) == set(EXAMPLES)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_recorded_dump(name: str) -> None:
    facts = recorded(name)
    assert short(facts) == EXPECTED[name]
    assert [entry["reason"] for entry in facts["ignored_adapters"]] == IGNORED.get(name, [])
    assert [adapter["index"] for adapter in facts["adapters"]] == list(range(len(EXPECTED[name])))


def test_all_of_one_adapter() -> None:
    assert recorded("glpi-amd-radeon-rx6600xt")["adapters"] == [
        {
            "index": 0,
            "id": "PCI\\VEN_1002&DEV_73FF&SUBSYS_23361458&REV_C1\\6&EAF386A&0&00000019",
            "vendor": "amd",
            "vendor_id": "1002",
            "device_id": "73ff",
            "name": "AMD Radeon RX 6600 XT",
            "memory_bytes": 8573157376,
            "driver": {
                "version": "30.0.21023.1015",
                "vendor_version": "22.6.1",
                "provider": "Advanced Micro Devices, Inc.",
                "date": "2022-06-22",
                "basic": False,
            },
            "status": "ok",
            "problem_code": 0,
            "integrated": False,
            "compute_capability": None,
            "driver_model": None,
            "cuda_version": None,
            "uuid": None,
            "busy": None,
        }
    ]


def controller(
    pnp_id: str, name: str = "GPU", key: str | None = None, code: int | None = 0, **more: Any
) -> dict[str, Any]:
    row = {
        "PNPDeviceID": pnp_id,
        "Name": name,
        "ConfigManagerErrorCode": code,
        "DriverVersion": "32.0.15.7652",
        "AdapterRAM": 4293918720,
    }
    return {**row, "Driver": f"{CLASS}\\{key}" if key else None, **more}


def key(number: str, memory: Any, matching: str | None = None, **more: Any) -> dict[str, Any]:
    return {"key": number, "HardwareInformation.qwMemorySize": memory, "MatchingDeviceId": matching, **more}


RTX = "PCI\\VEN_10DE&DEV_2684&SUBSYS_889D1043&REV_A1"


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
