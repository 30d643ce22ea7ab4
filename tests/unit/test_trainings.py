"""The job that trains: asked for alike by who starts it and who collects it, and started at once where all is there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible_collections.gpuready.lab.plugins.action import gpu_facts
from ansible_collections.gpuready.lab.plugins.plugin_utils import trainings
from ansible_collections.gpuready.lab.plugins.plugin_utils.action import BadInput, options
from records import changed, good
from words import DATA

ROLE = yaml.safe_load((DATA.parents[1] / "roles/gpu_verify/defaults/main.yml").read_text(encoding="utf-8"))
RUN = {"gpuready_run_id": "now"}


def same(value: Any) -> Any:
    return value


def open_() -> dict[str, Any]:
    """A record of a look and a plan at whose PC all is there."""
    record = good()
    for section in ("training", "verdict", "apply"):
        record.pop(section, None)
    return record


def test_a_look_asks_for_what_the_role_asks_for() -> None:
    of_role = {name: ROLE[variable] for name, variable in trainings._OF_LAB.items()}
    of_role = options("training_facts", of_role, trainings.SPEC)
    ours = trainings.asked(trainings.of_lab({}, same), open_(), RUN, None, aside=True)
    theirs = trainings.asked(of_role, open_(), RUN, None, aside=True)
    assert not isinstance(ours, str)
    assert ours == theirs


def test_what_the_lab_set_is_what_is_asked_for() -> None:
    given = trainings.of_lab({"gpu_verify_time_limit": "90", "gpu_verify_environment": {"A": "1"}}, same)
    assert (given["time_limit"], given["variables"], given["options"]) == (90, {"A": "1"}, {})


def test_what_the_lab_set_wrong_is_refused() -> None:
    with pytest.raises(BadInput, match="time_limit"):
        trainings.of_lab({"gpu_verify_time_limit": "soon"}, same)


def undefined(value: Any) -> Any:
    raise AnsibleError(f"{value}: 'nobody' is undefined")


@pytest.mark.parametrize(("given", "template"), [({"gpu_verify_time_limit": "soon"}, same), ({}, undefined)])
def test_what_the_lab_set_wrong_is_left_to_the_task_that_says_so(given: dict[str, Any], template: Any) -> None:
    action = gpu_facts.ActionModule.__new__(gpu_facts.ActionModule)
    action._templar = SimpleNamespace(template=template)
    assert action._train(None, open_(), given) is False


def test_where_all_is_there_training_starts_at_once() -> None:
    assert trainings.can_start(open_(), {})
    assert trainings.can_start(open_(), {"gpuready_canary": 0, "gpuready_train_at_once": "0"})


BUILD = [{"name": "python_environment", "needed": True, "reason": "none"}]
THERE = {"name": "python_environment", "needed": False, "reason": "there"}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("plan.steps", BUILD),
        ("plan.steps", []),
        ("plan.steps", [THERE, {"name": "wsl", "needed": True, "reason": "none"}]),
        ("plan.steps", [THERE, {"name": "gpu_driver", "needed": None, "reason": "unknown"}]),
        ("plan.blockers", [{"code": "DISK_SPACE"}]),
        ("troubles", [{"code": "DISK_FULL"}]),
        ("verdict", {"state": "NOT_READY"}),
    ],
)
def test_where_anything_is_to_be_done_before_it_does_not(place: str, value: object) -> None:
    assert not trainings.can_start(changed(place, value, open_()), {})


@pytest.mark.parametrize("name", ["gpuready_canary", "gpuready_train_at_once"])
@pytest.mark.parametrize("value", [1, "3", "{{ many }}"])
def test_a_pc_that_waits_for_others_does_not(name: str, value: object) -> None:
    assert not trainings.can_start(open_(), {name: value})
