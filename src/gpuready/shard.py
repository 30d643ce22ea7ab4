"""What a Dask worker does for a run that is spread over a cluster: it runs Ansible over a shard of the PCs.

Dask writes into its log what it cannot read and the arguments of what fails. So a task has no more than a number; its
worker asks for the shard, which is sent to a gpuready of the same content alone, has no words of its own, and nothing
that takes one raises.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gpuready import events, hiding, inventory, playbooks, project
from gpuready.errors import GpureadyError
from gpuready.watch import Watch

TOPIC = "gpuready"  # one for all runs: the scheduler keeps so many words of each topic
_MOMENT = 0.1  # seconds
_ANSWER = 120.0  # seconds in which a worker is given what it asks for


@dataclass(frozen=True, repr=False)
class Shard:
    """What a worker is given. `pcs`: a digest of the inventory's variables of these PCs, as they are read here."""

    number: int
    names: tuple[str, ...]
    pcs: str
    order: playbooks.Order
    hider: hiding.Hider
    patience: float

    @property
    def run(self) -> str:
        """The run that it is of."""
        return str(self.order.extra_vars["gpuready_run_id"])


def who() -> str:
    """What gpuready is on the scheduler or on this worker; no secret comes with the question."""
    return identity(project.root())


def identity(base: Path) -> str:
    """What gpuready is here: its version, and a digest of all that makes up a run."""
    told = hashlib.sha256()
    for top in (Path(__file__).parent, base / "playbooks", base / "roles", project.collection(base)):
        for file in sorted(top.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                told.update(f"{file.relative_to(top)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return f"{project.version()} ({told.hexdigest()[:12]})"


def digest(hosts: Mapping[str, Mapping[str, Any]], order: playbooks.Order) -> str:
    """PCs in a word, with what the inventory says of them and the order does not."""
    own = {
        name: {key: value for key, value in variables.items() if key not in order.extra_vars}
        for name, variables in hosts.items()
    }
    return hashlib.sha256(json.dumps(own, sort_keys=True, default=str).encode()).hexdigest()


class _Asked(playbooks.Stop):
    """Also asked to stop where Dask has taken the task back: its client is gone."""

    def __init__(self, worker: Any, key: str) -> None:
        super().__init__()
        self._tasks, self._key = worker.state.tasks, key

    @property
    def requested(self) -> bool:
        task = self._tasks.get(self._key)
        return super().requested or task is None or task.state == "cancelled"


_stops: defaultdict[str, set[playbooks.Stop]] = defaultdict(set)  # run -> its shards that are under way here
_stopped: set[str] = set()  # runs that are to end
_given: dict[tuple[str, int], Shard] = {}  # run and number -> what its task here waits for
_lock = threading.Lock()


def halt(run: str) -> None:
    """End a run's shards on this worker, those too that are still to come."""
    with _lock:
        _stopped.add(run)
        for stop in _stops[run]:
            stop.request(patient=True)


def give(shard: Shard) -> None:
    """Answer the task that waits for this shard."""
    with _lock:
        _given[shard.run, shard.number] = shard


async def look(shard: Shard) -> str:
    """What is in the way of a shard on this worker, in a line; empty when nothing is."""
    return await asyncio.to_thread(_look, shard)


def _look(shard: Shard) -> str:
    try:
        base, order = project.root(), shard.order
        if order.vault_password_file and not order.vault_password_file.is_file():
            return f"{order.vault_password_file}: there is no such vault password file, and each worker reads it"
        found = inventory.hosts(
            order.inventory,
            base,
            limit=order.limit,
            vault_password_file=order.vault_password_file,
            extra_vars=order.extra_vars,
        )
        if digest(found, order) != shard.pcs:
            return f"{', '.join(order.inventory)}: the inventory says other things there: bring both to one state"
    except GpureadyError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__} while it looked at the inventory"
    return ""


def work(run: str, number: int, same: str) -> dict[str, Any]:
    """Run a shard on this worker, whose gpuready is the `same`; what became of it, as `_Run` takes it."""
    from distributed import get_worker

    worker = get_worker()
    stop = _Asked(worker, str(worker.get_current_task()))
    with _lock:
        _stops[run].add(stop)
        if run in _stopped:
            stop.request()
    try:
        if (mine := who()) != same:  # a worker that came later
            return {"refused": f"the worker {worker.address}: {other(mine, same)}"}
        with _lock:
            _given.pop((run, number), None)  # for a task of before
        worker.log_event(TOPIC, {"run": run, "shard": number, "worker": worker.address})
        shard = _asked(run, number, stop)
        return _work(shard, worker.log_event, stop) if shard else {"refused": "a worker was not given its PCs"}
    except GpureadyError as error:
        return {"refused": f"the worker {worker.address}: {error}"}
    except Exception as error:  # its words may be of what the shard holds
        return {"refused": f"{type(error).__name__} on the worker {worker.address}"}
    finally:
        with _lock:
            _stops[run].discard(stop)


def other(there: str, here: str) -> str:
    """That a gpuready is not the one that it must be."""
    return f"it has gpuready {there}, and here is {here}: install the same on both"


def _asked(run: str, number: int, stop: playbooks.Stop) -> Shard | None:
    deadline = time.monotonic() + _ANSWER
    while time.monotonic() < deadline and not stop.requested:
        with _lock:
            if shard := _given.pop((run, number), None):
                return shard
        time.sleep(_MOMENT)
    return None


def _work(shard: Shard, publish: Callable[[str, Any], None], stop: playbooks.Stop) -> dict[str, Any]:
    base = project.root()
    seen = Watch(shard.patience)

    def tell(event: events.Event) -> None:
        told = shard.hider.event(event)
        words: dict[str, Any] = {"run": shard.run, "kind": type(told).__name__, "event": asdict(told)}
        if isinstance(told, events.HostFinished):
            words["record"] = seen.records.get(told.host)
        publish(TOPIC, words)

    with tempfile.TemporaryDirectory(prefix="gpuready-shard-") as folder:
        names = Path(folder) / "names"
        names.write_text("\n".join(shard.names), "utf-8")  # more than a command line may bear
        order = replace(
            shard.order,
            playbook=project.playbook(base, shard.order.playbook.stem),
            limit=f"@{names}",
            extra_vars={
                **shard.order.extra_vars,
                "gpuready_report_dir": folder,  # a report of this shard that nobody reads
                "gpuready_lab_dir": "",
                "fleet_report_formats": [],
            },
        )
        outcome = playbooks.execute(order, base, playbooks.listener(order, stop, tell), stop, seen)
    return {
        "records": seen.records,
        "working": {} if seen.reporting else seen.working,
        "ended": seen.report is not None,
        "rc": outcome.rc,
        "complaint": shard.hider.text(outcome.complaint),
        "given_up": outcome.given_up,
    }
