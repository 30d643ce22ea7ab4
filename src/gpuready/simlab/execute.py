"""A command of a PC's shell carried out: read, struck by its faults, run by its model."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import logging
import random
from contextlib import nullcontext
from functools import partial
from typing import Any

from gpuready.simlab import asynchronous, manifest, models, scripts
from gpuready.simlab.disk import DiskFullError, normal
from gpuready.simlab.models import python_environment
from gpuready.simlab.models.guest import GuestPc
from gpuready.simlab.models.home import Home
from gpuready.simlab.pc import USER_PROFILE, Power, SimulatedPc
from gpuready.simlab.schema import Fault
from gpuready.simlab.winrm.messages import Cut
from gpuready.simlab.winrm.shells import Command
from gpuready.simlab.wsl.guests import ModelledGuests

log = logging.getLogger("gpuready.simlab")
NO_SPACE = "There is not enough space on the disk."


def run(pc: SimulatedPc, power: Power, command: Command) -> int:
    """Carry a command out; its exit code."""
    given: list[bytes] = []

    def stdin() -> bytes:
        given.append(command.read())
        return given[-1]

    try:
        request = manifest.read(command.line, stdin)
    except manifest.Unknown as unknown:
        if pc.recorder:
            pc.recorder("refused", command.line, b"".join(given))
        return _refuse(pc, command, str(unknown))
    what = request.name.rsplit(".", 1)[-1] if isinstance(request, manifest.Module) else _helper(request)
    if pc.recorder:
        pc.recorder(what, command.line, b"".join(given))
    log.info("%s: %s", pc.scenario.name, what)
    pc.note(what, isinstance(request, manifest.Module) and request.check)
    strikes = pc.faults.strike(what)
    if isinstance(request, manifest.Module) and request.background:
        return _start(pc, power, request, request.background, strikes, command)
    for fault in strikes:
        if isinstance(request, manifest.Module) and _halves(request, fault):
            python_environment.half_built(pc, request.arguments)
        rc = _strike(pc, power, command, fault)
        if rc is not None:
            return rc
    try:
        if isinstance(request, manifest.Script):
            return scripts.run(pc, power, request.text, command)
        if isinstance(request, manifest.Guest):
            if isinstance(pc.subsystem.guests, ModelledGuests):
                pc.subsystem.guests.host = partial(GuestPc, pc)
            return scripts.guest(pc, request, command)
        if isinstance(request, manifest.Helper):
            return _help(pc, request, command)
        return _module(pc, request, command)
    except manifest.Unknown as unknown:
        return _refuse(pc, command, str(unknown))


def _halves(request: manifest.Module, fault: Fault) -> bool:
    """Whether a building is cut off in the middle by this; a check builds nothing."""
    builds = request.name == "gpuready.lab.python_environment" and not request.check
    return builds and fault.kind in ("cut", "hang", "restart")


def _helper(request: manifest.Helper | manifest.Script | manifest.Guest) -> str:
    if not isinstance(request, manifest.Helper):
        return "script" if isinstance(request, manifest.Script) else "guest"
    return request.name.removesuffix(".ps1").removeprefix("winrm_").removeprefix("powershell_")


def _refuse(pc: SimulatedPc, command: Command, what: str) -> int:
    """Say loudly what is not modelled: to Ansible, and in simlab's own log."""
    log.error("%s: not modelled: %s", pc.scenario.name, what)
    text = f"simlab: {what}"
    command.write("stdout", json.dumps({"failed": True, "msg": text}).encode() + b"\r\n")
    command.write("stderr", text.encode() + b"\r\n")
    return 1


