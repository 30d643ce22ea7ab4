# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What gpuready left on a Linux PC, read: its environments with their markers, what is current, the last passes.

The one reader of these files here: for the evidence, whose meaning the controller tells, and for the modules that go on
from what is there. Runs on the PC, under Python 3.9 or later.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

MARKER = "gpuready.json"
JUPYTER, KERNEL = "jupyter/kernels", "kernel.json"
LIMIT = 65536  # bytes; no file of ours comes near


def default_home() -> Path:
    """$GPUREADY_HOME, else /opt/gpuready for root, else a folder of the user's own."""
    if own := os.environ.get("GPUREADY_HOME"):
        return Path(own)
    return Path("/opt/gpuready") if os.geteuid() == 0 else Path("~/.local/share/gpuready").expanduser()


def text_of(path: Path) -> str | None:
    """A small text file without its last line end; None when there is none."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(LIMIT).rstrip("\n\x00")
    except (FileNotFoundError, NotADirectoryError):
        return None


def json_of(path: Path) -> dict[str, Any]:
    """The object in a file; empty when there is none that can be read."""
    try:
        value = json.loads(text_of(path) or "")
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def environment_folders(home: Path) -> list[Path]:
    """The environments, whole or not; what is half removed is none."""
    base = home / "environments"
    return sorted(one for one in base.iterdir() if one.is_dir() and one.name[:1] != ".") if base.is_dir() else []


def json_files(folder: Path) -> list[Path]:
    """The .json files of a folder, none when there is no folder."""
    return sorted(one for one in folder.iterdir() if one.suffix == ".json") if folder.is_dir() else []


def kernel_folders(home: Path) -> list[Path]:
    """The folders of the kernels that Jupyter is led to."""
    return sorted((home / JUPYTER).glob("gpuready-*"))


def texts(folder: Path) -> list[dict[str, Any]]:
    """[{name, text}] of the .json files of a folder."""
    return [{"name": one.name, "text": text_of(one)} for one in json_files(folder)]


def environments(home: Path) -> dict[str, Any] | None:
    """The piece `environments` of the evidence; None when there is no home."""
    if not home.is_dir():
        return None
    folders = environment_folders(home)
    return {
        "home": str(home),
        "directories": [{"name": one.name, "path": str(one), "text": text_of(one / MARKER)} for one in folders],
        "current": texts(home / "current"),
        "kernels": [{"name": one.name, "text": text_of(one / KERNEL)} for one in kernel_folders(home)],
    }


def pointers(home: Path) -> dict[str, dict[str, Any]]:
    """stack -> the content of its file in HOME/current."""
    contents = {one.stem: json_of(one) for one in json_files(home / "current")}
    return {stack: pointer for stack, pointer in contents.items() if pointer}
