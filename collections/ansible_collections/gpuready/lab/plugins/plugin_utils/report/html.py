# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report as one self-contained HTML page: readable without scripts, filtered and sorted with them.

Everything that comes from a PC or an inventory is escaped and isolated: a host name may be hostile.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from ..reading import section, shown
from ..record import STATES
from ..remedies.page import NAME as CODES
from . import details as report_details
from . import document as report
from . import places, trend
from . import since as since_last
from .causes import LOOKED_AT, named
from .ends import life

MEANINGS = {
    "READY": "trained on the planned GPU, every check passed",
    "DEGRADED": "trains on the GPU, but slower than it must, or than its equals",
    "NOT_READY": "a known cause, with the next step",
    "UNKNOWN": "evidence is missing or contradicts itself",
    "UNREACHABLE": "the PC could not be had",
    "STALE": "passed, but something has changed since",
    "SKIPPED": "nothing was asked of it",
    LOOKED_AT: "it was looked at; this run judges nobody",
}
_NEED = ("NOT_READY", "UNKNOWN", "UNREACHABLE", "STALE", "DEGRADED", "SKIPPED", LOOKED_AT, "READY")
_COLUMNS = (
    ("host", "PC"),
    ("state", "Verdict"),
    ("stack", "Stack"),
    ("adapter", "GPU"),
    ("next", "Cause and next step"),
)
_MANY = 20  # PCs; with more, paper has the details of those alone that are open, and each next step once
_PAPER = '<p class="paper">On paper stand the details of the PCs that were open on the page.</p>'
_JUDGED = ("judged", "Judged")  # in the state of a lab: each PC by a run of its own
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)


@functools.cache
def asset(name: str) -> str:
    """Style or script of the page, a file beside this one; inline, so that the page is one file that can be mailed."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def page(document: Mapping[str, Any]) -> str:
    """The whole page."""
    run, where, plans = document["run"], _places(document), _shared(document)
    columns = _columns(document, where)
    ends = {host: f"end{number}" for number, one in enumerate(document["end_of_life"]) for host in one["hosts"]}
    title = "GPU readiness" + (" (simulated)" if document["simulated"] else "")
    about = "Every PC of the lab, its newest verdict" if "lab" in document else "Every PC of this run, its verdict"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{asset("page.css")}</style>
</head>
<body{' class="many"' if len(document["hosts"]) > _MANY else ""}>
<a class="skip" href="#pcs">Skip to the PCs</a>
<header>
<h1>{title}</h1>
<p class="headline">{escape(_headline(document))}</p>
<p class="when">{escape(_when(run))}</p>
</header>
<main>
{_banners(document)}
{_counts(document)}
{trend.picture(document.get("trend", ()))}
{_since(document)}
{_causes(document)}
{_ends(document)}
<section aria-labelledby="pcs">
<h2 id="pcs" tabindex="-1">PCs</h2>
{_filters(document, where)}
<div class="scroll">
<table id="table" role="table">
<caption>{about} and what to do next</caption>
<thead role="rowgroup"><tr role="row">{"".join(f'<th scope="col" role="columnheader" data-sort="{key}">{name}</th>' for key, name in columns)}</tr></thead>
<tbody role="rowgroup">
{"".join(_row(document, number, record, ends, where) for number, record in _by_need(document))}
</tbody>
</table>
</div>
<p id="none" hidden>No PC fits the filter.</p>
</section>
<section aria-labelledby="details">
<h2 id="details">Details</h2>
<p id="all" hidden><button type="button" id="open">Open all</button> <button type="button" id="close">Close all</button></p>
{_PAPER if len(document["hosts"]) > _MANY else ""}
{_details(document, plans.values())}
</section>
{_plans(plans)}
</main>
<footer><p>gpuready {escape(shown(run.get("gpuready_version")))} · {escape(shown(run.get("playbook")) or "report")} ·
run {escape(shown(run.get("id")))} · controller <bdi>{escape(shown(run.get("controller")))}</bdi></p>
<p>What each code means: <a href="{CODES}">{CODES}</a></p></footer>
<script>{asset("page.js")}</script>
</body>
</html>
"""


