"""The inventory, looked at before a run: what is wrong with it is said in one line, with file and line."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpuready import contract, inventory_yaml, project, wishes
from gpuready.errors import GpureadyError

_PLUGIN = re.compile(r"Failed to parse inventory with '(\w+)' plugin: (.+)")
_LEFT_OUT = re.compile(r"^\[WARNING\]: (Skipping .+)$", re.MULTILINE)  # what Ansible would silently not look at
TABLES = (".csv", ".tsv", ".xls", ".xlsx", ".ods")
_TIME_LIMIT = 300  # seconds: a dynamic inventory may ask a directory service
_PORTS = {"ssh": 22, "paramiko_ssh": 22, "winrm": 5986, "psrp": 5986}
_ON_THE_WAY = ("ssh_common_args", "ssh_extra_args", "ssh_args", "psrp_proxy", "psrp_path", "winrm_path")


def resolve(source: str | Path) -> str:
    """An inventory source as Ansible shall get it: an absolute path, or a list of hosts (`pc1,pc2,`)."""
    text = str(source)
    if not text.strip():
        raise GpureadyError("the inventory's name is empty: give a file, a folder, or hosts with a comma (pc1,)")
    if isinstance(source, str) and "," in text and not Path(text).exists():
        return text
    path = Path(text).expanduser().absolute()
    if not path.exists():
        raise GpureadyError(f"{text}: there is no such inventory: give a file, a folder, or hosts with a comma (pc1,)")
    if not os.access(path, os.R_OK):
        raise GpureadyError(f"{text}: the inventory cannot be read: permission denied")
    if path.is_file() and path.suffix.lower() in TABLES:
        raise GpureadyError(f"{text}: this is a table, not an inventory: `gpuready init {text}` makes one of it")
    return str(path)


@dataclass(frozen=True)
class Listing:
    """The PCs of an inventory, each with its variables, and the names of its groups."""

    hosts: dict[str, Mapping[str, Any]]
    groups: frozenset[str]


def hosts(sources: Sequence[str], base: Path, **options: Any) -> dict[str, Mapping[str, Any]]:
    """The PCs of an inventory; the options are those of `listing`."""
    return listing(sources, base, **options).hosts


def listing(
    sources: Sequence[str],
    base: Path,
    *,
    limit: str | None = None,
    vault_password_file: Path | None = None,
    stacks: project.Stacks = project.UNKNOWN,
    extra_vars: Mapping[str, Any] | None = None,
) -> Listing:
    """The PCs of an inventory within a limit, in its order, each with its variables (templates as they stand).

    Raises GpureadyError for an inventory that is broken or empty, a limit that names nothing, wishes among its
    variables that do not exist, and two names for one address. `extra_vars` come before its variables.
    """
    for source in sources:
        inventory_yaml.check(source)
    arguments = [argument for source in sources for argument in ("-i", source)]
    if vault_password_file:
        arguments += ["--vault-password-file", str(vault_password_file)]
    if limit:
        arguments += ["--limit", limit]
    listed, warnings = _listed(arguments, base, sources)
    missing = re.findall(r"Could not match supplied host pattern, ignoring: (.+)", warnings)
    known = listed.get("_meta", {}).get("hostvars", {})
    groups = {name: group for name, group in listed.items() if name != "_meta" and isinstance(group, dict)}
    named = {child for group in groups.values() for child in group.get("children", [])}
    names = list(dict.fromkeys([host for group in groups.values() for host in group.get("hosts", [])] + list(known)))
    if limit and (missing or not names):
        what = ", ".join(dict.fromkeys(missing)) or limit
        raise GpureadyError(f"--limit {what}: no such PC or group in {', '.join(sources)}")
    if not names:
        raise GpureadyError(
            f"{', '.join(sources)}: the inventory names no PC: fill in its hosts, or `gpuready init pcs.csv`"
        )
    _check_names(names, {*groups, *named}, sources)
    _check_wishes(names, known, sources, base, stacks)
    pcs: dict[str, Mapping[str, Any]] = {name: {**known.get(name, {}), **(extra_vars or {})} for name in names}
    _check_addresses(pcs, sources)
    return Listing(pcs, frozenset({*groups, *named}))


def _check_names(names: Sequence[str], groups: Collection[str], sources: Sequence[str]) -> None:
    """Raise GpureadyError for a PC that has a group's name: Ansible would take it for the group, or hide all others."""
    both = [name for name in names if name in groups]
    if both:
        raise GpureadyError(f"{', '.join(sources)}: {both[0]} is a PC and a group of this name: rename the PC")


