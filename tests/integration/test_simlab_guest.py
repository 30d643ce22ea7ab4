"""The connection plugin gpuready.lab.wsl against a simulated PC: ordinary modules in a modelled guest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpuready.simlab import SimulatedLab, scenario

sys.path.insert(0, str(Path(__file__).resolve().parent))
from simlab_winrm_help import NET

ROOT = Path(__file__).resolve().parents[2]
GUEST = {
    "ansible_connection": "gpuready.lab.wsl",
    "ansible_wsl_distribution": "g",
    "ansible_shell_type": "sh",
    "ansible_python_interpreter": "/usr/bin/python3",
}
PCS: list[dict[str, Any]] = [
    {
        "name": "pc",
        "wsl": {"version": "2.6.1.0", "distributions": [{"name": "g"}]},
        "features": {"VirtualMachinePlatform": "Enabled", "Microsoft-Windows-Subsystem-Linux": "Disabled"},
    }
]


@pytest.fixture(scope="module")
def lab() -> Iterator[SimulatedLab]:
    with SimulatedLab(scenario.parse({"pcs": PCS}), base_address=f"{NET}.74.1", port=15974) as lab:
        yield lab


def play(lab: SimulatedLab, folder: Path, tasks: list[dict[str, Any]], **variables: Any) -> list[dict[str, Any]]:
    """The results of tasks in the guest."""
    lab.write_inventory(folder / "hosts.yml")
    one = {"hosts": "all", "gather_facts": False, "vars": GUEST | variables, "ignore_unreachable": True, "tasks": tasks}
    (folder / "play.yml").write_text(yaml.safe_dump([one]))
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", folder / "hosts.yml", folder / "play.yml"],
        env=os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout[done.stdout.index("{") :])
    return [task["hosts"]["pc"] for one in found["plays"] for task in one["tasks"]]


@pytest.mark.parametrize("pipelining", [True, False])
def test_modules_work_in_a_simulated_guest(lab: SimulatedLab, tmp_path: Path, pipelining: bool) -> None:
    name = f"/etc/a päth {pipelining}"
    copy = {"ansible.builtin.copy": {"content": "päth\n", "dest": name, "mode": "0640"}}
    back = tmp_path / "back"
    found = play(
        lab,
        tmp_path,
        [
            {"ansible.builtin.raw": "cat /etc/hostname"},
            {"ansible.builtin.setup": {}},
            {"ansible.builtin.command": {"argv": ["cat"], "stdin": "ü x"}},
            copy,
            copy,
            {"ansible.builtin.stat": {"path": name}},
            {"ansible.builtin.fetch": {"src": name, "dest": str(back), "flat": True}},
            {"ansible.builtin.user": {"name": "x"}, "ignore_errors": True},
            {"ansible.builtin.ping": {}, "vars": {"ansible_wsl_distribution": "other"}},
        ],
        ansible_pipelining=pipelining,
    )
    assert found[0]["stdout"] == "simlab\n"
    assert found[1]["ansible_facts"]["ansible_distribution"] == "Ubuntu"
    assert found[2]["stdout"] == "ü x"
    assert [one["changed"] for one in found[3:5]] == [True, False]
    assert (found[5]["stat"]["mode"], found[5]["stat"]["size"]) == ("0640", 6)
    assert back.read_text() == "päth\n"
    assert "no model of the module ansible.builtin.user in a guest" in found[7]["msg"]
    assert found[8]["unreachable"]
    assert "WSL_NO_DISTRIBUTION" in found[8]["msg"]
    linux = lab.pcs["pc"].subsystem.guests.linux(next(iter(lab.pcs["pc"].subsystem.me.distributions.values())))
    assert linux.read(name) == "päth\n".encode()
    assert not linux.is_folder("/~labadmin"), "the Windows user has no home in the guest"
