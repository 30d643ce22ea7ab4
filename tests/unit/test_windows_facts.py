"""A Windows PC's evidence as facts: a whole PC, then what makes each fact different."""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.module_utils import windows_facts

PATH = "C:\\ProgramData\\gpuready\\environments\\torch-directml-0123456789ab"
GERMAN = """WSL-Version: 2.6.1.0
Kernelversion: 6.6.87.2-1
WSLg-Version: 1.0.66
MSRDC-Version: 1.2.6353
Direct3D-Version: 1.611.1-81528511
DXCore-Version: 10.0.26100.1-240331-1435.ge-release
Windows-Version: 10.0.22631.4602
"""


def program(stdout: str, rc: int = 0, path: str = "C:\\x.exe") -> dict[str, Any]:
    return {"path": path, "rc": rc, "stdout": stdout, "stderr": "", "timed_out": False, "seconds": 0.1}


def wsl_program(stdout: bytes, rc: int = 0) -> dict[str, Any]:
    encoded = base64.b64encode(stdout).decode()
    return {
        "path": "wsl.exe",
        "rc": rc,
        "stdout_base64": encoded,
        "stderr_base64": "",
        "timed_out": False,
        "seconds": 1,
    }


# A German Windows 11 Pro with an RTX 4090, everything in order.  Made up, in the shapes of docs/evidence.md.
SAMPLE = json.loads((Path(__file__).resolve().parents[1] / "data/evidence_windows.json").read_text(encoding="utf-8"))


def values() -> dict[str, Any]:
    pieces = copy.deepcopy(SAMPLE["gpuready_evidence"]["pieces"])
    return {name: piece["value"] for name, piece in pieces.items()}


def evidence(changes: dict[str, Any] | None = None, errors: dict[str, str] | None = None) -> dict[str, Any]:
    """The PC with some pieces replaced, and some pieces in error."""
    found = {**values(), **(changes or {})}
    wrong = {name: {"code": code, "message": "…"} for name, code in (errors or {}).items()}
    return {
        "schema_version": 1,
        "platform": "windows",
        "collected_at": "2026-11-23T08:00:00Z",
        "seconds": 2.4,
        "pieces": {name: {"value": value, "error": wrong.get(name)} for name, value in found.items()},
    }


def look(changes: dict[str, Any] | None = None, errors: dict[str, str] | None = None) -> dict[str, Any]:
    return windows_facts.interpret(evidence(changes, errors))


def within(piece: str, **changes: Any) -> dict[str, Any]:
    return {piece: {**values()[piece], **changes}}


def test_a_whole_pc() -> None:
    facts = look()
    assert facts["os"] == {
        "family": "windows",
        "name": "Microsoft Windows 11 Pro",
        "version": "10.0.22631",
        "build": 22631,
        "kind": "workstation",
        "architecture": "x86_64",
        "language": "de-DE",
        "kernel": None,
        "glibc": None,
        "distribution": None,
        "wsl": False,
        "boot_time": "2026-11-20T06:00:00Z",
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
        "distributions": [
            {"name": "Ubuntu-24.04", "state": "installed", "wsl_version": 2, "default": True, "uid": 1000},
            {"name": "Legacy", "state": "installed", "wsl_version": 1, "default": False, "uid": 0},
        ],
        "error": None,
    }
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
        ("torch-directml", "current", "3.10.11"),
        ("torch-directml", "old", "3.10.11"),
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
        facts = windows_facts.interpret(nothing)
        assert (facts["adapters"], facts["users"], facts["wsl"]["installed"], facts["pending_reboot"]["pending"]) == (
            None,
            None,
            None,
            None,
        )
        assert {p["code"] for p in facts["problems"]} == {"PIECE_MISSING"}
        assert len(facts["problems"]) == 20


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


