"""gpuready.lab.wsl_offer and the launcher of students on a real PowerShell, a real registry and a real Linux."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from winlab.subsystem import RealSubsystem
from winlab.testing import small_drive
from winlab.tree import ROOT

from gpuready.simlab.schema import Pc
from gpuready.simlab.subsystem import WSL
from gpuready.simlab.wsl.state import Distribution

ON = {"VirtualMachinePlatform": "Enabled", "Microsoft-Windows-Subsystem-Linux": "Disabled"}
MODULE, IMPORT = "gpuready.lab.wsl_offer", "gpuready.lab.wsl_distribution"
ADMIN = "S-1-5-21-1-2-3-1002"
HOME = r"C:\ProgramData\gpuready"
LXSS = r"HKLM:\Software\Microsoft\Windows\CurrentVersion\Lxss"
RUN = r"HKLM:\Software\Microsoft\Windows\CurrentVersion\Run"
VMCOMPUTE = r"HKLM:\SYSTEM\CurrentControlSet\Services\vmcompute"
ADDRESS = "file:///C:/ProgramData/gpuready/wsl/list.json"


@pytest.fixture(scope="module")
def wsl(winlab_machine: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSubsystem]:
    scenario = Pc(name="pc", wsl={"version": "2.6.1.0", "distributions": [{"name": "theirs"}]}, features=ON)  # type: ignore[arg-type]
    subsystem = RealSubsystem(scenario, tmp_path_factory.mktemp("guests"))
    machine = winlab_machine("wsl-offer", programs=subsystem.programs)
    machine.powershell(f"New-Item {VMCOMPUTE} -Force")
    return subsystem.attach(machine)


@pytest.fixture
def pc(wsl: RealSubsystem) -> Any:
    return wsl._there()


def guest(pc: Any, ansible: Any, folder: Path, name: str) -> None:
    """The tree's own /etc as a distribution that gpuready made."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        tar.add(ROOT / "etc", "etc")
    path = folder / "root.tar.gz"
    path.write_bytes(out.getvalue())
    archive = {"path": str(path), "sha256": hashlib.sha256(out.getvalue()).hexdigest()}
    said = ansible(pc, IMPORT, {"name": name, "archive": archive})
    assert said["changed"], said


def value(pc: Any, key: str, name: str) -> str:
    return str(pc.powershell(f"(Get-Item '{key}').GetValue('{name}')").stdout.strip())


def list_of(pc: Any) -> dict[str, Any]:
    return dict(json.loads(pc.path(rf"{HOME}\wsl\list.json").read_text()))


