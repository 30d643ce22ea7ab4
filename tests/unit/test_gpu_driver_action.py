"""What gpu_driver asks of a PC and makes of its answers: what decides is what the device says."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.action import gpu_driver
from ansible_collections.gpuready.lab.plugins.plugin_utils import jobs
from ansible_collections.gpuready.lab.plugins.plugin_utils.action import BadInput, options
from ansible_collections.gpuready.lab.plugins.plugin_utils.bundle import model
from ansible_collections.gpuready.lab.plugins.plugin_utils.bundle.model import File
from ansible_collections.gpuready.lab.plugins.plugin_utils.driver import applied
from job_answers import CLAIMED, FOLDER, GONE, STARTED, job

ID = r"PCI\VEN_10DE&DEV_2206&SUBSYS_0&REV_A1\4&1&0&0008"
OTHER = r"PCI\VEN_8086&DEV_4680&SUBSYS_0&REV_0\3&11583659&0&10"
SHARE = {"share": r"\\server\drivers\new.exe", "sha256": "ab" * 32}


def pieces(version: str | None, other: str = "31.0.101.2115", problem: int = 0) -> dict[str, Any]:
    """What Windows says of an NVIDIA GPU on this driver, and of one of Intel's."""
    rows = [
        {"PNPDeviceID": ID, "Name": "RTX", "DriverVersion": version, "ConfigManagerErrorCode": problem},
        {"PNPDeviceID": OTHER, "Name": "UHD", "DriverVersion": other, "ConfigManagerErrorCode": 0},
    ]
    every = {"video_controllers": rows, "pnp_display": [], "display_class": []}
    return {name: {"value": value, "error": None} for name, value in every.items()}


def seen(version: str | None, **more: Any) -> dict[str, Any]:
    return {"before": pieces(version), "number": version, "restart_pending": False, **more}


OLD, NEW = "31.0.15.7652", "32.0.15.8097"


def ended(version: str | None, rc: int | None = 0, **more: Any) -> dict[str, Any]:
    after = pieces(version)
    given = {"ran": True, "installer_rc": rc, "timed_out": rc is None, "seconds": 1.0, "finished": True}
    return job("ended", before=pieces(OLD), after=after, **{**given, **more})


def carried(
    answers: list[dict[str, Any]], *, check: bool = False, windows: bool = True, variables: Any = None, **given: Any
) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """What the action gives with a PC that answers so, and what was asked of it."""
    asked: list[tuple[str, Any]] = []

    def answer(module: str, arguments: dict[str, Any], task_vars: dict[str, Any], background: Any = None) -> Any:
        asked.append((module.rpartition(".")[2], background or arguments))
        return answers.pop(0)

    action = gpu_driver.ActionModule.__new__(gpu_driver.ActionModule)
    action._connection = SimpleNamespace(_shell=SimpleNamespace(_IS_WINDOWS=windows), transport="winrm")
    action._task = SimpleNamespace(check_mode=check)
    action._templar = SimpleNamespace(template=lambda value: value)
    action.run_once = answer  # type: ignore[method-assign]
    action.send = lambda local, sha256: f"C:\\temp\\{local.name}"  # type: ignore[method-assign]
    action.path = Path  # type: ignore[method-assign]
    source = SHARE if not {"file", "windows_update"} & set(given) else {}
    wished = {"id": ID, "vendor": "nvidia", "version": "580.97", **source, **given}
    found = action.act(options("gpu_driver", wished, gpu_driver.ActionModule.SPEC), variables or {})
    assert answers == []
    return found, asked


@pytest.mark.parametrize(("version", "says"), [
    (NEW, "RTX has 580.97: nothing is to be done"),
    ("32.0.15.9636", "RTX has 596.36, newer than 580.97: it stays"),
])  # fmt: skip
def test_a_driver_that_does_is_left_alone(version: str, says: str) -> None:
    found, asked = carried([GONE, seen(version)], deferred="somebody is logged on")
    assert (found["msg"], found.get("changed", False), found["reboot_required"]) == (says, False, False)
    assert [name for name, _ in asked] == ["job", "gpu_driver"]


def test_an_installation_is_a_job_that_is_told_which_driver_it_replaces() -> None:
    found, asked = carried([GONE, seen(OLD), CLAIMED, STARTED, ended(NEW), GONE], time_limit=60)
    assert (found["changed"], found["version_before"], found["version_after"]) == (True, "576.52", "580.97")
    assert (found["reboot_required"], found["others_changed"], found["installer_rc"]) == (False, [], 0)
    assert asked[3] == ("gpu_driver", (FOLDER, 60 + jobs.MARGIN))
    assert found["diff"] == {"before": {"driver": "576.52"}, "after": {"driver": "580.97"}}


