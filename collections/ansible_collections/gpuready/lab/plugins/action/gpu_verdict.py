# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judge a PC by its record. Runs on the controller alone."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible.module_utils.parsing.convert_bool import boolean

from ..plugin_utils import hiding, trainer
from ..plugin_utils import record as records
from ..plugin_utils.action import Action, BadInput, Spec
from ..plugin_utils.verdict import failure, judging
from ..plugin_utils.verdict.policy import BOUNDS, PolicyError, thresholds


class ActionModule(Action):
    """Extend the record by its verdict; a failed task given as `failure` becomes a trouble of the record first."""

    SPEC: ClassVar[Spec] = {
        "policy": {"type": "dict", "default": {}},
        "failure": {"type": "raw"},
        "failed_task": {"type": "str", "default": ""},
    }

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Read the policy, judge."""
        record = records.of(task_vars)
        if asked["failure"] is not None:
            answered = bool(record.get("facts"))
            said = hiding.without_secrets(asked["failure"], self.secrets(task_vars))
            trouble = failure.trouble(said, asked["failed_task"], answered)
            record["troubles"].append(failure.with_clock(trouble, record))
        # A report judges a pass by what the lab set for the training, which stands in the inventory.
        mine = {name: f"gpu_verify_{name}" for name in BOUNDS if f"gpu_verify_{name}" in task_vars}
        of_lab = {name: self._templar.template(task_vars[variable]) for name, variable in mine.items()}
        try:
            policy: dict[str, Any] = {**thresholds({**of_lab, **asked["policy"]})}
        except PolicyError as error:
            raise BadInput(f"gpu_verdict: policy: {error}") from None
        simulated = self._templar.template(task_vars.get("gpuready_simulated", False))
        policy |= {
            "simulated_lab": boolean(simulated, strict=False),
            "check_mode": bool(self._task.check_mode),
            "trainer_sha256": trainer.sha256(),
            "connection": getattr(self._connection, "transport", None),
        }
        record["verdict"] = verdict = judging.verdict(record, policy)
        line = f"{verdict['state']} {verdict['code']}: {verdict['cause']}"
        return {"ansible_facts": {"gpuready": record}, "msg": line, "next_step": verdict["next_step"]}