def test_it_is_exported_once_listed_and_taken_back(wsl: RealSubsystem, pc: Any, ansible: Any, tmp_path: Path) -> None:
    guest(pc, ansible, tmp_path, "lab")
    given = {"name": "lab", "logon": True}
    said = ansible(pc, MODULE, given, check=True)
    assert (said["changed"], said["failed"]) == (True, False), said
    assert not pc.path(rf"{HOME}\wsl").exists()
    said = ansible(pc, MODULE, given, task={"diff": True})
    assert (said["changed"], said["failed"]) == (True, False), said
    offer = said["offer"]
    export = pc.path(rf"{HOME}\wsl\{offer['file']}")
    assert hashlib.sha256(export.read_bytes()).hexdigest() == offer["sha256"]
    assert export.stat().st_size == offer["size_bytes"]
    assert value(pc, LXSS, "DistributionListUrlAppend") == ADDRESS
    (one,) = list_of(pc)["ModernDistributions"]["lab"]
    assert one["Amd64Url"]["Sha256"] == f"0x{offer['sha256']}"
    assert "--prepare" in value(pc, RUN, "gpuready wsl lab")
    for check in (True, False):
        before = pc.commands
        again = ansible(pc, MODULE, given, check=check)
        assert (again["changed"], again["failed"]) == (False, False), again
        assert pc.commands - before == 1
    assert ansible(pc, MODULE, {"name": "lab"}, check=True)["changed"]
    assert ansible(pc, MODULE, {"name": "lab"})["changed"]
    assert value(pc, RUN, "gpuready wsl lab") == ""
    # wsl.exe itself takes it from the list, where no other is read.
    assert ansible(pc, MODULE, {"name": "lab", "list": "alone"})["changed"]
    assert value(pc, LXSS, "DistributionListUrlAppend") == ""
    assert value(pc, LXSS, "DistributionListUrl") == ADDRESS
    wsl.model.machine.lists = {"DistributionListUrl": ADDRESS}
    (mine,) = [one for one in wsl.model.me.distributions.values() if one.name == "lab"]
    del wsl.model.me.distributions[mine.guid]
    wsl.show()
    installed = pc.run([WSL, "--install", "lab", "--no-launch"])
    assert installed.rc == 0, installed
    (copy,) = [one for one in wsl.model.me.distributions.values() if one.name == "lab"]
    assert (wsl.guests.root(copy) / "etc/passwd").is_file()
    pc.run([WSL, "--unregister", "lab"])
    wsl.model.me.distributions[mine.guid] = mine
    wsl.model.machine.lists = {}
    wsl.show()
    # Another version of what is in it; the file of before goes.
    (wsl.guests.root(mine) / "etc/version").write_text("2")
    newer = ansible(pc, MODULE, {"name": "lab", "version": "2", "list": "alone"})
    assert newer["changed"], newer
    assert newer["offer"]["of"]["version"] == "2"
    assert newer["offer"]["file"] != offer["file"]
    assert not export.exists()
    absent = {"name": "lab", "state": "absent"}
    assert ansible(pc, MODULE, absent, check=True)["changed"]
    assert ansible(pc, MODULE, absent)["changed"]
    assert not ansible(pc, MODULE, absent)["changed"]
    assert not pc.path(rf"{HOME}\wsl").exists()
    assert not pc.path(rf"{HOME}\bin\wsl-lab.cmd").exists()
    assert value(pc, LXSS, "DistributionListUrl") == ""
    ansible(pc, IMPORT, {"name": "lab", "state": "absent", "confirm": "lab"})


def test_the_labs_own_list_is_kept_added_to_and_comes_back(
    wsl: RealSubsystem, pc: Any, ansible: Any, tmp_path: Path
) -> None:
    guest(pc, ansible, tmp_path, "one")
    guest(pc, ansible, tmp_path, "two")
    own = {"Default": "x", "ModernDistributions": {"x": [{"Name": "x-1"}]}, "More": [1]}
    lists = pc.path(r"C:\lists")
    lists.mkdir()
    (lists / "own.json").write_text(json.dumps(own))
    address = "file:///C:/lists/own.json"
    pc.powershell(f"Set-ItemProperty {LXSS} DistributionListUrlAppend '{address}'")
    for name in ("one", "two"):
        assert ansible(pc, MODULE, {"name": name})["changed"]
    assert value(pc, LXSS, "DistributionListUrlAppend") == ADDRESS
    found = list_of(pc)
    assert (found["Default"], found["More"]) == ("x", [1])
    assert sorted(found["ModernDistributions"]) == ["one", "two", "x"]
    own["ModernDistributions"]["y"] = []  # type: ignore[index]
    (lists / "own.json").write_text(json.dumps(own))
    assert ansible(pc, MODULE, {"name": "one"})["changed"], "what the lab changes is followed"
    assert not ansible(pc, MODULE, {"name": "two"})["changed"]
    assert ansible(pc, MODULE, {"name": "one", "state": "absent"})["changed"]
    assert sorted(list_of(pc)["ModernDistributions"]) == ["two", "x", "y"]
    for text, code in (("[]", "WSL_LIST_UNREADABLE"), ("", "WSL_LIST_UNREADABLE"), (None, "WSL_LIST_NAME")):
        broken = text if text is not None else json.dumps({"ModernDistributions": {"ONE": []}})
        (lists / "own.json").write_text(broken)
        said = ansible(pc, MODULE, {"name": "one"})
        assert said["code"] == code, said
    (lists / "own.json").write_text(json.dumps(own))
    assert not list(pc.path(rf"{HOME}\wsl").glob("one*")), "what stands in the way is known before an export"
    assert ansible(pc, MODULE, {"name": "two", "state": "absent"})["changed"]
    assert value(pc, LXSS, "DistributionListUrlAppend") == address
    pc.powershell(f"Remove-ItemProperty {LXSS} DistributionListUrlAppend")
    for name in ("one", "two"):
        ansible(pc, IMPORT, {"name": name, "state": "absent", "confirm": name})


