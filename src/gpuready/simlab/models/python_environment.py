"""Model of gpuready.lab.python_environment on Windows: its states on the simulated disk; nothing is fetched or run."""

from __future__ import annotations

import hashlib
import json
import ntpath
import re
from typing import Any

from gpuready.simlab import documents
from gpuready.simlab.disk import DiskFullError
from gpuready.simlab.models.home import Home, fail, launcher, note
from gpuready.simlab.models.model import ModuleFailed, Task, model
from gpuready.simlab.pc import SimulatedPc, now

_ARGUMENTS = (
    *("state", "home", "stack", "lock", "lock_sha256", "python", "start", "uv", "uv_archive", "interpreter_archive"),
    *("vc_archive", "needs_vc_runtime", "wheelhouse", "offered_wheels", "uploaded", "index_url", "extra_index_urls"),
    *("stack_index_urls", "find_links", "no_index", "certificates", "time_limit", "lock_wait", "keep_old"),
    *("keep_cache", "visible_devices", "pass_record", "verified"),
)
_OWN = (
    *("environments", "current", "passes", "bin", "python", "downloads", "wheelhouse", "cache", "tmp"),
    *("uv.exe", "README.txt"),
)
_NO_UV = "there is no uv on this PC; give uv_archive (path or url, and sha256), or install uv for all users"
_VERSIONS = {"3.7": "3.7.9", "3.8": "3.8.20", "3.9": "3.9.23", "3.10": "3.10.18", "3.11": "3.11.13", "3.12": "3.12.11"}
_RUNTIME = ("vcruntime140.dll", "vcruntime140_1.dll", "msvcp140.dll")
_OWN_RUNTIME = re.compile(r"^msvc[-_.]runtime\s*==", re.I | re.M)
PACKAGES_BYTES = 1_900_000_000  # about what TensorFlow or PyTorch takes
INTERPRETER_BYTES = 60_000_000


class Needs(Exception):  # noqa: N818 - a question to the controller
    """Files of the controller that are not here yet."""

    def __init__(self, files: list[dict[str, str]]) -> None:
        super().__init__("needs")
        self.files = files


@model("gpuready.lab.python_environment")
def python_environment(task: Task) -> dict[str, Any]:
    """Bring the state about."""
    task.only(*_ARGUMENTS)
    state, wished = task.arguments.get("state") or "present", task.arguments
    home = Home(task.pc, str(wished.get("home") or documents.HOME).rstrip("\\"))
    stack = wished.get("stack")
    if stack and not re.fullmatch(r"[A-Za-z0-9]+([._-]+[A-Za-z0-9]+)*", str(stack)):
        raise fail("ARGUMENTS", f"stack: '{stack}' is not the name of a stack (letters, digits, - and _)")
    required = {
        "present": ("stack", "lock", "lock_sha256", "python"),
        "current": ("stack", "lock_sha256"),
        "unproven": ("stack",),
        "absent": (),
    }
    if missing := [name for name in required[state] if not wished.get(name)]:
        raise ModuleFailed(f"state is {state} but all of the following are missing: {', '.join(missing)}")
    try:
        found = {"present": present, "current": current, "unproven": unproven, "absent": absent}[state](task, home)
    except Needs as needs:
        return {"changed": False, "needs": needs.files, "home": home.path, "steps": [], "notes": []}
    except DiskFullError as error:
        raise fail("DISK_FULL", f"There is not enough space on the disk: {error}") from None
    return {"home": home.path, "notes": [], "steps": [], **found}


def present(task: Task, home: Home) -> dict[str, Any]:
    """The environment of this lock is there and whole."""
    wished = task.arguments
    environment = home.environment(wished["stack"], wished["lock_sha256"])
    marker = home.complete(environment, wished["lock_sha256"])
    built = not marker
    if built:
        if task.check:
            if not wished.get("uv_archive") and _uv(home) is None:
                raise fail("UV_MISSING", _NO_UV)
            _runtime_to_bring(task, home)
        else:
            marker = _build(task, home, environment)
    names = ("uv", "interpreter", "environment", "packages", "mark") if built and not task.check else ()
    return {
        "changed": built,
        "steps": [{"name": name, "seconds": 0.1} for name in names],
        "environment": {
            "path": environment,
            "python": rf"{environment}\Scripts\python.exe",
            "lock_sha256": wished["lock_sha256"],
            "built": built,
            "start": home.start(wished["stack"], wished.get("start")),
            "size_bytes": marker.get("size_bytes"),
        },
    }


def _uv(home: Home) -> str | None:
    path = rf"{home.path}\uv.exe"
    return path if home.disk.is_file(path) else None