def test_features_and_their_pending_states() -> None:
    states = {
        "VirtualMachinePlatform": {"install_state": 1, "dism_state": "EnablePending"},  # CIM cannot know
        "Microsoft-Windows-Subsystem-Linux": {"install_state": 3, "dism_state": None},
        "Microsoft-Hyper-V": {"install_state": 4, "dism_state": None},
    }
    facts = look({"features": states})
    assert list(facts["features"].values()) == ["EnablePending", "Absent", None]
    assert facts["pending_reboot"] == {"pending": True, "reasons": ["feature VirtualMachinePlatform is EnablePending"]}
    nothing = {name: {"install_state": None, "dism_state": None} for name in states}
    assert set(look({"features": nothing}, {"features": "CIM_FAILED"})["features"].values()) == {None}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"cbs_reboot_pending": True}, "component based servicing: RebootPending"),
        ({"cbs_packages_pending": True}, "component based servicing: PackagesPending"),
        ({"windows_update": True}, "Windows Update: RebootRequired"),
        ({"wsl_install_status": True}, "WSL: InstallStatus"),
        ({"file_renames": 2}, "PendingFileRenameOperations"),
        ({"computer_name": {"active": "PC07", "pending": "PC08"}}, "the computer's name becomes PC08"),
    ],
)
def test_pending_reboot(change: dict[str, Any], reason: str) -> None:
    assert look(within("pending_reboot", **change))["pending_reboot"] == {"pending": True, "reasons": [reason]}


WITHOUT_WSL = {
    "msi": None, "store": None, "policies": None, "inbox": True,
    "user": {"name": "x", "sid": "S", "DefaultDistribution": None, "DefaultVersion": None, "distributions": []},
}  # fmt: skip


def test_wsl_that_is_not_installed() -> None:
    wsl = look({"wsl_registry": WITHOUT_WSL, "wsl_version": None})["wsl"]
    assert (wsl["installed"], wsl["version"], wsl["distributions"], wsl["error"]) == (False, None, [], None)
    wsl = look({"wsl_registry": None, "wsl_version": None}, {"wsl_registry": "ACCESS_DENIED"})["wsl"]
    assert (wsl["installed"], wsl["policy_allows"], wsl["distributions"]) == (None, None, None)


def test_wsl_of_windows_10_is_a_feature() -> None:
    enabled = {name: {"install_state": 1, "dism_state": None} for name in values()["features"]}
    wsl = look({"wsl_registry": WITHOUT_WSL, "wsl_version": None, "features": enabled})["wsl"]
    assert (wsl["installed"], wsl["version"]) == (True, None)
    unknown = look({"wsl_registry": WITHOUT_WSL, "wsl_version": None, "features": None}, {"features": "CIM_FAILED"})
    assert unknown["wsl"]["installed"] is None


@pytest.mark.parametrize(("value", "allows"), [(0, False), (1, True), (None, True)])
def test_wsl_policy(value: int | None, allows: bool) -> None:
    policies = {"AllowInboxWSL": 0} if value is None else {"AllowWSL": value}
    assert look(within("wsl_registry", policies=policies))["wsl"]["policy_allows"] is allows


def test_wsl_in_utf16_from_a_program_that_ignores_wsl_utf8() -> None:
    assert look({"wsl_version": wsl_program(GERMAN.encode("utf-16-le"))})["wsl"]["kernel"] == "6.6.87.2-1"


@pytest.mark.parametrize(
    ("text", "rc", "code"),
    [
        ("Der Dienst kann nicht gestartet werden.\r\nFehlercode: Wsl/0x80070422\r\n", -1, "Wsl/0x80070422"),
        (
            "Classe non enregistrée\r\nCode d'erreur : Wsl/CallMsi/REGDB_E_CLASSNOTREG\r\n",
            -1,
            "Wsl/CallMsi/REGDB_E_CLASSNOTREG",
        ),
        ("系統無法存取該檔案。\r\n", 1, "WSL_OUTPUT_UNREADABLE"),
        ("", 0, "WSL_OUTPUT_UNREADABLE"),
        (GERMAN, 1, "WSL_OUTPUT_UNREADABLE"),
    ],
)
def test_wsl_that_fails(text: str, rc: int, code: str) -> None:
    facts = look({"wsl_version": wsl_program(text.encode("utf-16-le"), rc)})
    assert facts["wsl"]["error"]["code"] == code
    assert (facts["wsl"]["installed"], facts["wsl"]["version"], facts["wsl"]["kernel"]) == (True, "2.6.1.0", None)
    assert [(p["piece"], p["code"]) for p in facts["problems"]] == [("wsl_version", code)]


