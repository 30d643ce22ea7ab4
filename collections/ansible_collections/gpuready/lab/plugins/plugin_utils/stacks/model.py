# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stacks: what a GPU training stack needs and serves, read from one YAML file each.

Everything that the plan knows of a stack stands in its file (docs/plan.md has every key), so a new stack is a new file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..contract import WORDS
from ..hardware.oldest import OLDEST
from .reader import Reader as _Reader
from .reader import StackError as StackError

SCHEMA_VERSION = 1
TARGETS = ("windows", "wsl", "linux")
VENDORS = ("amd", "intel", "nvidia", "other")
GPU_VARIABLE = r"[A-Z][A-Z0-9_]*(DEVICES|SELECTOR|MASK|ORDINAL)"  # the PC sets no other
OWN = "own"  # the variant of a lab's own lock
DEFAULT_ROLE = "gpuready.lab.python_environment"
ANY = "any"  # of gpuready_library
GPU_NAMES = ("number", "uuid")
STATES = ("maintained", "frozen", "discontinued")


@dataclass(frozen=True)
class Variant:
    """One lock of a stack for a target, with the hardware it is for. Bounds are inclusive; null means no bound.

    `lock_sha256` is filled in when the lock is read (plugin_utils/stackfiles.py).
    """

    name: str
    lock: str
    vendors: tuple[str, ...] = ()
    min_compute_capability: str | None = None
    max_compute_capability: str | None = None
    min_driver: str | None = None
    note: str = ""
    lock_sha256: str | None = None
    lock_path: str | None = None


@dataclass(frozen=True)
class Target:
    """Where a stack runs.

    `min_drivers` maps a vendor to its least version in the numbers of that side: NVIDIA's and AMD's own, Intel's of
    Windows.
    """

    name: str
    python_version: str
    variants: tuple[Variant, ...]
    disk_bytes: int
    start: str
    min_windows_build: int | None = None
    min_kernel: str | None = None
    min_glibc: str | None = None
    min_drivers: Mapping[str, str] = field(default_factory=dict)
    extra_index_urls: tuple[str, ...] = ()
    needs_vc_runtime: bool = False


@dataclass(frozen=True)
class Rule:
    """For whom a stack is meant: every list that is not empty must hold the PC's value.

    The lowest rank wins; `why` is the reason shown when it does, `behind` when another stack comes before it.
    """

    rank: int
    why: str
    experience: tuple[str, ...] = ()
    library: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    vendors: tuple[str, ...] = ()
    behind: str = ""


@dataclass(frozen=True)
class GpuVariable:
    """The environment variable that says which GPUs the framework sees, and by what it names them: number or uuid."""

    name: str
    takes: str


@dataclass(frozen=True)
class Stack:
    """A stack. `vendors` empty: it needs no GPU. `platforms` is the reason why other targets are refused.

    `device_kind` is what the trainer reports of the stack's device; a `reference` is compared with and never READY.
    `role` brings the environment; `oldest_gpus` names a list of hardware/oldest.py. `logs_operators`: the framework
    logs where each operator ran; `ascii_paths`: on Windows it loads nothing from a path with other letters.
    """

    name: str
    title: str
    framework: str
    backend: str
    device: str
    device_kind: str
    libraries: tuple[str, ...]
    vendors: tuple[str, ...]
    architectures: tuple[str, ...]
    memory_bytes: int
    targets: Mapping[str, Target]
    serves: tuple[Rule, ...]
    licence: str
    platforms: str
    life_state: str
    life_note: str
    life_exit: str
    gpu_note: str = ""
    cuda_note: str = ""
    gpu_variable: GpuVariable | None = None
    reference: bool = False
    role: str = DEFAULT_ROLE
    oldest_gpus: str | None = None
    windows_licence: bool = False
    logs_operators: bool = False
    ascii_paths: bool = False


