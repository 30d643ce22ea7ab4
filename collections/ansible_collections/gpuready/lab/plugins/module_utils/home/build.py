# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Building a stack's environment on a Linux PC. Its marker, gpuready.json, is written last.

Runs on the PC, under Python 3.9 or later.
"""

from __future__ import annotations

import glob
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import pip
from . import uv as uvs
from .archives import Needed, Store, unpack
from .contents import MARKER
from .damage import LIST, list_text, sha256_of_text
from .environment import ask, distributions, interpreter_of, is_version
from .folder import Home, Trouble, as_json, now, of_os, write_whole
from .texts import fill


class Builder:
    """One building of one environment; `steps` say what was done and how long it took."""

    def __init__(self, home: Home, asked: dict[str, Any], store: Store, deadline: float) -> None:
        self._home, self._asked, self._store, self._deadline = home, asked, store, deadline
        self._version: str = asked["python"]
        self.environment = home.environment(asked["stack"], asked["lock_sha256"])
        self.steps: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self._temporary = home.interpreters / f".new-{os.getpid()}"

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.steps.append({"name": name, "seconds": round(time.monotonic() - start, 2)})

    def build(self) -> dict[str, Any]:
        """Bring uv and the interpreter, build, mark; the marker. Nothing half-built stays behind a failure."""
        asked, home = self._asked, self._home
        self._ask_for_what_is_missing()
        with self._step("uv"):
            why: list[str] = []
            path = uvs.find_uv(home, asked.get("uv"), why) or uvs.bring_uv(
                home, self._store, asked.get("uv_archive"), asked.get("uv_binary"), why
            )
            uv = uvs.Uv(path, home, asked.get("certificates"), asked["foreign_variables"], self._deadline)
        with self._step("interpreter"):
            interpreter = self._interpreter(uv)
        try:
            with self._step("environment"):
                home.remove(self.environment)
                uv.run("environment", "venv", "--no-project", "--python", str(interpreter), str(self.environment))
            with self._step("packages"):
                self._install(uv)
            return self._mark(interpreter)
        except Trouble as trouble:
            home.remove(self.environment)
            if "os error 28" in trouble.details:
                trouble.code, trouble.message = "DISK_FULL", "the disk is full: " + trouble.message
            raise
        except OSError as error:
            home.remove(self.environment)
            raise of_os(error, "building the environment") from None

    def _mark(self, interpreter: Path) -> dict[str, Any]:
        with self._step("mark"):
            why: list[str] = []
            marker = {
                "stack": self._asked["stack"],
                "lock_sha256": self._asked["lock_sha256"],
                "python": str(interpreter_of(self.environment)),
                "version": ask(interpreter_of(self.environment), why).get("version"),
                "interpreter": str(interpreter),
                "distributions": distributions(self.environment),
                "size_bytes": self._home.open_to_all(self.environment)
                if os.geteuid() == 0
                else _size(self.environment),
                "created_at": now(),
                "complete": True,
            }
            if not is_version(marker["version"], self._version):
                cause = f"{self.environment}: its Python does not run after the building"
                raise Trouble("ENVIRONMENT_BROKEN", f"{cause}{''.join(why)}")
            files = list_text(self.environment)
            write_whole(self.environment / LIST, files)
            write_whole(self.environment / MARKER, as_json({**marker, "files_sha256": sha256_of_text(files)}))
        return marker

    # --- the interpreter ----------------------------------------------------------------------------------------------
    def _interpreter(self, uv: uvs.Uv) -> Path:
        if archive := self._asked.get("interpreter_archive"):
            return self._from_archive(archive)
        why: list[str] = []
        interpreters = self._look(uv, why)
        shared = next((path for path in interpreters if _for_all(path)), None)
        if shared:
            return shared
        try:
            uv.run(
                "interpreter",
                "python",
                "install",
                "--no-bin",
                self._version,
                limit=900,
                retries="0" if interpreters else "3",
            )
        except Trouble as trouble:
            if interpreters:  # better than none for whoever runs this
                self.notes.append(
                    f"{interpreters[0]}: only its owner can run this Python, so only its owner can run the environment"
                )
                return interpreters[0]
            if trouble.code == "UV_FAILED":
                trouble.code = "INTERPRETER_MISSING"
                trouble.message = f"there is no Python {self._version} on this PC{''.join(why[:1])}"
            raise
        found = next((path for path in self._look(uv, why) if _for_all(path)), None)
        if found is None:
            cause = f"uv fetched Python {self._version}, and it does not run on this PC; give an archive of it"
            raise Trouble("INTERPRETER_MISSING", f"{cause} (interpreters){''.join(why[:1])}")
        return found

    def _look(self, uv: uvs.Uv, why: list[str]) -> list[Path]:
        """Interpreters of the version that are there: what uv finds, then pyenv's. `why`: of those that do not run."""
        paths: list[Path] = []
        for arguments in (["--managed-python"], ["--no-managed-python", "--system"]):
            try:
                text = uv.run(
                    "look for Python",
                    "python",
                    "find",
                    "--no-project",
                    "--no-python-downloads",
                    *arguments,
                    self._version,
                )
                paths.append(Path(text.strip().splitlines()[-1]))
            except (Trouble, IndexError):
                continue
        pyenv = os.environ.get("PYENV_ROOT") or str(Path.home() / ".pyenv")
        pattern = f"{glob.escape(pyenv)}/versions/{self._version}*/bin/python{self._version}"
        paths += [Path(path) for path in sorted(glob.glob(pattern), reverse=True)]  # noqa: PTH207 - one that may not be read is none
        return [path for path in dict.fromkeys(paths) if is_version(ask(path, why).get("version"), self._version)]

    def _from_archive(self, archive: dict[str, Any]) -> Path:
        target = self._place_of(archive)
        if interpreter := self._unpacked(archive):
            return interpreter
        if _interpreter_in(target):
            self._home.remove(target)
        source = self._store.take("interpreter", archive)
        try:
            folder = unpack(source, self._temporary)
            for file in folder.glob("python*._pth"):
                file.unlink()  # with it a Python makes no virtual environments
            interpreter = _interpreter_in(folder)
            why: list[str] = []
            version = ask(interpreter, why).get("version") if interpreter else None
            if not is_version(version, self._version):
                what = f"holds Python {version}" if version else "holds no Python that runs here"
                cause = f"{source.name} {what}, not {self._version}; give another archive"
                raise Trouble("INTERPRETER_MISSING", f"{cause}{''.join(why)}")
            if os.geteuid() == 0:
                self._home.open_to_all(folder)
            folder.rename(target)
        except OSError as error:
            raise of_os(error, "unpacking the interpreter") from None
        finally:
            self._home.remove(self._temporary)
        return _interpreter_in(target) or target

    # --- the packages -------------------------------------------------------------------------------------------------
    def _ask_for_what_is_missing(self) -> None:
        """What the controller shall send, asked for together before anything is done, and its ways to the packages.

        The ways depend on this PC's pip.
        """
        needed: list[dict[str, Any]] = []
        for take in self._from_the_controller():
            try:
                take()
            except Needed as missing:
                needed += missing.files
        if self._asked.get("ways") is None:
            raise Needed(needed, pip.said(os.environ))
        if needed:
            raise Needed(needed)

    def _from_the_controller(self) -> Iterator[Callable[[], object]]:
        yield lambda: self._store.wheels(self._asked.get("offered_wheels") or [])
        archive = self._asked.get("interpreter_archive")
        if archive and _is_sent(archive) and self._unpacked(archive) is None:
            yield lambda: self._store.take("interpreter", archive)
        uv = self._asked.get("uv_archive") or self._asked.get("uv_binary")
        kind = "uv" if self._asked.get("uv_archive") else "uv_binary"
        if uv and _is_sent(uv) and not uvs.find_uv(self._home, self._asked.get("uv"), []):
            yield lambda: self._store.take(kind, uv)

    def _place_of(self, archive: Mapping[str, Any]) -> Path:
        return self._home.interpreters / f"{self._version}-{str(archive['sha256'])[:12].lower()}"

    def _unpacked(self, archive: Mapping[str, Any]) -> Path | None:
        """The interpreter that was unpacked of an archive, where it runs."""
        found = _interpreter_in(self._place_of(archive))
        return found if found and is_version(ask(found).get("version"), self._version) else None

    def _install(self, uv: uvs.Uv) -> None:
        """By the first of the controller's ways that leads to every package."""
        locks = [self._home.tmp / name for name in ("builders.txt", "lock.txt") if self._asked[name[:-4]]]
        for lock in locks:
            write_whole(lock, self._asked[lock.stem])
        failures: list[dict[str, Any]] = []
        ways = self._asked["ways"]
        for way in ways:
            links = [fill(link, home=self._home.path) for link in way["find_links"]]
            # pip passes over a folder that is not there, uv fails
            links += [link for link in way["links"] if "://" in link or Path(link).exists()]
            indexes = {**way["indexes"], **({"UV_FIND_LINKS": ",".join(links)} if links else {})}
            try:
                for lock in locks:  # what builds others first: only what the lock has a hash of builds anything
                    uv.run(  # compiled now: a student may not write here, and would wait for it at every import
                        "packages",
                        *("pip", "install", "--compile-bytecode", "--python", str(interpreter_of(self.environment))),
                        *("--require-hashes", "--no-deps", "--no-build-isolation", "-r", str(lock), *way["options"]),
                        more=way["variables"],
                        instead=indexes,
                    )
                return
            except Trouble as trouble:
                failures.append({"rc": trouble.rc, "details": trouble.details.splitlines()})
                trouble.failures = failures
                if (
                    len(failures) == len(ways)
                    or trouble.code != "UV_FAILED"
                    or not re.search(self._asked["go_on_after"], trouble.details)
                ):
                    raise


def tidy(home: Home, keep_cache: bool) -> None:
    """Take away what only the building needed."""
    for path in (home.tmp, home.downloads, home.wheelhouse, *([] if keep_cache else [home.cache])):
        home.remove(path)


def _is_sent(source: Mapping[str, Any]) -> bool:
    """Whether the controller sends it: it lies nowhere else."""
    return not source.get("path") and not source.get("url")


def _interpreter_in(folder: Path) -> Path | None:
    for name in ("bin/python3", "python/bin/python3", "install/bin/python3", "bin/python"):
        if (folder / name).exists():
            return folder / name
    return None


def _for_all(path: Path) -> bool:
    """Whether every user can run it; the question is an administrator's alone."""
    if os.geteuid() != 0:
        return True
    real = path.resolve()
    try:
        return all(folder.stat().st_mode & 0o001 for folder in [real, *real.parents, *path.absolute().parents])
    except OSError:
        return False


def _size(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
