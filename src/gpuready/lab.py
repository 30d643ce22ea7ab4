"""A lab of PCs, and what can be done with it."""

from __future__ import annotations

import errno
import json
import signal
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypedDict, Unpack

from gpuready import contract, estimate, events, hiding, inventory, newest, playbooks, project, rescue, results, watch
from gpuready import wishes as wishing
from gpuready.errors import GpureadyError, Interrupted

OnEvent = Callable[[events.Event], None]


class Options(TypedDict, total=False):
    """What every run takes.

    `on_event` is called with each event of progress, in the caller's thread. `lab_dir` is the folder of the lab, with
    its runs and its state (reports of the project, or where an installed gpuready is called); "" keeps no state.
    `report_dir` is the folder of this run's report (one of its own among the lab's runs). `check` changes nothing.
    `redact` leaves out of the run's report and of saved evidence what is of people (docs/reports.md). `verbosity` is
    Ansible's, 0 to 6.

    `only` takes, of the PCs within the limit, those whose newest verdict in the lab's state is one of these words
    (failed, unknown, unreachable, stale, degraded, ready, new); `resume` those that the last run was stopped before.
    Both raise NothingToDoError where there are none.
    """

    on_event: OnEvent | None
    report_dir: Path | str | None
    lab_dir: Path | str | None
    check: bool
    redact: bool
    verbosity: int
    only: Sequence[str] | None
    resume: bool


# Variables of the playbooks that this module sets itself -> what sets them.
_OURS = {
    "gpuready_run_id": "every run gets its own",
    "gpuready_started_at": "the clock sets it",
    "gpuready_version": "the installed version is it",
    "gpuready_playbook": "the action is it",
    "gpuready_report_dir": "report_dir= or --report sets it",
    "gpuready_lab_dir": "lab_dir= or --lab-dir sets it",
    "gpuready_verdicts": "the action says whether it judges",
    "gpuready_evidence_dir": "save= or `gpuready facts --save` sets it",
    "gpuready_evidence_file": "gpuready explain sets it",
    "gpuready_remove": "gpuready remove STACK or --all sets it",
}
_EVERYTHING = "all"


