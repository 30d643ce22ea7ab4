# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a PC keeps for those who start a guest of their own: launcher, its script, causes of wsl.exe's errors, the note.

They travel with each request, so that Windows and simulated PCs write what stands here.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

from ..environment.texts import note_words
from ..remedies import catalogue

_SCRIPT = Path(__file__).with_name("student.ps1")
_LAUNCHER = r"""@echo off
rem How to start {name}: without arguments a shell in your own copy of it; with a command, that command in it.
rem --renew {name} makes your copy anew, --remove {name} takes it away; the files in it are lost.
setlocal
powershell.exe -NoLogo -NoProfile -ExecutionPolicy Bypass -File "%~dp0..\wsl\student.ps1" {name} "%~1" "%~2" 2>nul
if "%errorlevel%"=="11" exit /b 1
if not "%errorlevel%"=="10" goto shut
for %%w in (--prepare --renew --remove) do if "%~1"=="%%w" exit /b 0
set "WSL_EXE=%ProgramFiles%\WSL\wsl.exe"
if not exist "%WSL_EXE%" set "WSL_EXE=wsl.exe"
if not "%~1"=="" goto run
"%WSL_EXE%" -d {name} --cd ~
exit /b
:run
"%WSL_EXE%" -d {name} -- %*
exit /b
:shut
echo {name}: PowerShell did not run what makes your copy; a policy of this PC may forbid it; ask who looks after this PC
exit /b 1
"""
_TAIL = "\nError code: Wsl/Service/{}"  # where wsl.exe says the name or number of an error
_MOST = 40  # numbers of a row: longer ones are ranges, of which one line each would be no help


@functools.cache
def words() -> dict[str, str]:
    """The texts, with Windows' line ends."""
    texts = {"launcher": _LAUNCHER, "student": _SCRIPT.read_text("utf-8"), "causes": "".join(_causes())}
    return note_words() | {name: text.replace("\n", "\r\n") for name, text in texts.items()}


def _causes() -> Iterator[str]:
    """A line for each name and number that wsl.exe may end with: itself, and its cause."""
    known = set[str]()
    for code, sayings in catalogue.sayings().items():
        for saying in sayings:
            if "wsl" not in saying.channels or len(saying.numbers) > _MOST:
                continue
            numbers = [value if kind == "number" else 0x80070000 | value for kind, value in sorted(saying.numbers)]
            for tail in (*saying.names, *(f"0x{value:08x}" for value in numbers)):
                fits = saying.condition is None or saying.condition.search(_TAIL.format(tail))
                if fits and tail not in known:
                    known.add(tail)
                    yield f"{tail} {catalogue.remedy(code).cause}\n"
