r"""gpuready's own modules in a guest of a simulated PC: the models of Windows on the guest's files.

The models spell paths as Windows does (\opt\gpuready\...); what goes in and comes out is spelled as Linux does.
"""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Iterator
from typing import Any

from gpuready.simlab import asynchronous, models
from gpuready.simlab.disk import DiskFullError, Node
from gpuready.simlab.manifest import Background
from gpuready.simlab.models.home import Home
from gpuready.simlab.models.model import ModuleFailed, Task
from gpuready.simlab.models.training_facts import working
from gpuready.simlab.pc import SimulatedPc, now
from gpuready.simlab.programs import NVIDIA_SMI, Program, Run
from gpuready.simlab.wsl.guests import ModelledGuests
from gpuready.simlab.wsl.linux import normal
from gpuready.simlab.wsl.shell import module_in
from gpuready.simlab.wsl.state import Distribution

HOME = r"\opt\gpuready"
LIBRARIES = "/usr/lib/wsl/lib"
_OURS = "gpuready.lab."
_PATH = re.compile(r"\\{1,2}opt\\{1,2}gpuready[^\s\"'`,;:]*")
_PYTHON = ("/Scripts/python.exe", "/bin/python")


class GuestDisk:
    """The files of a guest, by the names that Windows would give them."""

    def __init__(self, guests: ModelledGuests, one: Distribution) -> None:
        self._guests, self._one = guests, one
        self.free = 200 * 2**30

    def get(self, path: str) -> Node | None:
        """What lies there."""
        with self._guests.changed(self._one) as linux:
            entry = linux.get(_linux(path))
            if entry is not None and entry.data is not None:
                return Node(_windows(_linux(path)), entry.data)
            return Node(_windows(_linux(path))) if linux.is_folder(_linux(path)) else None

    def is_file(self, path: str) -> bool:
        """Whether a file lies there."""
        node = self.get(path)
        return node is not None and not node.is_folder

    def is_folder(self, path: str) -> bool:
        """Whether it is a folder."""
        node = self.get(path)
        return node is not None and node.is_folder

    def text(self, path: str) -> str | None:
        """A file as text."""
        node = self.get(path)
        return None if node is None or node.data is None else node.data.decode("utf-8", "replace")

    def make_folder(self, path: str) -> bool:
        """A folder; whether there was none."""
        with self._guests.changed(self._one) as linux:
            return linux.make_folder(_linux(path))

    def write(self, path: str, data: bytes, **_: Any) -> None:
        """A file, whole; of what it would take on a disk nothing is kept."""
        with self._guests.changed(self._one) as linux:
            linux.write(_linux(path), data)

    def remove(self, path: str) -> bool:
        """A file, or a folder with all in it; whether there was one."""
        with self._guests.changed(self._one) as linux:
            return linux.remove(_linux(path))

    def children(self, path: str) -> Iterator[Node]:
        """What lies directly in a folder, by name."""
        folder = _linux(path).rstrip("/") + "/"
        with self._guests.changed(self._one) as linux:
            names = sorted({one[len(folder) :].partition("/")[0] for one in linux.paths(folder)})
        yield from (node for name in names if (node := self.get(folder + name)))

    def below(self, path: str) -> list[Node]:
        """Every file in a folder, however deep, by name."""
        folder = _linux(path).rstrip("/") + "/"
        with self._guests.changed(self._one) as linux:
            return [
                Node(_windows(one), entry.data)
                for one in linux.paths(folder)
                if (entry := linux.get(one)) and entry.data is not None
            ]


