# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Switching to an environment, and taking environments away, on a Linux PC.

Runs on the PC, under Python 3.9 or later.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from .build import MARKER, complete, interpreter_of
from .folder import OWN, REMOVING, Home, Trouble, as_json, now, read_json, write_whole

GPU_VARIABLE = r"[A-Z][A-Z0-9_]*(DEVICES|SELECTOR|MASK|ORDINAL)"  # no name that means something else
NO_UV = (
    "UV_MISSING",
    "there is no uv on this PC; give uv_archive (path or url, and sha256), or install uv for all users",
)
LAUNCHER = """#!/bin/sh
# How to start {stack}: without arguments a shell in which `python` is its Python; with a script, that script.
environment={environment}
PATH="$environment/bin:$PATH" VIRTUAL_ENV="$environment"
export PATH VIRTUAL_ENV
{visible}if [ $# -gt 0 ]; then exec "$environment/bin/python" "$@"; fi
echo "{stack}: python is $environment/bin/python; exit leaves."
exec "${{SHELL:-/bin/sh}}"
"""


def check(wishes: Mapping[str, Any]) -> None:
    """Refuse arguments that could lead out of the home, or mean nothing. Raises Trouble ARGUMENTS."""
    stack, sha256, python = wishes.get("stack"), wishes.get("lock_sha256"), wishes.get("python")
    if stack is not None and not re.fullmatch(r"[A-Za-z0-9]+([._-]+[A-Za-z0-9]+)*", stack):
        raise Trouble("ARGUMENTS", f"stack: {stack!r} is not the name of a stack (letters, digits, - and _)")
    if sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise Trouble("ARGUMENTS", f"lock_sha256: {sha256!r} is not 64 hexadecimal digits")
    if python is not None and not re.fullmatch(r"3\.\d{1,2}(\.\d{1,2})?", python):
        raise Trouble("ARGUMENTS", f"python: {python!r} is not a version such as 3.10")
    for name in ("uv_archive", "interpreter_archive", "vc_archive"):
        archive = wishes.get(name)
        if archive is None:
            continue
        if not re.fullmatch(r"[0-9A-Fa-f]{64}", str(archive.get("sha256", ""))):
            raise Trouble("ARGUMENTS", f"{name}: it needs the file's sha256 (64 hexadecimal digits)")
        if not (archive.get("path") or archive.get("url") or archive.get("name")):
            raise Trouble("ARGUMENTS", f"{name}: it needs a path or a url")
    visible = wishes.get("visible_devices")
    if visible and not re.fullmatch(GPU_VARIABLE + r"=[A-Za-z0-9,.:_/-]*", visible):
        raise Trouble("ARGUMENTS", f"visible_devices: {visible!r} is not like DML_VISIBLE_DEVICES=1")
    for name, least in (("time_limit", 1), ("keep_old", 0), ("lock_wait", 0)):
        if wishes.get(name, least) < least:
            raise Trouble("ARGUMENTS", f"{name}: {wishes[name]} is below {least}")
    certificates = wishes.get("certificates")
    if certificates and not Path(certificates).is_file():
        raise Trouble("ARGUMENTS", f"certificates: {certificates} is not a file on this PC")


def start_text(home: Home, stack: str, text: str | None) -> str:
    """How a student starts the stack, for this home."""
    own = f"{home.launcher(stack)} opens a shell in which `python` has the stack"
    return text.replace("HOME", str(home.path), 1) if text and text.startswith("HOME") else text or own


def tidy(home: Home, keep_cache: bool) -> None:
    """Take away what only the building needed."""
    for path in (home.tmp, home.downloads, home.wheelhouse, *([] if keep_cache else [home.cache])):
        home.remove(path)


