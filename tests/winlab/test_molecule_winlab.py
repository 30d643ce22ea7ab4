"""The molecule scenarios of the Windows roles on winlab: the same plays as on simulated PCs, on the real engine.

`bare` gets an environment of one tiny wheel in the place of TensorFlow's; `good` gets TensorFlow and trains with it.
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
from provision_help import HOME, PLUGIN, STEPS, sources
from winlab import Machine
from winlab.testing import CHECKOUT, connection_variables

pytestmark = pytest.mark.slow
TOO_LONG = 900


@pytest.fixture(scope="module")
def pcs(winlab_machine: Callable[..., Machine]) -> dict[str, Machine]:
    """By the names that they have in the scenarios."""
    return {name: winlab_machine(f"molecule-{name}", name=name, **with_gpus(AMD)) for name in ("bare", "good")}


@pytest.fixture(scope="module")
def inventory(pcs: dict[str, Machine], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("molecule")
    wheel = make_wheel(folder / "wheels", "gpalpha", "1.0")
    (folder / "tiny.txt").write_text(lock_of(wheel))
    tiny = {
        "gpuready_stack_locks": {f"{PLUGIN}/windows": {"lock": str(folder / "tiny.txt"), "python": "3.10"}},
        "python_environment_wheelhouse": str(wheel.parent),
        "python_environment_no_index": True,
    }
    hosts = {
        name: {
            **connection_variables(pc),
            **sources(pc, folder),
            "gpu_verify_options": {"steps": STEPS, "speed_seconds": 0.5},
            **(tiny if name == "bare" else {}),
        }
        for name, pc in pcs.items()
    }
    path = folder / "hosts.yml"
    path.write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    return path


@pytest.mark.parametrize("role", ["directml", "gpu_verify"])
def test_the_scenario_of(pcs: dict[str, Machine], inventory: Path, role: str) -> None:
    program = Path(sys.executable).parent
    done = subprocess.run(
        [str(program / "molecule"), "test", "-s", role],
        env=os.environ | {"GPUREADY_MOLECULE_INVENTORY": str(inventory), "PATH": f"{program}:{os.environ['PATH']}"},
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TOO_LONG,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    environments = pcs["good"].path(rf"{HOME}\environments")
    assert environments.exists() == (role == "gpu_verify")  # it was there that the scenario was played
