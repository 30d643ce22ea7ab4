"""A role, applied to simulated PCs by a play of its own that ends with each PC's verdict."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from gpuready.simlab import SimulatedLab

ROOT = Path(__file__).resolve().parents[2]
_FAILURE = {"failure": "{{ ansible_failed_result }}", "failed_task": "{{ ansible_failed_task.name }}"}
_END = {"name": "End", "ansible.builtin.debug": {"msg": "{{ ansible_facts.gpuready.verdict | default({}) }}"}}


def played(
    lab: SimulatedLab, folder: Path, role: str, variables: Mapping[str, Any], *options: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The verdicts of all PCs, empty where there is none, and how many tasks changed something on each."""
    lab.write_inventory(folder / "hosts.yml")
    applied = {"ansible.builtin.include_role": {"name": role}, "vars": dict(variables)}
    kept = {"name": "Keep what went wrong in the record", "gpuready.lab.gpu_verdict": _FAILURE}
    tasks = [{"block": [{"gpuready.lab.gpu_facts": {}}, applied], "rescue": [kept]}, _END]
    play = {"hosts": "all", "gather_facts": False, "strategy": "ansible.builtin.free", "tasks": tasks}
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "ansible-playbook", "-i", folder / "hosts.yml", folder / "play.yml"),
            *("--forks", str(len(lab.pcs)), *options),
        ],
        env=os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    found = json.loads(done.stdout[done.stdout.index("{") :])
    last = [task for play in found["plays"] for task in play["tasks"] if task["task"]["name"] == _END["name"]]
    verdicts = {host: said["msg"] for task in last for host, said in task["hosts"].items()}
    return verdicts, {host: one["changed"] for host, one in found["stats"].items()}
