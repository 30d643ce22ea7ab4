"""The models of a simulated PC: disk, registry, programs, restarts."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.evidence import nvidia_smi, wsl_output
from simlab_help import AMD, HOME, pc_of, run

from gpuready.simlab import programs
from gpuready.simlab.disk import Disk, DiskFullError, Registry

DATA = Path(__file__).resolve().parents[2] / "data"


# --- disk and registry ---
def test_the_disk_knows_no_case_and_no_slashes() -> None:
    disk = Disk(1000, 2000)
    disk.write(r"C:\Lab\Hello.txt", b"12345")
    assert disk.text("c:/lab/HELLO.TXT") == "12345"
    assert (disk.is_folder(r"c:\LAB"), disk.is_file(r"c:\LAB"), disk.free) == (True, False, 995)
    assert [node.path for node in disk.children("C:\\")] == [r"C:\Lab"]
    disk.write(r"C:\lab\hello.txt", b"1")
    assert [node.path for node in disk.children(r"C:\Lab")] == [r"C:\Lab\Hello.txt"]
    assert disk.free == 999
    assert disk.remove(r"c:\lab")
    assert (disk.free, disk.get(r"C:\Lab\Hello.txt"), disk.remove(r"c:\lab")) == (1000, None, False)


def test_a_full_disk_keeps_what_was_there() -> None:
    disk = Disk(10, 20)
    disk.write(r"C:\a", b"12345")
    with pytest.raises(DiskFullError):
        disk.write(r"C:\a", b"1" * 16)
    assert (disk.text(r"C:\a"), disk.free) == ("12345", 5)
    again = Disk(0, 0)
    again.from_list(json.loads(json.dumps(disk.as_list())))
    assert again.text(r"c:\A") == "12345"


def test_the_registry_knows_no_case() -> None:
    registry = Registry({r"HKLM\SOFTWARE\A\B": {"X": 1}})
    assert (registry.has(r"hklm\software\a"), registry.value(r"HKLM\Software\a\b", "x")) == (True, 1)
    assert registry.subkeys(r"hklm\software") == ["A"]
    assert (registry.values(r"HKLM\SOFTWARE\A"), registry.values(r"HKLM\SOFTWARE\C")) == ({}, None)
    registry.remove(r"HKLM\SOFTWARE\a")
    assert not registry.has(r"HKLM\SOFTWARE\A\B")


# --- programs ---
LANGUAGES = {"01": "en-US", "05": "es-ES", "10": "ru-RU"}


@pytest.mark.parametrize("prefix", sorted(LANGUAGES))
def test_wsl_speaks_as_recorded(prefix: str) -> None:
    recorded = next((DATA / "wsl_outputs").glob(f"{prefix}_*.stdout.utf16le.bin")).read_bytes().decode("utf-16-le")
    numbers = [line.split(": ")[1] for line in recorded.splitlines()]
    pc = pc_of(wsl={"version": numbers[0], "kernel": numbers[1]}, os={"language": LANGUAGES[prefix]})
    said = programs.Run(["--version"]).execute(pc.programs[programs.WSL]).stdout.decode("utf-16-le")
    labels = [line.split(": ")[0] for line in said.splitlines()]
    assert labels == [line.split(": ")[0] for line in recorded.splitlines()]
    assert [line.split(": ")[1] for line in said.splitlines()][:2] == numbers[:2]


@pytest.mark.parametrize(
    "language", ["cs-CZ", "de-DE", "fr-FR", "ja-JP", "ko-KR", "pt-BR", "tr-TR", "zh-CN", "zh-TW", "xx-XX"]
)
@pytest.mark.parametrize("utf8", [True, False])
def test_wsl_is_read_in_every_language(language: str, utf8: bool) -> None:
    pc = pc_of(wsl={"version": "2.6.1.0"}, os={"language": language})
    done = programs.Run(["--version"], {"WSL_UTF8": "1"} if utf8 else {}).execute(pc.programs[programs.WSL])
    assert done.rc == 0
    assert (b"\0" in done.stdout) is not utf8
    found = wsl_output.versions(wsl_output.decode(done.stdout))
    assert found is not None
    assert (found.wsl, found.kernel) == ("2.6.1.0", "6.6.87.2-1")


def test_wsl_without_distributions_and_in_trouble() -> None:
    pc = pc_of(wsl={"version": "2.6.1.0", "answer": "error", "error": "Wsl/0x80040154"}, os={"language": "de-DE"})
    done = programs.Run(["--version"], {"WSL_UTF8": "1"}).execute(pc.programs[programs.WSL])
    assert done.rc == -1
    assert "Wsl/0x80040154" in done.stdout.decode()
    inbox = programs.Run(["--version"], {"WSL_UTF8": "1"}).execute(pc_of().programs[programs.INBOX_WSL])
    assert inbox.rc == 1
    assert inbox.stdout.decode("utf-16-le").endswith("\r\r\n")
    done = programs.Run(["--mount"]).execute(pc_of(wsl={"version": "2.6.1.0"}).programs[programs.WSL])
    assert "--mount" in done.stdout.decode("utf-16-le")


def test_nvidia_smi() -> None:
    gpu = {"name": "NVIDIA GeForce RTX 4090", "vendor": "nvidia", "device": "2684", "memory": 25757220864,
           "driver": {"version": "32.0.15.8097"}, "cuda": "13.0", "location": [10, 0, 0]}  # fmt: skip
    pc = pc_of(gpus=[AMD, gpu])
    found = nvidia_smi.parse(programs.Run(["-q", "-x"]).execute(pc.programs[programs.NVIDIA_SMI]).stdout.decode())
    assert (found.driver_version, found.cuda_version, found.problems) == ("580.97", "13.0", [])
    assert [(one.name, one.pci_bus_id, one.device_id) for one in found.gpus] == [
        ("NVIDIA GeForce RTX 4090", "0000:0a:00.0", "2684")
    ]
    gone = programs.Run(["-q", "-x"]).execute(pc_of(nvidia_smi="no_driver").programs[programs.NVIDIA_SMI])
    assert gone.rc == 9
    assert nvidia_smi.parse(gone.stdout.decode()).problems[0].code == "NVIDIA_DRIVER_NOT_RUNNING"
    assert programs.NVIDIA_SMI not in pc_of().programs
    failing = pc_of(gpus=[{**gpu, "problem_code": 43}]).programs[programs.NVIDIA_SMI]
    assert programs.Run(["-q", "-x"]).execute(failing).rc == 6
    fine = pc_of(gpus=[gpu]).programs[programs.NVIDIA_SMI]
    assert b"nvidia-smi --reset is not modelled" in programs.Run(["--reset"]).execute(fine).stderr


def test_a_fault_of_a_program_ends_after_its_times() -> None:
    pc = pc_of(faults=[{"kind": "program_fails", "on": "uv.exe", "times": 1, "text": "no"}])
    uv = pc.programs[rf"{HOME}\uv.exe"]
    assert [programs.Run(["--version"]).execute(uv).rc for _ in range(2)] == [1, 0]


def test_a_restart_brings_pending_features_about() -> None:
    pc = pc_of()
    enable = {"name": ["VirtualMachinePlatform"], "state": "present"}
    assert run(pc, "ansible.windows.win_optional_feature", enable, check=True)["changed"]
    done = run(pc, "ansible.windows.win_optional_feature", enable)
    assert (done["changed"], done["reboot_required"]) == (True, True)
    assert pc.features["VirtualMachinePlatform"] == "EnablePending"
    pc.restart()
    assert pc.features["VirtualMachinePlatform"] == "Enabled"
    assert not run(pc, "ansible.windows.win_optional_feature", enable)["changed"]
    assert "Failed to find feature" in run(pc, "ansible.windows.win_optional_feature", {"name": "No"})["msg"]


def test_bytes_of_wsl_survive() -> None:
    pc = pc_of(wsl={"version": "2.6.1.0"}, os={"language": "ja-JP"})
    pieces = run(pc, "gpuready.lab.gpu_facts", {})["ansible_facts"]["gpuready_evidence"]["pieces"]
    assert "バージョン" in base64.b64decode(pieces["wsl_version"]["value"]["stdout_base64"]).decode()
