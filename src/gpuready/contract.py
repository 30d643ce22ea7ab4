"""What the program and the collection both know, from the collection's `contract.yml`: wishes, variables, states."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from gpuready import project
from gpuready.errors import GpureadyError


@dataclass(frozen=True)
class Contract:
    """`wishes`: short name -> the words that it may be, None for what is no list of words (any text, a stack).

    `variables` are the product's own that are no wishes, by short name, and `counts` those of them that are whole
    numbers from 0; `ready` the states that count as ready; `secrets` what stands for a secret in a text, with what may
    be told of it; `secret_name` is the name of a variable that holds one.
    """

    wishes: Mapping[str, tuple[str, ...] | None]
    variables: tuple[str, ...]
    counts: tuple[str, ...]
    states: tuple[str, ...]
    ready: tuple[str, ...]
    secrets: tuple[tuple[re.Pattern[str], str], ...]
    secret_name: re.Pattern[str]


@cache
def load(base: Path) -> Contract:
    """The contract of the project at `base`, read once a process. Raises GpureadyError."""
    file = project.collection(base) / "contract.yml"
    try:
        content = yaml.load(file.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe
        truths = (*content["truths"]["true"], *content["truths"]["false"])
        wishes = {
            name: tuple(given) if isinstance(given, list) else truths if given == "truth" else None
            for name, given in content["wishes"].items()
        }
        variables, counts, states, ready = (tuple(content[name]) for name in ("variables", "counts", "states", "ready"))
        secrets = tuple((re.compile(one["pattern"]), one["instead"]) for one in content["secrets"])
        return Contract(
            wishes, (*variables, *counts), counts, states, ready, secrets, re.compile(content["secret_names"])
        )
    except (OSError, ValueError, re.error, yaml.YAMLError, LookupError, TypeError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or "it is not what this version of gpuready reads"
        raise GpureadyError(f"{file}: {reason}: set GPUREADY_ROOT to a whole checkout of gpuready") from None
