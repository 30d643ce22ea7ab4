"""One machine under several names is no two PCs."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict import machines
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict.judging import verdict
from records import good


def looked_at(host: str, **system: Any) -> dict[str, Any]:
    record = good()
    record["host"] = host
    record["facts"]["os"] |= {"computer_name": "PC07", "boot_time": "2026-11-20T06:00:00.512Z", **system}
    return {**record, "verdict": dict(verdict(record, {}))}


def states(*records: dict[str, Any]) -> list[tuple[str, str]]:
    machines.tell_apart(records)
    return [(record["verdict"]["state"], record["verdict"]["code"]) for record in records]


READY, SAME = ("READY", "TRAINED"), ("UNKNOWN", "SAME_MACHINE")


def test_two_names_of_one_machine_are_unknown_both() -> None:
    first, second, other = looked_at("pc07"), looked_at("alias"), looked_at("pc08", computer_name="PC08")
    assert states(first, second, other) == [SAME, SAME, READY]
    assert "alias shows it too" in first["verdict"]["cause"]
    assert "pc07 shows it too" in second["verdict"]["cause"]
    assert first["verdict"]["next_step"]
    assert first["verdict"]["fingerprint"]["host"] == "pc07"


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ({"boot_time": "2026-11-20T06:00:31Z"}, SAME),  # its clock was set in between
        ({"computer_name": "pc07"}, SAME),
        ({"boot_time": "2026-11-20T07:00:00+01:00"}, SAME),
        ({"boot_time": "2026-11-20T06:30:00Z"}, READY),  # one image on two PCs
        ({"boot_time": None}, READY),
        ({"boot_time": "yesterday"}, READY),
        ({"boot_time": 7}, READY),
        ({"computer_name": None}, READY),
        ({"family": "linux"}, READY),
    ],
)
def test_what_makes_them_one(system: dict[str, Any], expected: tuple[str, str]) -> None:
    assert states(looked_at("pc07"), looked_at("alias", **system)) == [expected, expected]


@pytest.mark.parametrize("adapters", [None, [], "x", [{"id": "PCI\\OTHER"}], [{"id": "PCI\\VEN_1002&DEV_73BF"}] * 2])
def test_other_gpus_are_another_machine(adapters: Any) -> None:
    second = looked_at("alias")
    second["facts"]["adapters"] = adapters
    assert states(looked_at("pc07"), second) == [READY, READY]


def test_a_pc_that_could_not_be_looked_at_is_no_machine() -> None:
    assert machines.same([{"host": "a"}, {"host": "b", "facts": None}, {}]) == []
