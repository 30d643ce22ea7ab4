# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of the controller, written whole or not at all. Who may read them is the umask's to say."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write `text` (UTF-8) beside `path`, then rename: a reader sees the old file or the new one, never half of it."""
    temporary = _write(path.parent, path.name, text)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_together(directory: Path, texts: Mapping[str, str], obsolete: tuple[str, ...] = ()) -> None:
    """Write each text (UTF-8) into `directory` under its name.

    All of them are on the disk under passing names before the first takes its place, in the order given: a full disk
    leaves the old files as they were. `obsolete` names old files that would contradict the new ones. Raises OSError.
    """
    directory.mkdir(parents=True, exist_ok=True)
    staged: dict[str, Path] = {}
    try:
        for name, text in texts.items():
            staged[name] = _write(directory, name, text)
        for name in texts:
            if (directory / name).is_dir():
                raise IsADirectoryError(21, "Is a directory", str(directory / name))
        for name in list(staged):
            staged[name].replace(directory / name)
            del staged[name]
        for name in obsolete:
            (directory / name).unlink(missing_ok=True)
    finally:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)


def _write(directory: Path, name: str, text: str) -> Path:
    """The text in a new file under a passing name, on the disk. The umask alone says who may read it."""
    path = directory / f".{name}.{secrets.token_hex(4)}"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path
