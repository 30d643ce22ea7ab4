"""What runs on PCs, under every Python of this machine: the trainer from 3.6 on, the modules from 3.9 on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pythons import NEWEST, OLDEST, PYTHONS

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from trainer_help import judged, train

ROOT = Path(__file__).resolve().parents[2]


def interpreter(minor: int) -> str:
    if f"3.{minor}" not in PYTHONS:
        pytest.skip(f"no Python 3.{minor} on this machine")
    return PYTHONS[f"3.{minor}"]


@pytest.mark.parametrize("minor", range(OLDEST, NEWEST + 1))
def test_the_trainer_says_how_it_ended(minor: int, tmp_path: Path) -> None:
    python = interpreter(minor)
    missing = train(tmp_path, torch="import torch_that_is_not_there", python=python)
    assert missing["python"]["version"].startswith(f"3.{minor}.")
    assert judged(missing)["code"] == "FRAMEWORK_IMPORT"
    crashed = train(tmp_path, torch="import ctypes\nctypes.string_at(0)", python=python)
    assert crashed["process"]["rc"] == -signal.SIGSEGV
    assert any("torch.py" in line for line in crashed["process"]["stderr_tail"])
    assert judged(crashed)["code"] == "ACCESS_VIOLATION"
    hung = train(tmp_path, torch="import time\ntime.sleep(600)", python=python, time_limit=3)
    assert hung["process"]["timed_out"] is True
    assert judged(hung)["code"] == "TIMED_OUT"


@pytest.mark.parametrize("minor", range(9, NEWEST + 1))
def test_the_modules_answer(minor: int, tmp_path: Path) -> None:
    python = interpreter(minor)
    variables = {"ansible_connection": "local", "ansible_python_interpreter": python}
    hosts = tmp_path / "hosts.yml"
    hosts.write_text(json.dumps({"all": {"hosts": {"pc": variables}}}))
    tasks = [
        {"gpuready.lab.gpu_facts": {"plan": True}, "register": "looked"},
        {"gpuready.lab.training_facts": {"interpreter": python, "backend": "torch-cpu", "time_limit": 60}},
        {"gpuready.lab.python_environment": {"state": "absent", "home": str(tmp_path / "home")}, "register": "taken"},
        {
            "gpuready.lab.environment_pass": {"state": "unproven", "stack": "cpu", "home": str(tmp_path / "home")},
            "register": "back",
        },
        {"ansible.builtin.assert": {"that": [
            "looked.troubles == []",
            "looked.ansible_facts.gpuready.plan.target == 'linux'",
            f"ansible_facts.gpuready.training.python.version.startswith('3.{minor}.')",
            "taken is not changed",
            "back is not changed",
        ]}},
    ]  # fmt: skip
    playbook = tmp_path / "play.yml"
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(hosts), str(playbook)]
    done = subprocess.run(
        command,
        env=os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
