"""A Windows PC's evidence as facts: a whole PC, then what makes each fact of the machine different."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.facts import windows as windows_facts
from windows_facts_help import evidence, look, values, within

OURS = r"C:\ProgramData\gpuready\environments\torch-directml-"


def test_a_whole_pc() -> None:
    facts = look()
    assert facts["os"] == {
        "family": "windows",
        "name": "Microsoft Windows 11 Pro",
        "version": "10.0.22631",
        "build": 22631,
        "revision": 4602,
        "kind": "workstation",
        "architecture": "x86_64",
        "language": "de-DE",
        "kernel": None,
        "glibc": None,
        "distribution": None,
        "wsl": False,
        "boot_time": "2026-11-20T06:00:00Z",
        "computer_name": "PC07",
    }
    assert facts["machine"] == {
        "manufacturer": "Dell Inc.",
        "model": "Precision 3660",
        "memory_bytes": 34359738368,
        "processor": "13th Gen Intel(R) Core(TM) i7-13700",
        "logical_processors": 24,
        "virtualization": True,  # the hypervisor that hides it from the processor proves it
        "hypervisor": True,
    }
    assert facts["disk"] == {"path": "C:\\", "free_bytes": 81394831360, "total_bytes": 270553174016}
    assert [(a["name"], a["memory_bytes"], a["driver"]["vendor_version"]) for a in facts["adapters"]] == [
        ("NVIDIA GeForce RTX 4090", 25757220864, "576.52")
    ]
    assert facts["wsl"] == {
        "installed": True,
        "version": "2.6.1.0",
        "kernel": "6.6.87.2-1",
        "default_version": 2,
        "policy_allows": True,
        "local_system": False,
        "distributions": [
            {"name": "Ubuntu-24.04", "state": "installed", "wsl_version": 2, "default": True, "uid": 1000},
            {"name": "Legacy", "state": "installed", "wsl_version": 1, "default": False, "uid": 0},
        ],
        "place": {
            "name": "gpuready", "folder": r"C:\Users\labadmin\AppData\Local\gpuready\wsl\gpuready", "registered": False,
            "ours": False, "disk": False, "held": False, "other_user": False, "export": None,
            "drive": "C:\\", "free_bytes": 200000000000,
        },
        "error": None,
    }  # fmt: skip
    assert facts["features"] == {
        "VirtualMachinePlatform": "Enabled",
        "Microsoft-Windows-Subsystem-Linux": "Disabled",
        "Microsoft-Hyper-V": "Absent",  # Windows lists it in no edition of Home
    }
    assert facts["vc_runtime"] == {"installed": True, "version": "14.40.33810.0"}
    assert facts["pending_reboot"] == {"pending": False, "reasons": []}
    assert facts["users"] == [
        {"name": "LAB\\anna", "session": 1, "state": None},
        {"name": "LAB\\student", "session": 2, "state": None},
    ]
    assert facts["uv"] == {"path": "C:\\ProgramData\\gpuready\\uv.exe", "version": "0.9.2"}
    assert [(i["path"][:10], i["version"], i["architecture"]) for i in facts["interpreters"]] == [
        ("C:\\Program", "3.10.11", "x86_64"),
        ("C:\\Python3", "3.12.4", "x86_64"),
    ]
    assert [(e["stack"], e["state"], e["python"]) for e in facts["environments"]] == [
        ("torch-directml", "current", rf"{OURS}0123456789ab\Scripts\python.exe"),
        ("torch-directml", "old", rf"{OURS}ffffffffffff\Scripts\python.exe"),
        ("tensorflow-directml", "building", None),
    ]
    assert facts["last_pass"] == {
        "fingerprint": {"stack": "b"},
        "verdict": {"state": "READY"},
        "at": "2026-02-01T00:00:00Z",
    }
    assert (facts["dxg"], facts["problems"], facts["collected_at"]) == (None, [], "2026-11-23T08:00:00Z")


def test_nothing_is_known_without_pieces() -> None:
    for nothing in ({}, None, [], {"pieces": None}, {"pieces": []}):
        facts = windows_facts.interpret(nothing).as_dict()
        assert (facts["adapters"], facts["users"], facts["wsl"]["installed"], facts["pending_reboot"]["pending"]) == (
            None,
            None,
            None,
            None,
        )
        assert {p["code"] for p in facts["problems"]} == {"PIECE_MISSING"}
        assert len(facts["problems"]) == 21


@pytest.mark.parametrize("piece", sorted(values()))
def test_a_piece_in_error_is_a_problem_and_no_fact(piece: str) -> None:
    facts = look({piece: None}, {piece: "ACCESS_DENIED"})
    assert [(p["piece"], p["code"]) for p in facts["problems"]] == [(piece, "ACCESS_DENIED")]


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        (
            {"machine": "ARM64", "process": "AMD64", "wow64": None, "os_64bit": True, "process_64bit": True},
            "arm64",
        ),  # emulated
        ({"machine": "ARM64", "process": "x86", "wow64": "ARM64", "os_64bit": True, "process_64bit": False}, "arm64"),
        ({"machine": None, "process": "x86", "wow64": "AMD64", "os_64bit": True, "process_64bit": False}, "x86_64"),
        # 32-bit Windows on a processor of 64 bits
        ({"machine": "x86", "process": "x86", "wow64": None, "os_64bit": False, "process_64bit": False}, "x86"),
        ({"machine": None, "process": "x86", "wow64": None, "os_64bit": False, "process_64bit": False}, "x86"),
        ({"machine": "IA64", "process": "IA64", "wow64": None, "os_64bit": True, "process_64bit": True}, "ia64"),
        (None, "x86_64"),  # the processor's word
    ],
)
def test_architecture(architecture: dict[str, Any] | None, expected: str) -> None:
    assert look({"architecture": architecture})["os"]["architecture"] == expected


@pytest.mark.parametrize(
    ("firmware", "hypervisor", "model", "architecture", "expected"),
    [
        (True, False, "Precision", "AMD64", True),
        (False, False, "Precision", "AMD64", False),
        (False, True, "Precision", "AMD64", True),
        (False, True, "Virtual Machine", "AMD64", None),  # another's hypervisor
        (False, True, "VMware7,1", "AMD64", None),
        (True, True, "VMware7,1", "AMD64", True),  # nested virtualization
        (None, False, "Precision", "AMD64", None),
        (None, None, "Precision", "AMD64", None),
        (False, None, "Precision", "AMD64", None),
        (False, False, "Surface", "ARM64", None),
        (False, True, "Surface", "ARM64", True),
    ],
)
def test_virtualization(
    firmware: bool | None, hypervisor: bool | None, model: str, architecture: str, expected: bool | None
) -> None:
    changes = {
        "processors": [{**values()["processors"][0], "VirtualizationFirmwareEnabled": firmware}],
        **within("computer_system", HypervisorPresent=hypervisor, Model=model),
        **within("architecture", machine=architecture),
    }
    assert look(changes)["machine"]["virtualization"] is expected


def test_the_registry_stands_in_for_cim() -> None:
    changes = {"operating_system": {"Caption": None, "registry": values()["operating_system"]["registry"]}}
    os = look(changes, {"operating_system": "CIM_FAILED"})["os"]
    assert (os["name"], os["version"], os["build"], os["kind"]) == (
        "Microsoft Windows 11 Pro",
        "10.0.22631",
        22631,
        "workstation",
    )
    registry = {
        **values()["operating_system"]["registry"],
        "ProductName": "Windows Server 2022 Standard",
        "InstallationType": "Server Core",
    }
    os = look({"operating_system": {"registry": registry}})["os"]
    assert (os["name"], os["kind"]) == ("Microsoft Windows Server 2022 Standard", "server")


@pytest.mark.parametrize(("product", "kind"), [(1, "workstation"), (2, "server"), (3, "server")])
def test_kind(product: int, kind: str) -> None:
    assert look(within("operating_system", ProductType=product))["os"]["kind"] == kind


@pytest.mark.parametrize(
    ("languages", "code", "expected"),
    [
        (["ja-JP", "en-US"], 1033, "ja-JP"),
        (None, 1041, "ja-JP"),
        ([], 2052, "zh-CN"),
        ("fr-FR", 1036, "fr-FR"),
        (None, 9999, None),
    ],
)
def test_language(languages: Any, code: int, expected: str | None) -> None:
    assert look(within("operating_system", MUILanguages=languages, OSLanguage=code))["os"]["language"] == expected


def test_nobody_is_logged_on_and_nobody_could_be_asked_are_different() -> None:
    assert look({"users": []})["users"] == []
    assert look({"users": None}, {"users": "CIM_CLASS_MISSING"})["users"] is None


def test_interpretation_leaves_the_evidence_alone() -> None:
    found = evidence()
    before = copy.deepcopy(found)
    windows_facts.interpret(found)
    assert found == before