class Lab:
    """The PCs of an inventory.

    `inventory` is a file, a folder, hosts with a comma (`"pc1,pc2,"`) or several of these; None is this machine alone.
    `limit` and `forks` are Ansible's. `wishes` by short name (`{"stack": "cuda", "experience": "student"}`) and
    `extra_vars` come before the inventory's variables. Passwords are given to Ansible and kept nowhere.

    Every method runs a playbook to its end and gives the report, typed. It raises GpureadyError, in one line, when the
    run could not be started or gave no report, and Interrupted when it was stopped. One run at a time.
    """

    def __init__(
        self,
        inventory: Path | str | Sequence[Path | str] | None = None,
        *,
        limit: str | None = None,
        forks: int | None = None,
        wishes: Mapping[str, Any] | None = None,
        extra_vars: Mapping[str, Any] | None = None,
        vault_password_file: Path | str | None = None,
        connection_password: str | None = None,
    ) -> None:
        self._root = project.root()
        sources = [inventory] if isinstance(inventory, Path | str) else inventory or []
        if not isinstance(sources, Sequence) or not all(isinstance(source, Path | str) for source in sources):
            raise GpureadyError(
                f"inventory: {inventory!r} is not a file, a folder, hosts with a comma, or a list of these"
            )
        self._sources: list[Path | str] = list(sources) or [self._root / "inventories/local"]
        if forks is not None and (not isinstance(forks, int) or forks < 1):
            raise GpureadyError(f"forks: {forks!r} is not a number from 1")
        if limit is not None and not limit.strip():
            raise GpureadyError("limit: it is empty: name PCs or groups, or leave it out for all")
        self._limit, self._forks, self._password = limit, forks, connection_password
        self._vault = Path(vault_password_file).expanduser().absolute() if vault_password_file else None
        if self._vault and not self._vault.is_file():
            raise GpureadyError(f"{vault_password_file}: there is no such vault password file: name one")
        self._extra = {name: _variable(name, value) for name, value in dict(extra_vars or {}).items()}
        self._wishes = dict(wishes or {})
        for name, value in self._wishes.items():
            if isinstance(value, str) and not value.strip():
                raise GpureadyError(f"{name}: the wish is empty: give a value, or leave it out")
        self._stop = playbooks.Stop()

    def facts(self, *, save: Path | str | None = None, **options: Unpack[Options]) -> results.LabResult:
        """Look at every PC. `save` is a folder that gets each PC's raw evidence, one file a PC."""
        if save is None:
            return self._run("facts", {}, options)
        with _folder(save, "the folder for the evidence") as folder:
            return self._run("facts", {"gpuready_evidence_dir": str(folder)}, options)

    def plan(self, **options: Unpack[Options]) -> results.LabResult:
        """Look, and say what would become of every PC. Changes nothing."""
        return self._run("plan", {}, options)

    def provision(self, *, cluster: str | None = None, **options: Unpack[Options]) -> results.LabResult:
        """Look, plan, build each PC's environment, train, judge. With `check` nothing is changed.

        `cluster` is the address of a Dask scheduler whose workers share the PCs (docs/cluster.md).
        """
        return self._run("provision", {}, options, cluster)

    def verify(self, **options: Unpack[Options]) -> results.LabResult:
        """Look, plan, train on what is installed, judge. Installs nothing."""
        return self._run("verify", {}, options)

    def report(self, **options: Unpack[Options]) -> results.LabResult:
        """Judge every PC by what it is now and by its last pass. Trains nothing."""
        return self._run("report", {}, options)

    def remove(self, stack: str | None = None, **options: Unpack[Options]) -> results.LabResult:
        """Take a stack away from every PC, or without one everything that gpuready brought there.

        Raises GpureadyError, besides what every run does, for a name that no stack has.
        """
        if stack is not None and (not stack.strip() or stack == _EVERYTHING):
            raise GpureadyError(f"remove: {stack!r} is no stack: name one, or leave it out for everything")
        known = self._stacks().names
        if stack is not None and stack not in known:  # one that a lab had once is for the playbook to take away
            guess = wishing.meant(stack, known) or f": the stacks are {', '.join(known)}"
            raise GpureadyError(
                f"remove: there is no stack {stack!r}{guess}"
                f" (one of an older lab: ansible-playbook -i INVENTORY playbooks/remove.yml -e gpuready_remove={stack})"
            )
        return self._run("remove", {"gpuready_remove": stack or _EVERYTHING}, options)

    def cancel(self) -> None:
        """Stop the run that goes on in another thread; it raises Interrupted there."""
        self._stop.request()

    def _run(
        self, action: str, more: Mapping[str, Any], options: Options, cluster: str | None = None
    ) -> results.LabResult:
        """Check what can be checked, run the playbook, read its report, which must be of this run."""
        for name in options:
            if name not in Options.__annotations__:
                raise TypeError(f"Lab.{action}() takes no option {name!r}: limit and forks are the lab's")
        playbook = project.playbook(self._root, action)
        stacks = self._stacks()
        known = contract.load(self._root)
        asked = wishing.variables(self._wishes, known, stacks)
        problems = wishing.check(self._extra, known, stacks)
        if problems:
            raise GpureadyError(problems[0])
        sources = tuple(inventory.resolve(source) for source in self._sources)
        hosts = inventory.hosts(
            sources,
            self._root,
            limit=self._limit,
            vault_password_file=self._vault,
            stacks=stacks,
            extra_vars=self._extra | dict(more),
        )
        keep = options.get("lab_dir")
        lab_dir = project.reports(self._root) if keep is None else Path(keep).expanduser().absolute() if keep else None
        limit, names = self._limit, list(hosts)
        if options.get("resume"):
            names = newest.rest(lab_dir, sources, names)
        elif (words := options.get("only")) is not None:
            names = newest.only(lab_dir, sources, names, words)
        if len(names) < len(hosts):
            limit, hosts = ",".join(names), {name: hosts[name] for name in names}
        run_id, now = str(uuid.uuid4()), datetime.now(UTC)
        wanted = options.get("report_dir")
        if not wanted:
            wanted = (lab_dir or project.reports(self._root)) / "runs" / f"{now:%Y%m%dT%H%M%SZ}-{action}-{run_id[:8]}"
        with _folder(wanted, "the folder for the report") as directory:
            order = playbooks.Order(
                playbook=playbook,
                inventory=sources,
                extra_vars={
                    **self._extra,
                    **asked,
                    **more,
                    "gpuready_run_id": run_id,
                    "gpuready_started_at": now.isoformat(timespec="seconds"),
                    "gpuready_version": project.version(),
                    "gpuready_playbook": action,
                    "gpuready_report_dir": str(directory),
                    "gpuready_lab_dir": str(lab_dir or ""),
                    "gpuready_verdicts": action not in ("facts", "plan", "explain"),
                    **({"gpuready_redact": True} if options.get("redact") else {}),
                },
                limit=limit,
                forks=self._forks,
                check=options.get("check", False),
                verbosity=options.get("verbosity", 0),
                vault_password_file=self._vault,
                connection_password=self._password,
            )
            listener = options.get("on_event") or (lambda event: None)
            hider = hiding.Hider(known, hosts.values(), self._password)

            def on_event(event: events.Event) -> None:
                listener(hider.event(event))

            pace = events.Pace() if order.check else estimate.pace(lab_dir, hosts.values(), self._extra)
            on_event(events.RunStarted(run_id, action, tuple(names), pace))
            with _signals(self._stop):
                outcome = self._execute(order, hosts, on_event, cluster, hider)
                outcome.complaint = hider.text(outcome.complaint)
                return self._conclude(order, outcome, names, on_event)

    def _stacks(self) -> project.Stacks:
        """The stacks that there are; none when they cannot be told here, and the collection alone checks."""
        folders = self._extra.get("gpuready_stack_dirs") or []
        known = project.stacks(self._root)
        if not known.names or not isinstance(folders, list) or not all(Path(str(f)).is_absolute() for f in folders):
            return project.UNKNOWN  # relative ones start at the inventory, which the collection knows
        return project.stacks(self._root, (Path(str(folder)) for folder in folders))

    def _execute(
        self,
        order: playbooks.Order,
        hosts: Mapping[str, Mapping[str, Any]],
        on_event: OnEvent,
        cluster: str | None,
        hider: hiding.Hider,
    ) -> playbooks.Outcome:
        started = time.monotonic()
        self._stop.clear()
        seen = watch.Watch(watch.patience(hosts.values()))
        if cluster is None:
            take = playbooks.listener(order, self._stop, on_event)
            outcome = playbooks.execute(order, self._root, take, self._stop, seen)
        else:
            from gpuready import cluster as shards  # what it needs is an extra

            outcome = shards.execute(cluster, order, self._root, hosts, on_event, self._stop, seen, hider)
        try:
            on_event(events.RunFinished(str(order.extra_vars["gpuready_run_id"]), round(time.monotonic() - started, 1)))
        except Exception as error:
            outcome.error = outcome.error or error
        return outcome

    def _conclude(
        self, order: playbooks.Order, outcome: playbooks.Outcome, names: Sequence[str], on_event: OnEvent
    ) -> results.LabResult:
        """The result of a run that ended, in whatever way: its report, or one of what was finished by then."""
        seen, run_id, action = outcome.watch, str(order.extra_vars["gpuready_run_id"]), order.playbook.stem
        stopped = self._stop.requested and outcome.rc != 0
        place = Path(order.extra_vars["gpuready_report_dir"]) / "report.json"
        result, whole, note = None, True, ""
        try:
            result = results.load(place, run_id, action)
        except GpureadyError as error:
            missing = f"{error} (Ansible ended with code {outcome.rc})"
        elsewhere = seen.report is not None and seen.report != place  # the folder could not be written
        if result is None and not elsewhere and (seen.records or seen.ended):
            whole = seen.ended.issuperset(names)  # on other controllers; the report is ours to write
            self._stop.clear()  # asked once more, it ends this too
            why = "" if whole else "the run was stopped" if stopped else _why(outcome)
            if outcome.error is None and why:
                with suppress(OSError):
                    on_event(events.Output(f"{why}: writing the report of what was finished"))
            try:
                wrote = rescue.report(order, self._root, seen, names, self._stop, why=why, lost=not stopped)
                result = results.load(wrote, run_id, action)
            except GpureadyError as error:
                note = str(error)
        if outcome.error is not None:
            raise outcome.error
        if stopped:
            done = {name: _state(seen.records.get(name)) for name in names if seen.finished(name)}
            rest = [name for name in names if name not in done]
            raise Interrupted(done, rest, result.path if result else None, whole=whole, note=note)
        if result is None:
            raise GpureadyError(note or outcome.complaint or outcome.given_up or missing)
        return result


