"""The model of gpuready.lab.wsl_distribution: imported once, set, taken away; never what is not ours."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from simlab_help import pc_of, run

from gpuready.simlab.pc import SimulatedPc
from gpuready.simlab.wsl.guests import conf
from gpuready.simlab.wsl.linux import Linux

ROOT = Linux.small().pack("tar.gz")
SHA = hashlib.sha256(ROOT).hexdigest()
FOLDER = r"C:\Users\labadmin\AppData\Local\gpuready\wsl\g"
ON = {"VirtualMachinePlatform": "Enabled", "Microsoft-Windows-Subsystem-Linux": "Disabled"}


def pc_with(wsl: dict[str, Any] | None = None, **more: Any) -> SimulatedPc:
    pc = pc_of(wsl={"version": "2.6.1.0", **(wsl or {})}, **{"features": ON, **more})
    pc.disk.write(r"C:\in\root.tar.gz", ROOT)
    return pc


def ask(pc: SimulatedPc, check: bool = False, **given: Any) -> dict[str, Any]:
    archive = {"path": r"C:\in\root.tar.gz", "sha256": SHA}
    return run(pc, "gpuready.lab.wsl_distribution", {"name": "g", "archive": archive, **given}, check)


def linux_of(pc: SimulatedPc) -> Linux:
    (one,) = [one for one in pc.subsystem.me.distributions.values() if one.name == "g"]
    return pc.subsystem.guests.linux(one)  # type: ignore[attr-defined, no-any-return]


def test_it_is_imported_once_set_as_declared_and_taken_away_whole() -> None:
    pc = pc_with()
    text = "[boot]\nsystemd = true\n\n[user]\ndefault = anna\n"
    wanted = {"default_user": "anna", "wsl_conf": text}
    free = pc.disk.free
    said = ask(pc, check=True, **wanted)
    assert said["changed"]
    assert (pc.disk.free, pc.subsystem.me.distributions) == (free, {})
    assert ask(pc, **wanted)["changed"]
    assert linux_of(pc).users()["anna"] == (1001, "/home/anna")
    assert conf(linux_of(pc))["user.default"] == "anna"
    assert pc.registry.subkeys(r"HKCU\Software\Microsoft\Windows\CurrentVersion\Lxss")
    assert not pc.subsystem.me.running, "the guest reads its settings when it starts"
    for check in (True, False):
        assert not ask(pc, check=check, **wanted)["changed"]
    assert ask(pc, check=True, wsl_conf="[user]\ndefault = root\n")["diff"]["before"]["wsl_conf"] == text
    assert conf(linux_of(pc))["user.default"] == "anna"
    for check, there in ((True, True), (False, False)):
        assert run(pc, "gpuready.lab.wsl_distribution", {"name": "g", "state": "absent"}, check)["changed"]
        assert bool(pc.subsystem.me.distributions) is there
    assert not pc.disk.is_folder(FOLDER)
    assert not run(pc, "gpuready.lab.wsl_distribution", {"name": "g", "state": "absent"})["changed"]


OTHERS = {"version": "2.6.1.0", "distributions": [{"name": "G"}]}
HIS = {"version": "2.6.1.0", "distributions": [{"name": "g", "owner": "S-1-5-21-1-2-3-1002"}]}


@pytest.mark.parametrize(("more", "code"), [
    ({"wsl": OTHERS}, "WSL_NOT_OURS"),
    ({"wsl": HIS}, "WSL_OTHER_USER"),
    ({"wsl": {"policies": {"AllowWSL": 0}}}, "WSL_POLICY"),
    ({"wsl": {"version": None}}, "WSL_NOT_INSTALLED"),
    ({"disk": {"free": 500_000_000, "total": 10**12}}, "WSL_DISK_TOO_SMALL"),
])  # fmt: skip
def test_what_stands_in_the_way_is_said_and_nothing_is_changed(more: dict[str, Any], code: str) -> None:
    pc = pc_with(**more)
    before = [node.path for node in pc.disk.below("C:\\")]
    for check in (True, False):
        assert ask(pc, check=check)["code"] == code
    assert [node.path for node in pc.disk.below("C:\\")] == before


def test_a_distribution_that_is_not_ours_is_not_taken_away() -> None:
    pc = pc_with(OTHERS)
    assert run(pc, "gpuready.lab.wsl_distribution", {"name": "g", "state": "absent"})["code"] == "WSL_NOT_OURS"
    assert pc.subsystem.me.distributions


def test_another_archive_is_refused_and_a_wrong_one_never_used() -> None:
    pc = pc_with()
    assert ask(pc)["changed"]
    assert ask(pc, archive={"path": r"C:\in\root.tar.gz", "sha256": "0" * 64})["code"] == "WSL_OTHER_ARCHIVE"
    fresh = pc_with()
    assert ask(fresh, archive={"path": r"C:\in\root.tar.gz", "sha256": "0" * 64})["code"] == "HASH_MISMATCH"
    assert not fresh.subsystem.me.distributions


def test_an_import_that_was_cut_off_is_made_again() -> None:
    pc = pc_with()
    assert ask(pc)["changed"]
    (one,) = pc.subsystem.me.distributions.values()
    one.state = 3
    assert ask(pc)["changed"]
    (again,) = pc.subsystem.me.distributions.values()
    assert (again.state, again.guid != one.guid) == (1, True)
    assert not ask(pc)["changed"]


def test_what_wsl_says_against_an_import_is_handed_on_and_nothing_is_left() -> None:
    pc = pc_with()
    pc.disk.write(r"C:\in\bad.tar", b"no tar")
    archive = {"path": r"C:\in\bad.tar", "sha256": hashlib.sha256(b"no tar").hexdigest()}
    said = ask(pc, archive=archive)
    assert said["code"] == "WSL_FAILED"
    assert any("Wsl/Service/RegisterDistro/WSL_E_IMPORT_FAILED" in line for line in said["details"])
    assert not pc.subsystem.me.distributions
    assert not pc.disk.is_folder(FOLDER) or not pc.disk.below(FOLDER)


def test_a_file_of_the_controller_is_asked_for() -> None:
    pc = pc_with()
    archive = {"name": "root.tar.gz", "sha256": SHA, "size": len(ROOT)}
    assert ask(pc, archive=archive)["needs"] == [{"kind": "distribution", "name": "root.tar.gz", "sha256": SHA}]
    assert ask(pc, archive=archive, prepare=True)["needs"]
    assert ask(pc, archive=archive, prepare=True, uploaded={SHA: r"C:\in\root.tar.gz"})["ready"]
    assert not pc.subsystem.me.distributions
    assert ask(pc, archive=archive)["changed"]
    assert "ready" not in ask(pc, archive=archive, prepare=True)


def test_a_wsl_that_does_not_end_has_a_limit() -> None:
    pc = pc_with({"answer": "hang"})
    assert ask(pc)["code"] == "WSL_TIME_LIMIT"
    assert not pc.subsystem.me.distributions
