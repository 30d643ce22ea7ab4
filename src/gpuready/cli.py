"""The command line. Exit codes: 0 all as asked, 2 some PC is not ready, 1 could not run or a PC's variables
are wrong, 130 stopped by Ctrl-C.

`gpuready facts` is 0 when every PC gave its facts, `gpuready plan` and `explain` when every PC has a stack and nothing
stands in its way, `provision` and `verify` when every PC is ready or was skipped, `report` when every PC is ready.

This module is small so that Ctrl-C while the rest is loaded is no traceback either.
"""

from __future__ import annotations

import json
import os
import sys
from typing import NoReturn


def main(arguments: list[str] | None = None) -> NoReturn:
    """The program `gpuready`. Every error is one line on standard error; with --json a document says it too."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        code = _run(given)
    except KeyboardInterrupt:
        code = _failed("stopped", given, 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains once more at its end
        code = 1
    sys.exit(code)


def _run(given: list[str]) -> int:
    import typer

    from gpuready import commands, errors

    try:
        code = commands.app(args=given, prog_name="gpuready", standalone_mode=False)
    except commands.StoppedError as stop:
        return _failed(str(stop), given, 130)
    except typer.Abort:
        return _failed("stopped", given, 130)
    except errors.GpureadyError as error:
        return _failed(str(error), given)
    except commands.UsageError as error:
        return _failed(error.format_message(), given)
    except BrokenPipeError:
        raise
    except OSError as error:
        return _failed(f"{error.filename or 'writing'}: {error.strerror}", given)
    return code if isinstance(code, int) else 0


def _failed(message: str, given: list[str], code: int = 1) -> int:
    line = " ".join(message.split())
    if "--json" in given:
        sys.stdout.write(json.dumps({"schema_version": 1, "error": {"message": line}}, ensure_ascii=False) + "\n")
    sys.stderr.write(f"gpuready: {line}\n")
    return code
