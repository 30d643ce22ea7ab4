# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tasks in a WSL distribution, over the connection that the PC has anyway."""

from __future__ import annotations

DOCUMENTATION = r"""
name: wsl
author: The gpuready authors (@gpuready)
short_description: Run tasks in a WSL distribution of a Windows PC
description:
  - Wraps the PC's own Windows connection and runs every command by C(wsl.exe --exec), so that ordinary Python modules
    work in the guest without an SSH server and without a second entry in the inventory.
  - An error of wsl.exe itself makes the PC unreachable, with a code and the next step.
  - Variables of the inventory beat the C(connection) of a play, so set C(ansible_connection) in the vars of a block.
  - Becoming another user works from O(remote_user) V(root), whom nobody asks for a password; none is ever sent to the
    guest.
version_added: "1.0.0"
options:
  windows_connection:
    description: The connection plugin that reaches Windows.
    type: str
    default: ansible.builtin.winrm
    vars: [{name: ansible_wsl_windows_connection}]
  distribution:
    description: The distribution; the default one of the Windows user where none is given.
    type: str
    vars: [{name: ansible_wsl_distribution}]
  remote_user:
    description: The Linux user. It is another one than Windows', and Ansible keeps its files in the home of this one.
    type: str
    default: root
    vars: [{name: ansible_wsl_user}]
  program:
    description: The wsl.exe to run; that of System32 does not run in every remote session.
    type: str
    default: '%ProgramFiles%\WSL\wsl.exe'
    vars: [{name: ansible_wsl_program}]
extends_documentation_fragment: [connection_pipelining]
"""

import hashlib
import re
import shlex
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.module_utils.common.text.converters import to_text
from ansible.plugins.connection import ConnectionBase
from ansible.plugins.loader import connection_loader

from ..plugin_utils import guest

_PIECE = 8 * 2**20  # bytes of a file that travel at once
_NAME = re.compile(r"[\w.-]+")


class Connection(ConnectionBase):
    """A guest of a Windows PC."""

    transport = "gpuready.lab.wsl"
    has_pipelining = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._windows: Any = None
        self._windows_variables: dict[str, Any] = {}

    def _resolve_option_variables(self, variables: dict[str, Any], templar: Any) -> dict[str, Any]:
        """The Windows connection's own variables too: it is set up with them."""
        found: dict[str, Any] = super()._resolve_option_variables(variables, templar)
        name = found.get("ansible_wsl_windows_connection") or "ansible.builtin.winrm"
        context = self._play_context.copy()
        context.shell = None  # the guest's is none of Windows
        self._windows = connection_loader.get(name, context, new_stdin=None)
        if self._windows is None:
            raise AnsibleError(f"there is no connection plugin {name}: correct ansible_wsl_windows_connection")
        self._windows_variables = self._windows._resolve_option_variables(variables, templar)
        return found

    def set_options(self, task_keys: Any = None, var_options: Any = None, direct: Any = None) -> None:
        """Take the options, and hand the Windows connection its own."""
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        for option in ("distribution", "remote_user"):
            value = self.get_option(option)
            if value and not _NAME.fullmatch(value):
                variable = f"ansible_wsl_{option.removeprefix('remote_')}"
                raise AnsibleError(f"{value!r} is no name of a distribution or user: correct {variable}")
        if self._windows is not None:
            self._windows.set_options(task_keys=task_keys, var_options=self._windows_variables)

    def _connect(self) -> Connection:
        self._windows._connect()
        self._connected = True
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a command of the guest's shell."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        return self._run(["/bin/sh", "-c", cmd], in_data or b"")

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file into the guest: beside its place, checked, then renamed."""
        super().put_file(in_path, out_path)
        try:
            with Path(in_path).open("rb") as source:
                new, digest, first = f"{out_path}.gpuready-new", hashlib.sha256(), True
                while (data := source.read(_PIECE)) or first:
                    digest.update(data)
                    self._shell_command(f"cat {'>' if first else '>>'} {shlex.quote(new)}", out_path, data)
                    first = False
        except FileNotFoundError:
            raise AnsibleFileNotFound(f"there is no file {in_path} on the controller") from None
        if self._sum(new) != digest.hexdigest():
            raise AnsibleError(f"{out_path}: its sha256 in the guest is not that of {in_path}: run again")
        self._shell_command(f"mv -f {shlex.quote(new)} {shlex.quote(out_path)}", out_path)

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file out of the guest, and check it."""
        super().fetch_file(in_path, out_path)
        wanted, digest = self._sum(in_path), hashlib.sha256()
        with Path(out_path).open("wb") as target:
            block = 0
            while True:
                command = f"dd if={shlex.quote(in_path)} bs={_PIECE} skip={block} count=1 2>/dev/null"
                data = self._shell_command(command, in_path)
                target.write(data)
                digest.update(data)
                block += 1
                if len(data) < _PIECE:
                    break
        if digest.hexdigest() != wanted:
            raise AnsibleError(f"{in_path}: its sha256 here is not that in the guest: it changed on the way, run again")

    def close(self) -> None:
        """Leave the PC."""
        if self._windows is not None:
            self._windows.close()
        self._connected = False

    def reset(self) -> None:
        """Leave the PC and come back."""
        self.close()
        self._connect()

    def _sum(self, path: str) -> str:
        return self._shell_command(f"sha256sum < {shlex.quote(path)}", path).decode().split()[0]

    def _shell_command(self, command: str, path: str, data: bytes = b"") -> bytes:
        rc, out, err = self._run(["/bin/sh", "-c", command], data)
        if rc:
            raise AnsibleError(f"{path} in the guest: {to_text(err).strip() or f'exit code {rc}'}")
        return out

    def _run(self, argv: list[str], data: bytes) -> tuple[int, bytes, bytes]:
        get = self.get_option
        asked = guest.request(get("program"), get("distribution"), get("remote_user"), argv, data)
        rc, out, err = self._windows.exec_command(guest.windows_command(), in_data=asked, sudoable=False)
        try:
            code, stdout, stderr = guest.answer(to_text(out))
        except guest.NoAnswerError as error:
            said = " ".join(f"{error} {to_text(err)}".split())[:1000]
            raise AnsibleConnectionFailure(f"wsl.exe could not be run on Windows (exit code {rc}): {said}") from None
        if code < 0:
            raise AnsibleConnectionFailure(guest.failure(stdout))
        return code, stdout, stderr
