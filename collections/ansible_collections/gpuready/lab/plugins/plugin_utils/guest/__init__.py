# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A command in a WSL guest over a Windows connection: how it is asked for, what its answer means."""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterable
from pathlib import Path

from ..evidence import wsl_output
from ..remedies import catalogue as remedies

SCRIPT = Path(__file__).with_name("wsl.ps1")
_CHUNK = 45_000  # bytes a line: a multiple of 3
# What our become plugin puts before a command: the connection takes it away, and runs the command by `wsl.exe --user`.
ONLY_WSL = "echo become_method gpuready.lab.wsl works over the connection gpuready.lab.wsl alone >&2; exit 1; "
_NOT_THERE = (2, 3)  # Windows' numbers for a program that is not where it is looked for
_ENDS = '/bin/sh -c "$1"; echo "$2$?" >&2'
_TAIL = re.compile(r":\s*((?:Wsl|Wslg|Bash|WslConfig)/[\w/?()]+)\s*$")


class NoAnswerError(Exception):
    """No answer of the guest; the text has the code, the cause and the next step."""


def argument(value: str) -> str:
    """One argument as CommandLineToArgvW reads it back."""
    if value and not re.search(r'[\s"]', value):
        return value
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', value)
    return '"' + re.sub(r"(\\+)$", r"\1\1", escaped) + '"'


def windows_command(shell: str = "cmd") -> str:
    """The command line of Windows that reads `request` from its standard input.

    `shell`: who starts it. A PowerShell reads that input itself, and gives it to a program only where it is told to.
    """
    encoded = base64.b64encode(SCRIPT.read_text("utf-8").encode("utf-16-le")).decode()
    given = "$input | " if shell == "powershell" else ""
    return f"{given}PowerShell -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -EncodedCommand {encoded}"


def request(program: str, distribution: str | None, user: str, argv: Iterable[str], stdin: bytes) -> bytes:
    """What the script reads. Names go unquoted: wsl.exe would take the quotes for a part of them."""
    named = ["--distribution", distribution] if distribution else []
    line = " ".join([*named, "--user", user, "--cd", "/", "--exec", *map(argument, argv)])
    lines = [base64.b64encode(text.encode()).decode() for text in (program, line)]
    lines += [base64.b64encode(stdin[at : at + _CHUNK]).decode() for at in range(0, len(stdin), _CHUNK)]
    return ("\r\n".join(lines) + "\r\n").encode()


def command(text: str, mark: str) -> list[str]:
    """The arguments that run a command of the guest's shell, which says the exit code behind `mark`.

    wsl.exe's own would not do: it takes 67 and 87 for words of its own, and is 1 where the guest went away.
    """
    return ["/bin/sh", "-c", _ENDS, "sh", text, mark]


def answer(rc: int, out: str, err: str, mark: str) -> tuple[int, bytes, bytes]:
    """Exit code, stdout and stderr of a `command`, from those of PowerShell. Raises NoAnswerError."""
    found = dict(line.strip().partition(":")[::2] for line in out.splitlines() if line[:2] in ("O:", "E:", "X:", "N:"))
    try:
        if "N" in found:
            raise NoAnswerError(_not_started(int(found["N"])))
        code = int(found["X"])
        stdout, stderr = [base64.b64decode(found[key], validate=True) for key in ("O", "E")]
    except (KeyError, ValueError, binascii.Error):
        raise NoAnswerError(_told("WSL_NO_ANSWER", f"exit code {rc} {out} {_errors(err)}")) from None
    stderr, marked, end = stderr.rpartition(mark.encode())
    if marked and end.strip().isdigit():
        return int(end), stdout, stderr
    silence = f"exit code {code} {wsl_output.decode(end)}"
    raise NoAnswerError(failure(stdout, own=code in (-1, 2**32 - 1), silence=silence))


def _errors(text: str) -> str:
    """The errors that PowerShell wrote, out of the XML into which it packs them where nobody sits before it."""
    if "#< CLIXML" not in text:
        return text
    errors = "".join(re.findall(r'<S S="Error">(.*?)</S>', text, re.S))
    return re.sub(r"_x000[AD]_", " ", html.unescape(errors))


def failure(stdout: bytes, *, own: bool = True, silence: str = "") -> str:
    """In one line why wsl.exe failed: code, cause, its tail, and the next step.

    `own`: by its own exit code; `silence`: what is told where it said nothing.
    """
    text = wsl_output.decode(stdout).strip()
    tail = _TAIL.search(text.rsplit("\n", 1)[-1])
    words = tail[1] if tail else " ".join(text.split())[-300:]
    code = remedies.match(words, "wsl") or (
        "WSL_FAILED" if tail else "WSL_NO_DISTRIBUTION" if own else "WSL_GUEST_ENDED"
    )
    return _told(code, words or silence)


def _not_started(number: int) -> str:
    """Why Windows did not start wsl.exe, by its number."""
    words = f"wsl.exe: Windows error {number}"
    code = "WSL_PROGRAM_MISSING" if number in _NOT_THERE else remedies.match(words, "wsl") or "WSL_NO_ANSWER"
    return _told(code, words)


def _told(code: str, words: str) -> str:
    """A code with its cause, what was said, and the next step."""
    remedy = remedies.remedy(code)
    said = " ".join(words.split())[:1000]
    return f"{code}: {remedy.cause} ({said or 'wsl.exe said nothing'}). {remedy.next_step}"