def test_what_cannot_be_offered_is_named_and_nothing_is_left(
    wsl: RealSubsystem, pc: Any, ansible: Any, tmp_path: Path
) -> None:
    def code(name: str, **more: Any) -> str:
        return str(ansible(pc, MODULE, {"name": name, **more}).get("code"))

    home = pc.path(HOME)
    home.mkdir(exist_ok=True)
    os.chown(home, 65534, 65534)
    assert code("theirs") == "HOME_NOT_OURS"
    os.chown(home, 0, 0)
    assert code("theirs") == "WSL_NOT_OURS"
    assert code("nobody") == "WSL_NO_DISTRIBUTION"
    guest(pc, ansible, tmp_path, "half")
    (one,) = [one for one in wsl.model.me.distributions.values() if one.name == "half"]
    one.state = 3
    wsl.show()
    assert code("half") == "WSL_NO_DISTRIBUTION"
    one.state = 1
    wsl.show()
    wsl.hang_at = "--export"
    assert code("half", time_limit=2) == "WSL_TIME_LIMIT"
    wsl.hang_at = ""
    user = wsl.model.machine.user(wsl.model.me.sid)
    user.locked[one.guid] = "Exporting"
    said = ansible(pc, MODULE, {"name": "half"})
    user.locked.clear()
    assert "0x8000000d" in said["msg"], said
    assert not list(pc.path(rf"{HOME}\wsl").iterdir())
    with small_drive(pc, "64m"):
        assert code("half", home=r"D:\gpuready") == "WSL_DISK_TOO_SMALL"
    wsl.model.machine.version = "2.4.3.0"
    wsl.show()
    assert code("half") == "WSL_PACKAGE_OLD"
    wsl.model.machine.version = "2.6.1.0"
    wsl.show()
    # An export that a student's copy is just made of stays until another day; one that is damaged is made again.
    assert ansible(pc, MODULE, {"name": "half"})["changed"]
    (export,) = pc.path(rf"{HOME}\wsl").glob("half-*.wsl")
    export.write_bytes(b"short")
    said = ansible(pc, MODULE, {"name": "half"})
    assert said["changed"], said
    assert hashlib.sha256((export.parent / said["offer"]["file"]).read_bytes()).hexdigest() == said["offer"]["sha256"]
    ansible(pc, MODULE, {"name": "half", "state": "absent"})
    ansible(pc, IMPORT, {"name": "half", "state": "absent", "confirm": "half"})


