"""`gpuready lock`: a lab's own lock, which is a shipped one with further packages below it.

The shipped lock stands in it as it is. Its packages bind uv while it chooses the others, so that none of them moves.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from gpuready import project, resolver, whole
from gpuready.errors import GpureadyError
from gpuready.resolver import key
from gpuready.wishes import meant

VARIABLE = "gpuready_stack_locks"
_SYSTEMS = {"windows": "Windows", "wsl": "Linux (WSL 2)", "linux": "Linux"}
_VERSIONS = r"(?:===|==|~=|!=|<=|>=|<|>) *[A-Za-z0-9][A-Za-z0-9._*+!-]*"
_EXTRA = re.compile(
    rf"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?) *(?:\[[A-Za-z0-9._, -]+\])? *(?:{_VERSIONS}(?: *, *{_VERSIONS})*)?"
)
_PIN = re.compile(r"(?m)^([A-Za-z0-9][A-Za-z0-9._-]*)===?([^\s=]+)")
_HEAD = re.compile(
    r"# Made \S+ by gpuready lock (\S+)(?: .*)? for (\S+), Python .*\n(?:#.*\n)*?# sha256 of all below: (\w+)\n"
)
_PLAIN = re.compile(r"[A-Za-z0-9._/-]+")


@dataclass(frozen=True)
class Shipped:
    """A lock that ships, and where it is used. `pins`: name -> version, `left_out`: what is not in it on purpose.

    `replaced` are the stack's variants for which a lock of the lab's own stands in, where there are several.
    """

    stack: str
    target: str
    variant: str
    file: Path
    text: str
    python: str
    note: str
    pins: Mapping[str, str]
    left_out: frozenset[str]
    replaced: tuple[str, ...]

    @property
    def name(self) -> str:
        """What a lock made of this one is called: lock-torch-directml-windows.txt, lock-cuda-cu130-linux.txt."""
        return "-".join(("lock", self.stack, *([self.variant] if self.replaced else []), self.target)) + ".txt"

    @property
    def where(self) -> str:
        """`Python 3.10 on Windows`."""
        return f"Python {self.python} on {_SYSTEMS[self.target]}"


@dataclass(frozen=True)
class Made:
    """What became of a lock: `added` beside the shipped one, `there` what was asked for and is in that already."""

    file: Path
    shipped: Shipped
    added: tuple[resolver.Package, ...]
    there: tuple[str, ...]
    changed: bool


def shipped(base: Path, stack: str, target: str | None = None, variant: str | None = None) -> Shipped:
    """The lock that a stack ships with for a target. Raises GpureadyError where it is not clear which one is meant."""
    names = project.stacks(base).names
    if stack not in names:
        raise GpureadyError(f"lock: there is no stack {stack[:60]!r} ({', '.join(names)}){meant(stack, names)}")
    folder = project.collection(base) / "stacks"
    try:
        targets: Mapping[str, Any] = yaml.safe_load((folder / f"{stack}.yml").read_text("utf-8"))["targets"]
        target = _one(f"lock: {stack}", "--target", target, targets)
        variants: Mapping[str, Any] = targets[target]["variants"]
        variant = _one(f"lock: {stack} on {target}", "--variant", variant, variants)
        file = folder / "locks" / variants[variant]["lock"]
        text = file.read_text("utf-8")
        override = file.with_suffix(".override")
        left_out = override.read_text("utf-8") if override.is_file() else ""
        return Shipped(
            stack,
            target,
            variant,
            file,
            text,
            targets[target]["python"],
            variants[variant].get("note", ""),
            {key(name): version for name, version in _PIN.findall(text)},
            frozenset(key(line.split(";")[0].strip()) for line in left_out.splitlines() if line.strip()),
            tuple(variants) if len(variants) > 1 else (),
        )
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or "it is not what this version of gpuready reads"
        raise GpureadyError(f"{folder / stack}.yml: {reason}: set GPUREADY_ROOT to a whole checkout") from None


def _one(where: str, option: str, given: str | None, there: Mapping[str, Any]) -> str:
    if given is None and len(there) == 1:
        return next(iter(there))
    if given in there:
        return str(given)
    words = " or ".join(f"{option} {name}" for name in there)
    said = f"{option} {given} is not one of its own" if given is not None else "it has a lock for each of these"
    about = "; ".join(f"{name}: {one['note']}" for name, one in there.items() if one.get("note"))
    raise GpureadyError(f"{where}: {said}: say which with {words}{f' ({about})' if about else ''}")


def make(base: Shipped, wanted: Sequence[str], file: Path, *, force: bool = False, upgrade: bool = False) -> Made:
    """Make `file`, of a shipped lock and what is wanted; the folder must be there.

    Where it is one that was made so before, further packages keep their versions unless `upgrade`. A file of somebody
    else stays, unless `force`. Raises GpureadyError, and then nothing was written.
    """
    names = _names(wanted)
    before = _before(file)
    ours = _ours(before, base)
    if before is not None and ours is None and not force:
        raise GpureadyError(
            f"{file}: is there already, and not as gpuready lock made it for {base.stack}/{base.target}: "
            "name another file (-o), or replace it with --force"
        )
    kept = {} if upgrade or ours is None else {name: is_ for name, is_ in ours.items() if name not in base.pins}
    try:
        found = resolver.resolve(
            list(dict.fromkeys(one.strip() for one in wanted)),
            base.pins,
            base.python,
            "windows" if base.target == "windows" else "linux",
            kept=kept,
        )
    except resolver.UnsolvedError as unsolved:
        raise GpureadyError(_why(unsolved, base, names)) from None
    for one in found:
        if base.pins.get(key(one.name), one.version) != one.version:
            raise GpureadyError(f"lock: {one.name} would become {one.version}, and {_pin(base, one.name)}")
        if key(one.name) in base.left_out and key(one.name) not in base.pins:
            raise GpureadyError(
                f"lock: {base.file.name} is without {one.name} on purpose ({base.note}): ask for "
                "packages that do not need it"
            )
    added = tuple(one for one in found if key(one.name) not in base.pins)
    there = tuple(one for one in names if key(one) in base.pins)
    if not added:
        said = ", ".join(f"{one} {base.pins[key(one)]}" for one in there)
        raise GpureadyError(f"lock: {base.file.name} has {said} already: name a package that it has not")
    body = f"{base.text.rstrip()}\n# The lab's own.\n{''.join(one.block for one in added)}"
    if before is not None and ours is not None and before.endswith(f"below: {_sha256(body)}\n{body}"):
        return Made(file, base, added, there, changed=False)
    whole.put(file, before, _head(base, wanted, body) + body, _before)
    return Made(file, base, added, there, changed=True)


def path(lab: Path | None, file: Path) -> str:
    """How a lab's variable names a file: from the lab's folder on where it lies in there."""
    file, base = file.resolve(), lab.resolve() if lab else None
    return file.relative_to(base).as_posix() if base and file.is_relative_to(base) else str(file)


def line(lab: Path | None, made: Made) -> str:
    """The variable that names a lock, for a file of variables."""
    name = path(lab, made.file)
    name = name if _PLAIN.fullmatch(name) else json.dumps(name, ensure_ascii=False)
    return f"{VARIABLE}: {{{made.shipped.stack}/{made.shipped.target}: {name}}}"


def name_of(wanted: str) -> str:
    """The name of what `--add` was given, in its one spelling."""
    match = _EXTRA.fullmatch(wanted.strip())
    return key(match[1]) if match else ""


def _names(wanted: Sequence[str]) -> list[str]:
    if not wanted:
        raise GpureadyError("lock: say what the lock shall have besides: --add matplotlib, which may be given again")
    names = []
    for one in wanted:
        if not one.strip():
            raise GpureadyError("lock: --add is empty: give the name of a package")
        match = _EXTRA.fullmatch(one.strip())
        if match is None:
            raise GpureadyError(
                f"lock: --add {one[:80]}: this is not a package of an index: give a name, and versions where need be "
                "(--add 'matplotlib>=3.7,<4')"
            )
        names.append(match[1])
    return list(dict.fromkeys(names))


def _pin(base: Shipped, name: str) -> str:
    return f"{base.file.name} has {name} {base.pins[key(name)]}, which no extra may change"


def _why(unsolved: resolver.UnsolvedError, base: Shipped, names: Sequence[str]) -> str:
    """uv's words in one line, with whose they are and what to do."""
    words = unsolved.words
    who = ", ".join(resolver.mentioned(names, words) or names)
    pinned = [
        name
        for name, version in base.pins.items()
        if re.search(rf"(?<![\w.-]){re.escape(name)}==={{0,1}}{re.escape(version)}(?![\w.+!-])", words)
    ]
    said = f"uv: {unsolved}"
    if pinned:
        pins = "; ".join(_pin(base, name) for name in pinned[:3])
        if set(map(key, resolver.mentioned(names, words))) <= set(pinned):
            return f"lock: --add {who}: {pins}: leave its version out, or take another stack ({said})"
        return f"lock: --add {who}: {pins}: ask for another release of {who}, or leave it out ({said})"
    if "requested Python version" in words or "requires Python" in words:
        return (
            f"lock: --add {who}: not to be had for {base.where}, which {base.stack} needs: ask for an older "
            f"release (without a version, the newest that fits is found), or take a stack with a newer Python ({said})"
        )
    if "not found in the package registry" in words:
        return f"lock: --add {who}: no index has a package of that name: is it spelt right? ({said})"
    if "no usable wheels" in words or "no wheels with a matching" in words:
        return (
            f"lock: --add {who}: there is no wheel for {base.where}, and nothing is built on the PCs: ask for "
            f"another release ({said})"
        )
    if "Failed to fetch" in words or "network was disabled" in words:
        return (
            f"lock: the index cannot be read ({said}): mend the way to it (gpuready doctor looks at proxy and "
            "certificates), or name a mirror with UV_DEFAULT_INDEX or a folder of wheels with UV_FIND_LINKS"
        )
    return f"lock: --add {who}: uv finds no versions for {base.where}: ask for other releases ({said})"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _head(base: Shipped, wanted: Sequence[str], body: str) -> str:
    options = ["--variant", base.variant] if base.replaced else []
    for one in dict.fromkeys(one.strip() for one in wanted):
        options += ["--add", one]
    command = shlex.join(["gpuready", "lock", base.stack, "--target", base.target, *options])
    return (
        f"# Made {datetime.now(UTC):%F} by {command} for {base.target}, {base.where}.\n"
        f"# {base.file.name} as it ships, and below it what the lab has added. A variable names this file:\n"
        f"#   {VARIABLE}: {{{base.stack}/{base.target}: PATH}}\n"
        f"# sha256 of all below: {_sha256(body)}\n"
    )


def _before(file: Path) -> str | None:
    if file.is_symlink() or (file.exists() and not file.is_file()):
        raise GpureadyError(f"{file}: this is a link or no file: name another one (-o)")
    if not file.parent.is_dir():
        raise GpureadyError(f"{file}: there is no such folder: make it, or name another file (-o)")
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        return ""
    except OSError as error:
        raise GpureadyError(f"{file}: cannot be read: {error.strerror}") from None


def _ours(text: str | None, base: Shipped) -> dict[str, str] | None:
    """The pins of a lock that was made so before, for the same stack and target, and that nobody has touched since."""
    head = _HEAD.match(text or "")
    if text is None or head is None or (head[1], head[2]) != (base.stack, base.target):
        return None
    body = text[head.end() :]
    return {key(name): version for name, version in _PIN.findall(body)} if _sha256(body) == head[3] else None
