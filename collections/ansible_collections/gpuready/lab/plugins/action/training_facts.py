# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Train on the planned GPU: the record says with what, the PC gives the evidence."""

from __future__ import annotations

from typing import Any, ClassVar

from ..plugin_utils import record as records
from ..plugin_utils import trainer
from ..plugin_utils.action import Spec
from ..plugin_utils.remote import RemoteAction
from ..plugin_utils.verdict import training


class ActionModule(RemoteAction):
    """Extend the record by its section training; without a plan that can be carried out nothing is asked of the PC."""

    SPEC: ClassVar[Spec] = {
        "time_limit": {"type": "int"},
        "variables": {"type": "dict"},
        "interpreter": {"type": "str"},
        "backend": {"type": "str"},
        "adapter": {"type": "str"},
        "gpu_variable": {"type": "str"},
        "visible_devices": {"type": "str"},
        "options": {"type": "dict"},
    }

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Send the trainer, keep what comes back."""
        record = records.of(task_vars)
        record.pop("training", None)
        arguments = training.request(asked, record)
        if isinstance(arguments, str):
            return {"ansible_facts": {"gpuready": record}, "msg": arguments}
        arguments["trainer"] = trainer.text()
        module = "gpuready.lab.training_facts"
        outcome = self.evidence("gpuready_training", record, "verify", module, arguments, task_vars, "OUTPUT_GARBAGE")
        if outcome is None:
            return {"ansible_facts": {"gpuready": record}, "msg": record["troubles"][-1]["message"]}
        record["training"] = {**outcome, "trainer_sha256": trainer.sha256()}
        return {"ansible_facts": {"gpuready": record}, "msg": training.ending(outcome)}
