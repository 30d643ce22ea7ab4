"""The command `gpuready bundle`: what it takes, and what it says."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from gpuready import bundle, complete, project
from gpuready.inventory import resolve
from gpuready.options import LabDir, Limit, Vault, folder


def bundle_command(
    where: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder of the bundle; made or added to.", parser=folder)
    ],
    inventory: Annotated[
        list[str] | None,
        typer.Option(
            "--inventory",
            "-i",
            help="File, folder, or PCs with a comma; may be given twice. Without: the stacks named alone.",
        ),
    ] = None,
    stack: Annotated[
        list[str] | None,
        typer.Option(
            "--stack",
            metavar="NAME[/TARGET]",
            help="A stack beside those that the PCs' newest plans name, for Windows NAME/windows; repeatable.",
            autocompletion=complete.shipped_stacks,
        ),
    ] = None,
    limit: Limit = None,
    lab_dir: LabDir = None,
    vault_password_file: Vault = None,
) -> None:
    """Reaches indexes and makers, no PC. What is there already and right is not fetched again."""
    sources = [resolve(one) for one in inventory or []]
    bundle.check(where, sources)
    place = lab_dir or project.reports(project.root())
    asked = bundle.asked(sources, place, stack or [], limit=limit, vault_password_file=vault_password_file)
    for line in asked.left_out:
        typer.echo(line)
    if bundle.make(where, asked.wanted, typer.echo):
        lab = f" -i {shlex.quote(inventory[0])}" if inventory else ""
        typer.echo(f"Where there is no internet: gpuready provision{lab} --bundle {shlex.quote(str(where))}")
        return
    typer.echo(
        "Bring what is missing, or put it there by hand, then run this again: what is there is not fetched again."
    )
    raise typer.Exit(2)
