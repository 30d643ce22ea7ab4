"""The role wsl on a PC without WSL and its features: a real MSI, a real restart, a guest that is a real Linux."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))
import msi_help
from test_wsl_distribution_winlab import archive
from winlab import Machine, testing
from winlab.subsystem import RealSubsystem

from gpuready.simlab.schema import Pc
from gpuready.simlab.subsystem import MSI, PRODUCT, WSL

VERSION = "2.6.3.0"
PLATFORM = "VirtualMachinePlatform"
SCENARIO = Pc.model_validate(
    {
        "name": "bare",
        "machine": {"hypervisor": True},
        "features": {PLATFORM: "Disabled", "Microsoft-Windows-Subsystem-Linux": "Disabled"},
    }
)
GUEST = {
    "ansible_connection": "gpuready.lab.wsl",
    "ansible_wsl_distribution": "gpuready",
    "ansible_shell_type": "sh",
    "ansible_python_interpreter": "/usr/bin/python3",
}
LOOK: dict[str, Any] = {"name": "Look", "gpuready.lab.gpu_facts": {}}
KEEP: dict[str, Any] = {
    "name": "Keep what went wrong in the record",
    "gpuready.lab.gpu_verdict": {
        "failure": "{{ ansible_failed_result }}",
        "failed_task": "{{ ansible_failed_task.name }}",
    },
}


def role(tasks_from: str = "main", **variables: Any) -> dict[str, Any]:
    """The role, and what becomes of the record where it fails."""
    applied = {"ansible.builtin.include_role": {"name": "gpuready.lab.wsl", "tasks_from": tasks_from}}
    return {"block": [{"name": "WSL", **applied, "vars": variables}], "rescue": [KEEP]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wsl-from-nothing")


@pytest.fixture(scope="module")
def package(folder: Path) -> bytes:
    return msi_help.build(folder, VERSION)


@pytest.fixture(scope="module")
def given(folder: Path, package: bytes) -> dict[str, Any]:
    """What the lab declares."""
    return {
        "wsl_package": msi_help.declared(folder / "good.msi", package, VERSION),
        "wsl_archive": archive(folder / "root.tar.gz"),
        "wsl_wait": True,
        "gpuready_reboot": "allowed",
        "restart_settle": 1,
    }


@pytest.fixture(scope="module")
def wsl(machine_from_scenario: Callable[..., Machine], folder: Path) -> RealSubsystem:
    subsystem = RealSubsystem(SCENARIO, folder / "guests")
    return subsystem.attach(machine_from_scenario(SCENARIO, programs=subsystem.programs, adapter=""))


@pytest.fixture(scope="module")
def pc(wsl: RealSubsystem) -> Machine:
    return wsl._there()


def played(pc: Machine, tasks: list[dict[str, Any]], **options: Any) -> tuple[list[tuple[str, dict[str, Any]]], Any]:
    """What each task said, and how many changed something."""
    play = {"hosts": "all", "gather_facts": False, "tasks": tasks}
    run = testing.ansible(pc, playbook=[play], **options)
    found = [(name.rpartition(" : ")[2], said) for name, said in testing.results(run, pc.name)]
    print([(name, said.get("msg") or said.get("changed")) for name, said in found])  # shown where the test fails
    return found, run["stats"][pc.name]["changed"]


def verdicts(found: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [said["ansible_facts"]["gpuready"]["verdict"] for name, said in found if name == KEEP["name"]]


def is_bare(pc: Machine, wsl: RealSubsystem) -> bool:
    there = pc.path(WSL).exists() or pc.path(r"C:\Users\labadmin\.wslconfig").exists() or wsl.model.me.distributions
    left = [*pc.path(r"C:\Windows\Temp").glob("gpuready-*"), *pc.path(r"C:\Users").rglob("gpuready-wsl-*.msi")]
    return not there and not left and pc.boots == 1


def test_a_check_tells_what_would_become_of_a_bare_pc(pc: Machine, wsl: RealSubsystem, given: dict[str, Any]) -> None:
    found, changed = played(pc, [LOOK, role(**given)], check=True)
    assert verdicts(found) == []
    told = [name for name, said in found if said.get("changed")]
    assert told == [
        "Switch the features on",
        "Say what would be installed",
        "Write the settings of WSL",
        "Say that the PC would be restarted",
        "Say what a restart would be followed by",
    ]
    assert changed == len(told)
    assert is_bare(pc, wsl)
    assert pc.read_features() == SCENARIO.features


def test_a_package_that_is_not_what_it_is_declared_to_be_is_not_installed(
    pc: Machine, wsl: RealSubsystem, folder: Path, package: bytes
) -> None:
    at = package.index(b"MSCF") + 200
    packages = {
        "HASH_MISMATCH": (package, "0" * 64),
        "WSL_PACKAGE_BROKEN": (package[: len(package) // 2], ""),
        "WSL_PACKAGE": (package[:at] + bytes(4096) + package[at + 4096 :], ""),  # what is in it cannot be unpacked
    }
    hosts = {  # all of them that PC, so that the packages are tried side by side
        code: testing.connection_variables(pc)
        | {"wsl_package": msi_help.declared(folder / f"{code}.msi", data, VERSION, sha256)}
        for code, (data, sha256) in packages.items()
    }
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    play = {"hosts": "all", "gather_facts": False, "strategy": "free", "tasks": [role("package")]}
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    run = testing.run_playbook(folder / "play.yml", folder / "hosts.yml")
    for code in packages:
        (verdict,) = verdicts(testing.results(run, code))
        assert (verdict["state"], verdict["code"]) == ("NOT_READY", code), verdict
        assert verdict["next_step"]
        assert code != "WSL_PACKAGE" or "1603" in verdict["cause"]
    assert is_bare(pc, wsl)


def test_a_bare_pc_becomes_one_with_a_guest_by_a_package_and_a_restart(
    pc: Machine, wsl: RealSubsystem, given: dict[str, Any]
) -> None:
    inside = {"name": "Inside", "ansible.builtin.setup": {"gather_subset": "!all,!min,distribution"}, "vars": GUEST}
    found, _ = played(pc, [LOOK, role(**given), inside])
    assert verdicts(found) == []
    said = dict(found)
    before, after = (one["ansible_facts"]["gpuready"]["facts"] for one in (found[0][1], said["Look at it once more"]))
    assert (before["wsl"]["version"], before["features"][PLATFORM]) == (None, "Disabled")
    assert (after["wsl"]["version"], after["features"][PLATFORM]) == (VERSION, "Enabled")
    assert pc.boots == 2
    assert before["os"]["boot_time"] < after["os"]["boot_time"]
    assert said["Run the installer"]["changed"]
    assert said["Inside"]["ansible_facts"]["ansible_distribution"] == "Debian"
    installed = pc.run(["reg", "query", MSI]).stdout
    assert VERSION in installed
    assert PRODUCT in installed
    assert [one.name for one in wsl.model.me.distributions.values()] == ["gpuready"]

    found, changed = played(pc, [LOOK, role(**given)])
    assert (verdicts(found), changed, pc.boots) == ([], 0, 2)