def parse(data: object, file: str = "stack") -> Stack:
    """Check the content of a stack's YAML file. Raises StackError naming `file` and the key."""
    top = _Reader(file, "", data)
    version = top.get("schema_version", int)
    if version != SCHEMA_VERSION:
        raise StackError(f"{file}: schema_version: {version} is not known here ({SCHEMA_VERSION} is)")
    name = top.pattern("name", r"[a-z0-9]+(-[a-z0-9]+)*")
    libraries = top.strings("libraries")
    if lost := [value for value in libraries if value == ANY or not re.fullmatch(r"[a-z][a-z0-9-]*", value)]:
        raise StackError(f"{file}: libraries: {lost[0]} is not the name of a library, as pytorch")
    targets = {key: _target(section) for key, section in top.sections("targets", TARGETS)}
    life = top.section("life")
    stack = Stack(
        name=name,
        title=top.text("title"),
        framework=top.text("framework"),
        backend=top.pattern("backend", r"[a-z0-9]+(-[a-z0-9]+)*"),
        device=top.text("device"),
        device_kind=top.pattern("device_kind", r"[A-Z][A-Z0-9]*"),
        libraries=libraries,
        vendors=top.choices("vendors", VENDORS, empty=True),
        architectures=top.strings("architectures"),
        memory_bytes=top.positive("memory_bytes"),
        targets=targets,
        serves=tuple(_rule(item) for item in top.items("serves")),
        licence=top.text("licence"),
        platforms=top.text("platforms"),
        life_state=life.choice("state", STATES),
        life_note=life.text("note"),
        life_exit=life.text("exit"),
        gpu_note=top.text("gpu_note", ""),
        cuda_note=top.text("cuda_note", ""),
        gpu_variable=_gpu_variable(top.section("gpu_variable")) if "gpu_variable" in top else None,
        reference=top.get("reference", bool, False),
        role=top.pattern("role", r"[a-z]\w*(\.[a-z]\w*){0,2}", DEFAULT_ROLE),
        oldest_gpus=top.choice("oldest_gpus", tuple(OLDEST)) if "oldest_gpus" in top else None,
        windows_licence=top.get("windows_licence", bool, False),
        logs_operators=top.get("logs_operators", bool, False),
        ascii_paths=top.get("ascii_paths", bool, False),
    )
    life.finish()
    top.finish()
    if stack.reference and stack.vendors:
        raise StackError(f"{file}: reference: a reference trains on the processor: it has no vendors")
    for rule in stack.serves:
        if lost := [value for value in rule.library if value not in (*libraries, ANY)]:
            raise StackError(f"{file}: serves: library {lost[0]} is not among this stack's libraries")
        if lost := [value for value in rule.targets if value not in targets]:
            raise StackError(f"{file}: serves: target {lost[0]} is not among this stack's targets")
    return stack


def _gpu_variable(section: _Reader) -> GpuVariable:
    variable = GpuVariable(section.pattern("name", GPU_VARIABLE), section.choice("takes", GPU_NAMES))
    section.finish()
    return variable


def _target(section: _Reader) -> Target:
    name = section.where.rsplit(".", 1)[-1]
    target = Target(
        name=name,
        python_version=section.pattern("python", r"3\.\d{1,2}"),
        variants=tuple(_variant(item) for _, item in section.sections("variants")),
        disk_bytes=section.positive("disk_bytes"),
        start=section.text("start"),
        min_windows_build=section.positive("min_windows_build", None),
        min_kernel=section.version("min_kernel"),
        min_glibc=section.version("min_glibc"),
        min_drivers={key: section.versions("min_drivers", key) for key in section.keys_of("min_drivers", VENDORS)},
        extra_index_urls=section.strings("extra_index_urls", empty=True),
        needs_vc_runtime=section.get("needs_vc_runtime", bool, False),
    )
    for url in target.extra_index_urls:
        if not re.match(r"(https?|file)://\S+$", url):
            raise StackError(
                f"{section.file}: {section.where}.extra_index_urls: {url!r} is not an http, https or file URL"
            )
    section.finish()
    return target


def _variant(section: _Reader) -> Variant:
    variant = Variant(
        name=section.where.rsplit(".", 1)[-1],
        lock=section.pattern("lock", r"[A-Za-z0-9][A-Za-z0-9._-]*\.txt"),
        vendors=section.choices("vendors", VENDORS, empty=True),
        min_compute_capability=section.version("min_compute_capability"),
        max_compute_capability=section.version("max_compute_capability"),
        min_driver=section.version("min_driver"),
        note=section.text("note", ""),
    )
    section.finish()
    return variant


def _rule(section: _Reader) -> Rule:
    rule = Rule(
        rank=section.positive("rank"),
        why=section.text("why"),
        behind=section.text("behind", ""),
        experience=section.choices("experience", WORDS["experience"], empty=True),
        library=section.strings("library", empty=True),
        targets=section.choices("targets", TARGETS, empty=True),
        vendors=section.choices("vendors", VENDORS, empty=True),
    )
    section.finish()
    return rule
