# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When something may be done: 22:00-06:00, with days of the week before it or without, several with commas between."""

from __future__ import annotations

import re
from datetime import datetime, time

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ONE = re.compile(r"(?:((?:mon|tue|wed|thu|fri|sat|sun)(?:\+(?:mon|tue|wed|thu|fri|sat|sun))*) +)?(\S+)-(\S+)")
Window = tuple[tuple[int, ...], time, time]


def parse(text: str) -> list[Window]:
    """Days on which each begins, its begin and its end; none for an empty text. Raises ValueError with one line."""
    return [_window(one) for one in text.lower().split(",")] if text.strip() else []


def is_open(text: str, now: datetime) -> bool:
    """Whether it may be done now; always where no window is given. One that ends before it begins ends the next day."""
    windows, clock, today = parse(text), now.time(), now.weekday()
    yesterday = (today - 1) % 7
    for days, begin, end in windows:
        if begin < end and today in days and begin <= clock < end:
            return True
        if begin >= end and ((today in days and clock >= begin) or (yesterday in days and clock < end)):
            return True
    return not windows


def _window(text: str) -> Window:
    match = _ONE.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError
        begin, end = (time.fromisoformat(one) for one in match.groups()[1:])
    except ValueError:
        wrong = f"{text.strip()[:40]!r} is no window of time: write it as 22:00-06:00 or sat+sun 08:00-18:00"
        raise ValueError(wrong) from None
    named = match[1].split("+") if match[1] else DAYS
    return tuple(DAYS.index(day) for day in named), begin, end
