# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judge a PC by its record. Runs on the controller alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..plugin_utils import hiding, verdicts
from ..plugin_utils import record as records
from ..plugin_utils.action import Action, Spec
from ..plugin_utils.driver import applied
from ..plugin_utils.verdict import failure


class ActionModule(Action):
    """Extend the record by its verdict; a failed task given as `failure` becomes a trouble of the record first."""

    SPEC: ClassVar[Spec] = {
        "policy": {"type": "dict", "default": {}},
        "failure": {"type": "raw"},
        "failed_task": {"type": "str", "default": ""},
        "changed": {"type": "bool", "default": False},
    }

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Read what failed, judge."""
        record = records.of(task_vars)
        if asked["failure"] is not None:
            answered = bool(record.get("facts"))
            said = hiding.without_secrets(asked["failure"], self.secrets(task_vars))
            trouble = failure.trouble(said, asked["failed_task"], answered)
            record["troubles"].append(failure.with_clock(trouble, record))
            if isinstance(said, Mapping):
                applied.keep(record, said)
        if asked["changed"]:
            records.changed(record)
        record["verdict"] = verdict = verdicts.judge(self, record, task_vars, asked["policy"])
        return {"ansible_facts": {"gpuready": record}, **verdicts.said(verdict)}
