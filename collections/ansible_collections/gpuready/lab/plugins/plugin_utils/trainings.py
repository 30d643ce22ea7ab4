# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The job that trains on a PC: what is asked of it, by the record and by what the lab set for it.

Who starts it and who collects it ask for the same, to the letter: so the one is told from any other.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from . import action, jobs, reading, trainer
from .action import Spec
from .plan import wishes
from .record import Record
from .verdict import judging, passes, training

MODULE = "gpuready.lab.training_facts"
SPEC: Spec = {
    "time_limit": {"type": "int"},
    "variables": {"type": "dict"},
    "interpreter": {"type": "str"},
    "backend": {"type": "str"},
    "adapter": {"type": "str"},
    "gpu_variable": {"type": "str"},
    "visible_devices": {"type": "str"},
    "options": {"type": "dict"},
}
_OF_LAB = {
    "time_limit": "gpu_verify_time_limit",
    "variables": "gpu_verify_environment",
    "options": "gpu_verify_options",
}
_DEFAULTS = Path(__file__).resolve().parents[2] / "roles" / "gpu_verify" / "defaults" / "main.yml"


def asked(
    given: Mapping[str, Any], record: Record, task_vars: Mapping[str, Any], home: str | None, *, aside: bool
) -> tuple[dict[str, Any], jobs.Job] | str:
    """The module's arguments and the job, or why nothing is trained; `aside`: a pass that is there is laid aside."""
    arguments = training.request(given, record)
    if isinstance(arguments, str):
        return arguments
    bound = judging.fingerprint(record, trainer.sha256())
    job = jobs.job("training", [arguments, bound], task_vars, home, arguments.get("time_limit"))
    stack = reading.section(record, "plan").get("stack") if aside and training.has_pass(record) else None
    return {**arguments, "trainer": trainer.text()}, dataclasses.replace(job, aside=stack)


def of_lab(
    task_vars: Mapping[str, Any], template: Callable[[Any], Any], given: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The options of a task, those that are not `given` by the lab's variables and the role's defaults.

    Read here and not written at the task: an expression there costs each PC more than that. Raises BadInput.
    """
    found = dict(given or {})
    for name, variable in _OF_LAB.items():
        if name not in found:
            found[name] = template(task_vars.get(variable, _defaults()[variable]))
    return action.options("training_facts", found, SPEC)


def can_start(record: Record, task_vars: Mapping[str, Any]) -> bool:
    """Whether a PC that was looked at and planned can train at once: all is there, and it waits for no other PC."""
    if "verdict" in record or record["troubles"]:
        return False
    plan = reading.section(record, "plan")
    if plan.get("blockers") or passes.environment_is_there(plan) is not True:
        return False
    before = [step for step in reading.items(plan.get("steps")) if step.get("name") != "verify"]
    if any(step.get("needed") is not False for step in before):
        return False
    return all(wishes.count(task_vars.get(wishes.PREFIX + name)) == 0 for name in ("canary", "train_at_once"))


@functools.cache
def _defaults() -> dict[str, Any]:
    return dict(yaml.safe_load(_DEFAULTS.read_text(encoding="utf-8")))
