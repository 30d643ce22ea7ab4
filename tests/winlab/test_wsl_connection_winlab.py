"""gpuready.lab.wsl on a real PowerShell: wsl.exe is the model, the guest a real Linux root."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from winlab.tree import ROOT

from gpuready.simlab.disk import Disk
from gpuready.simlab.wsl import line
from gpuready.simlab.wsl.host import Caller, Command, DiskFiles, Streams
from gpuready.simlab.wsl.program import wsl
from gpuready.simlab.wsl.run import Run
from gpuready.simlab.wsl.state import Distribution, Machine

SID = "S-1-5-21-1-2-3-1001"
WSL = r"C:\Program Files\WSL\wsl.exe"
GUEST = {
    "ansible_connection": "gpuready.lab.wsl",
    "ansible_wsl_distribution": "g",
    "ansible_shell_type": "sh",
    "ansible_python_interpreter": "/usr/bin/python3",
    "ansible_pipelining": True,
}


class Chroot:
    """A guest that is the Linux tree of the machines."""

    def run(self, command: Command, streams: Streams) -> int:
        process = subprocess.Popen(
            ["chroot", str(ROOT), "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
             *(command.argv or ())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        out, err = process.communicate(streams.read())
        streams.out(out)
        streams.err(err)
        return process.returncode


def program(call: Any) -> int:
    with LOCK:
        run = Run(MACHINE, Caller(SID, dict(call.env)), FILES, Chroot(), call)  # type: ignore[arg-type]
    return wsl(run, line.join(call.argv))


LOCK, MACHINE, FILES = threading.Lock(), Machine(), DiskFiles(Disk(10**9, 10**9))
ONE = Distribution("{0}", "g", r"C:\g")
MACHINE.user(SID).distributions[ONE.guid] = ONE
FILES.write(ONE.disk, b"")


@pytest.mark.parametrize("connection", ["winrm", "psrp"])
def test_modules_work_in_the_guest(winlab_machine: Any, ansible: Any, tmp_path: Path, connection: str) -> None:
    pc = winlab_machine("wsl", programs={WSL: program})
    plugin = {"ansible_wsl_windows_connection": f"ansible.builtin.{connection}"}

    def guest(module: str, args: dict[str, Any], **more: Any) -> dict[str, Any]:
        task = {"vars": {**GUEST, **plugin, **more}}
        return dict(ansible(pc, module, args, task=task, connection=connection))

    said = guest("ansible.builtin.command", {"argv": ["sh", "-c", 'printf "%s|" "$0"; cat', 'x "y" é'], "stdin": "ü"})
    assert said.get("stdout") == 'x "y" é|ü', said
    name = f"/tmp/wsl {connection} é"
    try:
        made = guest("ansible.builtin.copy", {"content": "päth\n" * 10, "dest": name, "mode": "0640"})
        assert made["changed"], made
        assert guest("ansible.builtin.stat", {"path": name})["stat"]["mode"] == "0640"
        fetched = tmp_path / "fetched"
        assert not guest("ansible.builtin.fetch", {"src": name, "dest": str(fetched), "flat": True})["failed"]
        assert fetched.read_text() == "päth\n" * 10
    finally:
        (ROOT / name[1:]).unlink(missing_ok=True)
    lost = guest("ansible.builtin.command", {"cmd": "true"}, ansible_wsl_distribution="other")
    assert lost["unreachable"]
    assert "WSL_NO_DISTRIBUTION: " in lost["msg"], lost
    assert "(Wsl/Service/WSL_E_DISTRO_NOT_FOUND)" in lost["msg"]
