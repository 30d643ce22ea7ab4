# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every code that gpuready gives, from codes.yml: cause, next step, severity, where it comes from, what it is said by.

Codes are stable: reports, scripts and people refer to them. The file is read once a run, before Ansible forks
(`preload`); what is wrong in it is a CatalogueError with one line a mistake. codes.yml itself says what its keys mean.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from . import numbers as program_numbers

CODES = Path(__file__).with_name("codes.yml")
OK, NOTE, WARNING, ERROR = "ok", "note", "warning", "error"
CATEGORIES = ("connection", "apply", "wsl", "framework", "training", "evidence", "plan", "verdict")
CHANNELS = ("uv", "connection", "wsl", "program", "start", "nvidia-smi", "exit")
PROGRAMS = ("wsl", "program")  # what the programs of a PC print, where it is not known which one
# Kinds of numbers (numbers.py), and what each is less than.
NUMBERS = {"number": 2**32, "win32": 2**16, "errno": 2**8, "cuda": 10**4, "signal": 65}

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_READ = 10_000  # characters of a longer text that are looked at, at each end
_LINE = 2_000  # the same of a line
_LONGEST = 10_000  # numbers from A to B at most
_CODE = re.compile(r"[A-Z][A-Z0-9_]*")
_OF_WSL = re.compile(r"(?:^|[\s:(])Wsl/\w|\bWslRegisterDistribution\b")  # wsl.exe says in which step it failed
_PLACE = re.compile(r"\{(\w+)\|([^{}|]+)\}")
TRANSPORTS = ("winrm", "psrp", "ssh")
_ROW_KEYS = frozenset(
    (
        *("code", "category", "severity", "cause", "next_step", "next_step_over", "said_by", "transient", "controller"),
        "mended_by",
    )
)
_SAID_KEYS = frozenset(("channel", "phase", "pattern", "name", "last", "with", *NUMBERS))
_RANGE = re.compile(r"(0x[0-9a-fA-F]+|\d+)-(0x[0-9a-fA-F]+|\d+)")


class CatalogueError(ValueError):
    """codes.yml cannot be used: one line for each mistake, with the code and the key."""


@dataclass(frozen=True)
class Remedy:
    """What a code means and what to do about it.

    `severity`: ok, note (never the cause by itself), warning (the PC still trains or did), error.
    `category`: where it comes from, one of CATEGORIES. `template`: the cause with its places, `{package|a package}`.
    `controller`: of the controller, not of the PCs by which it shows.
    `transient`: often gone a little later, so that it is tried again before anybody is told.
    `steps_over`: the next step over one of TRANSPORTS, where it is another one there.
    `mended_by`: the role that mends it by itself where it meets it; empty: none does.
    """

    code: str
    cause: str
    next_step: str
    severity: str = ERROR
    category: str = "verdict"
    template: str = ""
    transient: bool = False
    controller: bool = False
    steps_over: Mapping[str, str] = field(default_factory=dict)
    mended_by: str = ""

    def step_over(self, transport: str | None) -> str:
        """The next step where the PC is reached by this connection (`ansible.builtin.ssh` is ssh)."""
        return self.steps_over.get(str(transport).rpartition(".")[2], self.next_step)

    def about(self, known: Mapping[str, str]) -> str:
        """The cause, with what is known of this case in its places."""
        return _PLACE.sub(lambda place: known.get(place[1]) or place[2], self.template) or self.cause

    def is_said_in(self, text: str) -> bool:
        """Whether a text begins with this cause (behind the name of a phase), whatever stands in its places."""
        parts = [re.escape(part) for part in _PLACE.split(self.template or self.cause)[::3]]
        return re.match(rf"(?:\w+: )?{'.+?'.join(parts)}", text, re.IGNORECASE) is not None


@dataclass(frozen=True)
class Saying:
    """What a code is said by: words that `pattern` finds (None: none), `names` of errors, `numbers` as (kind, value).

    The kinds are those of NUMBERS. `condition` must stand in the text too.
    """

    code: str
    channels: frozenset[str]
    phase: str = ""
    pattern: re.Pattern[str] | None = None
    names: tuple[str, ...] = ()
    numbers: frozenset[tuple[str, int]] = frozenset()
    condition: re.Pattern[str] | None = None
    last: bool = False

    def is_numbered(self, words: frozenset[str], numbers: frozenset[tuple[str, int]]) -> bool:
        """Whether the numbers or (in upper case) the names are among those of a text."""
        return not self.numbers.isdisjoint(numbers) or any(name.upper() in words for name in self.names)


def cut(text: str) -> str:
    """What is looked at of a text that may be of any length, or have lines of any: the beginning and the end."""
    text = text if len(text) <= 2 * _READ else f"{text[:_READ]}\n{text[-_READ:]}"
    lines = (line if len(line) <= 2 * _LINE else f"{line[:_LINE]}\n{line[-_LINE:]}" for line in text.split("\n"))
    return "\n".join(lines)


