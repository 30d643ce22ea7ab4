"""A guest that is a Linux of its own: the tree of the machines under a disk in memory, with processes of its own.

What a command changes lasts as long as the guest; nothing of it reaches the tree. wsl.exe before it is simlab's model.
Whatever runs in it looks first whether it is there: no command meant for the guest can run on this computer.
"""

from __future__ import annotations

import secrets
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from gpuready.simlab.disk import Disk
from gpuready.simlab.subsystem import WSL
from gpuready.simlab.wsl import line
from gpuready.simlab.wsl.host import Caller, Command, DiskFiles, Streams
from gpuready.simlab.wsl.launch import NO_USER
from gpuready.simlab.wsl.program import wsl
from gpuready.simlab.wsl.run import Run
from gpuready.simlab.wsl.state import Distribution, Machine

from .tree import ROOT

if TYPE_CHECKING:
    from .programs import Call, Program

SID = "S-1-5-21-1-2-3-1001"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The first process of the guest: it lives until nobody holds its standard input any more, and all others end with it.
_FIRST = """set -eu
mount -t tmpfs -o size="$5" tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" overlay "$2/root"
mount -t proc proc "$2/root/proc"
"$4" "$2/root/dev"
sed -i '/^labadmin:/d' "$2/root/etc/passwd"
echo "$3" >"$2/root/this-guest"
exec chroot "$2/root" /bin/sh -c 'echo ready; exec cat'"""
_OUTSIDE = 125
_SMALL_DEV = Path(__file__).parents[1] / "small-dev.sh"
# The mark is in the guest alone, so what has entered something else (a number that another process has by now) ends.
_THERE = f"""[ "$(cat /this-guest 2>&1)" = "$0" ] || {{ echo "this is not the guest" >&2; exit {_OUTSIDE}; }}
exec "$@\""""


class Linux:
    """The one distribution of a Windows user, `g`.

    `lines` are the command lines that wsl.exe was given, `seen` those of this computer's processes while it ran, where
    they are `watched`.
    """

    def __init__(self, size: str = "2g", *, watched: bool = False) -> None:
        self.size = size  # of its disk, which is memory
        self.watched = watched
        self.lines: list[str] = []
        self.seen: set[str] = set()
        self._mark = secrets.token_hex(16)
        self._lock, self._machine, self._files = threading.Lock(), Machine(), DiskFiles(Disk(10**9, 10**9))
        one = Distribution("{0}", "g", r"C:\g")
        self._machine.user(SID).distributions[one.guid] = one
        self._files.write(one.disk, b"")
        self.during = lambda: None  # called while a command runs

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="winlab-guest-")
        self._first = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", _FIRST, "first", str(ROOT),
             self._folder.name, self._mark, str(_SMALL_DEV), self.size],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self._first.stdout is not None
        assert self._first.stderr is not None
        if self._first.stdout.readline() != b"ready\n":
            raise RuntimeError(f"no guest can be made here: {self._first.stderr.read().decode()}")
        self._pid = _child(self._first.pid)
        return self

    def __exit__(self, *exc: object) -> None:
        self._first.kill()
        self._first.communicate()
        with suppress(OSError):
            self._folder.cleanup()

    @property
    def programs(self) -> dict[str, Program]:
        """What a machine is made with."""
        return {WSL: self.wsl}

    def wsl(self, call: Call) -> int:
        """wsl.exe."""
        command_line = line.join(call.argv)
        self.lines.append(command_line)
        with self._lock:
            run = Run(self._machine, Caller(SID, dict(call.env)), self._files, self, call)  # type: ignore[arg-type]
        return wsl(run, command_line)

    def run(self, command: Command, streams: Streams) -> int:
        """Run a command as its user."""
        user = command.user or "root"
        found = self.root(f"getent passwd {user}", check=False).stdout.split(":")
        if len(found) < 6:
            return NO_USER
        who = ["/usr/bin/setpriv", f"--reuid={found[2]}", f"--regid={found[3]}", "--init-groups"]
        started = subprocess.Popen(
            [*self.enter, *who, "/usr/bin/env", "-i", PATH, f"HOME={found[5].strip()}", f"USER={user}",
             *(command.argv or ())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        data = streams.read()
        self.during()
        if self.watched:
            threading.Thread(target=self._watch, args=(started,), daemon=True).start()
        out, err = started.communicate(data)
        if command.process.ended.is_set():  # nothing comes over a channel that is closed
            return 1
        streams.out(out)
        streams.err(err)
        return started.returncode if started.returncode >= 0 else 128 - started.returncode

    def root(self, script: str, stdin: str = "", *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a script in the guest, past Windows."""
        argv = [*self.enter, "/usr/bin/env", "-i", PATH, "HOME=/root", "/bin/sh", "-c", script]
        return subprocess.run(argv, input=stdin, capture_output=True, text=True, check=check)

    def path(self, name: str) -> Path:
        """Where a file of the guest is found from here; a link to an absolute path leads out of it."""
        return Path(f"/proc/{self._pid}/root") / name.lstrip("/")

    def _watch(self, started: subprocess.Popen[bytes]) -> None:
        while started.poll() is None:
            for one in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    self.seen.add(one.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            time.sleep(0.1)

    def end(self) -> None:
        """wsl.exe --terminate g, by somebody else: what runs in the guest ends."""
        for user in self._machine.users.values():
            user.stop_all()

    def kill(self) -> None:
        """End all that runs in it, and let its first process look like another one, as that of a guest started anew.

        Nothing ends where its /proc does not know the shell that would do it.
        """
        stat = self.root("cat /proc/1/stat").stdout.split()
        stat[21] = str(int(stat[21]) + 1)  # when it was started
        self.path("/run/first").write_text(" ".join(stat))
        self.root("mountpoint -q /proc/1/stat || mount --bind /run/first /proc/1/stat")
        self.root('read -r pid rest </proc/self/stat; [ "$pid" = $$ ] && kill -9 -1', check=False)

    @property
    def enter(self) -> list[str]:
        """What a command begins with that is to run in the guest."""
        into = ["nsenter", f"--target={self._pid}", "--mount", "--pid", "--root", "--wdns=/"]
        return [*into, "/bin/sh", "-c", _THERE, self._mark]


def _child(pid: int) -> int:
    """The process that `unshare` forked."""
    for _ in range(100):
        if found := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            return int(found[0])
        time.sleep(0.05)
    raise RuntimeError("the guest's first process went away")
