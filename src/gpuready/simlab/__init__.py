"""A simulated lab: Windows PCs from a YAML file, each a WinRM listener on a loopback address of its own.

Nothing of Windows runs here. Models in Python answer for the modules that gpuready's roles use, and what is not
modelled is refused by name. Every PC says of itself that it is simulated.
"""

from __future__ import annotations

from gpuready.simlab.lab import SimulatedLab

__all__ = ["SimulatedLab"]
