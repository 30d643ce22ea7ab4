# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tasks in a WSL distribution, over the connection that the PC has anyway."""

from __future__ import annotations

DOCUMENTATION = r"""
name: wsl
author: The gpuready authors (@gpuready)
short_description: Run tasks in a WSL distribution of a Windows PC
description:
  - Wraps the PC's own Windows connection (winrm, psrp or ssh) and runs every command by C(wsl.exe --exec), so that
    ordinary Python modules work in the guest without an SSH server in it and without a second entry in the inventory.
  - Proven over winrm and psrp, and over ssh with a server whose shell is PowerShell.
  - An error of wsl.exe itself makes the PC unreachable, with a code and the next step. So does a guest that ends while
    something runs in it.
  - Variables of the inventory beat the C(connection) of a play, so set C(ansible_connection) in the vars of a block.
  - Becoming another user works with C(sudo) and C(su), and with P(gpuready.lab.wsl#become), which needs no password. A
    become password travels on standard input, never on a command line.
  - Asynchronous tasks live as long as the guest. WSL stops a guest that no Windows program uses after 15 seconds; with
    C(instanceIdleTimeout=-1) and C(vmIdleTimeout=-1) in C(.wslconfig), as P(gpuready.lab.wsl#role) sets them, it does
    not.
  - A file travels in pieces of 8 MiB; its sha256 is looked at before it takes its name. What a command reads and writes
    is in memory as a whole, here and on the PC.
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
  windows_shell:
    description: What the SSH server of Windows runs a command line by, C(cmd) unless somebody set its C(DefaultShell).
    type: str
    choices: [cmd, powershell]
    default: cmd
    vars: [{name: ansible_wsl_windows_shell}]
  pipelining:
    description: Whether a module travels with the command that runs it; each command costs a start of PowerShell.
    type: bool
    default: true
    vars: [{name: ansible_pipelining}, {name: ansible_wsl_pipelining}]
"""

import hashlib
import re
import secrets
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
        _checked(self.get_option("distribution"), "ansible_wsl_distribution")
        _checked(self.get_option("remote_user"), "ansible_wsl_user")
        if self._windows is not None:
            self._windows.set_options(task_keys=task_keys, var_options=self._windows_variables)

    def _connect(self) -> Connection:
        self._windows._connect()
        self._connected = True
        return self

    def go_over(self, windows: Any) -> None:
        """Take a connection to Windows that is open already."""
        self._windows, self._connected = windows, True

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a command of the guest's shell."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        become, data = self.become, in_data or b""
        if not (sudoable and become and become.success and become.success in cmd):
            return self._run(cmd, data)
        if guest.ONLY_WSL in cmd:
            user = _checked(become.get_option("become_user"), "become_user")
            return self._run(cmd.replace(guest.ONLY_WSL, ""), data, user)
        if become.expect_prompt():
            # Nobody waits for a prompt: the password is the first line, and what is left of it is read away before the
            # command itself begins, also where none was asked for.
            begun = f"echo {become.success}"
            drained = f"while read -r gpuready; do case $gpuready in {become.success}) break;; esac; done; {begun}"
            cmd = cmd.replace(begun, drained)
            password = become.get_option("become_pass", playcontext=self._play_context)
            data = f"{password}\n{become.success}\n".encode() + data
        rc, out, err = self._run(cmd, data)
        if rc and not become.check_success(out):
            raise AnsibleError(_refused(become, rc, out + err))
        prompted = become.expect_prompt() and become.check_password_prompt(err)
        return rc, out, become.strip_become_prompt(err) if prompted else err

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file into the guest: beside its place, checked, then renamed."""
        super().put_file(in_path, out_path)
        new, digest, target = shlex.quote(f"{out_path}.gpuready-new"), hashlib.sha256(), ">"
        try:
            with Path(in_path).open("rb") as source:
                data = source.read(_PIECE)
                while after := source.read(_PIECE):
                    digest.update(data)
                    self._shell_command(f"cat {target} {new}", out_path, data)
                    data, target = after, ">>"
        except FileNotFoundError:
            raise AnsibleFileNotFound(f"there is no file {in_path} on the controller") from None
        digest.update(data)
        same = f'test "$(sha256sum < {new})" = "{digest.hexdigest()}  -"'
        command = f"cat {target} {new} && {same} && mv -f {new} {shlex.quote(out_path)}"
        self._shell_command(command, out_path, data, f"its sha256 there is not that of {in_path}: run again")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file out of the guest, and check it."""
        super().fetch_file(in_path, out_path)
        source, digest, block = shlex.quote(in_path), hashlib.sha256(), 0
        with Path(out_path).open("wb") as target:
            piece = f"dd if={source} bs={_PIECE} count=1 2>/dev/null skip="
            first = self._shell_command(f"sha256sum < {source} && {piece}0", in_path)
            wanted, _, data = first.partition(b"  -\n")
            while True:
                target.write(data)
                digest.update(data)
                if len(data) < _PIECE:
                    break
                block += 1
                data = self._shell_command(f"{piece}{block}", in_path)
        if digest.hexdigest().encode() != wanted:
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

    def _shell_command(self, command: str, path: str, data: bytes = b"", silence: str = "") -> bytes:
        """The output of a command that has to do with `path`; `silence`: what it means when it fails without a word."""
        rc, out, err = self._run(command, data)
        if rc:
            raise AnsibleError(f"{path} in the guest: {to_text(err).strip() or silence or f'exit code {rc}'}")
        return out

    def _run(self, command: str, data: bytes, user: str | None = None) -> tuple[int, bytes, bytes]:
        mark, user = f"gpuready-{secrets.token_hex(8)}:", user or self.get_option("remote_user")
        argv = guest.command(command, mark)
        asked = guest.request(self.get_option("program"), self.get_option("distribution"), user, argv, data)
        line = guest.windows_command(self.get_option("windows_shell"))
        rc, out, err = self._windows.exec_command(line, in_data=asked, sudoable=False)
        try:
            return guest.answer(rc, to_text(out), to_text(err), mark)
        except guest.NoAnswerError as error:
            raise AnsibleConnectionFailure(str(error)) from None


def _checked(name: str | None, variable: str) -> str | None:
    """A name as it stands on wsl.exe's command line, which knows no quotes there."""
    if name and not _NAME.fullmatch(name):
        raise AnsibleError(f"{name!r} is no name of a distribution or user: correct {variable}")
    return name


def _refused(become: Any, rc: int, said: bytes) -> str:
    """Why a become plugin's program did not let the command through, and the next step."""
    name = become.name
    if become.check_incorrect_password(said):
        return f"{name} in the guest does not take the password: correct ansible_become_password and run again"
    if become.check_missing_password(said):
        return f"{name} in the guest wants a password: set ansible_become_password, or become_method gpuready.lab.wsl"
    words = " ".join(to_text(said).split())[-500:]
    return f"{name} in the guest failed with exit code {rc} ({words}): mend it, or set become_method gpuready.lab.wsl"
