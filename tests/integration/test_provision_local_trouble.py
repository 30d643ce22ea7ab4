"""`playbooks/provision.yml` on this very machine when something is wrong: variables, wheels, a full disk, Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from environment_help import lock_of, make_wheel, slow_index
from provision_local_help import Machine, recap, states

pytestmark = pytest.mark.slow


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


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


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "failed to parse inventory source"),
        ("all:\n  hosts: [\n", "YAML parsing failed"),
        ("all: {hosts: {}}\n", "The inventory lists no PC"),
    ],
    ids=["missing", "broken", "empty"],
)
def test_an_inventory_that_gives_no_pc_is_an_error(
    machine: Machine, tmp_path: Path, content: str | None, says: str
) -> None:
    if content is not None:
        (tmp_path / "hosts.yml").write_text(content)
    code, output = machine.run("-i", str(tmp_path / "hosts.yml"))
    assert code != 0
    assert says in output
    assert not machine.report.exists()
    assert not machine.home.exists()


# --- wheels that are not those of the lock


def test_a_wrong_hash_in_the_lock_builds_nothing_and_switches_nothing(machine: Machine, tmp_path: Path) -> None:
    code, output = machine.run(**own_lock(tmp_path, wrong=True))
    assert code == 0, output
    record = machine.record()
    assert states(record) == ("NOT_READY", "HASH_MISMATCH")
    told = record["verdict"]  # the cause once, and the next step not in it too
    assert told["cause"].startswith("packages: tiny")
    assert told["cause"].endswith(" is not the file that its sha256 names")
    assert told["next_step"].startswith("Do not use it. ")
    assert machine.environments() == []
    assert not list(machine.home.glob("current/*"))
    assert "changed=0" in recap(output)


def test_another_build_of_the_locked_version_does_not_slip_in(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PC whose pip knows a folder with 1.0+cpu: `==1.0` in a lock is met by it and stops there, `===1.0` is not."""
    other = make_wheel(tmp_path / "machine", "tiny", "1.0+cpu")
    monkeypatch.setenv("PIP_FIND_LINKS", str(other.parent))
    monkeypatch.setenv("COLUMNS", "40")  # in which uv would break its lines
    given, lock = own_lock(tmp_path), tmp_path / "lock.txt"
    code, output = machine.run(**given)
    assert code == 0, output
    record = machine.record()
    assert states(record) == ("NOT_READY", "HASH_MISMATCH")
    assert "tiny==1.0+cpu is not the file that its sha256 names" in record["verdict"]["cause"]
    words = "\n".join(record["troubles"][0]["details"])
    assert "no hashes were provided or computed for: tiny==1.0+cpu" in words  # uv's own
    assert "computed for: tiny==1.0+cpu" in (machine.report / "report.html").read_text()
    lock.write_text(lock.read_text().replace("==", "==="))
    code, output = machine.run(**given)
    assert code == 0, output
    assert machine.record()["apply"]["environment"]["built"] is True
    assert [path.name for path in machine.home.rglob("tiny-*.dist-info")] == ["tiny-1.0.dist-info"]


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
    assert f"{full_disk}: the report cannot be written: No space left on device: it lies in " in output
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


def test_ctrl_c_while_packages_come_leaves_the_job_and_the_next_run_goes_on(machine: Machine, tmp_path: Path) -> None:
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
        assert _at_work(str(machine.home)) != []  # building is a job of the PC's: it does not end with the run
    gone = time.monotonic() + 60  # the index has answered, or is gone
    while (left := _at_work(str(machine.home))) and time.monotonic() < gone:
        time.sleep(0.2)
    assert left == []
    # the next run finds what was built, or a job that failed, and then builds anew
    given = {**own_lock(tmp_path)}
    code, output = machine.run(**given)
    assert code == 0, output
    assert [path.parent.name for path in machine.home.glob("environments/*/gpuready.json")] == machine.environments()
    assert len(machine.environments()) == 1


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
