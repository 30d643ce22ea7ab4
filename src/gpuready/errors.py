"""What can go wrong before, around and after a run, each in one line for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class GpureadyError(Exception):
    """The run could not be started or gave no report. The message is one line that names the cause and what to do."""


class Interrupted(KeyboardInterrupt):
    """The run was stopped by Ctrl-C or `Lab.cancel()`; no report was written.

    `finished` maps the PCs that had a verdict by then to its state, `unfinished` names the others.
    """

    def __init__(self, finished: Mapping[str, str], unfinished: Sequence[str]) -> None:
        super().__init__("interrupted")
        self.finished = dict(finished)
        self.unfinished = list(unfinished)
