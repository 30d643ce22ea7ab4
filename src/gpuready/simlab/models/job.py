"""Model of gpuready.lab.job on Windows: a job in gpuready's home, claimed, looked at or taken away."""

from __future__ import annotations

import ntpath
import time
from typing import Any

from gpuready.simlab import documents
from gpuready.simlab.models.home import Home
from gpuready.simlab.models.model import Task, model

_MOST = 16 * 2**20
_STATES = ("status", "claimed", "absent")


@model("gpuready.lab.job", waits=True)
def job(task: Task) -> dict[str, Any]:
    """Bring the state about; how the job stands after it. The PC is held only while it is looked at."""
    task.only("home", "name", "state", "asked", "run", "wait", "start_within", "lay_aside", "lock_wait")
    given, name = task.arguments, task.need("name")
    state = given.get("state") or "status"
    home = Home(task.pc, str(given.get("home") or documents.HOME).rstrip("\\"))
    home.check()
    folder = rf"{home.path}\jobs\{name}"
    answer: dict[str, Any] = {"changed": False, "claimed": False, "home": home.path, "folder": folder, "job": None}
    within = float(given.get("start_within") or 120)
    if state == "absent":
        with task.pc.lock:
            if not task.check:
                home.remove_job(name)
        return answer
    end = time.monotonic() + float(given.get("wait") or 0)
    while True:
        with task.pc.lock:
            answer["job"] = _status(home, folder, within)
            if state == "claimed" and answer["job"] is None and not task.check:
                answer |= {"claimed": home.claim_job(name, given), "job": _status(home, folder, within)}
        left = end - time.monotonic()
        if answer["job"] is None or answer["job"]["state"] in ("ended", "lost") or left <= 0:
            return answer
        task.command.hang(min(0.1, left))


def _status(home: Home, folder: str, within: float) -> dict[str, Any] | None:
    known = home.json(rf"{folder}\asked.json")
    if not known:
        home.remove_job(ntpath.basename(folder))
        return None
    seconds = max(0.0, time.time() - float(known["at"]))
    restarted = known["boot"] not in home.pc.boot_marks
    status = {"asked": known.get("asked"), "run": known.get("run"), "seconds": round(seconds, 1), "state": "claimed"}
    status |= {"restarted": restarted, "result": None}
    place = home.job_place(ntpath.basename(folder))
    file = next((node for node in home.disk.children(place) if not node.path.endswith("asked.json")), None)
    if file is None:
        if seconds <= within and not restarted:
            return status
        home.remove_job(ntpath.basename(folder))
        return None
    if len(file.data or b"") > _MOST:
        too_long = f"the result of the job is longer than {_MOST // 2**20} MB"
        return {**status, "state": "ended", "result": {"failed": True, "msg": too_long, "code": "ANSWER_TOO_LARGE"}}
    found = home.json(file.path)
    if found.get("finished"):
        return {**status, "state": "ended", "result": found}
    process = int(file.path.rpartition(".")[2])
    alive = not restarted and home.pc.has_process(process)
    return {**status, "state": "running" if alive else "lost"}
