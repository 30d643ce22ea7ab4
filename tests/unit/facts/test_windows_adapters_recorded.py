"""Adapters of Windows: every recorded dump, with expectations written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from adapters_help import CLASS, look, short

EXAMPLES = {
    example["id"]: example
    for example in json.loads(
        (Path(__file__).resolve().parents[2] / "data/video_controllers.json").read_text(encoding="utf-8")
    )["examples"]
}


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
        ("intel", "Intel(R) UHD Graphics", None, None, "unknown", None),  # 2147479552: the cap of its driver
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
            "mig_instances": None,
            "busy": None,
        }
    ]
