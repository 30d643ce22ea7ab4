"""What the tests of python_environment on a Windows machine share: a machine with archives, and homes on it.

The real PowerShell, uv.exe, CPython for Windows, and tiny wheels made here. Nothing is fetched.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from environment_help import lock_of, make_wheel, module_for, sha256
from winlab import PREFIXES, Machine, testing

BUILD = "gpuready.lab.python_environment"


class Lab:
    """One home on the machine. What is built is built in the call itself, or `as_job`, as it ships."""

    as_job = False

    def __init__(self, pc: Machine, folder: Path, name: str) -> None:
        self.pc, self.folder, self.name = pc, folder, name
        self.windows = rf"C:\lab\homes\{name}"
        self.wheels = folder / "wheels"
        self.alpha = [self.wheels / f"gpalpha-{n}.0-py3-none-any.whl" for n in (1, 2, 3)]
        self.locks = [lock_of(wheel) for wheel in self.alpha]

    @property
    def home(self) -> Path:
        return self.pc.path(self.windows)

    def options(self, lock: str | None, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = {"home": self.windows, "stack": "tiny", **more}
        if lock is not None:
            found = {"lock_sha256": sha256(lock.encode()), **found}
        if found.get("state", "present") == "present":
            if lock is not None:
                found = {"lock": lock, "python": "3.10", **found}
            archive = {"path": r"C:\lab\py310.zip", "sha256": sha256((self.folder / "py310.zip").read_bytes())}
            own = {"uv": r"C:\lab\uv.exe", "interpreters": {"3.10": archive}, "find_links": [r"C:\lab\wheels"]}
            found = {**own, "no_index": True, **found}
        return {key: value for key, value in found.items() if value is not None}

    def run(self, *calls: tuple[str | None, dict[str, Any]], check: bool = False) -> list[dict[str, Any]]:
        """Several calls as tasks of one play; the results, failed ones too."""
        tasks = []
        for number, (lock, more) in enumerate(calls):
            given = dict(more)
            mode = given.pop("check_mode", check)
            options = self.options(lock, **given)
            module = module_for(options)
            if module == BUILD and not self.as_job:
                module = "building"
            tasks.append({"name": f"Call {number}", module: options, "ignore_errors": True, "check_mode": mode})
        play = {"hosts": "all", "gather_facts": False, "tasks": tasks}
        run = testing.ansible(self.pc, playbook=[play], environment=testing.OUR_ACTIONS)
        return [{"failed": False, "changed": False} | result for _, result in testing.results(run, self.pc.name)]

    def one(self, lock: str | None = None, **more: Any) -> dict[str, Any]:
        return self.run((lock, more))[0]

    def environment(self, lock: str) -> Path:
        return self.pc.path(rf"{self.windows}\environments\tiny-{sha256(lock.encode())[:12]}")

    def says(self, code: str = "import gpalpha; print(gpalpha.VERSION)") -> str:
        """What the current environment's Python says, started as a student does."""
        script = self.pc.path(r"C:\lab\student.py")
        script.write_text(code)
        launcher = rf"{self.windows}\bin\tiny.cmd"
        reply = self.pc.run(["cmd", "/c", launcher, r"C:\lab\student.py", "a b"])
        assert reply.rc == 0, reply
        return reply.stdout.strip()

    def tree(self) -> list[tuple[str, int]]:
        found = [(str(f), f.lstat().st_mtime_ns) for f in self.home.rglob("*") if "__pycache__" not in str(f)]
        return sorted(found)


def prepare(pc: Machine, folder: Path) -> Machine:
    """Put archives, uv and wheels on the machine."""
    windows = PREFIXES / "windows"
    with zipfile.ZipFile(folder / "py310.zip", "w") as archive:
        for file in sorted((windows / "Python310").rglob("*")):
            archive.write(file, f"Python310/{file.relative_to(windows / 'Python310')}")
        archive.writestr("Python310/python310._pth", "python310.zip\n")
    for n in (1, 2, 3):
        make_wheel(folder / "wheels", "gpalpha", f"{n}.0")
    lab = pc.path(r"C:\lab")
    lab.mkdir()
    shutil.copytree(folder / "wheels", lab / "wheels")
    shutil.copy(folder / "py310.zip", lab / "py310.zip")
    shutil.copy(windows / "uv.exe", lab / "uv.exe")
    (lab / "homes").mkdir()
    return pc


def hold(pc: Machine, file: str, seconds: int) -> threading.Thread:
    """Keep a file open on the machine for so long; returns when it is open."""
    flag = rf"C:\lab\held-{sha256(file.encode())[:8]}"
    opened = f"$f = [System.IO.File]::Open('{file}', 'Open', 'Read', 'None')"
    script = f"{opened}; Set-Content {flag} yes; Start-Sleep {seconds}"
    holder = threading.Thread(target=pc.powershell, args=(script,), daemon=True)
    holder.start()
    while not pc.path(flag).exists():
        time.sleep(0.2)
    return holder
