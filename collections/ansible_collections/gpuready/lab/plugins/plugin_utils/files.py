# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of the controller, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Write `text` (UTF-8) beside `path`, then rename: a reader sees the old file or the new one, never half of it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
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
            handle, path = tempfile.mkstemp(dir=directory, prefix=f".{name}.")
            staged[name] = Path(path)
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            staged[name].chmod(0o644)
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
