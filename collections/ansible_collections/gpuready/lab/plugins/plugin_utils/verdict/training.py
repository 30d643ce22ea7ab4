# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a PC is asked to train, by its record."""

from __future__ import annotations

import ntpath
import posixpath
from collections.abc import Mapping
from typing import Any

from ..reading import items, section
from ..record import side


def request(given: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any] | str:
    """The arguments of the module on the PC but for the trainer's text, or why nothing is trained.

    `given` are a task's options, which come before what the record says; those that are None are left to it.
    """
    asked = {name: value for name, value in given.items() if value is not None}
    plan = section(record, "plan")
    if not asked.get("interpreter"):
        if record.get("troubles") or not plan.get("stack") or plan.get("blockers"):
            return "nothing is trained: the plan cannot be carried out"
        if section(plan, "driver").get("required"):
            return "nothing is trained: the driver that the plan names is not installed"
        path = interpreter(record)
        if not path:
            return "nothing is trained: the stack's environment is not on the PC"
        asked["interpreter"], asked["home"] = path, home_of(path)
    for name in ("backend", "gpu_variable", "visible_devices"):
        if (planned := section(plan, "environment").get(name)) is not None:
            asked.setdefault(name, planned)
    asked["adapter"] = asked.get("adapter") or section(plan, "adapter").get("name")
    return asked


def interpreter(record: Mapping[str, Any]) -> str | None:
    """The interpreter of the environment for the planned lock: the one just built, or one that was there."""
    stack, lock = section(record, "plan").get("stack"), section(record, "plan", "environment").get("lock_sha256")
    built = section(record, "apply", "environment")
    if built.get("python") and built.get("lock_sha256") == lock:
        return str(built["python"])
    for one in items(side(record).get("environments")):
        if one.get("stack") == stack and one.get("lock_sha256") == lock and one.get("state") != "building":
            return str(one["python"]) if one.get("python") else None
    return None


def has_pass(record: Mapping[str, Any]) -> bool:
    """Whether the planned stack has a pass on the PC."""
    stack, passes = section(record, "plan").get("stack"), items(side(record).get("passes"))
    return stack is not None and any(section(one, "fingerprint").get("stack") == stack for one in passes)


def home_of(python: str) -> str:
    """The folder of gpuready that an interpreter lies in (HOME/environments/NAME/bin/python), which the PC looks at."""
    split = ntpath if "\\" in python else posixpath
    for _ in range(4):
        python = split.dirname(python)
    return python


def ending(training: Mapping[str, Any]) -> str:
    """How it ended, in a line for who watches."""
    if training.get("skipped"):
        return f"nothing is trained: {training['skipped']}"
    return "trained" if training.get("finished") else "the training did not come to its end"
