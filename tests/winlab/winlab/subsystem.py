"""WSL on a machine: wsl.exe is simlab's model, its disks are files of the machine, its guests a real Linux.

A guest is the tree of the machines with /etc, /home and /root of the guest's own, in a mount namespace of each command;
or each is the same whole Linux (`linux.Linux`). What the model has registered is put into the machine's real registry
after each command.
"""

from __future__ import annotations

import gzip
import io
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpuready.simlab.subsystem import INBOX_WSL, MSI, SID, WSL, Subsystem
from gpuready.simlab.wsl import line
from gpuready.simlab.wsl.host import Command, Streams
from gpuready.simlab.wsl.state import LXSS, Distribution

from .registry import HIVES, registry_file
from .tree import ROOT

if TYPE_CHECKING:
    from gpuready.simlab.schema import Pc

    from .linux import Linux
    from .machine import Machine
    from .programs import Call

BROUGHT = b"\0WSL "  # at the end of a wsl.exe that a package brings, before its version
_OWN = ("etc", "home", "root")  # folders of a guest's own
_ENTER = (
    'set -e; g=$1; r=$2; shift 2; for one in etc home root; do mount --bind "$g/$one" "$r/$one"; done; '
    'exec chroot "$r" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"'
)


class DriveFiles:
    """The real files of a machine."""

    def __init__(self, machine: Callable[[], Machine]) -> None:
        self._machine = machine

    def _path(self, path: str) -> Path:
        return self._machine().path(path)

    def is_file(self, path: str) -> bool:
        """Whether a file lies there."""
        return self._path(path).is_file()

    def is_folder(self, path: str) -> bool:
        """Whether a folder lies there."""
        return self._path(path).is_dir()

    def is_empty(self, path: str) -> bool:
        """Whether a folder has nothing in it."""
        return not any(self._path(path).iterdir())

    def make_folder(self, path: str) -> None:
        """Make a folder and those above it."""
        self._path(path).mkdir(parents=True, exist_ok=True)

    def read(self, path: str) -> bytes:
        """A whole file."""
        return self._path(path).read_bytes()

    def write(self, path: str, data: bytes) -> None:
        """A file, whole."""
        self._path(path).parent.mkdir(parents=True, exist_ok=True)
        self._path(path).write_bytes(data)

    def remove(self, path: str) -> None:
        """Take it away."""
        found = self._path(path)
        if found.is_dir():
            shutil.rmtree(found)
        else:
            found.unlink(missing_ok=True)


class RealGuests:
    """Guests by the number of their registration, each a folder on this computer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def root(self, one: Distribution) -> Path:
        """The folder of a guest's own files."""
        return self.folder / one.guid.strip("{}")

    def run(self, command: Command, streams: Streams) -> int:
        """Run a command, as root."""
        argv = command.argv or ("/bin/sh", "-c", command.shell or "")
        process = subprocess.run(
            ["unshare", "-m", "/bin/sh", "-c", _ENTER, "enter", str(self.root(command.distribution)), str(ROOT), *argv],
            input=streams.read(), capture_output=True, check=False,
        )  # fmt: skip
        streams.out(process.stdout)
        streams.err(process.stderr)
        return process.returncode if process.returncode >= 0 else 128 - process.returncode

    def identifier(self, distribution: Distribution, user: str) -> int | None:
        """The number of a user."""
        lines = (self.root(distribution) / "etc/passwd").read_text().splitlines()
        return next((int(parts[2]) for one in lines if (parts := one.split(":"))[0] == user), None)

    def unpack(self, distribution: Distribution, archive: bytes) -> str | None:
        """The guest's own folders out of a tar."""
        root = self.root(distribution)
        for name in _OWN:
            (root / name).mkdir(parents=True)
        try:
            with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                tar.extractall(root, filter="tar")
        except tarfile.TarError as error:
            return f"bsdtar: Error opening archive: {error}\n"
        return None

    def is_linux(self, distribution: Distribution) -> bool:
        """Whether there is an /etc with something in it."""
        return any((self.root(distribution) / "etc").iterdir())

    def release(self, distribution: Distribution) -> tuple[str, str]:
        """Of no interest here."""
        return "debian", "13"

    def pack(self, distribution: Distribution, kind: str) -> bytes:
        """The guest's own folders as a tar, of the same the same bytes."""
        out, mode = io.BytesIO(), "w:xz" if kind == "tar.xz" else "w"
        with tarfile.open(fileobj=out, mode=mode) as tar:  # type: ignore[call-overload]
            for name in _OWN:
                tar.add(self.root(distribution) / name, name, filter=lambda one: one.replace(mtime=0, deep=False))
        return gzip.compress(out.getvalue(), mtime=0) if kind == "tar.gz" else out.getvalue()

    def remove(self, distribution: Distribution) -> None:
        """Take its files away."""
        shutil.rmtree(self.root(distribution), ignore_errors=True)

    def stopped(self) -> None:
        """Nothing runs in a guest longer than a command."""


