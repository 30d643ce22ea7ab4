# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work of minutes on a PC: started in one short call, its end collected in another.

Ansible's own async carries the job, in a folder of gpuready's home that says who asked for what (the module
gpuready.lab.job, which on Linux starts it too). So it outlives a connection that is cut and a controller that dies:
whoever comes next finds it there, and collects it instead of starting it twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from . import inside, reading
from .record import Trouble, run_of
from .remedies import catalogue, troubles
from .remote import RemoteAction

MODULE = "gpuready.lab.job"
MARGIN = 120  # seconds that Ansible's async gives a job beyond its own limit
_STARTS = 2  # tries to start a job on a PC that answers
_STARTUP = (
    60  # seconds in which the process of a job must be there: a slow PC takes longer than the 5 s that Ansible gives it
)
_COLLECTABLE = 3600.0  # seconds after which what a job of an earlier run gave is of the past
Name = Literal["building", "importing", "exporting", "installing", "training"]
Brought = tuple[str, dict[str, Any]]  # the module that is the job, and its arguments
_WORK = {
    "building": "built the environment",
    "importing": "imported the distribution",
    "exporting": "exported the distribution",
    "installing": "installed the driver",
    "training": "trained",
}
_KILLED = {
    "building": "ENVIRONMENT_FAILED",
    "importing": "WSL_IMPORT_LOST",
    "exporting": "WSL_EXPORT_LOST",
    "installing": "DRIVER_LOST",
    "training": "KILLED",
}
_LATE = {
    "building": "ENVIRONMENT_TIME_LIMIT",
    "importing": "WSL_TIME_LIMIT",
    "exporting": "WSL_TIME_LIMIT",
    "installing": "DRIVER_TIME_LIMIT",
    "training": "TIMED_OUT",
}
_PASSING = ("HOST_OFF", "PORT_CLOSED", "CONNECT_TIMEOUT", "CONNECTION_CUT", "UNREACHABLE", "OUTPUT_GARBAGE")
# What Ansible's async says, in PowerShell and in Python, of a module that it ended.
_ENDED = ("timed out waiting for module completion", "Timeout exceeded")


@dataclass(frozen=True)
class Job:
    """What is asked of a PC. `asked` tells it from all else that may be asked; `limit`: its own seconds.

    `aside`: a stack whose pass is laid aside when the job is claimed. One that `stays` is not taken away when its end
    is collected: who has kept what it gave does so, in the same call.
    """

    name: Name
    asked: str
    run: str
    home: str | None
    limit: int
    aside: str | None = None
    stays: bool = False


def job(name: Name, asked: object, variables: Mapping[str, Any], home: object, limit: object) -> Job:
    """The job of this run; `asked` is anything that JSON can hold."""
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
    seconds = reading.number(limit)
    return Job(name, digest, run_of(variables), str(home) if home else None, int(seconds or 600))


