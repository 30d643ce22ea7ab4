"""One command in a modelled guest: who runs it, where, and what it reads and writes."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from gpuready.simlab.wsl.linux import Linux, normal


class Host(Protocol):
    """Who has models of more modules: gpuready's own."""

    def has(self, name: str) -> bool:
        """Whether there is one of this module."""

    def module(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        """The result of a module."""


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
    host: Host | None = None
    later: Callable[[], dict[str, Any]] | None = None  # a module that is run when nothing holds the guest any more

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
