"""One run over real Dask workers, each with an Ansible of its own, over simulated PCs."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import pytest
import yaml
from distributed import Security

sys.path.insert(0, str(Path(__file__).resolve().parent))
from api_help import started
from cluster_help import Cluster, running

from gpuready import GpureadyError, Lab, cluster, events
from gpuready.simlab import background

ROOT = Path(__file__).resolve().parents[2]
NET = f"127.{1 + int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])}"
PORT = 15994
SECRET = "S3CRET-of-a-lab"
pytestmark = pytest.mark.slow

RADEON = {"name": "AMD Radeon RX 6800", "vendor": "amd", "device": "73BF", "memory": 17163091968,
          "driver": {"version": "31.0.24027.1012", "radeon_software": "24.6.1"}}  # fmt: skip


def slow(seconds: float, on: str = "python_environment") -> dict[str, Any]:
    """A job that takes its time: the first call asks for what is needed, the second builds."""
    return {"kind": "slow", "on": on, "after": 1 if on == "python_environment" else 0, "times": 1, "seconds": seconds}


class Simulated:
    def __init__(self, folder: Path, pcs: dict[str, list[dict[str, Any]]]) -> None:
        self.folder, self.hosts = folder, folder / "hosts.yml"
        document = {"defaults": {"uv": "0.9.2", "gpus": [RADEON]}, "password": SECRET}
        named = [{"name": name, "faults": faults} for name, faults in pcs.items()]
        (folder / "lab.yml").write_text(yaml.safe_dump({**document, "pcs": named}))

    def asked(self, what: str) -> Counter[str]:
        """How often each PC was asked for a module."""
        lines = re.findall(r"simlab: (\S+): (\S+)$", (self.folder / "simlab.log").read_text(), re.MULTILINE)
        return Counter(name for name, module in lines if module == what)


def simulated(folder: Path, net: int, **pcs: list[dict[str, Any]]) -> Iterator[Simulated]:
    lab = Simulated(folder, pcs)
    with background.running(folder / "lab.yml", folder, PORT, f"{NET}.{net}.1"):
        yield lab


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(tmp_path_factory.mktemp("cluster"), 2) as found:
        yield found


def ended(document: dict[str, Any]) -> dict[str, str]:
    return {one["host"]: f"{one['verdict']['state']} {one['verdict']['code']}" for one in document["hosts"]}


def timeless(value: Any) -> Any:
    """A report without what two runs of the same have each for itself."""
    if isinstance(value, dict):
        own = ("run", "seconds", "at", "collected_at", "looked_at", "started_at", "finished_at", "uptime_seconds")
        return {key: timeless(one) for key, one in value.items() if key not in own}
    return [timeless(one) for one in value] if isinstance(value, list) else value


PCS: dict[str, list[dict[str, Any]]] = {
    "pc1": [],
    "pc2": [{"kind": "off"}],
    "pc3": [{"kind": "wrong_password"}],
    "pc4": [],
    "pc5": [{"kind": "disk_full", "on": "python_environment"}],
}
ENDS = {
    "pc1": "READY TRAINED",
    "pc2": "UNREACHABLE PORT_CLOSED",
    "pc3": "UNREACHABLE AUTH_REJECTED",
    "pc4": "READY TRAINED",
    "pc5": "NOT_READY DISK_FULL",
}


def test_two_workers_give_one_report_and_the_state_of_the_lab(two: Cluster, tmp_path: Path) -> None:
    told: list[events.Event] = []
    for lab in simulated(tmp_path, 94, **PCS):
        run = Lab(lab.hosts, extra_vars={"my_token": SECRET})
        result = run.provision(cluster=two.address, on_event=told.append, lab_dir=tmp_path / "lab", verbosity=1)
        again = run.provision(lab_dir="", report_dir=tmp_path / "alone", check=True)
        shared = run.provision(cluster=two.address, lab_dir="", report_dir=tmp_path / "shared", check=True)
    assert ended(result.document) == ENDS
    assert result.run.interrupted is None
    assert result.exit_code == 2
    state = json.loads((tmp_path / "lab/latest/report.json").read_text())
    assert ended(state) == ENDS
    assert state["lab"]["inventory"] == [str(lab.hosts)]
    # the same report as without a cluster, of PCs that are as they were
    assert timeless(shared.document) == timeless(again.document)
    assert shared.run.check is True
    finished = {event.host: f"{event.state} {event.code}" for event in told if isinstance(event, events.HostFinished)}
    assert finished == ENDS
    assert len([event for event in told if isinstance(event, events.RunStarted)]) == 1
    written = [
        file for folder in ("lab", "alone", "shared") for file in (tmp_path / folder).rglob("*") if file.is_file()
    ]
    texts = [two.logs(), repr(told), *(file.read_text() for file in written)]
    assert len(texts) > 10
    assert not [text for text in texts if SECRET in text]


def test_both_workers_work(two: Cluster, tmp_path: Path) -> None:
    """A look that takes 6 s on each PC, with one fork a worker: the two are looked at at the same time."""
    for lab in simulated(tmp_path, 95, pc1=[slow(6, "gpu_facts")], pc2=[slow(6, "gpu_facts")]):
        at: dict[str, float] = {}

        def note(event: events.Event, at: dict[str, float] = at) -> None:
            if isinstance(event, events.StepStarted) and event.step == "look":
                at.setdefault(event.host, time.monotonic())

        Lab(lab.hosts, forks=1).provision(
            cluster=two.address, check=True, lab_dir="", report_dir=tmp_path, on_event=note
        )
    assert abs(at["pc1"] - at["pc2"]) < 5


def test_a_worker_that_is_killed_while_its_pcs_build(tmp_path: Path) -> None:
    """The other one takes them over, and collects what they built: each built once."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    told: list[events.Event] = []
    building: set[str] = set()
    with running(folder, 2, nanny=False) as mine:

        def kill(event: events.Event) -> None:
            told.append(event)
            if isinstance(event, events.StepFinished) and event.step == "apply" and event.outcome == "started":
                building.add(event.host)
                if len(building) == len(pcs):
                    mine.workers["worker0"].kill()

        pcs = {f"pc{number}": [slow(12)] for number in range(1, 5)}
        for lab in simulated(tmp_path, 96, **pcs):
            result = Lab(lab.hosts).provision(
                cluster=mine.address, on_event=kill, lab_dir="", report_dir=tmp_path / "r"
            )
            asked = lab.asked("python_environment")
        assert mine.workers["worker0"].wait(10) == -signal.SIGKILL
        assert mine.workers["worker1"].poll() is None
    assert ended(result.document) == dict.fromkeys(pcs, "READY TRAINED")
    assert result.run.interrupted is None
    lost = [event.text for event in told if isinstance(event, events.Output)]
    assert len(lost) == 1
    assert re.fullmatch(r"a worker was lost: tcp://127\.0\.0\.1:\d+ goes on with its 2 PCs", lost[0])
    assert set(asked.values()) == {min(asked.values())}  # a PC of the lost worker built no more often than the others


