"""What uv chooses beside packages that are pinned already, and in one line why it cannot."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gpuready import plain
from gpuready.errors import GpureadyError

_PATIENCE = 900  # seconds
_LONGEST = 240  # characters of uv's words
_PIN = re.compile(r"(?m)^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s=]+)((?:[ \t]*\\\n[ \t]+--hash=sha256:[0-9a-f]{64})+)$")
_OPTIONS = (
    *("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
    *("--only-binary", ":all:", "--no-python-downloads", "--no-progress", "--quiet", "--color", "never"),
)


class UnsolvedError(GpureadyError):
    """uv found no versions; `words` are its own, whole. The message is one line of them."""

    def __init__(self, words: str) -> None:
        super().__init__(_short(words))
        self.words = words


@dataclass(frozen=True)
class Package:
    """A package that uv chose; `block` is its requirement with hashes, as a lock has it."""

    name: str
    version: str
    block: str


def key(name: str) -> str:
    """A project's name in the one spelling that all its spellings share."""
    return re.sub(r"[-_.]+", "-", name).lower()


def resolve(
    wanted: Sequence[str],
    pins: Mapping[str, str],
    python: str,
    platform: str,
    *,
    kept: Mapping[str, str] | None = None,
) -> list[Package]:
    """All packages of what is wanted, in the order of their names; those of `pins` (name -> version) as pinned.

    `platform` is windows or linux; `kept` are versions that stay where they still fit. Wheels alone are taken: nothing
    is built. Raises UnsolvedError, and GpureadyError where uv could not be run.
    """
    with tempfile.TemporaryDirectory(prefix="gpuready-lock-") as name:
        work = Path(name)  # and no pyproject.toml or uv.toml above it
        (work / "wanted.in").write_text("".join(f"{one}\n" for one in wanted), "utf-8")
        (work / "pins.txt").write_text("".join(f"{one}==={version}\n" for one, version in pins.items()), "utf-8")
        (work / "lock.txt").write_text("".join(f"{one}=={is_}\n" for one, is_ in (kept or {}).items()), "utf-8")
        for one, version in pins.items():
            if "+" in version:
                _stand_in(work / "wheels", one, version)
        where = ["--python-version", python, "--python-platform", platform, "--python", sys.executable]
        command = [
            _uv(),
            "pip",
            "compile",
            "wanted.in",
            "--constraint",
            "pins.txt",
            *where,
            *_OPTIONS,
            "--output-file",
            "lock.txt",
        ]
        try:
            done = subprocess.run(
                command,
                cwd=work,
                env=_variables(work / "wheels"),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=_PATIENCE,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise GpureadyError(f"uv could not be run: {error}") from None
        if done.returncode:
            raise UnsolvedError(done.stderr.decode("utf-8", "replace"))
        return _packages((work / "lock.txt").read_text("utf-8"))


def _uv() -> str:
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        if found := shutil.which("uv"):
            return found
    raise GpureadyError("uv is not there: install gpuready anew, which brings it, or install uv")


def _variables(wheels: Path) -> dict[str, str]:
    """The caller's, by which uv knows a mirror or a folder of wheels; relative folders are written out."""
    variables = {"UV_NATIVE_TLS": "1", "UV_SYSTEM_CERTS": "1", **os.environ}
    links = [one for one in variables.pop("UV_FIND_LINKS", "").replace(",", " ").split() if one]
    links = [str(Path(one).resolve()) if Path(one).exists() else one for one in links]
    if wheels.is_dir():
        links.append(str(wheels))
    return variables | ({"UV_FIND_LINKS": ",".join(links)} if links else {})


def _stand_in(folder: Path, name: str, version: str) -> None:
    """A wheel that says its name alone, for a build that only another index has (torch 2.4.1+cpu)."""
    stem = f"{name.replace('-', '_')}-{version}"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{stem}.dist-info/METADATA", about)
        archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")


def _packages(text: str) -> list[Package]:
    """Of a requirements file of uv. Every requirement in it must be a pin with hashes."""
    found = [Package(match[1], match[2], f"{match[1]}==={match[2]}{match[3]}\n") for match in _PIN.finditer(text)]
    rest = _PIN.sub("", text).strip()
    if rest:
        raise GpureadyError(f"uv gave no hash for {plain.clean(rest.splitlines()[0])[:80]}: the index must tell them")
    return found


def _short(words: str) -> str:
    """Of uv's explanation the first cause, in one line."""
    text = " ".join(plain.clean(words).split())
    text = re.sub(r"^error: (No solution found when resolving dependencies )?(cause: )?", "", text)
    text = re.split(r", we can conclude| hint: | And because ", text)[0].removeprefix("Because ")
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rsplit(" ", 1)[0] + " ..."
    return text.rstrip(".")


def mentioned(names: Iterable[str], words: str) -> list[str]:
    """Which of the names stand in a text of uv's."""
    said = {key(one) for one in re.findall(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", words)}
    return [one for one in names if key(one) in said]
