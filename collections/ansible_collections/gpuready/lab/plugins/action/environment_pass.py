# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make the environment that has trained the current one and keep what its pass is bound to, or take the pass back."""

from __future__ import annotations

from typing import Any, ClassVar

from ..plugin_utils import kept_pass
from ..plugin_utils import record as records
from ..plugin_utils.action import Spec
from ..plugin_utils.environment import request
from ..plugin_utils.remote import RemoteAction


class ActionModule(RemoteAction):
    """Run gpuready.lab.environment_pass; a switch is added to the record's `apply`."""

    INSIDE = True
    SPEC: ClassVar[Spec] = request.PASS_OPTIONS

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Put together, run."""
        record = records.of(task_vars)
        answer = kept_pass.keep(self, asked, record, task_vars)
        return answer if answer.get("failed") else {**answer, "ansible_facts": {"gpuready": record}}
