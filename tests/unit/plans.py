"""Plans of facts as a record has them, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

from ansible_collections.gpuready.lab.plugins.plugin_utils.facts.model import Facts
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan import choosing, guest
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan.wishes import Wishes
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks.model import Stack

GIVEN = guest.Given(archive=True, package="2.6.3.0")


def plan(
    facts: object, wishes: Wishes, stacks: Mapping[str, Stack], given: guest.Given = guest.NOTHING
) -> SimpleNamespace:
    """The plan's keys as attributes; `vars()` of it is the section of the record."""
    return SimpleNamespace(**choosing.plan(Facts.of(facts), wishes, stacks, given))
