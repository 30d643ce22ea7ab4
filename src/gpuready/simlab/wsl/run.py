"""One run of wsl.exe: who calls, on which machine, and what it prints in which encoding."""

from __future__ import annotations

from dataclasses import dataclass

from gpuready.simlab.wsl.errors import WslError
from gpuready.simlab.wsl.host import Caller, Files, Guests, Streams
from gpuready.simlab.wsl.state import SYSTEM, Machine, User


@dataclass
class Run:
    """What a command has at hand."""

    machine: Machine
    caller: Caller
    files: Files
    guests: Guests
    streams: Streams

    def say(self, text: str) -> None:
        """Print a result or an error: on stdout."""
        self.streams.out(self._encoded(text))

    def warn(self, text: str) -> None:
        """Print a warning: on stderr, unless they are switched off."""
        if self.caller.env.get("WSL_DISABLE_WARNINGS") != "1":
            self.streams.err(self._encoded(f"wsl: {text}\n"))

    def _encoded(self, text: str) -> bytes:
        """Text mode: each line feed becomes two characters, also the one of a pair."""
        wide = self.caller.env.get("WSL_UTF8") != "1"
        return text.replace("\n", "\r\n").encode("utf-16-le" if wide else "utf-8")

    def service(self) -> User:
        """The caller's session of the service. Raises WslError where the service takes no orders."""
        if self.caller.sid == SYSTEM:
            raise WslError("WSL_E_LOCAL_SYSTEM_NOT_SUPPORTED")
        if self.machine.policies.get("AllowWSL") == 0:
            for user in self.machine.users.values():
                user.stop_all()
            raise WslError("ERROR_ACCESS_DISABLED_BY_POLICY")
        if "wslservice" not in self.machine.services:
            raise WslError("ERROR_SERVICE_DISABLED")
        user = self.machine.user(self.caller.sid)
        if user.session is None:
            user.session = self.caller.session
        return user