def test_a_student_gets_a_copy_of_his_own_by_the_launcher(
    wsl: RealSubsystem, pc: Any, ansible: Any, tmp_path: Path
) -> None:
    guest(pc, ansible, tmp_path, "lab")
    assert ansible(pc, MODULE, {"name": "lab"})["changed"]
    (original,) = [one for one in wsl.model.me.distributions.values() if one.name == "lab"]

    def start(*words: str) -> Any:
        return pc.run(["cmd", "/c", rf"{HOME}\bin\wsl-lab.cmd", *words], timeout=300)

    def mine() -> list[Distribution]:
        return [one for one in wsl.model.me.distributions.values() if one.name == "lab"]

    said = start("--renew", "lab")
    assert said.rc == 1
    assert "what all copies are made of" in said.stdout
    # From here on it is another user's, and the one who starts the launcher is a student.
    del wsl.model.me.distributions[original.guid]
    wsl.model.machine.user(ADMIN).distributions[original.guid] = original
    wsl.show()
    assert start("--remove", "lab").stdout.strip() == "lab: you have no copy"
    said = start("cat", "/etc/hostname")
    assert said.rc == 0, said
    assert "making your own copy" in said.stdout
    assert said.stdout.splitlines()[-1].strip() == (ROOT / "etc/hostname").read_text().strip()
    (copy,) = mine()
    assert copy.base_path.endswith(r"\AppData\Local\gpuready\wsl\lab")
    assert copy.guid != original.guid
    again = start("cat", "/etc/hostname")
    assert "copy" not in again.stdout, "each later start only starts it"
    assert start("--prepare").rc == 0
    # A newer export is told of, and taken only when asked.
    marker = pc.path(copy.base_path) / "gpuready.json"
    marker.write_text(marker.read_text().replace('"export": "', '"export": "0')[:-2] + "}")
    said = start("true")
    assert "there is a newer one" in said.stdout
    assert mine() == [copy]
    said = start("--renew")
    assert (said.rc, mine()) == (1, [copy])
    assert "all files in your copy are lost" in said.stdout
    said = start("--renew", "lab")
    assert said.rc == 0, said
    (renewed,) = mine()
    assert renewed.guid != copy.guid
    # Half a copy, as a crash leaves it, is cleaned up.
    renewed.state = 3
    wsl.show()
    said = start("true")
    assert "half a copy was taken away" in said.stdout
    assert (said.rc, [one.state for one in mine()]) == (0, [1])
    wsl.model.machine.vm_error = ("HCS_E_HYPERV_NOT_INSTALLED", "CreateVm", "HCS")
    wsl.model.me.stop_all()
    said = start("true")
    wsl.model.machine.vm_error = ()
    assert said.rc == 1
    assert "it does not start: virtualization is off" in said.stdout, said
    assert start("--remove", "lab").rc == 0
    assert mine() == []
    assert not pc.path(copy.base_path).exists()

    # What stands in the way is one line, and nothing is left of the try.
    def blocked() -> str:
        said = start("true")
        assert said.rc == 1, said
        assert mine() == []
        assert not pc.path(copy.base_path).exists()
        return str(said.stdout.strip().splitlines()[-1])

    pc.powershell(r"New-Item HKLM:\Software\Policies\WSL -Force | New-ItemProperty -Name AllowWSL -Value 0")
    assert "policy" in blocked()
    pc.powershell(r"Remove-Item HKLM:\Software\Policies\WSL")
    pc.powershell(f"Remove-Item {VMCOMPUTE}")
    assert "Virtual Machine Platform" in blocked()
    pc.powershell(f"New-Item {VMCOMPUTE}")
    program = pc.path(WSL)
    program.rename(program.with_suffix(".away"))
    assert "WSL is not installed" in blocked()
    program.with_suffix(".away").rename(program)
    offer = pc.path(rf"{HOME}\wsl\lab.json")
    known = offer.read_text()
    offer.write_text(known.replace('"disk_bytes": 0', f'"disk_bytes": {2**62}'))
    assert "GB are free" in blocked()
    offer.write_text(known.replace('"sha256": "', '"sha256": "0'))
    assert "is damaged" in blocked()
    offer.write_text(known.replace('"file": "', '"file": "no'))
    assert "is gone" in blocked()
    offer.unlink()
    assert "no longer offered" in blocked()
    offer.write_text(known)
    strange = Distribution("{9}", "lab", r"C:\strange")
    wsl.model.me.distributions["{9}"] = strange
    wsl.show()
    said = start("true")
    assert (said.rc, mine()) == (1, [strange])
    assert "none of this PC's" in said.stdout
    del wsl.model.me.distributions["{9}"]
    wsl.show()
    ansible(pc, MODULE, {"name": "lab", "state": "absent"})
