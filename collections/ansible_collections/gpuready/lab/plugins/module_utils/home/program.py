# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Running a program on a Linux PC to its end, or to its limit, with its children.

Runs on the PC, under Python 3.9 or later.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress

from .folder import Home, Trouble


def run_program(argv: list[str], phase: str, limit: float, variables: Mapping[str, str], home: Home | None) -> str:
    """Run a program to its end, or to the limit, with its children; its stdout."""
    held = home.lock_handle if home else None
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=str(home.path) if home and home.path.is_dir() else "/",
            env=dict(variables),
            start_new_session=True,
            pass_fds=(held,) if held is not None else (),
            preexec_fn=_die_with_parent,
        )
    except OSError as error:
        why = f"{error.strerror} [Errno {error.errno}]"  # the number says why in any language
        raise Trouble("UV_FAILED", f"{argv[0]} cannot be started: {why}", phase) from None
    try:
        out, err = process.communicate(timeout=max(0.1, limit))
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise Trouble(
            "ENVIRONMENT_TIME_LIMIT", f"{phase}: not done after {limit:.0f} seconds, and stopped", phase
        ) from None
    text = out.decode("utf-8", "replace")
    if process.returncode != 0:
        tail = "\n".join((text + "\n" + err.decode("utf-8", "replace")).strip().splitlines()[-40:])
        raise Trouble("UV_FAILED", f"{phase} ended with {process.returncode}", phase, process.returncode, tail)
    return text


def _die_with_parent() -> None:
    """When the connection is cut and we are killed, uv must not go on behind the next run's back."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
