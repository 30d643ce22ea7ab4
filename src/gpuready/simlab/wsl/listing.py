"""`--version`, `--status`, `--list`: what there is, in words."""

from __future__ import annotations

from gpuready.simlab import wsl_texts
from gpuready.simlab.wsl.errors import Said, WslError
from gpuready.simlab.wsl.line import Arguments
from gpuready.simlab.wsl.run import Run
from gpuready.simlab.wsl.state import INSTALLED, INSTALLING, UNINSTALLING, Distribution, User
from gpuready.simlab.wsl.texts import message

_LIST = {
    "-v": "verbose", "--verbose": "verbose", "-q": "quiet", "--quiet": "quiet", "--all": "all", "--running": "running",
    "-o": "online", "--online": "online",
}  # fmt: skip


def version(run: Run) -> None:
    """Seven lines. Asks no service, so it works where WSL does not."""
    machine = run.machine
    run.say(wsl_texts.versions(machine.language, machine.version, machine.kernel, machine.windows))


def status(run: Run) -> None:
    """Name and version of the default, and what is missing; it never fails for that."""
    user = run.service()
    try:
        run.say(message("MessageStatusDefaultDistro", user.chosen().name) + "\n")
    except WslError as error:
        if error.code != "WSL_E_DEFAULT_DISTRO_NOT_FOUND":
            raise
    run.say(message("MessageStatusDefaultVersion", user.default_version) + "\n")
    if "lxssmanager" not in run.machine.services:
        run.say(message("MessageWsl1NotSupported") + "\n")
    if "vmcompute" not in run.machine.services:
        run.say(message("MessageEnableVirtualization") + "\n")


def listed(run: Run, rest: str) -> None:
    """`--list` in its forms."""
    asked = set(Arguments(_LIST).parse(rest)[1])
    if {"quiet", "verbose"} <= asked or {"all", "running"} <= asked or ("online" in asked and asked != {"online"}):
        raise WslError("WSL_E_INVALID_USAGE")
    user = run.service()
    if "online" in asked:
        text = message("MessageCouldFetchDistributionList", "https://aka.ms/wsl-distribution-list", "")
        raise WslError("WININET_E_CANNOT_CONNECT", text=text)
    every = user.checked("EnumerateDistros")
    default = user.default
    every.sort(key=lambda one: one.guid != default)
    if "verbose" in asked:
        _table(run, user, every)
        return
    if "running" in asked:
        every = [one for one in every if one.guid in user.running]
    elif "all" not in asked:
        every = [one for one in every if one.state == INSTALLED and one.guid not in user.locked]
    if "quiet" in asked:
        run.say("".join(f"{one.name}\n" for one in every))
        return
    if not every:
        if "running" in asked:
            raise Said(message("MessageNoRunningDistro") + "\n")
        raise WslError("WSL_E_DEFAULT_DISTRO_NOT_FOUND")
    names = [message("MessagePrintDistroDefault", one.name) if one.guid == default else one.name for one in every]
    run.say("\n".join([message("MessageRegisteredDistrosHeader"), *names, ""]))


def _table(run: Run, user: User, every: list[Distribution]) -> None:
    if not every:
        raise WslError("WSL_E_DEFAULT_DISTRO_NOT_FOUND")
    width = max(len(one.name) for one in every) + 4
    lines = [f"  {'NAME':<{width}}{'STATE':<16}VERSION"]
    for one in every:
        mark = "*" if one.guid == user.default else " "
        kind = 2 if one.flags & 8 else 1
        lines.append(f"{mark} {one.name:<{width}}{_state(user, one):<16}{kind}")
    run.say("\n".join([*lines, ""]))


def _state(user: User, one: Distribution) -> str:
    """A word that no language changes."""
    if one.guid in user.locked:
        return user.locked[one.guid]
    if one.state == INSTALLED:
        return "Running" if one.guid in user.running else "Stopped"
    return {INSTALLING: "Installing", UNINSTALLING: "Uninstalling"}[one.state]
