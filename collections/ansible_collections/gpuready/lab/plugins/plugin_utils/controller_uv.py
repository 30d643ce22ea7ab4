# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The uv that the controller gives a PC that has none: its own for Linux, and for Windows one that it fetches once."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path

from .stacks import files as stackfiles

LOCK = stackfiles.STACKS / "uv.txt"
TIME_LIMIT = 300  # seconds
_ELF = b"\x7fELF"


@lru_cache(maxsize=1)
def for_linux() -> Path | None:
    """A real program, not a shim: that of the uv package beside us, else the one on the PATH; None without one."""
    candidates: list[str | None] = []
    try:
        from uv import find_uv_bin

        candidates.append(find_uv_bin())
    except (ImportError, FileNotFoundError):
        pass
    candidates.append(shutil.which("uv"))
    for candidate in candidates:
        if candidate:
            with Path(candidate).open("rb") as file:
                if file.read(4) == _ELF:
                    return Path(candidate)
    return None


def for_pc(target: str, architecture: str | None) -> Path | None:
    """The uv for a PC with this system (linux, windows) and processor (None: not known); None when there is none."""
    if target == "windows":
        return for_windows() if architecture in (None, "x86_64") else None
    return for_linux() if architecture in (None, platform.machine()) else None


def for_windows() -> Path | None:
    """A zip with the uv.exe that `stacks/uv.txt` pins, from the controller's index.

    It stays in the user's cache, where its sha256 is looked at again each time: what lies there is sent to every PC.
    None when the controller has no uv to fetch it with, or cannot fetch it.
    """
    own = for_linux()
    if own is None:
        return None
    text = LOCK.read_text(encoding="utf-8")
    version, pinned = text.partition("===")[2].split()[0], re.search(r"^# uv\.exe: sha256:([0-9a-f]{64})$", text, re.M)
    if pinned is None:
        return None
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gpuready"
    target = folder / f"uv-{version}-windows-x86_64.zip"
    try:
        if _holds(target, pinned[1]):
            return target
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "uv.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # twenty-five PCs ask at once
            if not _holds(target, pinned[1]):
                _fetch(own, target)
        return target if _holds(target, pinned[1]) else None
    except (OSError, subprocess.SubprocessError):
        return None


def _holds(archive: Path, sha256: str) -> bool:
    """Whether the uv.exe in an archive is the pinned one."""
    try:
        with zipfile.ZipFile(archive) as file, file.open("uv.exe") as program:
            return hashlib.sha256(program.read()).hexdigest() == sha256
    except (FileNotFoundError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return False


def _fetch(own: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="uv-", dir=target.parent) as folder:
        install = [str(own), "pip", "install", "--quiet", "--no-config", "--no-deps", "--require-hashes"]
        install += ["--only-binary", ":all:", "--python", sys.executable, "--python-platform", "x86_64-pc-windows-msvc"]
        done = subprocess.run(
            [*install, "--target", f"{folder}/uv", "-r", str(LOCK)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1", **os.environ},  # the newer and the older name
            timeout=TIME_LIMIT,
            check=False,
        )
        program = next(Path(folder).rglob("uv.exe"), None)
        if done.returncode or program is None:
            raise OSError("uv for Windows could not be fetched")
        new = Path(folder) / target.name
        with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:  # the same bytes on every controller
            archive.writestr(zipfile.ZipInfo("uv.exe"), program.read_bytes(), zipfile.ZIP_DEFLATED)
        new.replace(target)
