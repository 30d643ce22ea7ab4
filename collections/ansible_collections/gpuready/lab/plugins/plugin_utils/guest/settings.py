# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""/etc/wsl.conf as it is declared. WSL stops reading at the first bad line, so that none is ever written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")


class SettingError(ValueError):
    """A section, key or value that WSL would not read."""


def text(sections: Mapping[str, Any] | None, default_user: str | None) -> str | None:
    """The whole file; None where nothing is declared. Raises SettingError."""
    if sections is None and not default_user:
        return None
    found = {name: dict(_keys(name, keys)) for name, keys in (sections or {}).items()}
    if default_user:
        if found.get("user", {}).get("default", default_user) != default_user:
            raise SettingError(f"user.default is not the default_user {default_user}: leave one of them out")
        found.setdefault("user", {})["default"] = default_user
    parts = []
    for name, keys in found.items():
        parts.append("\n".join([f"[{name}]", *(f"{key} = {value}" for key, value in keys.items()), ""]))
    return "\n".join(parts)


def _keys(section: str, keys: Any) -> list[tuple[str, str]]:
    if not _WORD.fullmatch(str(section)) or not isinstance(keys, Mapping):
        raise SettingError(f"{section}: a section is a word and has keys with values")
    found = []
    for key, value in keys.items():
        if not _WORD.fullmatch(str(key)):
            raise SettingError(f"{section}.{key}: this is no name of a key")
        found.append((str(key), _value(f"{section}.{key}", value)))
    return found


def _value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (int, str)) or not str(value).strip():
        raise SettingError(f"{name}: a value is a text, a number, true or false")
    said = str(value)
    if "\n" in said or '"' in said:
        raise SettingError(f"{name}: a value has neither quotes nor line ends")
    escaped = said.replace("\\", "\\\\")
    return escaped if re.fullmatch(r"[\w.,:/\\=-]+", said) else f'"{escaped}"'
