"""gpu_facts.ps1 on the real PowerShell engine: a bare PC and a full one."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.evidence import wsl_output
from facts_help import HOME, WSL, look, says, write, wsl_says

DATA = Path(__file__).resolve().parents[1] / "data"
CLASS = "{4d36e968-e325-11ce-bfc1-08002be10318}"
GPU = r"PCI\VEN_10DE&DEV_2684&SUBSYS_889D1043&REV_A1\4&36DBEA65&0&0008"
NO_DRIVER = r"PCI\VEN_8086&DEV_A780&SUBSYS_88821043&REV_04\3&11583659&0&10"
STORE = "MicrosoftCorporationII.WindowsSubsystemForLinux_2.6.1.0_x64__8wekyb3d8bbwe"
LXSS = r"Software\Microsoft\Windows\CurrentVersion\Lxss"
DE = ("WSL-Version: 2.6.1.0", "Kernelversion: 6.6.87.2-1", "WSLg-Version: 1.0.66", "MSRDC-Version: 1.2.6353",
      "Direct3D-Version: 1.611.1-81528511", "DXCore-Version: 10.0.26100.1-240331-1435.ge-release",
      "Windows-Version: 10.0.22631.4602")  # fmt: skip
JA = ("WSL バージョン: 2.6.1.0", "カーネル バージョン: 6.6.87.2-1")
SMI = """<?xml version="1.0" ?>
<nvidia_smi_log><driver_version>576.52</driver_version><cuda_version>12.9</cuda_version><attached_gpus>1</attached_gpus>
<gpu id="00000000:01:00.0"><product_name>NVIDIA GeForce RTX 4090</product_name><uuid>GPU-7a</uuid>
<driver_model><current_dm>WDDM</current_dm></driver_model>
<pci><pci_device_id>0x268410DE</pci_device_id><pci_bus_id>00000000:01:00.0</pci_bus_id></pci>
<fb_memory_usage><total>24564 MiB</total><used>900 MiB</used></fb_memory_usage>
<utilization><gpu_util>3 %</gpu_util></utilization></gpu></nvidia_smi_log>
"""


# --- a bare PC ---
@pytest.fixture(scope="module")
def bare(winlab_machine):
    return winlab_machine("facts-bare")


def test_a_bare_pc(bare, ansible, tmp_path):
    pieces, errors, facts = look(ansible, bare, tmp_path)
    # Classes that a machine has only when a test gives them.
    assert errors["video_controllers"] == "CIM_CLASS_MISSING"
    assert set(errors.values()) == {"CIM_CLASS_MISSING"}
    assert set(errors) <= {"video_controllers", "pnp_display", "processors", "users"}
    for name in ("wsl_version", "nvidia_smi", "uv", "environments", "marker"):
        assert pieces[name] == {"value": None, "error": None}, name
    assert pieces["interpreters"]["value"] == []
    assert pieces["last_pass"]["value"] == []
    assert facts["os"]["name"] == "Microsoft Windows 11 Pro"
    assert (facts["os"]["build"], facts["os"]["kind"], facts["os"]["architecture"]) == (22631, "workstation", "x86_64")
    assert facts["os"]["boot_time"].startswith("20")
    assert facts["wsl"]["installed"] is False
    assert facts["features"] == {
        "VirtualMachinePlatform": "Disabled",
        "Microsoft-Windows-Subsystem-Linux": "Disabled",
        "Microsoft-Hyper-V": "Absent",
    }
    assert facts["pending_reboot"] == {"pending": False, "reasons": []}
    assert 0 < facts["disk"]["free_bytes"] < facts["disk"]["total_bytes"]
    assert facts["disk"]["path"] == "C:\\"


def test_check_mode_and_psrp_see_the_same(bare, ansible):
    first = ansible(bare, "gpuready.lab.gpu_facts", check=True)
    second = ansible(bare, "gpuready.lab.gpu_facts", connection="psrp")
    facts = [result["ansible_facts"]["gpuready"]["facts"] for result in (first, second)]
    for one in facts:
        one.pop("collected_at")
        one["disk"].pop("free_bytes")
        one["wsl"]["place"].pop("free_bytes")
    assert facts[0] == facts[1]


@pytest.mark.parametrize("limit", [0, 601])
def test_a_limit_that_cannot_be(bare, ansible, limit):
    result = ansible(bare, "gpuready.lab.gpu_facts", {"time_limit": limit})
    assert f"time_limit: {limit} is not between 1 and 600 seconds" in json.dumps(result)


# --- a PC that has everything ---
# Its CIM classes and its registry.
FULL = json.loads((DATA / "winlab_full_pc.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def full(winlab_machine):
    pc = winlab_machine(
        "facts-full",
        cim=FULL["cim"],
        registry=FULL["registry"],
        programs={
            "nvidia-smi.exe": says(SMI),
            WSL: wsl_says(DE),
            rf"{HOME}\uv.exe": says("uv 0.9.2 (141369ce7 2025-10-10)\r\n"),
        },
    )
    program = pc.path(rf"{HOME}\uv.exe").read_bytes()
    for name in (
        r"C:\Lab\Python312\python.exe",
        rf"{HOME}\python\cpython-3.10.11\python.exe",
        r"C:\Lab\OnPath\python.exe",
    ):
        write(pc, name, program)
    write(pc, rf"{HOME}\python\empty\readme.txt", b"")
    write(pc, rf"{HOME}\python\store\python.exe", b"")
    made = {"stack": "torch-directml", "lock_sha256": "0" * 64, "complete": True}
    path = rf"{HOME}\environments\torch-directml-000000000000"
    made["python"] = rf"{path}\Scripts\python.exe"
    write(pc, rf"{path}\gpuready.json", json.dumps(made).encode())
    write(pc, rf"{HOME}\environments\cpu-111111111111\pyvenv.cfg", b"")
    write(
        pc,
        rf"{HOME}\current\torch-directml.json",
        json.dumps({"stack": "torch-directml", "environment": path}).encode(),
    )
    write(
        pc,
        rf"{HOME}\passes\torch-directml.json",
        json.dumps({"fingerprint": {"x": 1}, "verdict": {"state": "READY"}, "at": "t"}).encode(),
    )
    write(pc, rf"{HOME}\passes\large.json", b" " * 70_000)
    install = r"HKEY_CURRENT_USER\SOFTWARE\Python\Lab\1\InstallPath"
    assert pc.powershell(rf"[Microsoft.Win32.Registry]::SetValue('{install}', '', 'C:\Lab\Own\')").rc == 0
    write(pc, r"C:\Lab\Own\python.exe", b"no program at all")
    return pc


def test_a_full_pc(full, ansible, tmp_path):
    pieces, errors, facts = look(ansible, full, tmp_path)
    assert errors == {}
    assert facts["problems"] == [
        {"piece": "last_pass", "code": "FILE_UNREADABLE", "message": "large.json: not an object in JSON"}
    ]
    gpu, second = facts["adapters"]
    assert gpu | {"driver": None} == {
        "index": 0, "id": GPU, "vendor": "nvidia", "vendor_id": "10de", "device_id": "2684",
        "name": "NVIDIA GeForce RTX 4090", "memory_bytes": 25757220864, "driver": None, "status": "ok",
        "problem_code": 0, "integrated": False,
        "compute_capability": "8.9", "driver_model": "WDDM", "cuda_version": "12.9", "uuid": "GPU-7a",
        "mig_instances": None,
        "busy": {"utilization_percent": 3, "memory_used_bytes": 943718400},
    }  # fmt: skip
    assert gpu["driver"] == {
        "version": "32.0.15.7652",
        "vendor_version": "576.52",
        "provider": "NVIDIA",
        "date": "2025-05-01",
        "basic": False,
    }
    assert (second["id"], second["status"], second["integrated"]) == (NO_DRIVER, "no_driver", True)
    assert len(pieces["pnp_display"]["value"]) == 2  # the bridge is no display device
    assert facts["os"]["language"] == "de-DE"
    assert facts["os"]["boot_time"][:4] == "2026"
    assert facts["machine"]["virtualization"] is True
    assert facts["features"] == {
        "VirtualMachinePlatform": "Enabled",
        "Microsoft-Windows-Subsystem-Linux": "Disabled",
        "Microsoft-Hyper-V": "Absent",
    }
    place = facts["wsl"].pop("place")
    assert place.pop("free_bytes") > 0
    assert place == {
        "name": "gpuready", "folder": r"C:\users\labadmin\AppData\Local\gpuready\wsl\gpuready", "registered": False,
        "ours": False, "disk": False, "held": False, "other_user": False, "export": None, "drive": "C:\\",
    }  # fmt: skip
    # DISM was not asked.
    assert pieces["features"]["value"]["VirtualMachinePlatform"] == {"install_state": 1, "dism_state": None}
    assert facts["wsl"] == {
        "installed": True, "version": "2.6.1.0", "kernel": "6.6.87.2-1", "default_version": 2,
        "policy_allows": False, "local_system": False, "error": None,
        "distributions": [
            {"name": "Ubuntu-24.04", "state": "installed", "wsl_version": 2, "default": True, "uid": 1000},
        ],
    }  # fmt: skip
    assert pieces["wsl_version"]["value"]["path"] == WSL
    assert facts["uv"] == {"path": rf"{HOME}\uv.exe", "version": "0.9.2"}
    interpreters = {i["path"]: (i["version"], i["architecture"]) for i in facts["interpreters"]}
    assert interpreters == {
        rf"{HOME}\python\cpython-3.10.11\python.exe": (None, "x86_64"),  # a program without a version in its file
        r"C:\Lab\Python312\python.exe": ("3.12.4", "x86_64"),
        r"C:\Lab\Own\python.exe": ("3.11.9", None),
    }
    assert facts["vc_runtime"] == {"installed": True, "version": "14.40.33810.0"}
    assert facts["users"] == [{"name": "LAB\\jürgen", "session": None, "state": None}]
    assert [(e["stack"], e["state"]) for e in facts["environments"]] == [
        ("cpu", "building"),
        ("torch-directml", "current"),
    ]
    assert facts["last_pass"] == {"fingerprint": {"x": 1}, "verdict": {"state": "READY"}, "at": "t"}
    assert pieces["marker"]["value"] == {"simulated": True, "by": "winlab"}
    assert pieces["display_class"]["value"][-1]["key"] == "0007"
    chip = next(row for row in pieces["display_class"]["value"] if row["key"] == "0001")
    assert chip["HardwareInformation.ChipType"] == ["NVIDIA", "4090"]
    assert facts["pending_reboot"] == {"pending": False, "reasons": []}


@pytest.mark.parametrize(
    ("lines", "encoding", "kernel"),
    [
        (JA, None, "6.6.87.2-1"),
        (JA, "utf-16-le", "6.6.87.2-1"),
        (DE, "utf-16", "6.6.87.2-1"),
        (("Klasse nicht registriert", "Fehlercode: Wsl/0x80040154"), None, None),
    ],
)
def test_wsl_in_every_language_and_encoding(full, ansible, tmp_path, lines, encoding, kernel):
    full.install_program(WSL, wsl_says(lines, encoding, 0 if kernel else 0xFFFFFFFF))
    pieces, _, facts = look(ansible, full, tmp_path)
    written = base64.b64decode(pieces["wsl_version"]["value"]["stdout_base64"])
    assert wsl_output.decode(written) == "".join(f"{line}\n" for line in lines)
    assert pieces["wsl_version"]["value"]["rc"] == (0 if kernel else -1)
    assert facts["wsl"]["kernel"] == kernel
    assert (facts["wsl"]["error"] or {}).get("code") == (None if kernel else "Wsl/0x80040154")


def test_everything_that_waits_for_a_restart(full, ansible, tmp_path):
    """And memory in REG_BINARY, a marker by number, wsl.exe found by its MSI key and by the Store's package."""
    wsl = full.path(WSL)
    moved = full.path(r"C:\Lab\WSL\wsl.exe")
    moved.parent.mkdir(parents=True, exist_ok=True)
    wsl.rename(moved)
    full.programs[r"C:\Lab\WSL\wsl.exe"] = wsl_says(DE)
    script = rf"""
        $machine = [Microsoft.Win32.Registry]::LocalMachine
        $windows = $machine.CreateSubKey('SOFTWARE\Microsoft\Windows\CurrentVersion')
        $control = $machine.CreateSubKey('SYSTEM\CurrentControlSet\Control')
        foreach ($key in 'Component Based Servicing\RebootPending', 'Component Based Servicing\PackagesPending',
            'WindowsUpdate\Auto Update\RebootRequired', 'Appx\AppxAllUserStore\Applications\{STORE}') {{
            $null = $windows.CreateSubKey($key)
        }}
        $null = [Microsoft.Win32.Registry]::CurrentUser.CreateSubKey('{LXSS}\InstallStatus')
        $renames = [string[]]('\??\C:\a', '', '\??\C:\b')
        $control.CreateSubKey('Session Manager').SetValue('PendingFileRenameOperations', $renames, 'MultiString')
        $control.CreateSubKey('ComputerName\ComputerName').SetValue('ComputerName', 'NEWNAME')
        $memory = [byte[]](0, 0, 0, 255, 5, 0, 0, 0)
        $control.CreateSubKey('Class\{CLASS}\0001').SetValue('HardwareInformation.qwMemorySize', $memory, 'Binary')
        $windows.CreateSubKey('Lxss\MSI').SetValue('InstallLocation', 'C:\Lab\WSL')
        $machine.CreateSubKey('SOFTWARE\gpuready').SetValue('Simulated', 1, 'DWord')
    """
    reply = full.powershell(script)
    assert (reply.rc, reply.stderr) == (0, "")
    pieces, errors, facts = look(ansible, full, tmp_path)
    assert errors == {}
    assert pieces["pending_reboot"]["value"]["file_renames"] == 2
    assert facts["pending_reboot"]["pending"] is True
    assert facts["pending_reboot"]["reasons"] == [
        "component based servicing: RebootPending",
        "component based servicing: PackagesPending",
        "Windows Update: RebootRequired",
        "WSL: InstallStatus",
        "PendingFileRenameOperations",
        "the computer's name becomes NEWNAME",
    ]
    # A restart is pending, so DISM was asked, and it wins over CIM.
    assert pieces["features"]["value"]["VirtualMachinePlatform"] == {"install_state": 1, "dism_state": "Disabled"}
    assert facts["features"]["VirtualMachinePlatform"] == "Disabled"
    assert facts["adapters"][0]["memory_bytes"] == 25753026560
    assert pieces["marker"]["value"] == {"simulated": True, "by": None}
    assert pieces["wsl_version"]["value"]["path"] == r"C:\Lab\WSL\wsl.exe"
    assert facts["wsl"]["version"] == "2.6.1.0"


