# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The records of a run as one document: docs/records.md, `schemas/report.schema.json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from ..reading import items, section, shown
from ..record import READY, STATES, run_of
from . import causes as reasons
from . import places, shortened, support
from .ends import ends, life

REPORT_VERSION = 1
_MOST_ROWS = 40  # PCs that get a line each


def build(records: Iterable[Mapping[str, Any]], run: Mapping[str, Any], simulated: bool) -> dict[str, Any]:
    """One document from the records of a run; hosts sorted by name, numbers in names as numbers.

    Every record must carry a verdict: the caller judges a host that left none. One simulated PC makes the report so.
    """
    every = [dict(record) for record in records]
    told = map(shortened.record, every) if len(every) > shortened.LARGE else every
    hosts = sorted(told, key=lambda record: natural(str(record["host"])))
    summary = {"total": len(hosts), **dict.fromkeys(STATES, 0)}
    for record in hosts:
        summary[record["verdict"]["state"]] += 1
    changed = [shown(one["host"]) for one in hosts if section(one, "apply").get("changed") is True]
    return {
        "schema_version": REPORT_VERSION,
        "run": dict(run),
        "simulated": simulated or any(record.get("simulated") is True for record in hosts),
        "summary": summary,
        "causes": _causes(hosts, run.get("verdicts") is not False),
        "end_of_life": ends(hosts),
        "out_of_support": support.ended(hosts, _day(run)),
        "changed": {"count": len(changed), "pcs": reasons.named(changed)},
        "hosts": hosts,
    }


def _day(run: Mapping[str, Any]) -> date:
    """The day of the run, today where it does not say."""
    try:
        return datetime.fromisoformat(str(run.get("finished_at"))).date()
    except ValueError:
        return datetime.now(UTC).date()


def _causes(hosts: Sequence[Mapping[str, Any]], verdicts: bool) -> list[dict[str, Any]]:
    """The causes, each with its PCs room by room where the inventory says rooms."""
    rooms = {shown(record["host"]): where for record in hosts if (where := places.room(record))}
    groups = reasons.causes(hosts, verdicts)
    return [{**one, "rooms": there} if (there := places.by_room(one["hosts"], rooms)) else one for one in groups]


def run(variables: Mapping[str, Any], records: Iterable[Mapping[str, Any]], controller: str) -> dict[str, Any]:
    """The section `run` but for `check`: what the playbook's variables say of it, the clock where they say nothing."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    looked = [record["looked_at"] for record in records if record.get("looked_at")]
    fields = {
        "id": run_of(variables),
        "started_at": shown(variables.get("gpuready_started_at")) or min(looked, default=now),
        "finished_at": now,
        "controller": shown(controller),
        "gpuready_version": shown(variables.get("gpuready_version")),
        "playbook": shown(variables.get("gpuready_playbook")),
    }
    return {**fields, "seconds": seconds_of(fields)}


def bad_input(document: Mapping[str, Any]) -> list[str]:
    """What is wrong with the variables of each PC, a line each: the lab's mistake even where the PC is in trouble too."""
    mistakes = []
    for record in document["hosts"]:
        if record["verdict"]["code"] == "BAD_INPUT":
            said = [record["verdict"]["cause"]]
        else:
            said = [one.get("message") for one in items(record["troubles"]) if one.get("code") == "BAD_INPUT"]
        mistakes += [f"{shown(record['host'])}: {shown(one)}" for one in said]
    return mistakes


def not_ready(document: Mapping[str, Any]) -> list[str]:
    """The PCs of which something was asked and that are not ready; none where the run judged nobody."""
    if document["run"].get("verdicts") is False or document["run"].get("check"):
        return []
    ends = ((shown(record["host"]), record["verdict"]["state"]) for record in document["hosts"])
    return [name for name, state in ends if state not in (*READY, "SKIPPED")]


def natural(name: str) -> list[tuple[int, int, str]]:
    """pc2 before pc10."""
    parts: list[tuple[int, int, str]] = []
    word, digits = "", ""
    for character in name.lower() + "\0":
        if character.isdecimal() and len(digits) < 1000:
            if word:
                parts.append((1, 0, word))
                word = ""
            digits += character
        else:
            if digits:
                parts.append((0, int(digits), ""))
                digits = ""
            word += character
    parts.append((1, 0, word))
    return parts


def moment(value: object) -> str:
    """A moment as a person says it, or an empty string."""
    try:
        at = datetime.fromisoformat(str(value)).astimezone(UTC)
    except (ValueError, OverflowError):
        return ""
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def adapter_name(record: Mapping[str, Any]) -> str:
    """The name of the planned adapter, or of what there is, or an empty string."""
    planned = shown(section(record, "plan", "adapter").get("name"))
    if planned:
        return planned
    adapters = items(section(record, "facts").get("adapters"))
    return ", ".join(shown(adapter.get("name")) or shown(adapter.get("id")) for adapter in adapters)


