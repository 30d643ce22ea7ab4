"""The command `gpuready lock`: what it takes, and what it says of the lock that it made."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from gpuready import complete, inventory_yaml, lock, plain, project
from gpuready.errors import GpureadyError, StoppedError
from gpuready.options import folder
from gpuready.resolver import key

_MARKS = ("group_vars", "host_vars", "hosts.yml", "hosts.yaml", "hosts.ini")


def lock_command(
    stack: Annotated[
        str, typer.Argument(help="The stack whose shipped lock is taken.", autocompletion=complete.shipped_stacks)
    ],
    add: Annotated[
        list[str] | None,
        typer.Option("--add", metavar="PACKAGE", help="A package, with versions where need be; repeatable."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            help="windows, wsl or linux: where the PCs have the stack. Needed where it has several.",
            autocompletion=complete.targets,
        ),
    ] = None,
    variant: Annotated[
        str | None, typer.Option("--variant", help="cu130 or cu126 of cuda: the lock that fits the PCs' GPUs.")
    ] = None,
    lab: Annotated[
        Path | None,
        typer.Option("--lab", metavar="DIR", help="The lab's folder, into which the lock goes.", parser=folder),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; lock-STACK-TARGET.txt unless given.")
    ] = None,
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Newest versions of what was added before, too.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that gpuready lock did not make.")] = False,
) -> None:
    """Reaches an index, no PC. The framework's own packages stay as they are."""
    if lab and output:
        raise GpureadyError("lock: --lab and -o both say where the lock goes: give one of them")
    if output and not output.name:
        raise GpureadyError("lock: -o names no file: give it a name")
    base = lock.shipped(project.root(), stack, target, variant)
    file = output or _place(lab, base.name)
    try:
        made = lock.make(base, add or [], file, force=force, upgrade=upgrade)
    except KeyboardInterrupt:  # typer ends the program on this one without a word
        raise StoppedError("stopped, no lock was written") from None
    for line in _lines(made, _lab_of(file) if lab is None else file.parent, add or []):
        typer.echo(plain.clean(line))


def _place(lab: Path | None, name: str) -> Path:
    """Where a lock goes: beside a lab's inventory, where Ansible leaves a .txt alone, else into the current folder."""
    if lab is None:
        return Path(name)
    lab = lab.parent if lab.is_file() else lab
    if not lab.is_dir():
        raise GpureadyError(f"{lab}: there is no such folder of a lab: make it (gpuready init), or name a file (-o)")
    return lab / name


def _lab_of(file: Path) -> Path | None:
    """The folder of the inventory in which a file lies."""
    for above in (file.parent, *file.absolute().parents):
        if any((above / one).exists() for one in _MARKS):
            return above
    return None


def _lines(made: lock.Made, lab: Path | None, wanted: list[str]) -> Iterator[str]:
    base = made.shipped
    names = {lock.name_of(one) for one in wanted}
    asked = [f"{one.name} {one.version}" for one in made.added if key(one.name) in names]
    rest = "" if len(asked) == len(made.added) else f" and what {'it needs' if len(asked) == 1 else 'they need'}"
    many = f"{len(made.added)} more package{'s' * (len(made.added) != 1)}"
    state = "" if made.changed else " It was so already."
    yield f"{made.file}: {base.file.name} as it ships, and {many} for {base.where}: {', '.join(asked)}{rest}.{state}"
    if made.there:
        has = ", ".join(f"{one} {base.pins[key(one)]}" for one in made.there)
        yield f"It has as shipped: {has}."
    whose = lab / "group_vars" if lab else Path("group_vars")
    if base.replaced:
        others = " and ".join(base.replaced)
        yield (
            f"It stands in for {others} alike, where it is named: put this line into the file of a group in {whose} "
            f"whose PCs {base.variant} fits ({base.note}):"
        )
    else:
        place, there = _variables(whose)
        entry = f"{base.stack}/{base.target}"
        if there is not None and there.get(entry) == lock.path(lab, made.file):
            yield f"{place} names it already."
            return
        if there is not None and entry in there:
            yield f"{place} names another lock for {entry}: put the one between the braces of this line in its place:"
        elif there is not None:
            yield f"{place} has {lock.VARIABLE} already: put what is between the braces of this line to it:"
        else:
            yield f"Put this line into {place}, or into the file of a group:"
    yield lock.line(lab, made)
    if lab:
        yield f"Then see what becomes of the PCs: gpuready plan -i {shlex.quote(str(lab))} --ask-pass"


def _variables(folder: Path) -> tuple[Path, dict[str, str | None] | None]:
    """The file of variables of all PCs, with what it names where it names locks; None where it names none."""
    files = [folder / "all.yml", folder / "all.yaml", *sorted((folder / "all").glob("*.y*ml"))]
    there = [one for one in files if one.is_file()]
    for file in there:
        with suppress(GpureadyError):  # what is not YAML, a run tells better
            found = {name: value for _, name, value in inventory_yaml.keys(file)}
            if lock.VARIABLE in found:
                return file, found
    return next((one for one in there if one.stem in ("all", "main")), folder / "all.yml"), None
