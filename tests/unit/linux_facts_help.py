"""What the tests of the facts of Linux share: made-up /sys trees, nvidia-smi's answers, and evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.gpuready.lab.plugins.module_utils.linux import probe as linux_probe
from ansible_collections.gpuready.lab.plugins.plugin_utils.facts import linux as linux_facts

NVIDIA = {"vendor": "0x10de", "device": "0x2684", "class": "0x030000", "driver": "nvidia"}
AMD = {"vendor": "0x1002", "device": "0x73bf", "class": "0x030000", "driver": "amdgpu"}
INTEL = {"vendor": "0x8086", "device": "0x9bc5", "class": "0x030000", "driver": "i915"}
GPU = """<gpu id="{bus}"><product_name>{name}</product_name><uuid>GPU-{bus}</uuid><pci><pci_bus_id>{bus}</pci_bus_id>
<pci_device_id>268410DE</pci_device_id></pci><fb_memory_usage><total>24564 MiB</total><used>{used}</used>
</fb_memory_usage><utilization><gpu_util>{util}</gpu_util></utilization></gpu>"""


def sysfs(root: Path, **devices: dict[str, str]) -> Path:
    """A device tree with these PCI devices; `_00_02_0` is the address 0000:00:02.0."""
    (root / "bus/pci/devices").mkdir(parents=True)
    for key, attributes in devices.items():
        bus, slot, function = key.strip("_").split("_")
        directory = root / f"bus/pci/devices/0000:{bus}:{slot}.{function}"
        directory.mkdir()
        for name, value in attributes.items():
            if name == "driver":
                driver = root / "bus/pci/drivers" / value
                driver.mkdir(parents=True, exist_ok=True)
                (directory / "driver").symlink_to(driver)
            elif name == "physfn":
                (directory / "physfn").symlink_to(directory)
            else:
                (directory / name).parent.mkdir(parents=True, exist_ok=True)
                (directory / name).write_text(value + "\n")
    return root


def smi(*gpus: str, driver: str = "<driver_version>580.65.06</driver_version><cuda_version>13.0</cuda_version>") -> str:
    return "<nvidia_smi_log>" + driver + "".join(gpus) + "</nvidia_smi_log>"


def gpu(bus: str, name: str = "NVIDIA GeForce RTX 4090", util: str = "5 %", used: str = "10 MiB") -> str:
    return GPU.format(bus=f"00000000:{bus}", name=name, util=util, used=used)


def program(stdout: str, rc: int = 0, stderr: str = "") -> dict[str, Any]:
    return {"path": "/usr/bin/x", "rc": rc, "stdout": stdout, "stderr": stderr, "timed_out": False, "seconds": 0.1}


def evidence(**values: Any) -> dict[str, Any]:
    """A plain machine without a GPU, with these pieces in place of its own."""
    pieces: dict[str, Any] = {
        "os_release": {"ID": "debian", "VERSION_ID": "12", "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)"},
        "kernel": {
            "release": "6.1.0-18-amd64",
            "version": "#1 SMP",
            "machine": "x86_64",
            "pointer_bits": 64,
            "started": "2026-11-23T07:00:00Z",
            "reboot_required": False,
            "language": "de_DE.UTF-8",
        },
        "glibc": "glibc 2.36",
        "pci_display": [],
        "nvidia_smi": None,
        "nvidia_driver": None,
        "dxg": {"device": False, "libraries": None},
        "wsl": {"kernel_says_microsoft": False, "interop": False, "distribution": None},
        "memory": {"total_bytes": 34359738368, "available_bytes": 1},
        "processors": {"name": "AMD Ryzen 7", "logical": 16, "flags": ["svm"]},
        "disk": {"path": "/opt", "free_bytes": 1000, "total_bytes": 2000},
        "users": program("student  tty2  2026-11-23 08:00\nstudent pts/0 2026-11-23 08:01 (:0)\n"),
        "uv": program("uv 0.9.1 (abc 2026-01-01)\n"),
        "interpreters": [],
        "environments": None,
        "last_pass": [],
        "marker": None,
        "dmi": {"sys_vendor": "LENOVO", "product_name": "P620", "board_vendor": None, "chassis_type": "3"},
    }
    pieces.update(values)
    return {
        "schema_version": 1,
        "platform": "linux",
        "collected_at": "2026-11-23T08:00:00Z",
        "pieces": {name: {"value": value, "error": None} for name, value in pieces.items()},
    }


def interpret(given: object) -> dict[str, Any]:
    """The facts as a record has them."""
    return linux_facts.interpret(given).as_dict()


def facts_of(tree: Path, **values: Any) -> dict[str, Any]:
    return interpret(evidence(pci_display=linux_probe.pci_display(str(tree), names=()), **values))
