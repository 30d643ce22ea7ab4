"""Running one playbook through ansible-runner: nothing of it stays on disk, and it can be stopped at any time.

Variables may be secrets: they never stand on a command line, and the private file that brings them to Ansible is gone
as soon as Ansible has read it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpuready import project
from gpuready.errors import GpureadyError

_GRACE = 5.0  # seconds that Ansible gets to end its workers before it is killed
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
    """How a run ended: Ansible's exit code, and in a line what it complained of (empty when of nothing)."""

    rc: int
    complaint: str


class _Execution:
    """State of one run: what its events said so far."""

    def __init__(self, on_event: Callable[[dict[str, Any]], None], stop: Stop) -> None:
        self.on_event, self.stop = on_event, stop
        self.variables: Path | None = None
        self.pid: int | None = None
        self.asked_at: float | None = None
        self.failures: list[str] = []
        self.text: list[str] = []
        self.error: BaseException | None = None

    def handle(self, event: dict[str, Any]) -> bool:
        """Take an event of ansible-runner. False: it need not be kept on disk."""
        kind, data = str(event.get("event") or ""), event.get("event_data") or {}
        if kind.startswith("playbook_on") and isinstance(event.get("pid"), int):
            self.pid = event["pid"]
            if self.variables:  # Ansible has them all in memory now
                self.variables.unlink(missing_ok=True)
        result = data.get("res")
        if kind in ("runner_on_failed", "runner_on_unreachable") and isinstance(result, dict):
            # Our own actions name the file or the PC that they complain of.
            where = "" if str(data.get("task_action")).startswith("gpuready.") else f"{data.get('task')}: "
            self.failures.append(f"{where}{result.get('msg') or 'failed without a message'}")
        if kind in ("verbose", "error", "warning", "deprecated", "system_warning") and event.get("stdout"):
            self.text = [*self.text[-40:], _ANSI.sub("", str(event["stdout"])).replace("\r", "")]
        if self.error is None:
            try:
                self.on_event(event)
            except BaseException as error:  # a callback's own fault ends the run and is raised where it belongs
                self.error = error
        return False

    def cancelled(self) -> bool:
        """Whether ansible-runner shall kill Ansible. First it is asked, so that it can end its workers."""
        if self.error is None and not self.stop.requested:
            return False
        if self.asked_at is None:
            self.asked_at = time.monotonic()
            if self.pid is None:
                return True
            try:
                os.kill(self.pid, signal.SIGINT)
            except ProcessLookupError:
                return True
        return self.stop.hard or time.monotonic() - self.asked_at > _GRACE

    def complaint(self) -> str:
        """Why there is no report, in one line."""
        text = "\n".join(self.text)
        found = _ERROR.search(text)
        if found:
            origin = _ORIGIN.search(text, found.end())
            reason = found[1] + (f" ({origin[1]})" if origin else "")
        else:
            reason = self.failures[-1] if self.failures else next(iter(text.strip().splitlines()), "")
            nobody = _NOBODY.search(reason)
            if nobody:
                reason = f"{nobody[1]}: no such PC or group in the inventory: correct gpuready_hosts or the inventory"
        return " ".join(reason.split())


def execute(order: Order, base: Path, on_event: Callable[[dict[str, Any]], None], stop: Stop) -> Outcome:
    """Run a playbook to its end. Raises GpureadyError when Ansible cannot be started, and what `on_event` raises."""
    import ansible_runner  # half a second that `--help` need not cost

    execution = _Execution(on_event, stop)
    try:
        with tempfile.TemporaryDirectory(prefix="gpuready-", ignore_cleanup_errors=True) as directory:
            # ansible-runner forgets `settings=` when env/settings is not there.
            (Path(directory) / "env").mkdir()
            (Path(directory) / "env/settings").write_text(json.dumps({"pexpect_timeout": 0.3}), "utf-8")
            execution.variables = _variables_file(Path(directory), order.extra_vars)
            runner = ansible_runner.run(
                private_data_dir=directory,
                project_dir=str(Path.cwd()),  # paths in variables mean what they mean to ansible-playbook
                playbook=str(order.playbook),
                envvars=project.environment(base),
                cmdline=_arguments(order, execution.variables),
                passwords={r"SSH password:\s*?$": order.connection_password} if order.connection_password else None,
                suppress_env_files=True,
                quiet=True,
                event_handler=execution.handle,
                cancel_callback=execution.cancelled,
            )
    except SystemExit:
        raise GpureadyError("ansible-runner gave up: run with -v to see what it said") from None
    except OSError as error:
        raise GpureadyError(f"the run could not be started or went on no longer: {error}") from None
    if execution.error is not None:
        raise execution.error
    return Outcome(int(runner.rc if runner.rc is not None else 1), execution.complaint())


def _variables_file(directory: Path, variables: Mapping[str, Any]) -> Path:
    """The variables as a file that only its owner may read, whatever the umask."""
    path = directory / "env/variables.json"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(dict(variables), file)
    return path


def _arguments(order: Order, variables: Path) -> str:
    import shlex

    found = [part for source in order.inventory for part in ("-i", source)]
    found += ["-e", f"@{variables}"]
    if order.limit:
        found += ["--limit", order.limit]
    if order.forks:
        found += ["--forks", str(order.forks)]
    if order.check:
        found.append("--check")
    if order.verbosity:
        found.append("-" + "v" * order.verbosity)
    if order.vault_password_file:
        found += ["--vault-password-file", str(order.vault_password_file)]
    if order.connection_password:
        found.append("--ask-pass")
    return shlex.join(found)