def _listed(arguments: list[str], base: Path, sources: Sequence[str]) -> tuple[dict[str, Any], str]:
    variables = {
        **os.environ,
        **project.process_variables(base),
        "ANSIBLE_INVENTORY_UNPARSED_FAILED": "true",
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }
    try:
        done = subprocess.run(
            [project.program("ansible-inventory"), "--list", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=variables,
            timeout=_TIME_LIMIT,
            check=False,
        )
    except FileNotFoundError:
        raise GpureadyError("ansible-inventory is not installed beside gpuready: run `make setup`") from None
    except subprocess.TimeoutExpired:
        raise GpureadyError(f"{', '.join(sources)}: the inventory did not answer in {_TIME_LIMIT} seconds") from None
    if done.returncode == 0:
        try:
            listing = json.loads(done.stdout)
        except ValueError:
            listing = None
        if isinstance(listing, dict):
            left_out = _LEFT_OUT.search(done.stderr)
            if left_out:
                raise GpureadyError(f"{', '.join(sources)}: the inventory is broken: {left_out[1]}")
            return listing, done.stderr
    raise GpureadyError(f"{', '.join(sources)}: {_reason(done.stderr, sources)}")


def _reason(errors: str, sources: Sequence[str]) -> str:
    """The line of Ansible's complaint that concerns this kind of file."""
    errors = re.sub(r"[ \t]+", " ", errors)
    if "no vault secrets found" in errors:
        return "ansible-vault has encrypted a part of it: give --vault-password-file FILE"
    said = dict(_PLUGIN.findall(errors))
    is_yaml = any(Path(source).suffix in (".yml", ".yaml", ".json") for source in sources)
    for plugin in ("yaml", "auto", "ini") if is_yaml else ("ini", "script", "auto", "yaml"):
        if plugin in said:
            reason = re.sub(r', found "<class.*', "", said[plugin].removeprefix("Failed to parse inventory: "))
            return f"the inventory is broken: {reason}"
    lines = re.findall(r"^(?:\[ERROR\]|ERROR): (.+)$", errors, re.MULTILINE)
    return lines[0] if lines else "the inventory is broken: ansible-inventory gives no list of it"


def is_number(address: str) -> bool:
    """Whether an address is an IP address, and not a name."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


def _check_addresses(pcs: Mapping[str, Mapping[str, Any]], sources: Sequence[str]) -> None:
    """Two names of one address would be one real PC that is looked at twice, and another that never is."""
    seen: dict[tuple[str, ...], str] = {}
    for name, variables in pcs.items():
        place = _address(name, variables)
        if place is None:
            continue
        other = seen.setdefault(place, name)
        if other != name:
            raise GpureadyError(
                f"{', '.join(sources)}: {other} and {name} have the same address {place[0]} port {place[1]}: "
                "one real PC would never be looked at: correct ansible_host of one, or remove it"
            )


def _address(name: str, variables: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Address, port and the way there; None when it is no PC over a network, or a template leads there."""
    kind = str(variables.get("ansible_connection") or "ssh").rpartition(".")[2]
    kind = "ssh" if kind == "smart" else kind
    if kind not in _PORTS:
        return None
    own = kind.partition("_")[2] or kind  # paramiko_ssh takes the variables of ssh

    def first(*names: str) -> str:
        return next((str(variables[one]) for one in names if variables.get(one) not in (None, "")), "")

    address = first(f"ansible_{own}_host", "ansible_host") or name
    plain_http = first(f"ansible_{own}_scheme", f"ansible_{own}_protocol").lower() == "http"
    port = first(f"ansible_{own}_port", "ansible_port") or str(5985 if plain_http else _PORTS[kind])
    parts = (address.strip().lower().rstrip("."), port.strip(), *(first(f"ansible_{one}") for one in _ON_THE_WAY))
    return None if any("{{" in part or "{%" in part for part in parts) else parts


def _together(one: project.Stacks, other: project.Stacks) -> project.Stacks:
    names, libraries = {*one.names, *other.names}, {*one.libraries, *other.libraries}
    return project.Stacks(tuple(sorted(names)), tuple(sorted(libraries)))


def _check_wishes(
    names: list[str], known: dict[str, Any], sources: Sequence[str], base: Path, stacks: project.Stacks
) -> None:
    folder = Path(sources[0]) if Path(sources[0]).is_dir() else Path(sources[0]).parent
    for name in names:
        variables = known.get(name, {})
        more = variables.get("gpuready_stack_dirs") or []
        if not isinstance(more, list) or any(not isinstance(m, str) or "{{" in m for m in more):
            continue  # the collection says what is wrong with it, or where it leads
        exist = _together(stacks, project.stacks(base, (folder / m for m in more))) if stacks.names else stacks
        problems = wishes.check(variables, contract.load(base), exist)
        if problems:
            raise GpureadyError(f"{', '.join(sources)}: {name}: {problems[0]}")
