# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""gpuready's home on a Linux PC: its folders, its files written whole, and the lock that keeps two runs apart.

Runs on the PC, under Python 3.9 or later.
"""

from __future__ import annotations

import datetime
import errno
import fcntl
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .contents import environment_folders, json_of

OWN = (
    *("environments", "current", "passes", "bin", "python", "downloads", "wheelhouse", "cache", "tmp"),
    *("jobs", "jupyter", "uv", "README.txt", ".lock"),
)
REMOVING = ".removing-"


class Trouble(Exception):  # noqa: N818 - a finding, not always an error
    """What stopped the work: a stable code, one line for a person, and perhaps the last lines of a program."""

    def __init__(self, code: str, message: str, phase: str = "", rc: int | None = None, details: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.phase, self.rc, self.details = code, message, phase, rc, details
        self.failures: list[dict[str, Any]] = []  # {rc, details}, where several ways were tried

    def reason(self, path: Path) -> str:
        """Why a program that is there does not run, to stand behind what could not be had: blocked is not missing."""
        last = next((line.strip() for line in reversed(self.details.splitlines()) if line.strip()), "")
        said = ": ".join(text for text in (self.message, last) if text)
        return f"; {said}" if str(path) in said else f"; {path}: {said}"


def of_os(error: OSError, doing: str) -> Trouble:
    """What an error of the operating system means here."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Trouble("DISK_FULL", f"the disk is full: {doing}{where}")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Trouble(
            "HOME_NOT_WRITABLE", f"no right to write: {doing}{where}: {error.strerror} [Errno {error.errno}]"
        )
    return Trouble(
        "ENVIRONMENT_FAILED",
        f"{doing}{where}: {error.strerror} [Errno {error.errno}]" if error.errno else f"{doing}{where}: {error}",
    )


def now() -> str:
    """The time in UTC, ISO 8601."""
    moment = datetime.datetime.now(datetime.timezone.utc)  # noqa: UP017 - Python 3.9
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def write_whole(path: Path, text: str, mode: int = 0o644) -> bool:
    """Write a text file beside, then rename; whether that changed anything."""
    with suppress(OSError, UnicodeDecodeError):
        if path.read_text(encoding="utf-8") == text and stat.S_IMODE(path.stat().st_mode) == mode:
            return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=str(path.parent), prefix=".new-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
    return True


def sync(folder: Path) -> None:
    """Bring what was renamed in a folder to the disk: it outlives a crash that follows at once."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def as_json(value: dict[str, Any]) -> str:
    """The form in which our files are written."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


class Home:
    """The folder that holds everything of gpuready on this PC."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environments, self.interpreters = path / "environments", path / "python"
        self.downloads, self.wheelhouse = path / "downloads", path / "wheelhouse"
        self.cache, self.tmp = path / "cache", path / "tmp"
        self._lock: int | None = None

    def environment(self, stack: str, lock_sha256: str) -> Path:
        """Where the environment of this lock of a stack lives."""
        return self.environments / f"{stack}-{lock_sha256[:12]}"

    def current(self, stack: str) -> Path:
        """The file that says which environment of a stack is the current one."""
        return self.path / "current" / f"{stack}.json"

    def last_pass(self, stack: str) -> Path:
        """The file that says what the last pass of a stack was bound to."""
        return self.path / "passes" / f"{stack}.json"

    def trying(self, stack: str) -> Path:
        """Where the last pass lies while a training is under way: a look finds none."""
        return self.path / "passes" / f"{stack}.trying"

    def launcher(self, stack: str) -> Path:
        """How a student starts a stack."""
        return self.path / "bin" / stack

    def environments_of(self, stack: str) -> list[Path]:
        """The environments of a stack, complete or not."""
        return [path for path in environment_folders(self.path) if path.name.rpartition("-")[0] == stack]

    def make(self) -> None:
        """Make the folder, readable for every user when an administrator makes it."""
        try:
            for folder in (self.path, self.environments, self.downloads, self.cache, self.tmp):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise of_os(error, "making gpuready's folder") from None

    @property
    def lock_handle(self) -> int | None:
        """The open lock, which a program that we start inherits: the home stays locked until it has ended too."""
        return self._lock

    @contextmanager
    def locked(self, wait: float) -> Iterator[None]:
        """Hold the home alone. The kernel lets go when the holder dies, so a stale file locks nobody out."""
        file = self.path / ".lock"
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise of_os(error, "locking gpuready's folder") from None
        try:
            deadline = time.monotonic() + wait
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() >= deadline:
                        holder = json_of(file)
                        raise Trouble(
                            "ENVIRONMENT_BUSY",
                            f"another run works in {self.path} (process {holder.get('pid', 'unknown')}, since "
                            f"{holder.get('since', 'unknown')}); wait until it has ended, then run again",
                        ) from None
                    time.sleep(0.2)
            os.truncate(handle, 0)
            os.pwrite(handle, as_json({"pid": os.getpid(), "boot": boot(), "since": now()}).encode(), 0)
            self._lock = handle
            yield
        finally:
            self._lock = None
            os.close(handle)

    def remove(self, path: Path) -> bool:
        """Take a file or folder away. A folder is renamed first, so that half of it is never taken for the whole."""
        if not path.exists() and not path.is_symlink():
            return False
        if path.is_symlink() or not path.is_dir():
            path.unlink()
            return True
        aside = path
        if not path.name.startswith(REMOVING):
            aside = path.parent / f"{REMOVING}{os.getpid()}-{path.name}"
            path.rename(aside)
        shutil.rmtree(aside, onerror=_writable_then_again)
        return True

    def sweep(self) -> None:
        """Take away what an interrupted run left half removed or half written."""
        for folder in (self.environments, self.interpreters):
            for path in folder.glob(".*") if folder.is_dir() else ():
                if path.name.startswith((REMOVING, ".new-")):
                    self.remove(path)
        self.remove(self.tmp)
        self.tmp.mkdir(parents=True, exist_ok=True)

    def open_to_all(self, path: Path) -> int:
        """Let every user read and run what is below a folder, nobody but us write it; its size in bytes."""
        size = 0
        for directory, _, files in os.walk(path):
            _give(Path(directory), 0o755)
            for name in files:
                status = os.lstat(os.path.join(directory, name))  # noqa: PTH118 - tens of thousands of files
                if stat.S_ISREG(status.st_mode):
                    size += status.st_size
                    wanted = 0o755 if status.st_mode & 0o100 else 0o644
                    if stat.S_IMODE(status.st_mode) != wanted:
                        Path(directory, name).chmod(wanted)
        return size


def _give(path: Path, mode: int) -> None:
    if stat.S_IMODE(path.stat().st_mode) != mode:
        path.chmod(mode)


def boot() -> str | None:
    """What tells this start of the PC, or of a guest on it, from every other; None where nobody knows."""
    try:
        kernel = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    try:  # guests of WSL share a kernel, and each has a first process of its own
        first = Path("/proc/1/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return f"{kernel} {first[19]}"
    except (OSError, IndexError):
        return kernel


def _writable_then_again(function: Any, path: str, _: Any) -> None:
    """A folder without the right to write keeps its files: give it, try once more."""
    Path(path).parent.chmod(0o755)
    with suppress(FileNotFoundError):
        Path(path).chmod(0o755)
        function(path)
