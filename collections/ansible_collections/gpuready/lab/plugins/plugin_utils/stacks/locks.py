# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lock: a requirements file, every requirement pinned and hashed, as `uv pip compile --generate-hashes` writes it.

Ours pin with `===`: `torch==2.13.0` is met by 2.13.0+cpu too, which another index may have, and which has another hash.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:\[[A-Za-z0-9._,\s-]*\])?")
_VERSION = re.compile(r"={2,3}\s*([A-Za-z0-9][A-Za-z0-9._+!-]*)")
_HASH = re.compile(r"--hash=(\S+)")
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")


# What builds a package that exists as source only, with what that itself needs.
_BUILDERS = {
    *("setuptools", "wheel", "packaging", "flit-core", "poetry-core", "hatchling"),
    *("pathspec", "pluggy", "tomli", "trove-classifiers"),
}


class LockError(ValueError):
    """What is wrong with a lock, in one line."""


@dataclass(frozen=True)
class Requirement:
    """One pinned package; `hashes` are `sha256:<64 hex digits>`, `line` counts from 1.

    `conditional`: a marker says where it is wanted.
    """

    name: str
    version: str
    hashes: tuple[str, ...]
    line: int
    conditional: bool = False


@dataclass(frozen=True)
class Lock:
    """A checked lock. `sha256` is over the text with \\n newlines, so that a checkout on Windows has the same."""

    text: str
    sha256: str
    requirements: tuple[Requirement, ...]


def parse(text: str, name: str = "lock") -> Lock:
    """Check the text of a lock; `name` is the file's, for the error. Raises LockError."""
    if "\0" in text or "\ufffd" in text:
        raise LockError(f"{name}: this is not a text file")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    requirements = tuple(_requirement(line, content, name) for line, content in _logical_lines(text))
    if not requirements:
        raise LockError(f"{name}: there is no requirement in it")
    seen: dict[str, int] = {}
    for requirement in requirements:
        key = _key(requirement.name)
        if key in seen:
            raise LockError(f"{name}: line {requirement.line}: {requirement.name} is in line {seen[key]} already")
        seen[key] = requirement.line
    return Lock(text, sha256(text.encode()), requirements)


def builders(text: str) -> str:
    """Those requirements of a lock that build others, as a lock of their own; empty without any.

    They are installed first, and nothing is built with anything else: what an index gives beside the lock has no hash.
    """
    lines = (content for _, content in _logical_lines(text.replace("\r\n", "\n")))
    names = ((line, _NAME.match(line)) for line in lines)
    return "".join(f"{line}\n" for line, name in names if name and _key(name.group()) in _BUILDERS)


def jupyter(lock: Lock) -> str:
    """What is said beside how a student starts a stack of this lock: it has JupyterLab, or is a kernel of Jupyter."""
    names = {_key(one.name) for one in lock.requirements}
    if "jupyterlab" in names:
        return "; with lab behind its name it opens JupyterLab"
    return "; Jupyter has it as a kernel" if "ipykernel" in names else ""


def _key(name: str) -> str:
    """A project's name in one spelling, without its extras."""
    return re.sub(r"[-_.]+", "-", name.split("[")[0]).lower()


def sha256(content: bytes) -> str:
    """What a lock is told apart by: over its bytes with \\n newlines, so that a checkout on Windows has the same."""
    return hashlib.sha256(content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")).hexdigest()


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Lines joined at their backslashes and without comments, with the number of the first."""
    lines: list[tuple[int, str]] = []
    start, parts = 0, []  # type: int, list[str]
    for number, raw in enumerate(text.split("\n"), 1):
        line = re.sub(r"(^|\s)#.*$", "", raw).rstrip()
        start = start or number
        parts.append(line.removesuffix("\\").strip())
        if line.endswith("\\"):
            continue
        content = " ".join(part for part in parts if part)
        if content:
            lines.append((start, content))
        start, parts = 0, []
    content = " ".join(part for part in parts if part)
    return [*lines, (start, content)] if content else lines


def _requirement(line: int, content: str, file: str) -> Requirement:
    where = f"{file}: line {line}"
    if content.startswith("-"):
        raise LockError(
            f"{where}: '{content.split()[0]}' has no place in a lock: indexes and folders are variables of the lab"
        )
    name = _NAME.match(content)
    if name is None or "@" in content.split("--hash")[0]:
        raise LockError(f"{where}: '{content[:60]}' is not a pinned requirement of an index (NAME===VERSION)")
    rest = content[name.end() :].lstrip()
    version = _VERSION.match(rest)
    if version is None or version.group(1).endswith("*"):
        raise LockError(f"{where}: {name.group()} is not pinned (NAME===VERSION)")
    remainder = rest[version.end() :]
    if remainder.lstrip()[:1] in ("*", ".", ",", "|", "<", ">", "="):
        raise LockError(f"{where}: {name.group()} is not pinned to one version")
    hashes = tuple(_HASH.findall(remainder))
    if not hashes:
        raise LockError(f"{where}: {name.group()} has no hash (uv pip compile --generate-hashes)")
    for value in hashes:
        if not _SHA256.fullmatch(value):
            raise LockError(
                f"{where}: {name.group()} has the hash '{value[:20]}...', which is not sha256:<64 hex digits>"
            )
    return Requirement(name.group().split("[")[0], version.group(1), hashes, line, ";" in remainder.split("--hash")[0])
