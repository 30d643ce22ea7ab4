# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All codes as a page for people: docs/codes.md, beside every report too; `gpuready explain CODE` reads it."""

from __future__ import annotations

from collections.abc import Iterable

from . import catalogue
from .catalogue import Remedy, Saying

NAME = "codes.md"
_FROM = {
    "connection": "the way to a PC",
    "apply": "bringing the environment",
    "wsl": "WSL",
    "framework": "frameworks and drivers",
    "training": "trainings",
    "evidence": "evidence that could not be had",
    "plan": "what stands in the way of a plan",
    "verdict": "verdicts",
}
_KINDS = {
    "number": "Windows",
    "win32": "Windows error",
    "errno": "Linux error",
    "cuda": "CUDA error",
    "signal": "signal",
}
_HEAD = """# What each code means, and what to do

Made from `plugin_utils/remedies/codes.yml` (`make codes`). A code names a cause for ever: reports, scripts and people
refer to it. `gpuready explain CODE` prints its part of this page. Numbers count in every spelling: 0x887A0005,
887A0005, -2005270523, 2289696773, [WinError 5], os error 5, 0x80070005.
"""


def text() -> str:
    """The whole page, in Markdown."""
    parts = [_HEAD]
    sayings = catalogue.sayings()
    for category in catalogue.CATEGORIES:
        parts.append(f"# {_FROM[category][:1].upper()}{_FROM[category][1:]}\n")
        remedies = (catalogue.remedy(code) for code in catalogue.codes())
        parts += [_part(one, sayings.get(one.code, ())) for one in remedies if one.category == category]
    return "\n".join(parts)


def _part(remedy: Remedy, sayings: Iterable[Saying]) -> str:
    lines = [f"## {remedy.code}", "", f"{remedy.cause[:1].upper()}{remedy.cause[1:]}.", ""]
    lines.append(f"- From: {_FROM[remedy.category]}. Severity: {remedy.severity}.")
    if remedy.next_step:
        lines.append(f"- Next step: {remedy.next_step}")
    lines += [f"- Next step over {transport}: {step}" for transport, step in remedy.steps_over.items()]
    if said := list(dict.fromkeys(one for saying in sayings for one in _said(saying))):
        lines.append(f"- Known by: {', '.join(said)}.")
    if remedy.mended_by:
        lines.append(f"- The role {remedy.mended_by} mends it where it meets it.")
    if remedy.transient:
        lines.append("- It is tried again twice, a little later, before anybody is told.")
    return "\n".join((*lines, ""))


def _said(saying: Saying) -> Iterable[str]:
    beside = " where its words say so" if saying.condition else ""
    for kind, word in _KINDS.items():
        values = sorted(value for value_kind, value in saying.numbers if value_kind == kind)
        shown = [_range(kind, *ends) for ends in _runs(values)]
        if shown:
            yield f"{word} {' '.join(shown)}{beside}"
    yield from (f"`{name}`" for name in saying.names)
    if saying.pattern:
        yield f"words by {' or '.join(sorted(saying.channels))}"


def _runs(values: list[int]) -> Iterable[tuple[int, int]]:
    """First and last of numbers that follow each other."""
    first = last = None
    for value in values:
        if last is not None and value == last + 1:
            last = value
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = value
    if first is not None and last is not None:
        yield first, last


def _range(kind: str, first: int, last: int) -> str:
    shown = [f"0x{value:08X}" if kind == "number" else str(value) for value in (first, last)]
    return shown[0] if first == last else f"{shown[0]}-{shown[1]}"
