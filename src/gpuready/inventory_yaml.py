"""The files of an inventory before Ansible reads them: what it says unclearly or not at all, with file and line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from gpuready.errors import GpureadyError

VARIABLES = ("group_vars", "host_vars")
_YAML = (".yml", ".yaml")
_MERGE = "tag:yaml.org,2002:merge"
_NULL = "tag:yaml.org,2002:null"
# What Ansible reads of a folder is everything but these.
_IGNORED = (".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry")


class _Loader(yaml.SafeLoader):
    """YAML with any tag (`!vault`, `!unsafe`): here only the syntax matters."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: None)


def check(source: str) -> None:
    """Look through the YAML of an inventory (file or folder) and of its variables. Raises GpureadyError.

    Found are: what is not YAML, a key that stands twice (of which Ansible takes the last), a PC or group that is not
    a mapping, and a folder with no inventory in it.
    """
    path = Path(source)
    if not path.exists():
        return
    places, variables = files(path)
    for file in places:
        if file.suffix in _YAML:
            _check_hosts(file, _check_yaml(file))
        elif file.suffix == ".json":
            _check_json(file)
    for file in variables:
        if file.suffix in _YAML or not file.suffix:
            _check_yaml(file)
        elif file.suffix == ".json":
            _check_json(file)
    if not places:
        raise GpureadyError(f"{source}: there is no inventory in this folder: put a hosts.yml in it")


def files(path: Path) -> tuple[list[Path], list[Path]]:
    """The files of an inventory, and those of the variables beside it."""
    beside = path if path.is_dir() else path.parent
    places = [path] if path.is_file() else _sources(path)
    folders = [folder for name in VARIABLES if (folder := beside / name).is_dir()]
    return places, [file for folder in folders for file in sorted(f for f in folder.rglob("*") if f.is_file())]


def keys(file: Path) -> Iterator[tuple[int, str, str | None]]:
    """Every key of a YAML file with its line and, where it is plain text, its value. Raises GpureadyError."""
    for mapping in _mappings(_check_yaml(file)):
        for key, value in mapping.value:
            if isinstance(key, yaml.ScalarNode):
                plain = isinstance(value, yaml.ScalarNode) and not value.tag.startswith("!")
                yield key.start_mark.line + 1, key.value, value.value if plain else None


def _sources(folder: Path) -> list[Path]:
    """Files that Ansible takes for inventories, those of folders within it too."""
    files: list[Path] = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name.endswith(_IGNORED):
            continue
        if entry.is_dir():
            files += _sources(entry) if entry.name not in (*VARIABLES, "vars_plugins", "reports") else []
        elif entry.is_file():
            files.append(entry)
    return files


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        raise GpureadyError(f"{file}: this is not a text file in UTF-8") from None
    except OSError as error:
        raise GpureadyError(f"{file}: cannot be read: {error.strerror}") from None


def _check_yaml(file: Path) -> yaml.Node | None:
    text = _text(file)
    if text.startswith("$ANSIBLE_VAULT"):
        return None
    try:
        loader = _Loader(text)
        root: yaml.Node | None = loader.get_single_node()
        for mapping in _mappings(root):
            _check_keys(file, mapping)
        if root:
            loader.construct_document(root)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date like 2026-13-45
        mark = getattr(error, "problem_mark", None)
        where = f"{file}:{mark.line + 1}" if mark else str(file)
        reason = getattr(error, "problem", None) or str(getattr(error, "reason", "") or error) or "it cannot be read"
        raise GpureadyError(f"{where}: this is not YAML: {' '.join(reason.split())}") from None
    except RecursionError:
        raise GpureadyError(f"{file}: this is not YAML that can be read: it is too deep") from None
    return root


def _mappings(root: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    waiting, seen = [root] if root else [], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield node
            waiting += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


def _check_keys(file: Path, mapping: yaml.MappingNode) -> None:
    seen: dict[tuple[str, str], yaml.ScalarNode] = {}
    for key, _ in mapping.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
            continue
        first = seen.setdefault((key.tag, key.value), key)
        if first is not key:
            where = f"first in line {first.start_mark.line + 1}"
            raise GpureadyError(
                f"{file}:{key.start_mark.line + 1}: {key.value} stands here twice ({where}): "
                "the first would be lost: remove one"
            )


def _check_hosts(file: Path, root: yaml.Node | None) -> None:
    """Every PC of every group is a mapping of variables or nothing. What has no groups is another kind of file."""
    groups = [value for _, value in root.value] if isinstance(root, yaml.MappingNode) else []
    seen: set[int] = set()
    while groups:
        group = groups.pop()
        if not isinstance(group, yaml.MappingNode) or id(group) in seen:
            continue
        seen.add(id(group))
        parts = {key.value: value for key, value in group.value if isinstance(key, yaml.ScalarNode)}
        hosts, children = parts.get("hosts"), parts.get("children")
        for key, value in hosts.value if isinstance(hosts, yaml.MappingNode) else ():
            nothing = isinstance(value, yaml.ScalarNode) and value.tag == _NULL
            if not isinstance(value, yaml.MappingNode) and not nothing and key.tag != _MERGE:
                name = key.value if isinstance(key, yaml.ScalarNode) else "?"
                shown = value.value if isinstance(value, yaml.ScalarNode) else "a list"
                where = f"{file}:{key.start_mark.line + 1}"
                raise GpureadyError(f"{where}: {name} has variables as `name: value`, or nothing, and not {shown}")
        if isinstance(children, yaml.MappingNode):
            groups += [value for _, value in children.value]


def _check_json(file: Path) -> None:
    text = _text(file)
    if text.startswith("$ANSIBLE_VAULT"):
        return

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for name, value in pairs:
            if name in members:
                raise GpureadyError(f"{file}: {name} stands twice in one object: the first would be lost: remove one")
            members[name] = value
        return members

    try:
        json.loads(text, object_pairs_hook=once)
    except ValueError:
        return  # it may be YAML all the same, and Ansible says what it is not
    except RecursionError:
        raise GpureadyError(f"{file}: this is not JSON that can be read: it is too deep") from None
