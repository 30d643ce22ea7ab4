# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PCs whose Windows or whose environment's Python gets no security updates any more, or soon none.

The dates are those of Microsoft's lifecycle pages and of devguide.python.org/versions. A release that stands in no
table, and an edition that the name of the system does not tell, is said nothing of until all editions have ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ..reading import section, shown
from .causes import named

SOON = timedelta(days=180)
_HAS_ENDED, _ENDS = "has had no security updates since", "will have no security updates after"


@dataclass(frozen=True)
class Release:
    """A release of Windows, and the last day with updates of each kind of edition."""

    name: str
    home: date  # Home and Pro, with Pro Education and Pro for Workstations
    enterprise: date  # Enterprise and Education
    long: date | None = None  # LTSC
    long_iot: date | None = None  # IoT Enterprise LTSC


def _server(name: str, end: date) -> Release:
    return Release(name, end, end)


_LAST_OF_10 = date(2025, 10, 14)
_CLIENTS = {
    17763: Release("Windows 10 1809", date(2020, 11, 10), date(2021, 5, 11), date(2029, 1, 9), date(2029, 1, 9)),
    18363: Release("Windows 10 1909", date(2021, 5, 11), date(2022, 5, 10)),
    19041: Release("Windows 10 2004", date(2021, 12, 14), date(2021, 12, 14)),
    19042: Release("Windows 10 20H2", date(2022, 5, 10), date(2023, 5, 9)),
    19043: Release("Windows 10 21H1", date(2022, 12, 13), date(2022, 12, 13)),
    19044: Release("Windows 10 21H2", date(2023, 6, 13), date(2024, 6, 11), date(2027, 1, 12), date(2032, 1, 13)),
    19045: Release("Windows 10 22H2", _LAST_OF_10, _LAST_OF_10),
    22000: Release("Windows 11 21H2", date(2023, 10, 10), date(2024, 10, 8)),
    22621: Release("Windows 11 22H2", date(2024, 10, 8), date(2025, 10, 14)),
    22631: Release("Windows 11 23H2", date(2025, 11, 11), date(2026, 11, 10)),
    26100: Release("Windows 11 24H2", date(2026, 10, 13), date(2027, 10, 12), date(2029, 10, 9), date(2034, 10, 10)),
    26200: Release("Windows 11 25H2", date(2027, 10, 12), date(2028, 10, 10)),
}
_SERVERS = {
    14393: _server("Windows Server 2016", date(2027, 1, 12)),
    17763: _server("Windows Server 2019", date(2029, 1, 9)),
    20348: _server("Windows Server 2022", date(2031, 10, 14)),
    26100: _server("Windows Server 2025", date(2034, 10, 10)),
}
_PYTHONS = {
    "3.6": date(2021, 12, 23),
    "3.7": date(2023, 6, 27),
    "3.8": date(2024, 10, 7),
    "3.9": date(2025, 10, 31),
    "3.10": date(2026, 10, 31),
    "3.11": date(2027, 10, 31),
    "3.12": date(2028, 10, 31),
    "3.13": date(2029, 10, 31),
    "3.14": date(2030, 10, 31),
}
# Windows names itself in its own language: "Microsoft Windows 11 Famille" is Home.
_HOME = re.compile(r"\b(home|pro|professionnel|famille|core)\b", re.IGNORECASE)
_ENTERPRISE = re.compile(r"\b(enterprise|entreprise|education|éducation)\b", re.IGNORECASE)


def ended(hosts: Iterable[Mapping[str, Any]], today: date) -> list[dict[str, Any]]:
    """`{what, until, words, count, pcs, hosts}`, the largest first, of what has ended at `today` or will soon.

    `until` is the last day with updates, an ISO date.
    """
    groups: dict[tuple[str, date, str], list[str]] = {}
    for record in hosts:
        for what, until, step in (*_windows(record), *_python(record)):
            if until < today + SOON:
                groups.setdefault((what, until, step), []).append(shown(record["host"]))
    return [
        {
            "what": what,
            "until": until.isoformat(),
            "words": f"{what} {_HAS_ENDED if until < today else _ENDS} {until.isoformat()}. {step}",
            "count": len(names),
            "pcs": named(names),
            "hosts": names,
        }
        for (what, until, step), names in sorted(groups.items(), key=lambda one: (-len(one[1]), one[0]))
    ]


def _windows(record: Mapping[str, Any]) -> Iterable[tuple[str, date, str]]:
    system = section(record, "facts", "os")
    build, server = system.get("build"), system.get("kind") == "server"
    release = (_SERVERS if server else _CLIENTS).get(build) if isinstance(build, int) else None
    if release is None or system.get("family") != "windows":
        return
    name, until = shown(system.get("name")), None
    if server:
        what, until = release.name, release.home
    elif "LTSC" in name or "LTSB" in name:
        what, until = f"{release.name} LTSC", release.long_iot if "IoT" in name else release.long
    elif _HOME.search(name):
        what, until = f"{release.name} (Home and Pro)", release.home
    elif _ENTERPRISE.search(name):
        what, until = f"{release.name} (Enterprise and Education)", release.enterprise
    else:
        what, until = release.name, max(release.home, release.enterprise)
    paid = ", or have Extended Security Updates for it" if release.name.startswith("Windows 10") else ""
    if until:
        yield what, until, f"Bring the PC to a newer release of Windows{paid}."


def _python(record: Mapping[str, Any]) -> Iterable[tuple[str, date, str]]:
    plan = section(record, "plan")
    python, stack = shown(section(plan, "environment").get("python")), shown(plan.get("stack"))
    if stack and (until := _PYTHONS.get(".".join(python.split(".")[:2]))):
        yield (
            f"Python {'.'.join(python.split('.')[:2])} of {stack}",
            until,
            "Run only code that you trust in it; a stack that its makers maintain has a newer one.",
        )
