"""OpenSSH's server before the PowerShell engine for Linux: what Ansible's own ssh connection hands over, and gets back.

The server answers one connection that its client starts; nothing listens. It runs a command line by PowerShell, as
Windows' own does where that is its DefaultShell: `PowerShell` is the engine, wsl.exe a script that enters a guest.
"""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from .tree import ROOT, linux_powershell

if TYPE_CHECKING:
    from .linux import Linux

_CONFIGURATION = """\
HostKey {inside}/host
AuthorizedKeysFile {inside}/key.pub
ForceCommand PATH={inside}:/usr/bin:/bin exec PowerShell -NoProfile -Command "$SSH_ORIGINAL_COMMAND"
PermitRootLogin yes
PasswordAuthentication no
StrictModes no
UsePAM no
"""
# PowerShell finds no files where no file system is mounted at /.
_IN_TREE = 'mount --rbind "$0" "$0" && exec chroot "$0" "$@"'
_WSL = """\
#!/bin/sh
while [ "$1" != --exec ]; do
    if [ "$1" = --distribution ] && [ "$2" != g ]; then
        echo 'There is no distribution with the supplied name.'
        echo 'Error code: Wsl/Service/WSL_E_DISTRO_NOT_FOUND'
        exit 255
    fi
    shift
done
shift
exec {enter} "$@"
"""


class Ssh:
    """A way to a guest by ssh, while it is entered."""

    def __init__(self, guest: Linux) -> None:
        self._guest = guest

    def __enter__(self) -> Self:
        engine = linux_powershell()
        if engine is None or not (ROOT / "usr/sbin/sshd").exists():
            raise RuntimeError(f"there is no sshd or no PowerShell for Linux in {ROOT}: run tests/winlab/install.sh")
        self._tree = tempfile.TemporaryDirectory(prefix="ssh-", dir=ROOT / "tmp")
        folder, inside = Path(self._tree.name), "/" + str(Path(self._tree.name).relative_to(ROOT))
        folder.chmod(0o755)
        (ROOT / "run/sshd").mkdir(parents=True, exist_ok=True)
        for name in ("host", "key"):
            command = ["chroot", str(ROOT), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{inside}/{name}"]
            subprocess.run(command, check=True)
        (folder / "config").write_text(_CONFIGURATION.format(inside=inside))
        _program(
            folder / "PowerShell", f'#!/bin/sh\nexec /{engine.relative_to(ROOT)} "$@"\n'
        )  # its modules are beside it
        _program(folder / "wsl.exe", _WSL.format(enter=shlex.join(self._guest.enter)))
        options = ["UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no", "LogLevel=ERROR"]
        options += [f"IdentityFile={inside}/key", f"ProxyCommand=/usr/sbin/sshd -i -f {inside}/config"]
        client = [
            "unshare",
            "--mount",
            "/bin/sh",
            "-c",
            _IN_TREE,
            str(ROOT),
            "env",
            "-i",
            "/usr/bin/ssh",
            *(f"-o{one}" for one in options),
        ]
        _program(folder / "ssh", f'#!/bin/sh\nexec {shlex.join(client)} "$@"\n')
        self._variables = {
            "ansible_wsl_windows_connection": "ansible.builtin.ssh",
            "ansible_wsl_windows_shell": "powershell",
            "ansible_wsl_program": f"{inside}/wsl.exe",
            "ansible_ssh_executable": str(folder / "ssh"),
            "ansible_ssh_args": "",
            "ansible_user": "root",
            "ansible_password": None,
            "ansible_port": None,
        }
        return self

    def __exit__(self, *exc: object) -> None:
        self._tree.cleanup()

    @property
    def variables(self) -> dict[str, Any]:
        """What reaches the guest so, in a play."""
        return self._variables


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
