"""wsl.exe itself: a raw command line in, an exit code out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gpuready.simlab import wsl_texts
from gpuready.simlab.wsl import distributions, install, launch, line, listing, manage, texts
from gpuready.simlab.wsl.errors import FAILED, Said, WslError, told
from gpuready.simlab.wsl.run import Run


def wsl(run: Run, command_line: str) -> int:
    """Carry a command line out on the machine of this run; the exit code, unsigned."""
    try:
        asked = line.top(command_line)
        if isinstance(asked, line.Launch):
            return launch.launch(run, asked)
        command = _commands(run, asked.rest).get(asked.name)
        if command is None:
            run.streams.err(f"simlab: wsl.exe --{asked.name.replace('_', '-')} is not modelled\r\n".encode())
            return FAILED
        command()
    except WslError as error:
        run.say(told(_prefixed(run, error), wsl_texts.template(run.machine.language), run.machine.version))
        return FAILED
    except Said as said:
        run.say(said.text)
        return said.rc
    return 0


def _commands(run: Run, rest: str) -> dict[str, Callable[[], None]]:
    return {
        "help": partial(_help, run),
        "version": partial(listing.version, run),
        "status": partial(listing.status, run),
        "list": partial(listing.listed, run, rest),
        "import": partial(distributions.import_, run, rest),
        "import_in_place": partial(distributions.import_in_place, run, rest),
        "export": partial(distributions.export, run, rest),
        "install": partial(install.install, run, rest),
        "update": partial(install.update, run, rest),
        "uninstall": partial(install.uninstall, run, rest),
        "unregister": partial(distributions.unregister, run, rest),
        "set_default": partial(distributions.set_default, run, rest),
        "set_default_version": partial(distributions.set_default_version, run, rest),
        "terminate": partial(distributions.terminate, run, rest),
        "shutdown": partial(distributions.shutdown, run),
        "manage": partial(manage.manage, run, rest),
    }


def _help(run: Run) -> None:
    raise WslError("WSL_E_INVALID_USAGE")


def _prefixed(run: Run, error: WslError) -> WslError:
    """With Admin Protection a distribution may be another account's, and WSL says so first."""
    not_found = ("WSL_E_DISTRO_NOT_FOUND", "WSL_E_DEFAULT_DISTRO_NOT_FOUND")
    if not run.machine.admin_protection or error.code not in not_found:
        return error
    text = f"{texts.message('MessageAdminProtectionEnabled')}\n\n{error.text}"
    return WslError(error.code, *error.contexts, text=text)
