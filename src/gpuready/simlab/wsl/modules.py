"""Models of the modules of ansible-core that are run in a guest, by their whole names."""

from __future__ import annotations

import base64
import hashlib
import posixpath
import shlex
from collections.abc import Callable
from typing import Any

from gpuready.simlab.wsl.session import Session

Arguments = dict[str, Any]
STATUS = "/var/lib/dpkg/status"
Runner = Callable[[list[str]], int]


class _FailedError(Exception):
    """The module fails with this line."""


def run(session: Session, name: str, given: Arguments, runner: Runner) -> dict[str, Any]:
    """The result of a module. One without a model fails and says so."""
    model = MODELS.get(name)
    if model is None:
        return {"failed": True, "msg": f"simlab: there is no model of the module {name} in a guest"}
    check = bool(given.get("_ansible_check_mode"))
    arguments = {key: value for key, value in given.items() if not key.startswith("_ansible_")}
    try:
        result = {"changed": False, **model(session, arguments, check, runner)}
    except _FailedError as failed:
        result = {"failed": True, "changed": False, "msg": str(failed)}
    return {**result, "invocation": {"module_args": arguments}}


def _ping(session: Session, given: Arguments, check: bool, runner: Runner) -> dict[str, Any]:
    return {"ping": given.get("data") or "pong"}


def _setup(session: Session, given: Arguments, check: bool, runner: Runner) -> dict[str, Any]:
    release = session.linux.release()
    facts = {
        "ansible_system": "Linux",
        "ansible_kernel": "6.6.87.2-microsoft-standard-WSL2",
        "ansible_distribution": release.get("NAME", "").strip('"'),
        "ansible_distribution_version": release.get("VERSION_ID", ""),
        "ansible_os_family": "Debian" if release.get("ID") in ("ubuntu", "debian") else release.get("ID", ""),
        "ansible_architecture": "x86_64",
        "ansible_user_id": session.user,
        "ansible_user_uid": session.uid,
        "ansible_env": {"HOME": session.home, "WSL_DISTRO_NAME": "simlab"},
        "ansible_pkg_mgr": "apt",
    }
    return {"ansible_facts": facts}


def _stat_of(session: Session, path: str) -> dict[str, Any]:
    path = session.path(path)
    entry = session.linux.get(path)
    if entry is None and not session.linux.is_folder(path):
        return {"exists": False}
    folder = entry is None or entry.data is None
    stat: dict[str, Any] = {
        "exists": True, "path": path, "isdir": folder, "isreg": not folder, "islnk": False,
        "mode": f"0{entry.mode if entry else 0o755:o}", "uid": entry.uid if entry else 0,
    }  # fmt: skip
    if entry is not None and entry.data is not None:
        stat |= {"size": len(entry.data), "checksum": hashlib.sha1(entry.data).hexdigest()}  # noqa: S324
    return stat


def _stat(session: Session, given: Arguments, check: bool, runner: Runner) -> dict[str, Any]:
    return {"stat": _stat_of(session, str(given["path"]))}


def _slurp(session: Session, given: Arguments, check: bool, runner: Runner) -> dict[str, Any]:
    path = session.path(str(given.get("src") or given.get("path")))
    data = session.linux.read(path)
    if data is None:
        raise _FailedError(f"file not found: {path}")
    return {"content": base64.b64encode(data).decode(), "encoding": "base64", "source": path}


def _file(session: Session, given: Arguments, check: bool, runner: Runner) -> dict[str, Any]:
    path, state = session.path(str(given.get("path") or given.get("dest"))), given.get("state") or "file"
    linux, there = session.linux, _stat_of(session, str(given.get("path") or given.get("dest")))
    if state == "absent":
        return {"changed": linux.remove(path) if not check else there["exists"], "path": path}
    if state not in ("file", "directory", "touch"):
        raise _FailedError(f"simlab: the module file with state {state} is not modelled in a guest")
    changed = not there["exists"]
    if changed and state == "file":
        raise _FailedError(f"file ({path}) is absent, cannot continue")
    if changed and not check:
        if state == "directory":
            linux.make_folder(path, uid=session.uid)
        else:
            linux.write(path, b"", uid=session.uid)
    return {"changed": _mode(session, path, given, check) or changed, "path": path}


