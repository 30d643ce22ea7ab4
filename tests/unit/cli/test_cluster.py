"""A run over a cluster, without one: what is refused, what a shard tells of itself, and shards that come to no end."""

from __future__ import annotations

import asyncio
import pickle
import queue
import re
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dask
import pytest

from gpuready import GpureadyError, Lab, cluster, contract, events, hiding, playbooks, shard
from gpuready.watch import Watch

ROOT = Path(__file__).resolve().parents[3]
SECRET = "S3CRET-of-a-shard"


def order(**variables: Any) -> playbooks.Order:
    given = {"gpuready_run_id": "run7", **variables}
    return playbooks.Order(Path("provision.yml"), ("hosts.yml",), given, connection_password=SECRET)


def shards(*parts: tuple[str, ...]) -> list[shard.Shard]:
    hider = hiding.Hider(contract.load(ROOT), [], SECRET)
    return [
        shard.Shard(number, part, "x", order(ansible_password=SECRET), hider, 60) for number, part in enumerate(parts)
    ]


def test_a_shard_travels_and_has_no_words_of_its_own() -> None:
    given = shards(("pc1",))[0]
    assert SECRET not in repr(given) + str(given)
    there = pickle.loads(pickle.dumps(given))
    assert there.order == given.order
    assert there.hider.text(f"it is {SECRET}") == "it is ***"


OPEN = ("tcp://10.0.0.9:8786", "scheduler:8786", "ws://10.0.0.9:8786", "tcp://127.0.0.1.example:8786")


@pytest.mark.parametrize("address", OPEN)
def test_passwords_do_not_travel_openly(address: str) -> None:
    with pytest.raises(GpureadyError, match=re.escape(f"passwords would travel openly to {address}: use tls://")):
        cluster._check_address(address)
    with dask.config.set({"distributed.comm.require-encryption": False}):
        cluster._check_address(address)


@pytest.mark.parametrize("address", ["tls://10.0.0.9:8786", "tcp://127.0.0.1:1", "localhost:8786", "tcp://[::1]:8786"])
def test_an_address_that_nobody_can_listen_to(address: str) -> None:
    cluster._check_address(address)


def test_what_a_cluster_cannot_do_is_refused_before_anything_starts(tmp_path: Path) -> None:
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("pc1 ansible_connection=local", {}, "pc1: its connection is local, and each worker would take itself for it"),
        ("pc1 ansible_connection=ansible.builtin.local", {}, "pc1: its connection is local"),
        ("pc1", {"gpuready_hosts": "all"}, "gpuready_hosts: with --cluster name the PCs with --limit"),
        ("pc1", {}, "no scheduler of Dask's could be had there"),
    ]
    for line, variables, words in cases:
        (tmp_path / "hosts").write_text(f"{line}\n")
        lab = Lab(tmp_path / "hosts", extra_vars=variables)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cluster, "_CONNECT", 0.5)
            with pytest.raises(GpureadyError, match=re.escape(words)) as failed:
                lab.provision(cluster="tcp://127.0.0.1:9", report_dir=tmp_path / "report", lab_dir="")
        assert "\n" not in str(failed.value)
        assert not (tmp_path / "report").exists()


def test_without_dask_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    (tmp_path / "hosts").write_text("pc1\n")
    words = r"--cluster needs Dask: install gpuready\[cluster\], here and on the workers"
    with pytest.raises(GpureadyError, match=f"^{words}$"):
        Lab(tmp_path / "hosts").provision(cluster="localhost:9", report_dir=tmp_path / "report", lab_dir="")
    assert not (tmp_path / "report").exists()


def test_a_cluster_that_hangs_holds_no_ctrl_c_and_nobody_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    hangs, stop = threading.Event(), playbooks.Stop()

    def call() -> dict[str, Any]:
        hangs.wait(10)
        return {}

    monkeypatch.setattr(cluster, "_LOOK", 0.05)
    with pytest.raises(GpureadyError, match="a worker did not answer for 0 seconds"):
        cluster._ask(stop, call)
    stop.request()
    with pytest.raises(cluster._Stopped):
        cluster._ask(stop, call)
    hangs.set()


def test_a_cluster_that_is_lost_while_it_is_asked_is_a_line() -> None:
    def call() -> dict[str, Any]:
        raise OSError("in <TCP>: stream is\nclosed")

    with pytest.raises(GpureadyError, match=r"^the cluster was lost: it did not answer: in <TCP>: stream is closed$"):
        cluster._ask(playbooks.Stop(), call)


