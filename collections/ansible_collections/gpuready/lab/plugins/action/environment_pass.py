# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make the environment that has trained the current one and keep what its pass is bound to, or take the pass back."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from ..plugin_utils import record as records
from ..plugin_utils.action import Spec
from ..plugin_utils.environment import outcome, request
from ..plugin_utils.environment.sources import RequestError
from ..plugin_utils.remote import RemoteAction


class ActionModule(RemoteAction):
    """Run gpuready.lab.environment_pass; a switch is added to the record's `apply`."""

    SPEC: ClassVar[Spec] = request.PASS_OPTIONS

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Put together, run."""
        start, record = time.monotonic(), records.of(task_vars)
        try:
            wanted = request.switching(asked, record, records.READY, self.is_windows)
        except RequestError as error:
            return outcome.refused(error)
        answer = self.run_remote("gpuready.lab.environment_pass", wanted.arguments, task_vars)
        if failed := outcome.failure(answer):
            return failed
        if asked["state"] == "current":
            record["apply"] = outcome.section(record.get("apply"), answer, round(time.monotonic() - start, 1))
        return {**answer, "ansible_facts": {"gpuready": record}}
