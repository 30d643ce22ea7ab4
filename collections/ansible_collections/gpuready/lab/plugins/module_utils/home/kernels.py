# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kernels of Jupyter on a Linux PC: one in the home for each stack with ipykernel, and a link where Jupyter looks.

root's home is for every user of the PC, and so are its kernels; another one's are his own. What lies where Jupyter
looks is neither read nor believed. Runs on the PC, under Python 3.9 or later.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .contents import JUPYTER, KERNEL, kernel_folders
from .folder import Home
from .texts import fill

NONE, FREE, OURS, TAKEN = "none", "free", "ours", "taken"


def has_one(marker: Mapping[str, Any]) -> bool:
    """Whether the environment of this marker can be a kernel of Jupyter."""
    return any(str(name).startswith("ipykernel-") for name in marker.get("distributions") or ())


def file(home: Home, stack: str) -> Path:
    """The kernel of a stack, in the home."""
    return home.path / JUPYTER / f"gpuready-{stack}" / KERNEL


def text(pointer: Mapping[str, str], name: str, words: Mapping[str, str]) -> str:
    """What Jupyter reads: the environment's Python, with what the launcher sets."""
    variable, _, value = pointer["launcher_variable"].partition("=")
    visible = fill(words["kernel_visible"], name=_json(variable), value=_json(value)) if variable else ""
    environment = pointer["environment"]
    told = {"python": pointer["python"], "environment": environment, "path": f"{environment}/bin:${{PATH}}"}
    told |= {"name": name, "stack": pointer["stack"]}
    return fill(words["kernel"], visible=visible, **{key: _json(value) for key, value in told.items()})


def _json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def place() -> Path:
    """Where Jupyter looks: for every user where root asks, else for this one."""
    if os.geteuid() == 0:
        return Path("/usr/local/share/jupyter/kernels")
    data = os.environ.get("XDG_DATA_HOME") or str(Path("~/.local/share").expanduser())
    return Path(os.environ.get("JUPYTER_DATA_DIR") or Path(data, "jupyter")) / "kernels"


def _link(stack: str) -> Path:
    return place() / f"gpuready-{stack}"


def state(home: Home, stack: str) -> str:
    """Whether Jupyter finds the stack's kernel; what is there and leads elsewhere is somebody else's."""
    link = _link(stack)
    if _leads(link, file(home, stack).parent):
        return OURS
    return TAKEN if link.exists() else FREE


def _leads(link: Path, folder: Path) -> bool:
    return link.is_symlink() and link.readlink() == folder


def taken(stack: str) -> str:
    """The note of a name that is taken."""
    return f"{_link(stack)} is there and none of this gpuready's: it was left, and Jupyter finds no kernel of {stack}"


def show(home: Home, stack: str) -> None:
    """Lead Jupyter to the stack's kernel. A link is made beside, then renamed: one that leads nowhere is replaced."""
    link = _link(stack)
    link.parent.mkdir(parents=True, exist_ok=True)
    new = link.with_name(f".new-{os.getpid()}")
    new.unlink(missing_ok=True)
    new.symlink_to(file(home, stack).parent)
    new.replace(link)


def there(home: Home, stack: str | None = None) -> list[Path]:
    """What there is of the stack's kernel, or of those of all stacks: links, then folders."""
    folders = kernel_folders(home.path) if stack is None else [file(home, stack).parent]
    links = [place() / one.name for one in folders if _leads(place() / one.name, one)]
    return links + [one for one in folders if one.exists()]


def tidy(home: Home) -> None:
    """The home's folders for kernels go when they are empty; those where Jupyter looks may be somebody's."""
    with suppress(OSError):
        (home.path / JUPYTER).rmdir()
        (home.path / JUPYTER).parent.rmdir()
