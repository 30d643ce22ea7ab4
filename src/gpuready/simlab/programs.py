"""Models of the programs that are asked on a Windows PC: nvidia-smi.exe, wsl.exe, uv.exe.

A program is a function of a Call, which gives its arguments, variables and input and takes its output, and returns
the exit code. The programs of a winlab machine have the same form, so these serve both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol
from xml.sax.saxutils import escape

from gpuready.simlab.subsystem import INBOX_WSL, WSL, Subsystem

if TYPE_CHECKING:
    from gpuready.simlab.schema import Fault, Gpu, Pc

NVIDIA_SMI = r"C:\Windows\System32\nvidia-smi.exe"
NO_DRIVER = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest "
    "NVIDIA driver is installed and running. This can also be happening if non-NVIDIA GPU is running as primary "
    "display, and NVIDIA GPU is not in WDDM mode.\r\n\r\n"
)


class Call(Protocol):
    """One run of a program. `args` are without its name."""

    @property
    def args(self) -> list[str]:
        """The arguments."""

    @property
    def env(self) -> Mapping[str, str]:
        """The environment variables."""

    def read(self) -> bytes:
        """All of standard input."""

    def out(self, data: bytes | str) -> None:
        """Write to standard output."""

    def err(self, data: bytes | str) -> None:
        """Write to standard error."""


Program = Callable[..., int]


class Hanging(Exception):  # noqa: N818 - not an error
    """The program does not end; whoever runs it decides how long that is."""


class Run:
    """A Call without a machine: what simlab's models run a program with."""

    def __init__(self, args: list[str], env: Mapping[str, str] | None = None, stdin: bytes = b"") -> None:
        self.args, self.env, self._stdin = args, dict(env or {}), stdin
        self.stdout = self.stderr = b""
        self.rc: int | None = None

    def read(self) -> bytes:
        """All of standard input."""
        return self._stdin

    def out(self, data: bytes | str) -> None:
        """Write to standard output."""
        self.stdout += data.encode() if isinstance(data, str) else data

    def err(self, data: bytes | str) -> None:
        """Write to standard error."""
        self.stderr += data.encode() if isinstance(data, str) else data

    def hang(self) -> None:
        """It does not end by itself."""
        raise Hanging

    def execute(self, program: Program) -> Run:
        """Run it; `rc` stays None when it hangs."""
        try:
            self.rc = program(self)
        except Hanging:
            self.rc = None
        return self


def for_pc(pc: Pc, subsystem: Subsystem) -> dict[str, Program]:
    """Path -> program of everything that can be run on this PC, with the faults of the scenario."""
    programs: dict[str, Program] = {}
    if pc.wsl.inbox:
        programs[INBOX_WSL] = subsystem.inbox
    if pc.wsl.version:
        programs[WSL] = subsystem.wsl
    if pc.nvidia_smi == "no_driver":
        programs[NVIDIA_SMI] = nvidia_smi_without_driver
    elif pc.nvidia_smi == "auto" and _nvidia(pc):
        programs[NVIDIA_SMI] = nvidia_smi(pc)
    if pc.uv:
        programs[r"C:\ProgramData\gpuready\uv.exe"] = uv(pc.uv)
    for fault in pc.faults:
        if fault.kind.startswith("program_"):
            for path in [path for path in programs if path.rsplit("\\", 1)[1].lower() == (fault.on or "").lower()]:
                programs[path] = _faulty(fault, programs[path])
    return programs


def _faulty(fault: Fault, program: Program) -> Program:
    left = [fault.times]

    def run(call: Call) -> int:
        if left[0] == 0:
            return program(call)
        left[0] = None if left[0] is None else left[0] - 1
        if fault.kind == "program_garbage":
            call.out(fault.text.encode() or bytes(range(256)) * 4)
            return 0
        if fault.kind == "program_fails":
            call.err(fault.text or "the program failed\r\n")
            return 1
        call.out(fault.text)
        if hang := getattr(call, "hang", None):
            hang()
        time.sleep(fault.seconds or 3600)  # a winlab machine's Call has no hang: its program really does not end
        return 0

    return run


# --- nvidia-smi ---
def _nvidia(pc: Pc) -> list[int]:
    return [n for n, gpu in enumerate(pc.gpus) if gpu.vendor == "nvidia" and gpu.driver not in (None, "basic")]


