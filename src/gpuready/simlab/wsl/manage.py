"""`--manage NAME`: one change of a registration."""

from __future__ import annotations

import ntpath
import re

from gpuready.simlab.wsl import distributions
from gpuready.simlab.wsl.errors import Said, WslError
from gpuready.simlab.wsl.line import Arguments
from gpuready.simlab.wsl.run import Run
from gpuready.simlab.wsl.state import Distribution, User
from gpuready.simlab.wsl.texts import message

_OPTIONS = {
    "--set-default-user": "user",
    "--move": "move",
    "--resize": "resize",
    "--set-sparse": "sparse",
    "-s": "sparse",
}
_SIZE = re.compile(r"\d+(B|K|KB|M|MB|G|GB|T|TB)")
_BOOLEANS = ("1", "0", "true", "false")


def manage(run: Run, rest: str) -> None:
    """One of the changes; which, is looked at after the name."""
    words, asked = Arguments({"--allow-unsafe": "unsafe"}, _OPTIONS, 1).parse(rest)
    unsafe = asked.pop("unsafe", None)
    user = run.service()
    one = user.find(words[0] if words else "wsl.exe")
    if len(asked) != 1:
        raise WslError("WSL_E_INVALID_USAGE")
    if one.guid in user.locked:
        raise distributions.busy("Service")
    ((change, value),) = asked.items()
    if change == "user":
        _default_user(run, user, one, value)
    elif change == "move":
        _move(run, user, one, run.caller.absolute(value))
    elif change == "resize":
        if not _SIZE.fullmatch(value):
            raise WslError("E_INVALIDARG", text=message("MessageInvalidSize", value))
        _stopped(user, one)
    else:
        if value not in _BOOLEANS:
            raise WslError("E_INVALIDARG", text=message("MessageInvalidBoolean", value))
        if value in ("1", "true") and not unsafe:
            raise WslError("E_INVALIDARG", text=message("MessageSparseVhdDisabled"))
        _stopped(user, one)
    distributions.done(run)


def _default_user(run: Run, user: User, one: Distribution, name: str) -> None:
    number = run.guests.identifier(one, name)
    if number is None:
        run.streams.err(f"/usr/bin/id: ‘{name}’: no such user\n".encode())
        raise Said("", 1)
    with run.machine.lock:
        if one.default_uid != number:
            user.stop(one.guid)
        one.default_uid = number


def _move(run: Run, user: User, one: Distribution, folder: str) -> None:
    with run.machine.lock:
        _stopped(user, one)
        if any(other.base_path.lower() == folder.lower() for other in user.checked()):
            text = message("MessageDistroInstallPathAlreadyExists")
            raise WslError("ERROR_FILE_EXISTS", "Service", "MoveDistro", text=text)
        run.files.make_folder(folder)
        data, old = run.files.read(one.disk), one.disk
        run.files.write(ntpath.join(folder, one.vhd_file_name), data)
        run.files.remove(old)
        one.base_path = folder


def _stopped(user: User, one: Distribution) -> None:
    if one.guid in user.running:
        raise WslError("WSL_E_DISTRO_NOT_STOPPED", "Service")
