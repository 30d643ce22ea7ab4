"""A run always ends, with a report: killed workers, a killed gpuready, full disks, signals, over simulated PCs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))
from api_help import PROGRAM
from simlab_winrm_help import NET

from gpuready import GpureadyError, Lab, events, guard, watch
from gpuready.simlab import background

PORT = 15991
AMD = {"name": "AMD Radeon RX 6800", "vendor": "amd", "device": "73BF", "memory": 17163091968,
       "driver": {"version": "31.0.24002.92", "radeon_software": "24.3.1"}}  # fmt: skip
HANG = [{"kind": "hang", "on": "gpu_facts"}]
pytestmark = pytest.mark.slow


@contextmanager
def lab_of(folder: Path, net: int, *pcs: dict[str, Any]) -> Iterator[Path]:
    """The inventory of simulated PCs."""
    (folder / "lab.yml").write_text(yaml.safe_dump({"defaults": {"gpus": [AMD], "uv": "0.9.2"}, "pcs": list(pcs)}))
    with background.running(folder / "lab.yml", folder, PORT, f"{NET}.{net}.1") as inventory:
        yield inventory


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gp-") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(folder)


def ended(document: dict[str, Any]) -> dict[str, str]:
    return {host["host"]: f"{host['verdict']['state']} {host['verdict']['code']}" for host in document["hosts"]}


def family_of(short: Path) -> list[int]:
    """The guard of the run that has its folder there, Ansible, and its workers."""
    files = list(short.glob("gpuready-*/guard.pid"))
    return [(pid := int(files[0].read_text())), *guard.descendants(pid)] if files else []


def wait_for(what: Callable[[], object], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, what
        time.sleep(0.2)
    return found


@contextmanager
def command(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def test_a_killed_worker_costs_its_pc_alone(tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_ALONE", 3.0)
    killed: list[int] = []

    def kill(event: events.Event) -> None:
        """The worker of pc2, which hangs, once all others are done."""
        if isinstance(event, events.HostFinished) and event.host == "pc3":
            ansible = family_of(short)[1]
            workers = guard.descendants(ansible)
            for pid in workers:
                with suppress(ProcessLookupError):  # one that had just ended
                    os.kill(pid, signal.SIGKILL)
            killed.extend(workers)

    with lab_of(
        tmp_path,
        91,
        {"name": "pc1"},
        {"name": "pc2", "faults": HANG},
        {"name": "pc3", "faults": [{"kind": "slow", "on": "gpu_facts", "seconds": 5}]},
    ) as inventory:
        start = time.monotonic()
        result = Lab(inventory).plan(report_dir=tmp_path / "report", on_event=kill)
    assert killed
    assert time.monotonic() - start < 60  # and not the 180 seconds that a PC may take, or for ever
    assert ended(result.document) == {
        "pc1": "NOT_READY NOT_INSTALLED",
        "pc2": "UNKNOWN WORKER_LOST",
        "pc3": "NOT_READY NOT_INSTALLED",
    }
    assert result.run.interrupted is not None
    assert "was killed" in result.run.interrupted
    assert result.hosts[1].simulated is True
    assert result.exit_code == 2
    for name in ("report.html", "report.md"):
        assert "did not come to its end" in (tmp_path / "report" / name).read_text()
    assert list(short.iterdir()) == []


def test_what_talks_to_a_pc_may_be_killed_alone(tmp_path: Path, short: Path) -> None:
    """The process that grows by an answer is the one that the system ends when memory is short."""
    slow = {"kind": "slow", "on": "gpu_facts", "seconds": 5}

    def kill(event: events.Event) -> None:
        if isinstance(event, events.HostFinished) and event.host == "pc3":
            os.kill(family_of(short)[-1], signal.SIGKILL)

    with lab_of(tmp_path, 90, {"name": "pc2", "faults": HANG}, {"name": "pc3", "faults": [slow]}) as inventory:
        result = Lab(inventory).plan(report_dir=tmp_path / "report", on_event=kill)
    assert ended(result.document) == {"pc2": "UNKNOWN WORKER_LOST", "pc3": "NOT_READY NOT_INSTALLED"}
    assert "killed by signal 9" in result.hosts[0].verdict.cause
    assert result.run.interrupted is None


# How a PC floods the controller, and what becomes of it.
FLOODS = {
    "endless": ({"kind": "flood", "on": "gpu_facts"}, "UNKNOWN ANSWER_TOO_LARGE"),
    "half-a-gigabyte": ({"kind": "flood", "on": "gpu_facts", "size": 500 * 2**20}, "UNKNOWN ANSWER_TOO_LARGE"),
    "one-line": (
        {"kind": "garbage", "on": "gpu_facts", "text": "password", "size": 2**20},
        "UNKNOWN OUTPUT_GARBAGE",
    ),
    "long-message": (
        {"kind": "fail", "on": "gpu_facts", "text": "password", "code": "HOME_NOT_WRITABLE", "size": 2**20},
        "NOT_READY HOME_NOT_WRITABLE",
    ),
    "uv": (
        {"kind": "fail", "on": "python_environment", "text": "https://", "code": "UV_FAILED", "size": 2**20},
        "NOT_READY ",
    ),
    "training": ({"kind": "fail", "on": "training_facts", "text": "token=", "size": 2**20}, ""),
    "late": ({"kind": "flood", "on": "training_facts"}, "UNKNOWN ANSWER_TOO_LARGE"),
}


def test_no_answer_is_too_long_for_the_others(tmp_path: Path, short: Path) -> None:
    pcs = [{"name": name, "faults": [fault]} for name, (fault, _) in FLOODS.items()]
    most = 0

    def measure(event: events.Event) -> None:
        nonlocal most
        for pid in family_of(short):
            with suppress(OSError, IndexError):
                status = Path(f"/proc/{pid}/status").read_text()
                most = max(most, int(status.partition("VmHWM:")[2].split()[0]) * 1024)

    start = time.monotonic()
    with lab_of(tmp_path, 89, {"name": "healthy"}, *pcs) as inventory:
        result = Lab(inventory).provision(report_dir=tmp_path / "report", lab_dir=tmp_path / "lab", on_event=measure)
    print(time.monotonic() - start, most / 2**20)
    found = ended(result.document)
    assert found["healthy"] == "READY TRAINED"
    assert {name: found[name] for name, (_, wanted) in FLOODS.items() if not found[name].startswith(wanted)} == {}
    assert result.run.interrupted is None
    assert most < 700 * 2**20
    assert (tmp_path / "report/report.json").stat().st_size < 500_000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_a_report_of_what_was_finished(tmp_path: Path, short: Path, number: signal.Signals) -> None:
    with lab_of(tmp_path, 92, {"name": "pc1"}, {"name": "pc2", "faults": HANG}) as inventory:  # noqa: SIM117
        with command("plan", "-i", inventory, "--report", tmp_path / "report", "--json") as process:
            assert process.stderr is not None
            while "pc1: looked at" not in process.stderr.readline():
                assert process.poll() is None
            time.sleep(2)
            process.send_signal(number)
            if number == signal.SIGHUP:  # a shell and the system both say that the terminal is gone
                process.send_signal(number)
            out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    report = tmp_path / "report/report.json"
    assert err.splitlines()[-1] == (
        f"gpuready: stopped, the report of what was finished: {report}; finished: pc1 NOT_READY; not finished: pc2; "
        "run again to go on"
    )
    assert json.loads(out)["error"]["message"] in err
    document = json.loads(report.read_text())
    assert ended(document) == {"pc1": "NOT_READY NOT_INSTALLED", "pc2": "UNKNOWN INTERRUPTED"}
    assert document["run"]["interrupted"] == "the run was stopped"
    assert document["hosts"][0]["plan"]["stack"]
    assert list(short.iterdir()) == []


def test_a_killed_gpuready_leaves_nobody_and_nothing(tmp_path: Path, short: Path) -> None:
    """Neither workers in sessions of their own, nor what they started, nor the folder with the caller's environment."""
    with lab_of(tmp_path, 93, {"name": "pc1", "faults": HANG}) as inventory:  # noqa: SIM117
        with command("plan", "-i", inventory, "--report", tmp_path / "report") as process:
            family = wait_for(lambda: family if len(family := family_of(short)) >= 3 else None)
            process.kill()
            process.communicate(timeout=30)
            wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family), 20)
    wait_for(lambda: not list(short.iterdir()), 10)


