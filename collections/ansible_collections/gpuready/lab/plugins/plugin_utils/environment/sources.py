# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the controller itself can give a PC for its environment: archives, wheels of a wheelhouse, uv."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..stacks import locks, wheels


class RequestError(ValueError):
    """What cannot be asked of a PC: a code and one line, and the next step where it is not that of the code."""

    def __init__(self, code: str, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.code, self.next_step = code, next_step


@lru_cache(maxsize=512)
def _sha256(path: str, size: int, changed: int) -> str:
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def sha256_of(path: Path) -> str:
    """The sha256 of a file; read once, as long as its size and time stay."""
    status = path.stat()
    return _sha256(str(path), status.st_size, status.st_mtime_ns)


class Sources:
    """Files of the controller by their sha256: `files` maps it to the path, for what the PC asks for."""

    def __init__(self) -> None:
        self.files: dict[str, Path] = {}

    def archive(self, option: str, value: Mapping[str, Any] | None, file: Path | None) -> dict[str, Any] | None:
        """The archive as the PC's module takes it. `file`: the file of its path on the controller, if it is there."""
        if not value:
            return None
        given = {key: str(item) for key, item in value.items() if item is not None}
        if unknown := set(given) - {"path", "url", "sha256"}:
            raise RequestError("ARGUMENTS", f"{option}: {sorted(unknown)[0]} is not one of path, url, sha256")
        if ("path" in given) == ("url" in given):
            raise RequestError("ARGUMENTS", f"{option}: it needs either a path or a url")
        sha256 = given.get("sha256", "").lower()
        if len(sha256) != 64:
            raise RequestError("ARGUMENTS", f"{option}: it needs the file's sha256 (64 hexadecimal digits)")
        if file is None:
            return {**given, "sha256": sha256}
        return self.checked(option, file, sha256)

    def checked(self, option: str, file: Path, sha256: str) -> dict[str, Any]:
        """A file of the controller that must be the one of a sha256, as the PC's module takes it."""
        try:
            actual = sha256_of(file)
        except OSError as error:
            raise RequestError("ARCHIVE_MISSING", f"{option}: {file} cannot be read: {error.strerror}") from None
        if actual != sha256:
            raise RequestError(
                "HASH_MISMATCH",
                f"{option}: the sha256 of {file} is {actual}, not {sha256}; it was not sent: get the right file",
            )
        self.files[sha256] = file
        return {"name": file.name, "sha256": sha256}

    def listed(self, option: str, file: Path, sha256: str, size: int) -> dict[str, Any]:
        """As `checked`, of a file that has its size: it is read when a PC asks for it."""
        if not file.is_file() or file.stat().st_size != size:
            return self.checked(option, file, sha256)
        self.files[sha256] = file
        return {"name": file.name, "sha256": sha256}

    def wheelhouse(self, folder: Path, lock: str, target: str, python_version: str) -> list[dict[str, Any]]:
        """The files of a wheelhouse that the lock names by sha256, as [{name, sha256}]."""
        if not folder.is_dir():
            raise RequestError(
                "WHEELHOUSE_MISSING", f"wheelhouse: {folder} is not a folder on the controller; correct its path"
            )
        try:
            parsed = locks.parse(lock)
        except locks.LockError as error:
            raise RequestError("LOCK_INVALID", str(error)) from None
        hashes = {value.removeprefix("sha256:") for one in parsed.requirements for value in one.hashes}
        names = [file.name for file in folder.iterdir() if file.is_file()]
        offered = []
        for name in wheels.wanted(names, [one.name for one in parsed.requirements], target, python_version):
            sha256 = sha256_of(folder / name)
            if sha256 in hashes:
                self.files[sha256] = folder / name
                offered.append({"name": name, "sha256": sha256})
        return offered

    def offer(self, path: Path | None) -> dict[str, Any] | None:
        """A file of the controller as the PC's module takes it; None for none."""
        if path is None:
            return None
        sha256 = sha256_of(path)
        self.files[sha256] = path
        return {"name": path.name, "sha256": sha256}