@pytest.mark.parametrize(("end", "code", "says"), [
    (ended(OLD), "DRIVER_NOT_CHANGED", "runs on 576.52, as before"),
    (ended("31.0.15.7900"), "DRIVER_NOT_CHANGED", "runs on 579.00"),
    (ended(NEW, 77), "DRIVER_FAILED", "exit code 77, of which nothing is known"),
    (ended(OLD, -436207616), "DRIVER_NOT_FOR_PC", "exit code 0xE6000000"),
    (ended(OLD, None), "DRIVER_TIME_LIMIT", "did not end within 1800 s"),
    (ended(OLD, ran=False), "DRIVER_BUSY", "was not run"),
    (job("lost"), "DRIVER_LOST", "without a word"),
    (ended(OLD, failed=True, code="PROGRAM_NOT_STARTED", msg="no program"), "DRIVER_FAILED", "no program"),
    (ended(OLD, failed=True, code="HASH_MISMATCH", msg="x.exe: its sha256 is 00"), "HASH_MISMATCH", "its sha256"),
])  # fmt: skip
def test_what_went_wrong_has_its_code(end: dict[str, Any], code: str, says: str) -> None:
    found, _ = carried([GONE, seen(OLD), CLAIMED, STARTED, end, GONE])
    assert found["code"] == code
    assert says in found["msg"]
    assert found["failed"] is True
    assert found["changed"] is (found.get("version_after") not in (None, "576.52"))


def test_a_driver_that_came_although_its_installer_failed_stands_in_the_record() -> None:
    found, _ = carried([GONE, seen(OLD), CLAIMED, STARTED, ended(NEW, 77), GONE])
    record: Any = {"plan": {"adapter": {"id": ID}}, "apply": {"changed": False}}
    applied.keep(record, found)
    driver = {"id": ID, "before": "576.52", "after": "580.97", "reboot_required": False}
    assert record["apply"] == {"changed": True, "driver": driver}
    found, _ = carried([GONE, seen(OLD), CLAIMED, STARTED, ended(OLD), GONE])
    applied.keep(record, {**found, "version_before": "1"})
    assert record["apply"]["driver"] == driver


def test_a_restart_is_asked_for_once_and_the_installer_not_run_again_before_it() -> None:
    first, _ = carried([GONE, seen(OLD), CLAIMED, STARTED, ended(OLD, 1), GONE])
    assert (first["changed"], first["reboot_required"]) == (True, True)
    second, asked = carried([GONE, seen(OLD, restart_pending=True)])
    assert (second.get("changed", False), second["reboot_required"], len(asked)) == (False, True, 2)


def test_a_gpu_that_waits_for_a_restart_gets_no_installer_before_it() -> None:
    found, asked = carried([GONE, {**seen(OLD), "before": pieces(OLD, problem=14)}])
    assert (found["reboot_required"], found.get("changed", False), len(asked)) == (True, False, 2)
    assert found["msg"] == "RTX waits for a restart of Windows before it gets nvidia 580.97"


def test_outside_of_its_window_a_restart_is_not_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_driver.windows_of_time, "is_open", lambda window, now: not window)
    waits = [GONE, seen(OLD, restart_pending=True)]
    shut, _ = carried(list(waits), window="00:00-00:01")
    assert shut["closed"].endswith("drivers are installed 00:00-00:01")
    assert carried(list(waits))[0]["closed"] == ""


def test_what_a_run_that_died_began_is_collected_and_nobody_asks_whether_it_may() -> None:
    found, asked = carried([GONE, seen(OLD), CLAIMED, STARTED], wait=False)
    assert found["under_way"] is True
    mine = asked[2][1]["asked"]
    left = ended(NEW)
    left["job"] |= {"asked": mine, "run": "another", "seconds": 90}
    found, asked = carried([left, left, GONE], deferred="somebody is logged on")
    assert (found["changed"], found["version_after"]) == (True, "580.97")
    assert {name for name, _ in asked} == {"job"}


def test_what_is_under_way_needs_no_file() -> None:
    found, asked = carried([GONE, seen(OLD), CLAIMED, STARTED], wait=False)
    running = job("running")
    running["job"] |= {"asked": asked[2][1]["asked"], "run": "another", "seconds": 9}
    found, asked = carried([running], state="staged")
    assert (found["under_way"], len(asked)) == (True, 1)


