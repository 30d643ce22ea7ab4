# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plan a PC from its facts and the lab's wishes. Runs on the controller alone."""

from __future__ import annotations

from typing import Any, ClassVar

from ..plugin_utils import planning
from ..plugin_utils import record as records
from ..plugin_utils.action import Action, Spec
from ..plugin_utils.plan import steps


class ActionModule(Action):
    """Extend the host's record by its plan; without facts there is nothing to plan and the record stays as it is."""

    SPEC: ClassVar[Spec] = {"wishes": {"type": "dict", "default": {}}, "show": {"type": "bool", "default": False}}

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Read the wishes, load the stacks, plan; or show what was planned."""
        record = records.of(task_vars)
        if asked["show"]:
            known = steps.summary(record["plan"]) if "plan" in record else ["there is no plan"]
            return {"summary": known, "msg": known, "_ansible_verbose_always": True}
        lines = planning.extend(record, planning.prepare(task_vars, self._templar.template, asked["wishes"]))
        first = lines[0] if lines else "the PC was not looked at, so there is nothing to plan"
        return {"ansible_facts": {"gpuready": record}, "summary": lines, "msg": first}
