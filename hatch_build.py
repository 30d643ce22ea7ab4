"""What a wheel carries besides the package: the collection where Ansible finds it, inventories, and the settings.

The checkout has links where the wheel has files. An editable installation uses the checkout itself and gets nothing.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CARRIED = {
    "collections/ansible_collections/gpuready": "ansible_collections/gpuready",
    "inventories": "gpuready/house/inventories",
    "ansible.cfg": "gpuready/house/ansible.cfg",
}


class Carry(BuildHookInterface):
    """Adds the files to a wheel that is to be installed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the build; `version` is "standard" or "editable"."""
        if version == "standard":
            build_data["force_include"].update(CARRIED)
