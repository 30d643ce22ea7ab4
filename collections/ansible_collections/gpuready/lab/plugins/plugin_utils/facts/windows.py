# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A Windows PC's evidence as facts.

`interpret` takes EVIDENCE as docs/evidence.md has it.  It never raises: what is missing, failed or has the wrong shape
is None in the facts and stands in `problems`.
"""

from __future__ import annotations

from .. import reading
from ..evidence.pieces import Pieces, Row
from . import home, nvidia, windows_software
from . import (
    windows_adapters as adapters,
)
from . import (
    windows_devices as devices,
)
from .model import Disk, Facts, Machine, Problem, System, User

_KINDS = {1: "workstation", 2: "server", 3: "server"}
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64", "x86": "x86", "ia64": "ia64", "arm": "arm"}
_PROCESSORS = {0: "x86", 5: "arm", 9: "x86_64", 12: "arm64"}
# The language identifiers that Windows is sold in; MUILanguages has the name itself and is asked first.
_LANGUAGES = {
    1025: "ar-SA", 1026: "bg-BG", 1028: "zh-TW", 1029: "cs-CZ", 1030: "da-DK", 1031: "de-DE", 1032: "el-GR",
    1033: "en-US", 1034: "es-ES", 1035: "fi-FI", 1036: "fr-FR", 1037: "he-IL", 1038: "hu-HU", 1040: "it-IT",
    1041: "ja-JP", 1042: "ko-KR", 1043: "nl-NL", 1044: "nb-NO", 1045: "pl-PL", 1046: "pt-BR", 1048: "ro-RO",
    1049: "ru-RU", 1050: "hr-HR", 1051: "sk-SK", 1053: "sv-SE", 1054: "th-TH", 1055: "tr-TR", 1058: "uk-UA",
    1060: "sl-SI", 1061: "et-EE", 1062: "lv-LV", 1063: "lt-LT", 2052: "zh-CN", 2057: "en-GB", 2058: "es-MX",
    2070: "pt-PT", 2074: "sr-Latn-RS", 3076: "zh-HK", 3082: "es-ES", 3084: "fr-CA",
}  # fmt: skip
# Makers and models of virtual machines, in no language.
_VIRTUAL = (
    "vmware",
    "virtualbox",
    "innotek",
    "qemu",
    "xen",
    "parallels",
    "bochs",
    "kvm",
    "amazon ec2",
    "google compute",
)
_FIRST_BUILD_11 = 22000


def interpret(evidence: object) -> Facts:
    """The facts of a Windows PC."""
    pieces = Pieces(evidence)
    os, machine = _os(pieces)
    smi = nvidia.smi(pieces)
    controllers, entities = pieces.rows("video_controllers"), pieces.rows("pnp_display")
    display_devices = devices.gather(controllers, entities, pieces.rows("display_class"))
    kept, ignored = adapters.interpret(display_devices, smi)
    # None found is "there is none" only where Windows was asked for all of them.
    looked = pieces.known("video_controllers") and pieces.known("pnp_display")
    features = windows_software.features(pieces)
    passes, failures = home.last_trainings(pieces)
    return Facts(
        collected_at=reading.text(pieces.evidence.get("collected_at")),
        os=os,
        machine=machine,
        disk=_disk(pieces),
        adapters=kept if kept or looked else None,
        ignored_adapters=ignored,
        wsl=windows_software.wsl(pieces, features),
        features=features,
        vc_runtime=windows_software.vc_runtime(pieces),
        pending_reboot=windows_software.pending_reboot(pieces, features),
        users=_users(pieces),
        uv=windows_software.uv(pieces),
        interpreters=windows_software.interpreters(pieces),
        environments=home.environments(pieces, windows_software.runtime_files(pieces)),
        passes=passes,
        failures=failures,
        problems=_problems(pieces),
    )


def _problems(pieces: Pieces) -> tuple[Problem, ...]:
    pieces.row("marker")  # read by the caller; here for its error alone
    return tuple(Problem(**one) for one in pieces.problems)


def _os(pieces: Pieces) -> tuple[System, Machine]:
    system = pieces.row("operating_system")
    computer = pieces.row("computer_system")
    processors = pieces.rows("processors")
    registry = system.row("registry") if system else None
    build = (system.integer("BuildNumber") if system else None) or (
        registry.integer("CurrentBuildNumber") if registry else None
    )
    version = (system.text("Version") if system else None) or (f"10.0.{build}" if build else None)
    languages = system.texts("MUILanguages") if system else []
    code = system.integer("OSLanguage") if system else None
    architecture = _architecture(pieces, processors)
    os = System(
        family="windows",
        name=(system.text("Caption") if system else None) or _product(registry, build),
        version=version,
        build=build,
        revision=registry.integer("UBR") if registry else None,
        kind=_kind(system, registry),
        architecture=architecture,
        language=languages[0] if languages else _LANGUAGES.get(code or 0),
        wsl=False,
        boot_time=system.text("LastBootUpTime") if system else None,
        computer_name=windows_software.computer_name(pieces),
    )
    return os, _machine(computer, processors, architecture)


def _product(registry: Row | None, build: int | None) -> str | None:
    """The product's name from the registry, where Windows 11 still calls itself 10."""
    name = registry.text("ProductName") if registry else None
    if name and build and build >= _FIRST_BUILD_11:
        name = name.replace("Windows 10", "Windows 11")
    return f"Microsoft {name}" if name else None


