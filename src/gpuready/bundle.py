"""`gpuready bundle`: the folder of all that a lab's stacks need where there is no internet.

What is needed and how it is fetched the collection knows; here is what the lab asks for.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpuready import inventory, newest, plain, project
from gpuready.errors import GpureadyError, StoppedError
from gpuready.wishes import meant

NAME = "bundle.yml"
VARIABLE = "gpuready_bundle"
_MAKER = "ansible_collections.gpuready.lab.plugins.plugin_utils.bundling"
# Variables of a PC that say what is needed, or where it comes from; those of roles that bring stacks by their endings.
_VARIABLES = re.compile(
    r"gpuready_(stack_dirs|stack_locks|drivers)|wsl_(archive|package)|\w+_(vc_archive|toolkit)"
    r"|python_environment_(interpreters|uv|uv_archive|index_url|extra_index_urls|wheelhouse|find_links)"
)
_IN_A_RUN = {'"__ansible_vault"': "encrypted by itself", "{{": "a template", "{%": "a template"}


@dataclass(frozen=True)
class Asked:
    """What a bundle is asked for: stacks on targets with variables, and in lines which PCs it is not for."""

    wanted: tuple[Mapping[str, Any], ...]
    left_out: tuple[str, ...]


def asked(sources: Sequence[str], lab_dir: Path, stacks: Collection[str], **options: Any) -> Asked:
    """What the PCs' newest plans and the named stacks (`NAME` or `NAME/TARGET`) ask for.

    Without sources the named stacks alone; the options are those of `inventory.listing`. Raises GpureadyError.
    """
    base = project.root()
    hosts: Mapping[str, Mapping[str, Any]] = inventory.hosts(sources, base, **options) if sources else {}
    known = newest.records(lab_dir, sources) if sources else {}
    folder = Path(sources[0] if sources else ".").absolute()
    folder = folder if folder.is_dir() else folder.parent
    found: dict[str, Mapping[str, Any]] = {}
    without: dict[str, list[str]] = {}
    every = {json.dumps(one, sort_keys=True): one for one in (_variables(hosts[name], name) for name in hosts)}

    def take(stack: str, target: str, variant: str | None, variables: Mapping[str, Any]) -> None:
        one = {"stack": stack, "target": target, "variant": variant, "variables": variables, "base": str(folder)}
        found[json.dumps(one, sort_keys=True)] = one

    for name, variables in hosts.items():
        plan = (known.get(name) or {}).get("plan") or {}
        if plan.get("stack") and plan.get("target"):
            take(plan["stack"], plan["target"], plan.get("variant"), _variables(variables, name))
        else:
            codes = [str(one.get("code")) for one in plan.get("blockers") or []]
            reason = f"no stack was planned ({', '.join(codes)})" if codes else "no run that is kept has planned it"
            without.setdefault(reason, []).append(name)
    for word in stacks:
        name, _, target = word.partition("/")
        for variables in list(every.values()) or [{}]:
            for one in _targets(base, folder, name, target, variables):
                take(name, one, None, variables)
    if not found:
        which = f"{', '.join(sources)}: " if sources else ""
        raise GpureadyError(
            f"bundle: {which}no run that is kept has planned a stack for a PC (`gpuready plan` keeps none): "
            "`gpuready report -i LAB` does it, or name the stacks (--stack NAME)"
        )
    return Asked(tuple(found.values()), tuple(_left_out(without, bool(stacks))))


def _left_out(without: Mapping[str, Sequence[str]], named: bool) -> Iterator[str]:
    hint = "" if named else ": --stack NAME adds what such PCs shall get"
    for reason, names in without.items():
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        yield f"left out: {shown}: {reason}{hint}"


def _variables(variables: Mapping[str, Any], host: str) -> dict[str, Any]:
    said = {name: value for name, value in variables.items() if value not in (None, "", [], {})}
    found = {name: said[name] for name in sorted(said) if _VARIABLES.fullmatch(name)}
    for name, value in found.items():
        text = json.dumps(value, default=str)
        kind = next((kind for mark, kind in _IN_A_RUN.items() if mark in text), None)
        if kind:
            raise GpureadyError(
                f"bundle: {host}: {name}: it is {kind}, known in a run alone: put its value into a file that "
                "ansible-vault encrypts as a whole, or for an index into UV_INDEX or UV_DEFAULT_INDEX"
            )
    return found


def _targets(base: Path, folder: Path, name: str, target: str, variables: Mapping[str, Any]) -> list[str]:
    """The targets of a stack, or the one that was named. Raises GpureadyError for what there is not."""
    given = variables.get("gpuready_stack_dirs") or []
    dirs = [folder / str(one) for one in ([given] if isinstance(given, str) else given)]
    known = project.stacks(base, dirs)
    names, there = known.names, list(known.targets.get(name, ()))
    if name not in names:
        raise GpureadyError(f"--stack {name}: there is no such stack ({', '.join(names)}){meant(name, names)}")
    if target and target not in there:
        raise GpureadyError(f"--stack {name}/{target}: {name} has no such target ({', '.join(there)})")
    return [target] if target else there


def check(folder: Path, sources: Sequence[str]) -> None:
    """Refuse a folder in which Ansible would take bundle.yml for an inventory. Raises GpureadyError."""
    place = folder.expanduser().resolve()
    for source in sources:
        if Path(source).is_dir() and place.is_relative_to(Path(source).resolve()):
            raise GpureadyError(
                f"{folder}: this lies in the inventory's folder, where Ansible takes every file for an inventory: "
                "name a folder beside it"
            )


def make(folder: Path, wanted: Sequence[Mapping[str, Any]], say: Callable[[str], None]) -> bool:
    """Bring all of it into a folder; whether nothing is missing. `say` hears a line for each file.

    Raises GpureadyError where it could not be done, StoppedError where it was stopped: what is whole stays.
    """
    base = project.root()
    command = [sys.executable, "-P", "-m", _MAKER]
    variables = {**os.environ, "PYTHONPATH": str(project.collections(base)), "PYTHONUTF8": "1"}
    with subprocess.Popen(
        command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as maker:
        assert maker.stdin
        assert maker.stdout
        assert maker.stderr
        try:
            with suppress(BrokenPipeError):  # it ended at once, and says why
                maker.stdin.write(json.dumps({"folder": str(folder.absolute()), "wanted": list(wanted)}).encode())
                maker.stdin.close()
            for line in maker.stdout:
                say(plain.clean(line.decode("utf-8", "replace").rstrip()))
            said = maker.stderr.read().decode("utf-8", "replace").strip()
            code = maker.wait()
        except KeyboardInterrupt:
            maker.terminate()
            raise StoppedError("stopped; what is whole stays: run again to go on") from None
    if code in (0, 2):
        return code == 0
    raise GpureadyError(f"bundle: {plain.clean(said.rpartition(chr(10))[2]) or f'it ended with code {code}'}")


def variable(folder: Path) -> dict[str, str]:
    """The variable that makes a bundle the one source of a run. Raises GpureadyError where there is none."""
    if not (folder / NAME).is_file():
        raise GpureadyError(f"--bundle {folder}: there is no bundle ({NAME}) in it: make it with gpuready bundle")
    return {VARIABLE: str(folder.absolute())}