def test_the_environment_is_on_no_disk_while_it_runs(
    tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "S3CRET-OF-THE-CALLER")
    seen: list[Path] = []

    def look(event: events.Event) -> None:
        if isinstance(event, events.StepStarted):
            seen.extend(f for f in short.rglob("*") if f.is_file() and b"S3CRET-OF-THE-CALLER" in f.read_bytes())

    with lab_of(tmp_path, 94, {"name": "pc1"}) as inventory:
        Lab(inventory).facts(report_dir=tmp_path / "report", on_event=look)
    assert seen == []


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    place.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("a disk that is full needs root and mount")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_report_disk_that_fills_up_loses_no_report(tmp_path: Path, short: Path) -> None:
    def fill(event: events.Event) -> None:
        if isinstance(event, events.HostFinished):
            with suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
                while file.write(b"\0" * 4096):
                    pass

    with small_disk(tmp_path / "disk", "2m") as disk, lab_of(tmp_path, 95, {"name": "pc1"}) as inventory:  # noqa: SIM117
        with pytest.raises(GpureadyError) as found:
            Lab(inventory).plan(report_dir=disk / "report", on_event=fill)
    line = str(found.value)
    assert "\n" not in line
    assert "the report cannot be written: No space left on device: it lies in " in line
    there = Path(line.partition("it lies in ")[2].partition(" instead")[0])
    try:
        assert ended(json.loads((there / "report.json").read_text())) == {"pc1": "NOT_READY NOT_INSTALLED"}
        assert "pc1" in (there / "report.html").read_text()
    finally:
        shutil.rmtree(there)


