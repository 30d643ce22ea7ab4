"""What goes wrong on a PC, as the scenario has it: when it strikes, and how often.

`on` is a module by its short name (`gpu_facts`), a helper of Ansible (`put_file`), or empty for whatever comes first.
Faults of programs are in programs.py, those of the way to the PC (off, password, TLS) in lab.py.
"""

from __future__ import annotations

import threading

from gpuready.simlab.schema import Fault

_AT_MODULES = ("cut", "hang", "garbage", "slow", "disk_full", "restart", "fail", "flood", "logs_on")


class Faults:
    """The faults of one PC and how often each may still strike."""

    def __init__(self, faults: list[Fault]) -> None:
        self._all = faults
        self._left = [fault.times for fault in faults]
        self._skip = [fault.after for fault in faults]
        self._lock = threading.Lock()

    def has(self, kind: str) -> Fault | None:
        """A fault of the way to the PC."""
        return next((fault for fault in self._all if fault.kind == kind), None)

    def strike(self, what: str) -> list[Fault]:
        """The faults that strike a module or helper now; each one that has a number of times is used up by it."""
        return [
            fault for fault in self._all if fault.kind in _AT_MODULES and fault.on in (None, what) and self.take(fault)
        ]

    def take(self, fault: Fault) -> bool:
        """Whether this fault strikes now."""
        with self._lock:
            at = next(n for n, one in enumerate(self._all) if one is fault)
            if self._skip[at] > 0:
                self._skip[at] -= 1
                return False
            left = self._left[at]
            if left == 0:
                return False
            self._left[at] = None if left is None else left - 1
            return True
