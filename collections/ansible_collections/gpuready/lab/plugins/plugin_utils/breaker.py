# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A circuit breaker: where too much of what ended last in a run failed with one cause, nothing more is started.

Ansible's workers know nothing of each other, so they agree by files in the folder that Ansible makes for its run and
takes away after it. Once open it stays open for the run: what is under way may still end well, and the cause is there
all the same.
"""

from __future__ import annotations

import fcntl
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible import constants

from .plan import wishes

OPEN = "BREAKER_OPEN"
DEFAULT = 5  # failures with one code, among twice as many PCs
_MOST = 5  # PCs that are named


class Breaker:
    """What the workers of a run know of each other's ends. `limit`: so many with one code are too many; 0 is never."""

    def __init__(self, limit: int, folder: Path | None = None) -> None:
        self._limit = limit
        self._file = (folder or Path(constants.DEFAULT_LOCAL_TMP)) / "breaker"
        self._open = self._file.with_suffix(".open")

    def take(self, host: str, code: str | None) -> None:
        """Note how a building or a training ended: with the code of a failure, or well (None)."""
        if not self._limit:
            return
        with self._file.open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(json.dumps([host, code]) + "\n")
            file.seek(0)
            ended: dict[str, str | None] = {}  # the newest first; one PC that fails again and again is one
            for one, how in map(json.loads, reversed(file.read().splitlines())):
                ended.setdefault(one, how)
                if len(ended) == 2 * self._limit:
                    break
            last = list(ended.items())[::-1]
            why = _too_many(last, self._limit)
            if why and not self._open.exists():
                self._open.write_text(why, "utf-8")

    def why(self) -> str | None:
        """Why nothing more is started; None while it may be."""
        if not self._limit:
            return None
        try:
            return self._open.read_text("utf-8") or None
        except FileNotFoundError:
            return None


def of(variables: Mapping[str, Any], template: Callable[[Any], Any]) -> Breaker:
    """The breaker of this run, as the host's variables set it."""
    given = template(variables.get(f"{wishes.PREFIX}breaker"))
    asked = wishes.count(given)
    return Breaker(DEFAULT if asked is None or given in (None, "") else asked)


def _too_many(last: list[tuple[str, str | None]], limit: int) -> str | None:
    ((code, count),) = Counter(code for _, code in last if code).most_common(1) or ((None, 0),)
    if code is None or count < limit:
        return None
    hosts = list(dict.fromkeys(host for host, other in last if other == code))
    more = [f"{len(hosts) - _MOST} more"] if len(hosts) > _MOST else []
    return f"{code} at {count} of the last {len(last)} ({', '.join([*hosts[:_MOST], *more])})"