def current(home: Home, wishes: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Point at the environment of this lock, keep the pass, say how it is started, take old environments away."""
    stack, sha256 = str(wishes["stack"]), str(wishes["lock_sha256"])
    environment = home.environment(stack, sha256)
    if not wishes.get("verified"):
        raise Trouble(
            "NOT_VERIFIED", f"{environment.name} has not trained on this PC: it does not become the current one"
        )
    marker = read_json(environment / MARKER)
    whole = complete(environment, sha256, wishes.get("python") or str(marker.get("version")))
    if not whole:
        raise Trouble("ENVIRONMENT_BROKEN", f"{environment} is not complete; build it again (state present)")
    known = read_json(home.current(stack))
    pointer = {
        "stack": stack,
        "environment": str(environment),
        "lock_sha256": sha256,
        "python": str(interpreter_of(environment)),
        "start": start_text(home, stack, wishes.get("start") or known.get("start")),
        "visible_devices": str(
            (known if wishes.get("visible_devices") is None else wishes).get("visible_devices") or ""
        ),
    }
    before = {"visible_devices": "", **known}
    same = {key: value for key, value in before.items() if key != "switched_at"} == pointer
    files = {
        home.current(stack): (as_json({**pointer, "switched_at": known.get("switched_at") if same else now()}), 0o644),
        home.launcher(stack): (_launcher(stack, environment, pointer["visible_devices"]), 0o755),
    }
    record = wishes.get("pass_record")
    if record and not _same_pass(read_json(home.last_pass(stack)), record):
        files[home.last_pass(stack)] = (as_json(dict(record)), 0o644)
    old = _beyond(home, stack, environment, int(wishes["keep_old"]))
    changed = bool(old) or any(not _has(path, *content) for path, content in files.items())
    steps: list[dict[str, Any]] = []
    with nullcontext() if check_mode else home.locked(int(wishes["lock_wait"])):
        if not check_mode:
            for path, (text, mode) in files.items():
                write_whole(path, text, mode)
            for path in old:
                home.remove(path)
        notes = {**_pointers(home), stack: pointer}
        changed = _note(home, notes, check_mode) or changed
    steps += [{"name": f"removed {path.name}", "seconds": 0} for path in old]
    return {
        "changed": changed,
        "steps": steps,
        "switched": not same,
        "environment": {
            "path": str(environment),
            "python": pointer["python"],
            "lock_sha256": sha256,
            "built": False,
            "start": pointer["start"],
            "size_bytes": whole.get("size_bytes"),
        },
    }


def _launcher(stack: str, environment: Path, visible_devices: str) -> str:
    name, _, value = visible_devices.partition("=")
    visible = f': "${{{name}={value}}}"; export {name}\n' if name else ""  # a student's own choice stands
    return LAUNCHER.format(stack=stack, environment=shlex.quote(str(environment)), visible=visible)


def _has(path: Path, text: str, mode: int) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text and path.stat().st_mode & 0o777 == mode
    except (OSError, UnicodeDecodeError):
        return False


def _same_pass(known: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """The time and the measured numbers of a pass differ each time; what it is bound to and its verdict count."""

    def essence(one: Mapping[str, Any]) -> tuple[Any, ...]:
        verdict = one.get("verdict")
        state = (verdict.get("state"), verdict.get("code")) if isinstance(verdict, Mapping) else (verdict,)
        return (one.get("fingerprint"), *state)

    return bool(known) and essence(known) == essence(record)


def _beyond(home: Home, stack: str, keep: Path, keep_old: int) -> list[Path]:
    """The environments that go: incomplete ones, and complete ones beyond the newest `keep_old` besides the current."""
    complete_ones: list[tuple[str, Path]] = []
    gone: list[Path] = sorted(home.environments.glob(REMOVING + "*"))
    for path in home.environments_of(stack):
        marker = read_json(path / MARKER)
        if path == keep:
            continue
        if marker.get("complete") is True:
            complete_ones.append((str(marker.get("created_at")), path))
        else:
            gone.append(path)
    ordered = [path for _, path in sorted(complete_ones, reverse=True)]
    return gone + ordered[keep_old:]


def _pointers(home: Home) -> dict[str, dict[str, Any]]:
    return {path.stem: read_json(path) for path in sorted((home.path / "current").glob("*.json"))}


def _note(home: Home, pointers: Mapping[str, Mapping[str, Any]], check_mode: bool) -> bool:
    """README.txt: the note on the PC; whether it changes."""
    path = home.path / "README.txt"
    if not pointers:
        return path.exists() if check_mode else home.remove(path)
    lines = ["This PC trains machine-learning models on its GPU. How to start:", ""]
    for stack, pointer in sorted(pointers.items()):
        lines += [f"{stack}", f"    {pointer.get('start')}", f"    Python: {pointer.get('python')}"]
        if visible := pointer.get("visible_devices"):
            lines.append(f"    Without that launcher, set {visible} first: the GPU that was tried.")
        lines.append("")
    lines += ["Everything here was made by gpuready and may be replaced by it; keep your own work elsewhere.", ""]
    text = "\n".join(lines)
    return not _has(path, text, 0o644) if check_mode else write_whole(path, text)


def unproven(home: Home, wishes: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Take the stack's pass back: it no longer trains here. What students start stays as it is."""
    path = home.last_pass(str(wishes["stack"]))
    found = path.exists()
    if found and not check_mode:
        with home.locked(int(wishes["lock_wait"])):
            home.remove(path)
    return {"changed": found, "steps": []}


def absent(home: Home, wishes: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Take a stack away; without a stack everything of gpuready, but never what is not ours."""
    stack = wishes.get("stack")
    if not home.path.is_dir():
        return {"changed": False, "steps": []}
    if stack:
        paths = [*home.environments_of(stack), home.current(stack), home.last_pass(stack), home.launcher(stack)]
    else:
        paths = [home.path / name for name in OWN if name != ".lock"]
    found = [path for path in paths if path.exists() or path.is_symlink()]
    if check_mode:
        return {"changed": bool(found), "steps": [{"name": f"remove {path.name}", "seconds": 0} for path in found]}
    with home.locked(int(wishes["lock_wait"])):
        for path in found:
            home.remove(path)
        if stack:
            _note(home, _pointers(home), check_mode)
        else:
            home.remove(home.path / ".lock")
    if not stack and not any(home.path.iterdir()):
        home.path.rmdir()
    return {"changed": bool(found), "steps": [{"name": f"removed {path.name}", "seconds": 0} for path in found]}
