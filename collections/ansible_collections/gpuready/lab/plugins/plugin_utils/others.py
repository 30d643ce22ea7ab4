# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is known of the other PCs of a run, for the actions that act once for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError

# No templates: the answers of PCs. Ansible's hostvars would go through each of their values for one.
_AS_THEY_ARE = "ansible_facts"


class Variables(Mapping[str, Any]):
    """The variables of `host`, out of Ansible's hostvars: those that the lab wrote with their templates filled in.

    One that is broken raises Ansible's error when it is asked for, and not before. A host that the inventory has not
    has none.
    """

    def __init__(self, task_vars: Mapping[str, Any], host: str) -> None:
        self._all, self._host = task_vars.get("hostvars") or {}, host
        known = host in self._all
        self._raw: Mapping[str, Any] = getattr(self._all, "raw_get", self._all.__getitem__)(host) if known else {}
        self._filled: Mapping[str, Any] | None = None

    def __getitem__(self, name: str) -> Any:
        value = self._raw[name]
        if name == _AS_THEY_ARE or value is None or isinstance(value, int):
            return value
        if self._filled is None:
            self._filled = self._all[self._host]
        return self._filled[name]

    def written(self, name: str) -> Any:
        """The value as the lab wrote it; filled in where it is a template, None where that is broken."""
        value = self._raw.get(name)
        if not isinstance(value, str) or not ("{{" in value or "{%" in value):
            return value
        try:
            return self[name]
        except AnsibleError:
            return None

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)
