# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Train on the planned GPU: the record says with what, the PC gives the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail

from ..plugin_utils import record as records
from ..plugin_utils import trainer
from ..plugin_utils.remote import RemoteAction

OPTIONS = ("time_limit", "environment", "python", "backend", "adapter", "gpu_variable", "visible_devices", "options")


class ActionModule(RemoteAction):
    """Extend the record by its section training; without a plan that can be carried out nothing is asked of the PC."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send the trainer, keep what comes back."""
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        unknown = set(self._task.args) - set(OPTIONS)
        if unknown:
            raise AnsibleActionFail(f"training_facts: {', '.join(sorted(unknown))} is not one of {', '.join(OPTIONS)}")
        record = records.of(task_vars)
        record.pop("training", None)
        result |= {"changed": False, "ansible_facts": {"gpuready": record}}
        arguments = self._arguments(record)
        if isinstance(arguments, str):
            return {**result, "msg": arguments}
        answer = self.run_remote("gpuready.lab.training_facts", arguments, task_vars)
        found = (answer.get("ansible_facts") or {}).get("gpuready_training")
        if isinstance(found, dict):
            record["training"] = {**found, "trainer_sha256": trainer.sha256()}
            if found.get("skipped"):
                return {**result, "msg": f"nothing is trained: {found['skipped']}"}
            return {**result, "msg": "trained" if found.get("finished") else "the training did not come to its end"}
        trouble = answer.get("trouble") or {
            "code": "OUTPUT_GARBAGE",
            "message": str(answer.get("msg") or "no evidence"),
        }
        record["troubles"].append(
            {"code": trouble["code"], "message": trouble["message"], "step": "verify", "task": self._task.get_name()}
        )
        return {**result, "msg": trouble["message"]}

    def _arguments(self, record: Mapping[str, Any]) -> dict[str, Any] | str:
        """The module's arguments, or why there is nothing to train."""
        plan = record.get("plan") or {}
        given = dict(self._task.args)
        if not given.get("python"):
            if record["troubles"] or not plan.get("stack") or plan.get("blockers"):
                return "nothing is trained: the plan cannot be carried out"
            python = self._python(record, plan)
            if not python:
                return "nothing is trained: the stack's environment is not on the PC"
            given["python"] = python
        planned = plan.get("environment") or {}
        given.setdefault("backend", planned.get("backend"))
        given.setdefault("gpu_variable", planned.get("gpu_variable"))
        if planned.get("visible_devices"):
            given.setdefault("visible_devices", planned["visible_devices"])
        if not given.get("adapter"):
            given["adapter"] = (plan.get("adapter") or {}).get("name")
        return {**given, "trainer": trainer.text()}

    def _python(self, record: Mapping[str, Any], plan: Mapping[str, Any]) -> str | None:
        """The interpreter of the environment for the planned lock: the one just built, or one that was there."""
        built = (record.get("apply") or {}).get("environment") or {}
        wanted = (plan.get("environment") or {}).get("lock_sha256")
        if built.get("python") and built.get("lock_sha256") == wanted:
            return str(built["python"])
        there = (record.get("facts") or {}).get("environments") or []
        fits = [
            e
            for e in there
            if e.get("stack") == plan["stack"] and e.get("lock_sha256") == wanted and e.get("state") != "building"
        ]
        return str(fits[0]["python"]) if fits and fits[0].get("python") else None
