"""Live progress on a terminal, plain lines where there is none. Everything goes to one console (standard error)."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from gpuready import estimate, events
from gpuready.plain import clean, clean_lines

STYLES = {
    "READY": "bold green",
    "DEGRADED": "bold yellow",
    "NOT_READY": "bold red",
    "UNKNOWN": "bold magenta",
    "UNREACHABLE": "bold red",
    "STALE": "bold yellow",
    "SKIPPED": "dim",
}
WORDS = {"look": "looking", "plan": "planning", "apply": "building", "verify": "training", "judge": "judging"}
_DONE = {
    ("look", "ok"): "looked at",
    ("apply", "ok"): "nothing to build",
    ("apply", "changed"): "built",
    ("apply", "started"): "building",
    ("verify", "ok"): "training has ended",
    ("verify", "changed"): "training has ended",
    ("verify", "started"): "training",
}
_REMOVED = {("apply", "ok"): "nothing to remove", ("apply", "changed"): "removed"}
_FAILED = {"look": "could not be looked at", "apply": "building failed", "verify": "training failed"}
_MOST_ROWS = 12  # PCs shown at work; a big lab shows how many more there are


class Progress:
    """`on_event` of a run: `with Progress(console) as progress: lab.plan(on_event=progress)`.

    `check`: nothing is changed. `unnamed`: no inventory was given, so that this controller itself is the PC.
    """

    def __init__(self, console: Console, *, verbose: bool = False, check: bool = False, unnamed: bool = False) -> None:
        self._console, self._verbose, self._check, self._unnamed = console, verbose, check, unnamed
        self._live: Live | None = None
        self._total, self._judges, self._removes = 0, True, False
        self._working: dict[str, tuple[str, float]] = {}  # PC -> step, since when
        self._done: dict[str, str] = {}
        self._reporting = False
        self._began, self._estimate, self._told = time.monotonic(), estimate.Estimate(), False

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._live = Live(console=self._console, transient=True, refresh_per_second=8, get_renderable=self._picture)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, event: events.Event) -> None:
        """Take an event."""
        self._estimate.take(event)
        match event:
            case events.RunStarted():
                self._began = time.monotonic()
                self._total = len(event.hosts)
                self._judges = event.action not in ("facts", "plan", "explain")
                self._removes = event.action == "remove"
                which = " (no -i was given: it is this controller itself)" if self._unnamed else ""
                self._say(f"{event.action}: {self._total} PC{'s' * (self._total != 1)}{which}")
            case events.HostPlanned(build=True) if self._unnamed and self._judges and not self._check:
                self._say(self._taken(event))
            case events.StepStarted():
                if event.step == "report":
                    self._reporting = True
                elif event.host not in self._done:
                    before = self._working.get(event.host)
                    since = before[1] if before and before[0] == event.step else time.monotonic()
                    self._working[event.host] = (event.step, since)
            case events.StepFinished():
                self._step(event)
                if event.outcome != "started":
                    self._working.pop(event.host, None)  # it waits for its next turn, and says so by its absence
            case events.HostFinished():
                self._working.pop(event.host, None)
                said, self._done[event.host] = self._done.get(event.host), event.state
                if said != event.state:
                    self._finish(event)
            case events.Output():
                self._say(event.text)
            case _:
                pass
        if not self._live and not self._told and (rest := self._rest()):
            self._told = True
            self._say(rest)

    def _rest(self) -> str:
        """How long it may still take, in words; empty where that is not known."""
        seconds = self._estimate.rest() if self._judges else None
        if seconds is None:
            return ""
        guessed = self._estimate.guessed  # no run of this lab has shown it
        if seconds < 1:
            return "longer than was reckoned" if guessed else "longer than in the last run"
        return f"about {duration(seconds)} left" + (" by the size of the stack" if guessed else "")

    def _taken(self, event: events.HostPlanned) -> str:
        """What this controller will take, before it is built."""
        seconds = self._estimate.rest()
        takes = [f"about {event.size / 1e9:.1f} GB of disk"] if event.size else []
        takes += [f"about {duration(seconds)}"] if seconds else []
        return f"{event.host}: {event.stack} is built on this controller: {', '.join(takes) or 'nobody knows its size'}"

    def _step(self, event: events.StepFinished) -> None:
        took = f" {event.seconds:.1f} s" if event.seconds is not None else ""
        if event.outcome in ("failed", "unreachable"):
            what = event.task if self._verbose or self._removes else _FAILED.get(event.step, event.task)
            self._say(f"{event.host}: {what}: {event.message}", "red")
        elif self._verbose and event.outcome != "skipped" and event.step != "report":
            self._say(f"{event.host}: {event.task}: {event.outcome}{took}")
        elif not self._live and event.step in WORDS and event.step != "judge" and self._is_main(event):
            done = _DONE | (_REMOVED if self._removes else {})
            words = done.get((event.step, event.outcome), f"{WORDS[event.step]}: {event.outcome}")
            if self._check and event.step == "verify":
                words = "training is not tried in a check"
            self._say(f"{event.host}: {'would be ' * (self._check and words in ('built', 'removed'))}{words}{took}")

    def _is_main(self, event: events.StepFinished) -> bool:
        """Whether this is the task that the step is about, not one beside it."""
        return event.outcome != "skipped" and event.action.startswith("gpuready.")

    def _finish(self, event: events.HostFinished) -> None:
        if self._judges or event.state == "UNREACHABLE":
            self._say(f"{event.host}: {event.state} {event.code}", STYLES.get(event.state, ""))
        elif self._live:
            self._say(f"{event.host}: done")

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(escape(clean_lines(text)), style=style or None, highlight=False, soft_wrap=True)

    def _picture(self) -> Group:
        now = time.monotonic()
        rows = Table.grid(padding=(0, 2))
        for host, (step, since) in list(self._working.items())[:_MOST_ROWS]:
            rows.add_row(Spinner("dots"), escape(clean(host)), WORDS.get(step, step), f"{now - since:.0f} s")
        more = len(self._working) - _MOST_ROWS
        if more > 0:
            rows.add_row("", f"and {more} more", "", "")
        if self._reporting and not self._working:
            rows.add_row(Spinner("dots"), "", "writing the report", "")
        done = f"{len(self._done)} of {self._total} PCs done, {duration(now - self._began)}"
        if rest := "" if self._reporting else self._rest():
            done = f"{done}, {rest}"
        return Group(rows, Text(done if self._total else "reading the inventory", style="dim"))


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"
