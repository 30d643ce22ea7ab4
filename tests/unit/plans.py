"""Plans of facts as a record has them, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

from ansible_collections.gpuready.lab.plugins.plugin_utils.facts.model import Facts
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan import choosing
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan.wishes import Wishes
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks.model import Stack


def plan(facts: object, wishes: Wishes, stacks: Mapping[str, Stack], wsl_automated: bool = False) -> SimpleNamespace:
    """The plan's keys as attributes; `vars()` of it is the section of the record."""
    return SimpleNamespace(**choosing.plan(Facts.of(facts), wishes, stacks, wsl_automated))
