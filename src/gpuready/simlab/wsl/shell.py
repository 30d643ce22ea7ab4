"""What a modelled guest can run: the shell commands that Ansible sends, a few programs, and modules by their models."""

from __future__ import annotations

import ast
import hashlib
import json
import posixpath
import re
import shlex
from collections.abc import Callable
from functools import partial
from typing import Any

from gpuready.simlab.wsl import modules
from gpuready.simlab.wsl.session import Session

_TEMPORARY = re.compile(
    r'umask 77 && mkdir -p "` echo (\S+) `"\s*&& mkdir "` echo (\S+) `" && echo (\S+?)="` echo \S+ `"'
)
_ENDS = '/bin/sh -c "$1"; echo "$2$?" >&2'  # gpuready.lab.wsl: the exit code goes with the errors
_MORE = re.compile(r"\s*&&\s*|\s*;\s*")
_VARIABLE = re.compile(r"[A-Z_]+=.*")
_QUIET = re.compile(r"\s*(?:1?>|2>)\s*(?:/dev/null|&1)")


def run(session: Session, argv: list[str]) -> int:
    """A program by its arguments; its exit code. What is not modelled is refused by name."""
    name = posixpath.basename(argv[0])
    if argv[2:4] == [_ENDS, "sh"]:
        session.fail(f"{argv[5]}{run(session, ['/bin/sh', '-c', argv[4]])}")
        return 0
    if name in ("sh", "bash") and argv[1:2] == ["-c"] and len(argv) > 2:
        return _script(session, argv[2])
    if name.startswith("python3"):
        return _python(session, argv[1:])
    program = PROGRAMS.get(name)
    if program is None:
        return session.fail(f"simlab: {' '.join(argv)[:120]} is not modelled in a guest", 127)
    return program(session, argv[1:])


def _script(session: Session, text: str) -> int:
    """A line for the shell: the one that makes a temporary folder, or simple commands with && between them."""
    if match := _TEMPORARY.search(text):
        parent, folder, label = match.groups()
        folder = session.path(folder)
        session.linux.make_folder(session.path(parent), 0o700, session.uid)
        session.linux.make_folder(folder, 0o700, session.uid)
        return session.say(f"{label}={folder}")
    rc = 0
    for part in _MORE.split(text.strip()):
        if part:
            rc = _simple(session, part)
        if rc:
            break
    return rc


def _simple(session: Session, text: str) -> int:
    """One command, with its standard streams led to files."""
    text = _QUIET.sub("", text)
    try:
        words = shlex.split(text)
    except ValueError:
        return session.fail(f"simlab: {text[:120]} is not modelled in a guest", 2)
    target, append = None, False
    if len(words) > 2 and words[-2] in (">", ">>"):
        target, append, words = session.path(words[-1]), words[-2] == ">>", words[:-2]
    if len(words) > 2 and words[-2] == "<":
        found = session.linux.read(session.path(words[-1]))
        if found is None:
            return session.fail(f"/bin/sh: 1: cannot open {words[-1]}: No such file", 2)
        session.stdin, words = found, words[:-2]
    if {"|", ">", ">>", "<", "&", "`"} & set(words):
        return session.fail(f"simlab: {text[:120]} is not modelled in a guest", 2)
    while words and _VARIABLE.fullmatch(words[0]):
        words = words[1:]
    if not words:
        return 0
    at = len(session.out)
    rc = run(session, words)
    if target is not None:
        if not session.linux.is_folder(posixpath.dirname(target)):
            return session.fail(f"/bin/sh: 1: cannot create {target}: Directory nonexistent", 2)
        said = bytes(session.out[at:])
        del session.out[at:]
        before = session.linux.read(target) or b"" if append else b""
        session.linux.write(target, before + said, uid=session.uid)
    return rc


# --- programs ---
def _cat(session: Session, args: list[str]) -> int:
    if not args:
        session.out += session.stdin
    for one in args:
        data = session.linux.read(session.path(one))
        if data is None:
            return session.fail(f"cat: {one}: No such file or directory")
        session.out += data
    return 0


def _dd(session: Session, args: list[str]) -> int:
    given = dict(one.partition("=")[::2] for one in args)
    data = session.linux.read(session.path(given["if"]))
    if data is None:
        return session.fail(f"dd: failed to open '{given['if']}': No such file or directory")
    size = int(given.get("bs", "512"))
    start = int(given.get("skip", "0")) * size
    session.out += data[start : start + int(given.get("count", "1")) * size]
    return 0