def test_what_the_inventory_says_is_told_apart_and_what_the_order_says_is_not() -> None:
    given = order(mine=1)
    said = shard.digest({"pc1": {"ansible_user": "lab", "mine": 1}}, given)
    assert said == shard.digest({"pc1": {"mine": 2, "ansible_user": "lab"}}, given)
    assert said != shard.digest({"pc1": {"ansible_user": "other", "mine": 1}}, given)
    assert said != shard.digest({"pc2": {"ansible_user": "lab", "mine": 1}}, given)


def test_a_worker_with_another_gpuready_is_refused() -> None:
    there: dict[str, object] = {"tcp://w1": "1", "tcp://w2": "0.9 (y)"}
    client = SimpleNamespace(run_on_scheduler=lambda what: "1", run=lambda what, **how: there)
    words = r"^the worker tcp://w2: it has gpuready 0\.9 \(y\), and here is 1: install the same on both$"
    with pytest.raises(GpureadyError, match=words):
        cluster._same(client, list(there), "1", playbooks.Stop())
    there["tcp://w2"] = "1"
    cluster._same(client, list(there), "1", playbooks.Stop())


def test_a_worker_with_another_gpuready_that_comes_later_asks_for_no_pcs(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[object] = []
    worker = SimpleNamespace(
        address="tcp://w9",
        state=SimpleNamespace(tasks={"k": SimpleNamespace(state="executing")}),
        get_current_task=lambda: "k",
        log_event=lambda topic, words: said.append(words),
    )
    monkeypatch.setattr("distributed.get_worker", lambda: worker)
    monkeypatch.setattr(shard, "who", lambda: "0.9 (y)")
    words = "the worker tcp://w9: it has gpuready 0.9 (y), and here is 1: install the same on both"
    assert shard.work("run7", 0, "1") == {"refused": words}
    assert not said


def test_a_worker_waits_for_its_shard_until_it_is_asked_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard, "_MOMENT", 0.01)
    given, stop = shards(("pc1",), ("pc2",)), playbooks.Stop()
    shard.give(given[1])
    shard.give(given[0])
    assert shard._asked("run7", 1, stop) is given[1]
    assert shard._asked("run7", 0, stop) is given[0]
    threading.Timer(0.05, stop.request).start()
    assert shard._asked("run7", 0, stop) is None


def test_another_content_of_the_same_version_is_another_gpuready(tmp_path: Path) -> None:
    for name in ("playbooks", "roles/wsl", "collections/ansible_collections/gpuready/lab"):
        (tmp_path / name).mkdir(parents=True)
    before = shard.identity(tmp_path)
    (tmp_path / "roles/wsl/a.yml").write_text("a")
    assert shard.identity(tmp_path) != before
    (tmp_path / "roles/wsl/a.yml").unlink()
    (tmp_path / "roles/wsl/__pycache__").mkdir()
    (tmp_path / "roles/wsl/__pycache__/a.pyc").write_text("a")
    assert shard.identity(tmp_path) == before


# --- a Dask client that ends as it is told


class KilledWorker(Exception):  # noqa: N818  as Dask has it
    pass


class Future:
    def __init__(self, end: object) -> None:
        self.end = end

    def done(self) -> bool:
        return self.end is not None

    def cancelled(self) -> bool:
        return isinstance(self.end, asyncio.CancelledError)

    def result(self) -> object:
        if isinstance(self.end, BaseException):
            raise self.end
        return self.end

    def cancel(self) -> None:
        self.end = asyncio.CancelledError()


class Client(SimpleNamespace):
    """`ends` by number of the shard; `said` is what workers say at the beginning."""

    status = "running"

    def subscribe_topic(self, topic: str, handler: Callable[[tuple[float, Mapping[str, Any]]], None]) -> None:
        for words in self.said:
            handler((0.0, {"run": "run7", **words}))

    def submit(self, work: object, of: str, number: int, same: str, **how: Any) -> Future:
        assert how["allow_other_workers"] is True
        assert (of, same) == ("run7", "1")
        return Future(self.ends[number])

    def nthreads(self) -> dict[str, int]:
        return {}

    def run(self, what: object, given: object, *, workers: list[str] | None, **__: object) -> dict[str, Any]:
        self.calls.put((what, given, workers))
        return {}


def answer(records: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"records": records, "working": {}, "ended": True, "rc": 0, "complaint": "", "given_up": None, **more}


def run(
    ends: list[object], said: list[dict[str, Any]] | None = None, stop: playbooks.Stop | None = None
) -> tuple[playbooks.Outcome, list[events.Event], Client]:
    told: list[events.Event] = []
    client = Client(ends=ends, said=said or [], calls=queue.SimpleQueue())
    parts = shards(*((f"pc{number}a", f"pc{number}b") for number in range(len(ends))))
    one = cluster._Run(client, parts, "1", told.append, stop or playbooks.Stop(), Watch())
    return one.to_its_end(["w"] * len(parts)), told, client


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_MOMENT", 0.01)


