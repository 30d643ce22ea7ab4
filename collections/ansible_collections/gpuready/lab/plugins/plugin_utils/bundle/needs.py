# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What belongs into a bundle: all that stacks need on their targets, by the lab's variables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import unquote, urlsplit

from ..installers import files as installers
from ..stacks import files as stackfiles
from ..stacks import locks, runtime
from ..stacks.model import Stack, Target
from .model import ARCHIVE, INTERPRETER, UV, WHEEL, BundleError

_SYSTEMS = {"windows": "windows", "wsl": "linux", "linux": "linux"}
_TITLES = {"windows": "Windows", "linux": "Linux"}
_ANY_PYTHON = "3.11"  # of uv's own wheels, which are for every one
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ON_PC = re.compile(r"\\\\|[A-Za-z]:[\\/]")


@dataclass(frozen=True)
class Wanted:
    """A stack on a target for PCs with these variables; without `variant` all of its locks. `base`: the inventory's."""

    stack: str
    target: str
    variant: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    base: Path = Path()


@dataclass
class Package:
    """A package of a lock, or uv itself (`kind`); `urls` are the indexes that a stack names for it."""

    kind: str
    name: str
    version: str
    hashes: frozenset[str]
    conditional: bool
    system: str
    python: str
    urls: tuple[str, ...] = ()
    purposes: list[str] = field(default_factory=list)

    @property
    def folder(self) -> str:
        """Where it lies in the bundle."""
        return "uv" if self.kind == UV else "wheels"

    @property
    def system_of_kind(self) -> str:
        """That of a uv; what a wheel is for, its name says."""
        return self.system if self.kind == UV else ""

    @property
    def title(self) -> str:
        """As a person says it."""
        if self.kind == UV:
            return f"uv {self.version} for {_TITLES[self.system]}"
        return f"{self.name} {self.version} for Python {self.python} on {_TITLES[self.system]}"


@dataclass
class Archive:
    """A file that is known by its sha256, from a path on the controller or an address."""

    kind: str
    title: str
    folder: str
    name: str
    sha256: str
    path: Path | None
    url: str
    system: str = ""
    python: str = ""
    purposes: list[str] = field(default_factory=list)


@dataclass
class Needs:
    """All of it. `lost`: what is needed and cannot be had so; `notes`: what the lab must know. A line each."""

    packages: dict[tuple[Any, ...], Package] = field(default_factory=dict)
    archives: dict[tuple[Any, ...], Archive] = field(default_factory=dict)
    lost: dict[str, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True)
class Pinned:
    """The interpreters that uv would fetch itself: (version, system) -> (sha256, address); and uv's own lock."""

    interpreters: Mapping[tuple[str, str], tuple[str, str]]
    uv: locks.Lock


def pinned(interpreters: str, uv: str) -> Pinned:
    """Of the texts of stacks/interpreters.txt and stacks/uv.txt."""
    lines = [line.split() for line in interpreters.splitlines() if line.strip() and not line.startswith("#")]
    return Pinned({(version, system): (sha256, url) for version, system, sha256, url in lines}, locks.parse(uv, "uv"))


def of(wanted: Iterable[Wanted], known: Pinned) -> Needs:
    """What these need together. Raises BundleError for what the lab's variables say wrong."""
    needs = Needs()
    for one in wanted:
        dirs = one.variables.get("gpuready_stack_dirs") or ()
        try:
            library = stackfiles.load(
                [dirs] if isinstance(dirs, str) else dirs, one.variables.get("gpuready_stack_locks"), one.base
            )
        except stackfiles.StackFilesError as error:
            raise BundleError(str(error)) from None
        stack = library.get(one.stack)
        target = stack.targets.get(one.target) if stack else None
        if stack is None or target is None:
            there = ", ".join(library if stack is None else stack.targets)
            raise BundleError(f"{one.stack}/{one.target}: there is no such stack and target ({there})")
        _stack(needs, one, stack, target, known)
        _drivers(needs, one)
    return needs


def _stack(needs: Needs, one: Wanted, stack: Stack, target: Target, known: Pinned) -> None:
    purpose, system, python = f"{stack.name}/{target.name}", _SYSTEMS[target.name], target.python_version
    variants = [variant for variant in target.variants if variant.name == one.variant] or list(target.variants)
    for variant in variants:
        try:
            lock = locks.parse(stackfiles.lock_text(str(variant.lock_path)))
        except (stackfiles.StackFilesError, locks.LockError) as error:
            raise BundleError(str(error)) from None
        for requirement in lock.requirements:
            _package(needs, WHEEL, requirement, system, python, target.extra_index_urls, purpose)
        if target.needs_vc_runtime and not runtime.is_brought_by(lock.text):
            _runtime(needs, one, purpose)
    interpreters = one.variables.get("python_environment_interpreters")
    declared = interpreters.get(python) if isinstance(interpreters, Mapping) else None
    title = f"Python {python} for {_TITLES[system]}"
    if declared:
        option = "python_environment_interpreters"
        _archive(needs, one, option, declared, purpose, INTERPRETER, "interpreters", system, python)
    elif pin := known.interpreters.get((python, system)):
        sha256, url = pin
        archive = Archive(INTERPRETER, title, "interpreters", _name(url), sha256, None, url, system, python)
        _add(needs, archive, purpose)
    else:
        needs.lost[
            f"{title} ({purpose}): uv knows no archive of it: declare one, "
            f'python_environment_interpreters: {{"{python}": {{path or url, sha256}}}}'
        ] = None
    if archive_of_uv := one.variables.get("python_environment_uv_archive"):
        _archive(needs, one, "python_environment_uv_archive", archive_of_uv, purpose, UV, "uv", system)
    elif not one.variables.get("python_environment_uv"):
        for requirement in known.uv.requirements:
            _package(needs, UV, requirement, system, _ANY_PYTHON, (), purpose)
    if target.name == "wsl":
        _guest(needs, one, purpose)
    if one.variables.get("cuda_toolkit"):
        needs.notes["cuda_toolkit comes from an apt repository (cuda_repository): the lab needs a mirror of it"] = None


