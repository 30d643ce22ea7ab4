"""What tests use besides machines: Ansible run on one as it ships, and machines made from a simulated lab's PC."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from .machine import Machine

CHECKOUT = Path(__file__).resolve().parents[3]
TOO_LONG = 600
OUR_ACTIONS = {"ANSIBLE_ACTION_PLUGINS": str(Path(__file__).resolve().parents[1] / "action_plugins")}
# About one start of PowerShell in a thousand ends in a crash of the .NET runtime itself, which is Wine's and nobody's
# finding: its stack, full of the runtime's own types, stands where a module's answer should be.
RUNTIME_CRASHED = re.compile(
    r"deserialization failed.{0,4000}?(System\.__Canon|Internal CLR error|Fatal error\.)", re.S
)


def source(name: str) -> Path:
    """A file of the checkout; of its instrumented copy, where coverage is measured and the copy has it."""
    if work := os.environ.get("GPUREADY_PS_COVERAGE"):
        copy = Path(work) / "tree" / name
        if copy.exists():
            return copy
    return CHECKOUT / name


@contextmanager
def small_drive(machine: Machine, size: str) -> Iterator[Path]:
    """The machine's drive D:, of so many bytes. A folder on which a disk is mounted would be a link to Windows."""
    root, letter = machine.prefix / "drive_d", machine.prefix / "dosdevices/d:"
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", root], check=True)
    letter.symlink_to("../drive_d")
    try:
        yield root
    finally:
        letter.unlink()
        subprocess.run(["umount", "-l", root], check=False)
        root.rmdir()


def connection_variables(machine: Machine, connection: str = "winrm", transport: str = "basic") -> dict[str, Any]:
    """The inventory variables that reach `machine` by `winrm` or `psrp`, with `basic` or `ntlm`."""
    user, password = next(iter(machine.users.items()))
    common = {
        "ansible_connection": connection,
        "ansible_host": machine.address,
        "ansible_port": machine.port,
        "ansible_user": user,
        "ansible_password": password,
    }
    if connection == "winrm":
        return common | {"ansible_winrm_transport": transport, "ansible_winrm_scheme": "http"}
    encryption = "never" if transport == "basic" else "always"
    return common | {
        "ansible_psrp_protocol": "http",
        "ansible_psrp_auth": transport,
        "ansible_psrp_message_encryption": encryption,
    }


def inventory(machines: Machine | Iterable[Machine], path: Path, **variables: Any) -> Path:
    """Write an inventory with these machines (by their names) and `variables` for all; return its path.

    `connection` and `transport` among the variables choose how they are reached (see connection_variables).
    """
    many = [machines] if isinstance(machines, Machine) else list(machines)
    how = {k: variables.pop(k) for k in ("connection", "transport") if k in variables}
    hosts = {m.name: connection_variables(m, **how) for m in many}
    path.write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": variables}}))
    return path


def write_node(machine: Machine, node: Any) -> None:
    """Put a file or folder of a simulated PC (gpuready.simlab.disk.Node) on a machine.

    A program gets a PE header with its machine type; a version resource it does not get.
    """
    target = machine.path(node.path)
    if node.data is None:
        target.mkdir(parents=True, exist_ok=True)
        return
    data = node.data
    if node.machine is not None:  # MZ, where the PE header is, PE, the machine type
        header = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40) + b"PE\0\0" + struct.pack("<H", node.machine)
        data = header.ljust(512, b"\0")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)  # it may be a link to the template's
    target.write_bytes(data)


class AnsibleError(AssertionError):
    """Ansible itself did not come to an answer; the text is what it printed."""


def run_playbook(
    playbook: Path,
    inventory_file: Path,
    *options: str,
    environment: Mapping[str, str] | None = None,
    counter: Callable[[], int] = lambda: 0,
) -> dict[str, Any]:
    """Run a playbook with the project's ansible.cfg; its JSON result: {plays, stats, rc, counted}.

    `counted` is by how much `counter` went up in the run that the result is of.
    """
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        "-i",
        str(inventory_file),
        *options,
        str(playbook),
    ]
    settings = {
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
    }
    for _ in range(2):
        before = counter()
        done = subprocess.run(
            command,
            env=os.environ | settings | dict(environment or {}),
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=TOO_LONG,
            check=False,
        )
        if not RUNTIME_CRASHED.search(done.stdout):
            break
        print("winlab: .NET itself crashed under Wine; the run is repeated", file=sys.stderr)
    at = done.stdout.find("{")
    try:
        result = json.JSONDecoder().raw_decode(done.stdout[at:])[0]
    except ValueError:
        raise AnsibleError(f"rc {done.returncode}\n{done.stdout}\n{done.stderr}") from None
    return dict(result) | {"rc": done.returncode, "counted": counter() - before}


def ansible(
    machine: Machine,
    module: str = "",
    args: Mapping[str, Any] | None = None,
    *,
    check: bool = False,
    playbook: str | Path | list[dict[str, Any]] | None = None,
    connection: str = "winrm",
    transport: str = "basic",
    variables: Mapping[str, Any] | None = None,
    task: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Run real Ansible over WinRM against `machine`.

    With `module` (and `args`; `task`: further keywords such as vars or register): that task's result, with `failed`
    and `changed` always there.  With `playbook` (a path, relative to the checkout; or the plays themselves): the JSON
    of the whole run, {plays, stats, rc, counted: WinRM's commands}; `results` lists the tasks' results from it.
    """
    with tempfile.TemporaryDirectory(prefix="winlab-") as folder:
        hosts = inventory(
            machine, Path(folder) / "hosts.yml", connection=connection, transport=transport, **dict(variables or {})
        )
        if playbook is None:
            one = {"name": module, module: dict(args or {})} | dict(task or {})
            plays: list[dict[str, Any]] | None = [
                {"name": "One task", "hosts": "all", "gather_facts": False, "tasks": [one]}
            ]
        else:
            plays = playbook if isinstance(playbook, list) else None
        path = Path(folder) / "play.yml" if plays is not None else CHECKOUT / str(playbook)
        if plays is not None:
            path.write_text(yaml.safe_dump(plays, sort_keys=False))
        options = ["--check"] if check else []
        run = run_playbook(path, hosts, *options, environment=environment, counter=lambda: machine.commands)
    if playbook is not None:
        return run
    found = results(run, machine.name)
    if not found:
        raise AnsibleError(f"the task did not run: {json.dumps(run)[:2000]}")
    return {"failed": False, "changed": False} | found[-1][1]


def results(run: Mapping[str, Any], host: str) -> list[tuple[str, dict[str, Any]]]:
    """Task name and result of every task that `host` had part in, in order."""
    return [
        (task["task"]["name"], task["hosts"][host])
        for play in run["plays"]
        for task in play["tasks"]
        if host in task["hosts"]
    ]