def _columns(document: Mapping[str, Any], where: Places) -> tuple[tuple[str, str], ...]:
    place = (("place", "Room" if where.rooms else "Group"),) if where.known else ()
    judged = (_JUDGED,) if "lab" in document else ()
    return (_COLUMNS[0], *place, *_COLUMNS[1:-1], *judged, _COLUMNS[-1])


@dataclass(frozen=True)
class Places:
    """The rooms and the groups by which the PCs of a report are told apart."""

    rooms: tuple[str, ...]
    groups: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Whether there are any."""
        return bool(self.rooms or self.groups)


def _places(document: Mapping[str, Any]) -> Places:
    rooms = {where for record in document["hosts"] if (where := places.room(record))}
    return Places(tuple(sorted(rooms, key=report.natural)), tuple(places.telling(document["hosts"])))


def _headline(document: Mapping[str, Any]) -> str:
    sentence = report.headline(document)
    for state in STATES:
        sentence = sentence.replace(f" {state}", f" {_words(state)}")
    return sentence


def _when(run: Mapping[str, Any]) -> str:
    took = run.get("seconds")
    known = isinstance(took, int | float) and not isinstance(took, bool)
    lasted = f", took {_duration(float(took))}" if known and took is not None else ""
    return f"{report.moment(run.get('finished_at')) or 'Time not known'}{lasted}"


def _age(then: object, now: object) -> str:
    """How much older one moment is than another, in the largest unit that fits; empty for less than an hour."""
    try:
        hours = (datetime.fromisoformat(str(now)) - datetime.fromisoformat(str(then))).total_seconds() / 3600
    except (ValueError, TypeError, OverflowError):
        return ""
    count, unit = (int(hours // 24), "day") if hours >= 24 else (int(hours), "hour")
    return f"{count} {unit}{'s' * (count != 1)} before" if count > 0 else ""


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def _banners(document: Mapping[str, Any]) -> str:
    banners = ""
    if words := report.interrupted_words(document):
        banners += f'<p class="banner"><strong>Interrupted.</strong> {escape(words)}</p>'
    if document["simulated"]:
        banners += f'<p class="banner"><strong>Simulated.</strong> {escape(report.simulated_words(document))}</p>'
    if document["run"].get("check"):
        words = "Nothing was changed and nothing was trained in this run."
        banners += f'<p class="banner"><strong>Check.</strong> {words}</p>'
    if document["run"].get("verdicts") is False:
        words = "A look or a plan gives no verdict of readiness; the state of the lab is as it was before."
        banners += f'<p class="banner"><strong>No verdict.</strong> {words}</p>'
    return banners


def _counts(document: Mapping[str, Any]) -> str:
    entries = "".join(
        f'<li class="{state.lower()}"><b>{count}</b> <a href="#verdict={state.lower().replace("_", "-")}">{_words(state)}</a>'
        f"<small>{MEANINGS[state]}</small></li>"
        for state, count in report.counts(document).items()
    )
    return (
        f'<ul class="counts" aria-label="PCs by verdict">{entries}</ul>'
        if entries
        else "<p>This report holds no PC.</p>"
    )


def _since(document: Mapping[str, Any]) -> str:
    """What changed since the last run; nothing where there was none."""
    found = document.get("since")
    if not found:
        return ""
    if not found["groups"]:
        return f'<p class="when">{escape(found["words"])}</p>'
    at = report.moment(found["at"])
    against = ". ".join(filter(None, (f"The run of {at}" if at else "The last run", since_last.part_words(found))))
    entries = "".join(
        f"<li><p><b>{one['count']}</b> {since_last.WHAT[one['what']]}: <bdi>{escape(one['pcs'])}</bdi></p>"
        + "".join(
            f'<p class="when">{f"<bdi>{escape(change['pcs'])}</bdi>: " if len(one["changes"]) > 1 else ""}'
            f"was <bdi>{escape(change['before'])}</bdi>, is <bdi>{escape(change['after'])}</bdi></p>"
            for change in one["changes"]
        )
        + "</li>"
        for one in found["groups"]
    )
    return (
        '<section aria-labelledby="since"><h2 id="since">Since the last run</h2>'
        f'<p class="when">{escape(against)}.</p><ul>{entries}</ul></section>'
    )


def _causes(document: Mapping[str, Any]) -> str:
    """What keeps PCs from being ready, each cause once with all of its PCs."""
    entries = "".join(_cause(group) for group in document["causes"])
    title = '<h2 id="causes">What to do</h2>'
    return f'<section aria-labelledby="causes">{title}<ol class="causes">{entries}</ol></section>' if entries else ""


def _cause(group: Mapping[str, Any]) -> str:
    count, several = group["count"], len(group["causes"]) > 1
    why = "".join(
        f"<p>{f'<bdi>{escape(one["pcs"])}</bdi>: ' if several else ''}<bdi>{escape(one['cause'])}</bdi></p>"
        for one in group["causes"]
    )
    rooms = "".join(
        f"<li><b><bdi>{escape(one['room'] or 'no room')}</bdi></b> ({one['count']}): <bdi>{escape(one['pcs'])}</bdi></li>"
        for one in group.get("rooms", ())
    )
    step = group["next_step"]
    todo = f'<p class="step"><b>Next:</b> <bdi>{escape(step)}</bdi></p>' if step else ""
    return (
        f"<li><p><b>{count} PC{'s' * (count != 1)}</b> {_badge(group['state'])} <code>{escape(group['code'])}</code> "
        f"{f'</p><ul>{rooms}</ul>' if rooms else f'<bdi>{escape(group["pcs"])}</bdi></p>'}{why}{todo}</li>"
    )


def _ends(document: Mapping[str, Any]) -> str:
    """The stacks that their makers look after no longer; a PC's row leads here. And systems without updates."""
    stacks = [(f' id="end{number}" tabindex="-1"', one) for number, one in enumerate(document["end_of_life"])]
    entries = "".join(
        f"<li{attributes}><p><b>{one['count']} PC{'s' * (one['count'] != 1)}</b> "
        f"<bdi>{escape(one['pcs'])}</bdi></p><p><bdi>{escape(one['words'])}</bdi></p></li>"
        for attributes, one in [*stacks, *(("", one) for one in document["out_of_support"])]
    )
    title = '<h2 id="ends">At the end of their life</h2>'
    return f'<section aria-labelledby="ends">{title}<ul class="causes">{entries}</ul></section>' if entries else ""


