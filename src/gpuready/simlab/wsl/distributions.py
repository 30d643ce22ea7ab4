"""Registrations come and go: import, export, unregister, the default, terminate, shutdown."""

from __future__ import annotations

import ntpath
import re

from gpuready.simlab.wsl import texts
from gpuready.simlab.wsl.errors import Said, WslError
from gpuready.simlab.wsl.line import Arguments, word
from gpuready.simlab.wsl.run import Run
from gpuready.simlab.wsl.state import INSTALLED, INSTALLING, UNINSTALLING, Distribution, User, new_guid
from gpuready.simlab.wsl.texts import message

_NAME = re.compile(r"[a-zA-Z0-9._-]{1,256}")
_DISKS = (".vhd", ".vhdx")
_KINDS = ("tar", "tar.gz", "tar.xz", "vhd")
BUSY = message("MessageInvalidState")


def busy(*contexts: str) -> WslError:
    """What is said where something else is being done to the distribution."""
    return WslError("E_ILLEGAL_STATE_CHANGE", *contexts, text=BUSY)


def import_(run: Run, rest: str) -> None:
    """`--import NAME DIR FILE`: the key with State 3 comes first, State 1 last; a failure takes all of it back."""
    words, asked = Arguments({"--vhd": "vhd"}, {"--version": "version"}, 3).parse(rest)
    if len(words) < 3:
        raise WslError("WSL_E_INVALID_USAGE")
    if asked.get("version", "2") not in ("1", "2"):
        raise WslError("ERROR_VERSION_PARSE_ERROR")
    name, folder = words[0], run.caller.absolute(words[1])
    made = not run.files.is_folder(folder)
    if made and not run.files.is_folder(ntpath.dirname(folder)):
        raise WslError("ERROR_PATH_NOT_FOUND")
    if words[2] == "-":
        data = run.streams.read()
    else:
        source = run.caller.absolute(words[2])
        if not run.files.is_file(source):
            raise WslError("ERROR_FILE_NOT_FOUND")
        if source.lower().endswith(_DISKS) and "vhd" not in asked:
            raise Said(message("MessagePassVhdFlag") + "\n")
        data = run.files.read(source)
    run.files.make_folder(folder)
    version = int(asked.get("version", run.machine.user(run.caller.sid).default_version))
    try:
        register(run, name, folder, data, version, disk=ntpath.basename(words[2]) if "vhd" in asked else None)
    except WslError:
        if made and run.files.is_folder(folder) and run.files.is_empty(folder):
            run.files.remove(folder)
        raise
    done(run)


def register(run: Run, name: str, folder: str, data: bytes, version: int, *, disk: str | None = None) -> Distribution:
    """Make a registration of an archive, or of a `disk` of this name; a failure takes all of it back."""
    user, one = begin(run, name, folder, version, vhd=disk is not None, disk=disk or "ext4.vhdx")
    try:
        _fill(run, one, data, vhd=disk is not None)
    except WslError:
        with run.machine.lock:
            _forget(run, user, one)
        raise
    with run.machine.lock:
        one.state = INSTALLED
        user.locked.pop(one.guid, None)
        if user.default not in user.distributions or user.default == one.guid:
            user.default = one.guid
    return one


def import_in_place(run: Run, rest: str) -> None:
    """`--import-in-place NAME FILE`: a disk that lies there becomes a distribution where it lies."""
    words, _ = Arguments({}, {}, 2).parse(rest)
    if len(words) < 2:
        raise WslError("WSL_E_INVALID_USAGE")
    source = run.caller.absolute(words[1])
    if not run.files.is_file(source):
        raise WslError("ERROR_FILE_NOT_FOUND", "Service", "RegisterDistro")
    if not source.lower().endswith(_DISKS):
        text = message("MessageRequiresFileExtensions", *_DISKS)
        raise WslError("WSL_E_IMPORT_FAILED", "Service", "RegisterDistro", text=text)
    folder, disk = ntpath.split(source)
    with run.machine.lock:
        user, one = begin(run, words[0], folder, 2, vhd=True, disk=disk, in_place=True)
        one.flavor, one.os_version = run.guests.release(one)
        one.state = INSTALLED
        user.locked.pop(one.guid, None)
        if user.default not in user.distributions:
            user.default = one.guid
    done(run)


def begin(
    run: Run, name: str, folder: str, version: int, *, vhd: bool, disk: str, in_place: bool = False
) -> tuple[User, Distribution]:
    """The service's part before anything is unpacked: checks, the key, the disk."""
    with run.machine.lock:
        user = run.service()
        if not _NAME.fullmatch(name) or name.lower() == "legacy":
            text = message("MessageInvalidInstallDistributionName", name)
            raise WslError("E_INVALIDARG", "Service", "RegisterDistro", text=text)
        if version == 1 and vhd:
            raise WslError("WSL_E_WSL2_NEEDED", "Service", "RegisterDistro")
        if version == 1 and "lxssmanager" not in run.machine.services:
            raise WslError("WSL_E_WSL1_NOT_SUPPORTED", "Service", "RegisterDistro")
        for one in user.checked("RegisterDistro"):
            if one.name.lower() == name.lower():
                if one.state != INSTALLED:
                    raise busy("Service", "RegisterDistro")
                text = message("MessageDistroNameAlreadyExists")
                raise WslError("ERROR_ALREADY_EXISTS", "Service", "RegisterDistro", text=text)
            if one.base_path.lower() == folder.lower():
                text = message("MessageDistroInstallPathAlreadyExists")
                raise WslError("ERROR_FILE_EXISTS", "Service", "RegisterDistro", text=text)
        new = Distribution(new_guid(), name, folder, INSTALLING, flags=15 if version == 2 else 7, vhd_file_name=disk)
        if run.files.is_file(new.disk) and not in_place:
            text = message("MessageFailedToCreateDisk", new.disk, texts.system("ERROR_FILE_EXISTS"))
            raise WslError("ERROR_FILE_EXISTS", "Service", "RegisterDistro", text=text)
        user.distributions[new.guid] = new
        user.locked[new.guid] = "Installing"
        if not in_place:
            run.files.write(new.disk, b"")
        return user, new