def test_wsl_that_hangs() -> None:
    hanging = {**wsl_program(b""), "rc": None, "timed_out": True}
    facts = look({"wsl_version": hanging}, {"wsl_version": "TIME_LIMIT"})
    assert facts["wsl"]["error"]["code"] == "TIME_LIMIT"


def test_nvidia_smi_that_hangs_costs_its_own_facts_alone() -> None:
    hanging = {**program("<?xml version"), "rc": None, "stdout": "", "timed_out": True}
    facts = look({"nvidia_smi": hanging}, {"nvidia_smi": "TIME_LIMIT"})
    assert [(p["piece"], p["code"]) for p in facts["problems"]] == [("nvidia_smi", "TIME_LIMIT")]
    assert (facts["adapters"][0]["status"], facts["adapters"][0]["busy"]) == ("ok", None)


@pytest.mark.parametrize(
    ("registry", "files", "expected"),
    [
        (None, ["14.29.30133.0"] * 4, {"installed": True, "version": "14.29.30133.0"}),
        (
            1,
            ["14.40.33810.0", None, "14.40.33810.0", "14.40.33810.0"],
            {"installed": False, "version": None},
        ),  # a file is missing
        (0, None, {"installed": False, "version": None}),
        (1, None, {"installed": True, "version": "14.40.33810.0"}),
        (None, None, {"installed": None, "version": None}),
        (None, ["", "", "", ""], {"installed": True, "version": None}),
    ],
)
def test_vc_runtime(registry: int | None, files: list[str | None] | None, expected: dict[str, Any]) -> None:
    value = values()["vc_runtime"]
    value["registry"] = None if registry is None else {**value["registry"], "Installed": registry}
    value["files"] = None if files is None else dict(zip(value["files"], files, strict=True))
    assert look({"vc_runtime": value})["vc_runtime"] == expected


def test_uv_that_says_no_version() -> None:
    facts = look({"uv": program("garbage")})
    assert facts["uv"] is None
    assert [p["code"] for p in facts["problems"]] == ["UV_UNREADABLE"]
    assert look({"uv": None})["uv"] is None


def test_an_environment_that_is_not_complete_is_never_current() -> None:
    value = values()["environments"]
    value["directories"][0]["text"] = json.dumps({"stack": "torch-directml", "complete": False})
    assert look({"environments": value})["environments"][0]["state"] == "building"
    value["directories"][0]["text"] = '{"stack": "torch'
    facts = look({"environments": value})
    assert facts["environments"][0]["state"] == "building"
    assert [p["code"] for p in facts["problems"]] == ["FILE_UNREADABLE"]


def test_interpreters_of_other_processors() -> None:
    rows = [
        {"path": "p", "version": "3.9", "machine": 332},
        {"path": "q", "version": None, "machine": 43620},
        {"path": "r", "machine": 1},
    ]
    assert [(i["version"], i["architecture"]) for i in look({"interpreters": rows})["interpreters"]] == [
        ("3.9", "x86"),
        (None, "arm64"),
        (None, None),
    ]


def test_nobody_is_logged_on_and_nobody_could_be_asked_are_different() -> None:
    assert look({"users": []})["users"] == []
    assert look({"users": None}, {"users": "CIM_CLASS_MISSING"})["users"] is None


def test_interpretation_leaves_the_evidence_alone() -> None:
    found = evidence()
    before = copy.deepcopy(found)
    windows_facts.interpret(found)
    assert found == before
