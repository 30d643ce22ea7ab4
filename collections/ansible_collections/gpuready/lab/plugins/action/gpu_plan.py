# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plan a PC from its facts and the lab's wishes. Runs on the controller alone."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.gpuready.lab.plugins.module_utils import plan, plan_steps, wishes
from ansible_collections.gpuready.lab.plugins.plugin_utils import stackfiles
from ansible_collections.gpuready.lab.plugins.plugin_utils.remote import record_of

# Ansible imports an action once, before it forks a worker for every PC and task: what is read here is read once a run.
stackfiles.preload()

_LIBRARY = ("gpuready_stack_dirs", "gpuready_stack_locks")


class ActionModule(ActionBase):
    """Extend the host's record by its plan; without facts there is nothing to plan and the record stays as it is."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read the wishes, load the stacks, plan."""
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        record = record_of(task_vars)
        given = self._variables(task_vars)
        directories, own_locks = given.pop(_LIBRARY[0], None), given.pop(_LIBRARY[1], None)
        try:
            stacks = stackfiles.load(
                self._list(directories), self._mapping(own_locks), task_vars.get("inventory_dir") or "."
            )
            wished = wishes.parse(given, stacks, known=_LIBRARY)
        except (stackfiles.StackFilesError, wishes.WishError) as error:
            return {**result, "failed": True, "code": "BAD_INPUT", "msg": str(error)}
        result |= {"changed": False, "ansible_facts": {"gpuready": record}}
        if not isinstance(record.get("facts"), dict):
            return {**result, "summary": [], "msg": "the PC was not looked at, so there is nothing to plan"}
        planned = plan.plan(record["facts"], wished, stacks).as_dict()
        record["plan"] = planned
        lines = plan_steps.summary(planned)
        return {**result, "summary": lines, "msg": lines[0]}

    def _variables(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """The gpuready_ variables, templated where they have a meaning here; the task's `wishes` come before them."""
        meant = {wishes.PREFIX + name for name in wishes.NAMES} | set(_LIBRARY)
        names = [name for name in task_vars if isinstance(name, str) and name.startswith(wishes.PREFIX)]
        found = {name: self._templar.template(task_vars[name]) if name in meant else None for name in names}
        option = self._task.args.get("wishes") or {}
        if not isinstance(option, dict):
            raise AnsibleActionFail("gpu_plan: wishes: this is not a mapping of wishes")
        for unknown in set(self._task.args) - {"wishes"}:
            raise AnsibleActionFail(f"gpu_plan: {unknown} is not an option (wishes is)")
        for name, value in option.items():
            if name not in wishes.NAMES:
                raise AnsibleActionFail(f"gpu_plan: wishes: {name} is not one of {', '.join(wishes.NAMES)}")
            found[wishes.PREFIX + name] = value
        return found

    def _list(self, value: object) -> list[str]:
        values = [value] if isinstance(value, str) else value or []
        if not isinstance(values, list) or not all(isinstance(item, str) and item for item in values):
            raise AnsibleActionFail("gpuready_stack_dirs: this is not a list of folders")
        return values

    def _mapping(self, value: object) -> dict[str, Any]:
        if value is not None and not isinstance(value, dict):
            raise AnsibleActionFail("gpuready_stack_locks: this is not a mapping of a stack to its lock")
        return value or {}