def test_a_full_temporary_folder_is_gone_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with small_disk(tmp_path / "full", "64k") as full, lab_of(tmp_path, 96, {"name": "pc1"}) as inventory:
        monkeypatch.setenv("TMPDIR", str(full))
        monkeypatch.setattr(tempfile, "tempdir", str(full))
        (full / "filler").write_bytes(b"\0" * 60000)
        result = Lab(inventory).facts(report_dir=tmp_path / "report")
    assert ended(result.document) == {"pc1": "UNKNOWN NOT_VERIFIED"}


def test_no_temporary_folder_at_all_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gpuready import playbooks

    with small_disk(tmp_path / "full", "64k") as full, lab_of(tmp_path, 97, {"name": "pc1"}) as inventory:
        monkeypatch.setattr(playbooks, "places", lambda: [str(full)])
        with pytest.raises(
            GpureadyError, match=r"^no temporary folder can be written \(.*: No space left on device\): free"
        ):
            Lab(inventory).facts(report_dir=tmp_path / "report")


ODD = ("pc-" + "a" * 297, "pc/2", "..", "p c", "é" * 200)


def test_a_name_that_no_file_can_have_is_its_pcs_trouble_alone(tmp_path: Path, short: Path) -> None:
    """Ansible's fact cache makes a file of each name."""
    with lab_of(tmp_path, 98, {"name": "pc1"}) as inventory:
        there = {
            "ansible_connection": "winrm",
            "ansible_winrm_scheme": "http",
            "ansible_user": "u",
            "ansible_password": "p",
        }
        others = {
            name: {**there, "ansible_host": f"{NET}.99.{number}", "ansible_port": PORT, "gpuready_simulated": True}
            for number, name in enumerate(ODD, 1)
        }
        (tmp_path / "odd.yml").write_text(yaml.safe_dump({"all": {"hosts": others}}))
        result = Lab([inventory, tmp_path / "odd.yml"]).plan(report_dir=tmp_path / "report")
    found = ended(result.document)
    assert found == {"pc1": "NOT_READY NOT_INSTALLED", **dict.fromkeys(ODD, "UNREACHABLE PORT_CLOSED")}
    assert result.run.interrupted is None


def test_a_wrong_password_is_shown_to_one_pc(tmp_path: Path, short: Path) -> None:
    pcs = [{"name": f"pc{number:02}", "connection": {"transport": "ntlm"}} for number in range(1, 13)]
    wrong = {"ansible_user": "LAB\\gpuready", "ansible_password": "wrong"}
    with lab_of(tmp_path, 88, *pcs) as inventory:
        rejected = Lab(inventory, extra_vars=wrong).plan(report_dir=tmp_path / "wrong")
        empty = Lab(inventory, extra_vars={"ansible_password": ""}).plan(report_dir=tmp_path / "empty")
        right = Lab(inventory).plan(report_dir=tmp_path / "right")
    found = list(ended(rejected.document).values())
    assert found.count("UNREACHABLE AUTH_REJECTED") == 1
    assert found.count("UNREACHABLE AUTH_NOT_TRIED") == 11
    first = next(host.host for host in rejected.hosts if host.verdict.code == "AUTH_REJECTED")
    said = {host.verdict.cause for host in rejected.hosts if host.verdict.code == "AUTH_NOT_TRIED"}
    assert len(said) == 1
    assert f"rejected by {first}; nobody else was asked" in said.pop()
    assert set(ended(empty.document).values()) == {"UNREACHABLE CONNECTION_SETTINGS"}
    assert set(ended(right.document).values()) == {"NOT_READY NOT_INSTALLED"}
