"""The command line. Exit codes: 0 all as asked, 2 some PC is not ready, 1 could not run or a PC's variables
are wrong, 130 stopped by Ctrl-C, by a termination, or because the terminal is gone.

`gpuready facts` is 0 when every PC gave its facts, `gpuready plan` and `explain` when every PC has a stack and nothing
stands in its way, `provision` and `verify` when every PC is ready or was skipped, `report` when every PC is ready,
`remove` when nothing went wrong on any PC.

This module is small so that Ctrl-C while the rest is loaded is no traceback either.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import Any, NoReturn, TextIO

from gpuready import plain


def main(arguments: list[str] | None = None) -> NoReturn:
    """The program `gpuready`. Every error is one line on standard error; with --json a document says it too."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        _open_streams()
        _stop_on_signals()
        code = _run(given)
        sys.stdout.flush()  # what cannot be written shall show here, not after the end
    except KeyboardInterrupt:
        code = _failed("stopped", given, 130)
    except BrokenPipeError:
        _give_up(sys.stdout)
        code = 1
    except OSError as error:
        _give_up(sys.stdout)
        code = _failed(f"{error.filename or 'writing'}: {error.strerror}", given)
    sys.exit(code)


def _open_streams() -> None:
    """A stream that was closed (`>&-`) leads nowhere; else the next file that is opened takes its place."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115  for the whole run


def _stop_on_signals() -> None:
    """A termination and the loss of the terminal end the program as Ctrl-C does; `nohup` still holds."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            with suppress(ValueError):  # only the main thread can
                signal.signal(number, _stop)


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def _give_up(stream: TextIO) -> None:
    """What is left of the output goes nowhere: else Python complains once more at its end, with a code of its own."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(given: list[str]) -> int:
    import typer

    from gpuready import commands, errors

    try:
        code = commands.app(args=given, prog_name="gpuready", standalone_mode=False)
    except errors.StoppedError as stop:
        return _failed(str(stop), given, 130)
    except typer.Abort:
        return _failed("stopped", given, 130)
    except errors.GpureadyError as error:
        return _failed(str(error), given)
    except commands.UsageError as error:
        return _failed(_with_help(error), given)
    return code if isinstance(code, int) else 0


def _with_help(error: Any) -> str:
    """What click says of wrong options, and where the right ones stand."""
    message = str(error.format_message()).rstrip(".")
    path = getattr(getattr(error, "ctx", None), "command_path", None) or "gpuready"
    return f"{message}: {path} -h says what there is" if "Did you mean" not in message else message


def _failed(message: str, given: list[str], code: int = 1) -> int:
    line = " ".join(plain.clean(message).split())
    try:
        if "--json" in given:
            sys.stdout.write(plain.to_json({"schema_version": 1, "error": {"message": line}}) + "\n")
            sys.stdout.flush()
    except OSError:
        _give_up(sys.stdout)
    try:
        sys.stderr.write(f"gpuready: {line}\n")
        sys.stderr.flush()
    except OSError:  # a terminal that is gone
        _give_up(sys.stderr)
    return code
