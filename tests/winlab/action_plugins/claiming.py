"""Starts a training that claims its job itself, as a look does, with the arguments of the task."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible_collections.gpuready.lab.plugins.plugin_utils import jobs, trainings
from ansible_collections.gpuready.lab.plugins.plugin_utils.action import Spec


class ActionModule(jobs.JobAction):
    """Says whether it was started."""

    SPEC: ClassVar[Spec] = {"arguments": {"type": "dict"}, "home": {"type": "str"}, "lay_aside": {"type": "str"}}

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Start it."""
        wanted = jobs.Job("training", "what", "one", asked["home"], 500, aside=asked["lay_aside"])
        arguments = {**asked["arguments"], "home": asked["home"]}
        return {"begun": self.start_unclaimed(wanted, trainings.MODULE, arguments, asked["home"], task_vars)}
