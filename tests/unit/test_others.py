"""What an action that acts once for all PCs reads of each of them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.gpuready.lab.plugins.plugin_utils.others import Variables


@pytest.fixture
def hostvars() -> Any:
    loader = DataLoader()
    inventory = InventoryManager(loader, sources=["pc1,"])
    manager = VariableManager(loader, inventory)
    manager.set_host_facts("pc1", {"gpuready": {"host": "pc1", "said": "{{ 1 + 1 }}"}})
    for name, value in {"wish": "{{ 1 + 1 }}", "broken": "{{ nowhere }}", "count": 3}.items():
        manager.set_host_variable("pc1", name, trust_as_template(value) if isinstance(value, str) else value)
    HostVars(inventory, manager, loader)
    return Templar(loader, {}), manager._hostvars


def test_a_wish_is_filled_in_and_a_record_is_read_as_it_lies_there(hostvars: Any) -> None:
    found = Variables({"hostvars": hostvars[1]}, "pc1")
    assert (found["wish"], found["count"]) == (2, 3)
    assert found["ansible_facts"]["gpuready"] == {"host": "pc1", "said": "{{ 1 + 1 }}"}
    assert "wish" in found
    assert found.get("not_there") is None


def test_a_broken_variable_hurts_who_asks_for_it(hostvars: Any) -> None:
    found = Variables({"hostvars": hostvars[1]}, "pc1")
    assert found["inventory_hostname"] == "pc1"
    with pytest.raises(Exception, match="nowhere"):
        found["broken"]


@pytest.mark.parametrize("known", [{}, {"hostvars": {}}, {"hostvars": {"pc1": {}}}])
def test_a_host_that_nobody_knows_has_no_variables(known: Any) -> None:
    assert dict(Variables(known, "pc2")) == {}
