"""The model of gpuready.lab.wsl_offer: exported once, named by the list that wsl.exe reads, taken back whole."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.guest import students
from simlab_help import HOME, pc_of, run

from gpuready.simlab.pc import SimulatedPc
from gpuready.simlab.programs import Run
from gpuready.simlab.subsystem import LISTS
from gpuready.simlab.wsl.linux import Linux

ROOT = Linux.small().pack("tar.gz")
ON = {"VirtualMachinePlatform": "Enabled", "Microsoft-Windows-Subsystem-Linux": "Disabled"}
ADDRESS = "file:///C:/ProgramData/gpuready/wsl/list.json"
APPEND, ALONE = "DistributionListUrlAppend", "DistributionListUrl"
STUDENT = "S-1-5-21-1-2-3-1002"


def pc_with(*names: str, wsl: dict[str, Any] | None = None, **more: Any) -> SimulatedPc:
    """A PC with distributions that gpuready made."""
    pc = pc_of(wsl={"version": "2.6.1.0", **(wsl or {})}, **{"features": ON, **more})
    pc.disk.write(r"C:\in\root.tar.gz", ROOT)
    archive = {"path": r"C:\in\root.tar.gz", "sha256": hashlib.sha256(ROOT).hexdigest()}
    for name in names:
        assert run(pc, "gpuready.lab.wsl_distribution", {"name": name, "archive": archive})["changed"]
    return pc


def ask(pc: SimulatedPc, check: bool = False, name: str = "g", **given: Any) -> dict[str, Any]:
    return run(pc, "gpuready.lab.wsl_offer", {"name": name, "words": students.words(), **given}, check)


def state(pc: SimulatedPc) -> dict[str, Any]:
    files = {node.path: node.data for node in pc.disk.below("C:\\") if node.data is not None}
    return {"files": files, "lists": dict(pc.subsystem.machine.lists)}


def of_list(pc: SimulatedPc) -> dict[str, Any]:
    return dict(json.loads(pc.disk.text(rf"{HOME}\wsl\list.json") or "{}"))


def wsl(pc: SimulatedPc, line: str) -> str:
    """What a student's wsl.exe says."""
    call = Run([], {"WSL_UTF8": "1"})
    call.rc = pc.subsystem.run(f"wsl.exe {line}", call, STUDENT)
    return (call.stdout or b"").decode()


def test_it_is_exported_once_and_taken_back_whole() -> None:
    pc = pc_with("g")
    before = state(pc)
    assert ask(pc, check=True)["changed"]
    assert ask(pc, prepare=True)["ready"]
    assert state(pc) == before
    said = ask(pc)
    assert said["changed"]
    offer = said["offer"]
    data = pc.disk.get(rf"{HOME}\wsl\{offer['file']}").data  # type: ignore[union-attr]
    assert hashlib.sha256(data or b"").hexdigest() == offer["sha256"]
    assert pc.registry.value(LISTS, APPEND) == ADDRESS
    assert "{name}" not in (pc.disk.text(rf"{HOME}\bin\wsl-g.cmd") or "{name}")
    assert rf"{HOME}\bin\wsl-g.cmd opens" in (pc.disk.text(rf"{HOME}\README.txt") or "")
    after = state(pc)
    for check in (True, False):
        assert not ask(pc, check=check)["changed"]
    assert state(pc) == after
    assert ask(pc, check=True, state="absent")["changed"]
    assert state(pc) == after
    assert ask(pc, state="absent")["changed"]
    assert not ask(pc, state="absent")["changed"]
    assert state(pc) == {**before, "lists": {}}


def test_it_is_exported_again_where_there_is_another_one_and_the_old_file_goes() -> None:
    pc = pc_with("g")
    first = ask(pc)["offer"]
    linux = pc.subsystem.guests.linux(next(iter(pc.subsystem.me.distributions.values())))  # type: ignore[attr-defined]
    linux.write("/etc/more", b"x", 0o644, 0)
    pc.subsystem.guests.keep(next(iter(pc.subsystem.me.distributions.values())), linux)  # type: ignore[attr-defined]
    assert not ask(pc)["changed"], "what is in it the caller says"
    second = ask(pc, version="2")
    assert second["changed"]
    assert second["offer"]["sha256"] != first["sha256"]
    files = [node.path for node in pc.disk.children(rf"{HOME}\wsl") if node.path.endswith(".wsl")]
    assert files == [rf"{HOME}\wsl\{second['offer']['file']}"]
    pc.disk.write(files[0], b"short")
    assert ask(pc, version="2")["changed"]
    assert not ask(pc, version="2")["changed"]