def _state(record: Mapping[str, Any] | None) -> str:
    return str(((record or {}).get("verdict") or {}).get("state") or results.State.UNKNOWN)


def _why(outcome: playbooks.Outcome) -> str:
    """What ended a run that gave no report, as the beginning of a sentence."""
    if outcome.given_up:
        return outcome.given_up
    if outcome.rc > 128:
        return f"Ansible was killed by signal {outcome.rc - 128} (is memory short?)"
    return outcome.complaint or f"Ansible ended with code {outcome.rc} and no report"


def explain(
    evidence: Path | str,
    *,
    wishes: Mapping[str, Any] | None = None,
    extra_vars: Mapping[str, Any] | None = None,
    save: Path | str | None = None,
    **options: Unpack[Options],
) -> results.LabResult:
    """Facts and plan from a saved evidence file, without reaching any PC. Without `report_dir` no report is kept.

    `save` is a folder that gets the evidence once more, with `redact` without what is of people.
    """
    path = Path(evidence).expanduser().absolute()
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise GpureadyError(
            f"{evidence}: cannot be read: {error.strerror}: name a file of `gpuready facts --save`, or a code"
        ) from None
    lab = Lab("localhost,", wishes=wishes, extra_vars=extra_vars)
    more = {"gpuready_evidence_file": str(path), "ansible_connection": "local"}
    options["lab_dir"] = ""  # a file is no PC of the lab
    if save is not None:
        with _folder(save, "the folder for the evidence") as kept:
            return _explained(lab, {**more, "gpuready_evidence_dir": str(kept)}, options)
    return _explained(lab, more, options)


