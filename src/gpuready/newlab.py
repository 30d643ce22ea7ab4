"""`gpuready init`: the folder of a lab's inventory, made from a table of its PCs and how they are reached."""

from __future__ import annotations

import re
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import yaml

from gpuready import inventory, project, table
from gpuready.errors import GpureadyError

_EXAMPLE = "inventories/lab"
WAYS = ("domain", "workgroup", "https")
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+")
_USER = re.compile(r"[^\s\"'{}#:@\\/\[\]|=;,+*?<>]+( [^\s\"'{}#:@\\/\[\]|=;,+*?<>]+)*")  # what Windows takes
_ABOUT = """\
---
# The PCs of your lab, made from {source}. A name here is what the report calls the PC; ansible_host is its address
# where the name alone does not lead to it. docs/remoting.md says how a PC becomes reachable and how to test it.
# No password belongs in this folder, except in a file encrypted by ansible-vault: see group_vars/all.yml.
"""

_SETTINGS = """\
# For Ansible's own programs, started in this folder: `ansible-playbook gpuready.lab.provision`. They find the
# collection where gpuready is installed in their Python environment, or where ansible-galaxy has installed it.
[defaults]
inventory = hosts.yml
forks = 25
inject_facts_as_vars = false
interpreter_python = auto_silent
retry_files_enabled = false
callback_result_format = yaml
display_skipped_hosts = false

[inventory]
# What runs that were started here have left.
ignore_patterns = ^reports$
any_unparsed_is_failed = true
unparsed_is_failed = true
"""


def make(
    target: Path, way: str, pcs: Sequence[table.Pc] = (), *, source: str = "", domain: str = "", user: str = ""
) -> Path:
    """Make the folder `target`, which must not be there, and give its path.

    `way`: how the PCs are reached (WAYS); `domain`: of PCs of a domain, `lab.example.org`. Raises GpureadyError.
    """
    if way not in WAYS:
        raise GpureadyError(f"--reach {way}: give one of {', '.join(WAYS)}")
    if domain and not _DOMAIN.fullmatch(domain):
        raise GpureadyError(f"--domain {domain}: give the domain's full name, as lab.example.org")
    if way == "domain" and not domain:
        raise GpureadyError("--reach domain needs the domain's full name: --domain lab.example.org")
    if user and not _USER.fullmatch(user):
        raise GpureadyError(
            f"--user {user[:60]}: give the name alone: the domain is --domain, and a password no option"
        )
    template = project.root() / _EXAMPLE
    if target.exists() or target.is_symlink():
        raise GpureadyError(f"{target}: is there already, and nothing is overwritten: name another folder (--to)")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    except OSError as error:
        raise GpureadyError(f"{target}: cannot be made: {error.strerror}") from None
    try:
        shutil.copytree(template, new, dirs_exist_ok=True)
        if pcs:
            (new / "hosts.yml").write_text(_hosts(way, pcs, source, domain), "utf-8")
            for other in set(WAYS) - {way}:  # a file of a group that there is not would be a mistake
                (new / f"group_vars/{other}.yml").unlink()
        for file in (new / "group_vars").glob("*.yml"):
            file.write_text(_with_user(file.read_text("utf-8"), file.stem, user, domain), "utf-8")
        for file in new.rglob("*.yml"):
            file.write_text(file.read_text("utf-8").replace(_EXAMPLE, shlex.quote(str(target))), "utf-8")
        (new / "ansible.cfg").write_text(_SETTINGS, "utf-8")
        new.chmod(0o755)
        new.rename(target)
    except OSError as error:
        raise GpureadyError(f"{target}: cannot be made: {error.strerror}") from None
    finally:
        with suppress(OSError):
            shutil.rmtree(new)
    return target


def _hosts(way: str, pcs: Sequence[table.Pc], source: str, domain: str) -> str:
    rooms: dict[str, list[table.Pc]] = {}
    for pc in pcs:
        if pc.room:
            rooms.setdefault(pc.room, []).append(pc)
    names: dict[str, str] = {}
    for room in rooms:
        name, number = table.group(room), 2
        while name in names.values():
            name, number = f"{table.group(room)}_{number}", number + 1
        names[room] = name
    groups: dict[str, object] = {way: {"hosts": {pc.name: _variables(pc, way, domain) for pc in pcs}}}
    for room, there in rooms.items():
        groups[names[room]] = {"hosts": dict.fromkeys((pc.name for pc in there), None), "vars": {"room": room}}
    text = yaml.safe_dump({"all": {"children": groups}}, sort_keys=False, allow_unicode=True, width=1000)
    return _ABOUT.format(source=source or "a table") + text.replace(": null\n", ":\n")


def _variables(pc: table.Pc, way: str, domain: str) -> dict[str, str] | None:
    # Kerberos, and a certificate, know the full name.
    full = f"{pc.name}.{domain}".lower() if domain and "." not in pc.name else pc.name
    address = pc.address or full
    variables = {} if address == pc.name else {"ansible_host": address}
    if way == "domain" and inventory.is_number(address):
        variables["ansible_winrm_kerberos_hostname_override"] = full
    return {**variables, **pc.wishes} or None


def _with_user(text: str, way: str, user: str, domain: str) -> str:
    """The variables of a way with the lab's own account; the rest stands as it does."""
    if way == "domain" and domain:
        text = text.replace("LAB.EXAMPLE.ORG", domain.upper())
    if user:
        text = re.sub(r"(?m)^(ansible_user: )[^@\s]+", lambda found: found[1] + user, text)
        text = re.sub(r"(`kinit )[^@`]+", lambda found: found[1] + user, text)
    return text
