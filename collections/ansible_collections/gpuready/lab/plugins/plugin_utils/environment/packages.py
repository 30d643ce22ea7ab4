# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where uv gets a stack's packages from: what the lab asks for, and what the PC's own pip is told."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from typing import Any

# After these words of uv the next way may lead further.
GO_ON_AFTER = "No solution found|Failed to fetch|Hash mismatch"
_WORSE = "Hash mismatch"
_SOURCES = ("index-url", "extra-index-url", "find-links")


def pip_settings(said: Mapping[str, Any]) -> dict[str, str]:
    """What the PC's pip is told, with keys as `index-url`. `said`: {files: texts, the winner last; variables: PIP_*}.

    Of a file [global] counts, then [install]; the variables win.
    """
    settings: dict[str, str] = {}
    for text in said.get("files") or []:
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(str(text).removeprefix("\ufeff"))
        except configparser.Error:
            continue  # pip says so itself; a broken file is no reason not to go on without it
        for section in ("global", "install"):
            if parser.has_section(section):
                settings.update({key.replace("_", "-"): value for key, value in parser.items(section)})
    for name, value in (said.get("variables") or {}).items():
        if name.upper().startswith("PIP_") and str(value).strip():
            settings[name[4:].lower().replace("_", "-")] = str(value)
    return settings


def ways(
    asked: Mapping[str, Any], stack_urls: list[str], offered: str | None, pip: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The ways to the packages, in this order: [{options, find_links, links, indexes, variables, own_index}].

    `options` are uv's. Addresses, which may have a password, reach it by its environment alone, as every user of a PC
    may read a program's arguments: `find_links` are places of wheels, `links` more of them where the PC has such a
    folder, and `indexes` are variables that replace the PC's own. `variables` are for uv where it has none of that
    name. `stack_urls`: the indexes that the stack itself names; `own_index`: whether this way uses them. `offered`: the
    folder of the wheels that the controller sends, None without any.
    """
    no_index = bool(asked.get("no_index")) or pip.get("no-index", "").lower() in ("1", "true", "yes", "on")
    given = [str(link) for link in (offered, asked.get("wheelhouse"), *(asked.get("find_links") or [])) if link]
    links = [link for link in dict.fromkeys(pip.get("find-links", "").split()) if link not in given]
    variables = {"SSL_CERT_FILE": pip["cert"]} if pip.get("cert") and not asked.get("certificates") else {}
    common = {"find_links": list(dict.fromkeys(given)), "links": links, "variables": variables}
    if no_index:
        return [{**common, "options": ["--no-index"], "indexes": {}, "own_index": False}]
    index = asked.get("index_url") or pip.get("index-url")
    more = [*(asked.get("extra_index_urls") or []), *pip.get("extra-index-url", "").split()]
    trusted = [option for host in pip.get("trusted-host", "").split() for option in ("--allow-insecure-host", host)]
    # A lab's own mirror first, the stack's index when that does not have it all; or the other way round.
    own = bool(given or index or any(pip.get(name) for name in _SOURCES))
    order = [True] if not stack_urls else [False, True] if own else [True, False]
    tries = []
    for with_stack in order:
        urls = dict.fromkeys([*more, *(stack_urls if with_stack else [])])
        indexes = {"UV_DEFAULT_INDEX": str(index)} if index else {}
        if urls:
            indexes["UV_INDEX"] = " ".join(urls)
        options = [*trusted, "--index-strategy", "unsafe-best-match"]
        tries.append({**common, "options": options, "indexes": indexes, "own_index": with_stack})
    return tries


def told(failures: list[dict[str, Any]], tried: list[dict[str, Any]]) -> list[str]:
    """Which failure of the ways that were tried is told: the lines of uv.

    A file that is not the locked one is worse than an index that is away. A way that ended with another trouble (a full
    disk) was the last one, and tells its own. Else the way with the stack's own index says most.
    """
    texts = [[str(line) for line in failure.get("details") or []] for failure in failures]
    for lines in texts:
        if any(_WORSE in line for line in lines):
            return lines
    if len(texts) == len(tried):
        for lines, way in zip(texts, tried, strict=True):
            if way["own_index"]:
                return lines if _may_go_on(texts[-1]) else texts[-1]
    return texts[-1]


def _may_go_on(lines: list[str]) -> bool:
    return any(words in line for line in lines for words in GO_ON_AFTER.split("|"))
