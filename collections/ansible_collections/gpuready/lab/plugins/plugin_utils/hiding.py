# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What no report may tell: passwords, whoever says them, and, in a file that is mailed, what is of people.

Nothing here looks at what Windows calls things; docs/reports.md says what is hidden and what is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import contract
from .reading import items, section

INSTEAD = "***"
_SHORTEST = 4  # a secret of fewer characters would hide every other word
# Keys whose texts are words of programs and of PCs. Other texts (a state, a family, a code) mean something as they are.
_FREE = frozenset(
    {"msg", "message", "cause", "next_step", "detail", "details", "reason", "reasons", "warnings", "summary"}
    | {"stderr", "stdout", "stderr_tail", "stdout_lines", "stderr_lines", "module_stdout", "module_stderr"}
    | {"exception", "bad_input"}
)
_SID = re.compile(r"S-1-(?:5-21|12-1)-\d[\d-]*")
_OF_A_USER = re.compile(r"(?i)((?:[\\/]+users|[\\/]home)[\\/]+)([^\\/\"'<>|:*?\r\n]+(?=[\\/])|[^\\/\"'<>|:*?\s]+)")
_SERIAL = re.compile(r"(?i)(<(\w*serial\w*)>)[^<]*(</\2>)")
_SERIAL_LINE = re.compile(r"(?im)^(\s*\w*\s*serial(?: number)?\s*:).*$")
_PROCESS = re.compile(r"(?is)(<process_name>)[^<]*(</process_name>)")
_FROM = re.compile(r" \([^()\r\n]*\)(?=\s*$)", re.MULTILINE)  # where somebody logged on from, as `who` has it
# Accounts that are nobody's own.
_NOBODY = frozenset(
    ("root", "administrator", "admin", "system", "public", "default", "defaultuser0", "defaultappdata", "user", "users")
)


def secrets_of(variables: Mapping[str, Any], read: Callable[[Any], Any]) -> tuple[str, ...]:
    """The values of the variables that name a secret, the longest first; `read` templates and decrypts one.

    A value that cannot be read is none.
    """
    secrets = set()
    for name in variables:
        if not isinstance(name, str) or not contract.SECRET_NAME.search(name):
            continue
        try:
            value = read(variables[name])
        except Exception:  # noqa: S112 - a broken template is for the task that uses it to complain of
            continue
        if isinstance(value, str | int) and not isinstance(value, bool) and len(str(value)) >= _SHORTEST:
            secrets.add(str(value))
    return tuple(sorted(secrets, key=lambda one: (-len(one), one)))


def without_secrets(value: Any, secrets: Iterable[str], free: bool = False) -> Any:
    """The value with each secret hidden in the texts that programs and PCs wrote."""
    secrets = tuple(secrets)
    if not secrets:
        return value
    if isinstance(value, str):
        return hidden(value, secrets) if free else value
    if isinstance(value, Mapping):
        return {key: without_secrets(inner, secrets, free or key in _FREE) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(inner, secrets, free) for inner in value]
    return value


def hidden(text: str, secrets: Iterable[str]) -> str:
    """A text of others without these secrets."""
    for secret in secrets:
        text = text.replace(secret, INSTEAD)
    return text


def redacted(value: Any) -> Any:
    """Evidence, a record or a report without what is of people.

    User names become user1, user2 (the same name the same word), where they stand as such, in paths, and in the words
    of programs; SIDs, serial numbers, the programs that hold a GPU and where somebody logged on from are gone.
    """
    names = {name.lower(): f"user{number}" for number, name in enumerate(sorted(_people(value)), 1)}
    word = None
    if names:
        known = "|".join(re.escape(name) for name in sorted(names, key=lambda one: (-len(one), one)))
        word = re.compile(rf"(?i)(?<!\w)(?:[\w.-]+\\+)?({known})(?!\w)")
    return _redacted(value, names, word, "", False)


def _redacted(value: Any, names: Mapping[str, str], word: re.Pattern[str] | None, key: str, free: bool) -> Any:
    if isinstance(value, Mapping):
        return {
            inner: _redacted(one, names, word, str(inner), free or inner in _FREE or inner in ("user", "users"))
            for inner, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redacted(one, names, word, key, free) for one in value]
    if key.lower().endswith("serial") or "serialnumber" in key.lower().replace("_", ""):
        return None
    if key.lower() == "sid" and value is not None:
        return "S-1-5-21-0"
    if not isinstance(value, str):
        return value
    text = _SID.sub("S-1-5-21-0", value)
    text = _OF_A_USER.sub(lambda match: match[1] + names.get(_name(match[2]).lower(), match[2]), text)
    text = _PROCESS.sub(r"\1-\2", _SERIAL.sub(r"\1-\3", text))
    text = _FROM.sub("", _SERIAL_LINE.sub(r"\1 -", text)) if key == "stdout" else text
    if word and (free or key == "UserName"):
        text = word.sub(lambda match: names[match[1].lower()], text)
    return text


def _people(value: Any) -> set[str]:
    """Names of the people that something tells of, lower case: as who is logged on, and as owner of a folder."""
    names: set[str] = set()
    for one in _texts(value):
        names |= {_name(match[2]) for match in _OF_A_USER.finditer(one)}
    for place in _places(value):
        names |= {_name(name) for name in _logged_on(place)}
    return {name.lower() for name in names if len(name) > 1 and name.lower() not in _NOBODY}


def _places(value: Any) -> list[Mapping[str, Any]]:
    """The evidence or the records inside: of a file, of a report."""
    places = [section(value), section(value, "gpuready_evidence")]
    places += [section(place, "guest", "value") for place in places]
    for record in items(section(value).get("hosts")):
        places.append(record)
    return places


def _logged_on(place: Mapping[str, Any]) -> list[str]:
    pieces = section(place, "pieces")
    told = [section(pieces, "computer_system", "value").get("UserName")]
    told.append(section(pieces, "wsl_registry", "value", "user").get("name"))
    told += [one.get("name") for one in items(section(pieces, "users").get("value"))]
    told += [one.get("name") for one in items(section(place, "facts").get("users"))]
    who = section(pieces, "users", "value").get("stdout")
    if isinstance(who, str):
        told += [line.split()[0] for line in who.splitlines() if line.split()]
    return [name for name in told if isinstance(name, str)]


def _name(given: str) -> str:
    """A name without its domain."""
    return re.split(r"[\\/]", given.strip())[-1]


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
