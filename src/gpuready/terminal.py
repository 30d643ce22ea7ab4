"""Results for a person at a terminal, readable at 80 columns."""

from __future__ import annotations

import sys

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from gpuready.plain import clean, to_json
from gpuready.progress import STYLES
from gpuready.results import Facts, HostResult, LabResult, Plan, Rejected, State

_TARGETS = {"windows": "native Windows", "wsl": "WSL 2", "linux": "Linux"}
_STEPS = {
    "wsl": "WSL 2",
    "gpu_driver": "driver",
    "cuda": "CUDA toolkit",
    "python_environment": "build",
    "verify": "train",
}
_WIDE = 10_000  # columns
_ENDED, _MARK = ("frozen", "discontinued"), "*"  # lives of stacks that a person is told of
_MOST_PLANS = 3  # PCs whose whole plan is printed unasked
_MOST_ROWS = 40  # PCs of which each gets a row unasked


def show(
    result: LabResult, *, as_json: bool = False, only_host: bool = False, verbose: bool = False, short: bool = False
) -> int:
    """Print a result (JSON, or for a person) to standard output and give its exit code."""
    if as_json:
        document = result.document["hosts"][0] if only_host else result.document
        sys.stdout.write(to_json(document, indent=1) + "\n")
    else:
        # What reads a pipe wants a line a line: only a terminal has a width.
        summary(Console(width=None if sys.stdout.isatty() else _WIDE), result, verbose=verbose, short=short)
    return result.exit_code


def summary(console: Console, result: LabResult, *, verbose: bool = False, short: bool = False) -> None:
    """A table of the PCs, then what keeps them, each cause with its PCs and the next step. Plans come in full.

    Of a big lab the table is the report's; here are the causes, and the counts last. `short`: no plan in full.
    """
    in_full = not short and (verbose or len(result.hosts) <= _MOST_PLANS)
    if result.action in ("plan", "explain"):
        for host in result.hosts if in_full else ():
            plan(console, host)
    _notes(console, result)
    if result.action != "explain":
        if verbose or len(result.hosts) <= _MOST_ROWS:
            table = _table(result)
            needed = Measurement.get(console, console.options.update(max_width=_WIDE), table).minimum
            if needed <= console.width:
                console.print(table)
            else:
                _list(console, result)
            console.print()
        _lives(console, result, told=result.action == "plan" and in_full)
        _causes(console, result)
    _end(console, result)


def _causes(console: Console, result: LabResult) -> None:
    """Each cause once. A PC whose whole plan was printed, or stands in the table, is not told of once more."""
    untold = {host.host for host in result.hosts if _tell(result, host)}
    for group in result.report.causes:
        if not untold & set(group.hosts):
            continue
        count = f"{group.count} PC{'s' * (group.count != 1)}"
        console.print(f"[bold]{_shown(group.pcs)}[/] ({count}, {_shown(group.state)} {_shown(group.code)})")
        for one in group.causes:
            console.print(
                f"  {_shown(one.pcs)}: {_shown(one.cause)}" if len(group.causes) > 1 else f"  {_shown(one.cause)}"
            )
        if group.next_step:
            console.print(f"  next: {_shown(group.next_step)}")


def _shown(text: object) -> str:
    """Text as it stands: no markup, and no control characters, for it may be of a file that came by mail."""
    return escape(clean(text))


def plan(console: Console, host: HostResult) -> None:
    """What a PC has and what would become of it: target, stack, reasons, what was rejected, blockers."""
    console.print(f"\n[bold underline]{_shown(host.host)}[/]" + (" (simulated)" if host.simulated else ""))
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column()
    for name, text in _facts(host):
        rows.add_row(name, _shown(text))
    if host.plan:
        for name, text in _plan(host.plan):
            rows.add_row(name, _shown(text))
    else:
        rows.add_row("plan", "none: the PC could not be looked at")
    for trouble in host.troubles:
        rows.add_row("trouble", _shown(f"{trouble.code}: {trouble.message}"))
    console.print(rows)


def _size(memory: int) -> str:
    return f"{memory / 1024**3:.0f} GB" if memory >= 1024**3 else f"{memory / 1024**2:.0f} MB"


