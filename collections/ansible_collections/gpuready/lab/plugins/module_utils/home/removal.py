# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Taking environments away on a Linux PC.

Runs on the PC, under Python 3.9 or later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import kernels
from .contents import pointers
from .folder import OWN, Home, write_whole
from .texts import note


def absent(home: Home, asked: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Take a stack away; without a stack everything of gpuready, but never what is not ours."""
    stack = asked.get("stack")
    if not home.path.is_dir():
        return {"changed": False, "steps": []}
    if stack:
        files = (home.current(stack), home.last_pass(stack), home.trying(stack), home.launcher(stack))
        paths = [*home.environments_of(stack), *files]
    else:
        paths = [home.path / name for name in OWN if name != ".lock"]
    shown = kernels.there(home, stack)
    present = shown + [path for path in paths if path.exists() or path.is_symlink()]
    if check_mode:
        return {"changed": bool(present), "steps": [{"name": f"remove {path.name}", "seconds": 0} for path in present]}
    with home.locked(int(asked["lock_wait"])):
        for path in present:
            home.remove(path)
        if shown:
            kernels.tidy(home)
        if stack:
            text, file = note(pointers(home.path), asked["words"]), home.path / "README.txt"
            home.remove(file) if text is None else write_whole(file, text)
        else:
            home.remove(home.path / ".lock")
    if not stack and not any(home.path.iterdir()):
        home.path.rmdir()
    return {"changed": bool(present), "steps": [{"name": f"removed {path.name}", "seconds": 0} for path in present]}
