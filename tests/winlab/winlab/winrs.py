"""One WinRS command run as a process in a prefix, streams and all."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from gpuready.simlab.winrm.shells import Command

POWERSHELL = "C:/Program Files/PowerShell/7/powershell.exe"
TRIES = 3
NOISE = re.compile(rb"error: XDG_RUNTIME_DIR[^\n]*\n")
_POWERSHELL_LINE = re.compile(r'^"?(?:[A-Za-z]:\\.*\\)?(?:powershell|pwsh)(?:\.exe)?"?\s+(.*)$', re.I | re.S)
_ENCODED = re.compile(r"-EncodedCommand\s+(\S+)", re.I)


def run(command: Command, wrap: Callable[[list[str]], list[str]]) -> int:
    """Run `command`; `wrap` turns a program and its arguments under Wine into an argv of this computer.

    About one start of PowerShell in a thousand breaks here: .NET crashes, which only Wine was seen to do; now and then
    the reason was not seen. A script that Ansible sends always says something: one that failed without is begun again,
    with the same input, and what it said on stderr is printed.
    """
    m = _POWERSHELL_LINE.match(command.line)
    argv = [POWERSHELL, *m[1].split()] if m else ["cmd", "/c", command.line]
    encoded = _ENCODED.search(command.line)
    reads_stdin = not encoded or "$input" in base64.b64decode(encoded[1]).decode("utf-16-le").lower()
    given = _Input(command, reads_stdin)
    for left in range(TRIES - 1 if encoded and reads_stdin else 0, -1, -1):
        rc, broke = _once(command, wrap(["wine", *argv]), given, last=not left)
        if broke is None:
            break
        print(f"winlab: PowerShell broke under Wine ({rc}), begun again: {broke[:1000]!r}", file=sys.stderr)
    return rc


@dataclass
class _Input:
    """What a command was given on its standard input so far: a second try is given it again."""

    command: Command
    read: bool
    data: bytes = b""
    end: bool = False

    def feed(self, process: subprocess.Popen[bytes]) -> None:
        stdin = process.stdin
        assert stdin is not None
        data, end = self.data, self.end
        while process.poll() is None:
            try:
                stdin.write(data)
                stdin.flush()
                if end or not self.read:
                    stdin.close()
                    return
            except (BrokenPipeError, ValueError):
                return
            data, end = self.command.read_some(0.5)
            self.data, self.end = self.data + data, end


def _once(command: Command, argv: list[str], given: _Input, *, last: bool) -> tuple[int, bytes | None]:
    """The exit code of one try; where another is worth it, what this one said, which is kept back then."""
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    said, errors = bytearray(), bytearray()
    pumps = [
        threading.Thread(target=_pump, args=(process.stdout, said, command), daemon=True),
        threading.Thread(target=_pump, args=(process.stderr, errors), daemon=True),
    ]
    feeder = threading.Thread(target=given.feed, args=(process,), daemon=True)
    for t in [feeder, *pumps]:
        t.start()
    rc = process.wait()
    for t in pumps:  # a child left behind may hold the pipes open
        t.join(timeout=2)
    if not last and rc and not said.strip() and not command.dead:
        feeder.join()
        return rc, bytes(errors)
    command.write("stderr", NOISE.sub(b"", bytes(errors)))
    return rc, None


def _pump(stream: IO[bytes], kept: bytearray, command: Command | None = None) -> None:
    """Keep what is read, and hand it out where there is a command."""
    read = getattr(stream, "read1", stream.read)
    for data in iter(lambda: read(65536), b""):
        kept += data
        if command:
            command.write("stdout", data)
