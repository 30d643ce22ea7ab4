"""Passwords in what PCs and Ansible say, which a PC may echo: none reaches the screen or whoever listens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from gpuready import events
from gpuready.contract import Contract

_SHORTEST = 4  # a secret of fewer characters would hide every other word
_INSTEAD = "***"


class Hider:
    """Hides the secrets among some variables, and whatever stands where a secret does (`password=...`)."""

    def __init__(self, known: Contract, variables: Iterable[Mapping[str, Any]], typed: str | None) -> None:
        values = {typed} | {
            str(value)
            for given in variables
            for name, value in given.items()
            if isinstance(value, str | int) and known.secret_name.search(name) and "{{" not in str(value)
        }
        self._values = sorted((one for one in values if one and len(one) >= _SHORTEST), key=len, reverse=True)
        self._patterns = known.secrets

    def text(self, given: str) -> str:
        """The text without them."""
        for value in self._values:
            given = given.replace(value, _INSTEAD)
        for pattern, instead in self._patterns:
            given = pattern.sub(instead, given)
        return given

    def event(self, given: events.Event) -> events.Event:
        """An event whose words are others'."""
        match given:
            case events.StepFinished():
                return replace(given, message=self.text(given.message))
            case events.HostFinished():
                return replace(given, cause=self.text(given.cause), next_step=self.text(given.next_step))
            case events.Output():
                return events.Output(self.text(given.text))
            case _:
                return given
