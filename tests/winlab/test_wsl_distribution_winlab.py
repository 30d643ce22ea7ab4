"""gpuready.lab.wsl_distribution on a real PowerShell: a real registry, real files, a guest that is a real Linux."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
import time
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
OTHER = "S-1-5-21-1-2-3-1002"
MODULE = "gpuready.lab.wsl_distribution"
LXSS = r"HKCU:\Software\Microsoft\Windows\CurrentVersion\Lxss"
GUEST = {
    "ansible_connection": "gpuready.lab.wsl",
    "ansible_wsl_distribution": "lab",
    "ansible_shell_type": "sh",
    "ansible_python_interpreter": "/usr/bin/python3",
}


def archive(path: Path) -> dict[str, str]:
    """The tree's own /etc as a distribution."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        tar.add(ROOT / "etc", "etc")
    path.write_bytes(out.getvalue())
    return {"path": str(path), "sha256": hashlib.sha256(out.getvalue()).hexdigest()}


@pytest.fixture(scope="module")
def wsl(winlab_machine: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSubsystem]:
    scenario = Pc(name="pc", wsl={"version": "2.6.1.0", "distributions": [{"name": "theirs"}]}, features=ON)  # type: ignore[arg-type]
    subsystem = RealSubsystem(scenario, tmp_path_factory.mktemp("guests"))
    machine = winlab_machine("wsl-distribution", programs=subsystem.programs)
    return subsystem.attach(machine)


@pytest.fixture
def pc(wsl: RealSubsystem) -> Any:
    return wsl._there()


def test_it_is_imported_set_kept_and_taken_away(wsl: RealSubsystem, pc: Any, ansible: Any, tmp_path: Path) -> None:
    given = {
        "name": "lab",
        "archive": archive(tmp_path / "root.tar.gz"),
        "default_user": "anna",
        "wsl_conf": {"boot": {"systemd": True}},
    }
    said = ansible(pc, MODULE, given, check=True)
    assert (said["changed"], said["failed"]) == (True, False), said
    assert len(wsl.model.me.distributions) == 1
    said = ansible(pc, MODULE, given, task={"diff": True})
    assert (said["changed"], said["failed"]) == (True, False), said
    assert said["distribution"]["disk"].endswith(r"\AppData\Local\gpuready\wsl\lab\ext4.vhdx")
    for check in (True, False):
        before = pc.commands
        again = ansible(pc, MODULE, given, check=check)
        assert (again["changed"], again["failed"]) == (False, False), again
        assert pc.commands - before == 1
    inside = ansible(pc, "ansible.builtin.command", {"cmd": "id -un anna"}, task={"vars": GUEST})
    assert inside.get("stdout") == "anna", inside
    before = pc.commands
    looked = ansible(pc, "gpuready.lab.gpu_facts", {"distribution": "lab"})["ansible_facts"]["gpuready"]["facts"]
    assert pc.commands - before == 2, "one call on Windows, one in the guest"
    guest = looked["guest"]
    assert (looked["os"]["family"], guest["os"]["family"], guest["os"]["wsl"]) == ("windows", "linux", True)
    assert guest["handed"]["conf"] == "[boot] systemd = true [user] default = anna"
    (one,) = [one for one in wsl.model.me.distributions.values() if one.name == "lab"]
    root = wsl.guests.root(one)
    assert (root / "etc/wsl.conf").read_text() == "[boot]\nsystemd = true\n\n[user]\ndefault = anna\n"
    assert (root / "home/anna").is_dir()
    assert not (ROOT / "home/anna").exists(), "the guest's folders are its own"
    (root / "etc/wsl.conf").write_text("[user]\ndefault = root\n")
    assert ansible(pc, MODULE, given, check=True)["changed"]
    assert ansible(pc, MODULE, given)["changed"]
    assert "anna" in (root / "etc/wsl.conf").read_text()
    other = ansible(pc, MODULE, {"name": "lab", "archive": {"path": r"C:\x.tar", "sha256": "0" * 64}})
    assert other["code"] == "WSL_OTHER_ARCHIVE", other
    refused = ansible(pc, MODULE, {"name": "lab", "state": "absent"})
    assert refused["code"] == "BAD_INPUT"
    absent = {"name": "lab", "state": "absent", "confirm": "lab"}
    assert ansible(pc, MODULE, absent, check=True)["changed"]
    assert ansible(pc, MODULE, absent)["changed"]
    assert not ansible(pc, MODULE, absent)["changed"]
    assert [one.name for one in wsl.model.me.distributions.values()] == ["theirs"]
    assert not pc.path(said["distribution"]["location"]).exists()


def test_what_is_not_ours_and_what_is_left(wsl: RealSubsystem, pc: Any, ansible: Any, tmp_path: Path) -> None:
    root = archive(tmp_path / "root.tar.gz")
    ours = {"name": "theirs", "archive": root}
    assert ansible(pc, MODULE, ours)["code"] == "WSL_NOT_OURS"
    assert ansible(pc, MODULE, {"name": "theirs", "state": "absent", "confirm": "theirs"})["code"] == "WSL_NOT_OURS"
    user = wsl.model.machine.user(OTHER)
    user.distributions["{9}"] = Distribution("{9}", "his", r"C:\his")
    wsl.show()
    try:
        assert ansible(pc, MODULE, {"name": "his", "archive": root})["code"] == "WSL_OTHER_USER"
    finally:
        user.distributions.clear()
        wsl.show()
    bad = tmp_path / "bad.tar"
    bad.write_bytes(b"no tar")
    given = {"name": "bad", "archive": {"path": str(bad), "sha256": hashlib.sha256(b"no tar").hexdigest()}}
    said = ansible(pc, MODULE, given)
    assert said["code"] == "WSL_E_IMPORT_FAILED", said
    assert "Wsl/Service/RegisterDistro/WSL_E_IMPORT_FAILED" in said["msg"]
    assert len(wsl.model.me.distributions) == 1


