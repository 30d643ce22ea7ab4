"""Models of Ansible's own Windows modules, as far as the roles, molecule and Ansible itself use them."""

from __future__ import annotations

import hashlib
import ntpath
from typing import Any

from gpuready.simlab.models.model import ModuleFailed, Task, model
from gpuready.simlab.programs import Run
from gpuready.simlab.scripts import split

NO_PACKAGE = (
    'Unhandled exception while executing module: Exception calling "OpenPackage" with "2" argument(s): '
    '"This installation package could not be opened. Contact the application vendor to verify that this is a valid '
    'Windows Installer package."'
)


@model("ansible.windows.win_ping")
def win_ping(task: Task) -> dict[str, Any]:
    """Whether the PC answers."""
    task.only("data")
    if task.arguments.get("data") == "crash":
        raise ModuleFailed("Unhandled exception while executing module: boom")
    return {"ping": task.arguments.get("data") or "pong"}


@model("ansible.windows.setup", "ansible.legacy.setup", "ansible.builtin.setup")
def setup(task: Task) -> dict[str, Any]:
    """The facts that roles ask for; gather_subset is not told apart."""
    system, machine = task.pc.scenario.os, task.pc.scenario.machine
    facts = {
        "ansible_hostname": task.pc.name,
        "ansible_os_family": "Windows",
        "ansible_system": "Win32NT",
        "ansible_distribution": system.caption,
        "ansible_distribution_version": f"10.0.{system.build}.0",
        "ansible_architecture": "64-bit" if system.architecture != "x86" else "32-bit",
        "ansible_architecture2": system.architecture,
        "ansible_os_product_type": system.kind,
        "ansible_os_name": system.caption,
        "ansible_memtotal_mb": machine.memory // 2**20,
        "ansible_env": task.pc.variables,
        "ansible_user_id": task.pc.user,
        "ansible_reboot_pending": any(state.endswith("Pending") for state in task.pc.features.values()),
    }
    return {"ansible_facts": facts}


def _stat(task: Task, path: str, checksum: bool = True, algorithm: str = "sha1") -> dict[str, Any]:
    node = task.pc.disk.get(path)
    if node is None:
        return {"exists": False}
    stat: dict[str, Any] = {
        "exists": True,
        "isdir": node.is_folder,
        "isreg": not node.is_folder,
        "islnk": False,
        "path": node.path,
        "filename": ntpath.basename(node.path),
        "size": node.bytes,
    }
    if node.data is not None and checksum:
        stat["checksum"] = hashlib.new(algorithm, node.data).hexdigest()
    return stat


@model("ansible.windows.win_stat")
def win_stat(task: Task) -> dict[str, Any]:
    """What lies at a path."""
    task.only("path", "get_checksum", "checksum_algorithm", "follow", "get_md5", "get_size")
    path, asked = task.pc.expand(str(task.need("path"))), task.arguments.get("get_checksum") is not False
    return {"stat": _stat(task, path, asked, str(task.arguments.get("checksum_algorithm") or "sha1"))}


@model("ansible.windows.win_file")
def win_file(task: Task) -> dict[str, Any]:
    """A folder, or nothing, at a path."""
    task.only("path", "dest", "name", "state")
    path = task.pc.expand(str(task.arguments.get("path") or task.arguments.get("dest") or task.need("name")))
    state, disk = task.arguments.get("state"), task.pc.disk
    if state == "directory":
        if disk.is_file(path):
            raise ModuleFailed(f"path {path} is not a directory")
        changed = not disk.is_folder(path)
        if changed and not task.check:
            disk.make_folder(path)
    elif state == "absent":
        changed = disk.get(path) is not None
        if changed and not task.check:
            disk.remove(path)
    elif state == "touch":
        changed = disk.get(path) is None
        if changed and not task.check:
            disk.write(path, b"")
    else:
        raise ModuleFailed(f"simlab: win_file with state {state} is not modelled (directory, absent, touch)")
    return {"changed": changed}


@model("ansible.windows.win_copy")
def win_copy(task: Task) -> dict[str, Any]:
    """A file brought by the action plugin: query what differs, then put one file in its place."""
    mode, disk = task.arguments.get("_copy_mode") or "single", task.pc.disk
    destination = task.pc.expand(str(task.need("dest")))
    if mode == "query":
        files = []
        for one in task.arguments.get("files") or []:
            target = destination + one["dest"] if destination.endswith("\\") else destination
            stat = _stat(task, target)
            if stat.get("isdir"):
                stat = _stat(task, f"{target}\\{one['dest']}")
            same = stat["exists"] and (stat.get("checksum") == one["checksum"] or task.arguments.get("force") is False)
            if not same:
                files.append({"dest": one["dest"], "src": one["src"]})
        if task.arguments.get("directories"):
            raise ModuleFailed("simlab: win_copy of folders is not modelled")
        return {"changed": False, "files": files, "directories": [], "symlinks": []}
    if mode != "single":
        raise ModuleFailed(f"simlab: win_copy in mode {mode} is not modelled")
    source = disk.get(str(task.need("src")))
    if source is None or source.data is None:
        raise ModuleFailed(f"Unable to find source file {task.arguments['src']}")
    if disk.is_folder(destination) or destination.endswith("\\"):
        destination = ntpath.join(destination, str(task.arguments.get("_original_basename")))
    known = disk.get(destination)
    changed = known is None or known.data != source.data
    if changed and not task.check:
        disk.write(destination, source.data)
    checksum = hashlib.sha1(source.data).hexdigest()  # noqa: S324
    return {
        "changed": changed,
        "dest": destination,
        "src": source.path,
        "operation": "file_copy",
        "checksum": checksum,
        "size": len(source.data),
    }


