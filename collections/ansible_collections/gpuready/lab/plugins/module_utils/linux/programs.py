# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Running programs on the target, each under a time limit. Sent along with the module: Python 3.9 or newer, POSIX."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, Any

Error = dict[str, str]

MOST_OUTPUT = 8 * 1024 * 1024
MOST_INTERPRETERS = 12
# What a Python says of itself: version, machine, implementation, width of a pointer in bytes.
SAY = (
    "import platform,struct;print(platform.python_version(),platform.machine(),"
    "platform.python_implementation(),struct.calcsize('P'))"
)


class Program:
    """A running program. Its output goes to files, so a grandchild that keeps a pipe open cannot hold us."""

    def __init__(self, path: str, arguments: list[str], limit: float) -> None:
        self.path, self.limit = path, limit
        self.error: Error | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.started = time.monotonic()
        self.output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  read in finish()
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self.process = subprocess.Popen(
                [path, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=self.output,
                stderr=self.errors,
                start_new_session=True,
                env={**os.environ, "LC_ALL": "C"},
            )
        except OSError as error:
            self.error = {"code": "PROGRAM_NOT_STARTED", "message": f"{path}: {error.strerror} [Errno {error.errno}]"}

    def finish(self) -> tuple[dict[str, Any] | None, Error | None]:
        """Wait for the end, no longer than the limit: the value and the error of a piece."""
        if self.process is None:
            return None, self.error
        left = max(self.limit - (time.monotonic() - self.started), 0.01)
        timed_out = False
        try:
            self.process.wait(left)
        except subprocess.TimeoutExpired:
            timed_out = True
            self.error = {"code": "TIME_LIMIT", "message": f"{self.path} did not end within {self.limit:g} seconds"}
            self._kill(self.process)
        value = {
            "path": self.path,
            "rc": None if timed_out else self.process.returncode,
            "stdout": _text(self.output),
            "stderr": _text(self.errors),
            "timed_out": timed_out,
            "seconds": round(time.monotonic() - self.started, 2),
        }
        return value, self.error

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(1)
        except (OSError, subprocess.TimeoutExpired):
            pass  # a program that is stuck in the kernel cannot be killed: it is left behind


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(MOST_OUTPUT).decode("utf-8", "replace")


def start(candidates: tuple[str, ...], arguments: list[str], limit: float) -> Program | None:
    """Start the first of the candidates (paths, names on PATH) that is there; None when there is none."""
    for candidate in map(os.path.expanduser, candidates):  # leaves what it cannot expand; Path's raises
        path = candidate if Path(candidate).is_absolute() else shutil.which(candidate)
        if path and executable(path):
            return Program(path, arguments, limit)
    return None


def executable(path: str) -> bool:
    """Whether this is a file that may be run."""
    return Path(path).is_file() and os.access(path, os.X_OK)


def start_interpreters(home: str | None, limit: float) -> list[tuple[str, Program]]:
    """Ask every Python that is found, all at once, what it is: [(source, program)]. `home`: where ours may be run."""
    return [(source, Program(path, ["-I", "-c", SAY], limit)) for path, source in interpreter_paths(home)]


def finish_interpreters(running: list[tuple[str, Program]]) -> tuple[list[dict[str, Any]], Error | None]:
    """The value of the piece `interpreters`, and the error of the first that did not end."""
    interpreters, slow = [], None
    for source, one in running:
        says, error = one.finish()
        interpreters.append({"path": one.path, "source": source, "says": says})
        if error and error["code"] == "TIME_LIMIT":
            slow = slow or error
    return interpreters, slow


def interpreter_paths(home: str | None) -> list[tuple[str, str]]:
    """Pythons on PATH and those that gpuready brought, each once by its real path: [(path, source)]."""
    places = [(Path(d), "path") for d in os.environ.get("PATH", os.defpath).split(os.pathsep) if d.startswith("/")]
    own = Path(home, "python") if home else None
    places += [(one / "bin", "home") for one in (sorted(own.iterdir()) if own and own.is_dir() else ())]
    interpreters: list[tuple[str, str]] = []
    seen: set[Path] = set()
    for directory, source in places:
        # A shim starts what its tool thinks fit, or says that it starts nothing.
        if directory.name == "shims" or not directory.is_dir() or not os.access(directory, os.R_OK):
            continue
        for path in sorted(directory.iterdir()):
            if re.match(r"^python3(\.\d+)?$", path.name) and executable(str(path)) and path.resolve() not in seen:
                seen.add(path.resolve())
                interpreters.append((str(path), source))
    return interpreters[:MOST_INTERPRETERS]
