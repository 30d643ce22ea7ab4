# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judge a PC by its record. Runs on the controller alone."""

from __future__ import annotations

import math
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ..plugin_utils import reading, trainer
from ..plugin_utils import record as records
from ..plugin_utils.remedies import catalogue as remedies
from ..plugin_utils.remedies import troubles
from ..plugin_utils.verdict import judging as verdict

remedies.preload()  # before Ansible forks

# What each threshold may be: a bound that everything passes is none.
BOUNDS = {
    "loss_ratio": (0.0, 0.99),
    "accuracy": (0.3, 1.0),
    "reference_tolerance": (0.0, 1.0),
    "throughput_floor": (0.0, 1e6),
    "max_age_days": (0.0, 36500.0),
}
# Of these a failed task may speak though Ansible does not call the PC unreachable.
_WITHOUT_UNREACHABLE = (
    "MODULE_HUNG",
    "OUTPUT_GARBAGE",
    "CONNECTION_SETTINGS",
    "CONTROLLER_LACKS_LIBRARY",
    "TARGET_PYTHON_MISSING",
    "TARGET_POWERSHELL",
    "BECOME_REJECTED",
)


_GONE = ("HOST_OFF", "PORT_CLOSED", "CONNECT_TIMEOUT")


class ActionModule(ActionBase):
    """Extend the record by its verdict; a failed task given as `failure` becomes a trouble of the record first."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read the policy, judge."""
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            {
                "policy": {"type": "dict", "default": {}},
                "failure": {"type": "raw"},
                "failed_task": {"type": "str", "default": ""},
            }
        )
        record = records.of(task_vars)
        if arguments["failure"] is not None:
            trouble = self._trouble(arguments["failure"], arguments["failed_task"])
            if trouble["code"] in _GONE and record.get("facts"):  # it answered in this very run
                trouble["code"] = "CONNECTION_CUT"
            record["troubles"].append(trouble)
        try:
            thresholds = self._numbers(arguments["policy"])
        except ValueError as error:
            return {**result, "failed": True, "code": "BAD_INPUT", "msg": str(error)}
        policy = {
            **thresholds,
            "simulated_lab": boolean(self._templar.template(task_vars.get("gpuready_simulated", False)), strict=False),
            "check_mode": bool(self._task.check_mode),
            "trainer_sha256": trainer.sha256(),
        }
        record["verdict"] = found = verdict.verdict(record, policy)
        line = f"{found['state']} {found['code']}: {found['cause']}"
        return {
            **result,
            "changed": False,
            "ansible_facts": {"gpuready": record},
            "msg": line,
            "next_step": found["next_step"],
        }

    def _trouble(self, failure: object, task: str) -> records.Trouble:
        """A failed task as a trouble; what a module says of itself is not taken for the way to the PC."""
        given = failure if isinstance(failure, dict) else {"msg": str(failure)}
        text = str(given.get("msg") or given.get("stderr") or "the task failed without a word")
        if given.get("code") and given.get("cause"):  # a message of ours: the next step is the verdict's to tell
            text = str(given["cause"])
        words = "\n".join([text, *(str(given[key]) for key in ("module_stdout", "module_stderr") if given.get(key))])
        code = reading.code(given.get("code"))
        found = troubles.classify(words)
        found["message"] = reading.one_line(text)
        if code is None and not given.get("unreachable"):
            kind = remedies.remedy(found["code"])
            on_the_way = found["code"] in _WITHOUT_UNREACHABLE or (
                kind.category == "connection" and "ConnectionPool" in words
            )
            found["code"] = found["code"] if kind.category != "connection" or on_the_way else "TASK_FAILED"
        if task.startswith("Validating arguments against arg spec"):
            code = "BAD_INPUT"
        return {**found, "code": code or found["code"], "step": str(given.get("step") or "apply"), "task": task}

    def _numbers(self, policy: dict[str, Any]) -> dict[str, Any]:
        unknown = set(policy) - set(BOUNDS)
        if unknown:
            raise ValueError(
                f"gpu_verdict: policy: {', '.join(sorted(map(str, unknown)))} is not one of {', '.join(BOUNDS)}"
            )
        found: dict[str, Any] = {}
        for key, value in policy.items():
            if value in (None, "", "None", "null") and key == "throughput_floor":
                found[key] = None
                continue
            low, high = BOUNDS[key]
            try:
                number = math.nan if isinstance(value, bool) else float(value)
            except (TypeError, ValueError):
                number = math.nan
            if not low <= number <= high:
                raise ValueError(f"gpu_verdict: policy: {key}: {value!r} is not a number from {low:g} to {high:g}")
            found[key] = number
        return found
