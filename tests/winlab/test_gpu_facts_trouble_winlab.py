"""gpu_facts.ps1 where things fail or hang: the piece says so, the rest is there, and the call comes back."""

from __future__ import annotations

import time

import pytest
from facts_help import HOME, WSL, hangs, look, says, write


# --- a PC where everything fails or hangs ---
@pytest.fixture(scope="module")
def troubled(winlab_machine):
    return winlab_machine(
        "facts-troubled",
        cim={"Win32_VideoController": []},
        programs={"nvidia-smi.exe": hangs, "uv.exe": says("\x00\xff garbage", 3), WSL: hangs},
        registry={r"HKLM\SOFTWARE\gpuready": {"Simulated": 0}},
    )


def test_what_hangs_costs_its_own_piece_alone(troubled, ansible, tmp_path):
    started = time.monotonic()
    pieces, errors, facts = look(ansible, troubled, tmp_path, time_limit=3)
    assert time.monotonic() - started < 30
    assert errors["nvidia_smi"] == errors["wsl_version"] == "TIME_LIMIT"
    assert pieces["nvidia_smi"]["value"]["timed_out"] is True
    assert pieces["nvidia_smi"]["value"]["rc"] is None
    assert pieces["nvidia_smi"]["value"]["stdout"] == "<?xml version"
    assert facts["wsl"]["error"]["code"] == "TIME_LIMIT"
    assert facts["uv"] is None
    assert pieces["uv"]["value"]["rc"] == 3
    assert pieces["marker"]["value"] is None
    assert (facts["os"]["build"], facts["adapters"]) == (22631, None)
    assert {p["code"] for p in facts["problems"]} >= {"TIME_LIMIT", "UV_UNREADABLE"}
    left = troubled.powershell("@(Get-Process | Where-Object { $_.Name -in 'wsl', 'nvidia-smi' }).Count").stdout.strip()
    assert left == "0"


def test_an_nvidia_smi_that_answers_and_complains(troubled, ansible, tmp_path):
    def damaged(call):
        call.out("<nvidia_smi_log><driver_version>576.52</driver_version><attached_gpus>1</attached_gpus>")
        call.out('<gpu id="00000000:01:00.0"><product_name>A</product_name></gpu></nvidia_smi_log>')
        call.err("WARNING: infoROM is corrupted at gpu 0000:01:00.0\r\n")
        return 14

    troubled.install_program("nvidia-smi.exe", damaged)
    pieces, errors, facts = look(ansible, troubled, tmp_path, time_limit=3)
    assert "nvidia_smi" not in errors
    assert pieces["nvidia_smi"]["value"]["rc"] == 14
    (problem,) = [one for one in facts["problems"] if one["piece"] == "nvidia_smi"]
    assert problem["code"] == "NVIDIA_SMI_WARNING"
    assert "infoROM is corrupted" in problem["message"]


def test_documents_and_programs_that_are_broken(troubled, ansible, tmp_path):
    (troubled.lab / "cim/Win32_OperatingSystem.json").write_text("{ not json")
    (troubled.lab / "features.json").write_text("{ not json")
    troubled.path(r"C:\windows\system32\nvidia-smi.exe").unlink()
    write(troubled, r"C:\windows\system32\nvidia-smi.exe", b"this is no program")
    write(troubled, rf"{HOME}\environments", b"a file where a folder should be")
    pieces, errors, facts = look(ansible, troubled, tmp_path, time_limit=3, home=r"Q:\gpuready")
    assert errors["operating_system"] == "CIM_FAILED"
    assert errors["features"] == "COLLECTION_FAILED"
    assert errors["nvidia_smi"] == "PROGRAM_NOT_STARTED"
    assert "disk" in errors
    assert pieces["operating_system"]["value"]["registry"]["ProductName"]
    assert facts["os"]["name"].startswith("Microsoft Windows")
    assert set(facts["features"].values()) == {None}
    assert facts["disk"] is None


# --- CIM that does not answer ---
def cim_that(pc, function: str) -> None:
    """Replace the machine's own copy of the module (the template's is shared)."""
    path = pc.path(r"C:\Program Files\PowerShell\7\Modules\CimCmdlets\CimCmdlets.psm1")
    path.unlink()
    path.write_text(function, encoding="utf-8")


PARAMETERS = (
    "[CmdletBinding()] param([string]$ClassName, [string]$Filter, [string[]]$Property, [uint32]$OperationTimeoutSec)"
)


def test_cim_that_ends_at_its_limit_is_asked_no_more(winlab_machine, ansible, tmp_path):
    pc = winlab_machine("facts-slow-cim")
    cim_that(
        pc, f"function Get-CimInstance {{ {PARAMETERS} Start-Sleep -Seconds $OperationTimeoutSec; throw 'timed out' }}"
    )
    _, errors, facts = look(ansible, pc, tmp_path, time_limit=2)
    assert errors["operating_system"] == "CIM_TIME_LIMIT"
    assert errors["video_controllers"] == errors["users"] == "CIM_SKIPPED"
    assert facts["users"] is None
    assert facts["features"]["VirtualMachinePlatform"] == "Disabled"  # DISM's word


def test_what_cim_refuses_is_named_by_its_number(winlab_machine, ansible, tmp_path):
    """Its words are in the language of Windows."""
    pc = winlab_machine("facts-refused-cim")
    denied = (
        "[Management.Automation.ErrorRecord]::new([Exception]::new('Zugriff verweigert'), 'HRESULT 0x80041003,x', 0, 1)"
    )
    dead = "throw [Runtime.InteropServices.COMException]::new('Der RPC-Server', 0x800706BA)"
    answer = f"if ($ClassName -eq 'Win32_VideoController') {{ $PSCmdlet.ThrowTerminatingError({denied}) }} {dead}"
    cim_that(pc, f"function Get-CimInstance {{ {PARAMETERS} {answer} }}")
    pieces, errors, _ = look(ansible, pc, tmp_path, time_limit=20)
    assert (errors["video_controllers"], errors["operating_system"]) == ("ACCESS_DENIED", "CIM_FAILED")
    assert pieces["video_controllers"]["error"]["message"] == "Zugriff verweigert 0x80041003"
    assert pieces["operating_system"]["error"]["message"] == "Der RPC-Server 0x800706BA"


def test_cim_that_never_comes_back_is_left_behind(winlab_machine, ansible, tmp_path):
    pc = winlab_machine("facts-stuck-cim")
    user = "[pscustomobject]@{ Domain = 'LAB'; User = 'anna' }"
    owner = f"function Invoke-CimMethod {{ param($InputObject, $MethodName) {user} }}"
    answer = "if ($ClassName -eq 'Win32_Process') { return [pscustomobject]@{ SessionId = 2; ProcessId = 1 } }"
    cim_that(pc, f"{owner}\nfunction Get-CimInstance {{ {PARAMETERS} {answer} }}")
    _, errors, facts = look(ansible, pc, tmp_path, time_limit=1)
    assert facts["users"] == [{"name": "LAB\\anna", "session": 2, "state": None}]
    assert facts["machine"]["model"] is None
    cim_that(pc, f"function Get-CimInstance {{ {PARAMETERS} [System.Threading.Thread]::Sleep(120000) }}")
    started = time.monotonic()
    _, errors, facts = look(ansible, pc, tmp_path, time_limit=1)
    assert time.monotonic() - started < 40
    assert errors["operating_system"] == errors["features"] == "CIM_TIME_LIMIT"
    assert facts["disk"]["path"] == "C:\\"
