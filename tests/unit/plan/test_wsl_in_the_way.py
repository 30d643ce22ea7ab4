"""What keeps a guest from a PC stands in the plan before anything is changed: from what a PC says to its blockers."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.filter.wsl_blockers import wsl_blockers
from ansible_collections.gpuready.lab.plugins.plugin_utils import facts as interpretation
from ansible_collections.gpuready.lab.plugins.plugin_utils.facts.model import Facts
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan import choosing, guest
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan.wishes import Wishes
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import files as stackfiles
from simlab_help import pc_of, run

from gpuready.simlab.pc import SimulatedPc

STACKS = stackfiles.load()
IN_WSL = Wishes(environment="wsl")
HIM = "S-1-5-21-1-2-3-1002"
FOLDER = r"C:\Users\labadmin\AppData\Local\gpuready\wsl\gpuready"
DISK = rf"{FOLDER}\ext4.vhdx"
INBOX = {"VirtualMachinePlatform": "Enabled", "Microsoft-Windows-Subsystem-Linux": "Enabled"}
HYPERVISOR = {"hypervisor": True}
WSL = {"version": "2.6.1.0"}
PACKAGE = "2.6.3.0"


def facts(pc: SimulatedPc, **asked: str) -> Facts:
    said = run(pc, "gpuready.lab.gpu_facts", dict(asked))
    return interpretation.interpret(said["ansible_facts"]["gpuready_evidence"])


def blockers(found: Facts, package: str | None = PACKAGE, archive: bool = True) -> list[str]:
    planned = choosing.plan(found, IN_WSL, STACKS, guest.Given(archive, "the lab names none", package))
    assert all(one["cause"] and one["next_step"] for one in planned["blockers"])
    return [one["code"] for one in planned["blockers"]]


@pytest.mark.parametrize(("document", "code"), [
    ({}, None),
    ({"wsl": WSL}, None),
    ({"machine": {"virtualization": False}}, "VIRTUALIZATION_OFF"),
    ({"wsl": {**WSL, "policies": {"AllowWSL": 0}}}, "WSL_POLICY"),
    ({"wsl": {**WSL, "distributions": [{"name": "GPUready", "owner": HIM}]}}, "WSL_OTHER_USER"),
    ({"wsl": {**WSL, "distributions": [{"name": "GPUready"}]}}, "WSL_NOT_OURS"),
    ({"wsl": {**WSL, "distributions": [{"name": "another"}]}}, None),
    ({"disk": {"free": 500_000_000, "total": 10**12}}, "DISK_SPACE"),
    ({"os": {"build": 19043}}, "OS_BUILD_TOO_OLD"),
    ({"os": {"build": 17763, "kind": "server"}}, "OS_BUILD_TOO_OLD"),
    ({"os": {"build": 19045, "revision": 2310}}, "WSL_OS_OLD"),
    ({"os": {"build": 19045, "revision": 2311}}, None),
    ({"os": {"architecture": "arm64"}}, "ARCHITECTURE_UNSUPPORTED"),
])  # fmt: skip
def test_what_a_pc_says_is_a_blocker(document: dict[str, Any], code: str | None) -> None:
    assert blockers(facts(pc_of(**document))) == ([code] if code else [])


def test_a_connection_as_local_system_is_a_blocker() -> None:
    said = run(pc_of(wsl=WSL), "gpuready.lab.gpu_facts", {})["ansible_facts"]["gpuready_evidence"]
    said["pieces"]["wsl_registry"]["value"]["user"]["sid"] = "S-1-5-18"
    assert blockers(interpretation.interpret(said)) == ["WSL_LOCAL_SYSTEM"]


@pytest.mark.parametrize(("place", "code"), [
    ({"disk": True, "held": "in use", "marker": True}, "WSL_DISK_LOCKED"),
    ({"disk": True, "held": None, "marker": True}, None),
    ({"disk": True, "held": None, "marker": False}, "WSL_NOT_OURS"),
    ({"registered": True, "disk": True, "held": "it runs", "marker": True, "other_sid": HIM}, None),
    ({"drive": "D:\\", "free_bytes": 500_000_000}, "DISK_SPACE"),
])  # fmt: skip
def test_what_lies_where_the_guest_would_lie(place: dict[str, Any], code: str | None) -> None:
    said = run(pc_of(wsl=WSL), "gpuready.lab.gpu_facts", {})["ansible_facts"]["gpuready_evidence"]
    said["pieces"]["wsl_place"]["value"] |= place
    assert blockers(interpretation.interpret(said)) == ([code] if code else [])


def test_a_package_of_the_lab_takes_the_place_of_the_old_wsl() -> None:
    found = facts(pc_of(features=INBOX, machine=HYPERVISOR))
    assert blockers(found) == []
    assert blockers(found, package=None) == ["WSL_INBOX_ONLY"]


def test_what_the_lab_must_give_is_told_before_anything_is_changed() -> None:
    assert blockers(facts(pc_of()), None, archive=False) == ["WSL_NOT_INSTALLED", "WSL_NO_ARCHIVE"]
    assert blockers(facts(pc_of(wsl=WSL)), None, archive=False) == ["WSL_NO_ARCHIVE"]
    pc = pc_of(wsl={**WSL, "distributions": [{"name": "gpuready"}]})
    pc.disk.write(r"C:\wsl\gpuready\gpuready.json", b"{}")
    assert blockers(facts(pc), None, archive=False) == []


def test_the_place_of_a_guest_is_looked_at() -> None:
    pc = pc_of(wsl=WSL)
    place = facts(pc).wsl.place  # type: ignore[union-attr]
    assert place is not None
    assert (place.name, place.folder, place.registered, place.ours, place.disk) == (
        "gpuready", FOLDER, False, False, False,
    )  # fmt: skip
    pc.disk.write(DISK, b"left")
    assert blockers(facts(pc)) == ["WSL_NOT_OURS"]
    pc.disk.write(rf"{FOLDER}\gpuready.json", b"{}")
    assert blockers(facts(pc)) == []
    assert facts(pc, distribution="b", location=r"%PROGRAMDATA%\b").wsl.place.folder == r"C:\ProgramData\b"  # type: ignore[union-attr]


@pytest.mark.parametrize(("document", "code"), [
    ({}, None),
    ({"wsl": {**WSL, "policies": {"AllowWSL": 0}}}, "WSL_POLICY"),
    ({"os": {"build": 19040}}, "OS_BUILD_TOO_OLD"),
    ({"disk": {"free": 500_000_000, "total": 10**12}}, "WSL_DISK_TOO_SMALL"),
])  # fmt: skip
def test_a_role_is_told_before_it_changes_anything(document: dict[str, Any], code: str | None) -> None:
    told = wsl_blockers(facts(pc_of(**document)).as_dict())
    assert [one.split(":")[0] for one in told] == ([code] if code else [])


def test_evidence_without_the_place_is_told_and_stands_in_no_way() -> None:
    said = run(pc_of(wsl=WSL), "gpuready.lab.gpu_facts", {})["ansible_facts"]["gpuready_evidence"]
    del said["pieces"]["wsl_place"]
    found = interpretation.interpret(said)
    assert [(one.piece, one.code) for one in found.problems] == [("wsl_place", "PIECE_MISSING")]
    assert blockers(found) == []


def test_what_the_bundle_lacks_is_told_before_anything_is_changed() -> None:
    """A package and an archive, each where it is needed alone."""
    given = guest.Given(package="2.6.3.0", archive_lost="wsl_archive: b has no file", package_lost="wsl_package: none")
    bare = {(one.code, one.cause) for one in guest.problems(facts(pc_of()), given)}
    lost = {("BUNDLE_INCOMPLETE", "wsl_archive: b has no file"), ("BUNDLE_INCOMPLETE", "wsl_package: none")}
    assert lost <= bare
    assert not any(code == "WSL_NO_ARCHIVE" for code, _ in bare)
    assert guest.is_of_guest("BUNDLE_INCOMPLETE")
