"""What a Dask worker does for a run that is spread over a cluster: it runs Ansible over a shard of the PCs.

Dask writes the arguments of what fails into its log. So what a worker is given has no words of its own, and nothing
here raises.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gpuready import events, hiding, inventory, playbooks, project
from gpuready.errors import GpureadyError
from gpuready.watch import Watch

TOPIC = "gpuready"  # one for all runs: the scheduler keeps so many words of each topic


@dataclass(frozen=True, repr=False)
class Shard:
    """What a worker is given. `pcs`: a digest of the inventory's variables of these PCs, as they are read here."""

    number: int
    names: tuple[str, ...]
    identity: str
    pcs: str
    order: playbooks.Order
    hider: hiding.Hider
    patience: float

    @property
    def run(self) -> str:
        """The run that it is of."""
        return str(self.order.extra_vars["gpuready_run_id"])


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
_lock = threading.Lock()


def halt(run: str) -> None:
    """End a run's shards on this worker, those too that are still to come."""
    with _lock:
        _stopped.add(run)
        for stop in _stops[run]:
            stop.request(patient=True)


async def look(shard: Shard) -> str:
    """What is in the way of a shard on this worker, in a line; empty when nothing is."""
    return await asyncio.to_thread(_look, shard)


def _look(shard: Shard) -> str:
    try:
        base, order = project.root(), shard.order
        if (mine := identity(base)) != shard.identity:
            return f"it has gpuready {mine}, and here is {shard.identity}: install the same on both"
        if order.vault_password_file and not order.vault_password_file.is_file():
            return f"{order.vault_password_file}: there is no such vault password file, and each worker reads it"
        limit, vault = ",".join(shard.names), order.vault_password_file
        found = inventory.hosts(
            order.inventory, base, limit=limit, vault_password_file=vault, extra_vars=order.extra_vars
        )
        if digest(found, order) != shard.pcs:
            return f"{', '.join(order.inventory)}: the inventory says other things there: bring both to one state"
    except GpureadyError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__} while it looked at the inventory"
    return ""


def work(shard: Shard) -> dict[str, Any]:
    """Run a shard on this worker; what became of it, as `_Run` takes it."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()
    stop = _Asked(worker, str(key))
    with _lock:
        _stops[shard.run].add(stop)
        if shard.run in _stopped:
            stop.request()
    try:
        return _work(shard, worker.log_event, str(worker.address), stop)
    except GpureadyError as error:
        return {"refused": str(error)}
    except Exception as error:  # its words may be of what the shard holds
        return {"refused": f"{type(error).__name__} on the worker {worker.address}"}
    finally:
        with _lock:
            _stops[shard.run].discard(stop)


def _work(shard: Shard, publish: Callable[[str, Any], None], address: str, stop: playbooks.Stop) -> dict[str, Any]:
    base = project.root()
    if (mine := identity(base)) != shard.identity:  # a worker that came later
        raise GpureadyError(
            f"{address}: it has gpuready {mine}, and here is {shard.identity}: install the same on both"
        )
    publish(TOPIC, {"run": shard.run, "shard": shard.number, "worker": address})

    seen = Watch(shard.patience)

    def tell(event: events.Event) -> None:
        told = shard.hider.event(event)
        words: dict[str, Any] = {"run": shard.run, "kind": type(told).__name__, "event": asdict(told)}
        if isinstance(told, events.HostFinished):
            words["record"] = seen.records.get(told.host)
        publish(TOPIC, words)

    with tempfile.TemporaryDirectory(prefix="gpuready-shard-") as folder:
        order = replace(
            shard.order,
            playbook=project.playbook(base, shard.order.playbook.stem),
            limit=",".join(shard.names),
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
        "working": seen.working,
        "ended": seen.report is not None,
        "rc": outcome.rc,
        "complaint": shard.hider.text(outcome.complaint),
        "given_up": outcome.given_up,
    }
