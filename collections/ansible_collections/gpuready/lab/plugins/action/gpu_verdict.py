# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judge a PC by its record. Runs on the controller alone."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.gpuready.lab.plugins.module_utils import troubles, verdict
from ansible_collections.gpuready.lab.plugins.plugin_utils import trainer
from ansible_collections.gpuready.lab.plugins.plugin_utils.remote import record_of


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
        record = record_of(task_vars)
        if arguments["failure"] is not None:
            record["troubles"].append(self._trouble(arguments["failure"], arguments["failed_task"]))
        policy = {
            **self._numbers(arguments["policy"]),
            "simulated_lab": bool(task_vars.get("gpuready_simulated", False)),
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

    def _trouble(self, failure: object, task: str) -> dict[str, Any]:
        given = failure if isinstance(failure, dict) else {"msg": str(failure)}
        text = str(given.get("msg") or given.get("stderr") or "the task failed without a word")
        if given.get("code"):
            found = {"code": str(given["code"]), "message": " ".join(text.split())[:300]}
        else:
            found = troubles.classify(text)
            if found["code"] == "UNREACHABLE" and not given.get("unreachable"):
                found["code"] = "TASK_FAILED"
        return {**found, "step": str(given.get("step") or "apply"), "task": task}

    def _numbers(self, policy: dict[str, Any]) -> dict[str, Any]:
        unknown = set(policy) - set(verdict.POLICY)
        if unknown:
            raise AnsibleActionFail(
                f"gpu_verdict: policy: {', '.join(sorted(unknown))} is not one of {', '.join(verdict.POLICY)}"
            )
        found: dict[str, Any] = {}
        for key, value in policy.items():
            if value in (None, "", "None", "null") and key == "throughput_floor":
                found[key] = None
                continue
            try:
                found[key] = float(value)
            except (TypeError, ValueError):
                raise AnsibleActionFail(f"gpu_verdict: policy: {key}: {value!r} is not a number") from None
        return found
