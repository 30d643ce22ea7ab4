# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is installed on a Windows PC, as facts: WSL, Windows features, the C++ runtime, Python."""

from __future__ import annotations

import base64
import binascii
import re

from .. import reading
from ..evidence import wsl_output
from ..evidence.pieces import Pieces, Row
from ..stacks import runtime
from .model import (
    Interpreter,
    PendingReboot,
    Uv,
    VcRuntime,
    Wsl,
    WslDistribution,
    WslError,
    WslPlace,
)

FEATURES = ("VirtualMachinePlatform", "Microsoft-Windows-Subsystem-Linux", "Microsoft-Hyper-V")
_INSTALL_STATES = {1: "Enabled", 2: "Disabled", 3: "Absent"}
_DISTRIBUTION_STATES = {1: "installed", 3: "installing", 4: "uninstalling", 5: "converting", 6: "exporting"}
_LOCAL_SYSTEM = "S-1-5-18"
_WSL2 = 8  # in Flags: runs in the virtual machine.  The value Version is the layout of the disk, not this.
_MACHINES = {0x14C: "x86", 0x8664: "x86_64", 0xAA64: "arm64"}
_UV = re.compile(r"^uv (\d+\.\d+\.\d+\S*)", re.MULTILINE)
_NUMBERS = re.compile(r"\d+(?:\.\d+)+", re.ASCII)


def features(pieces: Pieces) -> dict[str, str | None]:
    """State of each optional feature in DISM's words, or None when not known.

    DISM knows of pending states, CIM does not.
    """
    value = pieces.row("features")
    states: dict[str, str | None] = {}
    for name in FEATURES:
        row = value.row(name) if value else None
        state = row.text("dism_state") if row else None
        states[name] = state or (_INSTALL_STATES.get(row.integer("install_state") or 0) if row else None)
    if value and pieces.known("features"):
        for name, state in states.items():  # asked and not listed: this edition does not have it
            row = value.row(name)
            if (
                state is None
                and row
                and row.values.get("install_state") is None
                and row.values.get("dism_state") is None
            ):
                states[name] = "Absent"
    return states


def computer_name(pieces: Pieces) -> str | None:
    """The name that the computer has now."""
    row = pieces.row("pending_reboot")
    names = row.row("computer_name") if row else None
    return names.text("active") if names else None


def pending_reboot(pieces: Pieces, states: dict[str, str | None]) -> PendingReboot:
    """Whether Windows waits for a restart (null when it could not be looked at) and why."""
    row = pieces.row("pending_reboot")
    reasons = [f"feature {name} is {state}" for name, state in states.items() if state and state.endswith("Pending")]
    if row is not None:
        for name, reason in (
            ("cbs_reboot_pending", "component based servicing: RebootPending"),
            ("cbs_packages_pending", "component based servicing: PackagesPending"),
            ("windows_update", "Windows Update: RebootRequired"),
            ("wsl_install_status", "WSL: InstallStatus"),
        ):
            if row.flag(name):
                reasons.append(reason)
        if (row.integer("file_renames") or 0) > 0:
            reasons.append("PendingFileRenameOperations")
        names = row.row("computer_name")
        active, pending = (names.text("active"), names.text("pending")) if names else (None, None)
        if active and pending and active.lower() != pending.lower():
            reasons.append(f"the computer's name becomes {pending}")
    return PendingReboot(True if reasons else (False if row is not None else None), tuple(reasons))


def wsl(pieces: Pieces, states: dict[str, str | None]) -> Wsl:
    """WSL of the user that Ansible logs on as."""
    registry = pieces.row("wsl_registry")
    versions, error, ran = _wsl_answer(pieces)
    msi = registry.row("msi") if registry else None
    user = registry.row("user") if registry else None
    policies = registry.row("policies") if registry else None
    store = registry.text("store") if registry else None
    version = versions.wsl if versions else (msi.text("Version") if msi else None)
    inbox = states["Microsoft-Windows-Subsystem-Linux"]
    installed: bool | None = None
    if versions or version or store:
        installed = True
    elif registry is not None and pieces.known("wsl_registry"):
        # WSL as a part of Windows itself, before it became a package.
        by_windows = inbox in ("Enabled", "DisablePending") and registry.flag("inbox") is not False
        installed = True if by_windows else (None if inbox is None and registry.flag("inbox") else False)
    allows = policies.integer("AllowWSL") if policies else None
    return Wsl(
        installed=installed if installed is not None or not ran else True,
        version=version,
        kernel=versions.kernel if versions else None,
        default_version=_default_version(user),
        policy_allows=None if registry is None else allows != 0,
        local_system=user.text("sid") == _LOCAL_SYSTEM if user and user.text("sid") else None,
        distributions=_distributions(user) if user else None,
        place=_place(pieces),
        error=error,
    )


