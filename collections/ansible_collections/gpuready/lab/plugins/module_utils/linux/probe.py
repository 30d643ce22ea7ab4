# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading /sys, /proc and files on the target. Sent along with the module: Python 3.9 or newer, standard library.

Every function gives the value of one piece of evidence as docs/evidence.md says it, or raises.
"""

from __future__ import annotations

import datetime
import os
import re
import shlex
import shutil
import struct
from pathlib import Path
from typing import Any

DISPLAY_DRIVER = r"(cuda-drivers|nvidia-(driver|utils|dkms|kernel|open)|libnvidia-compute|libcuda1)([-0-9].*)?$"
PCI_NAMES = ("/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids")


def read(path: str | Path) -> str | None:
    """Content of a small text file without its last line end, None when there is none."""
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            return file.read(65536).rstrip("\n\x00")
    except (FileNotFoundError, NotADirectoryError):
        return None


def attribute(path: str | Path) -> str | None:
    """Value of one attribute of sysfs. Some exist and answer an error: then None, like one that is not there."""
    try:
        return read(path)
    except OSError:
        return None


def iso(seconds: float) -> str:
    """A time as ISO 8601 in UTC."""
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: UP017


def os_release(paths: tuple[str, ...] = ("/etc/os-release", "/usr/lib/os-release")) -> dict[str, str] | None:
    """The fields of os-release(5)."""
    text = next((t for t in map(read, paths) if t is not None), None)
    if text is None:
        return None
    fields = {}
    for line in text.splitlines():
        key, sign, value = line.partition("=")
        if sign and re.match(r"^[A-Z][A-Z0-9_]*$", key.strip()):
            try:
                fields[key.strip()] = " ".join(shlex.split(value))
            except ValueError:
                fields[key.strip()] = value.strip()
    return fields


def kernel(proc: str = "/proc") -> dict[str, Any]:
    """Release, machine, name and start of the system, and whether a restart is asked for (Debian's mark)."""
    name = os.uname()
    started = re.search(r"^btime (\d+)$", read(f"{proc}/stat") or "", re.MULTILINE)
    return {
        "release": name.release,
        "version": name.version,
        "machine": name.machine,
        "node": name.nodename,
        "pointer_bits": struct.calcsize("P") * 8,
        "started": iso(int(started[1])) if started else None,
        "reboot_required": Path("/run/reboot-required").exists(),
        "language": os.environ.get("LANG"),
    }


def glibc() -> str | None:
    """`glibc 2.36`, or None with another C library."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        return None


def pci_display(sysfs: str = "/sys", names: tuple[str, ...] = PCI_NAMES) -> list[dict[str, Any]] | None:
    """Display controllers and processing accelerators on the PCI bus, None when there is no such bus."""
    if not Path(sysfs).is_dir() or not os.listdir(sysfs):  # noqa: PTH208  any entry will do
        raise OSError(f"{sysfs} is not mounted")
    base = Path(sysfs, "bus/pci/devices")
    if not base.is_dir():
        return None
    devices = []
    for directory in sorted(base.iterdir()):
        kind = attribute(directory / "class")
        if kind and re.match(r"^0x(03|12)", kind):
            devices.append(_pci_device(directory, kind))
    _name(devices, names)
    return devices


def _pci_device(directory: Path, kind: str) -> dict[str, Any]:
    plain = (
        "vendor",
        "device",
        "subsystem_vendor",
        "subsystem_device",
        "revision",
        "boot_vga",
        "enable",
        "power_state",
    )
    device: dict[str, Any] = {"address": directory.name, "class": kind}
    device.update({name: attribute(directory / name) for name in plain})
    driver = directory / "driver"
    device["driver"] = driver.resolve().name if driver.exists() else None
    device["driver_version"] = attribute(driver / "module/version")
    device["virtual_function"] = os.path.lexists(directory / "physfn")
    # amdgpu; i915 keeps a card's memory with its drm device
    device["vram_total"] = attribute(directory / "mem_info_vram_total")
    device["vram_used"] = attribute(directory / "mem_info_vram_used")
    device["busy_percent"] = attribute(directory / "gpu_busy_percent")
    device["product_name"] = attribute(directory / "product_name")
    for card in sorted(directory.glob("drm/card*")):
        device["vram_total"] = device["vram_total"] or attribute(card / "lmem_total_bytes")
    return device


def _name(devices: list[dict[str, Any]], files: tuple[str, ...]) -> None:
    """Add `vendor_name` and `device_name` from the system's list of PCI ids, where it has one."""
    path = next((f for f in files if Path(f).is_file()), None)
    keys = [((d["vendor"] or "")[2:], (d["device"] or "")[2:]) for d in devices]
    known: dict[str, str] = {}
    if path and devices:
        with Path(path).open(encoding="utf-8", errors="replace") as lines:
            vendor = ""
            for line in lines:
                if line[:1] not in "\t#\n":
                    vendor = line[:4]
                    known[vendor] = line[4:].strip()
                elif line[:1] == "\t" and (vendor, line[1:5]) in keys:
                    known[vendor + line[1:5]] = line[5:].strip()
    for device, (vendor, number) in zip(devices, keys):  # noqa: B905  Python 3.9
        device["vendor_name"], device["device_name"] = known.get(vendor), known.get(vendor + number)


def nvidia_driver(sysfs: str = "/sys", proc: str = "/proc", dev: str = "/dev") -> dict[str, Any] | None:
    """The loaded NVIDIA kernel driver: its version, its own words, its device files; None when it is not loaded."""
    version, words = attribute(f"{sysfs}/module/nvidia/version"), read(f"{proc}/driver/nvidia/version")
    nodes = sorted(str(n) for n in Path(dev).glob("nvidia*") if re.match(r"^nvidia(\d+|ctl|-uvm)$", n.name))
    if version is None and words is None and not nodes:
        return None
    return {"version": version, "text": words, "nodes": nodes}


def dxg(dev: str = "/dev", libraries: str = "/usr/lib/wsl/lib", etc: str = "/etc", var: str = "/var") -> dict[str, Any]:
    """The GPU that Windows gives a WSL guest: the device file, the libraries that come with it, and what is about them.

    `cached`: the loader's cache names that folder; `drivers`: packages of Linux display drivers that are installed.
    """
    folder, cache = Path(libraries), Path(etc, "ld.so.cache")
    there = folder.is_dir()
    return {
        "device": Path(dev, "dxg").exists(),
        "libraries": sorted(f.name for f in folder.iterdir()) if there else None,
        "cached": os.fsencode(libraries) + b"/" in cache.read_bytes() if there and cache.is_file() else None,
        "drivers": _display_drivers(Path(var, "lib/dpkg/status")),
    }


def _display_drivers(status: Path) -> list[str]:
    """NVIDIA's driver for Linux, by the names that Debian, Ubuntu and NVIDIA itself give its packages."""
    if not status.is_file():
        return []
    found, name = [], ""
    with status.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("Package: "):
                name = line[9:].strip()
            elif line.startswith("Status: ") and line.endswith(" installed\n") and re.match(DISPLAY_DRIVER, name):
                found.append(name)
    return found


def wsl(proc: str = "/proc", conf: str = "/etc/wsl.conf") -> dict[str, Any]:
    """What tells a WSL guest from other Linux, and its settings as they stand."""
    handlers = Path(proc, "sys/fs/binfmt_misc")
    return {
        "kernel_says_microsoft": "microsoft" in (read(f"{proc}/sys/kernel/osrelease") or "").lower(),
        "interop": any((handlers / name).exists() for name in ("WSLInterop", "WSLInterop-late")),
        "distribution": os.environ.get("WSL_DISTRO_NAME"),
        "conf": read(conf),
    }


def memory(proc: str = "/proc") -> dict[str, Any]:
    """Bytes of memory: all, and what a program could get."""
    kilobytes = dict(re.findall(r"^(\w+):\s+(\d+) kB$", read(f"{proc}/meminfo") or "", re.MULTILINE))
    return {
        "total_bytes": int(kilobytes["MemTotal"]) * 1024,
        "available_bytes": int(kilobytes["MemAvailable"]) * 1024 if "MemAvailable" in kilobytes else None,
    }


def processors(proc: str = "/proc") -> dict[str, Any]:
    """The first processor's name and those of its flags that tell of virtual machines; how many there are."""
    text = read(f"{proc}/cpuinfo") or ""
    name = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^flags\s*:\s*(.+)$", text, re.MULTILINE)
    words = flags[1].split() if flags else None
    return {
        "name": name[1].strip() if name else None,
        "logical": os.cpu_count(),
        "flags": None if words is None else [f for f in ("vmx", "svm", "hypervisor") if f in words],
    }


def disk(path: str) -> dict[str, Any]:
    """Space where `path` is or will be."""
    place = Path(path).absolute()
    while not place.exists() and place.parent != place:
        place = place.parent
    usage = shutil.disk_usage(place)
    return {"path": str(place), "free_bytes": usage.free, "total_bytes": usage.total}


def marker(path: str = "/etc/gpuready/simulated") -> dict[str, Any] | None:
    """Whether this machine says that it is a simulated one."""
    text = read(path)
    return None if text is None else {"simulated": True, "by": text.strip() or None}


def dmi(sysfs: str = "/sys") -> dict[str, str | None] | None:
    """What the firmware calls the machine, None without such firmware."""
    base = Path(sysfs, "class/dmi/id")
    if not base.is_dir():
        return None
    return {name: attribute(base / name) for name in ("sys_vendor", "product_name", "board_vendor", "chassis_type")}
