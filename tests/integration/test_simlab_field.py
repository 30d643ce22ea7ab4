"""A whole run over PCs that have what the field reports: each ends with its own code, and what is transient is mended.

One run over many simulated PCs; the words are those of Windows, uv, PyTorch and Ansible.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import yaml

from gpuready.lab import Lab
from gpuready.simlab import background

NET = f"127.{1 + int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])}"
pytestmark = pytest.mark.slow

AMD = [{"name": "AMD Radeon RX 6800", "vendor": "amd", "device": "73BF", "memory": 17163091968,
        "driver": {"version": "31.0.24002.92", "radeon_software": "24.3.1"}}]  # fmt: skip
NVIDIA = [{"name": "NVIDIA GeForce RTX 3090", "vendor": "nvidia", "device": "2204", "memory": 25769803776,
           "driver": {"version": "32.0.15.7652"}}]  # fmt: skip
HOME = r"C:\ProgramData\gpuready"
COMPILER = "Failed to compile C# code:\nerror CS0016: Could not write to output file 'c:\\x.dll' -- 'in use'"
HELD = rf"failed to rename file from {HOME}\cache\.tmpo to {HOME}\cache\archive-v0\x: Accès refusé. (os error 5)"
NO_HYPERVISOR = "Wsl/Service/CreateInstance/CreateVm/HCS/HCS_E_HYPERV_NOT_INSTALLED"


def fails(on: str, text: str, code: str = "", **more: Any) -> dict[str, Any]:
    return {"faults": [{"kind": "fail", "on": on, "text": text, "code": code, **more}]}


def trainer(kind: str, message: str, code: str | None = None, **more: Any) -> dict[str, Any]:
    """A training that ends so, or (with a code) is not started; the answer comes as it is."""
    error = {"type": kind, "message": message, "where": "train:120", **({"code": code} if code else {})}
    process = {"rc": 0, "timed_out": False, "phase": "import", "seconds": 1.0, "stderr_tail": []} if not code else None
    training = {"schema_version": 1, "finished": False, "error": error, "process": process}
    answer = {"changed": False, "ansible_facts": {"gpuready_training": training}}
    return {"faults": [{"kind": "garbage", "on": "training_facts", "text": json.dumps(answer), **more}]}


def home(path: str, **wishes: str) -> dict[str, Any]:
    return {"variables": {"python_environment_home": path, **wishes}}


WSL = {"gpuready_experience": "professional", "gpuready_environment": "wsl"}
# name -> what the PC is, and how it must end
FIELD: dict[str, tuple[dict[str, Any], str]] = {
    # Windows does not let it run
    "policy-uv": (fails("python_environment", rf"{HOME}\uv.exe cannot be started: Dieses Programm wurde durch eine "
    "Gruppenrichtlinie geblockt. [WinError 1260]", "UV_FAILED"), "NOT_READY BLOCKED_BY_POLICY"),
    "policy-python": (trainer("OSError", rf"{HOME}\python.exe: x [WinError 4551]", "INTERPRETER_MISSING"),
    "NOT_READY BLOCKED_BY_POLICY"),
    "policy-library": (trainer("OSError", '[WinError 4551] Bloqueado. Error loading "c10.dll"'),
    "NOT_READY BLOCKED_BY_POLICY"),
    "scanner-uv": (fails("python_environment", rf"{HOME}\uv.exe cannot be started: virus [WinError 225]", "UV_MISSING"),
    "NOT_READY BLOCKED_BY_ANTIVIRUS"),
    "scanner-look": (fails("gpu_facts", "This script contains malicious content and has been blocked by your antivirus "
    "software."), "NOT_READY BLOCKED_BY_ANTIVIRUS"),
    "language-mode": (fails("gpu_facts", "Cannot invoke method. Method invocation is supported only on core types in "
    "this language mode."), "NOT_READY TARGET_POWERSHELL"),
    "rights": (trainer("OSError", rf"{HOME}\python.exe: Zugriff verweigert [WinError 5]", "INTERPRETER_MISSING"),
    "NOT_READY BLOCKED_BY_RIGHTS"),
    # what is held for a moment, and what is held for good
    "held-look": (fails("gpu_facts", COMPILER, times=1), "READY TRAINED"),
    "held-build": (fails("python_environment", f"packages ended with 2: {HELD}", "ENVIRONMENT_FAILED", times=1),
    "READY TRAINED"),
    "held-start": (trainer("OSError", rf"{HOME}\python.exe: Utilisé par un autre [WinError 32]", "INTERPRETER_MISSING",
                           times=1), "READY TRAINED"),
    "held-for-good": (fails("gpu_facts", COMPILER), "NOT_READY TEMP_LOCKED"),
    # a place that does not suit
    "cloud": (home(r"C:\Users\lab\OneDrive - School\g"), "NOT_READY CACHE_LINKS"),
    "long": (home("C:\\" + "g" * 90), "NOT_READY PATH_TOO_LONG"),
    "letters": (home(r"C:\Prüfung", gpuready_stack="tensorflow-directml-plugin"), "NOT_READY PATH_LETTERS"),
    # firmware and hypervisor
    "firmware": ({"gpus": NVIDIA, "machine": {"virtualization": False}, "wsl": {"version": "2.6.1.0"},
                  "variables": WSL}, "NOT_READY VIRTUALIZATION_OFF"),
    "hypervisor": ({"gpus": NVIDIA, "wsl": {"version": "2.6.1.0", "answer": "error", "error": NO_HYPERVISOR},
                    "variables": WSL}, "NOT_READY VIRTUALIZATION_OFF"),
    # the controller's fault, met at two PCs
    "kerberos1": ({"variables": {"ansible_winrm_transport": "kerberos"}}, "UNKNOWN CONTROLLER_LACKS_LIBRARY"),
    "kerberos2": ({"variables": {"ansible_winrm_transport": "kerberos"}}, "UNKNOWN CONTROLLER_LACKS_LIBRARY"),
    # numbers of frameworks and drivers
    "removed": (trainer("RuntimeError", "Unknown error -2005270521"), "NOT_READY GPU_REMOVED"),
    "parameter": (trainer("RuntimeError", "Falscher Parameter. (HRESULT 0x80070057)"),
    "NOT_READY OPERATOR_UNSUPPORTED"),
    "runtime-old": (trainer("OSError", "[WinError 1114] x Error loading c10.dll"), "NOT_READY VC_RUNTIME_OLD"),
    "letters-unread": (trainer("UnicodeDecodeError", "'utf-8' codec can't decode byte 0xfc"),
    "NOT_READY TEXT_ENCODING"),
    "nobody-knows": (trainer("RuntimeError", "zork 17"), "NOT_READY TRAINING_FAILED"),
}  # fmt: skip


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("field")
    document = {
        "defaults": {"uv": "0.9.2", "gpus": AMD},
        "pcs": [{"name": name, **what} for name, (what, _) in FIELD.items()],
    }
    (folder / "lab.yml").write_text(yaml.safe_dump(document))
    with background.running(folder / "lab.yml", folder, 15985, f"{NET}.83.1"):
        result = Lab(folder / "hosts.yml").provision(report_dir=folder / "report", lab_dir=folder / "lab")
    found = {host["host"]: host for host in result.document["hosts"]}
    assert set(found) == set(FIELD)
    return {**found, "markdown": (folder / "report/report.md").read_text()}


def test_each_pc_ends_with_the_code_of_what_it_has(hosts: dict[str, Any]) -> None:
    ended = {name: f"{hosts[name]['verdict']['state']} {hosts[name]['verdict']['code']}" for name in FIELD}
    assert ended == {name: wanted for name, (_, wanted) in FIELD.items()}


def test_what_was_held_for_a_moment_was_tried_again_and_the_record_says_so(hosts: dict[str, Any]) -> None:
    tried = {name: hosts[name].get("tried_again") for name in FIELD}
    assert [(one["code"], one["step"]) for one in tried["held-look"]] == [("TEMP_LOCKED", "look")]
    assert [(one["code"], one["step"]) for one in tried["held-build"]] == [("ENVIRONMENT_IN_USE", "apply")]
    assert [(one["code"], one["step"]) for one in tried["held-start"]] == [("ENVIRONMENT_IN_USE", "verify")]
    assert [one["code"] for one in tried["held-for-good"]] == ["TEMP_LOCKED", "TEMP_LOCKED"]
    assert not tried["removed"]


def test_a_fault_of_the_controller_is_told_once(hosts: dict[str, Any]) -> None:
    assert hosts["markdown"].count("which kerberos needs") == 1
    assert "of the controller, met at 2" in hosts["markdown"]


def test_what_nobody_knows_shows_its_last_words_and_where_they_stood(hosts: dict[str, Any]) -> None:
    assert "zork 17 (RuntimeError, train:120, import)" in hosts["nobody-knows"]["verdict"]["cause"]


def test_no_next_step_asks_for_a_driver_where_nothing_was_about_the_driver(hosts: dict[str, Any]) -> None:
    steps = {name: hosts[name]["verdict"]["next_step"] for name in FIELD if "removed" not in name}
    assert [
        name for name, step in steps.items() if "driver" in step and name not in ("parameter", "nobody-knows")
    ] == []