class JobAction(RemoteAction):
    """Base of the actions whose module works for minutes."""

    WAIT: ClassVar[int] = 60  # seconds that the PC waits for an end before it answers
    PATIENCE: ClassVar[float] = 180.0  # seconds in which a PC that does not answer may come back
    PAUSE: ClassVar[float] = 3.0  # seconds between two tries to reach it
    left: Job | None = None  # one that stays, and was collected
    took: float | None = None  # seconds from the start of the job that was collected until its end was heard of

    def found(
        self, wanted: Job, task_vars: dict[str, Any], state: str = "status", brings: Brought | None = None
    ) -> dict[str, Any]:
        """How the job stands: {job, claimed, folder} of the module, or `{"trouble"}`.

        One that means nothing to this run (another was asked for, and it has ended; or it was lost, or failed, for an
        earlier run) is taken away first.
        """
        answer = self._ask(wanted, task_vars, state, brings=brings)
        left = answer.get("job")
        if not left or answer.get("claimed") or left.get("state") in ("claimed", "running"):
            return answer
        if _counts(left, wanted):
            return answer
        if "trouble" in (gone := self._ask(wanted, task_vars, "absent")):
            return gone
        return self._ask(wanted, task_vars, state, brings=brings)

    def start(
        self,
        wanted: Job,
        module: str,
        arguments: dict[str, Any],
        task_vars: dict[str, Any],
    ) -> dict[str, Any] | None:
        """Start the job where none is there; None, or a module's answer that says why that is not possible."""
        if not self.is_windows:
            return self._start_at_once(wanted, (module, arguments), task_vars)
        answer = self.found(wanted, task_vars, "claimed")
        if "trouble" in answer or answer.get("failed"):
            return answer
        if not answer.get("claimed"):
            return busy(answer.get("job") or {}, wanted)
        background = (str(answer["folder"]), wanted.limit + MARGIN)
        for _ in range(_STARTS):
            started = self.run_once(module, arguments, _with_time_to_start(task_vars), background)
            if started.get("started") and not started.get("failed"):
                return None
            if "trouble" in started and not _passes(started["trouble"]):
                break
            known = self._patiently(wanted, task_vars, 0)
            if "trouble" not in known and (known.get("job") or {}).get("state") in ("running", "ended", "lost"):
                return None  # only the answer was lost, or Ansible did not wait for it
            if "trouble" in known or reading.section(started, "trouble").get("code") != "OUTPUT_GARBAGE":
                break  # what started it may be on its way still: only one that has ended is started anew
        self._ask(wanted, task_vars, "absent")
        return started if "trouble" in started or started.get("failed") else {**started, "failed": True}

    def _start_at_once(self, wanted: Job, brings: Brought, task_vars: dict[str, Any]) -> dict[str, Any] | None:
        """The same on Linux, where the call that claims the job starts it."""
        for _ in range(_STARTS):
            answer = self.found(wanted, task_vars, "started", brings)
            if answer.get("failed") or answer.get("claimed"):
                return answer if answer.get("failed") else None
            if "trouble" not in answer:
                return busy(answer.get("job") or {}, wanted)
            if not _passes(answer["trouble"]):
                break
            left = self._patiently(wanted, task_vars, 0).get("job") or {}
            if (left.get("asked"), left.get("run")) == (wanted.asked, wanted.run):
                if left.get("state") != "claimed":
                    return None  # only the answer was lost
                self._ask(wanted, task_vars, "absent")
            if answer["trouble"].get("code") != "OUTPUT_GARBAGE":
                break  # what started it may be on its way still: only one that has ended is started anew
        return answer

    def start_unclaimed(
        self, wanted: Job, module: str, arguments: dict[str, Any], home: str, task_vars: dict[str, Any]
    ) -> bool:
        """Start a process that claims the job itself: one call in place of two, on a PC that as a rule has none.

        Whether it was started. Who collects it sees whether it got the job; where none did, it is started there.
        """
        place = f"{wanted.name}-{uuid.uuid4().hex}"
        claim = {"asked": wanted.asked, "run": wanted.run, "place": place, "lay_aside": wanted.aside}
        given = {**arguments, "claim": {key: value for key, value in claim.items() if value is not None}}
        background = (rf"{home}\jobs\{place}", wanted.limit + MARGIN)
        started = self.run_once(module, given, _with_time_to_start(task_vars), background)
        return bool(started.get("started")) and not started.get("failed")

    def carry(
        self,
        wanted: Job,
        module: str,
        arguments: dict[str, Any],
        task_vars: dict[str, Any],
        *,
        wait: bool,
        begun: bool = False,
    ) -> dict[str, Any] | None:
        """Start it, or find it under way, and with `wait` collect it; what is transient is done again.

        `begun`: as a rule somebody has started it before, and one call collects it.
        A module's answer; None of a job that is under way and not waited for.
        """

        def start() -> dict[str, Any]:
            return self.start(wanted, module, arguments, task_vars) or {}

        def once() -> dict[str, Any]:
            self.take_away(task_vars)  # what an earlier try gave says nothing to the next one
            if begun:
                known = self._patiently(wanted, task_vars, self.WAIT)
                if "trouble" in known or known.get("failed") or _under_way(known.get("job") or {}, wanted):
                    return self.collect(wanted, task_vars, known)
            return start() or self.collect(wanted, task_vars)

        answer = self.again(once if wait else start)
        return answer if wait or "trouble" in answer or answer.get("failed") else None

    def take_away(self, task_vars: dict[str, Any]) -> None:
        """Take away what was collected and stays, where nobody has done so."""
        wanted, self.left = self.left, None
        if wanted is not None:
            self._ask(wanted, task_vars, "absent")

    def collect(self, wanted: Job, task_vars: dict[str, Any], known: dict[str, Any] | None = None) -> dict[str, Any]:
        """Wait for the end of a job that was started, and give its module's answer, or `{"trouble"}`.

        `known`: how it stands, where that was asked just now.
        """
        while True:
            answer, known = known or self._patiently(wanted, task_vars, self.WAIT), None
            if "trouble" in answer or answer.get("failed"):
                return answer
            left = answer.get("job") or {}
            if left.get("state") not in ("claimed", "running"):
                break
        self.took = reading.number(left.get("seconds"))
        if wanted.stays:
            self.left = wanted
        else:
            self._ask(wanted, task_vars, "absent")
        if left.get("state") == "ended" and isinstance(left.get("result"), dict):
            for warning in left["result"].get("warnings") or []:
                if said := _words(warning):
                    self._display.warning(said)
            return _result(left["result"], wanted)
        return {"trouble": _lost(left, wanted, self._connection.transport == inside.NAME)}

    def _ask(
        self, wanted: Job, task_vars: dict[str, Any], state: str, wait: int = 0, brings: Brought | None = None
    ) -> dict[str, Any]:
        given = {"home": wanted.home, "name": wanted.name, "state": state, "wait": wait}
        if state in ("claimed", "started"):
            given |= {"asked": wanted.asked, "run": wanted.run, "lay_aside": wanted.aside}
        if brings is not None:
            given["limit"] = wanted.limit + MARGIN
        given = {key: value for key, value in given.items() if value is not None}
        if brings is None:
            return self.run_remote(MODULE, given, task_vars)
        return self.again(lambda: self.run_once(MODULE, given, task_vars, brings=brings))

    def _patiently(self, wanted: Job, task_vars: dict[str, Any], wait: int) -> dict[str, Any]:
        """How the job stands, however often the way to the PC is cut meanwhile."""
        since: float | None = None
        while True:
            answer = self._ask(wanted, task_vars, "status", wait)
            if "trouble" not in answer:
                return answer
            trouble: Trouble = answer["trouble"]
            since = since or time.monotonic()
            if not _passes(trouble) or time.monotonic() - since > self.PATIENCE:
                return {"trouble": {**trouble, "code": troubles.cut_off(trouble["code"])}}
            time.sleep(self.PAUSE)
            if self._connection.transport != "local":
                with contextlib.suppress(Exception):  # what was open is no more; the next question opens it anew
                    self._connection.reset()


