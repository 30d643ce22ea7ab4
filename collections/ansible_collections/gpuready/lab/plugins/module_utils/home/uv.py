# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""uv on a Linux PC: how it is found, brought and run.

Runs on the PC, under Python 3.9 or later.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .archives import Store, unpack
from .folder import Home, Trouble, of_os
from .program import run_program

NO_UV = "there is no uv on this PC that runs; give uv_archive (path or url, and sha256), or install uv for all users"
LEAST = (0, 5, 0)


class Uv:
    """A uv that runs, with everything of its own below the home."""

    def __init__(
        self, path: Path, home: Home, certificates: str | None, foreign: Iterable[str], deadline: float
    ) -> None:
        """`foreign`: variables of whoever is logged on that are kept from it."""
        self.path, self._home, self._deadline = path, home, deadline
        kept_out = set(foreign)
        variables = {key: value for key, value in os.environ.items() if key not in kept_out}
        variables.update(
            UV_CACHE_DIR=str(home.cache),
            UV_PYTHON_INSTALL_DIR=str(home.interpreters),
            UV_PYTHON_INSTALL_BIN="0",
            UV_NO_PROGRESS="1",
            UV_LINK_MODE="copy",
            NO_COLOR="1",
            TMPDIR=str(home.tmp),
        )
        if certificates:
            variables["SSL_CERT_FILE"] = certificates
        if not variables.get("SSL_CERT_FILE"):
            variables.update(UV_NATIVE_TLS="1", UV_SYSTEM_CERTS="1")  # the older and the newer name
        self.variables = variables

    def run(
        self,
        phase: str,
        *arguments: str,
        limit: float | None = None,
        retries: str = "3",
        more: Mapping[str, str] | None = None,
        instead: Mapping[str, str] | None = None,
    ) -> str:
        """Run it; its stdout. `more`: variables that it gets where it has none of that name; `instead`: in any case.

        Raises Trouble UV_FAILED with the last lines that it wrote, or ENVIRONMENT_TIME_LIMIT.
        """
        left = self._deadline - time.monotonic()
        return run_program(
            [str(self.path), *arguments],
            phase,
            left if limit is None else min(left, limit),
            {"UV_HTTP_RETRIES": retries, **(more or {}), **self.variables, **(instead or {})},
            self._home,
        )


def version_of(path: Path, why: list[str] | None = None) -> tuple[int, ...] | None:
    """The version of a uv, or None when it does not run here, and `why` gets the reason."""
    try:
        text = run_program([str(path), "--version"], "uv", 20, os.environ, None)
    except Trouble as trouble:
        if why is not None:
            why.append(trouble.reason(path))
        return None
    match = re.match(r"uv (\d+)\.(\d+)\.(\d+)", text)
    return tuple(int(part) for part in match.groups()) if match else None


def find_uv(home: Home, given: str | None, why: list[str]) -> Path | None:
    """A uv that is there and new enough: the given one, ours, or one on the PATH. `why` gets the reasons of others."""
    if given:
        version = version_of(Path(given), why)
        if version is None or version < LEAST:
            cause = "this is no uv that runs here (0.5 or later); correct the variable uv"
            raise Trouble("UV_MISSING", f"{given}: {cause}{''.join(why[:1])}")
        return Path(given)
    candidates = [home.path / "uv", shutil.which("uv"), Path.home() / ".local/bin/uv"]
    for candidate in candidates:
        if candidate and Path(candidate).is_file() and (version_of(Path(candidate), why) or (0,)) >= LEAST:
            return Path(candidate)
    return None


def no_uv(why: list[str]) -> Trouble:
    """What stops the work where no uv can be had; `why`: the reasons of those that do not run."""
    return Trouble("UV_MISSING", f"{NO_UV}{''.join(why[:1])}")


def bring_uv(
    home: Home, store: Store, archive: dict[str, Any] | None, binary: dict[str, Any] | None, why: list[str]
) -> Path:
    """uv from its archive, else the controller's own, put into the home. `why`: of those that do not run."""
    target, new = home.path / "uv", home.tmp / "uv.new"
    try:
        if archive:
            folder = unpack(store.take("uv", archive), home.tmp / "uv-archive")
            binaries = [path for path in sorted(folder.rglob("uv")) if path.is_file()]
            if not binaries:
                raise Trouble(
                    "ARCHIVE_UNREADABLE", f"{archive.get('path') or archive.get('name')}: there is no uv in it"
                )
            shutil.copy2(binaries[0], new)
        elif binary:
            shutil.copy2(store.take("uv_binary", binary), new)
        else:
            raise no_uv(why)
        new.chmod(0o755)
        reasons: list[str] = []
        if version_of(new, reasons) is None:
            cause = "the uv that was given does not run on this PC; give a uv_archive for its processor"
            raise Trouble("UV_MISSING", f"{cause}{''.join(reasons)}")
        new.replace(target)
    except OSError as error:
        raise of_os(error, "bringing uv") from None
    return target
