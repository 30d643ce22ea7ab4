# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Switching to an environment that has trained, and taking its pass back, on a Linux PC.

Runs on the PC, under Python 3.9 or later.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from . import kernels
from .contents import MARKER, json_of, pointers
from .environment import complete, interpreter_of
from .folder import REMOVING, Home, Trouble, as_json, now, sync, write_whole
from .texts import fill, launcher, note, start_text


def current(home: Home, asked: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Point at the environment of this lock, keep the pass, say how it is started, take old environments away."""
    stack, sha256, words = str(asked["stack"]), str(asked["lock_sha256"]), asked["words"]
    environment = home.environment(stack, sha256)
    whole = complete(environment, sha256)
    if not whole:
        raise Trouble("ENVIRONMENT_BROKEN", f"{environment} is not complete; build it again (state present)")
    known = json_of(home.current(stack))
    visible = asked.get("launcher_variable")
    pointer = {
        "stack": stack,
        "environment": str(environment),
        "lock_sha256": sha256,
        "python": str(interpreter_of(environment)),
        "start": start_text(home, stack, asked.get("start") or known.get("start"), words),
        "launcher_variable": str((known.get("launcher_variable") if visible is None else visible) or ""),
    }
    before = {"launcher_variable": "", **known}
    same = {key: value for key, value in before.items() if key != "switched_at"} == pointer
    files = {
        home.launcher(stack): (launcher(stack, environment, pointer["launcher_variable"], words), 0o755),
        home.path / "README.txt": (note({**pointers(home.path), stack: pointer}, words) or "", 0o644),
    }
    state = kernels.state(home, stack) if kernels.has_one(whole) else kernels.NONE
    kernel = _kernel_name(home, asked) if state in (kernels.FREE, kernels.OURS) else None
    if kernel:
        files[kernels.file(home, stack)] = (kernels.text(pointer, kernel, words), 0o644)
    record, tried = asked.get("pass_record"), home.trying(stack)
    given_back = tried.exists()
    earlier = json_of(tried if given_back else home.last_pass(stack))
    if record and earlier.get("digest") != record.get("digest"):
        files[home.last_pass(stack)] = (as_json(dict(record)), 0o644)
    if not same:
        files[home.current(stack)] = (as_json({**pointer, "switched_at": now()}), 0o644)  # the pointer last
    old = _surplus(home, stack, environment, int(asked["keep_old"]))
    unshown = [] if kernel else kernels.there(home, stack)  # of an environment that had one
    todo = {path: content for path, content in files.items() if not _has(path, *content)}
    changed = bool(todo or old or unshown) or state == kernels.FREE
    with home.locked(int(asked["lock_wait"])) if (changed or given_back) and not check_mode else nullcontext():
        if not check_mode:
            for path, (text, mode) in todo.items():
                write_whole(path, text, mode)
            if state == kernels.FREE:
                kernels.show(home, stack)
            for path in unshown:
                home.remove(path)
            if unshown:
                kernels.tidy(home)
            if given_back:  # with the numbers and the time of this training: no change that anybody sees
                if record:
                    write_whole(home.last_pass(stack), as_json(dict(record)))
                home.remove(tried)
            for path in old:
                home.remove(path)
    return {
        "changed": changed,
        "steps": [{"name": f"removed {path.name}", "seconds": 0} for path in old],
        "switched": not same,
        "notes": [kernels.taken(stack)] if state == kernels.TAKEN else [],
        "environment": {
            "path": str(environment),
            "python": pointer["python"],
            "lock_sha256": sha256,
            "built": False,
            "start": pointer["start"],
            "size_bytes": whole.get("size_bytes"),
            "kernel": kernel,
        },
    }


def _kernel_name(home: Home, asked: Mapping[str, Any]) -> str:
    """What Jupyter calls the environment: as asked, else as it was, else by its stack."""
    stack = str(asked["stack"])
    known = json_of(kernels.file(home, stack)).get("display_name")
    return str(asked.get("display_name") or known or fill(asked["words"]["kernel_name"], stack=stack))


def unproven(home: Home, asked: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Take the stack's pass back: it does not train here. Why it failed is kept; what students start stays."""
    stack, record = str(asked["stack"]), asked.get("pass_record")
    last, tried = home.last_pass(stack), home.trying(stack)
    if record:
        changed = tried.exists() or json_of(last).get("digest") != record.get("digest")
    else:
        changed = tried.exists() or last.exists()
    if (changed or record) and not check_mode:
        with home.locked(int(asked["lock_wait"])):
            if record:  # with the numbers and the time of this training: no change that anybody sees
                write_whole(last, as_json(dict(record)))
            for path in (tried, *(() if record else (last,))):
                home.remove(path)
    return {"changed": changed, "steps": []}


def trying(home: Home, asked: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Lay the stack's pass aside before a training: one that brings the PC down leaves none."""
    stack = str(asked["stack"])
    passed = home.last_pass(stack).exists()
    if passed and not check_mode:
        with home.locked(int(asked["lock_wait"])):
            home.last_pass(stack).replace(home.trying(stack))
            sync(home.trying(stack).parent)
    return {"changed": passed, "steps": []}


def _has(path: Path, text: str, mode: int) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text and path.stat().st_mode & 0o777 == mode
    except (OSError, UnicodeDecodeError):
        return False


def _surplus(home: Home, stack: str, keep: Path, keep_old: int) -> list[Path]:
    """The environments that go: incomplete ones, and complete ones beyond the newest `keep_old` besides the current."""
    complete_ones: list[tuple[str, Path]] = []
    gone: list[Path] = sorted(home.environments.glob(REMOVING + "*"))
    for path in home.environments_of(stack):
        marker = json_of(path / MARKER)
        if path == keep:
            continue
        if marker.get("complete") is True:
            complete_ones.append((str(marker.get("created_at")), path))
        else:
            gone.append(path)
    ordered = [path for _, path in sorted(complete_ones, reverse=True)]
    return gone + ordered[keep_old:]
