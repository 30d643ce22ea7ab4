# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The uv that the controller gives a PC that has none: its own for Linux, and for Windows one that it fetches once."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
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
    """A zip with the uv.exe that `stacks/uv.txt` pins, from the controller's index, checked by its sha256.

    It stays in the user's cache. None when the controller has no uv to fetch it with, or cannot fetch it.
    """
    own = for_linux()
    if own is None:
        return None
    version = LOCK.read_text(encoding="utf-8").partition("===")[2].split()[0]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gpuready"
    target = folder / f"uv-{version}-windows-x86_64.zip"
    try:
        if target.exists():
            return target
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "uv.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # twenty-five PCs ask at once
            if not target.exists():
                _fetch(own, target)
        return target
    except (OSError, subprocess.SubprocessError):
        return None


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
