# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""uv on a Linux PC: how it is found and run, and the package sources that it is given.

Runs on the PC, under Python 3.9 or later.
"""

from __future__ import annotations

import configparser
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .archives import Store, unpack
from .folder import Home, Trouble, of_os

LEAST = (0, 5, 0)
FOREIGN = (
    *("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH", "UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_PROJECT"),
    *(
        "UV_CONSTRAINT",
        "UV_OVERRIDE",
        "UV_EXCLUDE_NEWER",
        "UV_BUILD_CONSTRAINT",
        "UV_TARGET",
        "UV_PREFIX",
        "UV_OFFLINE",
    ),
)


def pip_settings(environment: Mapping[str, str], files: list[Path]) -> dict[str, str]:
    """What this PC's pip is told: pip.conf ([global], then [install]) in order, then PIP_ variables. Keys with '-'."""
    found: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError):
            continue  # pip says so itself; a broken file is no reason not to go on without it
        for section in ("global", "install"):
            if parser.has_section(section):
                found.update({key.replace("_", "-"): value for key, value in parser.items(section)})
    for name, value in environment.items():
        if name.startswith("PIP_") and value.strip():
            found[name[4:].lower().replace("_", "-")] = value
    return found


def pip_files(environment: Mapping[str, str]) -> list[Path]:
    """The configuration files that pip reads, the one that wins last."""
    own = environment.get("PIP_CONFIG_FILE", "")
    if own == os.devnull:
        return []
    user = Path(environment.get("HOME") or "/")
    files = [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf"), user / ".pip/pip.conf"]
    files += [
        Path(environment.get("XDG_CONFIG_HOME") or user / ".config") / "pip/pip.conf",
        Path(sys.prefix) / "pip.conf",
    ]
    return [*files, Path(own)] if own else files


def sources(wishes: Mapping[str, Any], pip: Mapping[str, str], wheels: Path | None, stack_urls: bool) -> list[str]:
    """uv's options for where packages come from. `stack_urls`: with the indexes that the stack itself names."""
    no_index = bool(wishes.get("no_index")) or pip.get("no-index", "").lower() in ("1", "true", "yes", "on")
    # pip passes over a folder that is not there, uv fails
    machine = [link for link in pip.get("find-links", "").split() if "://" in link or Path(link).exists()]
    links = [*(wishes.get("find_links") or []), *machine]
    if wishes.get("wheelhouse"):
        links.insert(0, str(wishes["wheelhouse"]))
    if wheels:
        links.insert(0, str(wheels))
    options = [option for link in dict.fromkeys(links) for option in ("--find-links", link)]
    if no_index:
        return [*options, "--no-index"]
    index = wishes.get("index_url") or pip.get("index-url")
    if index:
        options += ["--default-index", str(index)]
    more = [*(wishes.get("extra_index_urls") or []), *pip.get("extra-index-url", "").split()]
    if stack_urls:
        more += wishes.get("stack_index_urls") or []
    options += [option for url in dict.fromkeys(more) for option in ("--index", url)]
    for host in pip.get("trusted-host", "").split():
        options += ["--allow-insecure-host", host]
    return [*options, "--index-strategy", "unsafe-best-match"]


class Uv:
    """A uv that runs, with everything of its own below the home."""

    def __init__(self, path: Path, home: Home, certificates: str | None, deadline: float) -> None:
        self.path, self._home, self._deadline = path, home, deadline
        environment = {key: value for key, value in os.environ.items() if key not in FOREIGN}
        environment.update(
            UV_CACHE_DIR=str(home.cache),
            UV_PYTHON_INSTALL_DIR=str(home.python),
            UV_PYTHON_INSTALL_BIN="0",
            UV_NO_PROGRESS="1",
            UV_LINK_MODE="copy",
            NO_COLOR="1",
            TMPDIR=str(home.tmp),
        )
        if certificates:
            environment["SSL_CERT_FILE"] = certificates
        if not environment.get("SSL_CERT_FILE"):
            environment.update(UV_NATIVE_TLS="1", UV_SYSTEM_CERTS="1")  # the older and the newer name
        self.environment = environment

    def run(self, phase: str, *arguments: str, limit: float | None = None, retries: str = "3") -> str:
        """Run it; its stdout. Raises Trouble UV_FAILED with the last lines that it wrote, or ENVIRONMENT_TIME_LIMIT."""
        left = self._deadline - time.monotonic()
        return run_program(
            [str(self.path), *arguments],
            phase,
            left if limit is None else min(left, limit),
            {"UV_HTTP_RETRIES": retries, **self.environment},
            self._home,
        )


def run_program(argv: list[str], phase: str, limit: float, environment: Mapping[str, str], home: Home | None) -> str:
    """Run a program to its end, or to the limit, with its children; its stdout."""
    held = home.lock_handle if home else None
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=str(home.path) if home and home.path.is_dir() else "/",
            env=dict(environment),
            start_new_session=True,
            pass_fds=(held,) if held is not None else (),
            preexec_fn=_die_with_parent,
        )
    except OSError as error:
        raise Trouble("UV_FAILED", f"{argv[0]} cannot be started: {error.strerror}", phase) from None
    try:
        out, err = process.communicate(timeout=max(0.1, limit))
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise Trouble(
            "ENVIRONMENT_TIME_LIMIT", f"{phase}: not done after {limit:.0f} seconds, and stopped", phase
        ) from None
    text = out.decode("utf-8", "replace")
    if process.returncode != 0:
        tail = "\n".join((text + "\n" + err.decode("utf-8", "replace")).strip().splitlines()[-40:])
        raise Trouble("UV_FAILED", f"{phase} ended with {process.returncode}", phase, process.returncode, tail)
    return text


