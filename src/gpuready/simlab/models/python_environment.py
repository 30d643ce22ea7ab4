"""Model of gpuready.lab.python_environment on Windows: building and removal; nothing is fetched or run."""

from __future__ import annotations

import hashlib
import json
import ntpath
import re
from typing import Any

from gpuready.simlab import documents
from gpuready.simlab.disk import DiskFullError
from gpuready.simlab.models.home import LIST, OWN_RUNTIME, Home, fail, fill, note
from gpuready.simlab.models.model import ModuleFailed, Task, model
from gpuready.simlab.pc import SimulatedPc, now

_ARGUMENTS = (
    *("state", "home", "stack", "lock", "builders", "lock_sha256", "python", "start"),
    *("uv", "uv_archive", "interpreter_archive"),
    *("vc_archive", "needs_vc_runtime", "own_vc_runtime", "runtime_files", "offered_wheels", "uploaded", "ways"),
    *(
        "go_on_after",
        "foreign_variables",
        "certificates",
        "time_limit",
        "lock_wait",
        "keep_cache",
        "check_hashes",
        "words",
    ),
)
_OWN = (
    *("environments", "current", "passes", "bin", "python", "downloads", "wheelhouse", "cache", "tmp"),
    *("jobs", "jupyter", "uv.exe", "README.txt"),
)
_NO_UV = "there is no uv on this PC that runs; give uv_archive (path or url, and sha256), or install uv for all users"
_VERSIONS = {"3.7": "3.7.9", "3.8": "3.8.20", "3.9": "3.9.23", "3.10": "3.10.18", "3.11": "3.11.13", "3.12": "3.12.11"}
_REQUIREMENT = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*?)(?:\[[^]]*\])?\s*===?\s*([^\s;\\]+)", re.M)
_SYSTEM = r"C:\Windows\System32"
PACKAGES_BYTES = 1_900_000_000  # about what TensorFlow or PyTorch takes
INTERPRETER_BYTES = 60_000_000


class Needs(Exception):  # noqa: N818 - a question to the controller
    """Files of the controller that are not here yet, and ways to the packages for what this PC's pip is told."""

    def __init__(self, files: list[dict[str, str]], ways: bool = False) -> None:
        super().__init__("needs")
        self.answer = {"needs": files, **({"pip": {"files": [], "variables": {}}} if ways else {})}


@model("gpuready.lab.python_environment")
def python_environment(task: Task) -> dict[str, Any]:
    """Bring the state about."""
    task.only(*_ARGUMENTS)
    state, arguments = task.arguments.get("state") or "present", task.arguments
    home = Home(task.pc, str(arguments.get("home") or documents.HOME).rstrip("\\"))
    required = ("stack", "lock", "lock_sha256", "python", "go_on_after") if state == "present" else ()
    if missing := [name for name in required if not arguments.get(name)]:
        raise ModuleFailed(f"state is {state} but all of the following are missing: {', '.join(missing)}")
    home.check()
    try:
        answer = {"present": present, "absent": absent}[state](task, home)
    except Needs as needs:
        return {"changed": False, **needs.answer, "home": home.path, "steps": [], "notes": []}
    except DiskFullError as error:
        raise fail("DISK_FULL", f"There is not enough space on the disk: {error}") from None
    return {"home": home.path, "notes": [], "steps": [], **answer}