def test_ctrl_c_gives_the_report_of_what_was_finished(two: Cluster, tmp_path: Path) -> None:
    for lab in simulated(tmp_path, 97, pc1=[], pc2=[slow(120, "training_facts")]):
        arguments = ("provision", "-i", str(lab.hosts), "--cluster", two.address, "--lab-dir", str(tmp_path / "lab"))
        with started(*arguments) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if line.startswith("pc1: READY"):
                    break
            deadline = time.monotonic() + 60
            while two.busy() > 1:  # what follows the verdict
                assert time.monotonic() < deadline
                time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        assert process.returncode == 130
        assert re.search(
            r"stopped, the report of what was finished: (\S+); finished: pc1 READY; not finished: pc2;", said
        )
        document = json.loads(next((tmp_path / "lab/runs").glob("*/report.json")).read_text())
        assert ended(document) == {"pc1": "READY TRAINED", "pc2": "UNKNOWN INTERRUPTED"}
        assert document["run"]["interrupted"] == "the run was stopped"
        assert two.ansibles() == []


def test_a_client_that_is_killed_leaves_nothing_at_work(two: Cluster, tmp_path: Path) -> None:
    for lab in simulated(tmp_path, 98, pc1=[slow(120, "gpu_facts")]):
        with started(
            "provision", "-i", str(lab.hosts), "--cluster", two.address, "--lab-dir", str(tmp_path)
        ) as process:
            deadline = time.monotonic() + 60
            while not lab.asked("gpu_facts"):
                assert time.monotonic() < deadline
                time.sleep(0.2)
            assert two.ansibles()
            process.kill()
        while two.ansibles():
            assert time.monotonic() < deadline
            time.sleep(0.2)


