"""A module that Ansible's async runs on a PC: it goes on when its connection is gone, and ends when the PC restarts.

As async_wrapper.ps1 and async_watchdog.ps1 do it, what there is of the result lies in a file of the folder that Ansible
names; the process that carries the work is a number among those of the PC.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from gpuready.simlab import manifest
from gpuready.simlab.pc import Power, SimulatedPc
from gpuready.simlab.schema import Fault

Work = Callable[[], dict[str, Any]]


def start(
    pc: SimulatedPc, power: Power, asked: manifest.Background, faults: list[Fault], work: Work, half: Callable[[], None]
) -> dict[str, Any]:
    """Start it; what async_wrapper.ps1 says. `half`: what the work leaves that is cut off in the middle."""
    process = pc.start_process()
    path = rf"{asked.folder}\{asked.name}.{process}"
    said = {
        "started": True, "finished": False, "results_file": path, "ansible_job_id": f"{asked.name}.{process}",
        "_ansible_suppress_tmpdir_delete": True, "ansible_async_watchdog_pid": process,
    }  # fmt: skip
    pc.disk.write(path, json.dumps(said).encode())
    arguments = (pc, power, path, said, asked.seconds, faults, work, half)
    threading.Thread(target=_carry, args=arguments, daemon=True, name=f"process-{process}").start()
    return said


def json_of(text: str) -> object:
    """What a text is in JSON; None for one that is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _carry(
    pc: SimulatedPc,
    power: Power,
    path: str,
    said: dict[str, Any],
    limit: float,
    faults: list[Fault],
    work: Work,
    half: Callable[[], None],
) -> None:
    process = int(said["ansible_async_watchdog_pid"])
    printed = ""
    result = {"failed": True, "msg": "failure during async watchdog: timed out waiting for module completion"}
    for fault in faults:
        if fault.kind == "restart":
            half()
            power.restart(pc, 0)
            return
        if fault.kind == "hang":
            if pc.ends(process, min(limit, fault.seconds or limit)):
                half()
                return
            if not fault.seconds:
                break
        elif fault.kind == "slow" and pc.ends(process, fault.seconds):
            half()
            return
        elif fault.kind == "garbage":
            printed = fault.text or "no JSON at all"
        elif fault.kind == "flood":
            printed = "simlab: a flood\n" * 2**20
        elif fault.kind == "disk_full":
            pc.disk.free = 0
    else:
        failing = next((fault for fault in faults if fault.kind == "fail"), None)
        result = failing.failure() if failing else work()
        if isinstance(whole := json_of(printed), dict):  # garbage that is none
            result = whole
        elif printed:
            said_by = "failure during async watchdog: No start of json char found in module result"
            result = {"failed": True, "msg": said_by, "stdout": printed}
    with pc.lock:
        if pc.end_process(process):
            pc.disk.write(path, json.dumps({**said, **result, "finished": True}).encode())
