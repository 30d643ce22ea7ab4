"""The options that several commands take, each declared once."""

from pathlib import Path
from typing import Annotated

import typer

from gpuready import complete
from gpuready.errors import GpureadyError


def folder(text: str) -> Path:
    """The empty text would be the folder that one is in."""
    if not text.strip():
        raise GpureadyError("the name of a folder is empty: give one, or leave the option out")
    return Path(text)


def inventory(without: str) -> typer.models.OptionInfo:
    """The option -i; `without`: what a command does that gets none."""
    words = f"File, folder, or PCs with a comma; may be given twice.{without and ' Without: '}{without}"
    return typer.Option("--inventory", "-i", help=words)  # type: ignore[no-any-return]


Inventory = Annotated[list[str] | None, inventory("this machine.")]
JudgedInventory = Annotated[list[str] | None, inventory("the lab that was judged last.")]
CheckedInventory = Annotated[list[str] | None, inventory("the controller alone is looked at.")]
RehearsedInventory = Annotated[list[str] | None, inventory("")]
Limit = Annotated[str | None, typer.Option("--limit", "-l", help="Only these PCs or groups. Without: all.")]
Forks = Annotated[int | None, typer.Option("--forks", "-f", help="PCs at a time (25).", min=1)]
ReportDir = Annotated[
    Path | None,
    typer.Option(
        "--report", metavar="DIR", help="Folder of this run's report (a new one in --lab-dir).", parser=folder
    ),
]
LabDir = Annotated[
    Path | None,
    typer.Option("--lab-dir", metavar="DIR", help="Folder of the lab's runs and its state (reports).", parser=folder),
]
SaveCopy = Annotated[
    Path | None,
    typer.Option("--save", metavar="DIR", help="Folder for the evidence, as --redact has it.", parser=folder),
]
Redact = Annotated[bool, typer.Option("--redact", help="Report and saved evidence without what is of people.")]
Only = Annotated[
    str | None,
    typer.Option(
        "--only",
        help="Only PCs whose newest verdict is failed, unknown, unreachable, stale, degraded, ready or new.",
        autocompletion=complete.only,
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Only the PCs that the last run was stopped before.")]
Check = Annotated[bool, typer.Option("--check", help="Change nothing.")]
AskPass = Annotated[bool, typer.Option("--ask-pass", "-k", help="Ask for the password of the PCs.")]
Vault = Annotated[Path | None, typer.Option("--vault-password-file", help="As for ansible-playbook.")]
Extra = Annotated[list[str] | None, typer.Option("--extra-vars", "-e", help="k=v, JSON or @FILE; as for Ansible.")]
Stack = Annotated[
    str | None, typer.Option("--stack", help="auto, or the name of a stack (auto).", autocompletion=complete.stacks)
]
Experience = Annotated[
    str | None,
    typer.Option(
        "--experience",
        help="professional, student or beginner (beginner).",
        autocompletion=complete.words("experience"),
    ),
]
Library = Annotated[
    str | None,
    typer.Option(
        "--library",
        help="any, cuda, pytorch, tensorflow, tensorflow2, or what your own stacks bring (any).",
        autocompletion=complete.words("library"),
    ),
]
Environment = Annotated[
    str | None,
    typer.Option(
        "--environment", help="any, windows, wsl or linux (any).", autocompletion=complete.words("environment")
    ),
]
Adapter = Annotated[str | None, typer.Option("--adapter", help="auto, an index, a vendor, or part of the name (auto).")]
Prefer = Annotated[
    str | None,
    typer.Option(
        "--prefer",
        help="guides, or maintained: a stack that its maker looks after goes first (guides).",
        autocompletion=complete.words("prefer"),
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, nothing else.")]
Verbose = Annotated[int, typer.Option("--verbose", "-v", count=True, show_default=False, help="Say more.")]
