"""The report of a run whose Ansible wrote none, made of what its events said: it was stopped, or ran on a cluster.

The records go to the collection in a file: what a PC said is never a variable of Ansible.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gpuready import playbooks, project
from gpuready.errors import GpureadyError
from gpuready.watch import Watch

_PLAYBOOK = "rescue"
_PATIENCE = 120.0  # seconds


def report(
    order: playbooks.Order,
    base: Path,
    watch: Watch,
    names: Sequence[str],
    stop: playbooks.Stop,
    *,
    why: str,
    lost: bool,
) -> Path:
    """Write the report into the folder of the order's report, or to where there is room; gives its place.

    `why`: what ended the run, empty where it came to its end; `lost`: that was not its user, and the PCs that were at
    work are suspect. Raises GpureadyError when no report could be made; then the records lie in a file that the message
    names.
    """
    ended = {"interrupted": why} if why else {}
    content = {**ended, "hosts": {name: _of(name, watch, why, lost) for name in names}}
    kept = _keep(content)
    try:
        mine = Watch(_PATIENCE)
        variables = {**order.extra_vars, "gpuready_records_file": str(kept)}
        again = replace(
            order, playbook=project.playbook(base, _PLAYBOOK), extra_vars=variables, limit=None, verbosity=0
        )
        done = playbooks.execute(again, base, lambda event: None, stop, mine)
        if mine.report is None:
            raise GpureadyError(done.complaint or f"Ansible ended with code {done.rc}")
    except GpureadyError as error:
        raise GpureadyError(f"no report could be written ({error}); what is known lies in {kept}") from None
    kept.unlink(missing_ok=True)
    return mine.report


def _of(name: str, watch: Watch, why: str, lost: bool) -> dict[str, Any]:
    """What is known of a PC, and what kept it from its end where it came to none."""
    entry: dict[str, Any] = {"record": watch.records.get(name)}
    if not watch.finished(name):
        task = watch.working.get(name)
        entry["code"] = "WORKER_LOST" if task and lost else "INTERRUPTED"
        entry["task"] = task or ""
        entry["message"] = f"{why}, in the task {task}" if task else f"{why} before the PC had its turn"
    return entry


def _keep(content: Mapping[str, Any]) -> Path:
    """The records in a file that only its owner may read, where there is room."""
    data, refused = json.dumps(content).encode("utf-8", "replace"), ""
    for place in playbooks.places():
        try:
            handle, path = tempfile.mkstemp(prefix="gpuready-records-", suffix=".json", dir=place)
        except OSError as error:
            refused = refused or f"{place}: {error.strerror}"
            continue
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            return Path(path)
        except OSError as error:
            refused = refused or f"{place}: {error.strerror}"
            Path(path).unlink(missing_ok=True)
    raise GpureadyError(f"no report could be written, and nowhere is room for the records ({refused})")
