"""Running one playbook through ansible-runner: nothing of it stays on disk, and it can be stopped at any time.

Variables may be secrets: they never stand on a command line, and the private file that brings them to Ansible is gone
as soon as Ansible has read it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpuready import events, guard, project
from gpuready.errors import GpureadyError
from gpuready.watch import Watch

_PROBE = 2**20  # bytes that a temporary folder must have room for
_GRACE = 5.0  # seconds that Ansible gets to end its workers before it is killed
_READ = 20_000  # characters of a message that are looked at
_ERROR = re.compile(r"^\[?(?:ERROR|fatal)[^\]:]*\]?[:!]+ ?(.+)$", re.MULTILINE)
_ORIGIN = re.compile(r"^Origin: (.+)$", re.MULTILINE)
_NOBODY = re.compile(r"Could not match supplied host pattern, ignoring: (.+)")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Order:
    """One run of ansible-playbook."""

    playbook: Path
    inventory: tuple[str, ...]
    extra_vars: Mapping[str, Any]
    limit: str | None = None
    forks: int | None = None
    check: bool = False
    verbosity: int = 0
    vault_password_file: Path | None = None
    connection_password: str | None = field(default=None, repr=False)


class Stop:
    """A wish to stop, from any thread or a signal handler."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.hard = False

    def request(self, *, patient: bool = False) -> None:
        """Stop; asked twice, without waiting for anything, unless it is asked patiently."""
        self.hard = self.hard or (self._event.is_set() and not patient)
        self._event.set()

    def clear(self) -> None:
        """Forget it, for the next run."""
        self.hard = False
        self._event.clear()

    @property
    def requested(self) -> bool:
        """Whether to stop."""
        return self._event.is_set()


@dataclass
class Outcome:
    """How a run ended.

    Ansible's exit code; in a line what it complained of (empty when of nothing); what its events said; why it was
    given up, when it was; what a callback of the caller raised.
    """

    rc: int
    complaint: str
    watch: Watch
    given_up: str | None = None
    error: BaseException | None = None


class _Execution:
    """State of one run: what its events said so far."""

    def __init__(self, on_event: Callable[[dict[str, Any]], None], stop: Stop, watch: Watch) -> None:
        self.on_event, self.stop, self.watch = on_event, stop, watch
        self.folder: Path | None = None
        self.asked_at: float | None = None
        self.given_up: str | None = None
        self.failures: list[str] = []
        self.text: list[str] = []
        self.error: BaseException | None = None

    def handle(self, event: dict[str, Any]) -> bool:
        """Take an event of ansible-runner. False: it need not be kept on disk."""
        self.watch.take(event)
        kind, data = str(event.get("event") or ""), event.get("event_data") or {}
        if kind.startswith("playbook_on"):
            self._forget()
        result = data.get("res")
        if kind in ("runner_on_failed", "runner_on_unreachable") and isinstance(result, dict):
            # Our own actions name the file or the PC that they complain of.
            where = "" if str(data.get("task_action")).startswith("gpuready.") else f"{data.get('task')}: "
            self.failures = [
                *self.failures[-40:],
                f"{where}{str(result.get('msg') or 'failed without a message')[:_READ]}",
            ]
        if kind in ("verbose", "error", "warning", "deprecated", "system_warning") and event.get("stdout"):
            self.text = [*self.text[-40:], _ANSI.sub("", str(event["stdout"])[:_READ]).replace("\r", "")]
        if self.error is None:
            try:
                self.on_event(event)
            except BaseException as error:  # a callback's own fault ends the run and is raised where it belongs
                self.error = error
        return False

    def _forget(self) -> None:
        """Ansible has all variables and the environment in memory now: nobody needs them on disk."""
        if self.folder:
            _variables_path(self.folder).unlink(missing_ok=True)
            for file in self.folder.glob("artifacts/*/command"):
                file.unlink(missing_ok=True)

    def look(self) -> bool:
        """End Ansible where it shall end, in order first. False: ansible-runner itself need kill nobody."""
        if self.given_up is None:
            self.given_up = self.watch.stuck()
        if self.error is None and self.given_up is None and not self.stop.requested:
            return False
        if self.asked_at is None:
            self.asked_at = time.monotonic()
            if self.watch.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(self.watch.pid, signal.SIGINT)
                return False
        if self.stop.hard or self.watch.pid is None or time.monotonic() - self.asked_at > _GRACE:
            self.end()
        return False

    def end(self, *, wait: bool = False) -> None:
        """Kill all of the run at once; with `wait`, until it is gone."""
        with suppress(OSError, ValueError):
            pid = int((self.folder or Path()).joinpath(guard.PID_FILE).read_text("ascii"))
            os.kill(pid, signal.SIGTERM)
            if wait:
                os.waitpid(pid, 0)

    def complaint(self) -> str:
        """Why there is no report, in one line."""
        text = "\n".join(self.text)
        match = _ERROR.search(text)
        if match:
            origin = _ORIGIN.search(text, match.end())
            reason = match[1] + (f" ({origin[1]})" if origin else "")
        else:
            reason = self.failures[-1] if self.failures else next(iter(text.strip().splitlines()), "")
            nobody = _NOBODY.search(reason)
            if nobody:
                reason = f"{nobody[1]}: no such PC or group in the inventory: correct gpuready_hosts or the inventory"
        return " ".join(reason.split())