def test_an_installation_of_another_driver_is_not_waited_for() -> None:
    running = job("running")
    running["job"] |= {"asked": "another", "run": "another", "seconds": 9}
    found, asked = carried([running])
    assert (found["code"], found["failed"], len(asked)) == ("ENVIRONMENT_BUSY", True, 1)
    found, _ = carried([running, seen(OLD), {"changed": True}], state="staged")
    assert (found["changed"], found["msg"]) == (True, "the installer of nvidia 580.97 is on the PC")


def test_a_check_says_what_would_be_installed() -> None:
    found, asked = carried([GONE, seen(OLD)], check=True)
    assert (found["changed"], found["msg"]) == (True, "RTX would get nvidia 580.97")
    assert asked[-1][1]["state"] == "looked"


@pytest.mark.parametrize(("given", "says", "step"), [
    ({"deferred": "somebody is logged on"}, "somebody is logged on: RTX waits for nvidia 580.97", ""),
    ({"window": "00:00-00:01"}, "drivers are installed 00:00-00:01", "no consent opens it"),
])  # fmt: skip
def test_who_is_at_the_pc_is_not_disturbed(
    given: dict[str, Any], says: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_driver.windows_of_time, "is_open", lambda window, now: not window)
    found, _ = carried([GONE, seen(OLD)], **given)
    assert (found["code"], says in found["msg"]) == ("DRIVER_DEFERRED", True)
    assert step in found.get("next_step", "")


def test_the_record_says_which_gpus_got_a_driver() -> None:
    known = {"run": "r1", "plan": {"adapter": {"id": OTHER}}, "apply": {"changed": True, "driver": {"id": OTHER}}}
    variables: dict[str, Any] = {
        "gpuready_run_id": "r1",
        "ansible_facts": {"gpuready": known},
        "inventory_hostname": "a",
    }
    answers = [GONE, seen(OLD), CLAIMED, STARTED, ended(NEW), GONE]
    found, _ = carried(list(answers), variables=variables)
    other = {"id": ID, "before": "576.52", "after": "580.97", "reboot_required": False}
    apply = {"changed": True, "driver": {"id": OTHER}, "other_drivers": [other]}
    assert found["ansible_facts"]["gpuready"]["apply"] == apply
    known["plan"] = {"adapter": {"id": ID}}
    del known["apply"]
    found, _ = carried(list(answers), variables=variables)
    assert found["ansible_facts"]["gpuready"]["apply"] == {"changed": True, "driver": other}


def test_a_downgrade_is_asked_for() -> None:
    found, _ = carried(
        [GONE, seen(NEW), CLAIMED, STARTED, ended("31.0.15.3114"), GONE], version="531.14", downgrade=True
    )
    assert (found["changed"], found["version_after"]) == (True, "531.14")


def test_what_is_not_known_is_not_replaced() -> None:
    found, _ = carried([GONE, seen("no number")])
    assert found["code"] == "DRIVER_UNKNOWN"
    found, _ = carried([GONE, seen(OLD)], id="PCI\\VEN_10DE&DEV_0000")
    assert found["code"] == "DRIVER_NO_GPU"
    found, _ = carried([GONE, seen(OLD)], id=OTHER)
    assert found["code"] == "DRIVER_NOT_FOR_PC"


def test_windows_basic_driver_is_no_version() -> None:
    found, _ = carried([GONE, seen("10.0.22621.1"), CLAIMED, STARTED, ended(NEW), GONE])
    assert (found["changed"], found["version_after"]) == (True, "580.97")


def test_a_file_of_the_controller_is_there_before_the_job_starts(tmp_path: Path) -> None:
    (tmp_path / "new.exe").write_bytes(b"MZ")
    sha256 = hashlib.sha256(b"MZ").hexdigest()
    given = {"file": "new.exe", "sha256": sha256, "variables": {"gpuready_drivers": "d.yml", "inventory_dir": tmp_path}}
    needs = {"needs": [{"kind": "driver", "name": "new.exe", "sha256": sha256}]}
    found, asked = carried([GONE, seen(OLD), needs, {"changed": True}], state="staged", **given)
    assert (found["changed"], found["msg"]) == (True, "the installer of nvidia 580.97 is on the PC")
    assert asked[3][1]["uploaded"] == {sha256: r"C:\temp\new.exe"}
    assert asked[1][1]["source"] == {"name": "new.exe", "sha256": sha256}


