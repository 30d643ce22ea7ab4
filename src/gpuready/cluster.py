"""One run on many controllers: the PCs in shards, each a task of a Dask worker, and the records back in this run.

A worker runs Ansible over its shard as this machine would and gives back what its `watch.Watch` knows at the end; the
report is written here. The shard of a worker that is lost is run again on another, which Dask sees to; what builds or
trains on a PC meanwhile is a job there, and is collected. Progress comes by a topic of Dask's. Passwords and variables
travel in Dask's messages alone, and to a worker only whose gpuready is this one (see `shard`).
"""

from __future__ import annotations

import asyncio
import ipaddress
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, get_args

from gpuready import events, hiding, playbooks
from gpuready.errors import GpureadyError
from gpuready.shard import TOPIC, Shard, digest, give, halt, identity, look, other, who, work
from gpuready.watch import Watch

_EVENTS = {kind.__name__: kind for kind in get_args(events.Event)}
_CONNECT = 10  # seconds
_START = "start one with `dask scheduler`, or correct the address (docs/cluster.md)"
_MOMENT = 0.3  # seconds
_ANSWER = 90.0  # seconds in which workers end their shards, with what was finished, after Ctrl-C
_DESERTED = 120.0  # seconds without any worker after which none is waited for
_ASK = 5.0  # seconds between two looks who is there
_LOOK = 330.0  # seconds in which each worker says what it is and has; its inventory may take 300


def execute(
    address: str,
    order: playbooks.Order,
    base: Path,
    hosts: Mapping[str, Mapping[str, Any]],
    on_event: Callable[[events.Event], None],
    stop: playbooks.Stop,
    watch: Watch,
    hider: hiding.Hider,
) -> playbooks.Outcome:
    """`playbooks.execute` on the workers of a Dask scheduler. `hosts`: the PCs with their variables.

    Raises GpureadyError when the cluster cannot be had, or a worker is not what it must be.
    """
    _check(order, hosts)
    with _client(address) as client:
        try:
            threads, mine = client.nthreads(), identity(base)
            if not threads:
                raise GpureadyError(f"--cluster {address}: no worker is there: start some with `dask worker`")
            for worker in threads:
                _check_address(worker)
            places = [worker for turn in range(max(threads.values())) for worker in threads if turn < threads[worker]]
            places, names = places[: len(hosts)], list(hosts)

            def shard(number: int, part: Sequence[str]) -> Shard:
                known = digest({name: hosts[name] for name in part}, order)
                return Shard(number, tuple(part), known, order, hider, watch.patience)

            _same(client, list(threads), mine, stop)  # before anything secret is sent there
            answers = _ask(stop, lambda: client.run(look, shard(0, names), workers=list(threads), on_error="return"))
            for worker, said in answers.items():
                if said:
                    raise GpureadyError(f"the worker {worker}: {_complaint(said, mine)}")
        except _Stopped:
            return playbooks.Outcome(1, "the run was stopped", watch)
        shards = [shard(number, names[number :: len(places)]) for number in range(len(places))]
        return _Run(client, shards, mine, on_event, stop, watch).to_its_end(places)


class _Stopped(Exception):  # noqa: N818  no error: the user wished it
    pass


def _same(client: Any, workers: Sequence[str], mine: str, stop: playbooks.Stop) -> None:
    """Refuse a scheduler, which reads what it hands on, or a worker that has no gpuready, or another one."""

    def scheduler() -> dict[str, object]:
        try:
            return {"the scheduler": client.run_on_scheduler(who)}
        except Exception as error:
            return {"the scheduler": error}

    found = _ask(stop, scheduler)
    found |= {
        f"the worker {worker}": said
        for worker, said in _ask(stop, lambda: client.run(who, workers=workers, on_error="return")).items()
    }
    for place, said in found.items():
        if said != mine:
            raise GpureadyError(f"{place}: {other(said, mine) if isinstance(said, str) else _complaint(said, mine)}")


