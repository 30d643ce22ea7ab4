"""Models of the modules that the roles use, by their whole names. A module that is not here is refused by name."""

from __future__ import annotations

# Each enters its models as it is imported.
from gpuready.simlab.models import (  # noqa: F401
    environment_pass,
    gpu_driver,
    gpu_facts,
    job,
    python_environment,
    training_facts,
    windows,
    wsl_distribution,
    wsl_offer,
)
from gpuready.simlab.models.model import MODELS, WAITS, ModuleFailed, Task

__all__ = ["MODELS", "WAITS", "ModuleFailed", "Task"]
