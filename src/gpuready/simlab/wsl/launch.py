"""A command in a guest: which guest, started how, and what its end becomes as the end of wsl.exe."""

from __future__ import annotations

import time

from gpuready.simlab.wsl import config, texts
from gpuready.simlab.wsl.distributions import busy
from gpuready.simlab.wsl.errors import WslError, tail
from gpuready.simlab.wsl.host import Command
from gpuready.simlab.wsl.line import Launch
from gpuready.simlab.wsl.run import Run
from gpuready.simlab.wsl.state import INSTALLED, Distribution, Process, User
from gpuready.simlab.wsl.texts import message

NO_USER, NO_TERMINAL = 67, 87  # what init says by an exit code, so that no program can


def launch(run: Run, asked: Launch) -> int:
    """Run it; the exit code."""
    user = run.service()
    folder = _folder(run, asked.folder)
    with run.machine.lock:
        one = _chosen(user, asked)
        process = Process()
        _start(run, user, one)
        user.running[one.guid].add(process)
    try:
        command = Command(one, asked.user, folder, asked.argv, asked.shell, process)
        rc = run.guests.run(command, run.streams)
    finally:
        with run.machine.lock:
            if one.guid in user.running:
                user.running[one.guid].discard(process)
                user.idle_since[one.guid] = time.time()
    if process.ended.is_set():
        return 1  # and no word: its channel closed
    if rc == NO_USER:
        raise WslError("WSL_E_USER_NOT_FOUND")
    if rc == NO_TERMINAL:
        raise WslError("WSL_E_TTY_LIMIT")
    return rc


def _folder(run: Run, given: str | None) -> str | None:
    """Where it starts: Linux paths are Linux' affair, others must be there."""
    if given is None or given[:1] in ("/", "~"):
        return given
    if given[1:3] not in (":\\", ":/"):
        raise WslError("E_INVALIDARG")
    if not run.files.is_folder(given):
        raise WslError("ERROR_FILE_NOT_FOUND")
    return f"/mnt/{given[0].lower()}/" + given[3:].replace("\\", "/")


def _chosen(user: User, asked: Launch) -> Distribution:
    if asked.identifier:
        guid = "{" + asked.identifier.strip("{}").lower() + "}"
        one = user.distributions.get(guid)
        if one is None or one.state != INSTALLED:
            raise WslError("WSL_E_DISTRO_NOT_FOUND", "Service", "CreateInstance", "ReadDistroConfig")
    else:
        one = user.find(asked.distribution) if asked.distribution is not None else user.chosen()
    if one.guid in user.locked:
        raise busy("Service", "CreateInstance")
    return one


def _start(run: Run, user: User, one: Distribution) -> None:
    """Let the guest run, and the machine under it."""
    if one.guid in user.running:
        return
    machine, here = run.machine, ("Service", "CreateInstance")
    if not user.vm:
        if "vmcompute" not in machine.services:
            text = message("MessageEnableVirtualization")
            raise WslError("HCS_E_HYPERV_NOT_INSTALLED", *here, "CreateVm", "HCS", text=text)
        if machine.vm_error:
            code, *contexts = machine.vm_error
            raise WslError(code, *here, "CreateVm", *contexts)
        user.vm, user.settings = True, config.settings(run, user)
        if machine.network_error:
            path = tail(("CreateInstance", "CreateVm", "ConfigureNetworking"), machine.network_error, machine.version)
            text = texts.system(machine.network_error)
            run.warn(message("MessageErrorCode", text, path))
            run.warn(message("MessageNetworkInitializationFailedFallback2", "Nat", "None"))
    if not run.files.is_file(one.disk):
        text = message("MessageFailedToAttachDisk", one.disk, texts.system("ERROR_PATH_NOT_FOUND"))
        raise WslError("ERROR_PATH_NOT_FOUND", *here, "MountDisk", "HCS", text=text)
    user.running[one.guid] = set()
