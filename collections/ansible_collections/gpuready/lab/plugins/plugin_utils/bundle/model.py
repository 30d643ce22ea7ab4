# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a bundle holds, by its bundle.yml: each file with its sha256, and what it stands in for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from ...module_utils.home.archives import shown
from .. import reading
from ..stacks import locks, wheels

NAME = "bundle.yml"
VARIABLE = "gpuready_bundle"
SCHEMA_VERSION = 1
WHEEL, UV, INTERPRETER, ARCHIVE = "wheel", "uv", "interpreter", "archive"
KINDS = (WHEEL, UV, INTERPRETER, ARCHIVE)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_HEAD = "---\n# Made by gpuready bundle, for gpuready provision --bundle, or the variable gpuready_bundle.\n"


class BundleError(ValueError):
    """What is wrong with a bundle, in one line."""


@dataclass(frozen=True)
class File:
    """A file of a bundle, `path` from its folder on; `origin` is where it came from, `purposes` what needs it.

    `system` (windows, linux) is that of a uv or an interpreter, `python` the version of an interpreter.
    """

    path: str
    sha256: str
    bytes: int
    kind: str
    origin: str = ""
    purposes: tuple[str, ...] = ()
    system: str = ""
    python: str = ""


@dataclass(frozen=True)
class Bundle:
    """The files in a folder. Their sha256 are held against the files where they are used."""

    folder: Path
    files: tuple[File, ...] = field(default=())

    def file(self, sha256: str) -> Path | None:
        """The file of a sha256; None where the bundle has none."""
        found = next((one for one in self.files if one.sha256 == sha256.lower()), None)
        return self.folder / found.path if found else None

    def instead(self, source: Mapping[str, Any]) -> dict[str, Any]:
        """What is taken in place of {path or url, sha256}: the bundle's file of that sha256.

        A path that the bundle does not have stays: a share, or a file of the lab. Raises BundleError for an address.
        """
        given = dict(source)
        file = self.file(str(given.get("sha256") or ""))
        if file is None:
            if given.get("url"):
                raise BundleError(
                    f"{self.folder} has no file of {shown(str(given['url']))} (sha256 {given.get('sha256')})"
                )
            return given
        return {key: value for key, value in given.items() if key not in ("path", "url")} | {"path": str(file)}

    def uv(self, system: str) -> dict[str, Any] | None:
        """The uv for a system as an archive {path, sha256}."""
        return self._archive(UV, system, "")

    def interpreter(self, system: str, python: str) -> dict[str, Any] | None:
        """The interpreter of a version for a system as an archive; the last one that was put in."""
        return self._archive(INTERPRETER, system, python)

    def _archive(self, kind: str, system: str, python: str) -> dict[str, Any] | None:
        wanted = (kind, system, python)
        found = [one for one in self.files if (one.kind, one.system, one.python) == wanted]
        return {"path": str(self.folder / found[-1].path), "sha256": found[-1].sha256} if found else None

    def wheels(self, lock: locks.Lock, system: str, python: str) -> list[File]:
        """The files for a lock's packages. Raises BundleError for a package that has none."""
        found, lost = [], []
        by_project: dict[str | None, list[File]] = {}
        for one in self.files:
            if one.kind == WHEEL:
                by_project.setdefault(wheels.project_of(PurePosixPath(one.path).name), []).append(one)
        for requirement in lock.requirements:
            hashes = {value.removeprefix("sha256:") for value in requirement.hashes}
            fitting = [
                one
                for one in by_project.get(wheels.normalized(requirement.name), [])
                if one.sha256 in hashes and wheels.fits(PurePosixPath(one.path).name, system, python)
            ]
            found += fitting
            if not fitting and not requirement.conditional:
                lost.append(f"{requirement.name} {requirement.version}")
        if lost:
            rest = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
            raise BundleError(f"{self.folder} lacks {', '.join(lost[:3])}{rest} for Python {python} on {system}")
        return list(dict.fromkeys(found))


def parse(text: str, folder: Path) -> Bundle:
    """The bundle of a bundle.yml in `folder`. Raises BundleError, with what is wrong and where."""
    where = folder / NAME
    try:
        content = yaml.load(text, _LOADER)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, RecursionError, ValueError):
        raise BundleError(f"{where}: this is not YAML: make the bundle anew (gpuready bundle)") from None
    if not isinstance(content, dict) or content.get("schema_version") != SCHEMA_VERSION:
        raise BundleError(f"{where}: this is no bundle that this version of gpuready reads: make it anew")
    entries = content.get("files")
    if not isinstance(entries, list):
        raise BundleError(f"{where}: it has no list of files: make the bundle anew (gpuready bundle)")
    return Bundle(folder, tuple(_file(one, f"{where}: file {number}") for number, one in enumerate(entries, 1)))


def _file(entry: object, where: str) -> File:
    if not isinstance(entry, dict):
        raise BundleError(f"{where}: this is no mapping")
    texts = {name: entry.get(name, "") for name in ("path", "sha256", "kind", "from", "system", "python")}
    purposes = entry.get("for", [])
    if wrong := next((name for name, value in texts.items() if not isinstance(value, str)), None):
        raise BundleError(f"{where}: {wrong} is not a text")
    path = PurePosixPath(texts["path"])
    strange = "\\" in texts["path"] or not texts["path"].isprintable()
    if not path.parts or path.is_absolute() or ".." in path.parts or strange:
        raise BundleError(f"{where}: path does not lead to a file below the bundle's folder")
    if not _SHA256.fullmatch(texts["sha256"]):
        raise BundleError(f"{where}: sha256 is not 64 hexadecimal digits")
    if texts["kind"] not in KINDS:
        raise BundleError(f"{where}: kind is not one of {', '.join(KINDS)}")
    size = entry.get("bytes")
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise BundleError(f"{where}: bytes is not a number")
    if not isinstance(purposes, list):
        raise BundleError(f"{where}: for is not a list")
    return File(
        path.as_posix(),
        texts["sha256"],
        size,
        texts["kind"],
        texts["from"],
        tuple(map(str, purposes)),
        texts["system"],
        texts["python"],
    )


def text(files: Iterable[File]) -> str:
    """The bundle.yml of these files."""
    lines = [_HEAD, f"schema_version: {SCHEMA_VERSION}\n", "files:\n"]
    for one in files:
        entry: dict[str, Any] = {"path": one.path, "sha256": one.sha256, "bytes": one.bytes, "kind": one.kind}
        entry |= {name: value for name, value in (("system", one.system), ("python", one.python)) if value}
        entry |= {"from": reading.shown(one.origin), "for": [reading.shown(purpose) for purpose in one.purposes]}
        lines.append(f"- {json.dumps(entry, ensure_ascii=False)}\n")
    return "".join(lines) if len(lines) > 3 else "".join(lines[:2]) + "files: []\n"