def test_the_records_of_all_shards_come_together() -> None:
    outcome, _, _ = run([answer({"pc0a": {"n": 0}}), answer({"pc1b": {"n": 1}})])
    assert (outcome.rc, outcome.complaint) == (0, "")
    assert outcome.watch.records == {"pc0a": {"n": 0}, "pc1b": {"n": 1}}
    assert outcome.watch.ended == {"pc0a", "pc0b", "pc1a", "pc1b"}
    assert outcome.watch.finished("pc0b")  # it left no record, and its run came to its end: the report judges it


LOST = {
    "killed": (KilledWorker("w"), "several workers in turn were lost with the same PCs"),
    "scheduler": (asyncio.CancelledError(), "the scheduler of Dask was lost"),
    "failed": (ModuleNotFoundError(SECRET), "a worker failed: ModuleNotFoundError"),
    "refused": ({"refused": "w: it has gpuready 0.9"}, "w: it has gpuready 0.9"),
    "stuck": (answer({}, ended=False, rc=2, complaint="no space"), "no space"),
}


@pytest.mark.parametrize("how", LOST)
def test_a_shard_that_came_to_no_end_is_told_and_the_others_stay(how: str) -> None:
    end, words = LOST[how]
    begun = {"kind": "StepStarted", "event": {"host": "pc1a", "step": "apply", "task": "Build", "action": "x"}}
    outcome, told, _ = run([answer({"pc0a": {}}), end], [begun])
    assert outcome.rc != 0
    assert outcome.complaint == words
    assert outcome.watch.ended == {"pc0a", "pc0b"}
    assert not outcome.watch.finished("pc1a")
    assert told == [events.StepStarted("pc1a", "apply", "Build", "x")]
    assert outcome.watch.working == ({} if how == "stuck" else {"pc1a": "Build"})


def test_who_was_finished_before_its_worker_was_lost_is_in_the_report() -> None:
    verdict = {"state": "READY", "code": "TRAINED", "cause": "", "next_step": ""}
    said = {"kind": "HostFinished", "event": {"host": "pc0a", **verdict}, "record": {"verdict": verdict}}
    outcome, told, _ = run([KilledWorker("w")], [said])
    assert told == [events.HostFinished("pc0a", **verdict)]
    assert outcome.watch.records == {"pc0a": {"verdict": verdict}}
    assert outcome.watch.finished("pc0a")
    assert not outcome.watch.finished("pc0b")


def test_a_shard_that_begins_again_is_told_and_given_again() -> None:
    said = [{"shard": 0, "worker": "w1"}, {"shard": 0, "worker": "w2"}, {"run": "other", "shard": 0, "worker": "w3"}]
    _, told, client = run([answer({})], said)
    assert told == [events.Output("a worker was lost: w2 goes on with its 2 PCs")]
    calls = [client.calls.get(timeout=10) for _ in range(2)]
    assert {(what, one.number, one.names) for what, one, _ in calls} == {(shard.give, 0, ("pc0a", "pc0b"))}
    assert sorted(workers for _, _, workers in calls) == [["w1"], ["w2"]]


def test_no_worker_for_long_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_ASK", 0.0)
    monkeypatch.setattr(cluster, "_DESERTED", 0.1)
    outcome, _, _ = run([answer({"pc0a": {}}), None])
    assert outcome.complaint.startswith("no worker was there for ")
    assert outcome.watch.ended == {"pc0a", "pc0b"}


def test_a_stop_asks_the_workers_and_a_second_waits_for_nobody() -> None:
    stop = playbooks.Stop()
    stop.request()
    stop.request()
    outcome, _, client = run([None], stop=stop)
    assert client.calls.get(timeout=10) == (shard.halt, "run7", None)
    assert outcome.rc != 0


def test_a_callback_that_fails_ends_the_run_with_its_own_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_ANSWER", 0.05)

    def broken(event: events.Event) -> None:
        raise ZeroDivisionError

    begun = {"kind": "StepStarted", "event": {"host": "pc0a", "step": "apply", "task": "Build", "action": "x"}}
    client = Client(ends=[None], said=[begun], calls=queue.SimpleQueue())
    parts = shards(("pc0a",))
    outcome = cluster._Run(client, parts, "1", broken, playbooks.Stop(), Watch()).to_its_end(["w"])
    assert isinstance(outcome.error, ZeroDivisionError)
    assert client.calls.get(timeout=10) == (shard.halt, "run7", None)
