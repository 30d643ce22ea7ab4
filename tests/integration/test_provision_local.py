"""`playbooks/provision.yml` on this very machine, as `make provision` runs it, with a home and a report of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from environment_help import lock_of, make_wheel, slow_index

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
SCHEMA = json.loads((ROOT / "collections/ansible_collections/gpuready/lab/schemas/report.schema.json").read_text())
FILES = ["junit.xml", "metrics.prom", "report.csv", "report.html", "report.json", "report.md"]
HAS_NVIDIA = bool(shutil.which("nvidia-smi")) or Path("/proc/driver/nvidia/version").exists()

pytestmark = pytest.mark.slow


class Machine:
    """This machine with a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.home, self.report = folder / "home", folder / "report"

    def start(self, *arguments: str, playbook: str = "provision", **variables: Any) -> subprocess.Popen[str]:
        given = {"gpuready_report_dir": str(self.report), **variables}
        inventory = () if "-i" in arguments else ("-i", str(ROOT / "inventories/local"))
        return subprocess.Popen(
            [str(PLAYBOOK), *inventory, f"playbooks/{playbook}.yml", "-e", json.dumps(given), *arguments],
            cwd=ROOT,
            env={**os.environ, "GPUREADY_HOME": str(self.home), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, playbook: str = "provision", **variables: Any) -> tuple[int, str]:
        """Exit code, and all output as one line."""
        process = self.start(*arguments, playbook=playbook, **variables)
        output, _ = process.communicate(timeout=300)
        return process.returncode, " ".join(output.split())

    def document(self) -> dict[str, Any]:
        """The report, which must be as its schema says."""
        found: dict[str, Any] = json.loads((self.report / "report.json").read_text("utf-8"))
        jsonschema.validate(found, SCHEMA)
        assert sorted(os.listdir(self.report)) == FILES
        return found

    def record(self) -> dict[str, Any]:
        (found,) = self.document()["hosts"]
        assert isinstance(found, dict)
        return found

    def environments(self) -> list[str]:
        folder = self.home / "environments"
        return sorted(os.listdir(folder)) if folder.is_dir() else []


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


def states(record: dict[str, Any]) -> tuple[str, str]:
    return record["verdict"]["state"], record["verdict"]["code"]


def recap(output: str) -> str:
    return output.rpartition("PLAY RECAP")[2]


def own_lock(folder: Path, *, wrong: bool = False) -> dict[str, Any]:
    """Variables that put a tiny stack, from a folder of wheels, in the place of the cpu stack."""
    wheel = make_wheel(folder / "wheels", "tiny", "1.0")
    (folder / "lock.txt").write_text(lock_of(wheel, wrong=wrong))
    return {
        "gpuready_stack": "cpu",
        "gpuready_stack_locks": {"cpu": {"lock": str(folder / "lock.txt"), "extra_index_urls": []}},
        "python_environment_find_links": [str(wheel.parent)],
        "python_environment_no_index": True,
    }


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


# --- bad input


BAD_VARIABLES = [
    ({"gpuready_stack": "rocm"}, "gpuready_stack: 'rocm' is not one of auto, cpu, cuda, tensorflow-directml"),
    ({"gpuready_colour": "red"}, "gpuready_colour is not a wish: the wishes are gpuready_experience, "),
    (
        {"gpuready_stack_locks": {"cpu": "/nowhere/lock.txt"}},
        "/nowhere/lock.txt: the lock cannot be read: No such file",
    ),
]


@pytest.mark.parametrize(("variables", "says"), BAD_VARIABLES, ids=["stack", "wish", "lock"])
def test_a_wrong_variable_ends_in_an_error_that_names_it(
    machine: Machine, variables: dict[str, Any], says: str
) -> None:
    code, output = machine.run(**variables)
    assert code != 0
    last = output.rpartition("Refuse wrong variables")[2]
    assert says in last.replace("''", "'"), output
    assert "Traceback" not in output
    assert states(machine.record()) == ("NOT_READY", "BAD_INPUT")
    assert not machine.home.exists()


def test_a_wrong_variable_is_an_error_even_where_the_pc_is_off(machine: Machine, tmp_path: Path) -> None:
    pc = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9, "gpuready_stack": "rocm"}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"pc1": pc}}}))
    code, output = machine.run("-i", str(tmp_path / "hosts.yml"))
    assert code != 0
    assert "gpuready_stack: 'rocm' is not one of" in output.rpartition("Refuse wrong variables")[2].replace("''", "'")
    assert states(machine.record()) == ("NOT_READY", "BAD_INPUT")


