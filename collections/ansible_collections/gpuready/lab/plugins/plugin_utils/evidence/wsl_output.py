# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What wsl.exe writes, in any language and encoding.

wsl.exe writes UTF-16LE unless WSL_UTF8=1 is set, the one that comes with Windows ignores that and ends lines with
\\r\\r\\n, and everything for people is translated into 22 languages.  So nothing here reads a word: order, columns,
numbers, and the codes that no language changes (`Wsl/Service/0x80070422`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MARKS = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\0]")
_VERSION = re.compile(r"(?<=\S)\s*(?<![\w.])(\d+(?:\.\d+)+[\w.+~-]*)$", re.ASCII)
_PACKAGE = re.compile(r"^\d+\.\d+\.\d+(?:\.\d+)?$")
_TAIL = re.compile(r"\bWsl(?:/[\w()?]+)+", re.ASCII)
_HRESULT = re.compile(r"\b0x[0-9A-Fa-f]{8}\b")


@dataclass(frozen=True)
class Versions:
    """The answer to `wsl --version`, as far as it is asked for."""

    wsl: str
    kernel: str


@dataclass(frozen=True)
class Failure:
    """What wsl.exe says went wrong.

    `tail` is its whole path (`Wsl/InstallDistro/WSL_E_INSTALL_PROCESS_FAILED`), `code` the end of it or the last number
    (`0x80370114`).
    """

    tail: str | None
    code: str


def decode(data: bytes | str) -> str:
    """The text of bytes in UTF-8 or UTF-16, with or without a byte order mark, cut off or not; lines end with \\n.

    A text is taken too: one that came from UTF-16 read as something else still has its NUL after every letter.
    """
    text = data if isinstance(data, str) else _text(data)
    text = _MARKS.sub("", text)
    return re.sub(r"\r*\n|\r", "\n", text)


def _text(data: bytes) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:].decode("utf-8", "replace")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data[: len(data) & ~1].decode("utf-16", "replace")
    try:
        as_utf8 = data.decode("utf-8")
    except UnicodeDecodeError as error:
        as_utf8 = None
        if error.end >= len(data) - 1 and error.reason == "unexpected end of data":
            as_utf8 = data[: error.start].decode("utf-8")  # cut off within a letter
    nuls = data.count(0)
    if as_utf8 is not None and nuls * 8 < len(data):
        return as_utf8
    if nuls or (as_utf8 is None and len(data) % 2 == 0 and _is_utf16(data)):
        big = data[0::2].count(0) > data[1::2].count(0)
        return data[: len(data) & ~1].decode("utf-16-be" if big else "utf-16-le", "replace")
    return data.decode("utf-8", "replace")


def _is_utf16(data: bytes) -> bool:
    try:
        return all(letter.isprintable() or letter in "\r\n\t" for letter in data.decode("utf-16-le"))
    except UnicodeDecodeError:
        return False


def versions(text: str) -> Versions | None:
    """Read `wsl --version`: lines that each end with a version, in WSL's order; None for anything else."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("wsl: ")]  # a warning
    numbers = [match[1] if (match := _VERSION.search(line)) else None for line in lines]
    known = [version for version in numbers if version]
    if len(known) != len(numbers) or len(known) < 2 or not _PACKAGE.match(known[0]):
        return None
    return Versions(known[0], known[1])


def failure(text: str) -> Failure | None:
    """The codes in an error of wsl.exe, or None when it names none."""
    codes = [match[0] for match in re.finditer(f"{_TAIL.pattern}|{_HRESULT.pattern}", text, re.ASCII)]
    if not codes:
        return None
    tails = _TAIL.findall(text)
    return Failure(tails[-1] if tails else None, (tails or codes)[-1].rsplit("/", 1)[-1])