def test_wsl_itself_takes_it_from_the_list_without_the_internet_where_no_other_is_read() -> None:
    pc = pc_with("g")
    ask(pc)
    assert "Wsl/InstallDistro/WININET_E_CANNOT_CONNECT" in wsl(pc, "--install g --no-launch")
    assert ask(pc, list="alone")["changed"]
    assert pc.subsystem.machine.lists == {ALONE: ADDRESS}
    wsl(pc, "--install --no-launch")
    assert [one.name for one in pc.subsystem.machine.user(STUDENT).distributions.values()] == ["g"]


def test_the_labs_own_list_is_kept_added_to_and_comes_back() -> None:
    own = {"Default": "x", "ModernDistributions": {"x": []}, "More": 1}
    address = "file:///C:/lab/own.json"
    pc = pc_with("g", "h", wsl={"lists": {APPEND: address}})
    pc.disk.write(r"C:\lab\own.json", json.dumps(own).encode())
    for name in ("g", "h"):
        assert ask(pc, name=name)["changed"]
        assert not ask(pc, name=name)["changed"]
    assert not ask(pc, name="g")["changed"], "nor is the list another one for each that is asked for"
    assert sorted(of_list(pc)["ModernDistributions"]) == ["g", "h", "x"]
    assert (of_list(pc)["Default"], of_list(pc)["More"]) == ("x", 1)
    assert ask(pc, name="g", state="absent")["changed"]
    assert sorted(of_list(pc)["ModernDistributions"]) == ["h", "x"]
    assert ask(pc, name="h", state="absent")["changed"]
    assert pc.subsystem.machine.lists == {APPEND: address}
    assert pc.disk.text(r"C:\lab\own.json") == json.dumps(own)


def test_it_can_be_made_at_logon_and_no_longer() -> None:
    pc = pc_with("g")
    key = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run"
    ask(pc, logon=True)
    assert str(pc.registry.value(key, "gpuready wsl g")).endswith("g --prepare")
    assert not ask(pc, logon=True)["changed"]
    assert ask(pc)["changed"]
    assert not pc.registry.value(key, "gpuready wsl g")


LIST = {"lists": {APPEND: "file:///C:/lab/own.json"}}


@pytest.mark.parametrize(("names", "more", "code"), [
    ((), {}, "WSL_NO_DISTRIBUTION"),
    ((), {"wsl": {"distributions": [{"name": "g"}]}}, "WSL_NOT_OURS"),
    ((), {"wsl": {"policies": {"AllowWSL": 0}}}, "WSL_POLICY"),
    ((), {"wsl": {"version": None}}, "WSL_NOT_INSTALLED"),
    (("g",), {"wsl": {"version": "2.4.3.0"}}, "WSL_PACKAGE_OLD"),
    (("g",), {"wsl": LIST}, "WSL_LIST_UNREADABLE"),
])  # fmt: skip
def test_what_stands_in_the_way_is_said_and_nothing_is_changed(
    names: tuple[str, ...], more: dict[str, Any], code: str
) -> None:
    pc = pc_with(*names, **more)
    before = state(pc)
    for check in (True, False):
        assert ask(pc, check=check)["code"] == code
    assert state(pc) == before


def test_a_name_of_the_labs_list_a_full_disk_and_a_distribution_at_work_leave_nothing() -> None:
    pc = pc_with("g", wsl=LIST)
    pc.disk.write(r"C:\lab\own.json", json.dumps({"ModernDistributions": {"g": []}}).encode())
    before = state(pc)
    assert ask(pc)["code"] == "WSL_LIST_NAME"
    pc.disk.write(r"C:\lab\own.json", b'{"More": 1}')
    before = state(pc)
    (one,) = pc.subsystem.me.distributions.values()
    pc.subsystem.me.locked[one.guid] = "Exporting"
    said = ask(pc)
    assert said["code"] == "WSL_FAILED"
    assert any("0x8000000d" in line for line in said["details"]), said
    assert not [path for path in set(state(pc)["files"]) - set(before["files"]) if path.endswith(".wsl")]
    pc.disk.free = 500_000_000
    assert ask(pc)["code"] == "WSL_DISK_TOO_SMALL"
