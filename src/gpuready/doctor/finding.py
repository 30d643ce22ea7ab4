"""What the doctor finds: each a thing that is well, to be mended, to be looked at, or could not be checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gpuready import codes
from gpuready.errors import GpureadyError

State = Literal["ok", "wrong", "warning", "unchecked"]


@dataclass(frozen=True)
class Finding:
    """`what` was looked at, what is said of it, and where it is not well the exact fix."""

    what: str
    state: State
    said: str
    next_step: str = ""
    code: str = ""


def ok(what: str, said: str) -> Finding:
    """It is well."""
    return Finding(what, "ok", said)


def wrong(what: str, said: str, next_step: str) -> Finding:
    """A run would fail, or do what was not meant."""
    return Finding(what, "wrong", said, next_step)


def warning(what: str, said: str, next_step: str) -> Finding:
    """A run may do well all the same."""
    return Finding(what, "warning", said, next_step)


def unchecked(what: str, said: str, next_step: str = "") -> Finding:
    """Nobody knows, which is no pass."""
    return Finding(what, "unchecked", said, next_step)


def coded(what: str, code: str, details: str = "") -> Finding:
    """What a run would give this code for, in the words of the page of codes."""
    try:
        known = codes.find(code)
    except GpureadyError as error:
        return Finding(what, "wrong", f"{code}: {details}", str(error), code)
    return Finding(what, "wrong", f"{known.cause}{f': {details}' if details else ''}", known.next_step, code)