def _kind(system: Row | None, registry: Row | None) -> str | None:
    known = _KINDS.get(system.integer("ProductType") or 0) if system else None
    if known:
        return known
    installation = (registry.text("InstallationType") if registry else None) or ""
    return {"client": "workstation", "server": "server", "server core": "server"}.get(installation.lower())


def _architecture(pieces: Pieces, processors: list[Row]) -> str | None:
    """That of Windows: the machine's own variable says it even to an emulated or a 32-bit process."""
    row = pieces.row("architecture")
    texts = [row.text(name) for name in ("machine", "wow64")] if row else []
    for text in texts:
        if text:
            return _ARCHITECTURES.get(text.lower(), text.lower())
    for processor in processors:
        known = _PROCESSORS.get(code) if (code := processor.integer("Architecture")) is not None else None
        if known and not (known == "x86_64" and row and row.flag("os_64bit") is False):
            return known
    text = row.text("process") if row else None
    return _ARCHITECTURES.get(text.lower(), text.lower()) if text else None


def _machine(computer: Row | None, processors: list[Row], architecture: str | None) -> Machine:
    hypervisor = computer.flag("HypervisorPresent") if computer else None
    maker = computer.text("Manufacturer") if computer else None
    model = computer.text("Model") if computer else None
    counts = [count for row in processors if (count := row.integer("NumberOfLogicalProcessors"))]
    memory = computer.integer("TotalPhysicalMemory") if computer else None
    return Machine(
        manufacturer=maker,
        model=model,
        memory_bytes=memory if memory and memory > 0 else None,
        processor=processors[0].text("Name") if processors else None,
        logical_processors=(computer.integer("NumberOfLogicalProcessors") if computer else None) or sum(counts) or None,
        virtualization=_virtualization(processors, hypervisor, maker, model, architecture),
        hypervisor=hypervisor,
    )


def _virtualization(
    processors: list[Row], hypervisor: bool | None, maker: str | None, model: str | None, architecture: str | None
) -> bool | None:
    """Whether the firmware lets this PC run virtual machines.

    Below a hypervisor Windows reads False from the processor.  On a PC the hypervisor is its own, and proves that
    virtualization is on; in a virtual machine it is another's and proves nothing.
    """
    flags = [row.flag("VirtualizationFirmwareEnabled") for row in processors]
    if flags and all(flag is True for flag in flags):
        return True
    guest = any(word in f"{maker} {model}".lower() for word in _VIRTUAL) or (model or "").lower() == "virtual machine"
    if hypervisor:
        return None if guest else True
    if architecture == "arm64":  # the property is Intel's and AMD's
        return None
    return False if hypervisor is False and False in flags else None


def _disk(pieces: Pieces) -> Disk | None:
    row = pieces.row("disk")
    if row is None:
        return None
    free, total = row.integer("free_bytes"), row.integer("total_bytes")
    return Disk(
        path=row.text("path"),
        free_bytes=free if free is not None and free >= 0 else None,
        total_bytes=total if total is not None and total > 0 else None,
    )


def _users(pieces: Pieces) -> tuple[User, ...] | None:
    value = pieces.rows("users")
    if not value and not pieces.known("users"):
        return None
    named = [(name, row.integer("session")) for row in value if (name := row.text("name"))]
    ordered = sorted(named, key=lambda user: (user[1] is None, user[1] or 0, user[0]))
    return tuple(User(name, session, None) for name, session in ordered)
