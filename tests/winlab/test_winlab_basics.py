"""A winlab machine is a Windows PC to Ansible: ping, files, registry, features and restarts, over winrm and psrp."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from winlab import Machine
from winlab.tree import lease

NVIDIA = [{"Name": "NVIDIA GeForce RTX 4090", "AdapterRAM": 4293918720, "PNPDeviceID": r"PCI\VEN_10DE&DEV_2684"}]
DISPLAY = r"HKLM\SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}\0000"


def echo(call):
    call.out(call.read() + "|".join(call.args).encode())
    return 3


@pytest.fixture
def pc(winlab_machine):
    return winlab_machine(
        "basics",
        cim={"Win32_VideoController": NVIDIA},
        programs={"echo-lab.exe": echo},
        registry={DISPLAY: {"HardwareInformation.qwMemorySize": 25757220864, "Many": ["a", "b"]}},
        boot_seconds=0.5,
    )


@pytest.mark.parametrize(("connection", "transport"), [("winrm", "basic"), ("winrm", "ntlm"), ("psrp", "ntlm")])
def test_ping(pc, ansible, connection, transport):
    result = ansible(pc, "ansible.windows.win_ping", connection=connection, transport=transport)
    assert result["ping"] == "pong"


def test_wrong_password(pc, ansible):
    result = ansible(pc, "ansible.windows.win_ping", variables={"x": 1}, task={"vars": {"ansible_password": "no"}})
    assert result["unreachable"] is True


def test_file_written_once(pc, ansible):
    args = {"dest": r"C:\lab\note.txt", "content": "Grüße\n"}
    make = {"path": r"C:\lab", "state": "directory"}
    ansible(pc, "ansible.windows.win_file", make)
    assert ansible(pc, "ansible.windows.win_copy", args, check=True)["changed"]
    assert not pc.path(args["dest"]).exists()
    assert ansible(pc, "ansible.windows.win_copy", args)["changed"]
    assert not ansible(pc, "ansible.windows.win_copy", args)["changed"]
    assert pc.path(args["dest"]).read_text(encoding="utf-8") == "Grüße\n"


def test_registry_cim_and_programs(pc, ansible):
    script = rf"""
        $Ansible.Changed = $false
        $key = Get-ItemProperty '{DISPLAY.replace("HKLM", "HKLM:")}'
        $echo = 'in' | echo-lab.exe 'a b' 'c"d'
        $Ansible.Result = @{{
            memory = $key.'HardwareInformation.qwMemorySize'; many = $key.Many; echo = "$echo"; rc = $LASTEXITCODE
            gpu = (Get-CimInstance Win32_VideoController).Name }}"""
    result = ansible(pc, "ansible.windows.win_powershell", {"script": script}, connection="psrp")
    assert result["result"]["memory"] == 25757220864
    assert result["result"]["many"] == ["a", "b"]
    assert result["result"]["gpu"] == "NVIDIA GeForce RTX 4090"
    assert result["result"]["echo"].replace("\n", "").replace("\r", "").startswith("in")
    assert result["result"]["echo"].endswith('a b|c"d')
    assert result["result"]["rc"] == 3


def test_feature_needs_a_restart(pc, ansible):
    feature = {"ansible.windows.win_optional_feature": {"name": "VirtualMachinePlatform", "state": "present"}}
    reboot = {"ansible.windows.win_reboot": {"post_reboot_delay": 0, "pre_reboot_delay": 2, "reboot_timeout": 120}}
    before = pc.boots
    play = {"hosts": "all", "gather_facts": False, "tasks": [feature, reboot, feature]}
    run = ansible(pc, playbook=[play])
    assert run["stats"]["basics"]["failures"] == 0
    first, second, third = (task["hosts"]["basics"] for task in run["plays"][0]["tasks"])
    assert first["changed"]
    assert first["reboot_required"]
    assert second["rebooted"]
    assert pc.boots == before + 1
    assert not third["changed"]
    assert not third["reboot_required"]


def test_what_a_run_left_that_was_cut_off_is_taken_away():
    """Its small drive too: a machine that is made over what is left would lack files, or have too many."""
    number = lease()
    left = Machine("left", folder=number.folder, address=number.address)
    drive = left.prefix / "drive_d"
    drive.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", drive], check=True)
    try:
        left.create()
        assert not drive.exists()
        assert (left.drive_c / "windows/system32/d3d12.dll").is_file()
    finally:
        left.remove()
        number.release()
    assert not left.prefix.exists()


def test_a_key_means_one_configuration(pc, winlab_machine):
    with pytest.raises(ValueError, match="two configurations"):
        winlab_machine("basics", appx=[{"Name": "x"}])