def _explained(lab: Lab, more: Mapping[str, Any], options: Options) -> results.LabResult:
    if options.get("report_dir"):
        return lab._run("explain", more, options)
    with tempfile.TemporaryDirectory(prefix="gpuready-") as temporary:
        options["report_dir"] = temporary
        result = lab._run("explain", more, options)
    result.path = None
    return result


_WAYS_OUT: Mapping[int | None, str] = {
    errno.EEXIST: "this is a file: name a folder",
    errno.ENOTDIR: "a file is part of that path: name another folder",
    errno.ENOSPC: "free space or name another folder",
    errno.EDQUOT: "free space or name another folder",
    errno.EACCES: "you have no right to write there: name another folder",
    errno.EROFS: "nothing can be written there: name another folder",
}


@contextmanager
def _folder(folder: Path | str, what: str) -> Iterator[Path]:
    """An absolute folder, made if need be. That it can be written is found out now and not after an hour.

    What was made here and is still empty after a failure is taken away again.
    """
    path = Path(folder).expanduser().absolute()
    made = [one for one in (path, *path.parents) if not one.exists()]
    try:
        try:
            path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path) as probe:
                probe.write(b"\0" * 65536)  # a full disk shows now
                probe.flush()
        except OSError as error:
            reason = f"{what} cannot be written: {error.strerror}"
            raise GpureadyError(f"{folder}: {reason}: {_WAYS_OUT.get(error.errno, 'name another folder')}") from None
        yield path
    except BaseException:
        with suppress(OSError):
            for one in made:
                one.rmdir()
        raise


@contextmanager
def _signals(stop: playbooks.Stop) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP (the terminal is gone) stop the run in order. Only the main thread can.

    Ctrl-C twice kills; a closed terminal often says so twice, and that is no hurry.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:  # nohup
        numbers.append(hangup)
    before = {
        number: signal.signal(number, lambda got, _: stop.request(patient=got != signal.SIGINT)) for number in numbers
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _variable(name: object, value: object) -> Any:
    """A variable as Ansible can be given it. Raises GpureadyError for what is no variable or cannot be given."""
    if not isinstance(name, str) or not name.isidentifier():
        raise GpureadyError(f"extra_vars: {name!r} is no name of a variable")
    if name in _OURS:
        raise GpureadyError(f"{name} cannot be given as a variable: {_OURS[name]}")

    def text(other: object) -> str:
        if isinstance(other, Path):
            return str(other)
        if isinstance(other, date):
            return other.isoformat()
        raise TypeError(type(other).__name__)

    try:
        return json.loads(json.dumps(value, default=text))
    except (TypeError, ValueError, RecursionError) as error:
        raise GpureadyError(f"extra_vars: {name}: Ansible cannot be given this: {error}") from None