@pytest.mark.parametrize("what", ["identity", "digest"])
def test_a_cluster_that_is_not_the_same_is_refused(
    two: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    words = {
        "identity": r"the scheduler: it has gpuready \S+ \(\w{12}\), and here is 0\.9 \(x\): install the same on both",
        "digest": r"the worker tcp://\S+: .*hosts: the inventory says other things there: bring both to one state",
    }
    monkeypatch.setattr(cluster, what, lambda *_: "0.9 (x)")
    (tmp_path / "hosts").write_text("pc1 ansible_host=192.0.2.1\n")
    with pytest.raises(GpureadyError) as failed:
        Lab(tmp_path / "hosts").provision(cluster=two.address, lab_dir="", report_dir=tmp_path / "report")
    assert re.fullmatch(words[what], str(failed.value))
    assert not (tmp_path / "report").exists()


def test_a_scheduler_without_workers_is_told(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("pc1\n")
    with running(tmp_path, 0) as alone, pytest.raises(GpureadyError, match="no worker is there"):
        Lab(tmp_path / "hosts").provision(cluster=alone.address, lab_dir="", report_dir=tmp_path / "report")


@pytest.mark.parametrize("where", ["the scheduler", r"the worker tcp://\S+"])
def test_a_machine_without_gpuready_is_told_and_gets_no_password(tmp_path: Path, where: str) -> None:
    """What Dask cannot read it writes into its log."""
    (tmp_path / "hosts").write_text(f"pc1 ansible_password={SECRET}\n")
    with running(tmp_path, 0, nanny=False, gpuready="worker" in where) as mine:
        mine.join("worker0", gpuready="worker" not in where)
        lab = Lab(tmp_path / "hosts", connection_password=SECRET, extra_vars={"my_token": SECRET})
        with pytest.raises(GpureadyError) as failed:
            lab.provision(cluster=mine.address, lab_dir="", report_dir=tmp_path / "report")
        assert re.fullmatch(rf"{where}: it has no gpuready \S+ \(\w{{12}}\): .*'?gpuready'?.*", str(failed.value))
        assert SECRET not in mine.logs()
    assert not (tmp_path / "report").exists()


def test_a_worker_that_comes_later_without_gpuready_gets_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot take over the PCs of the one that is lost: they are UNKNOWN, and the others are done."""
    monkeypatch.setattr(cluster, "_DESERTED", 5.0)
    folder = tmp_path / "cluster"
    folder.mkdir()
    with running(folder, 1, nanny=False) as mine:

        def kill(event: events.Event) -> None:
            if isinstance(event, events.StepStarted) and event.step == "look" and len(mine.workers) == 1:
                mine.join("worker1", gpuready=False)
                mine.workers["worker0"].kill()

        for lab in simulated(tmp_path, 100, pc1=[slow(120, "gpu_facts")]):
            run = Lab(lab.hosts, extra_vars={"my_token": SECRET})
            with pytest.raises(GpureadyError) as failed:
                run.provision(cluster=mine.address, on_event=kill, lab_dir="", report_dir=tmp_path / "r")
        assert "\n" not in str(failed.value)
        assert "gpuready" in (folder / "worker1.log").read_text()
        assert SECRET not in mine.logs()


def test_a_scheduler_that_is_lost_ends_the_run_with_what_is_known(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    folder.mkdir()
    with running(folder, 1) as mine:

        def kill(event: events.Event) -> None:
            if isinstance(event, events.HostFinished):
                mine.scheduler.kill()

        for lab in simulated(tmp_path, 101, pc1=[{"kind": "off"}], pc2=[slow(120, "gpu_facts")]):
            result = Lab(lab.hosts).provision(
                cluster=mine.address, on_event=kill, lab_dir="", report_dir=tmp_path / "r"
            )
            assert ended(result.document) == {"pc1": "UNREACHABLE PORT_CLOSED", "pc2": "UNKNOWN WORKER_LOST"}
            assert result.run.interrupted == "the scheduler of Dask was lost"
            deadline = time.monotonic() + 60
            while mine.ansibles():
                assert time.monotonic() < deadline
                time.sleep(0.2)


@pytest.mark.parametrize("when", ["before", "while it works"])
def test_a_worker_that_hangs_holds_no_ctrl_c(tmp_path: Path, when: str) -> None:
    folder = tmp_path / "cluster"
    folder.mkdir()
    with running(folder, 1, nanny=False) as mine:

        def seen() -> int:
            return (folder / "scheduler.log").read_text().count("Receive client connection")

        for lab in simulated(tmp_path, 102, pc1=[slow(120, "gpu_facts")]):
            before, deadline = seen(), time.monotonic() + 120
            if when == "before":
                mine.workers["worker0"].send_signal(signal.SIGSTOP)
            arguments = ("provision", "-i", str(lab.hosts), "--cluster", mine.address, "--lab-dir", str(tmp_path))
            with started(*arguments) as process:
                if when == "before":
                    while seen() == before:
                        assert time.monotonic() < deadline
                        time.sleep(0.2)
                    time.sleep(3)  # it asks the worker
                else:
                    while not lab.asked("gpu_facts"):
                        assert time.monotonic() < deadline
                        time.sleep(0.2)
                    mine.workers["worker0"].send_signal(signal.SIGSTOP)
                process.send_signal(signal.SIGINT)
                time.sleep(2)
                process.send_signal(signal.SIGINT)
                _, said = process.communicate(timeout=60)
            assert process.returncode == 130, said
            assert "not finished: pc1" in said


def test_a_cluster_with_tls_as_the_docs_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, place = Security.temporary(), tmp_path / "tls"
    place.mkdir()
    for name, text in (
        ("ca.pem", made.tls_ca_file),
        ("node.pem", made.tls_client_cert),
        ("node.key", made.tls_client_key),
    ):
        (place / name).write_text(text)
    told = re.search(r"```yaml\n(.*?)```", (ROOT / "docs/cluster.md").read_text(), re.DOTALL)
    assert told
    configuration = told[1].replace("/etc/gpuready", str(place))
    (place / "gpuready.yaml").write_text(configuration)
    monkeypatch.setenv("DASK_CONFIG", str(place))
    merged = dask.config.merge(dask.config.config, yaml.safe_load(configuration))
    with dask.config.set(merged), running(tmp_path, 1, protocol="tls") as safe:
        assert safe.address.startswith("tls://")
        for lab in simulated(tmp_path, 99, pc1=[]):
            arguments = ("provision", "--check", "-i", str(lab.hosts), "--lab-dir", str(tmp_path / "lab"), "--json")
            with started(*arguments, "--cluster", safe.address) as process:
                out, said = process.communicate(timeout=120)
            assert process.returncode == 0, said
            assert [one["host"] for one in json.loads(out)["hosts"]] == ["pc1"]
