"""`gpuready remove` and playbooks/remove.yml over simulated PCs: what was named goes, and a check tells it before."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpuready.simlab import background

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = [
    {"stack": stack, "lock_sha256": "0" * 64, "state": "current"} for stack in ("torch-directml", "tensorflow-directml")
]
PCS = [
    {"name": "full", "uv": "0.9.2", "environments": ENVIRONMENTS},
    {"name": "bare"},
    {"name": "off", "faults": [{"kind": "off"}]},
]


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("remove")
    (folder / "lab.yml").write_text(yaml.safe_dump({"pcs": PCS}))
    with background.running(folder / "lab.yml", folder, 15993, "127.0.11.1") as found:
        yield found


def program(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name(name), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def remove(inventory: Path, *options: str, rc: int = 2) -> dict[str, Any]:
    """The document of one removal; one PC is off, so the exit code is 2."""
    folder = inventory.parent / "reports"
    done = program("gpuready", "remove", "-i", inventory, "--lab-dir", folder, "--json", *options)
    assert done.returncode == rc, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def stacks(document: dict[str, Any]) -> dict[str, list[str]]:
    """What is left on each PC that answered."""
    looked = {host["host"]: host["facts"] for host in document["hosts"] if "facts" in host}
    return {name: sorted(one["stack"] for one in facts["environments"]) for name, facts in looked.items()}


def test_what_was_named_goes_once(inventory: Path) -> None:
    checked = remove(inventory, "torch-directml", "--check")
    first, second = remove(inventory, "torch-directml"), remove(inventory, "torch-directml")
    assert [run["changed"] for run in (checked, first)] == [{"count": 1, "pcs": "full"}] * 2
    assert second["changed"]["count"] == 0
    assert stacks(checked)["full"] == ["tensorflow-directml", "torch-directml"]
    assert stacks(first) == stacks(second) == {"full": ["tensorflow-directml"], "bare": []}
    verdicts = {host["host"]: host["verdict"]["code"] for host in first["hosts"]}
    assert verdicts["off"] == "PORT_CLOSED"  # and the others go on

    everything, again = remove(inventory, "--all"), remove(inventory, "--all")
    assert (everything["changed"]["pcs"], again["changed"]["count"]) == ("full", 0)
    assert stacks(everything) == {"full": [], "bare": []}
    assert remove(inventory, "--all", "--limit", "full", rc=0)["changed"]["count"] == 0


def test_nothing_goes_that_was_not_named(inventory: Path) -> None:
    for options in ([], ["torch-directml", "--all"], ["all"], [" "], ["torch-directm"], ["older"]):
        done = program("gpuready", "remove", "-i", inventory, *options)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    played = program("ansible-playbook", "-i", inventory, "--limit", "full", "playbooks/remove.yml")
    assert "say what shall go" in played.stdout
    assert "changed=0" in played.stdout
