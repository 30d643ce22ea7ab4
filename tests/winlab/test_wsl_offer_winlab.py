"""gpuready.lab.wsl_offer and the launcher of students on a real PowerShell, a real registry and a real Linux.

One distribution is imported and exported, once. Each test begins with the machine as the import left it, and puts the
export back.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from winlab import winrs
from winlab.programs import Call
from winlab.subsystem import RealSubsystem
from winlab.testing import results, small_drive
from winlab.tree import ROOT

from gpuready.simlab.schema import Pc
from gpuready.simlab.subsystem import WSL
from gpuready.simlab.wsl.state import Distribution

ON = {"VirtualMachinePlatform": "Enabled", "Microsoft-Windows-Subsystem-Linux": "Disabled"}
MODULE, IMPORT = "gpuready.lab.wsl_offer", "gpuready.lab.wsl_distribution"
ADMIN = "S-1-5-21-1-2-3-1002"
HOME = r"C:\ProgramData\gpuready"
LXSS = r"HKLM\Software\Microsoft\Windows\CurrentVersion\Lxss"
RUN = r"HKLM\Software\Microsoft\Windows\CurrentVersion\Run"
VMCOMPUTE = r"HKLM\SYSTEM\CurrentControlSet\Services\vmcompute"
POLICY = r"HKLM\Software\Policies\WSL"
SCRIPTS = r"HKLM\Software\Policies\Microsoft\PowerShellCore"  # of the PowerShell of these machines
ADDRESS = "file:///C:/ProgramData/gpuready/wsl/list.json"
OWN = r"C:\lists\own.json"


@dataclasses.dataclass
class Lab:
    """The machine, its WSL, and the distribution `lab` with what its export gave."""

    pc: Any
    wsl: RealSubsystem
    ansible: Callable[..., Any]
    original: Distribution
    theirs: Distribution
    texts: dict[str, str] = dataclasses.field(default_factory=dict)
    export: bytes = b""

    def run(self, *tasks: dict[str, Any]) -> list[dict[str, Any]]:
        """The results of tasks, in one run of Ansible."""
        told = [{"ignore_errors": True, **one} for one in tasks]
        done = self.ansible(self.pc, playbook=[{"hosts": "all", "gather_facts": False, "tasks": told}])
        return [{"failed": False, "changed": False} | one for _, one in results(done, self.pc.name)]

    def reg(self, *words: str) -> str:
        """What reg.exe says."""
        return str(self.pc.run(["reg", *words]).stdout)

    def value(self, key: str, name: str) -> str:
        """A value of the registry, '' where there is none."""
        found = self.reg("query", key, "/v", name).partition("REG_SZ")[2]
        return found.strip()

    def list(self) -> dict[str, Any]:
        """The list of distributions that gpuready keeps."""
        return dict(json.loads(self.pc.path(rf"{HOME}\wsl\list.json").read_text()))

    def twin(self, name: str, **other: Any) -> Distribution:
        """Another distribution that gpuready made, with the same in it."""
        one = dataclasses.replace(
            self.original, guid=f"{{{uuid.uuid4()}}}", name=name, base_path=rf"C:\guests\{name}", **other
        )
        shutil.copytree(self.pc.path(self.original.base_path), self.pc.path(one.base_path), dirs_exist_ok=True)
        shutil.copytree(self.wsl.guests.root(self.original), self.wsl.guests.root(one), symlinks=True)
        self.wsl.model.me.distributions[one.guid] = one
        self.wsl.show()
        return one

    def offered(self, name: str = "lab") -> Path:
        """The export, as if it had been made of this distribution."""
        folder = self.pc.path(rf"{HOME}\wsl")
        folder.mkdir(exist_ok=True)
        offer = json.loads(self.texts["lab.json"])
        export: Path = folder / offer["file"].replace("lab-", f"{name}-")
        export.write_bytes(self.export)
        offer |= {"distribution": name, "file": export.name}
        (folder / f"{name}.json").write_text(self.texts["lab.json"] if name == "lab" else json.dumps(offer))
        return export

    def named(self, name: str) -> list[Distribution]:
        """This user's distributions of a name."""
        return [one for one in self.wsl.model.me.distributions.values() if one.name == name]

    def clean(self) -> None:
        """The machine as the import left it."""
        for folder in (rf"{HOME}\wsl", rf"{HOME}\bin", r"C:\lists"):
            shutil.rmtree(self.pc.path(folder), ignore_errors=True)
        self.reg("delete", LXSS, "/v", "DistributionListUrl", "/f")
        self.reg("delete", LXSS, "/v", "DistributionListUrlAppend", "/f")
        self.reg("delete", RUN, "/v", "gpuready wsl lab", "/f")
        model = self.wsl.model
        self.pc.programs[WSL] = self.wsl.run
        self.wsl.slow_at, model.machine.vm_error, model.machine.version = "", (), "2.6.1.0"
        model.me.locked.clear()
        model.machine.user(ADMIN).distributions.clear()
        model.me.distributions = {one.guid: one for one in (self.theirs, self.original)}
        self.wsl.show()


