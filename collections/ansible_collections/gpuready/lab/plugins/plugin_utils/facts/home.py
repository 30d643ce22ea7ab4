# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What gpuready itself left on a PC: its environments, which of them is the current one, and what
its last trainings came to.

The pieces `environments` and `last_pass` have one shape on Windows and Linux: files with their text as it is.
"""

from __future__ import annotations

import ntpath
import posixpath
from typing import Any

from .. import reading
from ..evidence.pieces import Pieces, Row
from ..stacks import runtime
from .model import Damage, Environment, Failure, Pass

FAILED = ("NOT_READY", "UNKNOWN")  # states of a verdict on a training that failed


def environments(pieces: Pieces, windows_runtime: set[str] | None = None) -> tuple[Environment, ...]:
    """Ours, by path; one that is not complete is being built.

    `windows_runtime`: the files of the C++ runtime that Windows itself has; None when that is not known, and on Linux.
    """
    home = pieces.row("environments")
    if home is None:
        return ()
    current = {}
    for file in home.rows("current"):
        pointer = _content(pieces, "environments", file)
        if pointer:
            current[reading.text(pointer.get("stack"))] = _same(reading.text(pointer.get("environment")))
    kernels = _kernels(pieces, home)
    ours = []
    for directory in home.rows("directories"):
        name, path = directory.text("name"), directory.text("path")
        if not name or not path:
            continue
        about = _content(pieces, "environments", directory) or {}
        complete = about.get("complete") is True
        stack = reading.text(about.get("stack")) or (name.rpartition("-")[0] or None)
        python = reading.text(about.get("python"))
        if python is not None and _same(python) not in (
            _same(rf"{path}\Scripts\python.exe"),
            _same(f"{path}/bin/python"),
        ):
            pieces.problem("environments", "FILE_UNREADABLE", f"{name}: its interpreter lies elsewhere: {python[:200]}")
            python = None  # what its marker says is not run
        is_current = complete and current.get(stack) in (_same(path), _same(name))
        ours.append(
            Environment(
                stack=stack,
                lock_sha256=reading.text(about.get("lock_sha256")),
                path=path,
                python=python,
                state="building" if not complete else "current" if is_current else "old",
                vc_runtime=_has_runtime(directory, windows_runtime),
                damage=_damage(pieces, name, directory.row("damage")) if complete else None,
                kernel=kernels.get(_same(python)) if python else None,
            )
        )
    return tuple(sorted(ours, key=lambda one: str(one.path)))


def _kernels(pieces: Pieces, home: Row) -> dict[str | None, str]:
    """Interpreter -> what Jupyter calls the kernel that starts it."""
    contents = [_content(pieces, "environments", file) or {} for file in home.rows("kernels")]
    starts = [(one.get("argv"), reading.text(one.get("display_name"))) for one in contents]
    return {_same(reading.text(argv[0])): name for argv, name in starts if isinstance(argv, list) and argv and name}


def last_trainings(pieces: Pieces) -> tuple[tuple[Pass, ...], tuple[Failure, ...]]:
    """What the last training of each stack came to, the latest first: the passes, and the failures."""
    passed: list[Pass] = []
    failed: list[Failure] = []
    for file in pieces.rows("last_pass"):
        content = _content(pieces, "last_pass", file)
        if content is None:
            continue
        if isinstance(content.get("fingerprint"), dict) and isinstance(content.get("verdict"), dict):
            kept = content["fingerprint"], content["verdict"], reading.text(content.get("at"))
            if content["verdict"].get("state") in FAILED:
                failed.append(Failure(*kept))
            else:
                passed.append(Pass(*kept))
        else:
            pieces.malformed("last_pass", f"{file.text('name')}: a pass lacks its fingerprint or its verdict")
    passed.sort(key=lambda one: str(one.at or ""), reverse=True)
    failed.sort(key=lambda one: str(one.at or ""), reverse=True)
    return tuple(passed), tuple(failed)


def _has_runtime(directory: Row, windows: set[str] | None) -> bool | None:
    """Whether programs of this environment find every file of the C++ runtime, in Windows or in it."""
    own = set(directory.texts("runtime")) if directory.values.get("runtime") is not None else None
    if set(runtime.FILES) <= (windows or set()) | (own or set()):
        return True
    return None if windows is None or own is None else False


def _damage(pieces: Pieces, name: str, damage: Row | None) -> Damage | None:
    """What an environment lacks; None where that is not known."""
    if damage is None or damage.integer("count") is None:
        if damage is not None and (why := damage.text("error")):
            pieces.problem("environments", "FILE_UNREADABLE", f"{name}: it cannot be looked through: {why[:300]}")
        return None
    missing, changed = (tuple(damage.texts(name)) for name in ("missing", "changed"))
    count = max(damage.integer("count") or 0, len(missing) + len(changed))
    return Damage(count, missing, changed, damage.flag("hashes"))


def _content(pieces: Pieces, piece: str, file: Row) -> dict[str, Any] | None:
    """The object in a small file of ours; None where there is no file, and with a problem for one that is no object."""
    text = file.values.get("text")
    if text is None:
        return None
    try:
        content = reading.parsed(text) if isinstance(text, str) else None
    except ValueError:
        content = None
    if not isinstance(content, dict):
        pieces.problem(piece, "FILE_UNREADABLE", f"{file.text('name')}: not an object in JSON")
        return None
    return content


def _same(path: str | None) -> str | None:
    """A path in one spelling, that of Windows or of POSIX."""
    if path is None:
        return None
    windows = "\\" in path or path[1:2] == ":"
    return ntpath.normpath(path).lower() if windows else posixpath.normpath(path)
