"""The molecule scenario of the role directml on winlab: the same plays as on simulated PCs, on the real engine.

Its PC gets an environment of one tiny wheel in the place of TensorFlow's. What the scenario of gpu_verify plays, the
tests of provision do here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from environment_help import lock_of, make_wheel
from gpus_help import AMD, with_gpus
from provision_help import PLUGIN, sources
from winlab import Machine
from winlab.testing import CHECKOUT, connection_variables

pytestmark = pytest.mark.slow
TOO_LONG = 900


def test_the_scenario_of_directml(winlab_machine: Callable[..., Machine], tmp_path: Path) -> None:
    pc, program = winlab_machine("molecule-bare", name="bare", **with_gpus(AMD)), Path(sys.executable).parent
    wheel = make_wheel(tmp_path / "wheels", "gpalpha", "1.0")
    (tmp_path / "tiny.txt").write_text(lock_of(wheel))
    tiny = {
        "gpuready_stack_locks": {f"{PLUGIN}/windows": {"lock": str(tmp_path / "tiny.txt"), "python": "3.10"}},
        "python_environment_wheelhouse": str(wheel.parent),
        "python_environment_no_index": True,
    }
    variables = {**connection_variables(pc), **sources(pc, tmp_path), **tiny}
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {"bare": variables}}}))
    done = subprocess.run(
        [str(program / "molecule"), "test", "-s", "directml"],
        env=os.environ | {"GPUREADY_MOLECULE_INVENTORY": str(inventory), "PATH": f"{program}:{os.environ['PATH']}"},
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TOO_LONG,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]
