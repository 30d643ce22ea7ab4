"""Plain PowerShell that Ansible's own plugins send (win_reboot, clean-up), and command lines of programs."""

from __future__ import annotations

import base64
import json
import ntpath
import re

from gpuready.simlab import manifest
from gpuready.simlab.pc import Power, SimulatedPc
from gpuready.simlab.programs import Run
from gpuready.simlab.winrm.shells import Command

_SHUTDOWN = re.compile(r"shutdown\.exe /r /t (\d+)")
_REMOVE = re.compile(
    r"^\s*Remove-Item (?:-LiteralPath )?(?:'((?:[^']|'')*)'|\"([^\"]*)\"|(\S+)) -Force( -Recurse)?\s*$"
)
_SUCCESS = re.compile(r"'(success-[0-9a-f-]+)'")


def run(pc: SimulatedPc, power: Power, text: str, command: Command) -> int:
    """Carry out a script or a command line; its exit code. Raises manifest.Unknown for one that is not known."""
    if match := _REMOVE.match(text):
        path = (match[1] or "").replace("''", "'") or match[2] or match[3]
        if not pc.disk.remove(path):
            command.write("stderr", f"Cannot find path '{path}' because it does not exist.\r\n".encode())
            return 1
        return 0
    if match := _SHUTDOWN.search(text):
        if pc.faults.has("does_not_restart"):
            stderr, rc = "Access is denied.(5)", 5
        elif power.restart(pc, float(match[1])):
            stderr, rc = "", 0
        else:
            stderr, rc = "A system shutdown has already been scheduled.(1190)", 1190
        command.write("stdout", json.dumps({"stdout": "", "stderr": stderr, "rc": rc}).encode() + b"\r\n")
        return 0
    if "LastBootUpTime" in text:
        command.write("stdout", pc.boot_time.encode() + b"\r\n")
        return 0
    if "AutoLogonChecked" in text and (match := _SUCCESS.search(text)):
        if pc.restarting:
            command.write("stderr", b"Cannot find path 'AutoLogonChecked' because it does not exist.\r\n")
            return 1
        command.write("stdout", match[1].encode() + b"\r\n")
        return 0
    return program(pc, text, command)


def guest(pc: SimulatedPc, request: manifest.Guest, command: Command) -> int:
    """wsl.exe by the script of the connection plugin: its streams and its exit code come back as lines of base64."""
    path = pc.find_program(pc.expand(request.program))
    if path is None:
        command.write("stderr", f"{request.program}: The system cannot find the file specified.\r\n".encode())
        return 1
    environment = {**pc.variables, "WSL_UTF8": "1", "WSL_DISABLE_WARNINGS": "1"}
    call = Run([], environment, request.stdin)
    if pc.programs[path] == pc.subsystem.wsl:
        pc.run_wsl(f"wsl.exe {request.line}", call)
    else:
        call.args = split(request.line)
        call.execute(pc.programs[path])
    if call.rc is None:
        command.hang()
    for name, data in (("O", call.stdout), ("E", call.stderr)):
        command.write("stdout", f"{name}:{base64.b64encode(data).decode()}\r\n".encode())
    command.write("stdout", f"X:{call.rc}\r\n".encode())
    return 0


def split(line: str) -> list[str]:
    """A command line as its arguments, by the rules of CommandLineToArgvW as far as quotes go."""
    return [a or b for a, b in re.findall(r'"([^"]*)"|(\S+)', line.strip().removeprefix("& "))]


def program(pc: SimulatedPc, line: str, command: Command) -> int:
    """A program of the PC by its command line."""
    arguments = split(line)
    name = arguments[0] if arguments else ""
    if ntpath.basename(name).lower().removesuffix(".exe") == "hostname":
        command.write("stdout", pc.name.encode() + b"\r\n")
        return 0
    path = pc.find_program(name)
    if path is None:
        raise manifest.Unknown(f"there is no model of this program or script: {' '.join(line.split())[:120]}")
    call = Run(arguments[1:], pc.variables).execute(pc.programs[path])
    pc.show()
    command.write("stdout", call.stdout)
    command.write("stderr", call.stderr)
    if call.rc is None:
        command.hang()
    return call.rc or 0
