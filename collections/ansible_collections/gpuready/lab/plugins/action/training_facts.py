# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Train on the planned GPU: the record says with what, the PC gives the evidence, the controller may judge it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from ..plugin_utils import breaker, jobs, kept_pass, trainer, trainings, verdicts
from ..plugin_utils import record as records
from ..plugin_utils.action import Spec
from ..plugin_utils.verdict import failure, passes, training


class ActionModule(jobs.JobAction):
    """Extend the record by its section training; without a plan that can be carried out nothing is asked of the PC."""

    INSIDE = True
    SPEC: ClassVar[Spec] = {
        **trainings.SPEC,
        "home": {"type": "str"},
        "wait": {"type": "bool", "default": True},
        "judge": {"type": "bool", "default": False},
        "lay_aside": {"type": "bool", "default": False},
        "keep_pass": {"type": "bool", "default": False},
    }
    OF_LAB: ClassVar[Mapping[str, str]] = {"home": "python_environment_home"}

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Send the trainer, start it, keep what comes back, judge it where that is asked."""
        record = records.of(task_vars)
        before = record.pop("training", None)
        own = ("home", "wait", "judge", "lay_aside", "keep_pass")
        home, wait, judge, aside, keep = (asked.pop(name) for name in own)
        given = {name: value for name, value in asked.items() if value is not None}
        asked = trainings.of_lab(task_vars, self._templar.template, given)

        def ended(line: str) -> dict[str, Any]:
            result: dict[str, Any] = {"ansible_facts": {"gpuready": record}, "msg": line}
            if judge and wait:
                record["verdict"] = verdicts.judge(self, record, task_vars)
                if keep and (state := kept_pass.after(record)):
                    result["changed"] = self._keep_pass(state, home, record, task_vars)
                result |= verdicts.said(record["verdict"])
            self.take_away(task_vars)
            return result

        wanted = trainings.asked(asked, record, task_vars, home, aside=aside)
        if isinstance(wanted, str):
            return ended(wanted)
        arguments, job = wanted
        job = dataclasses.replace(job, stays=judge and keep)
        if self._task.check_mode:
            answer: dict[str, Any] | None = self.run_remote(trainings.MODULE, arguments, task_vars)
        else:
            answer = self.carry(job, trainings.MODULE, arguments, task_vars, wait=wait, begun=wait)
        if answer is None:
            # To hand on a record that is unchanged costs a lab minutes.
            facts = {"ansible_facts": {"gpuready": record}} if before else {}
            return {"msg": "the training is under way", "under_way": True, **facts}
        found = self.fact("gpuready_training", record, "verify", answer, "OUTPUT_GARBAGE")
        if found is None:
            result = ended(str(record["troubles"][-1]["message"]))
        else:
            record["training"] = {**found, "trainer_sha256": trainer.sha256()}
            result = ended(training.ending(found))
        if judge and not self._task.check_mode:
            failed = None if passes.passed(record) else record["verdict"]["code"]
            breaker.of(task_vars, self._templar.template).take(record["host"], failed)
        return result

    def _keep_pass(self, state: str, home: str | None, record: records.Record, task_vars: dict[str, Any]) -> bool:
        """Whether that changed anything; one that cannot be kept is a trouble, and judged."""
        job = {"job": self.left.name} if self.left else {}
        answer = kept_pass.keep(self, {"state": state, "home": home, **job}, record, task_vars)
        if answer.get("failed"):
            trouble = failure.trouble(answer, self._task.get_name(), True)
            record["troubles"].append(failure.with_clock(trouble, record))
            record["verdict"] = verdicts.judge(self, record, task_vars)
        else:
            self.left = None
        return bool(answer.get("changed"))
