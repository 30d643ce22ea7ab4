"""`playbooks/provision.yml` on this very machine, as `make provision` runs it, with a home and a report of its own."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from provision_local_help import Machine, recap, states

HAS_NVIDIA = bool(shutil.which("nvidia-smi")) or Path("/proc/driver/nvidia/version").exists()
pytestmark = pytest.mark.slow


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture(scope="module")
def provisioned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Machine, tuple[int, str], dict[str, Any]]]:
    """A machine after its first provision, for real; with what that run said and reported."""
    machine = Machine(tmp_path_factory.mktemp("provisioned"))
    run = machine.run()
    if "INDEX_UNREACHABLE" in run[1] or "INTERPRETER_MISSING" in run[1]:
        pytest.skip("no package index, or no Python for the stack, can be had here")
    yield machine, run, machine.document()
    shutil.rmtree(machine.home, ignore_errors=True)


# --- a whole run


def test_the_first_run_builds_trains_and_reports(provisioned: tuple[Machine, tuple[int, str], dict[str, Any]]) -> None:
    machine, (code, output), document = provisioned
    (record,) = document["hosts"]
    assert code == 0, output
    assert "changed=1 unreachable=0 failed=0" in recap(output)
    assert "Changed: localhost. Took " in output
    assert record["apply"]["changed"] is True
    assert len(machine.environments()) == 1
    assert record["training"]["finished"] is True
    assert len(record["training"]["result"]["losses"]) == record["training"]["task"]["steps"] > 1
    assert document["simulated"] is False


@pytest.mark.skipif(HAS_NVIDIA, reason="this machine has an NVIDIA GPU")
def test_without_a_gpu_the_verdict_is_not_ready(provisioned: tuple[Machine, tuple[int, str], dict[str, Any]]) -> None:
    _, (code, output), document = provisioned
    (record,) = document["hosts"]
    assert (code, states(record)) == (0, ("NOT_READY", "NO_GPU")), output
    assert record["verdict"]["next_step"]
    assert (record["plan"]["stack"], record["training"]["device"]["kind"]) == ("cpu", "CPU")
    # what training on a processor can pass was checked, and passed
    passed = {check["name"] for check in record["verdict"]["checks"] if check["state"] == "pass"}
    assert {"evidence", "finite", "loss", "accuracy", "labels"} <= passed
    assert "device" not in passed


@pytest.mark.skipif(not HAS_NVIDIA, reason="this machine has no NVIDIA GPU")
def test_with_an_nvidia_gpu_the_verdict_is_ready(provisioned: tuple[Machine, tuple[int, str], dict[str, Any]]) -> None:
    _, (code, output), document = provisioned
    (record,) = document["hosts"]
    assert code == 0, output
    assert record["verdict"]["state"] in ("READY", "DEGRADED"), record["verdict"]
    assert record["training"]["device"]["name"].startswith("cuda")


def test_a_second_run_changes_nothing(provisioned: tuple[Machine, tuple[int, str], dict[str, Any]]) -> None:
    machine, _, first = provisioned
    before = machine.environments()
    code, output = machine.run()
    assert code == 0, output
    assert "changed=0 unreachable=0 failed=0" in recap(output)
    assert "Changed: nothing. Took " in output
    assert machine.environments() == before
    second = machine.document()
    assert second["run"]["id"] != first["run"]["id"]
    assert states(second["hosts"][0]) == states(first["hosts"][0])
    assert "there is no environment" not in json.dumps(second["hosts"][0]["plan"]["steps"])


def test_a_check_of_what_is_done_would_change_nothing(
    provisioned: tuple[Machine, tuple[int, str], dict[str, Any]], tmp_path: Path
) -> None:
    machine, _, _ = provisioned
    code, output = machine.run("--check", gpuready_report_dir=str(tmp_path))
    assert code == 0, output
    assert "changed=0 unreachable=0 failed=0" in recap(output)
    assert "Would change: nothing." in output


# --- a check on a fresh machine


@pytest.mark.skipif(HAS_NVIDIA, reason="its driver decides whether there is a plan")
def test_a_check_of_a_fresh_machine_says_what_it_would_do_and_does_nothing(machine: Machine) -> None:
    code, output = machine.run("--check")
    assert code == 0, output
    assert "changed=1 unreachable=0 failed=0" in recap(output)
    assert "Would change: localhost." in output
    assert not machine.home.exists()
    record = machine.record()
    assert states(record) == ("SKIPPED", "CHECK_MODE")
    assert record["apply"]["changed"] is True
    assert not (record.get("training") or {}).get("finished")
    assert machine.document()["run"]["check"] is True