def updated(version: str, step: str = "install", result: int | None = 2, **more: Any) -> dict[str, Any]:
    update = {"policy": {}, "step": step, "title": "NVIDIA - Display", "result": result, "hresult": 0, **more}
    return job("ended", before=pieces(OLD), after=pieces(version), ran=True, update=update, seconds=9.0, finished=True)


def test_windows_update_brings_at_least_the_version() -> None:
    newer = updated("32.0.15.9636", restart=False)
    found, asked = carried([GONE, seen(OLD), CLAIMED, STARTED, newer, GONE], windows_update=True)
    assert (found["changed"], found["version_before"], found["version_after"]) == (True, "576.52", "596.36")
    assert (found["msg"], found["update"]) == ("NVIDIA - Display is installed", "NVIDIA - Display")
    assert asked[1][1]["windows_update"] is True
    assert "source" not in asked[1][1]
    later, _ = carried([GONE, seen(OLD), CLAIMED, STARTED, updated(OLD, restart=True), GONE], windows_update=True)
    assert (later["changed"], later["reboot_required"]) == (True, True)
    staged, _ = carried([], windows_update=True, state="staged")
    assert (staged.get("changed", False), "no file" in staged["msg"]) == (False, True)


@pytest.mark.parametrize(("end", "code", "says"), [
    (updated(OLD), "DRIVER_NOT_CHANGED", "Update, and RTX runs on 576.52, as before, which is less than 580"),
    (updated(OLD, "search", None), "DRIVER_NOT_OFFERED", "no newer driver for RTX"),
    (updated(OLD, "policy", None, policy={"access_disabled": True}), "WINDOWS_UPDATE_OFF", "the policy DisableWindows"),
    (updated(OLD, "licence", None), "DRIVER_LICENCE", "NVIDIA - Display has a licence"),
    (updated(OLD, "download", None, hresult=-2147024891), "WINDOWS_UPDATE_DENIED", "0x80070005"),
])  # fmt: skip
def test_what_windows_update_does_not_bring_is_a_failure(end: dict[str, Any], code: str, says: str) -> None:
    found, _ = carried([GONE, seen(OLD), CLAIMED, STARTED, end, GONE], windows_update=True)
    assert (found["failed"], found["code"], says in found["msg"]) == (True, code, True), found


@pytest.mark.parametrize(("given", "windows", "says"), [
    ({"windows_update": True, "downgrade": True}, True, "downgrade: Windows Update brings what it has"),
    ({"windows_update": True, "sha256": "ab" * 32}, True, "sha256: Windows Update brings what it has"),
    ({"version": "1.2.3.4.5"}, True, "write it as 560.94"),
    ({"url": "https://x/new.exe"}, True, "one of file, share, url and windows_update"),
    ({"window": "at night"}, True, "write it as 22:00-06:00"),
    ({"share": r"\\s\d\x.exe", "sha256": "ab"}, True, "64 hexadecimal digits"),
    ({"file": "no.exe", "sha256": "ab" * 32}, True, "no.exe is not there"),
    ({}, False, "Windows side"),
])  # fmt: skip
def test_what_cannot_be_asked_is_refused(given: dict[str, Any], windows: bool, says: str) -> None:
    with pytest.raises(BadInput, match="gpu_driver") as refused:
        carried([], windows=windows, **given)
    assert says in str(refused.value)


def test_a_bundle_stands_in_for_the_installer_s_place(tmp_path: Path) -> None:
    (tmp_path / "new.exe").write_bytes(b"MZ")
    sha256 = hashlib.sha256(b"MZ").hexdigest()
    listed = File("new.exe", sha256, 2, "archive")
    (tmp_path / "bundle.yml").write_text(model.text([listed]))
    variables = {"gpuready_bundle": str(tmp_path)}
    needs = {"needs": [{"kind": "driver", "name": "new.exe", "sha256": sha256}]}
    for source in ({"url": "https://x/new.exe"}, {"file": "gone.exe"}):
        answers = [GONE, seen(OLD), needs, {"changed": True}]
        given = {"share": None, **source, "sha256": sha256, "state": "staged"}
        found, asked = carried(answers, variables=variables, **given)
        assert found["changed"] is True
        assert asked[1][1]["source"] == {"name": "new.exe", "sha256": sha256}
    found, asked = carried([], variables=variables, share=None, url="https://x/old.exe?sig=s", sha256="0" * 64)
    assert (found["code"], asked) == ("BUNDLE_INCOMPLETE", [])
    assert found["msg"].partition("; ")[0].endswith("has no file of https://x/old.exe")
