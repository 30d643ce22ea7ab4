"""A wrong option of any action is one clear line that names the action, the option and what would be right."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.template import Templar, trust_as_template
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


class Asked(gpu_plan.ActionModule):
    """Says what it was asked."""

    SPEC: ClassVar[Any] = {"home": {"type": "str"}, "redact": {"type": "bool", "default": False}}
    OF_LAB: ClassVar[Any] = {"home": "the_home", "redact": "the_redact"}

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        return {"asked": asked}


def asked_of(arguments: dict[str, Any], **variables: Any) -> dict[str, Any]:
    task = Task()
    task.action, task.args = "gpuready.lab.asked", arguments
    there, loader = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/tmp/there")), DataLoader()
    of_lab = {name: trust_as_template(value) if isinstance(value, str) else value for name, value in variables.items()}
    return Asked(task, there, SimpleNamespace(), loader, Templar(loader, of_lab), None).run(task_vars=of_lab)


@pytest.mark.parametrize(
    ("arguments", "variables", "home", "redact"),
    [
        ({}, {}, None, False),
        ({}, {"the_home": "C:\\gpu", "the_redact": "yes"}, "C:\\gpu", True),
        ({}, {"the_home": "{{ root }}/gpu", "root": "/srv"}, "/srv/gpu", False),
        ({"home": "/mine"}, {"the_home": "/srv"}, "/mine", False),
        ({}, {"the_home": "", "the_redact": ""}, None, False),
        ({}, {"the_home": None}, None, False),
    ],
)
def test_what_a_task_leaves_out_a_variable_says(arguments: Any, variables: Any, home: Any, redact: bool) -> None:
    assert asked_of(arguments, **variables)["asked"] == {"home": home, "redact": redact}


@pytest.mark.parametrize(
    ("variables", "says"),
    [({"the_redact": "perhaps"}, "(so says the_redact)"), ({"the_home": "{{ nowhere }}"}, "the_home: ")],
)
def test_a_wrong_variable_is_named(variables: Any, says: str) -> None:
    result = asked_of({}, **variables)
    assert (result["failed"], result["code"]) == (True, "BAD_INPUT")
    assert says in result["msg"]
    assert "\n" not in result["msg"]


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
