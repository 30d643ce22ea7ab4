"""playbooks/remove.yml over simulated PCs: all of gpuready goes, once, and a check tells it before."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gpuready.simlab import background

ROOT = Path(__file__).resolve().parents[2]
PC = {
    "uv": "0.9.2",
    "environments": [{"stack": "torch-directml", "lock_sha256": "0" * 64, "state": "current"}],
}


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("remove")
    pcs = [{"name": "full", **PC}, {"name": "bare"}, {"name": "off", "faults": [{"kind": "off"}]}]
    (folder / "lab.yml").write_text(yaml.safe_dump({"pcs": pcs}))
    with background.running(folder / "lab.yml", folder, 15993, "127.0.11.1") as found:
        yield found


def recap(inventory: Path, *options: str) -> dict[str, str]:
    """The last lines of the run, by PC."""
    program = Path(sys.executable).with_name("ansible-playbook")
    environment = os.environ | {"ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        [program, "-i", inventory, *options, "playbooks/remove.yml"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.rpartition("PLAY RECAP")[2].splitlines()[1:]
    return {line.split(":")[0].strip(): line.partition(":")[2] for line in lines if ":" in line}


def test_everything_goes_once(inventory: Path) -> None:
    checked, first, second = recap(inventory, "--check"), recap(inventory), recap(inventory)
    for run in (checked, first):
        assert "changed=1" in run["full"]
        assert "changed=0" in run["bare"]
        assert "failed=1" in run["off"]  # and the others go on
    assert "changed=0" in second["full"]
    assert all("failed=0" in run[name] for run in (checked, first, second) for name in ("full", "bare"))
