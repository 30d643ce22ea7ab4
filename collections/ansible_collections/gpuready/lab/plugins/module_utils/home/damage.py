# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an environment consists of, listed when it was built, and what of that is missing or another one since.

The list is a file beside the marker, a line `SIZE PATH` for each file but what Python compiles, which runs may make.
The few files that say what the others are have their sha256 in the size's place; the marker has the list's own.
That costs one walk. The sha256 of each file, which its wheel names in RECORD, costs the reading of them all.
Runs on the PC, under Python 3.9 or later.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .contents import MARKER, json_of

LIST = "gpuready.files"
SHOWN = 5  # names that are told; the rest is counted
_OWN = (MARKER, LIST)
_SAYING = ("RECORD", "pyvenv.cfg")  # what the other files must be, and whose Python runs them
_COMPILED = ("__pycache__", ".pyc")
_RECORD = re.compile(r'^"?(.+?)"?,(sha256=[\w=-]+),')


def list_text(environment: Path) -> str:
    """The list of an environment as it is now."""
    return "".join(f"{line}\n" for line in sorted(_lines(environment)))


def sha256_of_text(text: str) -> str:
    """What the marker says of the list, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def damage(environment: Path, hashes: bool = False) -> dict[str, Any] | None:
    """`{count, missing, changed, hashes}` of an environment that was whole once; None of one that was never.

    Files that came to it later are no damage. Raises OSError where it cannot be read: then it is not known.
    """
    marker = json_of(environment / MARKER)
    if marker.get("complete") is not True:
        return None
    listed = _listed(environment / LIST, marker.get("files_sha256"))
    lost = sorted(line.partition(" ")[2] for line in listed.difference(_lines(environment)))
    changed = [path for path in lost if os.path.lexists(environment / path)]
    missing = [path for path in lost if not os.path.lexists(environment / path)]
    if not Path(str(marker.get("interpreter"))).exists():
        missing.append(str(marker.get("interpreter")))
    if hashes:
        changed = sorted({*changed, *_wrong(environment)})
    count = len(missing) + len(changed)
    return {"count": count, "missing": missing[:SHOWN], "changed": changed[:SHOWN], "hashes": hashes}


def _listed(file: Path, sha256: object) -> set[str]:
    """The lines of the list; of one that is not as it was written, or that the marker does not name, itself alone."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        content = b""
    if hashlib.sha256(content).hexdigest() != sha256:
        return {f"0 {LIST}"}
    return set(content.decode("utf-8").split("\n")[:-1])


def _lines(environment: Path) -> Iterator[str]:
    root = os.fspath(environment)
    folders, start = [root], len(root) + 1
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.name.endswith(_COMPILED):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif entry.path[start:] not in _OWN:
                    path = os.fsencode(entry.path[start:]).decode("utf-8", "replace")
                    says = entry.name in _SAYING and entry.is_file(follow_symlinks=False)
                    yield f"{_sha256(entry.path) if says else entry.stat(follow_symlinks=False).st_size} {path}"


def _wrong(environment: Path) -> Iterator[str]:
    """Files that are not those of their wheel."""
    for record in environment.glob("lib/python*/site-packages/*.dist-info/RECORD"):
        for line in record.read_text(encoding="utf-8", errors="replace").splitlines():
            told = _RECORD.match(line)
            path = os.path.normpath(record.parent.parent / told[1]) if told else ""
            if told is None or path.endswith(_COMPILED) or not os.path.isfile(path):  # noqa: PTH113 - a text
                continue
            if f"sha256={_sha256(path)}" != told[2]:
                yield os.path.relpath(path, environment)


def _sha256(path: str) -> str:
    """As a RECORD writes it."""
    found = hashlib.sha256()
    with Path(path).open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            found.update(block)
    return base64.urlsafe_b64encode(found.digest()).rstrip(b"=").decode("ascii")
