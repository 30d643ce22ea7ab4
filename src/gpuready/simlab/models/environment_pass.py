"""Model of gpuready.lab.environment_pass on Windows: what has trained becomes the current one, or its pass goes."""

from __future__ import annotations

import json
import ntpath
from typing import Any

from gpuready.simlab import documents
from gpuready.simlab.models.home import Home, fail, fill, kernel, launcher, note
from gpuready.simlab.models.model import ModuleFailed, Task, model
from gpuready.simlab.pc import now

_ARGUMENTS = (
    *("state", "home", "stack", "lock_sha256", "start", "launcher_variable", "pass_record", "keep_old", "lock_wait"),
    "words", "job", "display_name",
)  # fmt: skip


@model("gpuready.lab.environment_pass")
def environment_pass(task: Task) -> dict[str, Any]:
    """Bring the state about."""
    task.only(*_ARGUMENTS)
    state, arguments = task.arguments.get("state"), task.arguments
    if state not in _STATES or not arguments.get("stack"):
        raise ModuleFailed("missing required arguments: state, stack")
    if state == "current" and not arguments.get("lock_sha256"):
        raise ModuleFailed("state is current but all of the following are missing: lock_sha256")
    home = Home(task.pc, str(arguments.get("home") or documents.HOME).rstrip("\\"))
    home.check()
    answer = _STATES[state](task, home)
    if arguments.get("job") and not task.check:
        home.remove_job(str(arguments["job"]))
    return {"home": home.path, "notes": [], "steps": [], **answer}


def current(task: Task, home: Home) -> dict[str, Any]:
    """Point at the environment of this lock, keep the pass, say how it is started, take old environments away."""
    arguments, disk, words = task.arguments, home.disk, task.arguments["words"]
    stack, sha256 = str(arguments["stack"]), str(arguments["lock_sha256"])
    environment = home.environment(stack, sha256)
    marker = home.complete(environment, sha256)
    if not marker:
        raise fail("ENVIRONMENT_BROKEN", f"{environment} is not complete; build it again (state present)")
    file = rf"{home.path}\current\{stack}.json"
    known = home.json(file)
    pointer = {
        "stack": stack, "environment": environment, "lock_sha256": sha256,
        "python": rf"{environment}\Scripts\python.exe",
        "start": fill(arguments.get("start") or known.get("start") or words["start"], home=home.path, stack=stack),
        "launcher_variable": arguments.get("launcher_variable", known.get("launcher_variable") or ""),
    }  # fmt: skip
    before = {"launcher_variable": "", **known}
    same = {key: value for key, value in before.items() if key != "switched_at"} == pointer
    record, (passes, tried) = arguments.get("pass_record"), home.passes(stack)
    given_back = disk.get(tried) is not None
    earlier = home.json(tried if given_back else passes)
    new_pass = isinstance(record, dict) and earlier.get("digest") != record.get("digest")
    others = [path for path in home.environments_of(stack) if path.lower() != environment.lower()]
    whole = [path for path in others if home.json(rf"{path}\gpuready.json").get("complete") is True]
    whole.sort(key=lambda path: str(home.json(rf"{path}\gpuready.json").get("created_at")), reverse=True)
    keep_old = arguments.get("keep_old")
    old = [path for path in others if path not in whole] + whole[1 if keep_old is None else int(keep_old) :]
    files = {
        rf"{home.path}\bin\{stack}.cmd": launcher(stack, environment, str(pointer["launcher_variable"]), words),
        rf"{home.path}\README.txt": note({**home.pointers(), stack: pointer}, words, home.guests()) or "",
    }
    name, spec = None, rf"{home.kernel(stack)}\kernel.json"
    if any(str(one).startswith("ipykernel-") for one in marker.get("distributions") or ()):
        name = arguments.get("display_name") or home.json(spec).get("display_name")
        name = str(name or fill(words["kernel_name"], stack=stack))
        files[spec] = kernel(pointer, name, words)
    unshown = name is None and disk.is_folder(home.kernel(stack))
    unseen = name is not None and not home.shown()
    if new_pass:
        files[passes] = json.dumps(record, indent=1)
    if not same:
        files[file] = json.dumps({**pointer, "switched_at": now()}, indent=1)  # the pointer last
    todo = {path: text for path, text in files.items() if disk.text(path) != text}
    changed = bool(todo) or bool(old) or unshown or unseen
    if (changed or given_back) and not task.check:
        for path, text in todo.items():
            home.write(path, text)
        if unseen:
            home.show(True)
        if unshown:
            disk.remove(home.kernel(stack))
            home.remove_kernel()
        if given_back:
            if record:
                home.write(passes, json.dumps(record, indent=1))
            disk.remove(tried)
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
            "kernel": name,
        },
    }


def unproven(task: Task, home: Home) -> dict[str, Any]:
    """Take the stack's pass back; why it failed is kept in its place."""
    record, (passes, tried) = task.arguments.get("pass_record"), home.passes(str(task.arguments["stack"]))
    gone = [path for path in (passes, tried) if home.disk.get(path) is not None]
    changed = bool(gone)
    if record:
        gone = [path for path in gone if path == tried]
        changed = bool(gone) or home.json(passes).get("digest") != record.get("digest")
    if not task.check:
        if record:
            home.write(passes, json.dumps(record, indent=1))
        for path in gone:
            home.disk.remove(path)
    return {"changed": changed, "steps": []}


def trying(task: Task, home: Home) -> dict[str, Any]:
    """Lay the stack's pass aside before a training."""
    stack = str(task.arguments["stack"])
    passed = home.disk.get(home.passes(stack)[0]) is not None
    if not task.check:
        home.lay_aside(stack)
    return {"changed": passed, "steps": []}


_STATES = {"current": current, "trying": trying, "unproven": unproven}