def _filters(document: Mapping[str, Any], where: Places) -> str:
    states = list(report.counts(document))
    options = "".join(f'<option value="{state}">{_words(state)}</option>' for state in states)
    return (
        '<form id="filter" hidden><label>Find <input type="search" id="find" autocomplete="off"></label> '
        f'<label>Verdict <select id="state"><option value="">all</option>{options}</select></label> '
        f"{_place_filter(where)}"
        '<output id="shown" aria-live="polite"></output></form>'
    )


def _place_filter(where: Places) -> str:
    """Rooms and groups to choose from; nothing where the inventory has neither."""
    entries = "".join(
        f'<optgroup label="{title}">'
        + "".join(f'<option value="{kind}={escape(one, quote=True)}">{escape(one)}</option>' for one in found)
        + "</optgroup>"
        for title, kind, found in (("Room", "room", where.rooms), ("Group", "group", where.groups))
        if found
    )
    return (
        f'<label>Place <select id="place"><option value="">all</option>{entries}</select></label> ' if entries else ""
    )


def _place(record: Mapping[str, Any], where: Places) -> str:
    """The cell of a PC's room, its groups below."""
    room, groups = places.room(record), [one for one in places.groups(record) if one in where.groups]
    below = f"<small><bdi>{escape(', '.join(groups))}</bdi></small>" if groups else ""
    cell = _cell(room) if room or not groups else ""
    label = "Room" if where.rooms else "Group"
    return f'<td role="cell" data-label="{label}">{cell}{below}</td>'


def _fits(record: Mapping[str, Any], where: Places) -> str:
    """What a filter by place finds a row by, a line each."""
    room = places.room(record)
    lines = [f"room={room}"] * bool(room) + [f"group={one}" for one in places.groups(record) if one in where.groups]
    return f' data-place="{escape(chr(10).join(lines), quote=True)}"' if lines else ""


def _words(state: str) -> str:
    return state.replace("_", " ").lower()


def _by_need(document: Mapping[str, Any]) -> list[tuple[int, Mapping[str, Any]]]:
    """The PCs with their numbers, those that need a hand first, room by room."""

    def need(one: tuple[int, Mapping[str, Any]]) -> tuple[int, bool, list[tuple[int, int, str]]]:
        room = places.room(one[1])
        return _NEED.index(report.outcome(document, one[1])), not room, report.natural(room)

    return sorted(enumerate(document["hosts"]), key=need)