@dataclass
class Catalogue:
    """The rows of a file: remedies by code, and what they are said by in the order of looking."""

    remedies: dict[str, Remedy]
    sayings: list[Saying]

    def match(self, text: str, channels: Iterable[str], phase: str = "") -> str | None:
        """The code of the first row that fits: by a number with words beside it, by a number, by words."""
        text = cut(text)
        asked, numbers, words = frozenset(channels), program_numbers.read(text), program_numbers.words(text)
        here = [said for said in self.sayings if said.phase in ("", phase) and said.channels & asked]
        here = [said for said in here if not said.condition or said.condition.search(text)]
        for last in (False, True):
            now = [said for said in here if said.last is last]
            for conditional in (True, False):
                for said in now:
                    if (said.condition is not None) is conditional and said.is_numbered(words, numbers):
                        return said.code
            for said in now:
                if said.pattern and said.pattern.search(text):
                    return said.code
        return None

    def by_number(self, value: int, kind: str, channel: str) -> str | None:
        """The code that a number stands for."""
        met = program_numbers.of_code(value) if kind == "number" else frozenset(((kind, value),))
        said = (one for one in self.sayings if channel in one.channels and not one.condition and one.numbers & met)
        return next((saying.code for saying in said), None)


@functools.cache
def _catalogue() -> Catalogue:
    try:
        return parse(CODES.read_text("utf-8"), CODES.name)
    except (OSError, UnicodeError) as error:
        raise CatalogueError(f"{CODES}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def preload() -> None:
    """Read the catalogue now, for this process and all that it forks. What is wrong is said where it is used."""
    with contextlib.suppress(CatalogueError):
        _catalogue()


def codes() -> list[str]:
    """All codes, sorted."""
    return sorted(_catalogue().remedies)


def sayings() -> dict[str, list[Saying]]:
    """What each code is said by."""
    by_code: dict[str, list[Saying]] = {}
    for saying in _catalogue().sayings:
        by_code.setdefault(saying.code, []).append(saying)
    return by_code


def remedy(code: str) -> Remedy:
    """The remedy of a code; a code that nobody described still gets a next step."""
    return _catalogue().remedies.get(code) or Remedy(
        code,
        code.replace("_", " ").lower() or "no cause was given",
        "Look at the details of this PC in the report, mend what they name, and run again.",
    )


def match(text: str, *channels: str, phase: str = "") -> str | None:
    """The code that words stand for, or None; of these channels, else of any program's output.

    Only codes, numbers and fixed English of programs are looked for. A code of severity `note` is found only where
    nothing else is: working systems write such lines too.
    """
    if not channels and _OF_WSL.search(text) and (code := _catalogue().match(text, ("wsl",), phase)):
        return code
    return _catalogue().match(text, channels or PROGRAMS, phase)


def by_number(value: int, kind: str = "number", channel: str = "exit") -> str | None:
    """The code that a number stands for, or None. `kind` is one of NUMBERS."""
    return _catalogue().by_number(value, kind, channel)


# --- reading the file -------------------------------------------------------------------------------------------------
def parse(text: str, where: str) -> Catalogue:
    """The catalogue of a file's text. Raises CatalogueError with all mistakes."""
    try:
        data = yaml.load(text, _LOADER)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        raise CatalogueError(f"{where}: {line}{getattr(error, 'problem', None) or 'this is not YAML'}") from None
    rows = data.get("codes") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not rows:
        raise CatalogueError(f"{where}: codes: this is not a list of rows")
    mistakes: list[str] = []
    catalogue = Catalogue({}, [])
    taken: dict[tuple[Any, ...], str] = {}
    for index, row in enumerate(rows, 1):
        code = row.get("code") if isinstance(row, dict) else None
        name = code if isinstance(code, str) else f"row {index}"
        wrong = list(_mistakes(row))
        if name in catalogue.remedies:
            wrong.append("code: it stands in the file already")
        if not wrong and (other := taken.setdefault(("cause", row["cause"]), name)) != name:
            wrong.append(f"cause: {other} has the same: say how they differ")
        if not wrong:
            catalogue.remedies[name] = _remedy(row)
            for said in row.get("said_by", ()):
                try:
                    saying = _saying(name, said)
                except re.error as error:
                    wrong.append(f"said_by: pattern: {error.pattern!r}: {error.msg}")
                    continue
                catalogue.sayings.append(saying)
                wrong += [f"said_by: {what}" for what in _useless(saying, taken)]
        mistakes += [f"{where}: {name}: {what}" for what in wrong]
    if mistakes:
        raise CatalogueError("\n".join(mistakes))
    return catalogue


def _remedy(row: dict[str, Any]) -> Remedy:
    template = row["cause"]
    return Remedy(
        row["code"],
        _PLACE.sub(r"\2", template),
        " ".join(_list(row.get("next_step"))),
        row.get("severity", ERROR),
        row["category"],
        template,
        row.get("transient", False),
        row.get("controller", False),
        {transport: " ".join(_list(steps)) for transport, steps in row.get("next_step_over", {}).items()},
        row.get("mended_by", ""),
    )


def _saying(code: str, said: dict[str, Any]) -> Saying:
    numbers = frozenset((kind, value) for kind in NUMBERS for value in _values(said.get(kind)))
    texts = _list(said.get("pattern"))
    return Saying(
        code,
        frozenset(_list(said["channel"])),
        said.get("phase", ""),
        re.compile("|".join(texts), re.IGNORECASE | re.MULTILINE) if texts else None,
        tuple(_list(said.get("name"))),
        numbers,
        re.compile(said["with"], re.IGNORECASE | re.MULTILINE) if "with" in said else None,
        said.get("last", False),
    )


def _values(given: Any) -> list[Any]:
    """Numbers, with `A-B` as all from A to B."""
    numbers: list[Any] = []
    for value in _list(given):
        ends = _RANGE.fullmatch(value) if isinstance(value, str) else None
        several = range(int(ends[1], 0), int(ends[2], 0) + 1) if ends else range(0)
        numbers += several if 0 < len(several) <= _LONGEST else [value]
    return numbers


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _mistakes(row: object) -> Iterator[str]:
    if not isinstance(row, dict):
        yield "this is not a mapping"
        return
    yield from (f"{key}: this is not a key of a row" for key in row if key not in _ROW_KEYS)
    if not isinstance(row.get("code"), str) or not _CODE.fullmatch(row["code"]):
        yield "code: this is no code (upper case)"
    if row.get("category") not in CATEGORIES:
        yield f"category: {row.get('category')!r} is not one of {', '.join(CATEGORIES)}"
    severity = row.get("severity", ERROR)
    if severity not in (OK, NOTE, WARNING, ERROR):
        yield f"severity: {severity!r} is not one of {OK}, {NOTE}, {WARNING}, {ERROR}"
    cause = row.get("cause")
    if not isinstance(cause, str) or len(cause.split()) < 2 or cause.endswith("."):
        yield "cause: this is not a clause without a full stop"
    elif set("{}") & set(_PLACE.sub("", cause)):
        yield "cause: a place is written {name|words where it is not known}"
    steps = _list(row.get("next_step"))
    if not steps and severity != OK:
        yield "next_step: it is missing"
    if not _are_sentences(steps):
        yield "next_step: this is not a sentence with a full stop, or a list of them"
    over = row.get("next_step_over", {})
    if not isinstance(over, dict) or not set(over) <= set(TRANSPORTS):
        yield f"next_step_over: this is not a mapping with keys of {', '.join(TRANSPORTS)}"
    elif not all(_list(one) and _are_sentences(_list(one)) for one in over.values()):
        yield "next_step_over: this is not a sentence with a full stop, or a list of them"
    for key in ("transient", "controller"):
        if not isinstance(row.get(key, False), bool):
            yield f"{key}: this is not true or false"
    if not re.fullmatch(r"[a-z_]*", str(row.get("mended_by", ""))):
        yield "mended_by: this is no name of a role"
    said_by = row.get("said_by", [])
    if not isinstance(said_by, list):
        yield "said_by: this is not a list"
        return
    for index, said in enumerate(said_by, 1):
        yield from (f"said_by: {index}: {what}" for what in _mistakes_said(said))


def _are_sentences(steps: list[Any]) -> bool:
    return all(isinstance(step, str) and step.endswith((".", ")")) for step in steps)


def _mistakes_said(said: object) -> Iterator[str]:
    if not isinstance(said, dict):
        yield "this is not a mapping"
        return
    yield from (f"{key}: this is not a key here" for key in said if key not in _SAID_KEYS)
    channels = _list(said.get("channel"))
    if not channels or not all(channel in CHANNELS for channel in channels):
        yield f"channel: {said.get('channel')!r} is not one of {', '.join(CHANNELS)}"
    if not {"pattern", "name", *NUMBERS} & set(said):
        yield f"it has no pattern, name, {', '.join(NUMBERS)}"
    for pattern in _list(said.get("pattern")):
        if not isinstance(pattern, str):
            yield f"pattern: {pattern!r} is not a text"
    if not all(isinstance(name, str) and re.fullmatch(r"\w+", name) for name in _list(said.get("name"))):
        yield "name: this is no name"
    if not isinstance(said.get("with", ""), str):
        yield "with: this is not a text"
    if not isinstance(said.get("phase", ""), str) or not isinstance(said.get("last", False), bool):
        yield "phase is a word, last is true or false"
    for kind, limit in NUMBERS.items():
        for value in _values(said.get(kind)):
            if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < limit:
                yield f"{kind}: {value!r} is not a number from 1 to {limit - 1}"


def _useless(saying: Saying, taken: dict[tuple[Any, ...], str]) -> Iterator[str]:
    """What is of no use here: a pattern that fits every text, a number or name that another row has already."""
    if saying.pattern and saying.pattern.search(""):
        yield f"pattern: {saying.pattern.pattern} fits every text"
    beside = saying.condition.pattern if saying.condition else ""
    for channel in sorted(saying.channels):
        for kind, value in [*sorted(saying.numbers), *(("name", name) for name in saying.names)]:
            other = taken.setdefault((channel, saying.phase, beside, kind, value), saying.code)
            if other != saying.code:
                yield f"{kind} {f'0x{value:08x}' if kind == 'number' else value} is {other}'s in {channel} already"
