"""The guides' WSL half on simulated PCs: from a Windows without WSL to a stack that trains in a guest, in one run."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpuready.lab import Lab
from gpuready.simlab import SimulatedLab, scenario
from gpuready.simlab.wsl.linux import Linux

sys.path.insert(0, str(Path(__file__).resolve().parent))
from simlab_winrm_help import NET

pytestmark = pytest.mark.slow
ALLOWED = {"gpuready_reboot": "allowed", "restart_settle": 1}
NVIDIA = {"name": "NVIDIA GeForce RTX 4090", "vendor": "nvidia", "device": "2684", "memory": 25757220864,
          "driver": {"version": "32.0.15.8097"}}  # fmt: skip
AMD = {"name": "AMD Radeon RX 6800", "vendor": "amd", "device": "73BF", "memory": 17163091968,
       "driver": {"version": "31.0.24002.92", "radeon_software": "24.3.1"}}  # fmt: skip
PCS: dict[str, dict[str, Any]] = {
    "professional": {"gpus": [NVIDIA], "variables": {**ALLOWED, "gpuready_experience": "professional"}},
    "linux": {
        "gpus": [AMD],
        "variables": {
            **ALLOWED,
            "gpuready_library": "tensorflow",
            "gpuready_knows_linux": True,
            "wsl_students": "present",
            "wsl_students_list": "alone",
        },
    },
    "guarded": {"gpus": [NVIDIA], "variables": {"gpuready_experience": "professional"}},
    "native": {"gpus": [AMD], "variables": {}},
    "blind": {  # gpuSupport=false
        "gpus": [NVIDIA],
        "wsl": {"version": "2.6.3.0", "gpu_support": False},
        "machine": {"hypervisor": True},
        "features": {"VirtualMachinePlatform": "Enabled"},
        "variables": {"gpuready_experience": "professional"},
    },
}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The archive and the package, as a lab's variables."""
    folder, found = tmp_path_factory.mktemp("wsl"), {}
    for name, file, data in (
        ("wsl_archive", "root.tar.gz", Linux.small().pack("tar.gz")),
        ("wsl_package", "wsl.msi", b"wsl 2.6.3.0"),
    ):
        (folder / file).write_bytes(data)
        found[name] = {"path": str(folder / file), "sha256": hashlib.sha256(data).hexdigest()}
    found["wsl_package"]["version"] = "2.6.3.0"
    return found


@pytest.fixture(scope="module")
def lab(given: dict[str, Any]) -> Iterator[SimulatedLab]:
    pcs = [{"name": name, "uv": "0.9.2", **pc, "variables": {**given, **pc["variables"]}} for name, pc in PCS.items()]
    with SimulatedLab(scenario.parse({"pcs": pcs}), base_address=f"{NET}.78.1", port=15978) as lab:
        yield lab


def asked(lab: SimulatedLab, name: str) -> list[str]:
    """What was asked of a PC since the last time."""
    found = [str(one["what"]) for one in lab.pcs[name].journal]
    lab.pcs[name].journal.clear()
    return found


def hosts(result: Any) -> dict[str, Any]:
    return {one["host"]: one for one in result.document["hosts"]}


def changed(result: Any) -> set[str]:
    return set(result.document["changed"]["pcs"].split(", "))


def ended(result: Any) -> dict[str, str]:
    return {name: f"{one['verdict']['state']} {one['verdict']['code']}" for name, one in hosts(result).items()}