def _passes(trouble: Mapping[str, Any]) -> bool:
    """Whether a PC that did not answer for this reason may answer a little later.

    It answered a look in this run: an answer that cannot be read is that of one process that was ended, or crashed.
    """
    code = str(trouble.get("code"))
    return code in _PASSING or bool(catalogue.remedy(code).transient)


def _with_time_to_start(task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """The variables, with Ansible's setting for this where the lab has none of its own."""
    return {"ansible_win_async_startup_timeout": _STARTUP, **task_vars}


def _counts(left: Mapping[str, Any], wanted: Job) -> bool:
    """Whether what a job left is an answer to what is asked now."""
    if left.get("asked") != wanted.asked:
        return False
    if left.get("run") == wanted.run:
        return True
    if wanted.name == "installing" and left.get("state") == "ended" and not left.get("restarted"):
        return (reading.number(left.get("seconds")) or 0) < _COLLECTABLE  # a failure too: it is told before a new try
    if wanted.name != "training":  # what was built, imported or exported shows on the PC, as it is now
        return False
    failed = bool(reading.section(left, "result").get("failed"))
    return left.get("state") == "ended" and not failed and (reading.number(left.get("seconds")) or 0) < _COLLECTABLE


def _under_way(left: Mapping[str, Any], wanted: Job) -> bool:
    """Whether the job that is there is the one that is wanted, and needs no start."""
    return left.get("asked") == wanted.asked and (left.get("state") in ("claimed", "running") or _counts(left, wanted))


def busy(left: Mapping[str, Any], wanted: Job) -> dict[str, Any] | None:
    """None where the job that is there is the one that is wanted."""
    if left.get("asked") == wanted.asked:
        return None
    since = f"for {reading.number(left.get('seconds')) or 0:.0f} s"
    message = f"another run is at work on this PC ({wanted.name}, {since}); wait until it has ended, then run again"
    return {"trouble": {"code": "ENVIRONMENT_BUSY", "message": message}}


def _result(result: Mapping[str, Any], wanted: Job) -> dict[str, Any]:
    """A module's own answer, without what async adds."""
    if result.get("failed") and str(result.get("msg")).endswith(_ENDED):
        message = f"it was ended on the PC after {wanted.limit + MARGIN} s"
        return {"trouble": {"code": _LATE[wanted.name], "message": message}}
    of_async = ("warnings", "started", "finished", "results_file", "ansible_job_id", "ansible_async_watchdog_pid")
    return {key: value for key, value in result.items() if key not in of_async and not key.startswith("_ansible")}


def _words(warning: object) -> str:
    """A warning of a module, which nobody has read for us: text, or what Ansible makes of it."""
    if isinstance(warning, str):
        return warning
    if isinstance(warning, Mapping):
        return str(reading.section(warning, "event").get("msg") or warning.get("msg") or "")
    return str(getattr(getattr(warning, "event", None), "msg", ""))


def _lost(left: Mapping[str, Any], wanted: Job, in_guest: bool) -> Trouble:
    if left.get("restarted") and in_guest:
        return {"code": "WSL_GUEST_ENDED", "message": f"the guest was ended while it {_WORK[wanted.name]}"}
    if left.get("restarted"):
        return {"code": "CONNECTION_CUT", "message": f"the PC was restarted while it {_WORK[wanted.name]}"}
    message = f"the process that {_WORK[wanted.name]} ended on the PC without a word: it was killed, or crashed"
    return {"code": _KILLED[wanted.name], "message": message}
