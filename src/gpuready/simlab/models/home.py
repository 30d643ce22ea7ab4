"""gpuready's folder on a simulated PC, for the model of python_environment."""

from __future__ import annotations

import json
import ntpath
from collections.abc import Mapping
from typing import Any

from gpuready.simlab.models.model import ModuleFailed
from gpuready.simlab.pc import SimulatedPc


def fail(code: str, message: str) -> ModuleFailed:
    """A failure as the module gives it."""
    return ModuleFailed(message, code=code, phase="", program_rc=None, details=[])


class Home:
    """gpuready's folder on a simulated PC."""

    def __init__(self, pc: SimulatedPc, path: str) -> None:
        self.pc, self.disk, self.path = pc, pc.disk, path

    def environment(self, stack: str, lock_sha256: str) -> str:
        """Where the environment of a lock lives."""
        return rf"{self.path}\environments\{stack}-{lock_sha256[:12]}"

    def json(self, path: str) -> dict[str, Any]:
        """A JSON object; empty when there is none."""
        try:
            found = json.loads(self.disk.text(path) or "")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def complete(self, environment: str, lock_sha256: str) -> dict[str, Any]:
        """The marker of an environment that is whole; empty when it must be built (again)."""
        marker = self.json(rf"{environment}\gpuready.json")
        whole = marker.get("complete") is True and marker.get("lock_sha256") == lock_sha256
        return marker if whole and self.disk.is_file(rf"{environment}\Scripts\python.exe") else {}

    def environments_of(self, stack: str) -> list[str]:
        """Its environments, whole or not."""
        folders = [node.path for node in self.disk.children(rf"{self.path}\environments") if node.is_folder]
        return [path for path in folders if ntpath.basename(path).rpartition("-")[0] == stack]

    def start(self, stack: str, text: str | None) -> str:
        """How a student starts it."""
        if not text:
            return rf"{self.path}\bin\{stack}.cmd opens a prompt in which `python` has the stack"
        return self.path + text[4:] if text.startswith("HOME") else text

    def write(self, path: str, text: str) -> bool:
        """A text file; whether that changed anything."""
        if self.disk.text(path) == text:
            return False
        self.disk.write(path, text.encode())
        return True

    def pointers(self) -> dict[str, dict[str, Any]]:
        """What is current, by stack."""
        files = [node for node in self.disk.children(rf"{self.path}\current") if node.path.lower().endswith(".json")]
        found = {ntpath.basename(node.path)[: -len(".json")]: self.json(node.path) for node in files}
        return {stack: pointer for stack, pointer in found.items() if pointer}


def note(pointers: Mapping[str, Mapping[str, Any]]) -> str | None:
    """What README.txt must say, None when there is nothing to speak of."""
    if not pointers:
        return None
    lines = ["This PC trains machine-learning models on its GPU. How to start:", ""]
    for stack in sorted(pointers):
        pointer = pointers[stack]
        lines += [stack, f"    {pointer.get('start')}", f"    Python: {pointer.get('python')}"]
        if visible := pointer.get("visible_devices"):
            lines.append(f"    Without that launcher, set {visible} first: the GPU that was tried.")
        lines.append("")
    end = "Everything here was made by gpuready and may be replaced by it; keep your own work elsewhere."
    return "\r\n".join([*lines, end, ""])


def launcher(stack: str, environment: str, visible_devices: str) -> str:
    """The batch file that a student starts."""
    about = "without arguments a prompt in which python is its Python; with a script, that script."
    name = visible_devices.partition("=")[0]
    return "\r\n".join(
        [
            "@echo off",
            f"rem How to start {stack}: {about}",
            rf'set "VIRTUAL_ENV=%~dp0..\environments\{ntpath.basename(environment)}"',
            r'set "PATH=%VIRTUAL_ENV%\Scripts;%PATH%"',
            *([f'if not defined {name} set "{visible_devices}"'] if name else []),  # a student's own choice stands
            'if not "%~1"=="" goto run',
            rf"echo {stack}: python is %VIRTUAL_ENV%\Scripts\python.exe; exit leaves.",
            "cmd /k",
            "exit /b",
            ":run",
            r'"%VIRTUAL_ENV%\Scripts\python.exe" %*',
            "exit /b",
            "",
        ]
    )
