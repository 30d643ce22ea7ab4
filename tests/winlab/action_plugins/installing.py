"""Installs a driver in the call itself and not as a job: what the module does, in half of the calls."""

from __future__ import annotations

from typing import Any

from ansible_collections.gpuready.lab.plugins.action import gpu_driver
from ansible_collections.gpuready.lab.plugins.plugin_utils.jobs import Job


class ActionModule(gpu_driver.ActionModule):
    """The action, but for its job."""

    def found(self, wanted: Job, task_vars: dict[str, Any], state: str = "status") -> dict[str, Any]:
        """No job is there."""
        return {"job": None}

    def carry(
        self, wanted: Job, module: str, arguments: dict[str, Any], task_vars: dict[str, Any], **_: Any
    ) -> dict[str, Any]:
        """Run it."""
        return self.run_remote(module, arguments, task_vars)