def _mode(session: Session, path: str, given: Arguments, check: bool) -> bool:
    entry, wanted = session.linux.get(path), given.get("mode")
    if wanted is None or entry is None:
        return False
    number = int(str(wanted), 8) if str(wanted).isdecimal() else entry.mode
    changed = entry.mode != number
    if changed and not check:
        entry.mode = number
    return changed


def _copy(session: Session, given: Arguments, check: bool, runner: Runner) -> dict[str, Any]:
    source = session.linux.read(session.path(str(given["src"])))
    if source is None:
        raise _FailedError(f"Source {given['src']} not found")
    path = session.path(str(given["dest"]))
    if session.linux.is_folder(path):
        path = posixpath.join(path, str(given.get("_original_basename")))
    if not session.linux.is_folder(posixpath.dirname(path)):
        raise _FailedError(f"Destination directory {posixpath.dirname(path)} does not exist")
    changed = session.linux.read(path) != source
    if changed and not check:
        session.linux.write(path, source, uid=session.uid)
    changed = _mode(session, path, given, check) or changed
    checksum = hashlib.sha1(source).hexdigest()  # noqa: S324 - as copy says it
    return {"changed": changed, "dest": path, "src": given["src"], "checksum": checksum, "size": len(source)}


def _command(session: Session, given: Arguments, check: bool, runner: Runner) -> dict[str, Any]:
    line = str(given.get("_raw_params") or given.get("cmd") or "")
    argv = [str(one) for one in given.get("argv") or shlex.split(line)]
    argv = ["/bin/sh", "-c", line] if given.get("_uses_shell") else argv
    if not argv:
        raise _FailedError("no command given")
    for key, there in (("creates", True), ("removes", False)):
        if given.get(key) and _stat_of(session, str(given[key]))["exists"] is there:
            return {"rc": 0, "stdout": "", "stderr": "", "cmd": argv, "msg": f"Did not run command since {given[key]}"}
    if check:
        return {"skipped": True, "msg": "Command would have run if not in check mode", "cmd": argv}
    session.stdin = str(given.get("stdin") or "").encode()
    session.folder = str(given.get("chdir") or session.folder)
    at, behind = len(session.out), len(session.err)
    rc = runner(argv)
    out, err = bytes(session.out[at:]).decode("utf-8", "replace"), bytes(session.err[behind:]).decode()
    del session.out[at:], session.err[behind:]
    result = {"changed": True, "rc": rc, "stdout": out.rstrip("\n"), "stderr": err.rstrip("\n"), "cmd": argv}
    return {**result, "failed": True, "msg": "non-zero return code"} if rc else result


def _apt(session: Session, given: Arguments, check: bool, runner: Runner) -> dict[str, Any]:
    """Packages by their names, whatever repositories have them: one is enough."""
    if given.get("state") not in (None, "present"):
        raise _FailedError(f"simlab: apt with state {given['state']} is not modelled in a guest")
    names = [given["name"]] if isinstance(given.get("name"), str) else list(given.get("name") or [])
    status = session.linux.text(STATUS)
    missing = [name for name in names if f"Package: {name}\n" not in status]
    if missing and not session.linux.paths("/etc/apt/sources.list.d/"):
        raise _FailedError(f"No package matching '{missing[0]}' is available")
    if missing and not check:
        more = "".join(f"Package: {name}\nStatus: install ok installed\n\n" for name in missing)
        session.linux.write(STATUS, (status + more).encode())
    return {"changed": bool(missing)}


MODELS: dict[str, Callable[[Session, Arguments, bool, Runner], dict[str, Any]]] = {
    "ansible.builtin.ping": _ping,
    "ansible.builtin.setup": _setup,
    "ansible.builtin.stat": _stat,
    "ansible.builtin.slurp": _slurp,
    "ansible.builtin.file": _file,
    "ansible.builtin.copy": _copy,
    "ansible.builtin.command": _command,
    "ansible.builtin.apt": _apt,
}
