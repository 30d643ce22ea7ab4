"""Model of gpuready.lab.gpu_driver: what Windows says of the GPUs, and installers that are a line of text.

`driver 32.0.15.8097` is an installer that brings this driver; more words may follow it: `radeon 25.3.1`, `rc 14`,
`restart` (it takes effect then), `nothing` (it brings none).
"""

from __future__ import annotations

import hashlib
import io
import itertools
import ntpath
import zipfile
from typing import Any

from gpuready.simlab import documents, gpus, programs
from gpuready.simlab.gpus import CLASS_KEY, ENUM_KEY
from gpuready.simlab.models.gpu_facts import Collector
from gpuready.simlab.models.home import Home, fail
from gpuready.simlab.models.model import Task, model
from gpuready.simlab.pc import SimulatedPc
from gpuready.simlab.schema import Driver

_ARGUMENTS = (
    *("state", "id", "home", "source", "uploaded", "inf", "arguments", "expected", "restart_codes", "time_limit"),
    *("lock_wait", "windows_update", "accept_licence"),
)
_PIECES = ("display_class", "video_controllers", "pnp_display")


@model("gpuready.lab.gpu_driver")
def gpu_driver(task: Task) -> dict[str, Any]:
    """Look, put the installer there, or run it."""
    task.only(*_ARGUMENTS)
    given, pc = task.arguments, task.pc
    home = Home(pc, str(given.get("home") or documents.HOME).rstrip("\\"))
    home.check()
    state, source = given.get("state") or "present", given.get("source") or {}
    task.need("id")
    mark = f"driver {source.get('sha256') or given['id']}"
    result: dict[str, Any] = {
        "changed": False,
        "ran": False,
        "timed_out": False,
        "needs": [],
        "tail": [],
        "installer_rc": None,
        "seconds": None,
        "update": None,
        "after": None,
        "before": _pieces(pc, home),
        "number": _number(pc, str(given["id"])),
        "restart_pending": mark in pc.boot_marks,
    }
    if state == "looked" or task.check:
        return result
    if given.get("windows_update"):
        if str(given.get("expected") or "") != result["number"]:
            return result
        update = _update(pc, str(given["id"]), bool(given.get("accept_licence")), task.become)
        if update["restart"]:
            pc.boot_marks.add(mark)
        result |= {"changed": True, "ran": True, "update": update, "seconds": 0.1, "after": _pieces(pc, home)}
        return {**result, "restart_pending": mark in pc.boot_marks}
    there = pc.disk.get(_place(home, source)) is not None
    data = _archive(home, source, given.get("uploaded") or {})
    if data is None:
        needs = {"kind": "driver", "name": source["name"], "sha256": source["sha256"]}
        return {**result, "needs": [needs]}
    if state == "staged" or str(given.get("expected") or "") != result["number"]:
        return {**result, "changed": state == "staged" and not there}
    pc.disk.remove(_place(home, source))
    rc = _run(pc, str(given["id"]), _words(data, given.get("inf")))
    if rc in (given.get("restart_codes") or []):
        pc.boot_marks.add(mark)
    result |= {"changed": True, "ran": True, "installer_rc": rc, "seconds": 0.1, "after": _pieces(pc, home)}
    return {**result, "restart_pending": mark in pc.boot_marks}


def _pieces(pc: SimulatedPc, home: Home) -> dict[str, Any]:
    collector = Collector(pc, home, 20, [])
    return {name: collector.piece(name) for name in _PIECES}


def _key(pc: SimulatedPc, device: str) -> str | None:
    """The GPU's key in the display class."""
    place = pc.registry.value(rf"{ENUM_KEY}\{device}", "Driver")
    return rf"{CLASS_KEY}\{str(place).rpartition(chr(92))[2]}" if place else None


def _number(pc: SimulatedPc, device: str) -> str:
    key = _key(pc, device)
    return str(pc.registry.value(key, "DriverVersion") or "") if key else ""


def _place(home: Home, source: dict[str, Any]) -> str:
    name = source.get("name") or ntpath.basename(str(source.get("path") or source.get("url")))
    return rf"{home.path}\downloads\{str(source['sha256'])[:12]}-{name}"


