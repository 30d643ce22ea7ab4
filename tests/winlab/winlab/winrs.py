"""One WinRS command run as a process in a prefix, streams and all."""

from __future__ import annotations

import base64
import re
import subprocess
import threading
from collections.abc import Callable
from typing import IO

from gpuready.simlab.winrm.shells import Command

POWERSHELL = "C:/Program Files/PowerShell/7/powershell.exe"
NOISE = re.compile(rb"error: XDG_RUNTIME_DIR[^\n]*\n")
_POWERSHELL_LINE = re.compile(r'^"?(?:[A-Za-z]:\\.*\\)?(?:powershell|pwsh)(?:\.exe)?"?\s+(.*)$', re.I | re.S)
_ENCODED = re.compile(r"-EncodedCommand\s+(\S+)", re.I)


def run(command: Command, wrap: Callable[[list[str]], list[str]]) -> int:
    """Run `command`; `wrap` turns a program and its arguments under Wine into an argv of this computer."""
    m = _POWERSHELL_LINE.match(command.line)
    argv = [POWERSHELL, *m[1].split()] if m else ["cmd", "/c", command.line]
    encoded = _ENCODED.search(command.line)
    reads_stdin = not encoded or "$input" in base64.b64decode(encoded[1]).decode("utf-16-le").lower()
    process = subprocess.Popen(
        wrap(["wine", *argv]), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    pumps = [
        threading.Thread(target=_pump, args=(command, process.stdout, "stdout"), daemon=True),
        threading.Thread(target=_pump, args=(command, process.stderr, "stderr"), daemon=True),
    ]
    for t in [threading.Thread(target=_feed, args=(command, process, reads_stdin), daemon=True), *pumps]:
        t.start()
    rc = process.wait()
    for t in pumps:  # a child left behind may hold the pipes open
        t.join(timeout=2)
    return rc


def _feed(command: Command, process: subprocess.Popen[bytes], reads_stdin: bool) -> None:
    stdin = process.stdin
    assert stdin is not None
    while process.poll() is None:
        data, end = command.read_some(0.5)
        try:
            stdin.write(data)
            stdin.flush()
            if end or not reads_stdin:
                stdin.close()
                return
        except (BrokenPipeError, ValueError):
            return


def _pump(command: Command, stream: IO[bytes], name: str) -> None:
    read = getattr(stream, "read1", stream.read)
    for data in iter(lambda: read(65536), b""):
        wanted = NOISE.sub(b"", data) if name == "stderr" else data
        if wanted:
            command.write(name, wanted)
