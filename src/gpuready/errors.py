"""What can go wrong before, around and after a run, each in one line for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


class GpureadyError(Exception):
    """The run could not be started or gave no report. The message is one line that names the cause and what to do."""


class NothingToDoError(GpureadyError):
    """What was asked for is done already. The message is one line."""


class StoppedError(Exception):
    """A command was stopped by Ctrl-C; the message is one line that says what was finished."""


class Interrupted(KeyboardInterrupt):
    """The run was stopped: by Ctrl-C, a signal (SIGTERM, SIGHUP) or `Lab.cancel()`.

    `finished` maps the PCs that had a verdict by then to its state, `unfinished` names the others. `report` is the
    run's report.json: of the whole run where `whole` is true (it was there already), else of what was finished. It is
    None where none was written, and `note` then says why and where the records are, if there were any.
    """

    def __init__(
        self,
        finished: Mapping[str, str],
        unfinished: Sequence[str],
        report: Path | None = None,
        *,
        whole: bool = False,
        note: str = "",
    ) -> None:
        super().__init__("interrupted")
        self.report, self.whole, self.note = report, whole, note
        self.finished = dict(finished)
        self.unfinished = list(unfinished)