def _archive(home: Home, source: dict[str, Any], uploaded: dict[str, str]) -> bytes | None:
    """The installer, whose sha256 is that which is meant; None where the controller is to send it."""
    disk, wanted = home.disk, str(source["sha256"])
    if "url" in source:
        raise fail("ARCHIVE_UNREACHABLE", f"{source['url']} cannot be fetched: a simulated PC has no network")
    path = str(source.get("path") or uploaded.get(wanted) or _place(home, source))
    node = disk.get(path)
    if node is None:
        if "path" in source:
            raise fail("ARCHIVE_MISSING", f"{path}: there is no such archive on the controller, and none on the PC")
        return None
    data = node.data or b""
    if (is_ := hashlib.sha256(data).hexdigest()) != wanted:
        raise fail("HASH_MISMATCH", f"{ntpath.basename(path)}: its sha256 is {is_}, not {wanted}; it was not used")
    if wanted in uploaded:
        disk.remove(path)
        disk.write(_place(home, source), data)
    return data


def _words(data: bytes, inf: object) -> list[str]:
    """What the installer does; of an archive, what the text of its INF file says."""
    if inf:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                data = archive.read(str(inf))
        except (KeyError, zipfile.BadZipFile):
            raise fail("ARCHIVE_UNREADABLE", f"the archive holds no {inf}") from None
    words = data.decode("utf-8", "replace").split()
    if words[:1] != ["driver"] or len(words) < 2:
        raise fail("PROGRAM_NOT_STARTED", "simlab: this is no simulated installer (a text: driver 32.0.15.8097)")
    return words


def _update(pc: SimulatedPc, device: str, accept: bool, user: str) -> dict[str, Any]:
    """What Windows Update does, in the words of WindowsUpdate.psm1."""
    offers = pc.scenario.windows_update
    policy = {"access_disabled": offers.off, "drivers_excluded": False, "service_disabled": False}
    said: dict[str, Any] = {
        "policy": {**policy, "server": offers.server},
        "step": "policy",
        "title": "",
        "result": None,
    }
    said |= {"hresult": 0, "restart": False}
    if offers.off:
        return said
    number = next((one for one in offers.drivers if f"DEV_{one}".upper() in device.upper()), None)
    if number is None:
        return {**said, "step": "search"}
    words = offers.drivers[number].split()
    said["title"] = f"Display - {words[0]}"
    if offers.licence and not accept:
        return {**said, "step": "licence"}
    if user != "SYSTEM":
        return {**said, "step": "download", "hresult": -2147024891}
    _run(pc, device, ["driver", *words])
    return {**said, "step": "install", "result": 2, "restart": "restart" in words}


def _run(pc: SimulatedPc, device: str, words: list[str]) -> int:
    said = dict(itertools.pairwise(words))
    if "restart" in words:
        pc.at_restart.append(lambda: _bring(pc, device, words[1], said.get("radeon")))
    elif "nothing" not in words:
        _bring(pc, device, words[1], said.get("radeon"))
    return int(said.get("rc", 0))


def _bring(pc: SimulatedPc, device: str, version: str, radeon: str | None) -> None:
    """The GPU runs on this driver, and all that Windows says of it follows."""
    there = pc.scenario.gpus
    position = next(n for n in range(len(there)) if gpus.device_id(pc.scenario, n).upper() == device.upper())
    gpu = there[position]
    before = gpu.driver if isinstance(gpu.driver, Driver) else Driver(version=version)
    driver = before.model_copy(update={"version": version, "inf": "oem90.inf", "provider": None})
    if radeon:
        driver = driver.model_copy(update={"radeon_software": radeon})
    new = gpu.model_copy(update={"driver": driver, "problem_code": None})
    pc.scenario = scenario = pc.scenario.model_copy(update={"gpus": [new if one is gpu else one for one in there]})
    if smi := programs.for_pc(scenario, pc.subsystem).get(programs.NVIDIA_SMI):
        pc.programs[programs.NVIDIA_SMI] = smi
    pc.cim["Win32_VideoController"] = gpus.controllers(scenario)
    pc.cim["Win32_PnPEntity"] = gpus.entities(scenario)
    for key in [f"{CLASS_KEY}\\{number}" for number in pc.registry.subkeys(CLASS_KEY)]:
        pc.registry.remove(key)
    for key, values in gpus.registry(scenario).items():
        pc.registry.set(key, values)