def execute(
    order: Order, base: Path, on_event: Callable[[dict[str, Any]], None], stop: Stop, watch: Watch | None = None
) -> Outcome:
    """Run a playbook to its end, or until it is stopped or nothing more comes of it.

    Raises GpureadyError when Ansible cannot be started.
    """
    import ansible_runner  # half a second that `--help` need not cost

    execution = _Execution(on_event, stop, watch or Watch())
    rc: int | None = None
    try:
        with _folder() as directory:
            execution.folder = directory
            # ansible-runner forgets `settings=` when env/settings is not there.
            (directory / "env").mkdir()
            settings = {"pexpect_timeout": 0.3, "suppress_output_file": True}
            (directory / "env/settings").write_text(json.dumps(settings), "utf-8")
            _variables_file(directory, order.extra_vars)
            try:
                runner = ansible_runner.run(
                    private_data_dir=str(directory),
                    project_dir=str(Path.cwd()),  # paths in variables mean what they mean to ansible-playbook
                    binary=sys.executable,
                    envvars=_process_variables(base, directory),
                    cmdline=_arguments(order, directory),
                    fact_cache_type="memory",  # as files they fail for a long name, and outlive their run
                    passwords={r"SSH password:\s*?$": order.connection_password} if order.connection_password else None,
                    suppress_env_files=True,
                    quiet=True,
                    event_handler=execution.handle,
                    cancel_callback=execution.look,
                )
                rc = runner.rc
            except BaseException as error:
                execution.end(wait=True)
                if not isinstance(error, OSError) or execution.watch.pid is None:
                    raise
                execution.given_up = f"the controller could not go on: {error.strerror or error}"  # a full disk
    except SystemExit:
        raise GpureadyError("ansible-runner gave up: run with -v to see what it said") from None
    except OSError as error:
        raise GpureadyError(f"the run could not be started or went on no longer: {error}") from None
    return Outcome(
        int(rc if rc is not None else 1), execution.complaint(), execution.watch, execution.given_up, execution.error
    )


def listener(order: Order, stop: Stop, on_event: Callable[[events.Event], None]) -> Callable[[dict[str, Any]], None]:
    """What takes the events of ansible-runner and hands on those of gpuready."""

    def take(raw: dict[str, Any]) -> None:
        if order.verbosity and raw.get("stdout"):
            on_event(events.Output(str(raw["stdout"])))
        if stop.requested:  # what is torn down now would only look like failures
            return
        for event in events.translate(raw):
            on_event(event)

    return take


def places() -> list[str]:
    """Folders for what must be written somewhere, in order."""
    return list(dict.fromkeys((tempfile.gettempdir(), "/var/tmp", "/dev/shm")))  # noqa: S108  new files in them


@contextmanager
def _folder() -> Iterator[Path]:
    """A private folder for one run where there is room for it: a full /tmp is no reason not to run."""
    refused = ""
    for place in places():
        try:
            made = tempfile.TemporaryDirectory(prefix="gpuready-", dir=place, ignore_cleanup_errors=True)
        except OSError as error:
            refused = refused or f"{place}: {error.strerror}"
            continue
        with made as directory:
            try:
                (Path(directory) / "probe").write_bytes(b"\0" * _PROBE)
                (Path(directory) / "probe").unlink()
            except OSError as error:
                refused = refused or f"{place}: {error.strerror}"
                continue
            yield Path(directory)
            return
    raise GpureadyError(f"no temporary folder can be written ({refused}): free space, or set TMPDIR to another folder")


def _process_variables(base: Path, directory: Path) -> dict[str, str]:
    """Temporary files of Ansible lie in the private folder; ssh keys of PCs are checked unless that is forbidden."""
    return {
        **project.process_variables(base),
        "TMPDIR": str(directory),
        "ANSIBLE_LOCAL_TEMP": str(directory / "tmp"),
        # ansible-runner switches the check off where nobody speaks of it.
        "ANSIBLE_HOST_KEY_CHECKING": os.environ.get("ANSIBLE_HOST_KEY_CHECKING", "True"),
    }


def _variables_path(directory: Path) -> Path:
    return directory / "env/variables.json"


def _variables_file(directory: Path, variables: Mapping[str, Any]) -> Path:
    """The variables as a file that only its owner may read, whatever the umask."""
    path = _variables_path(directory)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(dict(variables), file)
    return path


def _arguments(order: Order, directory: Path) -> str:
    """What Python is called with: the guard, which calls Ansible."""
    arguments = ["-I", "-S", str(guard.__file__), str(directory), str(os.getpid()), project.program("ansible-playbook")]
    arguments += [str(order.playbook)]
    arguments += [part for source in order.inventory for part in ("-i", source)]
    arguments += ["-e", f"@{_variables_path(directory)}"]
    if order.limit:
        arguments += ["--limit", order.limit]
    if order.forks:
        arguments += ["--forks", str(order.forks)]
    if order.check:
        arguments.append("--check")
    if order.verbosity:
        arguments.append("-" + "v" * order.verbosity)
    if order.vault_password_file:
        arguments += ["--vault-password-file", str(order.vault_password_file)]
    if order.connection_password:
        arguments.append("--ask-pass")
    return shlex.join(arguments)
