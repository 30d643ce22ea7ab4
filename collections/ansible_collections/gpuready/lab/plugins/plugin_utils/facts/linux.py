# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a Linux machine or a WSL guest is: the evidence of docs/evidence.md as the facts of docs/records.md.

Pure, and never raises: evidence of any other shape gives nulls and problems.
"""

from __future__ import annotations

import re

from .. import reading
from ..evidence.pieces import Pieces, Row
from . import home, linux_adapters, nvidia
from .model import (
    Disk,
    Facts,
    Handed,
    Interpreter,
    LinuxDistribution,
    Machine,
    PendingReboot,
    Problem,
    System,
    User,
    Uv,
)

_MACHINES = {
    "x86_64": "x86_64",
    "amd64": "x86_64",
    "i386": "x86",
    "i486": "x86",
    "i586": "x86",
    "i686": "x86",
    "x86": "x86",
    "aarch64": "arm64",
    "arm64": "arm64",
}


def interpret(evidence: object) -> Facts:
    """The facts. `evidence` is EVIDENCE as the module gives it."""
    pieces = Pieces(evidence)
    kernel, release, inside_wsl = pieces.row("kernel"), pieces.row("os_release"), _wsl(pieces.row("wsl"))
    smi = nvidia.smi(pieces)
    dxg = pieces.row("dxg")
    adapters, ignored = linux_adapters.interpret(
        pieces.rows("pci_display"),
        smi,
        linux_adapters.Surroundings(
            wsl=bool(inside_wsl),
            dxg=dxg.flag("device") if dxg else None,
            nvidia_version=_nvidia_version(pieces.row("nvidia_driver")),
            kernel=kernel.text("release") if kernel else None,
        ),
        pieces,
    )
    if inside_wsl and not any(one.vendor == "nvidia" and one.status == "ok" for one in adapters):
        _blocked(pieces, dxg)
    environments = home.environments(pieces)
    passes, failures = home.last_trainings(pieces)
    return Facts(
        collected_at=reading.text(pieces.evidence.get("collected_at")),
        os=_os(kernel, release, reading.text(pieces.value("glibc")), inside_wsl),
        machine=_machine(pieces),
        disk=_disk(pieces.row("disk")),
        # None found is "there is none" only where the kernel could be asked.
        adapters=adapters if adapters or pieces.known("pci_display") else None,
        ignored_adapters=ignored,
        dxg=dxg.flag("device") if dxg else None,
        handed=_handed(dxg, pieces.row("wsl")) if inside_wsl else None,
        pending_reboot=_pending_reboot(kernel),
        users=_users(pieces),
        uv=_uv(pieces.row("uv")),
        interpreters=_interpreters(pieces.rows("interpreters")),
        environments=environments,
        passes=passes,
        failures=failures,
        problems=tuple(Problem(**one) for one in pieces.problems),
    )


def _blocked(pieces: Pieces, dxg: Row | None) -> None:
    """Windows gives its guests libcuda and nvidia-smi where it has NVIDIA's driver: then no NVIDIA GPU is a fault."""
    program = pieces.row(nvidia.PIECE)
    given = dxg.texts("libraries") if dxg and dxg.values.get("libraries") is not None else None
    if given is None:
        given = ["libcuda"] if program and (program.text("path") or "").startswith("/usr/lib/wsl/") else []
    if not any(name.startswith("libcuda") for name in given):
        return
    said = [one["message"] or one["code"] for one in pieces.problems if one["piece"] == nvidia.PIECE]
    why = said[0] if said else "nvidia-smi is not there" if program is None else "nvidia-smi names none"
    pieces.problem("dxg", "NVIDIA_GPU_BLOCKED", why)


def _handed(dxg: Row | None, wsl: Row | None) -> Handed | None:
    if dxg is None:
        return None
    libraries = tuple(dxg.texts("libraries")) if dxg.values.get("libraries") is not None else None
    conf = reading.line(wsl.text("conf")) if wsl else None
    return Handed(libraries, dxg.flag("cached"), tuple(dxg.texts("drivers")), conf)