def stack_name(record: Mapping[str, Any]) -> str:
    """The planned stack and where it runs, or an empty string."""
    plan = section(record, "plan")
    stack, target = shown(plan.get("stack")), shown(plan.get("target"))
    return f"{stack} ({target})" if stack and target else stack


def stack_words(record: Mapping[str, Any]) -> str:
    """The same for a person, who is told where its makers look after it no longer."""
    name, at_end = stack_name(record), life(record)
    return f"{name}, {at_end}" if name and at_end else name


def outcome(document: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """The state of a PC as this report shows it: a look or a plan judges nobody that it could look at."""
    return reasons.outcome(record, document["run"].get("verdicts") is not False)


def counts(document: Mapping[str, Any]) -> dict[str, int]:
    """PCs by outcome, those that none has left out."""
    tally = dict.fromkeys((*STATES, reasons.LOOKED_AT), 0)
    for record in document["hosts"]:
        tally[outcome(document, record)] += 1
    return {name: count for name, count in tally.items() if count}


def seconds_of(run: Mapping[str, Any]) -> float | None:
    """How long the run took, or None when its times are not known."""
    try:
        started, finished = (datetime.fromisoformat(str(run[key])) for key in ("started_at", "finished_at"))
        took = (finished - started).total_seconds()
    except (KeyError, ValueError, TypeError, OverflowError):  # TypeError: one has a time zone, the other has none
        return None
    return round(took, 1) if took >= 0 else None


def headline(document: Mapping[str, Any]) -> str:
    """One sentence: how many PCs are ready, how many are not; of a run that judges nobody, how many it looked at."""
    tally, total = counts(document), document["summary"]["total"]
    simulated = " SIMULATED" if document["simulated"] else ""
    pcs = f"of {total}{simulated} PC{'s' * (total != 1)}"
    if document["run"].get("verdicts") is False:
        looked = sum(isinstance(record.get("facts"), Mapping) for record in document["hosts"])
        begin = f"{looked} {pcs} looked at, none judged"
    else:
        slow = f" ({tally['DEGRADED']} of them DEGRADED)" if "DEGRADED" in tally else ""
        begin = f"{sum(tally.get(state, 0) for state in READY)} {pcs} ready{slow}"
    rest = [f"{count} {name}" for name, count in tally.items() if name not in (*READY, reasons.LOOKED_AT)]
    return f"{begin}; {', '.join(rest)}." if rest else f"{begin}."


def simulated_words(document: Mapping[str, Any]) -> str:
    """What a report of simulated PCs must say, or an empty string."""
    if not document["simulated"]:
        return ""
    some = sum(record.get("simulated") is True for record in document["hosts"])
    total = document["summary"]["total"]
    who = "These PCs are simulated" if some in (0, total) else f"{some} of these {total} PCs are simulated"
    return f"{who}: no real GPU was looked at{' there' if some not in (0, total) else ''}, and no real GPU trained."


def interrupted_words(document: Mapping[str, Any]) -> str:
    """What a report of a run that did not come to its end must say, or an empty string."""
    why = shown(document["run"].get("interrupted"))
    return f"This run did not come to its end: {why}. What was finished by then stands here." if why else ""


def summary_lines(document: Mapping[str, Any], more: Iterable[str] = (), width: int = 100) -> list[str]:
    """The report for a terminal: the PCs, each cause with its PCs and next step, `more`, and the counts last."""
    run = document["run"]
    lines = [words for words in (interrupted_words(document), simulated_words(document)) if words]
    if run.get("check"):
        lines.append("This was a check: nothing was changed, nothing was trained.")
    lines += _rows(document, width) if len(document["hosts"]) <= _MOST_ROWS else _groups(document)
    lines += reasons.lines(document["causes"])
    changed, took = document["changed"], run.get("seconds")
    which = f"{changed['count']} ({changed['pcs']})" if changed["count"] > 1 else changed["pcs"] or "nothing"
    done = f"{'Would change' if run.get('check') else 'Changed'}: {which}."
    lines.append(f"{done} Took {took:.1f} s." if isinstance(took, int | float) else done)
    if words := shown(section(document, "since").get("words")):
        lines.append(words)
    return [*lines, *more, headline(document)]


def _rows(document: Mapping[str, Any], width: int) -> list[str]:
    """A line a PC."""
    hosts = document["hosts"]
    names = max((len(shown(record["host"])) for record in hosts), default=0)
    return [
        f"{outcome(document, record):<11}  {shown(record['host']):<{names}}  "
        f"{shown(record['verdict']['code'])}  {stack_name(record)}  {adapter_name(record)}".rstrip()[:width]
        for record in hosts
    ]


def _groups(document: Mapping[str, Any]) -> list[str]:
    """A line an outcome, for a lab whose PCs would fill the screen."""
    by_outcome: dict[str, list[str]] = {name: [] for name in counts(document)}
    for record in document["hosts"]:
        by_outcome[outcome(document, record)].append(shown(record["host"]))
    return [f"{name:<11}  {len(hosts)}: {reasons.named(hosts)}" for name, hosts in by_outcome.items()]