def _place(pieces: Pieces) -> WslPlace | None:
    row = pieces.row("wsl_place")
    if row is None:
        return None
    disk, free = row.flag("disk"), row.integer("free_bytes")
    return WslPlace(
        name=row.text("name"),
        folder=row.text("folder"),
        registered=row.flag("registered"),
        ours=row.flag("marker"),
        disk=disk,
        held=None if disk is None else row.text("held") is not None,
        other_user=row.text("other_sid") is not None,
        export=row.text("export"),
        drive=row.text("drive"),
        free_bytes=free if free is not None and free >= 0 else None,
    )


def _default_version(user: Row | None) -> int | None:
    version = user.integer("DefaultVersion") if user else None
    return version if version in (1, 2) else (2 if user and version is None else None)


def _distributions(user: Row) -> tuple[WslDistribution, ...]:
    default = (user.text("DefaultDistribution") or "").lower()
    distributions = []
    for row in user.rows("distributions"):
        name, flags, state = row.text("DistributionName"), row.integer("Flags"), row.integer("State")
        if name is None:
            continue
        distributions.append(
            WslDistribution(
                name=name,
                state=_DISTRIBUTION_STATES.get(state or 0, "unknown"),
                wsl_version=None if flags is None else (2 if flags & _WSL2 else 1),
                default=bool(default) and (row.text("id") or "").lower() == default,
                uid=row.integer("DefaultUid"),
            )
        )
    return tuple(distributions)


def _wsl_answer(pieces: Pieces) -> tuple[wsl_output.Versions | None, WslError | None, bool]:
    """What `wsl --version` said, what went wrong with it, and whether there was a wsl.exe to ask."""
    program = pieces.row("wsl_version")
    code = pieces.error("wsl_version")
    if program is None:
        return None, (WslError(code, "wsl.exe could not be asked") if code else None), False
    text = _decoded(pieces, program, "stdout_base64")
    rc = program.integer("rc")
    versions = wsl_output.versions(text) if rc == 0 else None
    if versions:
        return versions, None, True
    if code or program.flag("timed_out"):
        return None, WslError(code or "TIME_LIMIT", "wsl.exe --version did not end in time"), True
    failure = wsl_output.failure(text) or wsl_output.failure(_decoded(pieces, program, "stderr_base64"))
    first = next((line for line in text.splitlines() if line.strip()), "nothing")
    message = f"wsl.exe --version ended with {rc} and wrote: {' '.join(first.split())[:200]}"
    code = failure.tail or failure.code if failure else "WSL_OUTPUT_UNREADABLE"
    pieces.problem("wsl_version", code, message)
    return None, WslError(code, message), True


def _decoded(pieces: Pieces, program: Row, name: str) -> str:
    try:
        return reading.text(wsl_output.decode(base64.b64decode(program.text(name) or "", validate=True))) or ""
    except (binascii.Error, ValueError):
        pieces.malformed("wsl_version", f"{name} is no base64")
        return ""


def vc_runtime(pieces: Pieces) -> VcRuntime | None:
    """Windows' own C++ runtime: installed when all its files are there, whatever its key says."""
    row = pieces.row("vc_runtime")
    if row is None:
        return None
    files, registry = row.row("files"), row.row("registry")
    there = [files.values.get(name) is not None for name in runtime.FILES] if files else []
    installed = all(there) if there else (registry.integer("Installed") == 1 if registry else None)
    texts = [registry.text("Version") if registry else None]
    texts += [files.text(name) for name in ("vcruntime140.dll", "msvcp140.dll")] if files else []
    version = next((match[0] for text in texts if text and (match := _NUMBERS.search(text))), None)
    return VcRuntime(installed, _plain_version(version) if installed else None)


def runtime_files(pieces: Pieces) -> set[str] | None:
    """The files of the C++ runtime that Windows has; None when that is not known."""
    row, redistributable = pieces.row("vc_runtime"), vc_runtime(pieces)
    if redistributable is not None and redistributable.installed:
        return set(runtime.FILES)
    files = row.row("files") if row else None
    return {name for name in runtime.FILES if files.values.get(name) is not None} if files and files.values else None


def _plain_version(text: str | None) -> str | None:
    """14.40.33810.00 is 14.40.33810.0."""
    return ".".join(str(int(number)) for number in text.split(".")) if text else None


def uv(pieces: Pieces) -> Uv | None:
    """The uv that is there, or null."""
    row = pieces.row("uv")
    if row is None or row.text("path") is None:
        return None
    match = _UV.search(row.text("stdout") or "")
    if match is None:
        if pieces.known("uv"):
            pieces.problem(
                "uv", "UV_UNREADABLE", f"{row.text('path')} --version ended with {row.integer('rc')} and no version"
            )
        return None
    return Uv(row.text("path"), match[1])


def interpreters(pieces: Pieces) -> tuple[Interpreter, ...]:
    """Python interpreters; those in HOME first, since they are ours."""
    ranked = []
    for row in pieces.rows("interpreters"):
        version = _NUMBERS.match(row.text("version") or "")
        machine = row.integer("machine")
        if path := row.text("path"):
            architecture = _MACHINES.get(machine) if machine is not None else None
            ranked.append(
                (row.text("source") != "home", Interpreter(path, version[0] if version else None, architecture))
            )
    return tuple(entry for _, entry in sorted(ranked, key=lambda one: one[0]))