def _nvidia_version(driver: Row | None) -> str | None:
    """Version of the loaded NVIDIA driver."""
    if driver is None:
        return None
    match = re.search(r"Kernel Module(?: for \S+)?\s+(\d+(?:\.\d+)+)", driver.text("text") or "")
    return driver.text("version") or (match[1] if match else None)


def _wsl(signs: Row | None) -> bool | None:
    if signs is None:
        return None
    said = (signs.flag("kernel_says_microsoft"), signs.flag("interop"))
    return True if any(said) else None if None in said else False


def _os(kernel: Row | None, release: Row | None, glibc: str | None, inside_wsl: bool | None) -> System:
    machine = kernel.text("machine") if kernel else None
    architecture = _MACHINES.get(machine.lower(), machine) if machine else None
    if kernel and kernel.integer("pointer_bits") == 32 and architecture == "x86_64":
        architecture = "x86"  # a 64-bit kernel under a 32-bit system
    library = re.match(r"^glibc (\d+(?:\.\d+)+)$", glibc or "")
    return System(
        family="linux",
        name=(release.text("PRETTY_NAME") or release.text("NAME")) if release else None,
        version=release.text("VERSION_ID") if release else None,
        architecture=architecture,
        language=kernel.text("language") if kernel else None,
        kernel=kernel.text("release") if kernel else None,
        glibc=library[1] if library else None,
        distribution=LinuxDistribution(release.text("ID"), release.text("VERSION_ID")) if release else None,
        wsl=inside_wsl,
        boot_time=kernel.text("started") if kernel else None,
        computer_name=kernel.text("node") if kernel else None,
    )


def _machine(pieces: Pieces) -> Machine:
    dmi, memory, processors = pieces.row("dmi"), pieces.row("memory"), pieces.row("processors")
    flags = processors.texts("flags") if processors and processors.values.get("flags") is not None else None
    return Machine(
        manufacturer=dmi.text("sys_vendor") if dmi else None,
        model=dmi.text("product_name") if dmi else None,
        memory_bytes=memory.integer("total_bytes") if memory else None,
        processor=processors.text("name") if processors else None,
        logical_processors=processors.integer("logical") if processors else None,
        virtualization=None if flags is None else bool({"vmx", "svm"} & set(flags)),
        hypervisor=None if flags is None else "hypervisor" in flags,
    )


def _disk(disk: Row | None) -> Disk | None:
    if disk is None:
        return None
    return Disk(disk.text("path"), disk.integer("free_bytes"), disk.integer("total_bytes"))


def _pending_reboot(kernel: Row | None) -> PendingReboot | None:
    wanted = kernel.flag("reboot_required") if kernel else None
    if wanted is None:
        return None
    return PendingReboot(wanted, ("/run/reboot-required",) if wanted else ())


def _users(pieces: Pieces) -> tuple[User, ...] | None:
    """Logged-on users by who(1): name and terminal are its first two words."""
    program = pieces.row("users")
    if program is None or program.integer("rc") != 0:
        return None
    lines = [line.split() for line in (program.text("stdout") or "").splitlines()]
    return tuple(User(words[0], words[1], None) for words in lines if len(words) > 1)


def _uv(program: Row | None) -> Uv | None:
    if program is None or program.integer("rc") != 0:
        return None
    match = re.match(r"^uv (\d+(?:\.\d+)+\S*)", program.text("stdout") or "")
    return Uv(program.text("path"), match[1]) if match else None


def _interpreters(rows: list[Row]) -> tuple[Interpreter, ...]:
    """CPythons that said what they are."""
    interpreters = []
    for row in rows:
        says = row.row("says")
        words = (says.text("stdout") or "").split() if says and says.integer("rc") == 0 else []
        if len(words) == 4 and words[2] == "CPython" and re.match(r"^\d+\.\d+\.\d+", words[0]):
            architecture = _MACHINES.get(words[1].lower(), words[1])
            if architecture == "x86_64" and words[3] == "4":
                architecture = "x86"
            interpreters.append(Interpreter(row.text("path"), words[0], architecture))
    return tuple(interpreters)
