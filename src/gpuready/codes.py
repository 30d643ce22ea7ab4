"""What a code means, from the page of all codes that the collection makes (docs/codes.md)."""

from __future__ import annotations

import difflib
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gpuready import project
from gpuready.errors import GpureadyError

_PART = re.compile(r"^## (?P<code>[A-Z][A-Z0-9_]*)\n\n(?P<cause>.+)\n\n(?P<facts>(?:- .*\n?)+)", re.MULTILINE)
_LABELS = ("From", "Next step", "Known by")


@dataclass(frozen=True)
class Code:
    """A code as the page has it; empty where the page says nothing."""

    code: str
    cause: str
    origin: str
    next_step: str
    known_by: str
    text: str

    def as_dict(self) -> dict[str, Any]:
        """For a document of JSON."""
        return {key: value for key, value in asdict(self).items() if key != "text"}


def is_code(given: str) -> bool:
    """Whether this is a code's name rather than a file's; one of several words in any case."""
    return re.fullmatch(r"[A-Z][A-Z0-9_]{2,}|[a-z]\w*_\w+", given, re.ASCII) is not None and not Path(given).exists()


def find(code: str) -> Code:
    """The part of the page on a code. Raises GpureadyError for one that is not there."""
    code = code.upper()
    file = project.collection(project.root()) / "docs/codes.md"
    try:
        page = file.read_text("utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not what this version of gpuready reads"
        raise GpureadyError(f"{file}: {reason}: set GPUREADY_ROOT to a whole checkout of gpuready") from None
    parts = {part["code"]: part for part in _PART.finditer(page)}
    if code not in parts:
        near = difflib.get_close_matches(code, parts, 3)
        hint = f": do you mean {' or '.join(near)}?" if near else ""
        raise GpureadyError(f"{code}: gpuready gives no such code{hint}; {file} has them all")
    part = parts[code]
    known = dict(re.findall(r"^- ([^:\n]+): (.*)$", part["facts"], re.MULTILINE))
    origin, step, by = (known.get(name, "") for name in _LABELS)
    return Code(code, part["cause"], origin, step, by, part[0].rstrip())