def _ask(stop: playbooks.Stop, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a cluster says. Dask waits for a worker that hangs as long as it hangs, and hears no Ctrl-C."""
    answers: queue.SimpleQueue[dict[str, Any] | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put(call())
        except Exception as error:
            answers.put(error)

    threading.Thread(target=run, daemon=True).start()
    deadline = time.monotonic() + _LOOK
    while time.monotonic() < deadline:
        if stop.requested:
            raise _Stopped
        with suppress(queue.Empty):
            said = answers.get(timeout=_MOMENT)
            if isinstance(said, Exception):
                raise GpureadyError(f"the cluster was lost: {_complaint(said, '')}")
            return said
    raise GpureadyError(f"a worker did not answer for {_LOOK:.0f} seconds: end it, or start it again")


def _complaint(said: object, mine: str) -> str:
    if isinstance(said, Exception):  # Dask gives the words of the worker's own, not always its kind
        lacks = any(name in repr(said) for name in ("ModuleNotFoundError", "ImportError", "AttributeError"))
        said = f"it has no gpuready {mine}: {said}" if lacks else f"it did not answer: {said}"
    return " ".join(str(said).split())


def _check(order: playbooks.Order, hosts: Mapping[str, Mapping[str, Any]]) -> None:
    if "gpuready_hosts" in order.extra_vars:
        raise GpureadyError("gpuready_hosts: with --cluster name the PCs with --limit")
    for name, variables in hosts.items():
        if str(variables.get("ansible_connection")).rpartition(".")[2] == "local":
            reason = "its connection is local, and each worker would take itself for it"
            raise GpureadyError(f"{name}: {reason}: leave it out with --limit, or go without --cluster")


@contextmanager
def _client(address: str) -> Iterator[Any]:
    """Dask's scheduler, which must be one that nobody can listen to. Dask's own configuration has the certificates."""
    try:
        from distributed import Client
    except ImportError:
        raise GpureadyError("--cluster needs Dask: install gpuready[cluster], here and on the workers") from None
    _check_address(address)
    try:
        client = Client(address, timeout=_CONNECT, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise GpureadyError(
            f"--cluster {address}: no scheduler of Dask's could be had there: {reason}: {_START}"
        ) from None
    try:
        yield client
    finally:
        with suppress(Exception):
            client.close(timeout=_CONNECT)


def _check_address(address: str) -> None:
    """Refuse to send passwords openly, unless Dask's own configuration says that they may be."""
    import dask

    scheme, _, place = address.rpartition("://")
    host = (place.rpartition(":")[0] or place).strip("[]")
    here = host == "localhost"
    with suppress(ValueError):
        here = here or ipaddress.ip_address(host).is_loopback
    if scheme != "tls" and not here and dask.config.get("distributed.comm.require-encryption", None) is not False:
        raise GpureadyError(f"--cluster: passwords would travel openly to {address}: use tls:// (docs/cluster.md)")


class _Run:
    """The shards of one run, until each has ended or none is waited for any more."""

    def __init__(
        self,
        client: Any,
        shards: Sequence[Shard],
        mine: str,
        on_event: Callable[[events.Event], None],
        stop: playbooks.Stop,
        watch: Watch,
    ) -> None:
        self._client, self._shards, self._mine = client, shards, mine
        self._on_event, self._stop, self._watch = on_event, stop, watch
        self._run = shards[0].run
        self._words: queue.SimpleQueue[Mapping[str, Any]] = queue.SimpleQueue()
        self._begun: set[int] = set()
        self._outcome = playbooks.Outcome(0, "", watch)
        self._alone_since: float | None = None
        self._asked_at = 0.0

    def to_its_end(self, places: Sequence[str]) -> playbooks.Outcome:
        """Have every shard run, each at first on a worker of its own."""
        self._client.subscribe_topic(TOPIC, lambda event: self._words.put(event[1]))
        waiting: dict[Any, Shard] = {}
        for shard, place in zip(self._shards, places, strict=True):
            key = f"gpuready-{self._run}-{shard.number}"
            what = (self._run, shard.number, self._mine)
            future = self._client.submit(work, *what, key=key, pure=False, workers=[place], allow_other_workers=True)
            waiting[future] = shard
        halted_at = None
        while waiting:
            self._listen()
            ending = self._stop.requested or self._outcome.error is not None
            if ending and halted_at is None:
                halted_at = time.monotonic()
                self._call(halt, self._run)
            late = halted_at is not None and time.monotonic() - halted_at > _ANSWER
            if late or (ending and self._stop.hard) or self._deserted():
                break
            done = [one for one in waiting if one.done()]
            if done:
                self._listen()  # what it said before its end
            for future in done:
                self._take(waiting.pop(future), future)
        self._listen()
        for future in waiting:
            self._lose("the run was stopped" if halted_at else f"no worker was there for {_DESERTED:.0f} seconds")
            future.cancel()
        return self._outcome

    def _call(self, what: Callable[..., None], given: object, workers: Sequence[str] | None = None) -> None:
        """Have something done by workers; one that is gone, or hangs, holds nobody."""

        def call() -> None:
            with suppress(Exception):
                self._client.run(what, given, workers=workers, on_error="ignore")

        threading.Thread(target=call, daemon=True).start()

    def _listen(self) -> None:
        """Pass on what the workers said; waits a moment for it."""
        with suppress(queue.Empty):
            words = self._words.get(timeout=_MOMENT)
            while True:
                if words.get("run") == self._run and "shard" in words:
                    self._began(words)
                elif words.get("run") == self._run:
                    self._pass_on(_EVENTS[words["kind"]](**words["event"]))
                    if words.get("record"):  # all come at the end once more; this one is here if there is no end
                        self._watch.records[words["event"]["host"]] = words["record"]
                words = self._words.get_nowait()

    def _began(self, words: Mapping[str, Any]) -> None:
        number = int(words["shard"])
        if number in self._begun:
            names = self._shards[number].names
            for name in names:
                self._watch.working.pop(name, None)
            pcs = f"{len(names)} PC{'s' * (len(names) != 1)}"
            self._pass_on(events.Output(f"a worker was lost: {words['worker']} goes on with its {pcs}"))
        self._begun.add(number)
        if not self._stop.requested:
            self._call(give, self._shards[number], [words["worker"]])

    def _pass_on(self, event: Any) -> None:
        if isinstance(event, events.StepStarted):
            self._watch.working[event.host] = event.task
        elif isinstance(event, events.StepFinished):
            self._watch.working.pop(event.host, None)
        if self._outcome.error is None and (isinstance(event, events.Output) or not self._stop.requested):
            try:
                self._on_event(event)
            except BaseException as error:  # as in playbooks
                self._outcome.error = error

    def _take(self, shard: Shard, future: Any) -> None:
        try:
            given = future.result()
        except (Exception, asyncio.CancelledError) as error:
            lost = type(error).__name__ == "KilledWorker"
            what = "several workers in turn were lost with the same PCs" if lost else "the scheduler of Dask was lost"
            self._lose(what if lost or future.cancelled() else f"a worker failed: {type(error).__name__}")
            return
        if "refused" in given:
            self._lose(given["refused"])
            return
        for name in shard.names:
            self._watch.working.pop(name, None)
        self._watch.records.update(given["records"])
        if given["ended"]:
            self._watch.ended.update(shard.names)
            return
        self._watch.working.update(given["working"])
        outcome = self._outcome
        outcome.rc = outcome.rc or given["rc"] or 1
        outcome.complaint = outcome.complaint or given["complaint"]
        outcome.given_up = outcome.given_up or given["given_up"]

    def _lose(self, why: str) -> None:
        self._outcome.rc = self._outcome.rc or 1
        self._outcome.complaint = self._outcome.complaint or why

    def _deserted(self) -> bool:
        """Whether no worker has been there for long."""
        now = time.monotonic()
        if now - self._asked_at < _ASK or self._client.status != "running":
            return False
        self._asked_at = now
        try:
            there = bool(self._client.nthreads())
        except Exception:
            return False  # the scheduler is gone: the shards say so
        self._alone_since = None if there else self._alone_since or now
        return self._alone_since is not None and now - self._alone_since > _DESERTED
