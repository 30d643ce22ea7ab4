"""A simulated lab from its YAML; and its PCs as the documents that a Windows machine is made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from gpuready.errors import GpureadyError
from gpuready.simlab.documents import to_cim, to_files, to_registry, winlab_arguments
from gpuready.simlab.schema import Pc, Scenario

__all__ = ["Pc", "Scenario", "load", "merged", "parse", "to_cim", "to_files", "to_registry", "winlab_arguments"]


class _Loader(yaml.SafeLoader):
    """YAML in which `on` and `off` are words, as in YAML 1.2: only true and false are truths."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def load(path: Path | str) -> Scenario:
    """A lab from its file. Raises GpureadyError: one line with the file and where in it the mistake is."""
    path = Path(path)
    try:
        document = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise GpureadyError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise GpureadyError(f"{path}: this is not a text file in UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise GpureadyError(
            f"{where}: this is not YAML: {getattr(error, 'problem', None) or 'it cannot be read'}"
        ) from None
    return parse(document, str(path))


def parse(document: object, name: str = "scenario") -> Scenario:
    """A lab from a document; `defaults` and `count` are worked in. Raises GpureadyError."""
    if not isinstance(document, Mapping) or not isinstance(document.get("pcs"), list):
        raise GpureadyError(f"{name}: pcs: a lab is a mapping with a list `pcs`")
    content = dict(document)
    defaults = content.pop("defaults", None)
    defaults = {} if defaults is None else defaults
    if not isinstance(defaults, Mapping):
        raise GpureadyError(f"{name}: defaults: this is not a mapping")
    content["pcs"] = [merged(defaults, pc) if isinstance(pc, Mapping) else pc for pc in content["pcs"]]
    try:
        return Scenario.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise GpureadyError(f"{name}: {_where(first['loc'], content)}: {first['msg']}") from None


def _where(path: tuple[int | str, ...], content: Mapping[str, Any]) -> str:
    """A path of keys as a person finds it: a PC by its name."""
    parts = [str(part) for part in path]
    if len(path) > 1 and path[0] == "pcs" and isinstance(path[1], int):
        pc = content["pcs"][path[1]]
        name = pc.get("name") if isinstance(pc, Mapping) else None
        parts[:2] = [f"pcs[{name or path[1]}]"]
    return ".".join(parts) or "lab"


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two mappings as one; where both have a mapping, those too."""
    result = dict(below)
    for key, value in above.items():
        known = result.get(key)
        result[key] = merged(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return result
