"""What a student's launcher and kernel set: the stack's own variable, with what the training found its GPU with."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.environment.launcher import display_name, launcher_variable


def record(variable: Any, device: Any) -> dict[str, Any]:
    return {"plan": {"environment": {"gpu_variable": variable}}, "training": {"device": device}}


@pytest.mark.parametrize(
    ("variable", "visible", "launched"),
    [
        ("DML_VISIBLE_DEVICES", 1, "DML_VISIBLE_DEVICES=1"),
        ("DML_VISIBLE_DEVICES", 0, "DML_VISIBLE_DEVICES=0"),
        ("DML_VISIBLE_DEVICES", "1, 0", "DML_VISIBLE_DEVICES=1,0"),
        ("CUDA_VISIBLE_DEVICES", "GPU-1-2", "CUDA_VISIBLE_DEVICES=GPU-1-2"),
        ("ONEAPI_DEVICE_SELECTOR", "level_zero:1", "ONEAPI_DEVICE_SELECTOR=level_zero:1"),
        ("DML_VISIBLE_DEVICES", None, ""),
        ("DML_VISIBLE_DEVICES", "", ""),
        ("DML_VISIBLE_DEVICES", "1; rm", ""),
        ("DML_VISIBLE_DEVICES", "%PATH%", ""),
        (None, "1", ""),  # a stack that obeys none
    ],
)
def test_the_variable_of_the_stack_with_what_the_training_used(variable: Any, visible: Any, launched: str) -> None:
    assert launcher_variable(record(variable, {"visible": visible})) == launched


@pytest.mark.parametrize("device", [None, "none", []])
def test_where_nothing_was_trained_nothing_is_known(device: Any) -> None:
    assert launcher_variable(record("DML_VISIBLE_DEVICES", device)) is None
    assert launcher_variable({}) is None


@pytest.mark.parametrize(
    ("framework", "stack", "name"),
    [
        ("TensorFlow 2.10", "tensorflow-directml-plugin", "TensorFlow 2.10 (tensorflow-directml-plugin) - gpuready"),
        (None, "cuda", None),
        ("PyTorch", None, None),
    ],
)
def test_what_jupyter_calls_it(framework: str | None, stack: str | None, name: str | None) -> None:
    assert display_name({"stack": stack, "environment": {"framework": framework}}) == name


def test_without_a_plan_jupyter_is_told_nothing() -> None:
    assert display_name({"stack": "cuda", "environment": None}) is None
