"""What wsl.exe says, in the languages that it speaks: labels of microsoft/WSL (MIT licence), in data/wsl_texts.json."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any


@cache
def _texts() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("data/wsl_texts.json").read_text("utf-8")
    return dict(json.loads(text))


def _in(language: str) -> dict[str, Any]:
    texts = _texts()
    return dict(texts.get(language, texts["en-US"]))


def versions(language: str, wsl: str, kernel: str, windows: str) -> str:
    """The answer to `wsl --version`, in the order that every language has."""
    numbers = (wsl, kernel, "1.0.66", "1.2.6353", "1.611.1-81528511", "10.0.26100.1-240331-1435.ge-release", windows)
    return "".join(f"{label}{number}\n" for label, number in zip(_in(language)["versions"], numbers, strict=True))


def template(language: str) -> str:
    """How an error is put: a place for the text, then one for the code."""
    return str(_in(language)["error"])


def error(language: str, code: str) -> str:
    """A failure: a sentence, and the code that no language changes."""
    text = template(language)
    return text.replace("{}", "Catastrophic failure", 1).replace("{}", code, 1) + "\n"