def offer(check: bool = False, **arguments: Any) -> dict[str, Any]:
    """A task."""
    return {MODULE: {"name": "lab", **arguments}, "check_mode": check}


def copied(name: str) -> dict[str, Any]:
    """The lab's own list becomes another."""
    return {"ansible.builtin.raw": rf"cmd /c copy /y C:\lists\{name}.json {OWN}"}


@pytest.fixture(scope="module")
def made(winlab_machine: Any, ansible: Any, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The tree's own /etc as a distribution, imported and given to everyone."""
    scenario = Pc(name="pc", wsl={"version": "2.6.1.0", "distributions": [{"name": "theirs"}]}, features=ON)  # type: ignore[arg-type]
    subsystem = RealSubsystem(scenario, tmp_path_factory.mktemp("guests"))
    pc = winlab_machine("wsl-offer", programs=subsystem.programs)
    subsystem.attach(pc)
    (theirs,) = subsystem.model.me.distributions.values()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        tar.add(ROOT / "etc", "etc")
    path = tmp_path_factory.mktemp("archive") / "root.tar.gz"
    path.write_bytes(out.getvalue())
    archive = {"path": str(path), "sha256": hashlib.sha256(out.getvalue()).hexdigest()}
    lab = Lab(pc, subsystem, ansible, theirs, theirs)
    lab.reg("add", VMCOMPUTE, "/f")
    imported, foreseen, looked, said = lab.run(
        {IMPORT: {"name": "lab", "archive": archive, "location": r"C:\guests\lab"}},
        offer(check=True, logon=True),
        {"ansible.windows.win_stat": {"path": rf"{HOME}\wsl"}},
        {**offer(logon=True), "diff": True},
    )
    assert imported["changed"], imported
    assert (foreseen["changed"], foreseen["failed"]) == (True, False), foreseen
    assert not looked["stat"]["exists"]
    assert (said["changed"], said["failed"]) == (True, False), said
    (lab.original,) = lab.named("lab")
    export = pc.path(rf"{HOME}\wsl\{said['offer']['file']}")
    lab.export = export.read_bytes()
    lab.texts = {file.name: file.read_text() for file in export.parent.glob("*.json")}
    assert hashlib.sha256(lab.export).hexdigest() == said["offer"]["sha256"]
    assert len(lab.export) == said["offer"]["size_bytes"]
    return lab


@pytest.fixture
def lab(made: Lab) -> Iterator[Lab]:
    made.clean()
    yield made
    made.clean()


@contextmanager
def held(pc: Any, path: str) -> Iterator[None]:
    """A file that somebody reads."""
    sign, end = pc.path(r"C:\held"), pc.path(r"C:\end")
    script = (
        f"$file = [System.IO.File]::Open('{path}', 'Open', 'Read', 'Read'); "
        "$null = [System.IO.File]::Create('C:\\held'); "
        "while (-not [System.IO.File]::Exists('C:\\end')) { Start-Sleep -Milliseconds 200 }"
    )
    with subprocess.Popen(pc.command(["wine", winrs.POWERSHELL, "-NoProfile", "-Command", script])) as process:
        try:
            until(sign.exists)
            yield
        finally:
            end.touch()
            process.wait(60)
            sign.unlink()
            end.unlink()


def until(condition: Callable[[], object]) -> None:
    """Wait for it, a minute at most."""
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come about")


def test_it_is_exported_once_listed_and_taken_back(lab: Lab) -> None:
    pc, wsl = lab.pc, lab.wsl
    export = lab.offered()
    (said,) = lab.run(offer(logon=True))
    assert (said["changed"], said["failed"]) == (True, False), said
    assert said["offer"]["file"] == export.name, "it is exported once"
    assert lab.value(LXSS, "DistributionListUrlAppend") == ADDRESS
    (one,) = lab.list()["ModernDistributions"]["lab"]
    assert one["Amd64Url"]["Sha256"] == f"0x{said['offer']['sha256']}"
    assert "--prepare" in lab.value(RUN, "gpuready wsl lab")
    assert rf"{HOME}\bin\wsl-lab.cmd opens" in pc.path(rf"{HOME}\README.txt").read_text()
    before = pc.commands
    same = lab.run(offer(check=True, logon=True), offer(logon=True))
    assert [(one["changed"], one["failed"]) for one in same] == [(False, False)] * 2, same
    assert pc.commands - before == 2
    other = lab.run(offer(check=True, list="alone"), offer(list="alone"))
    assert [one["changed"] for one in other] == [True] * 2, other
    assert lab.value(RUN, "gpuready wsl lab") == ""
    assert lab.value(LXSS, "DistributionListUrlAppend") == ""
    assert lab.value(LXSS, "DistributionListUrl") == ADDRESS
    # wsl.exe itself takes it from the list, where no other is read.
    wsl.model.machine.lists = {"DistributionListUrl": ADDRESS}
    del wsl.model.me.distributions[lab.original.guid]
    wsl.show()
    installed = pc.run([WSL, "--install", "lab", "--no-launch"])
    assert installed.rc == 0, installed
    (copy,) = lab.named("lab")
    assert (wsl.guests.root(copy) / "etc/passwd").is_file()
    pc.run([WSL, "--unregister", "lab"])
    wsl.model.me.distributions[lab.original.guid] = lab.original
    wsl.model.machine.lists = {}
    wsl.show()
    # Another version of what is in it; the file of before goes, once nobody reads it.
    inside = wsl.guests.root(lab.original) / "etc/version"
    inside.write_text("2")
    with held(pc, rf"{HOME}\wsl\{export.name}"):
        (newer,) = lab.run(offer(version="2", list="alone", logon=True))
    inside.unlink()
    assert newer["changed"], newer
    assert newer["offer"]["of"]["version"] == "2"
    assert newer["offer"]["file"] != export.name
    assert [export.name in note for note in newer["notes"]] == [True]
    assert export.exists()
    gone = lab.run(*(offer(check=check, state="absent") for check in (True, False, False)))
    assert [one["changed"] for one in gone] == [True, True, False], gone
    assert not pc.path(rf"{HOME}\wsl").exists()
    assert not any(pc.path(rf"{HOME}\{name}").exists() for name in (r"bin\wsl-lab.cmd", "README.txt"))
    assert (lab.value(LXSS, "DistributionListUrl"), lab.value(RUN, "gpuready wsl lab")) == ("", "")


def test_the_labs_own_list_is_kept_added_to_and_comes_back(lab: Lab) -> None:
    lab.twin("two")
    for name in ("lab", "two"):
        lab.offered(name)
    own: dict[str, Any] = {"Default": "x", "ModernDistributions": {"x": [{"Name": "x-1"}]}, "More": [1]}
    file = lab.pc.path(OWN)
    file.parent.mkdir()
    file.write_text(json.dumps(own))
    address = "file:///C:/lists/own.json"
    lab.reg("add", LXSS, "/v", "DistributionListUrlAppend", "/d", address, "/f")
    given = lab.run(offer(), offer(name="two"))
    assert [one["changed"] for one in given] == [True] * 2, given
    assert lab.value(LXSS, "DistributionListUrlAppend") == ADDRESS
    found = lab.list()
    assert (found["Default"], found["More"]) == ("x", [1])
    assert sorted(found["ModernDistributions"]) == ["lab", "two", "x"]
    own["ModernDistributions"]["y"] = []
    file.write_text(json.dumps(own))
    followed, same, gone = lab.run(offer(), offer(name="two"), offer(state="absent"))
    assert followed["changed"], "what the lab changes is followed"
    assert not same["changed"], same
    assert gone["changed"], gone
    assert sorted(lab.list()["ModernDistributions"]) == ["two", "x", "y"]
    texts = {
        "array": "[]",
        "nothing": "",
        "name": json.dumps({"ModernDistributions": {"LAB": []}}),
        "good": json.dumps(own),
    }
    for name, text in texts.items():
        (file.parent / f"{name}.json").write_text(text)
    said = lab.run(
        copied("array"), offer(), copied("nothing"), offer(), copied("name"), offer(),
        copied("good"), offer(name="two", state="absent"),
    )  # fmt: skip
    assert [one.get("code") for one in said[1:6:2]] == ["WSL_LIST_UNREADABLE"] * 2 + ["WSL_LIST_NAME"], said
    assert said[-1]["changed"], said[-1]
    assert not lab.pc.path(rf"{HOME}\wsl").exists(), "what stands in the way is known before an export"
    assert lab.value(LXSS, "DistributionListUrlAppend") == address


def test_what_cannot_be_offered_is_named_and_nothing_is_left(lab: Lab) -> None:
    pc, wsl = lab.pc, lab.wsl
    foreign = pc.path(r"C:\foreign")
    foreign.mkdir(exist_ok=True)
    os.chown(foreign, 65534, 65534)
    lab.twin("half", state=3)

    def half(call: Call) -> int:
        if "--export" not in call.args:
            return wsl.run(call)
        pc.path(call.args[2]).write_bytes(b"half")
        call.err("Catastrophic failure\r\nError code: Wsl/Service/0x8000000d\r\n")
        return -1

    pc.programs[WSL] = half
    with small_drive(pc, "64m"):
        said = lab.run(
            offer(home=r"C:\foreign"),
            offer(name="theirs"),
            offer(name="nobody"),
            offer(name="half"),
            offer(home=r"D:\gpuready"),
            offer(),
        )
    pc.programs[WSL] = wsl.run
    assert [one.get("code") for one in said[:-1]] == [
        "HOME_NOT_OURS", "WSL_NOT_OURS", "WSL_NO_DISTRIBUTION", "WSL_NO_DISTRIBUTION", "WSL_DISK_TOO_SMALL",
    ], said  # fmt: skip
    assert "0x8000000d" in said[-1]["msg"], said
    assert not list(pc.path(rf"{HOME}\wsl").iterdir())
    wsl.model.machine.version = "2.4.3.0"
    wsl.show()
    (old,) = lab.run(offer())
    assert old.get("code") == "WSL_PACKAGE_OLD", old
    wsl.model.machine.version = "2.6.1.0"
    wsl.show()
    # An export that is damaged is made again.
    export = lab.offered()
    export.write_bytes(b"short")
    (said_again,) = lab.run(offer())
    assert said_again["changed"], said_again
    assert said_again["offer"]["file"] == export.name, "the same is exported"
    assert hashlib.sha256(export.read_bytes()).hexdigest() == said_again["offer"]["sha256"]


class Student:
    """Who starts the launcher, on a PC where the distribution is another user's."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.pc, self.wsl = lab, lab.pc, lab.wsl

    def start(self, *words: str) -> Any:
        """What the launcher says, and its exit code."""
        return self.pc.run(["cmd", "/c", rf"{HOME}\bin\wsl-lab.cmd", *words], timeout=120)

    def others(self) -> dict[str, object]:
        """What is not this user's own: every file outside the profile, and the registry of the PC."""
        drive, own = self.pc.path("C:\\"), self.pc.path(r"C:\Users\labadmin")
        winlab = self.pc.path(r"C:\ProgramData\WinLab")  # how this machine works, and what was run of the script
        files = (f for f in drive.rglob("*") if not {own, winlab} & {f, *f.parents})
        found: dict[str, object] = {str(f): (f.lstat().st_size, f.lstat().st_mtime_ns) for f in files if not f.is_dir()}
        self.lab.reg("export", "HKLM", r"C:\Users\labadmin\hklm.reg", "/y")
        return found | {"HKLM": (own / "hklm.reg").read_text("utf-16")}

    def blocked(self, *words: str) -> str:
        """The one line of a start that something stands in the way of; of the try nothing is left."""
        before = self.lab.named("lab")
        said = self.start(*words or ("true",))
        assert said.rc == 1, said
        assert self.lab.named("lab") == before
        lines = said.stdout.strip().splitlines()
        assert all(line.startswith("lab: ") for line in lines), lines
        return str(lines[-1])


@pytest.fixture
def student(lab: Lab) -> Student:
    lab.offered()
    (given,) = lab.run(offer())
    assert given["changed"], given
    return Student(lab)


def test_a_student_gets_a_copy_of_his_own_by_the_launcher(student: Student) -> None:
    lab, pc, wsl = student.lab, student.pc, student.wsl
    start, blocked = student.start, student.blocked
    assert "what all copies are made of" in blocked("--renew", "lab")
    # From here on it is another user's, and the one who starts the launcher is a student.
    del wsl.model.me.distributions[lab.original.guid]
    wsl.model.machine.user(ADMIN).distributions[lab.original.guid] = lab.original
    wsl.show()
    assert start("--remove", "lab").stdout.strip() == "lab: you have no copy"
    # While it is made for one window another one waits for nothing.
    place = pc.path(rf"{HOME}\wsl\lab.json")
    disk = pc.path(r"C:\Users\labadmin\AppData\Local\gpuready\wsl\lab\ext4.vhdx")
    place.write_text(place.read_text().replace('"disk_bytes": 0', '"disk_bytes": 4'))
    wsl.slow_at = "--import"
    first: list[Any] = []
    window = threading.Thread(target=lambda: first.append(start("cat", "/etc/hostname")))
    window.start()
    until(disk.with_name("gpuready.json").exists)
    assert "just being made" in blocked()
    disk.write_bytes(b"1")
    time.sleep(1.5)  # it is looked at twice a second
    disk.unlink()
    wsl.slow_at = ""
    wsl.go_on.set()
    window.join()
    (said,) = first
    assert said.rc == 0, said
    assert "making your own copy" in said.stdout
    assert said.stdout.splitlines()[-1].strip() == (ROOT / "etc/hostname").read_text().strip()
    (copy,) = lab.named("lab")
    assert copy.base_path.endswith(r"\AppData\Local\gpuready\wsl\lab")
    assert copy.guid != lab.original.guid
    again = start("cat", "/etc/hostname")
    assert "copy" not in again.stdout, "each later start only starts it"
    assert start("--prepare").rc == 0
    # A newer export is told of, and taken only when asked.
    marker = pc.path(copy.base_path) / "gpuready.json"
    marker.write_text(marker.read_text().replace('"export": "', '"export": "0')[:-2] + "}")
    said = start("true")
    assert "there is a newer one" in said.stdout
    assert lab.named("lab") == [copy]
    assert "all files in your copy are lost" in blocked("--renew")
    # A standard user may write into the profile and the registry of one's own: nothing else is written.
    before = student.others()
    assert "CurrentVersion" in str(before["HKLM"])
    assert len(before) > 100
    said = start("--renew", "lab")
    assert said.rc == 0, said
    assert student.others() == before
    (renewed,) = lab.named("lab")
    assert renewed.guid != copy.guid
    # Half a copy, as a crash leaves it, is cleaned up.
    renewed.state = 3
    wsl.show()
    said = start("true")
    assert "half a copy was taken away" in said.stdout
    (whole,) = lab.named("lab")
    assert (said.rc, whole.state) == (0, 1)
    wsl.model.machine.vm_error = ("HCS_E_HYPERV_NOT_INSTALLED", "CreateVm", "HCS")
    wsl.model.me.stop_all()
    assert "it does not start: virtualization is off" in blocked()
    wsl.model.machine.vm_error = ()
    pc.programs[WSL] = lambda call: 1
    assert "it does not start: wsl.exe ended with 1" in blocked()
    pc.programs[WSL] = wsl.run
    wsl.model.me.locked[whole.guid] = "Exporting"
    assert "cannot be taken away" in blocked("--remove", "lab")
    wsl.model.me.locked.clear()
    assert start("--remove", "lab").rc == 0
    assert lab.named("lab") == []
    assert not pc.path(copy.base_path).exists()


def test_what_stands_in_a_students_way_is_one_line_and_nothing_is_left(student: Student) -> None:
    lab, pc = student.lab, student.pc
    del lab.wsl.model.me.distributions[lab.original.guid]
    lab.wsl.show()
    blocked = student.blocked
    lab.reg("add", POLICY, "/v", "AllowWSL", "/t", "REG_DWORD", "/d", "0", "/f")
    assert "a policy of this PC forbids WSL" in blocked()
    lab.reg("delete", POLICY, "/f")
    lab.reg("add", SCRIPTS, "/v", "EnableScripts", "/t", "REG_DWORD", "/d", "0", "/f")
    assert "PowerShell did not run" in blocked()
    lab.reg("add", SCRIPTS, "/v", "EnableScripts", "/t", "REG_DWORD", "/d", "1", "/f")
    lab.reg("add", SCRIPTS, "/v", "ExecutionPolicy", "/d", "AllSigned", "/f")
    assert "PowerShell did not run" in blocked()
    lab.reg("delete", SCRIPTS, "/f")
    lab.reg("delete", VMCOMPUTE, "/f")
    assert "Virtual Machine Platform" in blocked()
    lab.reg("add", VMCOMPUTE, "/f")
    program = pc.path(WSL)
    program.rename(program.with_suffix(".away"))
    assert "WSL is not installed" in blocked()
    program.with_suffix(".away").rename(program)
    folder = pc.path(r"C:\Users\labadmin\AppData\Local\gpuready\wsl")
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    folder.touch()
    assert "ask who looks after this PC" in blocked(), "what nobody thought of is one line too"
    folder.unlink()
    place = pc.path(rf"{HOME}\wsl\lab.json")
    known = place.read_text()
    export = pc.path(rf"{HOME}\wsl\{json.loads(known)['file']}")
    place.write_text(known.replace('"disk_bytes": 0', f'"disk_bytes": {2**62}'))
    assert "GB are free" in blocked()
    place.write_text(known)
    export.write_bytes(b"short")
    assert "is damaged" in blocked()
    sha256 = hashlib.sha256(b"short").hexdigest()
    place.write_text(known.replace(json.loads(known)["sha256"], sha256))
    assert "your own copy could not be made" in blocked()
    export.unlink()
    assert "is gone" in blocked()
    place.unlink()
    assert "no longer offered" in blocked()
    assert list(folder.iterdir()) == [folder / ".lab.lock"]
    strange = Distribution("{9}", "lab", r"C:\strange")
    lab.wsl.model.me.distributions["{9}"] = strange
    lab.wsl.show()
    assert "none of this PC's" in blocked()