def test_a_pc_without_wsl_trains_in_a_guest(lab: SimulatedLab, tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    lab.write_inventory(inventory)
    here = Lab(inventory)

    checked = here.provision(check=True, lab_dir=tmp_path / "lab")
    assert set(ended(checked).values()) == {"SKIPPED CHECK_MODE"}
    assert changed(checked) == set(PCS)
    assert {pc.boots for pc in lab.pcs.values()} == {1}
    assert not any(pc.subsystem.me.distributions for pc in lab.pcs.values())

    first = here.provision(lab_dir=tmp_path / "lab")
    ready = dict.fromkeys(PCS, "READY TRAINED") | {"blind": "NOT_READY NO_DXG"}
    assert ended(first) == ready | {"guarded": "NOT_READY REBOOT_NEEDED"}, first.document
    assert "guarded" in changed(first)  # its features are switched on, and wait for the restart
    assert lab.pcs["guarded"].boots == 1
    for name, stack in (("professional", "cuda"), ("linux", "tensorflow-directml")):
        one = hosts(first)[name]
        assert (one["plan"]["target"], one["plan"]["stack"]) == ("wsl", stack)
        assert one["apply"]["environment"]["path"].startswith(f"/opt/gpuready/environments/{stack}-")
        assert one["verdict"]["fingerprint"]["kernel"] == "6.6.87.2-microsoft-standard-WSL2"
        assert one["verdict"]["fingerprint"]["wsl"] == "2.6.3.0"
        assert one["facts"]["guest"]["os"]["wsl"] is True
    assert not any("guest" in what or "wsl" in what for what in asked(lab, "native"))
    offer = hosts(first)["linux"]["apply"]["offer"]
    assert offer["launcher"] == r"C:\ProgramData\gpuready\bin\wsl-gpuready.cmd"
    assert hosts(first)["linux"]["verdict"]["fingerprint"]["export"] == offer["sha256"]
    assert offer["launcher"] in (lab.pcs["linux"].disk.text(r"C:\ProgramData\gpuready\README.txt") or "")
    assert "offer" not in hosts(first)["professional"]["apply"]

    lab.pcs["guarded"].restart()
    for name in PCS:
        asked(lab, name)
    second = here.provision(lab_dir=tmp_path / "lab")
    assert ended(second) == ready
    assert changed(second) == {"guarded"}
    calls = asked(lab, "professional")
    assert not any("wsl" in one for one in calls), calls

    for name in PCS:
        asked(lab, name)
    third = here.provision(lab_dir=tmp_path / "lab")
    assert (ended(third), third.document["changed"]["count"]) == (ready, 0)
    assert hosts(third)["linux"]["verdict"]["fingerprint"]["export"] == offer["sha256"]
    # The looks at both sides, the start, the end, the pass; and whether students are still offered what was proven.
    for name, more in (("professional", []), ("linux", ["wsl_offer"])):
        calls = [what for what in asked(lab, name) if not what.startswith("guest ")]  # that is what a call did in there
        assert calls == ["gpu_facts", *["guest"] * 4, *more]
    assert ended(here.report(lab_dir=tmp_path / "lab")) == ready

    # A pass is of this WSL and of what students are offered of it.
    lab.pcs["professional"].put_wsl("2.7.0.0")
    lab.pcs["linux"].disk.remove(r"C:\ProgramData\gpuready\wsl")
    broken = lab.pcs["guarded"].subsystem  # a machine that does not start any more is nobody's pass
    broken.me.stop_all()
    broken.machine.vm_error = ("0x8000abcd",)
    found = here.report(lab_dir=tmp_path / "lab")
    stale = dict.fromkeys(("professional", "linux"), "STALE PASS_STALE")
    assert ended(found) == ready | stale | {"guarded": "NOT_READY WSL_VM_START"}
    assert "0x8000abcd" in hosts(found)["guarded"]["verdict"]["cause"]
    assert "gpuready_environment to windows" in hosts(found)["guarded"]["verdict"]["next_step"]
    assert "WSL changed from 2.6.3.0 to 2.7.0.0" in hosts(found)["professional"]["verdict"]["cause"]
    assert "what students are offered of it is no longer known" in hosts(found)["linux"]["verdict"]["cause"]
    lab.pcs["professional"].put_wsl("2.6.3.0")


def test_what_was_brought_into_a_guest_goes_from_there(lab: SimulatedLab, tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    lab.write_inventory(inventory)
    here = Lab(inventory, limit="professional")
    gone = here.remove("cuda", lab_dir=tmp_path / "lab")
    one = hosts(gone)["professional"]
    assert (one["facts"]["guest"]["environments"], one["verdict"]["code"]) == ([], "NOT_INSTALLED")
    assert changed(gone) == {"professional"}
    assert here.remove("cuda", lab_dir=tmp_path / "lab").document["changed"]["count"] == 0
