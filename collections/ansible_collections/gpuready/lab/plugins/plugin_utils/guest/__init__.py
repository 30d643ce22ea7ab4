# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A command in a WSL guest over a Windows connection: how it is asked for, what its answer means."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from pathlib import Path

from ..evidence import wsl_output
from ..remedies import catalogue as remedies

SCRIPT = Path(__file__).with_name("wsl.ps1")
_CHUNK = 45_000  # bytes a line: a multiple of 3
_TAIL = re.compile(r":\s*((?:Wsl|Wslg|Bash|WslConfig)/[\w/?()]+)\s*$")


class NoAnswerError(Exception):
    """What came back is no answer of our script."""


def argument(value: str) -> str:
    """One argument as CommandLineToArgvW reads it back."""
    if value and not re.search(r'[\s"]', value):
        return value
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', value)
    return '"' + re.sub(r"(\\+)$", r"\1\1", escaped) + '"'


def windows_command() -> str:
    """The command line of Windows that reads `request` from its standard input."""
    encoded = base64.b64encode(SCRIPT.read_text("utf-8").encode("utf-16-le")).decode()
    return f"PowerShell -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -EncodedCommand {encoded}"


def request(program: str, distribution: str | None, user: str, argv: Iterable[str], stdin: bytes) -> bytes:
    """What the script reads. Names go unquoted: wsl.exe would take the quotes for a part of them."""
    named = ["--distribution", distribution] if distribution else []
    line = " ".join([*named, "--user", user, "--cd", "/", "--exec", *map(argument, argv)])
    lines = [base64.b64encode(text.encode()).decode() for text in (program, line)]
    lines += [base64.b64encode(stdin[at : at + _CHUNK]).decode() for at in range(0, len(stdin), _CHUNK)]
    return ("\r\n".join(lines) + "\r\n").encode()


def answer(text: str) -> tuple[int, bytes, bytes]:
    """Exit code (negative: wsl.exe's own), stdout and stderr. Raises NoAnswerError."""
    found = dict(line.strip().partition(":")[::2] for line in text.splitlines() if line[:2] in ("O:", "E:", "X:"))
    try:
        code = int(found["X"])
        streams = [base64.b64decode(found[key], validate=True) for key in ("O", "E")]
    except (KeyError, ValueError, binascii.Error):
        raise NoAnswerError(text[:2000]) from None
    return code if code < 2**31 else code - 2**32, streams[0], streams[1]


def failure(stdout: bytes) -> str:
    """wsl.exe's own failure in one line: code, cause, its tail, and the next step."""
    text = wsl_output.decode(stdout).strip()
    tail = _TAIL.search(text.rsplit("\n", 1)[-1])
    words = tail[1] if tail else " ".join(text.split())[:300]
    code = remedies.match(words, "wsl") or ("WSL_FAILED" if tail else "WSL_NO_DISTRIBUTION")
    remedy = remedies.remedy(code)
    return f"{code}: {remedy.cause} ({words or 'wsl.exe said nothing'}). {remedy.next_step}"