def _row(
    document: Mapping[str, Any], number: int, record: Mapping[str, Any], ends: Mapping[str, str], where: Places
) -> str:
    verdict = record["verdict"]
    state, step = report.outcome(document, record), shown(verdict.get("next_step"))
    step = "" if state == LOOKED_AT else step
    order = (*STATES, LOOKED_AT).index(state)
    judged = _judged(document, record) if "lab" in document else ""
    todo = f'<p class="step"><b>Next:</b> <bdi>{escape(step)}</bdi></p>' if step else ""
    simulated = ' <span class="tag">simulated</span>' if record.get("simulated") is True else ""
    end = f' <a class="tag" href="#{ends[shown(record["host"])]}">{life(record)}</a>' if life(record) else ""
    reused = ' <span class="tag">earlier pass</span>' if verdict.get("reused") is True else ""
    host, place = escape(shown(record["host"])), _place(record, where) if where.known else ""
    return (
        f'<tr role="row" data-state="{state}"{_fits(record, where)}>'
        f'<th scope="row" role="rowheader"><a href="#pc{number}"><bdi>{host}</bdi></a>{simulated}</th>{place}'
        f'<td role="cell" data-value="{order}">{_badge(state)}{reused}<code>{escape(shown(verdict["code"]))}</code></td>'
        f'<td role="cell" data-label="Stack">{_cell(report.stack_name(record))}{end}</td>'
        f'<td role="cell" data-label="GPU">{_cell(report.adapter_name(record))}</td>'
        f'{judged}<td role="cell"><p><bdi>{escape(shown(verdict.get("cause")))}</bdi></p>{todo}</td></tr>\n'
    )


def _judged(document: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """By which run, when, and how old that is where the state was written."""
    newest = section(record, "newest")
    at = newest.get("at")
    age = _age(at, document["run"].get("finished_at"))
    words = ", ".join(part for part in (report.moment(at), age) if part)
    by = f"<code>{escape(shown(newest.get('playbook')) or 'run')}</code>" if newest else ""
    value = escape(shown(at), quote=True)
    return f'<td role="cell" data-label="Judged" data-value="{value}">{_cell(words)}{by}</td>'


def _badge(state: str) -> str:
    return f'<span class="badge {state.lower()}">{_words(state)}</span>'


def _cell(value: str) -> str:
    return f"<bdi>{escape(value)}</bdi>" if value else '<span class="none">none</span>'


def _shared(document: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """The reasons of a plan, as HTML, that several PCs have -> their records."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for record in document["hosts"]:
        found.setdefault(report_details.why(record), []).append(record)
    return {why: records for why, records in found.items() if why and len(records) > 1}


def _plans(plans: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """What PCs of a kind share is told once; their details lead here."""
    entries = "".join(
        f'<section aria-labelledby="plan{number}"><h3 id="plan{number}" tabindex="-1">'
        f"<bdi>{escape(report.stack_name(records[0]) or 'No stack')}</bdi></h3>"
        f"<p>{len(records)} PCs: <bdi>{escape(named([shown(record['host']) for record in records]))}</bdi></p>"
        f"{why}</section>\n"
        for number, (why, records) in enumerate(plans.items())
    )
    return f'<section aria-labelledby="plans"><h2 id="plans">Plans</h2>\n{entries}</section>' if entries else ""


def _details(document: Mapping[str, Any], plans: Iterable[Iterable[Mapping[str, Any]]]) -> str:
    places = {id(record): f"plan{place}" for place, records in enumerate(plans) for record in records}
    return "".join(
        _detail(document, number, record, places.get(id(record), "")) for number, record in enumerate(document["hosts"])
    )


def _detail(document: Mapping[str, Any], number: int, record: Mapping[str, Any], plan: str) -> str:
    system = section(record, "facts", "os")
    words = " ".join(part for key in ("name", "version") if (part := shown(system.get(key))))
    return (
        f'<details id="pc{number}"><summary><h3><bdi>{escape(shown(record["host"]))}</bdi></h3> {_badge(report.outcome(document, record))} '
        f'<span class="os"><bdi>{escape(words)}</bdi></span></summary>{report_details.body(record, plan)}</details>\n'
    )