def _facts(host: HostResult) -> list[tuple[str, str]]:
    facts = host.facts
    if facts is None:
        return []
    rows = [("system", " ".join(str(facts.os[key]) for key in ("name", "build", "architecture") if facts.os.get(key)))]
    for adapter in facts.adapters or ():
        memory = f", {_size(adapter.memory_bytes)}" if adapter.memory_bytes else ""
        driver = adapter.driver or {}
        version = driver.get("vendor_version") or driver.get("version")
        about = f", driver {version}" if version else ""
        rows.append((f"GPU {adapter.index}", f"{adapter.name or adapter.id} ({adapter.status}){memory}{about}"))
    if not facts.adapters:
        rows.append(("GPU", _no_adapter(facts)))
    rows += [("ignored", f"{one.get('name')}: {one.get('reason')}") for one in facts.ignored_adapters]
    rows += [("not known", f"{one.get('piece')}: {one.get('code')}: {one.get('message')}") for one in facts.problems]
    return rows


def _plan(planned: Plan) -> list[tuple[str, str]]:
    rows = []
    if planned.stack:
        where = _TARGETS.get(planned.target or "", planned.target or "?")
        variant = f", {planned.variant}" if planned.variant not in (None, "default") else ""
        rows.append(("stack", f"{planned.stack} on {where}{variant}"))
    else:
        rows.append(("stack", "none"))
    if planned.adapter:
        rows.append(("trains on", str(planned.adapter.get("name") or planned.adapter.get("id"))))
    rows += [("why", reason) for reason in planned.reasons]
    rows.append(("to do", _to_do(planned)))
    for blocker in planned.blockers:
        rows += [("blocked", f"{blocker.code}: {blocker.cause}"), ("  next", blocker.next_step)]
    rows += [("warning", warning) for warning in planned.warnings]
    rows += _rejected(planned.rejected)
    return rows


def _rejected(rejected: list[Rejected]) -> list[tuple[str, str]]:
    """Those with the same reasons on one line: a Linux host has no WSL for any of them."""
    grouped: dict[tuple[str, ...], list[str]] = {}
    for one in rejected:
        where = _TARGETS.get(one.target or "", one.target or "?")
        grouped.setdefault(tuple(one.reasons), []).append(f"{one.stack} on {where}")
    rows = []
    for reasons, names in grouped.items():
        places = {name.partition(" on ")[2] for name in names}
        if len(places) == 1 and len(names) > 1:
            names = [f"{', '.join(name.partition(' on ')[0] for name in names)} on {places.pop()}"]
        rows.append(("not", f"{', '.join(names)}: {'; '.join(reasons)}"))
    return rows


def _notes(console: Console, result: LabResult) -> None:
    if result.report.simulated or any(host.simulated for host in result.hosts):
        console.print("\n[yellow]Simulated PCs: no real GPU was looked at, and no real GPU trained.[/]")
    if result.run.interrupted:
        console.print(f"\n[bold red]This run did not come to its end: {_shown(result.run.interrupted)}.[/]")
    if result.run.check:
        console.print("\n[yellow]A check: nothing was changed, nothing was trained.[/]")


def _lives(console: Console, result: LabResult, *, told: bool) -> None:
    """Once for each stack that its makers look after no longer: what that costs, and what is maintained instead."""
    said: dict[str, list[str]] = {}
    for host in () if told or result.action not in ("plan", "provision") else result.hosts:
        if host.plan and host.plan.life in _ENDED:
            start = f"{host.plan.stack} is {host.plan.life}"
            said.setdefault(next((one for one in host.plan.warnings if one.startswith(start)), start), []).append(
                host.host
            )
    for text, names in said.items():
        console.print(f"[yellow]{_MARK}[/] {len(names)} PC{'s' * (len(names) != 1)}: {_shown(text)}")


def _stack(planned: Plan | None) -> str:
    """The planned stack, with a mark where a line below the table says more."""
    name = _shown(planned.stack or "") if planned else ""
    return f"{name} {_MARK}" if planned and name and planned.life in _ENDED else name


def _to_do(planned: Plan) -> str:
    return ", ".join(_STEPS.get(step.name, step.name) for step in planned.steps if step.needed) or "nothing"


def _rows(result: LabResult, host: HostResult) -> list[list[str]]:
    return {"facts": _facts_rows, "plan": _plan_row}.get(result.action, _verdict_row)(host)


