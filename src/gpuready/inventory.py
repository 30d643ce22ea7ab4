"""The inventory, looked at before a run: what is wrong with it is said in one line, with file and line."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import yaml

from gpuready import project, wishes
from gpuready.errors import GpureadyError

_PLUGIN = re.compile(r"Failed to parse inventory with '(\w+)' plugin: (.+)")
_VARIABLES = ("group_vars", "host_vars")
_TIME_LIMIT = 300  # seconds: a dynamic inventory may ask a directory service


class _Loader(yaml.SafeLoader):
    """YAML with any tag (`!vault`, `!unsafe`): here only the syntax matters."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: None)


def resolve(source: str | Path) -> str:
    """An inventory source as Ansible shall get it: an absolute path, or a list of hosts (`pc1,pc2,`)."""
    text = str(source)
    if isinstance(source, str) and "," in text and not Path(text).exists():
        return text
    path = Path(text).expanduser().absolute()
    if not path.exists():
        raise GpureadyError(f"{text}: there is no such inventory: give a file, a folder, or hosts with a comma (pc1,)")
    if not os.access(path, os.R_OK):
        raise GpureadyError(f"{text}: the inventory cannot be read: permission denied")
    return str(path)


def hosts(
    sources: Sequence[str],
    base: Path,
    *,
    limit: str | None = None,
    vault_password_file: Path | None = None,
    stacks: Collection[str] = (),
) -> list[str]:
    """Names of the PCs of an inventory within a limit, in its order.

    Raises GpureadyError for an inventory that is broken or empty, a limit that names nothing, and wishes among its
    variables that do not exist.
    """
    for source in sources:
        _check_syntax(source)
    arguments = [argument for source in sources for argument in ("-i", source)]
    if vault_password_file:
        arguments += ["--vault-password-file", str(vault_password_file)]
    if limit:
        arguments += ["--limit", limit]
    found, warnings = _listed(arguments, base, sources)
    missing = re.findall(r"Could not match supplied host pattern, ignoring: (.+)", warnings)
    known = found.get("_meta", {}).get("hostvars", {})
    groups = (group for name, group in found.items() if name != "_meta" and isinstance(group, dict))
    names = list(dict.fromkeys([host for group in groups for host in group.get("hosts", [])] + list(known)))
    if limit and (missing or not names):
        what = ", ".join(dict.fromkeys(missing)) or limit
        raise GpureadyError(f"--limit {what}: no such PC or group in {', '.join(sources)}")
    if not names:
        raise GpureadyError(f"{', '.join(sources)}: the inventory names no PC")
    _check_wishes(names, known, sources, base, stacks)
    return names


def _listed(arguments: list[str], base: Path, sources: Sequence[str]) -> tuple[dict[str, Any], str]:
    environment = {
        **os.environ,
        **project.environment(base),
        "ANSIBLE_INVENTORY_UNPARSED_FAILED": "true",
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }
    try:
        done = subprocess.run(
            [project.program("ansible-inventory"), "--list", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            timeout=_TIME_LIMIT,
            check=False,
        )
    except FileNotFoundError:
        raise GpureadyError("ansible-inventory is not installed beside gpuready: run `make setup`") from None
    except subprocess.TimeoutExpired:
        raise GpureadyError(f"{', '.join(sources)}: the inventory did not answer in {_TIME_LIMIT} seconds") from None
    if done.returncode == 0:
        try:
            found = json.loads(done.stdout)
            if isinstance(found, dict):
                return found, done.stderr
        except ValueError:
            pass
    raise GpureadyError(f"{', '.join(sources)}: {_reason(done.stderr, sources)}")


def _reason(errors: str, sources: Sequence[str]) -> str:
    """The line of Ansible's complaint that concerns this kind of file."""
    errors = re.sub(r"[ \t]+", " ", errors)
    said = dict(_PLUGIN.findall(errors))
    is_yaml = any(Path(source).suffix in (".yml", ".yaml", ".json") for source in sources)
    for plugin in ("yaml", "auto", "ini") if is_yaml else ("ini", "script", "auto", "yaml"):
        if plugin in said:
            reason = re.sub(r', found "<class.*', "", said[plugin].removeprefix("Failed to parse inventory: "))
            return f"the inventory is broken: {reason}"
    lines = [line.removeprefix("[ERROR]: ") for line in errors.splitlines() if line.startswith("[ERROR]: ")]
    return lines[0] if lines else "the inventory is broken: ansible-inventory gives no list of it"


def _check_syntax(source: str) -> None:
    """YAML of an inventory and of its variables: the one error that can be told with file and line."""
    path = Path(source)
    if not path.exists():
        return
    places = [path] if path.is_file() else [f for f in sorted(path.iterdir()) if f.is_file()]
    beside = path if path.is_dir() else path.parent
    for name in _VARIABLES:
        folder = beside / name
        places += sorted(f for f in folder.rglob("*") if f.is_file()) if folder.is_dir() else []
    for file in places:
        is_variables = any(part in _VARIABLES for part in file.relative_to(beside).parts[:-1])
        if file.suffix in (".yml", ".yaml") or (is_variables and not file.suffix):
            _check_yaml(file)


def _check_yaml(file: Path) -> None:
    try:
        text = file.read_text("utf-8")
        if not text.startswith("$ANSIBLE_VAULT"):
            yaml.load(text, _Loader)  # noqa: S506  a safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}:{mark.line + 1}" if mark else str(file)
        reason = getattr(error, "problem", None) or str(getattr(error, "reason", "")) or "it cannot be read"
        raise GpureadyError(f"{where}: this is not YAML: {' '.join(reason.split())}") from None
    except UnicodeDecodeError:
        raise GpureadyError(f"{file}: this is not a text file in UTF-8") from None
    except OSError as error:
        raise GpureadyError(f"{file}: cannot be read: {error.strerror}") from None


def _check_wishes(
    names: list[str], known: dict[str, Any], sources: Sequence[str], base: Path, stacks: Collection[str]
) -> None:
    folder = Path(sources[0]) if Path(sources[0]).is_dir() else Path(sources[0]).parent
    for name in names:
        found = known.get(name, {})
        more = found.get("gpuready_stack_dirs") or []
        if not isinstance(more, list) or any(not isinstance(m, str) or "{{" in m for m in more):
            continue  # the collection says what is wrong with it, or where it leads
        exist = [*stacks, *project.stack_names(base, (folder / m for m in more))] if stacks else []
        problems = wishes.check(found, sorted(set(exist)))
        if problems:
            raise GpureadyError(f"{', '.join(sources)}: {name}: {problems[0]}")