def _archive(task: Task, home: Home, kind: str, source: dict[str, Any]) -> dict[str, str] | None:
    """Take an archive in; what the controller must send first, if it must."""
    sha256 = str(source.get("sha256")).lower()
    if path := source.get("path"):
        node = home.disk.get(str(path))
        if node is None or node.data is None:
            raise fail(
                "ARCHIVE_MISSING",
                f"{path}: there is no such archive on the controller, and the PC cannot read one there",
            )
        _check(ntpath.basename(str(path)), node.data, sha256)
        return None
    if source.get("url"):
        return None  # a simulated PC fetches nothing: what lies there is taken to be right
    sent = (task.arguments.get("uploaded") or {}).get(sha256)
    node = home.disk.get(str(sent)) if sent else None
    if node is None or node.data is None:
        return {"kind": kind, "name": str(source.get("name")), "sha256": sha256}
    _check(str(source.get("name")), node.data, sha256)
    home.disk.remove(str(sent))
    return None


def _check(name: str, data: bytes, sha256: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise fail("HASH_MISMATCH", f"{name}: its sha256 is {found}, not {sha256}; it was not used: get the right file")


def _runtime_to_bring(task: Task, home: Home) -> list[str]:
    """The files of the Visual C++ runtime that the installer must bring; raises where there is none to bring them."""
    wished = task.arguments
    lost = [name for name in _RUNTIME if not home.disk.is_file(rf"C:\Windows\System32\{name}")]
    if not wished.get("needs_vc_runtime") or _OWN_RUNTIME.search(str(wished["lock"])):
        return []
    if lost and not wished.get("vc_archive"):
        what = "give vc_archive (vc_redist.x64.exe with its sha256), or install it on the PC"
        raise fail("VC_RUNTIME_MISSING", f"the Visual C++ runtime is missing ({', '.join(lost)}); {what}")
    return lost


def _build(task: Task, home: Home, environment: str) -> dict[str, Any]:
    wished, needs = task.arguments, []
    for wheel in wished.get("offered_wheels") or []:
        target = rf"{home.path}\wheelhouse\{wheel['name']}"
        if not home.disk.is_file(target):
            asked = _archive(task, home, "wheel", wheel)
            needs += [asked] if asked else []
            if not asked:
                home.disk.write(target, b"wheel")
    if _uv(home) is None:
        if not wished.get("uv_archive"):
            raise fail("UV_MISSING", _NO_UV)
        asked = _archive(task, home, "uv", wished["uv_archive"])
        needs += [asked] if asked else []
    if wished.get("interpreter_archive"):
        asked = _archive(task, home, "interpreter", wished["interpreter_archive"])
        needs += [asked] if asked else []
    if needs:
        raise Needs(needs)
    if _uv(home) is None:
        from gpuready.simlab import programs

        home.disk.write(rf"{home.path}\uv.exe", b"MZ", size=40_000_000, machine=34404)
        home.pc.programs[rf"{home.path}\uv.exe"] = programs.uv("0.9.2")
    version = str(wished["python"])
    version = version if version.count(".") == 2 else _VERSIONS.get(version, f"{version}.0")
    interpreter = rf"{home.path}\python\cpython-{version}-windows-x86_64-none"
    if not home.disk.is_file(rf"{interpreter}\python.exe"):
        home.disk.write(rf"{interpreter}\python.exe", b"MZ", size=INTERPRETER_BYTES, version=version, machine=34404)
    if lost := _runtime_to_bring(task, home):
        if asked := _archive(task, home, "vc_runtime", wished["vc_archive"]):
            raise Needs([asked])
        for name in lost:
            home.disk.write(rf"C:\Windows\System32\{name}", b"MZ", version="14.44.35211.0", machine=34404)
    home.disk.remove(environment)
    try:
        home.disk.write(rf"{environment}\pyvenv.cfg", f"home = {interpreter}\n".encode())
        home.disk.write(rf"{environment}\Scripts\python.exe", b"MZ", version=version, machine=34404)
        home.disk.write(rf"{environment}\Lib\site-packages\packages", b"", size=PACKAGES_BYTES)
        marker = {
            "stack": wished["stack"], "lock_sha256": wished["lock_sha256"], "version": version, "complete": True,
            "python": rf"{environment}\Scripts\python.exe", "interpreter": rf"{interpreter}\python.exe",
            "distributions": [], "size_bytes": PACKAGES_BYTES, "created_at": now(),
        }  # fmt: skip
        home.disk.write(rf"{environment}\gpuready.json", json.dumps(marker, indent=1).encode())
    except DiskFullError:
        home.disk.remove(environment)
        raise
    home.disk.remove(rf"{home.path}\wheelhouse")
    return marker


def half_built(task_pc: SimulatedPc, arguments: dict[str, Any]) -> None:
    """What a building that was cut off in the middle leaves behind: a folder without its marker."""
    if arguments.get("state") == "present" and arguments.get("stack") and arguments.get("lock_sha256"):
        home = Home(task_pc, str(arguments.get("home") or documents.HOME).rstrip("\\"))
        environment = home.environment(arguments["stack"], arguments["lock_sha256"])
        if not home.complete(environment, arguments["lock_sha256"]):
            home.disk.write(rf"{environment}\pyvenv.cfg", b"home = unfinished\n")


def current(task: Task, home: Home) -> dict[str, Any]:
    """Point at the environment of this lock, keep the pass, say how it is started, take old environments away."""
    wished, disk = task.arguments, home.disk
    stack, sha256 = str(wished["stack"]), str(wished["lock_sha256"])
    environment = home.environment(stack, sha256)
    if not wished.get("verified"):
        name = ntpath.basename(environment)
        raise fail("NOT_VERIFIED", f"{name} has not trained on this PC: it does not become the current one")
    marker = home.complete(environment, sha256)
    if not marker:
        raise fail("ENVIRONMENT_BROKEN", f"{environment} is not complete; build it again (state present)")
    file = rf"{home.path}\current\{stack}.json"
    known = home.json(file)
    pointer = {
        "stack": stack, "environment": environment, "lock_sha256": sha256,
        "python": rf"{environment}\Scripts\python.exe",
        "start": home.start(stack, wished.get("start") or known.get("start")),
        "visible_devices": wished.get("visible_devices", known.get("visible_devices") or ""),
    }  # fmt: skip
    before = {"visible_devices": "", **known}
    same = {key: value for key, value in before.items() if key != "switched_at"} == pointer
    record, passes = wished.get("pass_record"), rf"{home.path}\passes\{stack}.json"
    new_pass = bool(record) and _essence(home.json(passes)) != _essence(record)
    others = [path for path in home.environments_of(stack) if path.lower() != environment.lower()]
    whole = [path for path in others if home.json(rf"{path}\gpuready.json").get("complete") is True]
    whole.sort(key=lambda path: str(home.json(rf"{path}\gpuready.json").get("created_at")), reverse=True)
    keep_old = wished.get("keep_old")
    old = [path for path in others if path not in whole] + whole[1 if keep_old is None else int(keep_old) :]
    files = {
        rf"{home.path}\bin\{stack}.cmd": launcher(stack, environment, str(pointer["visible_devices"])),
        rf"{home.path}\README.txt": note({**home.pointers(), stack: pointer}) or "",
    }
    if new_pass:
        files[passes] = json.dumps(record, indent=1)
    if not same:
        files[file] = json.dumps({**pointer, "switched_at": now()}, indent=1)  # the pointer last
    todo = {path: text for path, text in files.items() if disk.text(path) != text}
    changed = bool(todo) or bool(old)
    if changed and not task.check:
        for path, text in todo.items():
            home.write(path, text)
        for path in old:
            disk.remove(path)
    return {
        "changed": changed,
        "switched": not same,
        "steps": [{"name": f"removed {ntpath.basename(path)}", "seconds": 0.1} for path in old],
        "environment": {
            "path": environment,
            "python": pointer["python"],
            "lock_sha256": sha256,
            "built": False,
            "start": pointer["start"],
            "size_bytes": marker.get("size_bytes"),
        },
    }


def _essence(one: Any) -> tuple[Any, ...]:
    """What two passes must have in common to be the same."""
    if not isinstance(one, dict) or not one:
        return ()
    verdict = one.get("verdict") or {}
    return (one.get("fingerprint"), verdict.get("state"), verdict.get("code"))


def unproven(task: Task, home: Home) -> dict[str, Any]:
    """Take the stack's pass back."""
    path = rf"{home.path}\passes\{task.arguments['stack']}.json"
    found = home.disk.get(path) is not None
    if found and not task.check:
        home.disk.remove(path)
    return {"changed": found, "steps": []}


def absent(task: Task, home: Home) -> dict[str, Any]:
    """Take a stack away; without a stack everything of gpuready."""
    stack, disk = task.arguments.get("stack"), home.disk
    if stack:
        files = [
            rf"{home.path}\{place}\{stack}.{kind}"
            for place, kind in (("current", "json"), ("passes", "json"), ("bin", "cmd"))
        ]
        paths = home.environments_of(stack) + files
    else:
        paths = [rf"{home.path}\{name}" for name in _OWN]
    found = [path for path in paths if disk.get(path) is not None]
    if not task.check:
        for path in found:
            disk.remove(path)
        left = note(home.pointers())
        if stack and left is None:
            disk.remove(rf"{home.path}\README.txt")
        elif stack and left:
            home.write(rf"{home.path}\README.txt", left)
        elif not any(disk.children(home.path)):
            disk.remove(home.path)
    return {
        "changed": bool(found),
        "steps": [{"name": f"removed {ntpath.basename(path)}", "seconds": 0.1} for path in found],
    }
