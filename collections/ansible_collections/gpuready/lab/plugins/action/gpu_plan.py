# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plan a PC from its facts and the lab's wishes. Runs on the controller alone."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils import planning
from ..plugin_utils import record as records


class ActionModule(ActionBase):
    """Extend the host's record by its plan; without facts there is nothing to plan and the record stays as it is."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read the wishes, load the stacks, plan."""
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        record = records.of(task_vars)
        given = self._task.args.get("wishes") or {}
        try:
            for unknown in set(self._task.args) - {"wishes"}:
                raise planning.PlanningError(f"gpu_plan: {unknown} is not an option (wishes is)")
            if not isinstance(given, dict):
                raise planning.PlanningError("gpu_plan: wishes: this is not a mapping of wishes")
            prepared = planning.prepare(task_vars, self._templar.template, given)
        except planning.PlanningError as error:
            return {**result, "failed": True, "code": "BAD_INPUT", "msg": str(error)}
        lines = planning.extend(record, prepared)
        first = lines[0] if lines else "the PC was not looked at, so there is nothing to plan"
        return {**result, "changed": False, "ansible_facts": {"gpuready": record}, "summary": lines, "msg": first}
