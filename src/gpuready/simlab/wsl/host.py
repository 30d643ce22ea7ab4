"""What the model asks of the world outside: the Windows disk, the guests, and one run of the program."""

from __future__ import annotations

import io
import ntpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gpuready.simlab.disk import Disk
from gpuready.simlab.wsl.state import Distribution, Process


class Files(Protocol):
    r"""A Windows disk; paths are C:\..."""

    def is_file(self, path: str) -> bool:
        """Whether a file lies there."""

    def is_folder(self, path: str) -> bool:
        """Whether a folder lies there."""

    def is_empty(self, path: str) -> bool:
        """Whether a folder has nothing in it."""

    def make_folder(self, path: str) -> None:
        """Make a folder and those above it."""

    def read(self, path: str) -> bytes:
        """A whole file."""

    def write(self, path: str, data: bytes) -> None:
        """A file, whole."""

    def remove(self, path: str) -> None:
        """Take a file, or a folder with what is in it, away."""


class Streams(Protocol):
    """Standard streams of one run."""

    def read(self) -> bytes:
        """All of standard input."""

    def out(self, data: bytes) -> None:
        """Write to standard output."""

    def err(self, data: bytes) -> None:
        """Write to standard error."""


@dataclass(frozen=True)
class Command:
    """What is to be run in a guest: `argv`, or a raw line for the user's shell, or neither for the login shell."""

    distribution: Distribution
    user: str | None
    folder: str | None
    argv: tuple[str, ...] | None
    shell: str | None
    process: Process


class Guests(Protocol):
    """Linux behind the registrations."""

    def run(self, command: Command, streams: Streams) -> int:
        """Run a command; its exit code, 67 for a user that is not there."""

    def identifier(self, distribution: Distribution, user: str) -> int | None:
        """The number of a Linux user, None where there is none."""

    def unpack(self, distribution: Distribution, archive: bytes) -> str | None:
        """Fill a new guest from a tar; what bsdtar says against it, None when it went well."""

    def is_linux(self, distribution: Distribution) -> bool:
        """Whether the guest has /etc or /bin/sh."""

    def release(self, distribution: Distribution) -> tuple[str, str]:
        """ID and VERSION_ID of its os-release."""

    def pack(self, distribution: Distribution, kind: str) -> bytes:
        """The guest as a tar, tar.gz or tar.xz."""

    def remove(self, distribution: Distribution) -> None:
        """Take the guest's files away."""


class DiskFiles:
    """The disk of a simulated PC."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def is_file(self, path: str) -> bool:
        """Whether a file lies there."""
        return self._disk.is_file(path)

    def is_folder(self, path: str) -> bool:
        """Whether a folder lies there."""
        return self._disk.is_folder(path)

    def is_empty(self, path: str) -> bool:
        """Whether a folder has nothing in it."""
        return not self._disk.below(path)

    def make_folder(self, path: str) -> None:
        """Make a folder and those above it."""
        self._disk.make_folder(path)

    def read(self, path: str) -> bytes:
        """A whole file."""
        node = self._disk.get(path)
        return (node.data if node else None) or b""

    def write(self, path: str, data: bytes) -> None:
        """A file, whole."""
        self._disk.write(path, data)

    def remove(self, path: str) -> None:
        """Take it away."""
        self._disk.remove(path)


@dataclass
class Caller:
    """Who runs wsl.exe, where, and with which variables. `session` is the Windows session: 0 for WinRM and ssh."""

    sid: str = "S-1-5-21-1-2-3-1001"
    env: Mapping[str, str] = field(default_factory=dict)
    folder: str = "C:\\"
    session: int = 0
    elevated: bool = True

    def absolute(self, path: str) -> str:
        """A path from where the caller stands."""
        return ntpath.normpath(ntpath.join(self.folder, path))


def local_path(address: str) -> str | None:
    """The path behind a file:// address; None for another one."""
    if not address.startswith("file://"):
        return None
    return address.removeprefix("file://").lstrip("/").replace("/", "\\")


class Recorded:
    """Streams that are kept."""

    def __init__(self, stdin: bytes = b"") -> None:
        self._stdin, self._out, self._err = stdin, io.BytesIO(), io.BytesIO()

    def read(self) -> bytes:
        """All of standard input."""
        return self._stdin

    def out(self, data: bytes) -> None:
        """Keep output."""
        self._out.write(data)

    def err(self, data: bytes) -> None:
        """Keep errors."""
        self._err.write(data)

    @property
    def stdout(self) -> bytes:
        """What was written."""
        return self._out.getvalue()

    @property
    def stderr(self) -> bytes:
        """What was written as errors."""
        return self._err.getvalue()
