# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What gpuready itself left on a PC: its environments, which of them is the current one, and the last pass.

The pieces `environments` and `last_pass` have one shape on Windows and Linux: files with their text as it is.
"""

from __future__ import annotations

import json
import ntpath
import posixpath
from typing import Any

from .. import reading
from ..evidence.pieces import Pieces, Row
from .model import Environment, Pass


def environments(pieces: Pieces) -> tuple[Environment, ...]:
    """Ours; one that is not complete is being built."""
    home = pieces.row("environments")
    if home is None:
        return ()
    current = {}
    for file in home.rows("current"):
        pointer = _content(pieces, "environments", file)
        if pointer:
            current[reading.text(pointer.get("stack"))] = _same(reading.text(pointer.get("environment")))
    found = []
    for directory in home.rows("directories"):
        path = directory.text("path")
        about = _content(pieces, "environments", directory) if directory.values.get("text") is not None else None
        complete = bool(about) and (about or {}).get("complete") is True
        about = about or {}
        name = directory.text("name") or ""
        stack = reading.text(about.get("stack")) or (name.rpartition("-")[0] or None)
        is_current = complete and path is not None and current.get(stack) in (_same(path), _same(name))
        found.append(
            Environment(
                stack=stack,
                lock_sha256=reading.text(about.get("lock_sha256")),
                path=path,
                python=reading.text(about.get("python")),
                state="building" if not complete else "current" if is_current else "old",
            )
        )
    return tuple(found)


def passes(pieces: Pieces) -> tuple[Pass, ...]:
    """Each stack's last pass, the latest first."""
    found_passes = [found for file in pieces.rows("last_pass") if (found := _content(pieces, "last_pass", file))]
    whole = [
        Pass(one["fingerprint"], one["verdict"], one["at"])
        for one in found_passes
        if isinstance(one.get("fingerprint"), dict)
        and isinstance(one.get("verdict"), dict)
        and isinstance(one.get("at"), str)
    ]
    if len(whole) < len(found_passes):
        pieces.malformed("last_pass", "a pass lacks its fingerprint, its verdict or its time")
    return tuple(sorted(whole, key=lambda one: str(one.at), reverse=True))


def _content(pieces: Pieces, piece: str, file: Row) -> dict[str, Any] | None:
    """The object in a file's text, or None with a problem."""
    try:
        found = json.loads(file.text("text") or "")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        pieces.problem(piece, "FILE_UNREADABLE", f"{file.text('name')} holds no JSON object")
        return None
    return found


def _same(path: str | None) -> str | None:
    """A path in one spelling, that of Windows or of POSIX."""
    if path is None:
        return None
    windows = "\\" in path or path[1:2] == ":"
    return ntpath.normpath(path).lower() if windows else posixpath.normpath(path)
