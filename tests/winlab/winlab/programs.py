"""Windows programs whose behaviour is Python: the other end of ../program.c."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from .machine import Machine


class Call:
    """One run of a lab program: what it was given, and what it answers.

    path: the program's own path; cwd; argv; env; stdin: a file descriptor.  `out` and `err` write at once.
    """

    def __init__(self, sock: socket.socket, header: list[str], machine: Machine):
        self.machine = machine
        self.path, self.cwd = header[0], header[1]
        argc = int(header[2])
        self.argv = header[3 : 3 + argc]
        self.env = dict(e.split("=", 1) for e in header[3 + argc :] if "=" in e[1:])
        self._sock, self._lock = sock, threading.Lock()
        self.stdin, self.write_stdin = os.pipe()

    @property
    def args(self) -> list[str]:
        """The arguments without the program's name."""
        return self.argv[1:]

    def read(self) -> bytes:
        """All of standard input."""
        with os.fdopen(os.dup(self.stdin), "rb") as f:
            return f.read()

    def out(self, data: bytes | str) -> None:
        """Write to standard output."""
        self._send(b"O", data)

    def err(self, data: bytes | str) -> None:
        """Write to standard error."""
        self._send(b"R", data)

    def exit(self, rc: int) -> None:
        """End the program; nothing may be written after it."""
        self._send(b"X", struct.pack("<I", rc & 0xFFFFFFFF))

    def _send(self, kind: bytes, data: bytes | str) -> None:
        data = data.encode() if isinstance(data, str) else data
        with self._lock:
            self._sock.sendall(kind + struct.pack("<I", len(data)) + data)


Program = Callable[[Call], int]


class ProgramServer:
    """The loopback socket that the programs of one booted machine call."""

    def __init__(self, machine: Machine):
        self.machine = machine
        self._server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Answer no more calls."""
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        reader = sock.makefile("rb")
        _, payload = _frame(reader)
        call = Call(sock, payload.decode().split("\0")[:-1], self.machine)
        feeding = threading.Thread(target=_feed, args=(reader, call.write_stdin), daemon=True)
        feeding.start()
        base = call.path.rsplit("\\", 1)[-1].lower()
        handlers = {k.lower(): v for k, v in self.machine.programs.items()}
        handler = handlers.get(call.path.lower()) or handlers.get(base)
        try:
            rc = handler(call) if handler else 9009
        except Exception as e:  # a fault in a test's program must be seen, not hang
            with suppress(OSError):
                call.err(f"winlab: {base}: {type(e).__name__}: {e}\n")
            rc = 255
        with suppress(OSError):
            call.exit(rc or 0)
            sock.shutdown(socket.SHUT_WR)
        os.close(call.stdin)
        feeding.join(10)  # closed with input unread, a socket takes the exit code back
        sock.close()


def _frame(reader: BinaryIO) -> tuple[bytes, bytes]:
    head = reader.read(5)
    return (head[:1], reader.read(struct.unpack("<I", head[1:])[0])) if len(head) == 5 else (b"E", b"")


def _feed(reader: BinaryIO, descriptor: int) -> None:
    """Pass standard input on until its end; what nobody reads any more is read away."""
    with suppress(ConnectionResetError):
        with suppress(BrokenPipeError), os.fdopen(descriptor, "wb", buffering=0) as pipe:
            while (frame := _frame(reader))[0] != b"E":
                pipe.write(frame[1])
            return
        while _frame(reader)[0] != b"E":
            pass


def shutdown(call: Call) -> int:
    """shutdown.exe: /r really restarts the machine, /a calls it off."""
    args = [a.lower() for a in call.args]
    if "/a" in args or "-a" in args:
        if call.machine.abort_restart():
            return 0
        call.err("Unable to abort the system shutdown because no shutdown was in progress.(1116)\r\n")
        return 1116
    if not {"/r", "-r", "/g", "-g"} & set(args):
        call.err("Usage: shutdown.exe /r /t xxx\r\n")
        return 1
    after = next((float(args[i + 1]) for i, a in enumerate(args[:-1]) if a in ("/t", "-t")), 30.0)
    if not call.machine.schedule_restart(after):
        call.err("A system shutdown has already been scheduled.(1190)\r\n")
        return 1190
    return 0