class GuestPc:
    """A guest as the models see a PC. Its processes are the PC's: they end with a restart of Windows."""

    def __init__(self, pc: SimulatedPc, one: Distribution) -> None:
        if not isinstance(pc.subsystem.guests, ModelledGuests):
            raise TypeError("simlab: the guests of this PC are not modelled")
        self._pc, self.disk = pc, GuestDisk(pc.subsystem.guests, one)
        self.scenario = pc.scenario.model_copy(update={"home_owner": None})
        self.programs: dict[str, Program] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pc, name)

    def has(self, name: str) -> bool:
        """Whether this module is one of gpuready's."""
        return name.startswith(_OURS)

    def module(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        """The result of a module of gpuready's, run in the guest."""
        check = bool(given.get("_ansible_check_mode"))
        self._pc.note(f"guest {name.rpartition('.')[2]}", check)
        for fault in self._pc.faults.strike(name.rpartition(".")[2]):
            if fault.kind == "fail":
                return fault.failure()
        return self._started(name, given) if given.get("state") == "started" else self._answer(name, given)

    def _started(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        """What job.py does that starts a job: it claims it, and has what it brings run by Ansible's async."""
        sent = {key: given[key] for key in ("module", "wrapper")}
        asked, wrapper = [module_in(str(text)) for text in sent.values()]
        if asked is None or wrapper is None or wrapper[0] != "ansible.builtin.async_wrapper":
            return {"failed": True, "msg": "simlab: what is to be started is no module"}
        more = {key: value for key, value in given.items() if key not in (*sent, "limit")}
        answer = self._answer(name, {**more, "state": "claimed"})
        if not answer.get("claimed"):
            return answer
        self._start(*asked, Background(_windows(answer["folder"]), "j1", float(given["limit"])))
        return {**self._answer(name, {**more, "state": "status"}), "claimed": True}

    def _start(self, name: str, given: dict[str, Any], background: Background) -> None:
        self._pc.note(f"guest {name.rpartition('.')[2]}")
        strikes = self._pc.faults.strike(name.rpartition(".")[2])
        pc: Any = self
        power: Any = None  # nothing in a guest restarts its PC
        asynchronous.start(pc, power, background, strikes, lambda: self._answer(name, given), lambda: None)

    def _answer(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        arguments = {key: value for key, value in given.items() if not key.startswith("_ansible_")}
        arguments = {key: value for key, value in arguments.items() if value not in (None, [], {})}
        check = bool(given.get("_ansible_check_mode"))
        if arguments.get("home"):
            arguments["home"] = _windows(str(arguments["home"]))
        short = name.removeprefix(_OURS)
        if short == "gpu_facts":
            return dict(spelled(self._facts(str(arguments.get("home") or HOME))))
        if name not in models.MODELS or short not in (
            "job",
            "python_environment",
            "environment_pass",
            "training_facts",
        ):
            return {"failed": True, "msg": f"simlab: there is no model of the module {name} in a guest"}
        if short != "training_facts":
            arguments.setdefault("home", HOME)
        if short == "python_environment":
            if binary := arguments.pop("uv_binary", None):
                arguments.setdefault("uv_archive", binary)
                if not check and not self.disk.is_file(rf"{HOME}\uv.exe"):  # 50 MB are not carried for a model
                    self.disk.write(rf"{HOME}\uv.exe", b"MZ")
            arguments.setdefault("needs_vc_runtime", False)
        me: Any = self
        patience: Any = _Patience()
        try:
            result = models.MODELS[name](Task(me, arguments, check, patience))
        except ModuleFailed as failed:
            result = {"failed": True, **failed.result}
        except DiskFullError:
            result = {"failed": True, "msg": "No space left on device", "code": "DISK_FULL"}
        result.setdefault("changed", False)
        return dict(spelled(result))

    def _facts(self, path: str) -> dict[str, Any]:
        """The evidence of gpu_facts.py, with what a guest of WSL has."""
        me: Any = self
        home, said = Home(me, path), self._pc.scenario
        nvidia = NVIDIA_SMI in self._pc.programs
        gpu = bool(working(self._pc)) and said.wsl.gpu_support
        release = self._pc.subsystem.machine.kernel.rpartition("-")[0] + "-microsoft-standard-WSL2"
        smi = None
        if nvidia and gpu:
            call = Run(["-q", "-x"]).execute(self._pc.programs[NVIDIA_SMI])
            smi = {"path": f"{LIBRARIES}/nvidia-smi", "rc": call.rc, "timed_out": False, "seconds": 0.1, "stderr": ""}
            smi["stdout"] = call.stdout.decode()
        libraries = ["libd3d12.so", "libdxcore.so", *(["libcuda.so.1"] if nvidia else [])]
        with self.disk._guests.changed(self.disk._one) as linux:
            conf = linux.text("/etc/wsl.conf").rstrip("\n") or None
            os_release = {key: value.strip('"') for key, value in linux.release().items()}
        values: dict[str, Any] = {
            "nvidia_smi": smi, "uv": None, "users": None, "interpreters": [], "os_release": os_release,
            "kernel": {
                "release": release, "version": "#1 SMP", "machine": "x86_64", "node": self._pc.name, "pointer_bits": 64,
                "started": self._pc.boot_time, "reboot_required": False, "language": "C.UTF-8",
            },
            "glibc": "glibc 2.39", "pci_display": [], "nvidia_driver": None,
            "dxg": {"device": gpu, "libraries": libraries if gpu else None, "cached": True if gpu else None,
                    "drivers": []},
            "wsl": {"kernel_says_microsoft": True, "interop": True, "distribution": None, "conf": conf},
            "memory": {"total_bytes": said.machine.memory // 2, "available_bytes": said.machine.memory // 3},
            "processors": {"name": said.machine.processor, "logical": said.machine.logical_processors,
                           "flags": ["hypervisor"]},
            "disk": {"path": path, "free_bytes": self.disk.free, "total_bytes": 2 * self.disk.free},
            "environments": home.contents([]), "last_pass": home.texts("passes"),
            "marker": {"simulated": True, "by": "simlab"}, "dmi": None,
        }  # fmt: skip
        pieces = {name: {"value": value, "error": None} for name, value in values.items()}
        evidence = {"schema_version": 1, "platform": "linux", "collected_at": now(), "seconds": 0.1, "pieces": pieces}
        return {"changed": False, "ansible_facts": {"gpuready_evidence": evidence}}


class _Patience:
    """What a model waits with, where no command of WinRM is behind it."""

    def hang(self, seconds: float | None = None) -> None:
        """Let time go by."""
        time.sleep(seconds or 0)


def spelled(value: Any) -> Any:
    """Paths of gpuready's folder in what a model says, as Linux spells them; also within texts of JSON."""
    if isinstance(value, str):
        return _PATH.sub(lambda match: _linux(match[0].replace("\\\\", "\\")), value)
    if isinstance(value, dict):
        return {key: spelled(one) for key, one in value.items()}
    return [spelled(one) for one in value] if isinstance(value, list | tuple) else copy.copy(value)


def _linux(path: str) -> str:
    path = path.replace("\\", "/")
    path = path.removesuffix(_PYTHON[0]) + _PYTHON[1] if path.endswith(_PYTHON[0]) else path
    return normal(path)


def _windows(path: str) -> str:
    path = path.removesuffix(_PYTHON[1]) + _PYTHON[0] if path.endswith(_PYTHON[1]) else path
    return path.replace("/", "\\")