def _fill(run: Run, one: Distribution, data: bytes, *, vhd: bool) -> None:
    if vhd:
        if not one.vhd_file_name.lower().endswith(_DISKS):
            text = message("MessageRequiresFileExtensions", *_DISKS)
            raise WslError("WSL_E_IMPORT_FAILED", "Service", "RegisterDistro", text=text)
        run.files.write(one.disk, data)  # a copy of bytes: no look at what they are
        return
    against = run.guests.unpack(one, data)
    if against is not None:
        run.streams.err(against.encode())
        raise WslError("WSL_E_IMPORT_FAILED", "Service", "RegisterDistro")
    if not run.guests.is_linux(one):
        raise WslError("WSL_E_NOT_A_LINUX_DISTRO", "Service", "RegisterDistro")
    one.flavor, one.os_version = run.guests.release(one)


def _forget(run: Run, user: User, one: Distribution) -> None:
    """Take a registration away with its disk, and its folder where nothing else is in it."""
    one.state = UNINSTALLING
    user.stop(one.guid)
    run.guests.remove(one)
    run.files.remove(one.disk)
    if run.files.is_folder(one.base_path) and run.files.is_empty(one.base_path):
        run.files.remove(one.base_path)
    user.distributions.pop(one.guid, None)
    user.locked.pop(one.guid, None)
    if user.default == one.guid:
        user.default = next((key for key, other in user.distributions.items() if other.state == INSTALLED), None)


def export(run: Run, rest: str) -> None:
    """`--export NAME FILE`: FILE is made before NAME is looked up, and deleted on failure."""
    words, asked = Arguments({"--vhd": "vhd"}, {"--format": "format"}, 2).parse(rest)
    if len(words) < 2:
        raise WslError("WSL_E_INVALID_USAGE")
    kind = "vhd" if "vhd" in asked else asked.get("format", "tar")
    if kind not in _KINDS:
        raise WslError("E_INVALIDARG")
    target = None if words[1] == "-" else run.caller.absolute(words[1])
    if target:
        if not run.files.is_folder(ntpath.dirname(target)):
            raise WslError("ERROR_PATH_NOT_FOUND")
        run.files.write(target, b"")
    try:
        data = _packed(run, words[0], kind, target)
    except WslError:
        if target:
            run.files.remove(target)
        raise
    if target is None:
        run.streams.out(data)
        return
    run.files.write(target, data)
    done(run)


def _packed(run: Run, name: str, kind: str, target: str | None) -> bytes:
    with run.machine.lock:
        user = run.service()
        one = user.find(name)
        if one.guid in user.locked:
            raise busy("Service")
        ending = ntpath.splitext(one.vhd_file_name)[1]
        if kind == "vhd" and not one.flags & 8:
            raise WslError("WSL_E_WSL2_NEEDED", "Service")
        if kind == "vhd" and target and not target.lower().endswith(ending):
            text = message("MessageRequiresFileExtension", ending)
            raise WslError("WSL_E_EXPORT_FAILED", "Service", text=text)
        user.stop(one.guid)
        user.locked[one.guid] = "Exporting"
    try:
        return run.files.read(one.disk) if kind == "vhd" else run.guests.pack(one, kind)
    finally:
        with run.machine.lock:
            user.locked.pop(one.guid, None)


def unregister(run: Run, rest: str) -> None:
    """`--unregister NAME`, in any State: what a killed import left is healed by it."""
    with run.machine.lock:
        user = run.service()
        one = user.find(_name(rest), any_state=True)
        if one.guid in user.locked:
            raise busy("Service", "UnregisterDistro")
        _forget(run, user, one)
    done(run)


def set_default(run: Run, rest: str) -> None:
    """`--set-default NAME`."""
    with run.machine.lock:
        user = run.service()
        user.default = user.find(_name(rest)).guid
    done(run)


def set_default_version(run: Run, rest: str) -> None:
    """`--set-default-version 1|2`: writes the registry, asks no service."""
    wanted = _name(rest)
    if wanted not in ("1", "2"):
        raise WslError("ERROR_VERSION_PARSE_ERROR")
    if wanted == "1" and "lxssmanager" not in run.machine.services:
        raise WslError("WSL_E_WSL1_NOT_SUPPORTED")
    if wanted == "2":
        run.say(message("MessageVmModeConversionInfo") + "\n")
    run.machine.user(run.caller.sid).default_version = int(wanted)
    done(run)


def terminate(run: Run, rest: str) -> None:
    """`--terminate NAME`: a success also where nothing ran."""
    with run.machine.lock:
        user = run.service()
        user.stop(user.find(_name(rest)).guid)
    done(run)


def shutdown(run: Run) -> None:
    """`--shutdown`: the caller's guests alone, and no word."""
    with run.machine.lock:
        run.service().stop_all()


def done(run: Run) -> None:
    """Windows' text of success."""
    run.say(texts.system("ERROR_SUCCESS") + "\n")


def _name(rest: str) -> str:
    """The raw word behind an option of the top level: quotes stay in it."""
    name, _ = word(rest)
    if not name:
        raise WslError("WSL_E_INVALID_USAGE")
    return name
