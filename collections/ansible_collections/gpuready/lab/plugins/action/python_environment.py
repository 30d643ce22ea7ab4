# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Apply: bring a PC the environment that its plan names, or take it away.

The plan, the lock and the files that the controller gives are put together here; the module on the PC does the work. A
file of the controller is sent only when the module says that the PC lacks it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from ..plugin_utils import breaker, controller_uv, inside, jobs
from ..plugin_utils import record as records
from ..plugin_utils.action import Spec
from ..plugin_utils.environment import outcome, request
from ..plugin_utils.environment.sources import RequestError
from ..plugin_utils.record import Trouble
from ..plugin_utils.sending import ASKS_AGAIN, SendingAction

MODULE = "gpuready.lab.python_environment"
LIMIT = 1800  # seconds, as the module has it
LATER = "the environment would be built in the guest, which is not on the PC yet"
NOTHING = "the plan names no stack that can be built: nothing was done"


class ActionModule(SendingAction, jobs.JobAction):
    """Run gpuready.lab.python_environment and keep what it did in the host's record, as `apply`."""

    INSIDE = True
    SPEC: ClassVar[Spec] = request.ENVIRONMENT_OPTIONS

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Bring it, and let the breaker know how that ended."""
        self._breaker = breaker.of(task_vars, self._templar.template)
        result = self._act(asked, task_vars)
        ended = result.get("failed") or "ansible_facts" in result
        if ended and not result.get("under_way") and self._applies(asked) and result.get("code") != breaker.OPEN:
            self._breaker.take(task_vars["inventory_hostname"], result.get("code") if result.get("failed") else None)
        return result

    def _applies(self, asked: Mapping[str, Any]) -> bool:
        return asked["state"] == "present" and not self._task.check_mode

    def _act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Put together, run, send what is missing, run again."""
        start, record = time.monotonic(), records.of(task_vars)
        place = request.Place(self.is_windows, self.archive, self.path, controller_uv.for_pc, self.bundle(task_vars))
        try:
            wanted = request.building(asked, record, place)
        except RequestError as error:
            return outcome.refused(error)
        if wanted is None:
            return {"msg": NOTHING}
        if self._task.check_mode and inside.is_to_come(record):
            given = {name: wanted.arguments.get(name) for name in ("stack", "lock_sha256")}
            record["apply"] = outcome.section(
                record.get("apply"), {"changed": True, "environment": given | {"built": True}}, 0
            )
            return {"changed": True, "msg": LATER, "ansible_facts": {"gpuready": record}}
        tried: list[Trouble] = []  # again, in any of the calls
        answer = self._bring(wanted, task_vars, asked["wait"], tried)
        self.keep_tries(record, {"tried_again": tried}, "apply")
        if answer is None:
            under_way = {"msg": "the building is under way", "under_way": True}
            return {**under_way, "ansible_facts": {"gpuready": record}} if tried else under_way
        if failed := outcome.failure(answer, wanted.arguments.get("ways")):
            return failed
        if asked["state"] == "present":
            seconds = max(time.monotonic() - start, self.took or 0.0)  # it may have been started by an earlier call
            record["apply"] = outcome.section(record.get("apply"), answer, round(seconds, 1))
            if asked["keep_old"] is not None:  # said when it is built, meant when it is switched
                record["apply"]["keep_old"] = asked["keep_old"]
        return {**answer, "ansible_facts": {"gpuready": record}}

    def _bring(
        self, wanted: request.Request, task_vars: dict[str, Any], wait: bool, tried: list[Trouble]
    ) -> dict[str, Any] | None:
        """The module's answer; None of a building that is under way and not waited for.

        What is short is done in the call, building is a job. The files of the controller are there before it starts.
        """
        given = wanted.arguments
        if not self._applies(given):
            return self._converse(wanted, task_vars, tried)
        what = [given.get(name) for name in ("stack", "lock_sha256", "python")]
        job = jobs.job("building", what, task_vars, given.get("home"), given.get("time_limit") or LIMIT)
        found = self.found(job, task_vars)
        if "trouble" in found or found.get("failed"):
            return found
        if found.get("job") is None:  # what is under way already is collected
            if why := self._breaker.why():
                return {"trouble": {"code": breaker.OPEN, "message": why}}
            answer = self._converse(wanted, task_vars, tried)
            if "needs" not in answer:
                return answer
        built = self.carry(job, MODULE, given, task_vars, wait=wait)
        tried += (built or {}).get("tried_again") or []
        return ASKS_AGAIN if built and "needs" in built else built

    def _converse(self, wanted: request.Request, task_vars: dict[str, Any], tried: list[Trouble]) -> dict[str, Any]:
        """Run the module; while it needs something of the controller, give it and run it again.

        What it still needs at the end is only the ways to the packages, and those are known: then it can be started.
        """
        uploaded: dict[str, str] = {}
        first = {key: value for key, value in wanted.arguments.items() if key != "ways"}
        for _ in range(5):  # what its pip is told, uv, interpreter, wheels and the runtime may each be asked for alone
            answer = self.run_remote(MODULE, {**first, "uploaded": uploaded}, task_vars)
            tried += answer.get("tried_again") or []
            if "needs" not in answer:
                return answer
            if "pip" in answer:
                wanted.answer_pip(answer["pip"])
            if not answer["needs"] and "ways" in wanted.arguments:
                return answer
            sent = self.give(answer["needs"], wanted.files)
            if "trouble" in sent:
                return sent
            uploaded |= sent["uploaded"]
        return ASKS_AGAIN
