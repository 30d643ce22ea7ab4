"""A wrong option of any action is one clear line that names the action, the option and what would be right."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.action import fleet_report, gpu_facts, gpu_plan, gpu_verdict
from ansible_collections.gpuready.lab.plugins.plugin_utils.action import BadInput, options
from ansible_collections.gpuready.lab.plugins.plugin_utils.remote import RemoteAction


@pytest.mark.parametrize(
    ("action", "given", "says"),
    [
        (gpu_plan, {"wishs": {}}, "wishs is not one of wishes"),
        (gpu_plan, {"wishes": "cuda"}, "'wishes'"),
        (gpu_facts, {"time_limit": "soon"}, "'time_limit'"),
        (gpu_facts, {"plan": "perhaps"}, "'plan'"),
        (gpu_facts, {"home": {"a": 1}, "colour": 1}, "colour is not one of home, time_limit, sysfs, check_hashes"),
        (fleet_report, {"directory": "/x"}, "hosts"),
        (fleet_report, {"hosts": ["pc1"], "directory": "/x", "formats": ["pdf"]}, "csv, html, junit, md, prom"),
        (gpu_verdict, {"policy": [1]}, "'policy'"),
    ],
)
def test_a_wrong_option_is_one_line(action: Any, given: dict[str, Any], says: str) -> None:
    name = action.__name__.rpartition(".")[2]
    with pytest.raises(BadInput) as caught:
        options(name, given, action.ActionModule.SPEC)
    line = str(caught.value)
    assert line.startswith(f"{name}: ")
    assert says in line
    assert "\n" not in line


def test_options_are_converted_and_what_is_not_given_is_none_or_its_default() -> None:
    asked = options("gpu_facts", {"time_limit": "30", "plan": "yes"}, gpu_facts.ActionModule.SPEC)
    assert (asked["time_limit"], asked["plan"], asked["home"]) == (30, True, None)
    assert options("fleet_report", {"hosts": "pc1,pc2", "directory": "/x"}, fleet_report.ActionModule.SPEC)[
        "hosts"
    ] == [
        "pc1",
        "pc2",
    ]


@pytest.mark.parametrize(
    ("known", "code", "expected"),
    [
        ({"facts": {"os": {}}}, "PORT_CLOSED", "CONNECTION_CUT"),
        ({"facts": {"os": {}}}, "HOST_OFF", "CONNECTION_CUT"),
        ({"facts": {"os": {}}}, "AUTH_REJECTED", "AUTH_REJECTED"),
        ({}, "PORT_CLOSED", "PORT_CLOSED"),
    ],
)
def test_a_pc_that_goes_while_it_trains_was_cut_off(known: Any, code: str, expected: str) -> None:
    """It restarted, or its cable was pulled: it answered in this very run."""
    action = SimpleNamespace(
        _task=SimpleNamespace(get_name=lambda: "Train"),
        keep_tries=lambda *_: None,
        _told=lambda answer, nothing: answer["trouble"],
    )
    record: Any = {**known, "troubles": []}
    answer = {"trouble": {"code": code, "message": "gone"}}
    assert RemoteAction.fact(action, "x", record, "verify", answer, "NO_EVIDENCE") is None  # type: ignore[arg-type]
    assert [one["code"] for one in record["troubles"]] == [expected]