@model("ansible.windows.win_optional_feature")
def win_optional_feature(task: Task) -> dict[str, Any]:
    """Optional features: a change is pending until a restart."""
    task.only("name", "state", "include_parent", "source")
    names = task.need("name")
    names = names if isinstance(names, list) else [one.strip() for one in str(names).split(",")]
    present = (task.arguments.get("state") or "present") == "present"
    todo = []
    for name in names:
        state = task.pc.features.get(name)
        if state is None:
            raise ModuleFailed(f"Failed to find feature '{name}'", reboot_required=False)
        if not state.startswith("Enabled" if present else "Disabled"):
            todo.append(name)
    if todo and not task.check:
        task.pc.features |= dict.fromkeys(todo, "EnablePending" if present else "DisablePending")
        task.pc.show()
    return {"changed": bool(todo), "reboot_required": bool(todo) and not task.check}


@model("ansible.windows.win_package")
def win_package(task: Task) -> dict[str, Any]:
    """WSL's package alone: its MSI is a file here that says `wsl VERSION`, and perhaps `rc NUMBER`: how it fails."""
    task.only("path", "state", "provider")
    if (task.arguments.get("state") or "present") != "present":
        raise ModuleFailed("simlab: win_package with state absent is not modelled")
    path = task.pc.expand(str(task.need("path")))
    words = (task.pc.disk.text(path) or "").split()
    if not task.pc.disk.is_file(path):
        raise ModuleFailed(f"the file at the path '{path}' cannot be reached")
    if words[:1] != ["wsl"] or words[2::2] not in ([], ["rc"]):
        raise ModuleFailed(NO_PACKAGE, reboot_required=False)
    if words[3:]:
        said = "unexpected rc from 'msiexec.exe': see rc, stdout, and stderr for more details"
        raise ModuleFailed(said, rc=int(words[3]), reboot_required=False)
    changed = task.pc.subsystem.machine.version != words[1]
    if changed and not task.check:
        task.pc.put_wsl(words[1])
    return {"changed": changed, "rc": 0, "reboot_required": False}


@model("ansible.windows.win_reg_stat")
def win_reg_stat(task: Task) -> dict[str, Any]:
    """A text of the registry."""
    task.only("path", "name")
    key = str(task.need("path")).replace(":", "", 1)
    value = task.pc.registry.value(key, str(task.need("name")))
    if value is not None and not isinstance(value, str):
        raise ModuleFailed("simlab: win_reg_stat of what is no text is not modelled")
    return {"exists": value is not None} | ({"type": "REG_SZ", "value": value, "raw_value": value} if value else {})


@model("ansible.windows.win_service")
def win_service(task: Task) -> dict[str, Any]:
    """How WSL's service starts."""
    task.only("name", "start_mode")
    name, disabled = str(task.need("name")).lower(), task.pc.subsystem.machine.disabled
    if name != "wslservice" or task.need("start_mode") != "manual":
        raise ModuleFailed(f"simlab: win_service of {name} is not modelled (WSLService, start_mode manual)")
    changed = name in disabled
    if changed and not task.check:
        disabled.discard(name)
    return {"changed": changed, "start_mode": "manual"}


@model("ansible.windows.win_command")
def win_command(task: Task) -> dict[str, Any]:
    """A program that is modelled."""
    task.only("_raw_params", "cmd", "argv", "chdir", "creates", "removes", "stdin", "output_encoding_override")
    line = task.arguments.get("argv") or split(str(task.arguments.get("_raw_params") or task.need("cmd")))
    path = task.pc.find_program(str(line[0]))
    if path is None:
        raise ModuleFailed(f"simlab: there is no model of the program {line[0]}", rc=2)
    if task.check:
        return {"skipped": True, "msg": "remote module (win_command) does not support check mode"}
    call = Run(
        [str(one) for one in line[1:]], task.pc.variables, str(task.arguments.get("stdin") or "").encode()
    ).execute(task.pc.programs[path])
    task.pc.show()
    if call.rc is None:
        task.command.hang()
    answer = {
        "changed": True,
        "rc": call.rc,
        "stdout": call.stdout.decode("utf-8", "replace"),
        "stderr": call.stderr.decode("utf-8", "replace"),
    }
    if call.rc:
        raise ModuleFailed("non-zero return code", **answer)
    return answer