def present(task: Task, home: Home) -> dict[str, Any]:
    """The environment of this lock is there and whole."""
    arguments = task.arguments
    environment = home.environment(arguments["stack"], arguments["lock_sha256"])
    marker = home.complete(environment, arguments["lock_sha256"])
    built, lost = not marker, bool(_lost_runtime(task, home, environment))
    if task.check:
        if built and not arguments.get("uv_archive") and _uv(home) is None:
            raise fail("UV_MISSING", _NO_UV)
        _runtime_to_bring(task, home)
    elif built or lost:
        home.take()
        marker = _build(task, home, environment) if built else marker
        _use_runtime(task, home, environment)
    names = ("uv", "interpreter", "environment", "packages", "mark") if built and not task.check else ()
    return {
        "changed": built or lost,
        "steps": [{"name": name, "seconds": 0.1} for name in names],
        "environment": {
            "path": environment,
            "python": rf"{environment}\Scripts\python.exe",
            "lock_sha256": arguments["lock_sha256"],
            "built": built,
            "start": fill(
                arguments.get("start") or arguments["words"]["start"], home=home.path, stack=arguments["stack"]
            ),
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
    name = str(source.get("name"))
    taken = rf"{home.path}\downloads\{sha256[:12]}-{name}"
    if node is None or node.data is None:
        return None if home.disk.is_file(taken) else {"kind": kind, "name": name, "sha256": sha256}
    _check(name, node.data, sha256)
    home.disk.write(taken, node.data)
    home.disk.remove(str(sent))
    return None


def _check(name: str, data: bytes, sha256: str) -> None:
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise fail(
            "HASH_MISMATCH", f"{name}: its sha256 is {digest}, not {sha256}; it was not used: get the right file"
        )


def _lost_runtime(task: Task, home: Home, environment: str) -> list[str]:
    """Files of the Visual C++ runtime that neither Windows nor the environment has."""
    names = list(task.arguments.get("runtime_files") or []) if task.arguments.get("needs_vc_runtime") else []
    own = home.own_runtime(environment, names)
    return [name for name in names if name not in own and not home.disk.is_file(rf"{_SYSTEM}\{name}")]


def _runtime_to_bring(task: Task, home: Home) -> list[str]:
    """The files of the Visual C++ runtime that the installer must bring; raises where there is none to bring them."""
    if task.arguments.get("own_vc_runtime"):
        return []
    lost = _lost_runtime(task, home, "")
    if lost and not task.arguments.get("vc_archive"):
        what = "give vc_archive (vc_redist.x64.exe with its sha256), or install it on the PC"
        raise fail("VC_RUNTIME_MISSING", f"the Visual C++ runtime is missing ({', '.join(lost)}); {what}")
    return lost


def _use_runtime(task: Task, home: Home, environment: str) -> None:
    """Where Windows lacks the runtime, the environment's Python looks for its own."""
    if task.arguments.get("own_vc_runtime") and _lost_runtime(task, home, environment):
        home.disk.write(rf"{environment}\{OWN_RUNTIME}", b"import os\n")


def _build(task: Task, home: Home, environment: str) -> dict[str, Any]:
    arguments, needs = task.arguments, []
    for wheel in arguments.get("offered_wheels") or []:
        target = rf"{home.path}\wheelhouse\{wheel['name']}"
        if not home.disk.is_file(target):
            asked = _archive(task, home, "wheel", wheel)
            needs += [asked] if asked else []
            if not asked:
                home.disk.write(target, b"wheel")
    if _uv(home) is None:
        if not arguments.get("uv_archive"):
            raise fail("UV_MISSING", _NO_UV)
        asked = _archive(task, home, "uv", arguments["uv_archive"])
        needs += [asked] if asked else []
    if arguments.get("interpreter_archive"):
        asked = _archive(task, home, "interpreter", arguments["interpreter_archive"])
        needs += [asked] if asked else []
    if _runtime_to_bring(task, home):
        asked = _archive(task, home, "vc_runtime", arguments["vc_archive"])
        needs += [asked] if asked else []
    if needs or arguments.get("ways") is None:
        raise Needs(needs, ways=arguments.get("ways") is None)
    if _uv(home) is None:
        from gpuready.simlab import programs

        home.disk.write(rf"{home.path}\uv.exe", b"MZ", size=40_000_000, machine=34404)
        home.pc.programs[rf"{home.path}\uv.exe"] = programs.uv("0.9.2")
    version = str(arguments["python"])
    version = version if version.count(".") == 2 else _VERSIONS.get(version, f"{version}.0")
    interpreter = rf"{home.path}\python\cpython-{version}-windows-x86_64-none"
    if archive := arguments.get("interpreter_archive"):
        interpreter = rf"{home.path}\python\{arguments['python']}-{str(archive['sha256'])[:12].lower()}"
    if not home.disk.is_file(rf"{interpreter}\python.exe"):
        home.disk.write(rf"{interpreter}\python.exe", b"MZ", size=INTERPRETER_BYTES, version=version, machine=34404)
    if lost := _runtime_to_bring(task, home):
        if asked := _archive(task, home, "vc_runtime", arguments["vc_archive"]):
            raise Needs([asked])
        for name in lost:
            home.disk.write(rf"{_SYSTEM}\{name}", b"MZ", version="14.44.35211.0", machine=34404)
    home.disk.remove(environment)
    packages = _REQUIREMENT.findall(arguments["lock"])
    try:
        home.disk.write(rf"{environment}\pyvenv.cfg", f"home = {interpreter}\n".encode())
        home.disk.write(rf"{environment}\Scripts\python.exe", b"MZ", version=version, machine=34404)
        home.disk.write(rf"{environment}\Lib\site-packages\packages", b"", size=PACKAGES_BYTES)
        for name in arguments.get("runtime_files") or [] if arguments.get("own_vc_runtime") else []:
            home.disk.write(rf"{environment}\Scripts\{name}", b"MZ", version="14.44.35211.0", machine=34404)
        files = home.list_text(environment)
        marker = {
            "stack": arguments["stack"], "lock_sha256": arguments["lock_sha256"], "version": version, "complete": True,
            "python": rf"{environment}\Scripts\python.exe", "interpreter": rf"{interpreter}\python.exe",
            "distributions": sorted(f"{name}-{number}.dist-info" for name, number in packages),
            "size_bytes": PACKAGES_BYTES, "created_at": now(),
            "files_sha256": hashlib.sha256(files.encode()).hexdigest(),
        }  # fmt: skip
        home.disk.write(rf"{environment}\{LIST}", files.encode())
        home.disk.write(rf"{environment}\gpuready.json", json.dumps(marker, indent=1).encode())
    except DiskFullError:
        home.disk.remove(environment)
        raise
    for folder in ("wheelhouse", "downloads"):
        home.disk.remove(rf"{home.path}\{folder}")
    return marker


def half_built(task_pc: SimulatedPc, arguments: dict[str, Any]) -> None:
    """What a building that was cut off in the middle leaves behind: a folder without its marker."""
    if arguments.get("state") == "present" and arguments.get("stack") and arguments.get("lock_sha256"):
        home = Home(task_pc, str(arguments.get("home") or documents.HOME).rstrip("\\"))
        environment = home.environment(arguments["stack"], arguments["lock_sha256"])
        if not home.complete(environment, arguments["lock_sha256"]):
            home.disk.write(rf"{environment}\pyvenv.cfg", b"home = unfinished\n")


def absent(task: Task, home: Home) -> dict[str, Any]:
    """Take a stack away; without a stack everything of gpuready."""
    stack, disk = task.arguments.get("stack"), home.disk
    if stack:
        files = [
            rf"{home.path}\{place}\{stack}.{kind}"
            for place, kind in (("current", "json"), ("passes", "json"), ("passes", "trying"), ("bin", "cmd"))
        ]
        paths = [*home.environments_of(stack), *files, home.kernel(stack)]
    else:
        paths = [rf"{home.path}\{name}" for name in _OWN]
    existing = [path for path in paths if disk.get(path) is not None]
    if not task.check and disk.is_folder(home.path):
        home.take()
        for path in existing:
            disk.remove(path)
        home.remove_kernel()
        left = note(home.pointers(), task.arguments.get("words") or {}, home.guests())
        if not stack:
            home.release()
        elif left is None:
            disk.remove(rf"{home.path}\README.txt")
        else:
            home.write(rf"{home.path}\README.txt", left)
    return {
        "changed": bool(existing),
        "steps": [{"name": f"removed {ntpath.basename(path)}", "seconds": 0.1} for path in existing],
    }