def test_half_an_import_a_disk_of_others_and_a_policy(
    wsl: RealSubsystem, pc: Any, ansible: Any, tmp_path: Path
) -> None:
    given = {"name": "half", "archive": archive(tmp_path / "root.tar.gz"), "location": r"C:\lab\half"}
    said = ansible(pc, MODULE, given)
    assert said["changed"], said
    (one,) = [one for one in wsl.model.me.distributions.values() if one.name == "half"]
    one.state = 3
    wsl.show()
    assert ansible(pc, MODULE, given)["changed"]
    (again,) = [one for one in wsl.model.me.distributions.values() if one.name == "half"]
    assert again.state == 1
    assert again.guid != one.guid
    again.flags = 7
    wsl.show()
    assert ansible(pc, MODULE, given)["code"] == "WSL_VERSION_1"
    again.flags = 15
    wsl.show()
    wsl.hang_at = "--exec"
    pc.path(r"C:\lab\strange").mkdir()
    pc.path(r"C:\lab\strange\ext4.vhdx").write_bytes(b"")
    strange = {"name": "strange", "archive": given["archive"], "location": r"C:\lab\strange"}
    assert ansible(pc, MODULE, strange)["code"] == "WSL_NOT_OURS"
    wsl.hang_at = ""
    assert ansible(pc, MODULE, {"name": "half", "state": "absent", "confirm": "half"})["changed"]
    pc.powershell(r"New-Item HKLM:\Software\Policies\WSL -Force | New-ItemProperty -Name AllowWSL -Value 0")
    try:
        assert ansible(pc, MODULE, given)["code"] == "WSL_POLICY"
    finally:
        pc.powershell(r"Remove-Item HKLM:\Software\Policies\WSL")


def test_what_stands_in_the_way_is_named(wsl: RealSubsystem, pc: Any, ansible: Any, tmp_path: Path) -> None:
    root = archive(tmp_path / "root.tar.gz")

    def ask(**more: Any) -> dict[str, Any]:
        return dict(ansible(pc, MODULE, {"name": "blocked", "archive": root, **more}))

    registered = list(wsl.model.me.distributions)
    with small_drive(pc, "64m"):
        assert ask(location=r"D:\blocked")["code"] == "WSL_DISK_TOO_SMALL"
    held = pc.path(r"C:\lab") / "held"
    held.mkdir(parents=True)
    (held / "ext4.vhdx").write_bytes(b"")
    (held / "gpuready.json").write_text('{"complete": false}')
    script = (
        r"$f = [IO.File]::Open('C:\lab\held\ext4.vhdx', 'Open', 'ReadWrite', 'None'); "
        r"[IO.File]::WriteAllText('C:\lab\held\yes', ''); "
        r"while (-not [IO.File]::Exists('C:\lab\held\go')) { Start-Sleep -Milliseconds 200 }; $f.Dispose()"
    )
    holder = threading.Thread(target=pc.powershell, args=(script,))
    holder.start()
    try:
        for _ in range(600):
            if (held / "yes").exists():
                break
            time.sleep(0.1)
        assert ask(location=r"C:\lab\held")["code"] == "WSL_DISK_LOCKED"
    finally:
        (held / "go").write_bytes(b"")
        holder.join()
    home = pc.path(r"C:\ProgramData\gpuready")
    home.mkdir(exist_ok=True)
    os.chown(home, 65534, 65534)
    try:
        assert ask()["code"] == "HOME_NOT_OURS"
    finally:
        os.chown(home, 0, 0)
    wsl.hang_at = "--import"
    assert ask(time_limit=2)["code"] == "WSL_TIME_LIMIT"
    wsl.hang_at = ""
    disk = tmp_path / "root.vhdx"
    disk.write_bytes(b"no disk")
    given = {"path": str(disk), "sha256": hashlib.sha256(b"no disk").hexdigest()}
    assert ask(archive=given)["code"] == "WSL_FAILED", "a guest without a root does not run"
    ansible(pc, MODULE, {"name": "blocked", "state": "absent", "confirm": "blocked"})
    user = wsl.model.machine.user(OTHER)
    lost = frozenset({"VhdFileName", "Flags", "State"})
    user.distributions["{9}"] = Distribution("{9}", "blocked", r"\\?\C:\his", lost=lost)
    wsl.show()
    try:
        assert ask()["code"] == "WSL_OTHER_USER"
    finally:
        user.distributions.clear()
        wsl.show()
    program = pc.path(WSL)
    program.rename(program.with_suffix(".away"))
    try:
        assert ask()["code"] == "WSL_NOT_INSTALLED"
    finally:
        program.with_suffix(".away").rename(program)
    assert list(wsl.model.me.distributions) == registered
