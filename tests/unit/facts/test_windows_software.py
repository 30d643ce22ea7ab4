"""A Windows PC's software as facts: features, restarts, WSL, and the programs that training needs."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import facts
from ansible_collections.gpuready.lab.plugins.plugin_utils.evidence.pieces import Pieces
from ansible_collections.gpuready.lab.plugins.plugin_utils.facts import home
from ansible_collections.gpuready.lab.plugins.plugin_utils.facts.model import Facts
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import runtime
from windows_facts_help import look, values, within

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


@pytest.mark.parametrize(
    ("given", "damaged"),
    [
        ({"count": 0, "missing": [], "changed": [], "hashes": False}, False),
        ({"count": 2, "missing": ["a", "b"], "changed": [], "hashes": True}, True),
        ({"count": 0, "missing": ["a"], "changed": ["b"]}, True),  # more than it counts
        (None, None),
        ({}, None),
        ({"count": "many"}, None),
        ({"error": "OSError: gone"}, None),
        ([], None),
    ],
)
def test_what_an_environment_lacks(given: Any, damaged: bool | None) -> None:
    value = values()["environments"]
    for one in value["directories"]:
        one["damage"] = given
    facts = Facts.of(look({"environments": value}))
    environments = facts.environments
    told = [one.message or "" for one in facts.problems if one.piece == "environments"]
    assert any(text.endswith("cannot be looked through: OSError: gone") for text in told) == ("OSError" in str(given))
    assert {one.damaged for one in environments if one.state != "building"} == {damaged}
    assert {one.damage for one in environments if one.state == "building"} <= {None}


def test_both_sides_read_gpureadys_files_alike() -> None:
    """A pointer, an environment that is not whole, a pass without a verdict: one interpreter, whatever the system."""
    for folder, slash, platform in ((r"C:\ProgramData\gpuready", "\\", "windows"), ("/opt/gpuready", "/", "linux")):
        paths = [slash.join([folder, "environments", f"cuda-{letter * 12}"]) for letter in "ab"]
        python = paths[0] + (r"\Scripts\python.exe" if platform == "windows" else "/bin/python")
        whole = json.dumps({"stack": "cuda", "lock_sha256": "a", "python": python, "complete": True})
        pieces = {
            "environments": {
                "home": folder,
                "directories": [
                    {"name": path.rpartition(slash)[2], "path": path, "text": text}
                    for path, text in zip(paths, (whole, None), strict=True)
                ],
                "current": [{"name": "cuda.json", "text": json.dumps({"stack": "cuda", "environment": paths[0]})}],
                "kernels": [
                    {"name": "gpuready-cuda", "text": json.dumps({"argv": [python], "display_name": "PyTorch"})},
                    {"name": "gpuready-cpu", "text": json.dumps({"argv": "python", "display_name": "Another"})},
                ],
            },
            "last_pass": [
                {"name": "cuda.json", "text": json.dumps({"fingerprint": {"x": 1}, "verdict": {"state": "READY"}})},
                {"name": "cpu.json", "text": json.dumps({"fingerprint": {"x": 1}, "at": "2026-11-23T08:00:00Z"})},
            ],
        }
        found = facts.interpret(
            {"platform": platform, "pieces": {name: {"value": one, "error": None} for name, one in pieces.items()}}
        ).as_dict()
        assert [(one["stack"], one["state"]) for one in found["environments"]] == [
            ("cuda", "current"),
            ("cuda", "building"),
        ]
        assert [one["kernel"] for one in found["environments"]] == ["PyTorch", None]
        assert found["passes"] == [{"fingerprint": {"x": 1}, "verdict": {"state": "READY"}, "at": None}]
        told = [problem for problem in found["problems"] if problem["piece"] == "last_pass"]
        assert told == [
            {
                "piece": "last_pass",
                "code": "PIECE_MALFORMED",
                "message": "cpu.json: a pass lacks its fingerprint or its verdict",
            }
        ]


@pytest.mark.parametrize(
    ("windows", "own", "expected"),
    [
        (runtime.FILES, [], True),
        (runtime.FILES[:3], [], False),
        (runtime.FILES[:3], [runtime.FILES[3]], True),
        ((), list(runtime.FILES), True),
        ((), list(runtime.FILES[1:]), False),
        (runtime.FILES[:3], None, None),  # of a gpuready that did not look into environments
        (None, [], None),
        (None, list(runtime.FILES), True),
    ],
)
def test_an_environment_has_the_runtime_from_windows_or_by_itself(
    windows: tuple[str, ...] | None, own: list[str] | None, expected: bool | None
) -> None:
    value = values()["environments"]
    value["directories"] = [{**value["directories"][0], "runtime": own}]
    files = None if windows is None else {name: "14.40" if name in windows else None for name in runtime.FILES}
    (found,) = look({"environments": value, "vc_runtime": {"registry": None, "files": files}})["environments"]
    assert found["vc_runtime"] is expected


@pytest.mark.parametrize(
    "python",
    [
        r"C:\Users\eve\python.exe",
        r"C:\ProgramData\gpuready\environments\cuda-aaaaaaaaaaaa\..\evil\python.exe",
        "python",
    ],
)
def test_an_interpreter_that_lies_elsewhere_is_not_the_environments(python: str) -> None:
    """Its marker is a file of the PC: what it names is run as administrator."""
    path = r"C:\ProgramData\gpuready\environments\cuda-aaaaaaaaaaaa"
    marker = json.dumps({"stack": "cuda", "lock_sha256": "a", "python": python, "complete": True})
    directory = {"name": "cuda-aaaaaaaaaaaa", "path": path, "text": marker}
    pieces = Pieces({"pieces": {"environments": {"value": {"directories": [directory]}, "error": None}}})
    (found,) = home.environments(pieces)
    assert found.python is None
    assert [(one["piece"], one["code"]) for one in pieces.problems] == [("environments", "FILE_UNREADABLE")]


@pytest.mark.parametrize(("sid", "system"), [("S-1-5-18", True), ("S-1-5-21-1-2-3-1001", False), (None, None)])
def test_a_look_as_local_system_is_told(sid: str | None, system: bool | None) -> None:
    assert look(within("wsl_registry", user={"sid": sid}))["wsl"]["local_system"] is system