def test_odd_answers(full, ansible, tmp_path):
    """A registry value of another type, a controller without an id, a user without a domain, a Python on the PATH."""
    key = r"[Microsoft.Win32.Registry]::LocalMachine.CreateSubKey('SOFTWARE\Microsoft\Windows\CurrentVersion\Lxss\MSI')"
    assert full.powershell(f"{key}.SetValue('InstallLocation', 5, 'DWord')").rc == 0
    full.set_cim("Win32_VideoController", [{"Name": "Somebody's GPU", "PNPDeviceID": None}])
    explorer = {"Name": "explorer.exe", "ProcessId": 7, "SessionId": 3, "Handle": "7", "Domain": "", "User": "anna"}
    full.set_cim("Win32_Process", [explorer])
    result = ansible(
        full,
        "gpuready.lab.gpu_facts",
        {"save_evidence": str(tmp_path)},
        task={"environment": {"PATH": r"C:\Lab\OnPath;C:\windows\system32;C:\Program Files\PowerShell\7"}},
    )
    facts = result["ansible_facts"]["gpuready"]["facts"]
    pieces = json.loads((tmp_path / f"{full.name}.json").read_text())["gpuready_evidence"]["pieces"]
    for name in ("wsl_registry", "wsl_version"):
        assert pieces[name]["error"]["code"] == "COLLECTION_FAILED", name
    assert pieces["video_controllers"]["value"][0]["Driver"] is None
    assert {"name": "anna", "session": 3, "state": None} in facts["users"]
    assert [i["path"] for i in facts["interpreters"] if i["path"].startswith(r"C:\Lab\OnPath")]
    assert {problem["piece"] for problem in facts["problems"]} >= {"wsl_registry", "wsl_version"}


def test_what_others_may_have_put_there_is_neither_run_nor_believed(full, ansible, tmp_path):
    """A user who was first made the folder."""
    home = full.path(HOME)
    os.chown(home, 65534, 65534)
    try:
        pieces, errors, facts = look(ansible, full, tmp_path)
    finally:
        os.chown(home, 0, 0)
    assert (errors["environments"], errors["last_pass"]) == ("HOME_NOT_OURS", "HOME_NOT_OURS")
    assert pieces["uv"]["value"] is None
    assert "home" not in {one["source"] for one in pieces["interpreters"]["value"]}
    assert (facts["environments"], facts["passes"]) == ([], [])
