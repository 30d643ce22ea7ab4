"""Shells of a WinRM service: what each must do, and the one that runs command lines (WinRS)."""

from __future__ import annotations

import base64
import threading
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Protocol

from gpuready.simlab.winrm.messages import NS, RSP, Cut, bad_command, need, operation_timeout

COMMAND_SHELL = RSP + "/cmd"


class Shell(Protocol):
    """An open shell. Each operation takes the body of a request and gives the body of the reply, or raises Fault."""

    def about(self, sid: str) -> str:
        """What the reply to Create says of it besides its name."""

    def command(self, body: ET.Element) -> str:
        """Start a command."""

    def send(self, body: ET.Element) -> str:
        """Take standard input."""

    def receive(self, body: ET.Element, timeout: float) -> str:
        """Hand out what a command has written; waits for it, at most so many seconds."""

    def signal(self, body: ET.Element) -> str:
        """End a command."""

    def close(self, cut: bool = False) -> None:
        """End everything in it; with `cut` whoever waits for a reply gets none."""


class Command:
    """One command of a shell: stdin in, stdout, stderr and exit code out; the handler runs in a thread of its own."""

    def __init__(self, handler: Handler, line: str) -> None:
        self.id = str(uuid.uuid4()).upper()
        self.line = line
        self.dead = False  # the client gave it up, or the PC went down
        self.cut = False  # the next Receive ends in a cut connection
        self._stdin: list[bytes] = []
        self._eof = False
        self._out: list[tuple[str, bytes]] = []
        self._rc: int | None = None
        self._changed = threading.Condition()
        self._handler = handler
        threading.Thread(target=self._run, daemon=True, name=f"command-{self.id[:8]}").start()

    def feed(self, data: bytes, end: bool) -> None:
        """Take a piece of standard input."""
        with self._changed:
            self._stdin.append(data)
            self._eof = self._eof or end
            self._changed.notify_all()

    def read(self) -> bytes:
        """All of standard input; waits for its end. Raises Cut when the client has gone."""
        with self._changed:
            self._changed.wait_for(lambda: self._eof or self.dead)
            if self.dead:
                raise Cut
            return self._taken()

    def read_some(self, timeout: float) -> tuple[bytes, bool]:
        """What has come of standard input since the last time, and whether no more will; waits so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._stdin or self._eof or self.dead, timeout)
            return self._taken(), self._eof or self.dead

    def _taken(self) -> bytes:
        data, self._stdin = b"".join(self._stdin), []
        return data

    def write(self, stream: str, data: bytes) -> None:
        """Hand out something on `stdout` or `stderr`."""
        with self._changed:
            if data:
                self._out.append((stream, data))
                self._changed.notify_all()

    def taken(self) -> None:
        """Wait until all that was written is handed out. Raises Cut when the command is killed."""
        with self._changed:
            self._changed.wait_for(lambda: self.dead or not self._out)
            if self.dead:
                raise Cut

    def hang(self, seconds: float | None = None) -> None:
        """Do nothing for a time, or until the command is killed. Raises Cut when it is."""
        with self._changed:
            if self._changed.wait_for(lambda: self.dead, seconds):
                raise Cut

    def kill(self, cut: bool = False) -> None:
        """End it: the client signalled, or (cut) its connection is to be cut."""
        with self._changed:
            self.dead, self.cut = True, self.cut or cut
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            rc = self._handler(self)
        except Cut:
            rc = 1
        except Exception as error:  # a mistake of ours must be seen, not hang
            self.write("stderr", f"the lab itself failed: {type(error).__name__}: {error}\n".encode())
            rc = 1
        with self._changed:
            self._rc = rc
            self._changed.notify_all()

    def receive(self, timeout: float) -> tuple[list[tuple[str, bytes]], int | None]:
        """What was written since the last time, and the exit code once it has ended."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._out or self._rc is not None or self.cut, timeout):
                raise operation_timeout()
            if self.cut:
                raise Cut
            out, self._out = self._out, []
            self._changed.notify_all()
            return out, self._rc


Handler = Callable[[Command], int]


class CommandShell:
    """A shell of command lines. `handler` runs a command and gives its exit code."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._commands: dict[str, Command] = {}

    def about(self, sid: str) -> str:
        """Nothing more."""
        return ""

    def command(self, body: ET.Element) -> str:
        """Start a command line."""
        element = need(body, "rsp:CommandLine")
        arguments = [a.text or "" for a in element.findall("rsp:Arguments", NS)]
        command = Command(self._handler, " ".join([element.findtext("rsp:Command", "", NS), *arguments]))
        self._commands[command.id] = command
        return f"<rsp:CommandResponse><rsp:CommandId>{command.id}</rsp:CommandId></rsp:CommandResponse>"

    def send(self, body: ET.Element) -> str:
        """Take standard input."""
        for stream in body.findall("rsp:Send/rsp:Stream", NS):
            self._known(stream).feed(base64.b64decode(stream.text or ""), stream.get("End") == "true")
        return "<rsp:SendResponse/>"

    def receive(self, body: ET.Element, timeout: float) -> str:
        """Hand out what a command has written, and its exit code once it has ended."""
        command = self._known(need(body, "rsp:Receive/rsp:DesiredStream"))
        out, rc = command.receive(timeout)
        streams = "".join(
            f'<rsp:Stream Name="{name}" CommandId="{command.id}">{base64.b64encode(data).decode()}</rsp:Stream>'
            for name, data in out
        )
        state, end = ("Running", "") if rc is None else ("Done", f"<rsp:ExitCode>{rc & 0xFFFFFFFF}</rsp:ExitCode>")
        return (
            f'<rsp:ReceiveResponse>{streams}<rsp:CommandState CommandId="{command.id}" '
            f'State="{RSP}/CommandState/{state}">{end}</rsp:CommandState></rsp:ReceiveResponse>'
        )

    def signal(self, body: ET.Element) -> str:
        """End a command."""
        command = self._commands.pop(need(body, "rsp:Signal").get("CommandId") or "", None)
        if command:
            command.kill()
        return "<rsp:SignalResponse/>"

    def close(self, cut: bool = False) -> None:
        """End every command."""
        for command in list(self._commands.values()):
            command.kill(cut)

    def _known(self, element: ET.Element) -> Command:
        command = self._commands.get(element.get("CommandId") or "")
        if command is None:
            raise bad_command()
        return command
