"""What a lab's inventory says that nobody reads, or that cannot be meant: found without reaching a PC."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gpuready import contract, inventory, inventory_yaml
from gpuready.doctor.finding import Finding, ok, warning, wrong
from gpuready.doctor.names import KNOWN
from gpuready.errors import GpureadyError
from gpuready.wishes import PREFIX

_READ = ("", ".yml", ".yaml", ".json")  # of group_vars and host_vars
_YAML = (".yml", ".yaml")
_LARGEST = 2**20
_NEAR = 0.85
_INI = re.compile(r"(?:^|\s)([A-Za-z]\w*)\s*=\s*(\S*)")
_ENVIRONMENT = re.compile(r"lookup\(\s*['\"](?:ansible\.builtin\.)?env['\"]\s*,\s*['\"](\w+)['\"]")
_WINDOWS_PORTS = ("5985", "5986")

# What the controller brings to PCs from its own disk; a mapping says where by `path`.
_BROUGHT = ("gpuready_bundle", "gpuready_drivers", "wsl_archive", "wsl_package")

Pcs = Mapping[str, Mapping[str, Any]]


def examine(
    sources: Sequence[str], known: contract.Contract, listed: inventory.Listing | None, *, asked: bool
) -> Iterator[Finding]:
    """What is found; `listed` is None where Ansible could not read the inventory, `asked` that a password is given."""
    found = list(_of_files(sources, known, listed))
    if listed:
        found += _of_pcs(listed.hosts, asked=asked)
        simulated = sum(bool(one.get("gpuready_simulated")) for one in listed.hosts.values())
        kind = f" ({simulated} simulated)" if simulated else ""
        yield ok("inventory", f"{len(listed.hosts)} PC{'s' * (len(listed.hosts) != 1)}{kind}")
    yield from found
    if not found and listed:
        yield ok("variables", "every file belongs to a PC or group, and every variable is one that there is")


def _of_files(sources: Sequence[str], known: contract.Contract, listed: inventory.Listing | None) -> Iterator[Finding]:
    simulated = listed and all(one.get("gpuready_simulated") for one in listed.hosts.values())
    seen: set[Path] = set()
    for source in sources:
        if not Path(source).exists():
            continue
        places, variables = inventory_yaml.files(Path(source))
        for file in (*places, *variables):
            if file.resolve() in seen:
                continue
            seen.add(file.resolve())
            if file in variables:
                yield from _owner(file, listed)
                if file.suffix not in _READ:
                    continue
            for line, name, value in _keys(file):
                yield from _variable(f"{file}:{line}", name, known)
                if value and not simulated and _is_secret(name, value, known):
                    yield warning(
                        f"{file}:{line}",
                        f"the value of {name} stands here for everybody to read",
                        "Put it into a file encrypted by ansible-vault, or give it by the environment or --ask-pass.",
                    )


def _owner(file: Path, listed: inventory.Listing | None) -> Iterator[Finding]:
    """Whether a file of variables belongs to a group or PC that there is."""
    parts = list(file.parts)
    at = max(number for number, part in enumerate(parts) if part in inventory_yaml.VARIABLES)
    within = parts[at + 1 :]
    name = within[0] if len(within) > 1 else file.stem if file.suffix in _READ else file.name
    if file.suffix not in _READ:
        if not file.name.endswith(("~", ".md", ".txt", ".bak", ".swp")) and not file.name.startswith("."):
            yield wrong(str(file), "Ansible does not read a file of this name", "Let it end with .yml.")
        return
    if listed is None:
        return
    groups = parts[at] == "group_vars"
    there: Iterable[str] = {*listed.groups, "all", "ungrouped"} if groups else listed.hosts
    if name in there:
        return
    word = "group" if groups else "PC"
    near = difflib.get_close_matches(name, list(there), 1, 0.7)
    said = f"there is no {word} {name}: what it says is for nobody"
    fix = f"rename it to {near[0]}{file.suffix if len(within) == 1 else ''}" if near else ""
    if near:
        yield wrong(str(file), said, f"Did you mean {near[0]}? Then {fix}.")
    else:
        yield warning(str(file), said, f"Name it after a {word} of the inventory, or remove it.")


def _keys(file: Path) -> Iterator[tuple[int, str, str | None]]:
    try:
        if file.stat().st_size > _LARGEST or os.access(file, os.X_OK):
            return
        text = file.read_text("utf-8")
        if text.startswith("$ANSIBLE_VAULT"):
            return
        if file.suffix in (*_YAML, ".json") or file.parent.name in inventory_yaml.VARIABLES:
            yield from inventory_yaml.keys(file)
            return
    except (OSError, ValueError, GpureadyError):  # the inventory itself was complained of already
        return
    for number, line in enumerate(text.splitlines(), 1):
        if not line.lstrip().startswith(("#", ";", "[")):
            yield from ((number, match[1], match[2]) for match in _INI.finditer(line))


def _variable(where: str, name: str, known: contract.Contract) -> Iterator[Finding]:
    """A name that is nearly one that there is."""
    if not name.isidentifier() or "_" not in name or name in KNOWN:
        return
    ours = [PREFIX + one for one in (*known.wishes, *known.variables)]
    if name in ours:
        return
    near = difflib.get_close_matches(name, [*KNOWN, *ours], 1, _NEAR)
    if not near:
        near = [one for one in _prefixed(name) if one in (*KNOWN, *ours)]
    if near:
        yield wrong(where, f"{name} is no variable that anything reads", f"Did you mean {near[0]}? Then write that.")


def _prefixed(name: str) -> Iterator[str]:
    """The name with its first word right."""
    first, _, rest = name.partition("_")
    for word in ("ansible", "gpuready"):
        if first != word and difflib.get_close_matches(first, [word], 1, 0.7):
            yield f"{word}_{rest}"


def _is_secret(name: str, value: str, known: contract.Contract) -> bool:
    return bool(known.secret_name.search(name)) and "{{" not in value


def _of_pcs(pcs: Pcs, *, asked: bool) -> Iterator[Finding]:
    found: dict[tuple[str, str, str], list[str]] = {}
    for name, variables in pcs.items():
        for state, said, fix in _of_pc(name, variables, asked=asked):
            found.setdefault((state, said, fix), []).append(name)
    for (state, said, fix), names in found.items():
        yield Finding(", ".join(names), "wrong" if state == "wrong" else "warning", said, fix)


def _of_pc(name: str, variables: Mapping[str, Any], *, asked: bool) -> Iterator[tuple[str, str, str]]:
    def text(one: str) -> str:
        return str(variables.get(one) or "")

    for brought in _BROUGHT:
        given = variables.get(brought)
        path = str((given.get("path") if isinstance(given, Mapping) else given) or "")
        if path.startswith("/") and "{{" not in path and not Path(path).exists():
            yield "wrong", f"{brought}: {path} is not there", "Put it there on this controller, or mend the path."

    kind = text("ansible_connection").rpartition(".")[2]
    if not kind and (hints := _windows(variables)):
        yield (
            "wrong",
            f"without ansible_connection Ansible reaches it by ssh, though {hints} is Windows' own",
            "Set ansible_connection: ansible.builtin.winrm (group_vars/all.yml).",
        )
        return
    if not kind and name != "localhost":
        yield (
            "warning",
            "without ansible_connection it is reached by ssh, as a PC with Linux",
            "Where it is a Windows PC, set ansible_connection: ansible.builtin.winrm (group_vars/all.yml).",
        )
    if kind not in ("winrm", "psrp"):
        return
    transport = (text("ansible_winrm_transport") or text("ansible_psrp_auth")).lower()
    scheme = (text("ansible_winrm_scheme") or text("ansible_psrp_protocol")).lower()
    port = text("ansible_winrm_port") or text("ansible_psrp_port") or text("ansible_port")
    simulated = bool(variables.get("gpuready_simulated"))
    if not text("ansible_user") and not text(f"ansible_{kind}_user") and transport != "certificate":
        yield "wrong", "nothing says who logs on", "Set ansible_user (group_vars)."
    if (scheme, port) in (("http", "5986"), ("https", "5985")):
        yield "wrong", f"port {port} does not answer by {scheme}", "Use 5985 with http, or 5986 with https."
    if transport == "basic" and scheme == "http" and not simulated:
        yield "wrong", "the password would travel readably (basic by http)", "Use ntlm or kerberos, or https."
    if text("ansible_winrm_message_encryption") == "never" and scheme == "http":
        yield "wrong", "messages by http would not be encrypted", "Set ansible_winrm_message_encryption: always."
    if "ignore" in (text("ansible_winrm_server_cert_validation"), text("ansible_psrp_cert_validation")):
        yield (
            "warning",
            "any certificate is taken for the PC's",
            "Set ansible_winrm_server_cert_validation: validate, and ansible_winrm_ca_trust_path: FILE.",
        )
    trust = text("ansible_winrm_ca_trust_path") or text("ansible_psrp_ca_cert")
    if trust and "{{" not in trust and not Path(trust).expanduser().exists():
        yield (
            "wrong",
            f"{trust} is not there",
            "Put the certificates (PEM) there that sign the PCs' (docs/remoting.md).",
        )
    address = text("ansible_host") or name
    if (
        transport == "kerberos"
        and inventory.is_number(address)
        and not text("ansible_winrm_kerberos_hostname_override")
    ):
        yield (
            "wrong",
            "Kerberos knows names and no addresses",
            "Give the full name as ansible_host, or as ansible_winrm_kerberos_hostname_override.",
        )
    for lookup in _ENVIRONMENT.findall(text("ansible_password")):
        if not os.environ.get(lookup) and not asked:
            yield "warning", f"the password is that of {lookup}, which is not set here", f"export {lookup}=..."


def _windows(variables: Mapping[str, Any]) -> str:
    """What of the variables only a Windows PC has."""
    for name, value in variables.items():
        if name.startswith(("ansible_winrm_", "ansible_psrp_")):
            return str(name)
        if name == "ansible_port" and str(value) in _WINDOWS_PORTS:
            return f"port {value}"
        if name == "ansible_shell_type" and str(value) in ("powershell", "cmd"):
            return f"shell {value}"
    return ""
