"""gpuready: turns a lab of Windows PCs into PCs that train machine-learning models on their GPUs, and proves it.

from gpuready import Lab
result = Lab("inventories/lab").provision(on_event=print)
"""

from __future__ import annotations

from gpuready.errors import GpureadyError, Interrupted
from gpuready.lab import Lab, explain
from gpuready.results import HostResult, LabResult, Report, State, Verdict

__all__ = ["GpureadyError", "HostResult", "Interrupted", "Lab", "LabResult", "Report", "State", "Verdict", "explain"]
