"""Where the project lies: playbooks, inventories, collection. Nothing of the collection is imported."""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import yaml

from gpuready.errors import GpureadyError

_INSTALLED = Path(__file__).resolve().parent / "house"  # what the wheel brings besides the collection (hatch_build.py)
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # where there is none (env -i, some of cron)
_LOCALES = ("C.UTF-8", "C.utf8", "en_US.UTF-8")  # the last for systems without the first


def version() -> str:
    """The installed version, `0` when it is not installed."""
    try:
        return metadata.version("gpuready")
    except metadata.PackageNotFoundError:
        return "0"


def root() -> Path:
    """The folder of the project: $GPUREADY_ROOT, else what was installed with this module, else its checkout.

    Raises GpureadyError when there are no playbooks.
    """
    named = os.environ.get("GPUREADY_ROOT")
    own = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).resolve().parents[2]
    folder = Path(named).expanduser().resolve() if named else own
    if not _playbooks(folder).is_dir():
        what = "GPUREADY_ROOT names a folder" if named else "gpuready is installed"
        raise GpureadyError(f"{folder}: {what} without playbooks: set GPUREADY_ROOT to a checkout of gpuready")
    return folder


def reports(base: Path) -> Path:
    """Where the lab's runs and its state are kept unless another folder is named.

    Those of a checkout lie in it; an installed program keeps them where it is called.
    """
    return (Path.cwd() if base == _INSTALLED else base) / "reports"


def playbook(base: Path, name: str) -> Path:
    """Path of a playbook. Raises GpureadyError when the project has none of that name."""
    path = _playbooks(base) / f"{name}.yml"
    if not path.is_file():
        raise GpureadyError(f"{path}: there is no such playbook: set GPUREADY_ROOT to a whole checkout of gpuready")
    return path


def _playbooks(base: Path) -> Path:
    own = base / "playbooks"
    return own if own.is_dir() else collection(base) / "playbooks"


def collections(base: Path) -> Path:
    """The folder with `ansible_collections`: beside this package where it is installed, as Ansible looks for it."""
    return base.parents[1] if base == _INSTALLED else base / "collections"


def collection(base: Path) -> Path:
    """The folder of the collection gpuready.lab; nothing in it is imported, its data files are read."""
    return collections(base) / "ansible_collections/gpuready/lab"


@dataclass(frozen=True)
class Stacks:
    """Names of stacks, and the libraries that they bring; no names: what there is cannot be told here.

    `targets` are those of each stack whose file can be read.
    """

    names: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


UNKNOWN = Stacks()


def stacks(base: Path, more: Iterable[Path] = ()) -> Stacks:
    """The stacks of the project and of further folders; a stack is a file NAME.yml, which the collection checks."""
    files = [file for folder in (collection(base) / "stacks", *more) for file in folder.glob("*.yml")]
    libraries: set[str] = set()
    targets: dict[str, tuple[str, ...]] = {}
    for file in files:
        with suppress(OSError, ValueError, yaml.YAMLError, AttributeError, TypeError):
            content = yaml.load(file.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
            libraries.update(map(str, content.get("libraries", ())))
            targets.setdefault(file.stem, tuple(map(str, content.get("targets", ()))))
    return Stacks(tuple(sorted({file.stem for file in files})), tuple(sorted(libraries)), targets)


def program(name: str) -> str:
    """A program of the environment that this Python runs in (ansible-inventory), else its plain name."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.is_file() else name


def process_variables(base: Path) -> dict[str, str]:
    """Variables under which Ansible finds the project wherever it is started."""

    def joined(name: str, first: Path | str) -> str:
        before = os.environ.get(name)
        return f"{first}{os.pathsep}{before}" if before else str(first)

    variables = {
        "ANSIBLE_COLLECTIONS_PATH": joined("ANSIBLE_COLLECTIONS_PATH", collections(base)),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_FORCE_COLOR": "0",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH') or _PATH}",
        **_locale(),
    }
    if "ANSIBLE_CONFIG" not in os.environ and (base / "ansible.cfg").is_file():
        variables["ANSIBLE_CONFIG"] = str(base / "ansible.cfg")
    return variables


def _locale() -> dict[str, str]:
    """LC_ALL for Ansible, which runs under no locale but an installed one of UTF-8; empty when ours is one.

    Ours often is not: ssh brings the LANG of another machine, cron has C.
    """
    name = utf8_locale()
    return {"LC_ALL": name} if name else {}


def utf8_locale() -> str | None:
    """A locale of UTF-8 that is installed: empty when ours is one, None when there is none."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        for name in ("", *_LOCALES):
            try:
                locale.setlocale(locale.LC_ALL, name)
                encoding = locale.getlocale()[1]
            except (locale.Error, ValueError):
                continue
            if encoding and encoding.lower() in ("utf-8", "utf8"):
                return name
    finally:
        locale.setlocale(locale.LC_ALL, before)
    return None