@pytest.mark.parametrize("content", [None, "all:\n  hosts: [\n"], ids=["missing", "broken"])
def test_an_inventory_that_gives_no_pc_is_an_error(machine: Machine, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "hosts.yml").write_text(content)
    code, output = machine.run("-i", str(tmp_path / "hosts.yml"))
    assert code != 0
    assert "The inventory lists no PC" in output
    assert not machine.report.exists()
    assert not machine.home.exists()


# --- wheels that are not those of the lock


def test_a_wrong_hash_in_the_lock_builds_nothing_and_switches_nothing(machine: Machine, tmp_path: Path) -> None:
    code, output = machine.run(**own_lock(tmp_path, wrong=True))
    assert code == 0, output
    record = machine.record()
    assert states(record) == ("NOT_READY", "HASH_MISMATCH")
    assert "tiny" in record["verdict"]["cause"]
    assert machine.environments() == []
    assert not list(machine.home.glob("current/*"))
    assert "changed=0" in recap(output)


def test_without_an_index_the_wheelhouse_is_enough(machine: Machine, tmp_path: Path) -> None:
    """A lab without internet. The tiny stack brings no PyTorch: the training says so, and nothing is switched."""
    given = own_lock(tmp_path)
    given["python_environment_wheelhouse"] = given.pop("python_environment_find_links")[0]
    code, output = machine.run(**given)
    assert code == 0, output
    record = machine.record()
    assert record["apply"]["changed"] is True
    assert len(machine.environments()) == 1
    assert states(record) == ("NOT_READY", "FRAMEWORK_IMPORT")
    assert not list(machine.home.glob("current/*"))


# --- a full disk, Ctrl-C


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 64 KiB of which 12 KiB are free, with an earlier report in it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a small disk")
    (folder / "report.json").write_text("earlier\n")
    (folder / "fill").write_bytes(b"\0" * 48 * 1024)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_the_earlier_report_whole(machine: Machine, full_disk: Path) -> None:
    code, output = machine.run(playbook="plan", gpuready_report_dir=str(full_disk))
    assert code != 0
    assert f"{full_disk}: the report cannot be written: No space left on device." in output
    assert "Traceback" not in output
    assert sorted(os.listdir(full_disk)) == ["fill", "report.json"]
    assert (full_disk / "report.json").read_text() == "earlier\n"


def test_evidence_that_cannot_be_saved_is_the_controllers_trouble(machine: Machine, full_disk: Path) -> None:
    (full_disk / "fill").write_bytes(b"\0" * 60 * 1024)
    code, output = machine.run(playbook="facts", gpuready_evidence_dir=str(full_disk / "evidence"))
    assert code != 0
    last = output.rpartition("Refuse wrong variables")[2]
    assert "the evidence cannot be saved on the controller: No space left on device" in last
    assert list((full_disk / "evidence").iterdir()) == []
    assert states(machine.record()) == ("NOT_READY", "BAD_INPUT")


def test_ctrl_c_while_packages_come_leaves_nothing_half_done(machine: Machine, tmp_path: Path) -> None:
    given = own_lock(tmp_path)
    del given["python_environment_find_links"], given["python_environment_no_index"]
    with slow_index(tmp_path / "wheels/tiny-1.0-py3-none-any.whl") as (url, asked, _):
        process = machine.start(**given, python_environment_index_url=url)
        if not asked.wait(90):
            process.kill()
            pytest.fail(f"uv did not ask for the wheel: {process.communicate()[0]}")
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: to all of them
        output, _ = process.communicate(timeout=60)
        assert process.returncode != 0
        assert "Traceback" not in output
        assert not machine.report.exists()
        gone = time.monotonic() + 30
        while (left := _at_work(str(machine.home))) and time.monotonic() < gone:
            time.sleep(0.2)
        assert left == []
    # what was begun is no environment: the next run builds it
    assert not list(machine.home.glob("environments/*/gpuready.json"))
    given = {**own_lock(tmp_path)}
    code, output = machine.run(**given)
    assert code == 0, output
    assert machine.record()["apply"]["changed"] is True
    assert [path.parent.name for path in machine.home.glob("environments/*/gpuready.json")] == machine.environments()


def _at_work(text: str) -> list[str]:
    """Command lines of the processes that name a text."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found
