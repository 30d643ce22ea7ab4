"""A PC of the simulated lab's YAML as a winlab machine: the same hardware and software, seen by the real module."""

from __future__ import annotations

from winlab.testing import CHECKOUT


def test_a_pc_of_the_simulated_lab_runs_for_real(machine_from_scenario, ansible):
    from gpuready.simlab import scenario

    (pc,) = [p for p in scenario.load(CHECKOUT / "inventories/simulated/lab.yml").pcs if p.name == "rtx4090"]
    machine = machine_from_scenario(pc)
    assert machine_from_scenario(pc) is machine
    facts = ansible(machine, "gpuready.lab.gpu_facts")["ansible_facts"]["gpuready"]["facts"]
    (gpu,) = facts["adapters"]
    assert gpu["name"] == "NVIDIA GeForce RTX 4090"
    assert gpu["memory_bytes"] == 25757220864
    assert gpu["driver"]["version"] == "32.0.15.8097"
    assert gpu["cuda_version"] == "13.0"
    assert facts["os"]["language"] == "de-DE"
    assert facts["machine"]["model"] == "Precision 3660"
    assert facts["wsl"]["version"] == "2.6.1.0"
    assert facts["features"]["VirtualMachinePlatform"] == "Enabled"
