"""OpenSSH's server before a machine: a real sshd whose login shell is the machine's PowerShell."""

from __future__ import annotations

import shlex
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from . import winrs
from .tree import ROOT

if TYPE_CHECKING:
    from .machine import Machine

PORT = 2222
USER = "labadmin"
_CONFIGURATION = """\
HostKey {inside}/host
AuthorizedKeysFile {inside}/key.pub
ListenAddress {address}:{port}
PermitRootLogin yes
PasswordAuthentication no
StrictModes no
UsePAM no
PidFile none
"""


class Sshd:
    """It runs while it is entered. As on Windows with DefaultShell set, a command is PowerShell's `-Command`."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._folder = machine.prefix / "ssh"

    @staticmethod
    def why_not() -> str | None:
        """Why none can run here, with what to do about it."""
        if not (ROOT / "usr/sbin/sshd").exists():
            return f"there is no sshd in {ROOT}: run tests/winlab/install.sh"
        return None if shutil.which("ssh") else "there is no ssh on this computer: install openssh-client"

    def __enter__(self) -> Self:
        folder, inside = self._folder, "/" + str(self._folder.relative_to(ROOT))
        folder.mkdir()
        for name in ("host", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        shell = self._machine.command(["wine", winrs.POWERSHELL, "-NoProfile", "-Command"])[2:]
        (folder / "shell").write_text(f'#!/bin/sh\nexec {shlex.join(shell)} "$2"\n')
        (folder / "shell").chmod(0o755)
        users = (ROOT / "etc/passwd").read_text().splitlines()
        there = [":".join([*one.split(":")[:6], f"{inside}/shell"]) if one.startswith(USER) else one for one in users]
        (folder / "passwd").write_text("\n".join(there) + "\n")
        text = _CONFIGURATION.format(inside=inside, address=self._machine.address, port=PORT)
        (folder / "config").write_text(text)
        (ROOT / "run/sshd").mkdir(parents=True, exist_ok=True)
        begin = 'mount --bind "$2" "$1/etc/passwd" && exec chroot "$1" /usr/sbin/sshd -D -f "$3" -E "$4"'
        arguments = [str(ROOT), str(folder / "passwd"), f"{inside}/config", f"{inside}/log"]
        self._server = subprocess.Popen(["unshare", "--mount", "/bin/sh", "-c", begin, "sshd", *arguments])
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex((self._machine.address, PORT)) == 0:
                    return self
            time.sleep(0.1)
        self._server.kill()
        raise RuntimeError(f"sshd does not answer: {(folder / 'log').read_text()}")

    def __exit__(self, *exc: object) -> None:
        self._server.terminate()
        self._server.wait()
        shutil.rmtree(self._folder)

    @property
    def key(self) -> Path:
        """The private key that it knows."""
        return self._folder / "key"

    def variables(self) -> dict[str, Any]:
        """What reaches it from an inventory."""
        known = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        return {
            "ansible_host": self._machine.address,
            "ansible_port": PORT,
            "ansible_user": USER,
            "ansible_password": None,
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_common_args": known,
        }
