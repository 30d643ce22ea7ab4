"""A file of the user's, changed whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gpuready.errors import GpureadyError


def put(file: Path, before: str | None, text: str, read: Callable[[Path], str | None]) -> None:
    """The new text beside the file, then renamed: a reader sees the old one or the new one, whole.

    `before`: what `read` gave of the file, None where there was none. Raises GpureadyError where it says another now.
    """
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    except OSError as error:
        raise GpureadyError(f"{file}: cannot be written: {error.strerror}") from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        temporary.chmod(0o644 if before is None else file.stat().st_mode & 0o777)
        if read(file) != before:
            raise GpureadyError(f"{file}: somebody else has changed it meanwhile: run again")
        temporary.replace(file)
    except OSError as error:
        raise GpureadyError(f"{file}: cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            temporary.unlink()
