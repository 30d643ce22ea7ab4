"""The frame of a record: whether its PC counts as simulated is told from whatever the inventory or -e says."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.remote import new_record, record_of


@pytest.mark.parametrize(
    ("said", "simulated"),
    [
        (None, False),
        (False, False),
        ("false", False),  # -e gpuready_simulated=false is a text
        ("No", False),
        (0, False),
        ("", False),
        (True, True),
        ("yes", True),
        (1, True),
        ("{{ is_a_lab_of_models }}", True),  # what is no plain no is never taken for a real PC
        ("perhaps", True),
    ],
)
def test_only_a_plain_no_makes_a_pc_a_real_one(said: Any, simulated: bool) -> None:
    assert new_record({"inventory_hostname": "pc1", "gpuready_simulated": said})["simulated"] is simulated


def test_a_record_is_extended_as_a_copy() -> None:
    known = {"host": "pc1", "troubles": [{"code": "X", "message": "x"}]}
    found = record_of({"inventory_hostname": "pc1", "ansible_facts": {"gpuready": known}})
    found["troubles"].append({"code": "Y", "message": "y"})
    assert known["troubles"] == [{"code": "X", "message": "x"}]


def test_without_a_record_there_is_an_empty_one() -> None:
    found = record_of({"inventory_hostname": "pc1", "ansible_facts": {"gpuready": "nonsense"}})
    assert (found["host"], found["troubles"], found["simulated"]) == ("pc1", [], False)
