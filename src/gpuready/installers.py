"""`gpuready drivers`: the file drivers.yml of a folder of installers, written, added to and checked.

What a person wrote in it stays as it is: new installers are added below, and nothing else is touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gpuready import packages, project, whole
from gpuready.errors import GpureadyError

NAME = "drivers.yml"
_ENDINGS = (".exe", ".zip")
_LARGEST = 2**20  # bytes of a drivers.yml
_CHECK = "ansible_collections.gpuready.lab.plugins.plugin_utils.installers"
_PATIENCE = 120  # seconds
_HEAD = """\
---
# The lab's installers of drivers: docs/drivers.md has every key. A "?" is a question that a file's name leaves open.
schema_version: 1
installers:
"""
# Those of C where they are: a file of a thousand entries is read three times.
_SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXTS: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_MARKS = ("group_vars", "host_vars", "hosts.yml", "hosts.yaml", "hosts.ini")


@dataclass(frozen=True)
class Written:
    """What became of a folder: the file, ids of the entries that were added, how many there were, what stays wrong.

    `changed` are files that are no longer what their entry says, each a line.
    """

    file: Path
    added: tuple[str, ...]
    kept: int
    changed: tuple[str, ...]


def write(folder: Path, file: Path | None = None, say: Callable[[str], None] = lambda line: None) -> Written:
    """Hash the installers of a folder, and write entries for those that `file` (drivers.yml in it) does not have yet.

    `say` hears a line for each installer. Raises GpureadyError, and then nothing was written.
    """
    if not folder.is_dir():
        raise GpureadyError(f"{folder}: there is no such folder of installers")
    file = file or folder / NAME
    base = _base(folder, file)
    if mark := next((above / one for above in (base, *base.parents) for one in _MARKS if (above / one).exists()), None):
        say(
            f"{file}: {mark.parent} seems to be an inventory's folder ({mark.name}): Ansible takes every file in one "
            "for an inventory, so put the installers beside it"
        )
    before = _text(file)
    entries, column = _entries(file, before) if before is not None else ([], 2)
    there = {str(one["file"]): one for one in entries if isinstance(one.get("file"), str)}
    ids = {str(one.get("id")).lower() for one in entries}
    added: list[tuple[str, str]] = []
    changed: list[str] = []
    kept = 0
    for path in _installers(folder, say):
        name = path.resolve().relative_to(base).as_posix()
        sha256 = _sha256(path)
        if name in there:
            if str(there[name].get("sha256")).lower() == sha256:
                kept += 1
                say(f"{name}: there already")
            else:
                changed.append(
                    f"{file}: {there[name].get('id')}: {name} has another sha256 now, {sha256}: correct the entry if "
                    "this is what the file shall be, else put the right file there"
                )
            continue
        entry: dict[str, Any] = {"id": "", **packages.read(path.name), "file": name, "sha256": sha256}
        entry["id"] = _id(entry, path.stem, ids)
        ids.add(entry["id"].lower())
        added.append((entry["id"], _block(entry, column)))
        say(f"{name}: added as {entry['id']}")
    if added:
        _put(file, before, "".join(block for _, block in added), [one for one, _ in added])
    elif before is None:
        raise GpureadyError(f"{folder}: there is no installer ({' or '.join(_ENDINGS)}) in it")
    return Written(file, tuple(one for one, _ in added), kept, tuple(changed))


def check(file: Path) -> list[str]:
    """What is wrong with a drivers.yml, a line each, as the collection says it before a run. Raises GpureadyError."""
    base = project.root()
    command = [sys.executable, "-P", "-m", _CHECK, str(file)]
    variables = {**os.environ, "PYTHONPATH": str(project.collections(base)), "PYTHONUTF8": "1"}
    try:
        done = subprocess.run(command, env=variables, capture_output=True, check=False, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GpureadyError(f"{file}: it could not be checked: {error}") from None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    if done.returncode == (1 if lines else 0):
        return lines
    reason = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
    raise GpureadyError(f"{file}: it could not be checked: {reason or f'code {done.returncode}'}")


def _base(folder: Path, file: Path) -> Path:
    """The real folder of the file, below which the installers lie."""
    if file.is_symlink() or (file.exists() and not file.is_file()):
        raise GpureadyError(f"{file}: this is a link or no file: name another one (-o)")
    if not file.parent.is_dir():
        raise GpureadyError(f"{file}: there is no such folder: make it, or name another file (-o)")
    base = file.parent.resolve()
    if not folder.resolve().is_relative_to(base):
        raise GpureadyError(f"{file}: the installers lie not below its folder: put it into {folder} or above (-o)")
    return base


def _installers(folder: Path, say: Callable[[str], None]) -> Iterator[Path]:
    """The installers below a folder, in the order of their names; links are not followed."""
    for place, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(one for one in folders if not (Path(place) / one).is_symlink() and not one.startswith("."))
        for name in sorted(names):
            path = Path(place) / name
            if path.suffix.lower() not in _ENDINGS:
                continue
            if path.is_symlink() or not path.is_file():
                say(f"{path}: left out: a link or no file, put the installer itself there")
            elif not name.isprintable():
                say(f"{path}: left out: its name cannot be written, give it another")
            elif packages.fetches_the_rest(name):
                say(f"{path}: left out: it fetches the driver from the internet, get the full installer")
            else:
                yield path


def _refuse(error: OSError) -> None:
    raise GpureadyError(f"{error.filename}: cannot be read: {error.strerror}") from None


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            before = os.fstat(opened.fileno())
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
            after = os.fstat(opened.fileno())
    except OSError as error:
        raise GpureadyError(f"{path}: cannot be read: {error.strerror}") from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise GpureadyError(
            f"{path}: it changed while it was read, and nothing was written: wait until it is whole, and run again"
        )
    if not after.st_size:
        raise GpureadyError(f"{path}: it is empty, and nothing was written: get it again, or take it away")
    return digest


def _text(file: Path) -> str | None:
    """The text of the file with its own ends of lines; None where there is none yet."""
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            text = opened.read(_LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise GpureadyError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise GpureadyError(f"{file}: this is not UTF-8: save it as such") from None
    if len(text) > _LARGEST:
        raise GpureadyError(f"{file}: it is too large for a list of installers: name another one (-o)")
    return text


def _entries(file: Path, text: str) -> tuple[list[Mapping[str, Any]], int]:
    """The entries of a text, and the column of their dashes. Raises GpureadyError where none can be added below."""
    cannot = f"{file}: nothing can be added to it"
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, _SAFE)):
            raise GpureadyError(f"{cannot}: write its anchors out, or name another file (-o)")
        top = yaml.compose(text, _SAFE)
        content = yaml.load(text, _TEXTS)  # noqa: S506 - of texts alone
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise GpureadyError(f"{cannot}: {where}this is not YAML: mend it, or name another file (-o)") from None
    pairs = top.value if isinstance(top, yaml.MappingNode) else []
    last = pairs[-1] if pairs else None
    if last is None or last[0].value != "installers" or not isinstance(last[1], yaml.SequenceNode):
        raise GpureadyError(f"{cannot}: its last key is not the list installers: mend it, or name another file (-o)")
    if last[1].flow_style or not all(isinstance(one, dict) for one in content["installers"]):
        raise GpureadyError(f"{cannot}: its entries do not stand on lines of their own: name another file (-o)")
    return content["installers"], last[1].start_mark.column


def _id(entry: Mapping[str, Any], stem: str, taken: Collection[str]) -> str:
    """A name for the entry that no other has."""
    words = [entry["vendor"], entry["version"], *(entry["computers"] if len(entry.get("computers", ())) == 1 else ())]
    name = "-".join(words) if packages.QUESTION not in words else re.sub(r"[^A-Za-z0-9._+-]+", "-", stem).strip("-._+")
    name, number = name[:90] or "installer", 2
    unique = name
    while unique.lower() in taken:
        unique, number = f"{name}-{number}", number + 1
    return unique


def _block(entry: Mapping[str, str | list[str]], column: int) -> str:
    lines = [f"{key}: {_written(value)}" for key, value in entry.items()]
    dash, rest = " " * column + "- ", " " * (column + 2)
    return "".join(f"{rest if at else dash}{line}\n" for at, line in enumerate(lines))


def _written(value: str | list[str]) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_written(one) for one in value)}]"
    return value if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)


def _put(file: Path, before: str | None, blocks: str, ids: list[str]) -> None:
    """What is new below what is there; nothing where the file's end is no entry."""
    text = _HEAD if before is None else before
    end = "\r\n" if "\r\n" in text else "\n"
    new = text.rstrip("\r\n ") + end + blocks.replace("\n", end)
    was = [] if before is None else _entries(file, before)[0]
    now = _entries(file, new)[0]
    if now[: len(was)] != was or [one.get("id") for one in now[len(was) :]] != ids:
        raise GpureadyError(f"{file}: nothing can be added to it: its end is no entry: mend it, or name another (-o)")
    whole.put(file, before, new, _text)
