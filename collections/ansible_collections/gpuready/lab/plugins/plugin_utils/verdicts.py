# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judging a host from its record and its variables, for the actions that judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from ansible.module_utils.parsing.convert_bool import boolean

from . import reading, trainer
from .action import Action, BadInput
from .record import Record, Verdict
from .verdict import judging
from .verdict.policy import BOUNDS, PolicyError, thresholds
from .waves import gets_driver

# When a look says the last word itself: never; where nothing can be done on the PC; where its last pass holds; always.
When = Literal["never", "stopped", "unchanged", "always"]
_BY_TRAINING: Mapping[str, When] = {"always": "stopped", "when_changed": "unchanged", "never": "always"}
WHENS = ["never", "stopped", "unchanged", "always", "by_training"]


def judge(
    action: Action, record: Record, task_vars: Mapping[str, Any], given: Mapping[str, Any] | None = None
) -> Verdict:
    """The verdict, by the thresholds `given` and then those of the inventory. Raises BadInput for a wrong one."""
    template = action._templar.template
    # A report judges a pass by what the lab set for the training, which stands in the inventory.
    mine = {name: f"gpu_verify_{name}" for name in BOUNDS if f"gpu_verify_{name}" in task_vars}
    of_lab = {name: template(task_vars[variable]) for name, variable in mine.items()}
    try:
        policy: dict[str, Any] = {**thresholds({**of_lab, **(given or {})})}
    except PolicyError as error:
        raise BadInput(f"gpu_verdict: policy: {error}") from None
    simulated = template(task_vars.get("gpuready_simulated", False))
    policy |= {
        "simulated_lab": boolean(simulated, strict=False),
        "check_mode": bool(action._task.check_mode),
        "trainer_sha256": trainer.sha256(),
        "connection": getattr(action._connection, "transport", None),
    }
    return judging.verdict(record, policy)


def when(asked: str, action: Action, task_vars: Mapping[str, Any]) -> When:
    """When to judge; `by_training`: as the lab's gpu_verify_train leaves nothing to train. Raises BadInput."""
    if asked != "by_training":
        return cast(When, asked)
    train = action._templar.template(task_vars.get("gpu_verify_train", "always"))
    if train not in _BY_TRAINING:
        raise BadInput(f"gpu_verify_train: {reading.one_line(str(train))} is not one of {', '.join(_BY_TRAINING)}")
    return _BY_TRAINING[train]


def conclude(action: Action, record: Record, task_vars: Mapping[str, Any], when: When) -> None:
    """Add the verdict to a record of a look where it is known already; what goes on gets none."""
    if when == "never":
        return
    verdict = judge(action, record, task_vars)  # wrong thresholds are wrong before anything is built
    plan = reading.section(record, "plan")
    stopped = bool(record["troubles"]) or not plan.get("stack") or bool(plan.get("blockers"))
    unchanged = when == "unchanged" and verdict["reused"] and not gets_driver(plan)
    if when == "always" or stopped or unchanged:
        record["verdict"] = verdict


def said(verdict: Verdict) -> dict[str, str]:
    """The verdict in a task's result."""
    line = f"{verdict['state']} {verdict['code']}: {verdict['cause']}"
    return {"msg": line, "next_step": verdict["next_step"]}
