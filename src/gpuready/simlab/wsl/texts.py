"""The texts of wsl.exe in English, by their identifiers, from data/wsl_exe_messages.json (microsoft/WSL, MIT)."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any


@cache
def _data() -> dict[str, Any]:
    source = resources.files("gpuready.simlab").joinpath("data/wsl_exe_messages.json")
    return dict(json.loads(source.read_text("utf-8")))


def message(name: str, *values: object) -> str:
    """A text with its places filled in, in their order."""
    text = str(_data()["messages"][name]["text"])
    for value in values:
        text = text.replace("{}", str(value), 1)
    return text


def system(code: str) -> str:
    """Windows' own text for an error; each ends with a blank."""
    return _system().get(code, "Catastrophic failure ")


@cache
def _system() -> dict[str, str]:
    return {key.rsplit(" ", 1)[-1]: value[0] for key, value in _data()["system_messages"]["values"].items()}


@cache
def of_codes() -> dict[str, str]:
    """What an error says by itself: the message that belongs to its name alone and has no places."""
    found: dict[str, str] = {}
    for entry in _data()["messages"].values():
        names = entry.get("hresult") or []
        if "error" in (entry.get("kind") or "") and len(names) == 1 and not entry.get("args"):
            found.setdefault(names[0], entry["text"])
    return found | {
        "WSL_E_INVALID_USAGE": message("MessageWslUsage"),
        "WSL_E_DISTRO_NOT_STOPPED": message("MessageVhdInUse"),
        "WSL_E_DEFAULT_DISTRO_NOT_FOUND": message("MessageNoDefaultDistro"),
        "WSL_E_WSL1_DISABLED": message("MessageWSL1Disabled"),
        "WSL_E_VM_CRASHED": message("MessageWSL2Crashed"),
    }


@cache
def numbers() -> dict[str, str]:
    """The names that the tail of an error may have, with their numbers."""
    return dict(_data()["named_hresults"]["values"])


@cache
def named_later() -> frozenset[str]:
    """Names that releases up to 2.9.4 still print as numbers."""
    return frozenset(_data()["named_hresults"]["after_2_9_4"])
