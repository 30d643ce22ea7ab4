"""Files and registry of a simulated PC, without regard to case, kept in memory."""

from __future__ import annotations

import base64
import ntpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Value = int | str | list[str]


class DiskFullError(Exception):
    """There is no room for a file."""


@dataclass
class Node:
    """A file, or a folder (`data` is None).

    `size`: bytes it takes when that is more than its data. `version` and `machine`: what the version resource and the
    PE header say.
    """

    path: str
    data: bytes | None = None
    size: int = 0
    version: str | None = None
    machine: int | None = None

    @property
    def is_folder(self) -> bool:
        """Whether this is a folder."""
        return self.data is None

    @property
    def bytes(self) -> int:
        """What it takes of the disk."""
        return max(self.size, len(self.data or b""))


def normal(path: str) -> str:
    """A path in one spelling, as Windows shows it."""
    normalized = ntpath.normpath(path.replace("/", "\\"))
    return normalized[:2].upper() + normalized[2:] if normalized[1:2] == ":" else normalized


class Disk:
    """The drive C:."""

    def __init__(self, free: int, total: int) -> None:
        self._nodes: dict[str, Node] = {}
        self.free, self.total = free, total

    def get(self, path: str) -> Node | None:
        """What lies there."""
        return self._nodes.get(normal(path).lower())

    def is_file(self, path: str) -> bool:
        """Whether a file lies there."""
        node = self.get(path)
        return node is not None and not node.is_folder

    def is_folder(self, path: str) -> bool:
        """Whether it is a folder; the drive itself is one."""
        node = self.get(path)
        return normal(path).rstrip("\\").lower() == "c:" or (node is not None and node.is_folder)

    def text(self, path: str) -> str | None:
        """A file as text."""
        node = self.get(path)
        return None if node is None or node.data is None else node.data.decode("utf-8", "replace")

    def make_folder(self, path: str) -> bool:
        """A folder and those above it; whether that changed anything."""
        path = normal(path).rstrip("\\")
        if self.is_folder(path):
            return False
        parent = ntpath.dirname(path)
        if parent and parent != path:
            self.make_folder(parent)
        self._nodes[path.lower()] = Node(path)
        return True

    def write(
        self, path: str, data: bytes, size: int = 0, version: str | None = None, machine: int | None = None
    ) -> None:
        """A file, whole. Raises DiskFullError."""
        path = normal(path)
        before = self.get(path)
        node = Node(before.path if before else path, data, size, version, machine)
        grows = node.bytes - (before.bytes if before else 0)
        if grows > max(self.free, 0):
            raise DiskFullError(path)
        self.make_folder(ntpath.dirname(path))
        self.free -= grows
        self._nodes[path.lower()] = node

    def append(self, path: str, data: bytes) -> None:
        """More of a file."""
        node = self.get(path)
        self.write(path, (node.data or b"" if node else b"") + data)

    def remove(self, path: str) -> bool:
        """A file, or a folder with all in it; whether there was one."""
        key = normal(path).rstrip("\\").lower()
        gone = [one for one in self._nodes if one == key or one.startswith(key + "\\")]
        for one in gone:
            self.free += self._nodes.pop(one).bytes
        return bool(gone)

    def children(self, path: str) -> Iterator[Node]:
        """What lies directly in a folder, by name."""
        key = normal(path).rstrip("\\").lower() + "\\"
        nodes = (node for name, node in self._nodes.items() if name.startswith(key) and "\\" not in name[len(key) :])
        yield from sorted(nodes, key=lambda node: node.path.lower())

    def below(self, path: str) -> list[Node]:
        """Everything in a folder, however deep, by name."""
        key = normal(path).rstrip("\\").lower() + "\\"
        return [node for name, node in sorted(self._nodes.items()) if name.startswith(key)]

    def as_list(self) -> list[dict[str, Any]]:
        """Everything, for a file of JSON."""
        return [
            {
                "path": node.path, "data": None if node.data is None else base64.b64encode(node.data).decode(),
                "size": node.size,
                "version": node.version, "machine": node.machine,
            }
            for node in self._nodes.values()
        ]  # fmt: skip

    def from_list(self, nodes: list[dict[str, Any]]) -> None:
        """Replace everything by what `as_list` gave."""
        self._nodes = {
            one["path"].lower(): Node(**{**one, "data": None if one["data"] is None else base64.b64decode(one["data"])})
            for one in nodes
        }


class Registry:
    r"""Keys (`HKLM\...`, `HKCU\...`) and their values; a key holds those below it."""

    def __init__(self, content: Mapping[str, Mapping[str, Value]] | None = None) -> None:
        self._keys: dict[str, tuple[str, dict[str, tuple[str, Value]]]] = {}
        for key, values in (content or {}).items():
            self.set(key, values)

    def set(self, key: str, values: Mapping[str, Value]) -> None:
        """Make a key and set values of it."""
        parts = key.strip("\\").split("\\")
        for end in range(1, len(parts) + 1):
            path = "\\".join(parts[:end])
            self._keys.setdefault(path.lower(), (path, {}))
        held = self._keys["\\".join(parts).lower()][1]
        held.update({name.lower(): (name, value) for name, value in values.items()})

    def remove(self, key: str) -> None:
        """Take a key away with all below it."""
        low = key.lower()
        for one in [one for one in self._keys if one == low or one.startswith(low + "\\")]:
            del self._keys[one]

    def has(self, key: str) -> bool:
        """Whether there is such a key."""
        return key.lower() in self._keys

    def value(self, key: str, name: str) -> Value | None:
        """A value, None when it or its key is not there."""
        stored = self._keys.get(key.lower())
        entry = stored[1].get(name.lower()) if stored else None
        return entry[1] if entry else None

    def values(self, key: str) -> dict[str, Value] | None:
        """All values of a key, None when there is no such key."""
        stored = self._keys.get(key.lower())
        return None if stored is None else dict(stored[1].values())

    def subkeys(self, key: str) -> list[str]:
        """Names of the keys directly below."""
        low = key.lower() + "\\"
        return sorted(
            (
                path[len(low) :]
                for one, (path, _) in self._keys.items()
                if one.startswith(low) and "\\" not in one[len(low) :]
            ),
            key=str.lower,
        )
