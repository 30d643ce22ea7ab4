# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The page that an index has of a project (PyPA's simple repository API, JSON or HTML), and what is taken of it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import PurePosixPath
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from ..stacks import wheels

ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
_MANYLINUX = {"manylinux1": 5, "manylinux2010": 12, "manylinux2014": 17}
_SHA256 = re.compile(r"sha256=([0-9a-f]{64})")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")


@dataclass(frozen=True)
class Offered:
    """A file that an index or a folder has; `sha256` is None where the index does not tell it."""

    name: str
    url: str
    sha256: str | None


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.base: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.links.append(href)
        elif tag == "base" and href:
            self.base = self.base or href


def read(page: str, url: str) -> list[Offered]:
    """The files of a page that was had at `url`; none of a page that is none.

    A page of another machine leads to no file of this one.
    """
    found = _of_json(page, url) if page.lstrip().startswith("{") else _of_html(page, url)
    ours = urlsplit(url).scheme == "file"
    return [one for one in found if NAME.fullmatch(one.name) and (ours or urlsplit(one.url).scheme != "file")]


def _of_html(page: str, url: str) -> list[Offered]:
    parser = _Links()
    parser.feed(page)
    found = []
    for link in parser.links:
        with suppress(ValueError):  # it leads to nothing
            address, fragment = urldefrag(urljoin(parser.base or url, link))
            match = _SHA256.search(fragment)
            found.append(Offered(_name(address), address, match[1] if match else None))
    return found


def _of_json(page: str, url: str) -> list[Offered]:
    try:
        files = json.loads(page)["files"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
    found = []
    for one in files if isinstance(files, list) else ():
        with suppress(ValueError, LookupError, TypeError, AttributeError):  # it is none
            address = urljoin(url, str(one["url"]))
            found.append(Offered(str(one["filename"]), address, (one.get("hashes") or {}).get("sha256") or None))
    return found


def _name(address: str) -> str:
    return PurePosixPath(unquote(urlsplit(address).path)).name


def chosen(
    offered: Iterable[Offered], project: str, version: str, hashes: Collection[str], system: str, python: str
) -> list[Offered]:
    """Those that a lock means and that fit, the best first: a wheel before a source archive.

    Of wheels for the platform that of the oldest glibc comes first, and one for every platform last.
    """
    found = []
    for one in offered:
        if wheels.project_of(one.name) != wheels.normalized(project):
            continue
        means = one.sha256 in hashes if one.sha256 else _is_of(one.name, version)
        rank = _rank(one.name, system, python)
        if means and rank is not None:
            found.append((rank, one))
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def _is_of(name: str, version: str) -> bool:
    """Whether a wheel or source archive is of this version; its name is one that `wheels.project_of` knows."""
    wanted = version.lower().replace("-", "_")
    if name.endswith(".whl"):
        return name.split("-")[1].lower() == wanted
    return re.sub(r"(\.tar)?\.\w+$", "", name.lower()).endswith(f"-{wanted}")


def _rank(name: str, system: str, python: str) -> tuple[int, int] | None:
    """How good a file is for x86_64, the least is best; None where it does not fit."""
    if not name.endswith(".whl"):
        return (2, 0)
    if not wheels.fits(name, system, python):
        return None
    platforms = name[:-4].split("-")[-1].split(".")
    if "any" in platforms:
        return (1, 0)
    if system == "windows":
        return (0, 0) if "win_amd64" in platforms else None
    glibc = [_glibc(one) for one in platforms if one.endswith("_x86_64")]
    least = min((one for one in glibc if one is not None), default=None)
    return None if least is None else (0, least)


def _glibc(platform: str) -> int | None:
    kind = platform.removesuffix("_x86_64")
    if match := re.fullmatch(r"manylinux_2_(\d+)", kind):
        return int(match[1])
    return 0 if kind == "linux" else _MANYLINUX.get(kind)
