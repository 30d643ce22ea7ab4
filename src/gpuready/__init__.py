"""gpuready: turns a lab of Windows PCs into PCs that train machine-learning models on their GPUs, and proves it.

from gpuready import Lab
result = Lab("inventories/lab").provision(on_event=print)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpuready.errors import GpureadyError, Interrupted, NothingToDoError
    from gpuready.lab import Lab, explain
    from gpuready.results import HostResult, LabResult, Report, State, Verdict

__all__ = [
    "GpureadyError",
    "HostResult",
    "Interrupted",
    "Lab",
    "LabResult",
    "NothingToDoError",
    "Report",
    "State",
    "Verdict",
    "explain",
]
_WHERE = {
    **dict.fromkeys(("GpureadyError", "Interrupted", "NothingToDoError"), "errors"),
    **dict.fromkeys(("Lab", "explain"), "lab"),
    **dict.fromkeys(("HostResult", "LabResult", "Report", "State", "Verdict"), "results"),
}


def __getattr__(name: str) -> object:
    """Load what is asked for when it is asked for: the command line shall start at once."""
    if name not in _WHERE:
        raise AttributeError(f"module 'gpuready' has no attribute {name!r}")
    return getattr(import_module(f"gpuready.{_WHERE[name]}"), name)
