"""One command in a modelled guest: who runs it, where, and what it reads and writes."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field

from gpuready.simlab.wsl.linux import Linux, normal


@dataclass
class Session:
    """A command's user, folder and standard streams."""

    linux: Linux
    user: str
    folder: str
    stdin: bytes = b""
    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)
    endless: bool = False

    @property
    def uid(self) -> int:
        """The number of its user."""
        return self.linux.users()[self.user][0]

    @property
    def home(self) -> str:
        """The folder of its user."""
        return self.linux.users()[self.user][1]

    def path(self, given: str) -> str:
        """A path from where the command stands."""
        if given == "~" or given.startswith("~/"):
            given = self.home + given[1:]
        elif given.startswith("~"):
            name, _, rest = given[1:].partition("/")
            known = self.linux.users().get(name)
            given = posixpath.join(known[1], rest) if known else given
        return normal(posixpath.join(self.folder, given))

    def say(self, text: str) -> int:
        """A line of output; the exit code of a success."""
        self.out += text.encode() + b"\n"
        return 0

    def fail(self, text: str, rc: int = 1) -> int:
        """A line of error; the exit code."""
        self.err += text.encode() + b"\n"
        return rc