def windows_to_nvidia(version: str) -> str:
    """NVIDIA's own version in a Windows driver version: the last five digits (32.0.15.7652 is 576.52)."""
    digits = version.replace(".", "")[-5:]
    return f"{digits[:3]}.{digits[3:]}"


def nvidia_smi_without_driver(call: Call) -> int:
    """nvidia-smi.exe left behind by a driver that is gone."""
    call.out(NO_DRIVER)
    return 9


def nvidia_smi(pc: Pc) -> Program:
    """nvidia-smi.exe of this PC's GPUs: `-q -x` and `-L`."""

    def run(call: Call) -> int:
        mine = [(n, pc.gpus[n]) for n in _nvidia(pc) if not pc.gpus[n].problem_code]
        if not mine:
            call.out("No devices were found\r\n")
            return 6
        if call.args == ["-L"]:
            call.out("".join(f"GPU {i}: {gpu.name} (UUID: {_uuid(gpu, n)})\r\n" for i, (n, gpu) in enumerate(mine)))
            return 0
        if call.args != ["-q", "-x"]:
            call.err(f"simlab: nvidia-smi {' '.join(call.args)} is not modelled (-q -x, -L)\r\n")
            return 2
        call.out(_xml(pc, mine))
        return 0

    return run


def _uuid(gpu: Gpu, position: int) -> str:
    return gpu.uuid or f"GPU-{position:08x}-5e3a-4f1b-9c2d-{int(gpu.device, 16):012x}"


def _xml(pc: Pc, mine: list[tuple[int, Gpu]]) -> str:
    from gpuready.simlab import gpus

    first = mine[0][1].driver
    version = windows_to_nvidia(first.version) if first not in (None, "basic") else "0.0"  # type: ignore[union-attr]
    parts = [
        '<?xml version="1.0" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">\n<nvidia_smi_log>\n',
        "\t<timestamp>Mon Nov 23 08:00:00 2026</timestamp>\n",
        f"\t<driver_version>{version}</driver_version>\n\t<cuda_version>{mine[0][1].cuda}</cuda_version>\n",
        f"\t<attached_gpus>{len(mine)}</attached_gpus>\n",
    ]
    for position, gpu in mine:
        bus, device, function = gpus.place(pc, position)
        at = f"00000000:{bus:02X}:{device:02X}.{function}"
        total = (gpu.memory or 0) // 2**20
        used, busy = gpu.memory_used // 2**20, gpu.utilization
        memory = {"ok": f"{used} MiB", "err": "ERR!", "lost": "GPU is lost"}[gpu.says]
        load = {"ok": f"{busy} %", "err": "ERR!", "lost": "GPU is lost"}[gpu.says]
        parts.append(
            f'\t<gpu id="{at}">\n\t\t<product_name>{escape(gpu.name)}</product_name>\n'
            "\t\t<product_brand>GeForce</product_brand>\n"
            f"\t\t<uuid>{_uuid(gpu, position)}</uuid>\n\t\t<driver_model>\n"
            f"\t\t\t<current_dm>{gpu.driver_model}</current_dm>\n"
            f"\t\t\t<pending_dm>{gpu.driver_model}</pending_dm>\n\t\t</driver_model>\n\t\t<pci>\n\t\t\t<pci_bus>{bus:02X}</pci_bus>\n"
            f"\t\t\t<pci_device_id>0x{gpu.device.upper()}10DE</pci_device_id>\n\t\t\t<pci_bus_id>{at}</pci_bus_id>\n\t\t</pci>\n"
            f"\t\t<fb_memory_usage>\n\t\t\t<total>{total} MiB</total>\n"
            f"\t\t\t<used>{memory}</used>\n\t\t</fb_memory_usage>\n"
            f"\t\t<utilization>\n\t\t\t<gpu_util>{load}</gpu_util>\n\t\t</utilization>\n\t</gpu>\n"
        )
    return "".join([*parts, "</nvidia_smi_log>\n"]).replace("\n", "\r\n")


# --- uv ---
def uv(version: str) -> Program:
    """uv.exe: `--version`."""

    def run(call: Call) -> int:
        if call.args == ["--version"]:
            call.out(f"uv {version} (141369ce7 2025-10-10)\r\n")
            return 0
        call.err(
            f"simlab: uv {' '.join(call.args)} is not modelled: the model of python_environment builds without it\r\n"
        )
        return 2

    return run