def _list(console: Console, result: LabResult) -> None:
    """The rows of the table where there is no room for it: each PC's name by itself, whole, and below what is of it."""
    for host in result.hosts:
        console.print(f"[bold]{_shown(host.host)}[/]", soft_wrap=True, highlight=False)
        for cells in _rows(result, host):
            for cell in filter(None, cells):
                for line in cell.splitlines():
                    console.print(f"  {line}", soft_wrap=True, highlight=False)


def _table(result: LabResult) -> Table:
    """Names and words stay on one line each."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False, collapse_padding=True)
    for name in _COLUMNS.get(result.action, _COLUMNS["provision"]):
        table.add_column(name, overflow="fold", no_wrap=name in _WHOLE)
    for host in result.hosts:
        for number, cells in enumerate(_rows(result, host)):
            table.add_row("" if number else _shown(host.host), *cells)
    return table


_COLUMNS = {
    "facts": ("PC", "system", "GPU", "driver", "state"),
    "plan": ("PC", "stack", "on", "to do"),
    "provision": ("PC", "verdict", "stack", "code"),
}
_WHOLE = ("PC", "verdict", "stack", "on", "driver", "state")


def _facts_rows(host: HostResult) -> list[list[str]]:
    """A row a GPU."""
    if host.facts is None:
        return [[_styled(host), "", "", _shown(host.verdict.code)]]
    system = _shown(str(host.facts.os.get("name") or host.facts.os.get("family") or "").removeprefix("Microsoft "))
    rows: list[list[str]] = []
    for one in host.facts.adapters or ():
        driver = (one.driver or {}).get("vendor_version") or (one.driver or {}).get("version") or ""
        rows.append(["" if rows else system, _shown(one.name or one.id), _shown(driver), _shown(one.status)])
    return rows or [[system, _no_adapter(host.facts), "", ""]]


def _no_adapter(facts: Facts) -> str:
    return "not known" if facts.adapters is None else "none"


def _plan_row(host: HostResult) -> list[list[str]]:
    if host.plan is None:
        return [[_styled(host), "", _shown(host.verdict.code)]]
    to_do = "\n".join(_shown(one.code) for one in host.plan.blockers) or _shown(_to_do(host.plan))
    return [[_stack(host.plan) or "none", _shown(host.plan.target or ""), to_do]]


def _verdict_row(host: HostResult) -> list[list[str]]:
    return [[_styled(host), _stack(host.plan), _shown(host.verdict.code)]]


def _styled(host: HostResult) -> str:
    state = host.verdict.state.value
    return f"[{STYLES[state]}]{state}[/]"


def _tell(result: LabResult, host: HostResult) -> bool:
    """Whether the next step says more than the run itself: not that a PC that was only looked at is not trained."""
    if result.action == "facts":
        return host.facts is None
    if result.action in ("plan", "explain"):
        return host.plan is None
    if result.action == "remove":
        return host.facts is None or bool(host.troubles)
    return host.verdict.state is not State.SKIPPED


def _end(console: Console, result: LabResult) -> None:
    if result.path:
        console.print(f"Report: {_shown(result.path.with_name('report.html'))}", soft_wrap=True, highlight=False)
    if result.report.since:
        console.print(_shown(result.report.since.words))
    changed = result.report.changed
    words = []
    if result.action in ("provision", "verify", "remove"):
        which = f"{changed.count} ({changed.pcs})" if changed.count > 1 else changed.pcs or "nothing"
        words.append(f"{'Would change' if result.run.check else 'Changed'}: {which}.")
    if result.run.seconds is not None and result.action != "explain":
        words.append(f"Took {result.run.seconds:.1f} s.")
    if result.action == "plan" and len(result.hosts) > _MOST_PLANS:
        words.append("Reasons: --limit PC, -v, or the report.")
    if result.action in _JUDGING:
        words.append(f"{len(result.ready)} of {len(result.hosts)} ready{_rest(result)}.")
    elif result.action != "explain":
        words.append(f"{sum(host.facts is not None for host in result.hosts)} of {len(result.hosts)} looked at.")
    if words:
        console.print(_shown(" ".join(words)))


def _rest(result: LabResult) -> str:
    states = [host.verdict.state.value for host in result.hosts if not host.ready]
    counts = [f"{states.count(state)} {state}" for state in STYLES if state in states]
    return f"; {', '.join(counts)}" if counts else ""


_JUDGING = ("provision", "verify", "report")