def _strike(pc: SimulatedPc, power: Power, command: Command, fault: Fault) -> int | None:
    """Let one fault happen; an exit code ends the command."""
    log.info("%s: fault %s", pc.scenario.name, fault.kind)
    if fault.kind == "slow":
        command.hang(fault.seconds)
    elif fault.kind == "hang":
        command.hang(fault.seconds or None)
    elif fault.kind == "cut":
        command.hang(fault.seconds)
        command.kill(cut=True)
        raise Cut
    elif fault.kind == "restart":
        power.restart(pc, 0)
        command.hang()
    elif fault.kind == "flood":
        return _flood(command, fault)
    elif fault.kind == "garbage":
        generator = random.Random(fault.text or pc.scenario.name)  # noqa: S311 - the same garbage each time
        said = fault.text.encode() or bytes(generator.randrange(32, 127) for _ in range(2000))
        command.write("stdout", said * max(fault.size // len(said), 1))
        return 0
    elif fault.kind == "fail":
        command.write("stdout", json.dumps(fault.failure()).encode())
        return 1
    elif fault.kind == "disk_full":
        pc.disk.free = 0
    elif fault.kind == "logs_on":
        pc.log_on(fault.text or r"LAB\anna")
    return None


def _flood(command: Command, fault: Fault) -> int:
    """An answer of `size` bytes, without end where there is no size; it is never held here as a whole."""
    piece = (fault.text or "simlab: a flood\n").encode() * 2**15
    sent = 0
    while not fault.size or sent < fault.size:
        command.taken()
        command.write("stdout", piece)
        sent += len(piece)
    return 0


def _start(
    pc: SimulatedPc,
    power: Power,
    request: manifest.Module,
    background: manifest.Background,
    strikes: list[Fault],
    command: Command,
) -> int:
    """Start a job of Ansible's async. What strikes it does so while nobody is connected; a cut strikes the start."""

    def half() -> None:
        if request.name == "gpuready.lab.python_environment":
            python_environment.half_built(pc, request.arguments)

    def work() -> dict[str, Any]:
        return _answer(pc, request, command) if claimed else {"failed": True, "msg": "another run has claimed it"}

    log.info("%s: a job: %s", pc.scenario.name, request.name.rsplit(".", 1)[-1])
    claimed = _claims(pc, request)
    said = asynchronous.start(pc, power, background, strikes if claimed else [], work, half)
    for fault in strikes:
        log.info("%s: fault %s", pc.scenario.name, fault.kind)
        if fault.kind == "cut":
            _strike(pc, power, command, fault)
    command.write("stdout", json.dumps(said).encode() + b"\r\n")
    return 0


def _claims(pc: SimulatedPc, request: manifest.Module) -> bool:
    """Whether a module that is to claim its own job gets it, before anything strikes it."""
    if not (claim := request.arguments.get("claim")):
        return True
    home = Home(pc, str(request.arguments["home"]))
    with pc.lock:
        try:
            return home.refusal() is None and home.claim_job(str(claim["place"]).rpartition("-")[0], claim)
        except DiskFullError:
            return False


def _module(pc: SimulatedPc, request: manifest.Module, command: Command) -> int:
    result = _answer(pc, request, command)
    command.write("stdout", json.dumps(result).encode() + b"\r\n")
    return 1 if result.get("failed") else 0


def _answer(pc: SimulatedPc, request: manifest.Module, command: Command) -> dict[str, Any]:
    """What the module says."""
    model = models.MODELS.get(request.name)
    if model is None:
        known = ", ".join(sorted(models.MODELS))
        raise manifest.Unknown(f"there is no model of the module {request.name} (modelled are {known})")
    arguments = {key: value for key, value in request.arguments.items() if not key.startswith("_ansible_")}
    with nullcontext() if request.name in models.WAITS else pc.lock:
        try:
            result = model(models.Task(pc, arguments, request.check, command, request.become))
        except models.ModuleFailed as failed:
            result = {"failed": True, **failed.result}
        except DiskFullError:
            result = {"failed": True, "msg": NO_SPACE, "code": "DISK_FULL"}
    result.setdefault("changed", False)
    result["invocation"] = {"module_args": arguments}
    return result


def _help(pc: SimulatedPc, request: manifest.Helper, command: Command) -> int:
    """ansible-core's own small scripts."""
    parameters = request.parameters
    if request.name == "powershell_expand_user.ps1":
        path = str(parameters["Path"])
        command.write("stdout", (USER_PROFILE + path[1:] if path[:1] == "~" else path).encode() + b"\r\n")
        return 0
    if request.name == "powershell_mkdtemp.ps1":
        path = normal(pc.expand(str(parameters["Directory"])) + "\\" + str(parameters["Name"]))
        pc.disk.make_folder(path)
        command.write("stdout", path.encode() + b"\r\n")
        return 0
    if request.name == "winrm_put_file.ps1":
        return _put(pc, str(parameters["Path"]), request.lines, command)
    node = pc.disk.get(str(parameters["Path"]))
    if pc.disk.is_folder(str(parameters["Path"])):
        command.write("stdout", b"[DIR]\r\n")
        return 0
    if node is None or node.data is None:
        command.write("stderr", f"{parameters['Path']} does not exist\r\n".encode())
        return 1
    start = int(parameters["Offset"])
    piece = node.data[start : start + int(parameters["BufferSize"])]
    command.write("stdout", base64.b64encode(piece) + b"\r\n" if piece else b"")
    return 0


def _put(pc: SimulatedPc, path: str, lines: list[str], command: Command) -> int:
    try:
        data = b"".join(base64.b64decode(line) for line in lines)
        pc.disk.write(path, data)
    except DiskFullError:
        command.write("stderr", f"simlab: {path}: {NO_SPACE}\r\n".encode())
        return 1
    except binascii.Error:
        raise manifest.Unknown("the lines of winrm_put_file.ps1 are not base64") from None
    command.write("stdout", json.dumps({"sha1": hashlib.sha1(data).hexdigest()}).encode() + b"\r\n")  # noqa: S324
    return 0
