"""Guests that are modelled: the disk of a distribution holds its files, so that both have one fate.

Their commands are a shell's few that Ansible sends (`shell`), and models of modules (`modules`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gpuready.simlab.wsl import shell
from gpuready.simlab.wsl.errors import WslError
from gpuready.simlab.wsl.host import Command, Files, Streams
from gpuready.simlab.wsl.launch import NO_USER
from gpuready.simlab.wsl.linux import Linux, NotLinuxError
from gpuready.simlab.wsl.session import Host, Session
from gpuready.simlab.wsl.state import Distribution

_HEADER = b"simlab: the disk of a guest\n"


class ModelledGuests:
    """The Linux behind the registrations of one simulated PC."""

    def __init__(self, files: Files) -> None:
        self._files, self._lock = files, threading.RLock()
        self.host: Callable[[Distribution], Host] | None = None

    def linux(self, one: Distribution) -> Linux:
        """The files of a guest. Raises WslError for a disk that holds none."""
        data = self._files.read(one.disk)
        try:
            return Linux.of(data.removeprefix(_HEADER)) if data.startswith(_HEADER) else self._not_a_disk()
        except NotLinuxError:
            raise WslError("WSL_E_DISK_CORRUPTED", "Service", "CreateInstance") from None

    def _not_a_disk(self) -> Linux:
        raise NotLinuxError

    @contextmanager
    def changed(self, one: Distribution) -> Iterator[Linux]:
        """A guest's files, held alone; what becomes of them is kept."""
        with self._lock:
            linux = self.linux(one)
            before = linux.pack()
            yield linux
            if linux.pack() != before:
                self.keep(one, linux)

    def keep(self, one: Distribution, linux: Linux) -> None:
        """Write what a guest's files have become."""
        self._files.write(one.disk, _HEADER + linux.pack())

    def run(self, command: Command, streams: Streams) -> int:
        """Run a command in a guest; 67 for a user that is not there."""
        one = command.distribution
        with self.changed(one) as linux:
            who = user_of(linux, one, command.user)
            if who is None:
                return NO_USER
            argv = command.argv or (("/bin/sh", "-c", command.shell) if command.shell else ("/bin/sh",))
            session = Session(linux, who, command.folder or "/", streams.read())
            session.host = self.host(one) if self.host else None
            rc = shell.run(session, list(argv))
        if session.later:
            session.say(json.dumps(session.later()))
        streams.out(bytes(session.out))
        streams.err(bytes(session.err))
        if session.endless:
            command.process.ended.wait()
        return rc

    def identifier(self, distribution: Distribution, user: str) -> int | None:
        """The number of a user."""
        found = self.linux(distribution).users().get(user)
        return found[0] if found else None

    def unpack(self, distribution: Distribution, archive: bytes) -> str | None:
        """Fill a new guest from a tar."""
        try:
            self.keep(distribution, Linux.of(archive))
        except NotLinuxError as error:
            return f"bsdtar: Error opening archive: {error}\n"
        return None

    def is_linux(self, distribution: Distribution) -> bool:
        """Whether it has /etc or /bin/sh."""
        return self.linux(distribution).is_linux

    def release(self, distribution: Distribution) -> tuple[str, str]:
        """ID and VERSION_ID of its os-release."""
        found = self.linux(distribution).release()
        return found.get("ID", ""), found.get("VERSION_ID", "")

    def pack(self, distribution: Distribution, kind: str) -> bytes:
        """The guest as a tar, tar.gz or tar.xz."""
        return self.linux(distribution).pack(kind)

    def remove(self, distribution: Distribution) -> None:
        """Its files go with its disk."""


def user_of(linux: Linux, one: Distribution, asked: str | None) -> str | None:
    """The user of a command: asked for, of wsl.conf, by the number of the registration, else root; None for no such."""
    users = linux.users()
    if asked is not None:
        return asked if asked in users else None
    if (default := conf(linux).get("user.default")) in users:
        return default
    return next((name for name, (uid, _) in users.items() if uid == one.default_uid), "root")


def conf(linux: Linux) -> dict[str, str]:
    """/etc/wsl.conf as section.key -> value; a bad line ends the reading."""
    found: dict[str, str] = {}
    section = ""
    for raw in linux.text("/etc/wsl.conf").splitlines():
        line = raw.partition("#")[0].strip()
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].lower()
        elif "=" in line:
            key, _, value = line.partition("=")
            found.setdefault(f"{section}.{key.strip().lower()}", value.strip().strip('"'))
        elif line:
            break
    return found
