# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What keeps a Windows PC from a guest of WSL 2, for roles that stop before they change anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..plugin_utils.facts.model import Facts
from ..plugin_utils.plan import guest


def wsl_blockers(facts: Mapping[str, Any], package: bool = False) -> list[str]:
    """Each as CODE: cause."""
    return [f"{one.code}: {one.cause}" for one in guest.of_any(Facts.of(facts), package)]


class FilterModule:
    """The filter as Ansible loads it."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """By name."""
        return {"wsl_blockers": wsl_blockers}