def _die_with_parent() -> None:
    """When the connection is cut and we are killed, uv must not go on behind the next run's back."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


def version_of(path: Path) -> tuple[int, ...] | None:
    """The version of a uv, or None when it does not run here."""
    try:
        text = run_program([str(path), "--version"], "uv", 20, os.environ, None)
    except Trouble:
        return None
    match = re.match(r"uv (\d+)\.(\d+)\.(\d+)", text)
    return tuple(int(part) for part in match.groups()) if match else None


def find_uv(home: Home, given: str | None) -> Path | None:
    """A uv that is there and new enough: the given one, ours, or one on the PATH."""
    if given:
        version = version_of(Path(given))
        if version is None or version < LEAST:
            raise Trouble(
                "UV_MISSING", f"{given}: this is no uv that runs here (0.5 or later); correct the variable uv"
            )
        return Path(given)
    candidates = [home.path / "uv", shutil.which("uv"), Path.home() / ".local/bin/uv"]
    for candidate in candidates:
        if candidate and Path(candidate).is_file() and (version_of(Path(candidate)) or (0,)) >= LEAST:
            return Path(candidate)
    return None


def bring_uv(home: Home, store: Store, archive: dict[str, Any] | None, binary: dict[str, Any] | None) -> Path:
    """uv from its archive, else the controller's own, put into the home."""
    target, new = home.path / "uv", home.tmp / "uv.new"
    try:
        if archive:
            folder = unpack(store.take("uv", archive), home.tmp / "uv-archive")
            found = [path for path in sorted(folder.rglob("uv")) if path.is_file()]
            if not found:
                raise Trouble(
                    "ARCHIVE_UNREADABLE", f"{archive.get('path') or archive.get('name')}: there is no uv in it"
                )
            shutil.copy2(found[0], new)
        elif binary:
            shutil.copy2(store.take("uv_binary", binary), new)
        else:
            raise Trouble(
                "UV_MISSING",
                "there is no uv on this PC; give uv_archive (path or url, and sha256), or install uv for all users",
            )
        new.chmod(0o755)
        if version_of(new) is None:
            raise Trouble(
                "UV_MISSING", "the uv that was given does not run on this PC; give a uv_archive for its processor"
            )
        new.replace(target)
    except OSError as error:
        raise of_os(error, "bringing uv") from None
    return target