def _package(
    needs: Needs,
    kind: str,
    requirement: locks.Requirement,
    system: str,
    python: str,
    urls: tuple[str, ...],
    purpose: str,
) -> None:
    hashes = frozenset(value.removeprefix("sha256:") for value in requirement.hashes)
    key = (kind, requirement.name, requirement.version, hashes, system, python)
    found = needs.packages.setdefault(
        key,
        Package(kind, requirement.name, requirement.version, hashes, requirement.conditional, system, python),
    )
    found.urls = tuple(dict.fromkeys((*found.urls, *urls)))
    if purpose not in found.purposes:
        found.purposes.append(purpose)


def _runtime(needs: Needs, one: Wanted, purpose: str) -> None:
    for option in ("directml_vc_archive", "python_environment_vc_archive"):
        if declared := one.variables.get(option):
            _archive(needs, one, option, declared, purpose, ARCHIVE, "runtime")
            return
    needs.notes[
        f"{purpose}: its lock brings no Visual C++ runtime: where PCs lack it, declare python_environment_vc_archive"
    ] = None


def _guest(needs: Needs, one: Wanted, purpose: str) -> None:
    for option, why in (
        ("wsl_archive", "PCs without their guest need it"),
        ("wsl_package", "PCs without WSL need it"),
    ):
        if declared := one.variables.get(option):
            _archive(needs, one, option, declared, purpose, ARCHIVE, "wsl")
        else:
            needs.notes[f"{purpose}: {option} is not declared: {why}"] = None


def _drivers(needs: Needs, one: Wanted) -> None:
    given = one.variables.get("gpuready_drivers")
    if not given or one.target == "linux":
        return
    try:
        file = one.base / Path(str(given)).expanduser()
        catalogue = installers.load(file, elsewhere=None)  # one that is not there is in the bundle, or missing: a line
    except installers.CatalogueError as error:
        raise BundleError(f"gpuready_drivers: {error}") from None
    except RuntimeError:  # ~nobody
        raise BundleError(f"gpuready_drivers: {given}: there is no such user's home: write the path out") from None
    for entry in catalogue.installers:
        title = f"the driver {entry.id}"
        if entry.windows_update:
            needs.notes[f"{title} comes from Windows Update, which the PCs must reach"] = None
        elif entry.share:
            needs.notes[f"{title} lies on a share, where the PCs read it: {entry.share}"] = None
        else:
            path = file.parent / entry.file if entry.file else None
            name = _clean(path.name) if path else _name(str(entry.url))
            archive = Archive(ARCHIVE, title, "drivers", name, entry.sha256, path, entry.url or "")
            _add(needs, archive, "drivers.yml")


def _archive(
    needs: Needs,
    one: Wanted,
    option: str,
    declared: object,
    purpose: str,
    kind: str,
    folder: str,
    system: str = "",
    python: str = "",
) -> None:
    """An archive as a variable declares it: {path or url, sha256}."""
    what = f"{option}{f' {python}' if python else ''}"
    given = declared if isinstance(declared, Mapping) else {}
    path, url, sha256 = (str(given.get(name) or "") for name in ("path", "url", "sha256"))
    if bool(path) is bool(url) or not _SHA256.fullmatch(sha256.lower()):
        raise BundleError(f"{what}: this is not {{path or url, sha256}}: correct the variable")
    on_pc = _ON_PC.match(path)
    if on_pc and option != "wsl_package":  # which the controller sends: it is taken from here, or a line
        needs.notes[f"{what} lies where the PCs read it themselves: {path}"] = None
        return
    file = _found(path, one.base) if path else None
    name = _clean(PureWindowsPath(path).name if on_pc else file.name) if file else _name(url)
    _add(needs, Archive(kind, what, folder, name, sha256.lower(), file, url, system, python), purpose)


def _found(path: str, base: Path) -> Path:
    """A path of a variable, relative ones from the inventory's folder, else from the current one."""
    given = Path(path)
    try:
        given = given.expanduser()
    except RuntimeError:  # ~nobody
        return given
    return given if given.is_absolute() or not (base / given).exists() else base / given


def _name(url: str) -> str:
    """The file's name in an address, as a file can be called."""
    try:
        return _clean(PurePosixPath(unquote(urlsplit(url).path)).name)
    except ValueError:  # the fetching says so
        return "archive"


def _clean(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._+-]", "-", name).lstrip(".") or "archive"


def _add(needs: Needs, archive: Archive, purpose: str) -> None:
    found = needs.archives.setdefault((archive.kind, archive.sha256, archive.system, archive.python), archive)
    if purpose not in found.purposes:
        found.purposes.append(purpose)