class WholeGuests(RealGuests):
    """A whole Linux, whichever registration leads to it; what is imported is unpacked over what it has."""

    def __init__(self, linux: Linux) -> None:
        self.linux = linux

    def run(self, command: Command, streams: Streams) -> int:
        """Run a command as its user."""
        return self.linux.run(command, streams)

    def identifier(self, distribution: Distribution, user: str) -> int | None:
        """The number of a user."""
        found = self.linux.root(f"id -u {user}", check=False)
        return int(found.stdout) if found.returncode == 0 else None

    def unpack(self, distribution: Distribution, archive: bytes) -> str | None:
        """What is in a tar.gz."""
        done = self._tar("tar -xzC /", archive)
        return f"bsdtar: Error opening archive: {done.stderr.decode()}" if done.returncode else None

    def is_linux(self, distribution: Distribution) -> bool:
        """It is."""
        return True

    def pack(self, distribution: Distribution, kind: str) -> bytes:
        """The guest's own folders as a tar.gz, with gpuready's; without what stands in each guest, or is large."""
        also = "$(ls -d opt/gpuready 2>/dev/null)"
        without = "--exclude=etc/hosts --exclude=etc/resolv.conf --exclude=opt/gpuready/environments"
        done = self._tar(f"cd /; tar -c --sort=name --mtime=@0 {without} {' '.join(_OWN)} {also} | gzip -1n")
        if done.returncode:
            raise RuntimeError(done.stderr.decode())
        return done.stdout

    def remove(self, distribution: Distribution) -> None:
        """It goes when its test ends."""

    def stopped(self) -> None:
        """What runs in it ends with it."""
        self.linux.kill()

    def _tar(self, script: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*self.linux.enter, "/bin/sh", "-c", script], input=stdin, capture_output=True, check=False
        )


class RealSubsystem:
    """WSL of a machine that is made with `programs` and, once it is there, given to `attach`.

    `guests`: the folder of guests, or the Linux that is behind each registration.  A PC without the package has
    Windows' own wsl.exe alone, and an MSI brings the other (`BROUGHT`) with its keys of the registry. The machine's
    features are those with which it has booted.
    """

    def __init__(self, pc: Pc, guests: Path | Linux) -> None:
        self._machine: Machine | None = None
        self._lock, self._shown = threading.Lock(), ""
        self._installed = bool(pc.wsl.version)  # from the start, by nobody's package
        self.guests = RealGuests(guests) if isinstance(guests, Path) else WholeGuests(guests)
        self.model = Subsystem(pc, DriveFiles(self._there), dict(pc.features), self.guests)
        self.hang_at = ""  # a word of command lines that do not end
        self.slow_at, self.go_on = "", threading.Event()  # one of command lines that wait for this

    def _there(self) -> Machine:
        assert self._machine is not None
        return self._machine

    @property
    def programs(self) -> dict[str, Any]:
        """What the machine is made with."""
        return {WSL: self.run} if self._installed else {INBOX_WSL: self.inbox}

    def attach(self, machine: Machine) -> RealSubsystem:
        """Let the machine's files and registry be its own."""
        self._machine = machine
        machine.programs.setdefault(WSL, self.run)
        machine.on_boot = self._booted
        self.show()
        return self

    def _booted(self, machine: Machine) -> None:
        """The machine has restarted, and its features are settled."""
        if self._running():
            self.guests.stopped()
        self.model.machine.features |= machine.read_features()
        self.model.machine.restart()

    def inbox(self, call: Call) -> int:
        """Windows' own wsl.exe."""
        if not self._there().path(WSL).is_file():
            return self.model.inbox(call)
        return self.run(call)

    def run(self, call: Call) -> int:
        """wsl.exe."""
        if self.hang_at and self.hang_at in call.args:
            threading.Event().wait(600)
        if self.slow_at and self.slow_at in call.args:
            self.go_on.wait(600)
        if not self._installed:
            _, brought, version = self._there().path(WSL).read_bytes().rpartition(BROUGHT)
            self.model.machine.version = version.decode() if brought else ""
        before = self._running()
        rc = self.model.run(line.join(["wsl.exe", *call.argv[1:]]), call)
        if before - self._running():
            self.guests.stopped()
        self.show(always=False)
        return rc

    def _running(self) -> set[str]:
        with self.model.machine.lock:
            return {guid for user in self.model.machine.users.values() for guid in user.running}

    def show(self, *, always: bool = True) -> None:
        """Put what is registered into the machine's registry: the caller's in HKCU, others' in their hives.

        Where it is not `always`: only what is another than the last time, since that is a start of Wine.
        """
        machine = self._there()
        with self._lock:
            keys = self.model.keys()
            if not self._installed:
                keys.pop(MSI, None)
            text = registry_file(keys)[2:].decode("utf-16-le")
            if text == self._shown and not always:
                return
            self._shown = text
            gone = [f"[-{HIVES['HKCU']}\\{LXSS.partition(chr(92))[2]}]"]
            gone += [f"[-{HIVES['HKU']}\\{sid}]" for sid in self.model.machine.users if sid != SID]
            head, _, rest = text.partition("\r\n")
            whole = "\r\n".join([head, "", *gone, "", rest])
            (machine.lab / "wsl.reg").write_bytes(b"\xff\xfe" + whole.encode("utf-16-le"))
            machine._wine_tool("wine", "regedit", "/S", "C:\\ProgramData\\WinLab\\wsl.reg")
