"""What a PC is asked to train: the task's own word, then the record's; nothing where the plan cannot be carried out."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict import training
from records import changed, good

PYTHON = r"C:\ProgramData\gpuready\environments\x-aa\Scripts\python.exe"
THERE = {"stack": "tensorflow-directml-plugin", "lock_sha256": "aa", "state": "old", "python": PYTHON}
OPTIONS = {"time_limit": 60, "interpreter": None, "backend": None, "adapter": None, "options": {"steps": 3}}


def planned(**environment: Any) -> dict[str, Any]:
    record = changed("facts.environments", [THERE])
    record["plan"]["environment"] |= environment
    return record


def test_the_plan_says_what_trains_where_and_which_gpu_is_seen() -> None:
    assert training.request(OPTIONS, planned(visible_devices="GPU-1")) == {
        "time_limit": 60,
        "options": {"steps": 3},
        "interpreter": PYTHON,
        "home": r"C:\ProgramData\gpuready",
        "backend": "tensorflow2-directml",
        "gpu_variable": "DML_VISIBLE_DEVICES",
        "visible_devices": "GPU-1",
        "adapter": "AMD Radeon RX 6800",
    }


def test_a_stack_that_obeys_no_variable_is_given_none() -> None:
    found = training.request({}, planned(gpu_variable=None))
    assert isinstance(found, dict)
    assert not {"gpu_variable", "visible_devices"} & set(found)


def test_the_task_comes_before_the_record() -> None:
    given = {"interpreter": "/usr/bin/python3", "backend": "torch-xpu", "adapter": "Arc", "visible_devices": "0"}
    found = training.request(given, changed("plan", None))
    assert found == given
    assert training.request(given, planned())["visible_devices"] == "0"


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        ("plan.blockers", [{"code": "BASIC_DRIVER"}], "the plan cannot be carried out"),
        ("plan.driver", {"required": True}, "the driver that the plan names is not installed"),
        ("plan.stack", None, "the plan cannot be carried out"),
        ("plan", None, "the plan cannot be carried out"),
        ("troubles", [{"code": "BUSY"}], "the plan cannot be carried out"),
        ("facts.environments", [], "the stack's environment is not on the PC"),
        ("facts.environments", None, "the stack's environment is not on the PC"),
        ("facts.environments", [{**THERE, "state": "building"}], "the stack's environment is not on the PC"),
        ("facts.environments", [{**THERE, "lock_sha256": "bb"}], "the stack's environment is not on the PC"),
        ("facts.environments", [{**THERE, "stack": "cuda"}], "the stack's environment is not on the PC"),
        ("facts.environments", [{**THERE, "python": None}], "the stack's environment is not on the PC"),
    ],
)
def test_why_nothing_is_trained(place: str, value: Any, why: str) -> None:
    assert training.request({}, changed(place, value)) == f"nothing is trained: {why}"


def test_what_was_just_built_comes_before_what_was_there() -> None:
    record = planned()
    record["apply"] = {"environment": {"python": "/new/python", "lock_sha256": "aa"}}
    assert training.interpreter(record) == "/new/python"
    record["apply"]["environment"]["lock_sha256"] = "bb"
    assert training.interpreter(record) == PYTHON


def test_how_it_ended() -> None:
    assert training.ending(good()["training"]) == "trained"
    assert training.ending({"finished": False}) == "the training did not come to its end"
    assert training.ending({"skipped": "check mode"}) == "nothing is trained: check mode"


def test_the_folder_that_an_interpreter_lies_in() -> None:
    assert training.home_of("/opt/gpuready/environments/cpu-aa/bin/python") == "/opt/gpuready"
