# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stacks and locks on the controller's disk: those of the collection, and those that a lab brings."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from . import locks
from . import model as stacks

STACKS = Path(__file__).resolve().parents[3] / "stacks"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OWN_LOCK_KEYS = ("lock", "python", "extra_index_urls")


class StackFilesError(ValueError):
    """A stack or lock that cannot be used, in one line: file, key or line, what is wrong."""


def load(
    directories: Iterable[str | Path] = (), own_locks: Mapping[str, Any] | None = None, base: str | Path = "."
) -> dict[str, stacks.Stack]:
    """Every stack by name, its locks read, checked and hashed.

    `directories` are more folders like the collection's `stacks` (`NAME.yml`, `locks/*.txt`). `own_locks` maps a stack,
    or `stack/target`, to a lab's own lock: a path, or `{lock: path, python: "3.10", extra_index_urls: [...]}`; it takes
    the place of every variant there. Relative paths start at `base`. Raises StackFilesError.
    """
    by_name: dict[str, stacks.Stack] = {}
    origin: dict[str, Path] = {}
    for directory in (STACKS, *(Path(base) / item for item in directories)):
        if not directory.is_dir():
            raise StackFilesError(f"{directory}: gpuready_stack_dirs: there is no such folder")
        for stack, file in _collection() if directory == STACKS else _folder(directory):
            if stack.name in by_name:
                raise StackFilesError(f"{file}: name: the stack {stack.name} is in {origin[stack.name]} already")
            by_name[stack.name], origin[stack.name] = stack, file
    for key, value in (own_locks or {}).items():
        name, _, target = str(key).partition("/")
        if name not in by_name:
            raise StackFilesError(
                f"gpuready_stack_locks: {key}: there is no stack {name} ({', '.join(sorted(by_name))})"
            )
        if target and target not in by_name[name].targets:
            known = ", ".join(by_name[name].targets)
            raise StackFilesError(f"gpuready_stack_locks: {key}: {name} has no target {target} ({known})")
        by_name[name] = _with_own(by_name[name], str(key), target, value, Path(base))
    return by_name


def _folder(directory: Path) -> list[tuple[stacks.Stack, Path]]:
    return [(_read(file), file) for file in sorted(directory.glob("*.yml"))]


@functools.cache
def _collection() -> list[tuple[stacks.Stack, Path]]:
    return _folder(STACKS)


def preload() -> None:
    """Read the collection's own stacks now, for this process and all that it forks. What is wrong is said by `load`."""
    with contextlib.suppress(StackFilesError):
        _collection()


def lock_text(path: str | Path, sha256: str | None = None) -> str:
    """The checked text of a lock, newlines \\n; with `sha256`, an error when the file is another one now."""
    lock = _lock(Path(path))
    if sha256 is not None and lock.sha256 != sha256:
        raise StackFilesError(f"{path}: this lock has changed since it was planned")
    return lock.text


def _read(file: Path) -> stacks.Stack:
    try:
        stack = stacks.parse(yaml.load(file.read_text("utf-8"), _LOADER), str(file))  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise StackFilesError(f"{file}: {where}{getattr(error, 'problem', None) or 'this is not YAML'}") from None
    except (OSError, UnicodeError) as error:
        raise StackFilesError(f"{file}: cannot be read: {_cause(error)}") from None
    except stacks.StackError as error:
        raise StackFilesError(str(error)) from None
    if stack.name != file.stem:
        raise StackFilesError(f"{file}: name: {stack.name} is not the file's name")
    folder = file.parent / "locks"
    ours = file.parent == STACKS
    targets = {
        name: replace(
            target, variants=tuple(_hashed(variant, folder / variant.lock, ours) for variant in target.variants)
        )
        for name, target in stack.targets.items()
    }
    return replace(stack, targets=targets)


def _hashed(variant: stacks.Variant, path: Path, ours: bool = False) -> stacks.Variant:
    """A variant with its lock's hash. Ours are only hashed: tests check each line of them, and lock_text does again."""
    sha256 = locks.sha256(_bytes(path)) if ours else _lock(path).sha256
    return replace(variant, lock_path=str(path), lock_sha256=sha256)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StackFilesError(f"{path}: the lock cannot be read: {_cause(error)}") from None


def _lock(path: Path) -> locks.Lock:
    try:
        return locks.parse(_bytes(path).decode("utf-8"), str(path))
    except UnicodeError as error:
        raise StackFilesError(f"{path}: the lock cannot be read: {_cause(error)}") from None
    except locks.LockError as error:
        raise StackFilesError(str(error)) from None


def _with_own(stack: stacks.Stack, key: str, target: str, value: object, base: Path) -> stacks.Stack:
    own: Mapping[str, Any] = value if isinstance(value, Mapping) else {"lock": value}
    where = f"gpuready_stack_locks: {key}"
    for name in own:
        if name not in _OWN_LOCK_KEYS:
            raise StackFilesError(f"{where}: {name} is not one of {', '.join(_OWN_LOCK_KEYS)}")
    path, version, urls = own.get("lock"), own.get("python"), own.get("extra_index_urls")
    if not isinstance(path, str) or not path.strip():
        raise StackFilesError(f"{where}: this is not the path of a lock")
    if version is not None and (not isinstance(version, str) or not version.replace(".", "").isdigit()):
        raise StackFilesError(f"{where}: python: {version!r} is not a version in quotes, as '3.10'")
    if urls is not None and not (isinstance(urls, list) and all(isinstance(url, str) for url in urls)):
        raise StackFilesError(f"{where}: extra_index_urls: this is not a list of URLs")
    file = (base / path).expanduser()
    lock = _lock(file)
    variant = stacks.Variant(
        stacks.OWN, file.name, note="the lab's own lock", lock_path=str(file), lock_sha256=lock.sha256
    )
    changed = {
        name: replace(
            one,
            variants=(variant,),
            start=one.start + locks.jupyter(lock),
            python_version=version or one.python_version,
            extra_index_urls=one.extra_index_urls if urls is None else tuple(urls),
        )
        for name, one in stack.targets.items()
        if target in ("", name)
    }
    return replace(stack, targets={**stack.targets, **changed})


def _cause(error: Exception) -> str:
    return getattr(error, "strerror", None) or "it is not UTF-8"