def _sha256sum(session: Session, args: list[str]) -> int:
    data = session.stdin if not args else session.linux.read(session.path(args[0])) or b""
    return session.say(f"{hashlib.sha256(data).hexdigest()}  {args[0] if args else '-'}")


def _id(session: Session, args: list[str]) -> int:
    names = [one for one in args if not one.startswith("-")]
    user = session.linux.users().get(names[0] if names else session.user)
    if user is None:
        return session.fail(f"id: ‘{names[0]}’: no such user")
    name = names[0] if names else session.user
    if "-un" in args:
        return session.say(name)
    return session.say(str(user[0]) if "-u" in args else f"uid={user[0]}({name}) gid={user[0]}({name})")


def _move(session: Session, args: list[str]) -> int:
    source, target = [session.path(one) for one in args if not one.startswith("-")]
    return 0 if session.linux.move(source, target) else session.fail(f"mv: cannot stat '{source}'")


def _remove(session: Session, args: list[str]) -> int:
    for one in args:
        if not one.startswith("-"):
            session.linux.remove(session.path(one))
    return 0


def _chmod(session: Session, args: list[str]) -> int:
    mode, *paths = [one for one in args if not one.startswith("-")]
    for one in paths:
        entry = session.linux.get(session.path(one))
        if entry is None:
            return session.fail(f"chmod: cannot access '{one}': No such file or directory")
        if mode.isdecimal():
            entry.mode = int(mode, 8)
        elif "x" in mode:
            entry.mode |= 0o700
    return 0


def _test(session: Session, args: list[str]) -> int:
    if args[0].startswith("$("):  # what a command says, against a text
        at = len(session.out)
        _simple(session, args[0][2:-1])
        said = bytes(session.out[at:]).decode().strip()
        del session.out[at:]
        return 0 if said == args[-1] else 1
    there = session.linux.get(session.path(args[-1])) is not None or session.linux.is_folder(session.path(args[-1]))
    return 0 if there else 1


def _sleep(session: Session, args: list[str]) -> int:
    session.endless = args == ["infinity"]
    return 0


def _dpkg_query(session: Session, args: list[str]) -> int:
    """The state of one package, as -f=${db:Status-Status} asks for it."""
    if f"Package: {args[-1]}\n" not in session.linux.text(modules.STATUS):
        return session.fail(f"dpkg-query: no packages found matching {args[-1]}")
    session.out += b"installed"
    return 0


def _echo(session: Session, args: list[str]) -> int:
    return session.say(" ".join(session.path(one) if one.startswith("~") else one for one in args))


PROGRAMS: dict[str, Callable[[Session, list[str]], int]] = {
    "cat": _cat,
    "chmod": _chmod,
    "dd": _dd,
    "dpkg-query": _dpkg_query,
    "echo": _echo,
    "false": lambda session, args: 1,
    "hostname": lambda session, args: session.say(session.linux.text("/etc/hostname").strip()),
    "id": _id,
    "mv": _move,
    "rm": _remove,
    "sha256sum": _sha256sum,
    "sleep": _sleep,
    "test": _test,
    "true": lambda session, args: 0,
    "uname": lambda session, args: session.say("Linux" if not args else "6.6.87.2-microsoft-standard-WSL2"),
    "whoami": lambda session, args: session.say(session.user),
}


# --- modules ---
def _python(session: Session, args: list[str]) -> int:
    """A module as Ansible sends it: a program with its arguments in it, piped in or in a file."""
    source = session.stdin if not args else session.linux.read(session.path(args[0])) or b""
    asked = module_in(source.decode("utf-8", "replace"))
    if asked is None:
        return session.fail("simlab: this program of Python is not modelled in a guest")
    name, arguments = asked
    if session.host and session.host.has(name):
        session.later = partial(session.host.module, name, arguments)
        return 0
    result = modules.run(session, name, arguments, lambda argv: run(session, argv))
    session.say(json.dumps(result))
    return 1 if result.get("failed") else 0


def module_in(source: str) -> tuple[str, dict[str, Any]] | None:
    """The name and the arguments in the wrapper that ansible-core puts around a module."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_ansiballz_main":
            given = {one.arg: one.value for one in node.keywords}
            try:
                fqn = ast.literal_eval(given["module_fqn"])
                parameters = json.loads(ast.literal_eval(given["params"]))
            except (KeyError, ValueError):
                return None
            collection = re.match(r"ansible_collections\.(\w+)\.(\w+)\.", fqn)
            owner = ".".join(collection.groups()) if collection else "ansible.builtin"
            return f"{owner}.{fqn.rpartition('.')[2]}", dict(parameters.get("ANSIBLE_MODULE_ARGS") or {})
    return None
