# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Train on the planned GPU: the record says with what, the PC gives the evidence."""

from __future__ import annotations

from typing import Any, ClassVar

from ..plugin_utils import jobs, trainer
from ..plugin_utils import record as records
from ..plugin_utils.action import Spec
from ..plugin_utils.verdict import judging, training

MODULE = "gpuready.lab.training_facts"


class ActionModule(jobs.JobAction):
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
        "home": {"type": "str"},
        "wait": {"type": "bool", "default": True},
    }

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Send the trainer, start it, keep what comes back."""
        record = records.of(task_vars)
        record.pop("training", None)
        home, wait = asked.pop("home"), asked.pop("wait")
        arguments = training.request(asked, record)
        if isinstance(arguments, str):
            return {"ansible_facts": {"gpuready": record}, "msg": arguments}
        bound = judging.fingerprint(record, trainer.sha256())
        wanted = jobs.job("training", [arguments, bound], task_vars, home, arguments.get("time_limit"))
        arguments["trainer"] = trainer.text()
        answer = self._train(wanted, arguments, task_vars, wait)
        if answer is None:
            return {"ansible_facts": {"gpuready": record}, "msg": "the training is under way"}
        outcome = self.fact("gpuready_training", record, "verify", answer, "OUTPUT_GARBAGE")
        if outcome is None:
            return {"ansible_facts": {"gpuready": record}, "msg": record["troubles"][-1]["message"]}
        record["training"] = {**outcome, "trainer_sha256": trainer.sha256()}
        return {"ansible_facts": {"gpuready": record}, "msg": training.ending(outcome)}

    def _train(
        self, wanted: jobs.Job, arguments: dict[str, Any], task_vars: dict[str, Any], wait: bool
    ) -> dict[str, Any] | None:
        """The module's answer; None of a training that is under way and not waited for."""
        if self._task.check_mode:
            return self.run_remote(MODULE, arguments, task_vars)
        refused = self.start(wanted, MODULE, arguments, task_vars)
        if refused is not None or not wait:
            return refused
        return self.collect(wanted, task_vars)
