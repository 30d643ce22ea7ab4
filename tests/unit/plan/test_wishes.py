"""Wishes: what is allowed, and one clear line for the rest."""

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan.wishes import WishError, Wishes, parse

STACKS = ("cuda", "torch-directml")


def test_nothing_said_is_the_default():
    assert parse({}, STACKS) == Wishes("beginner", "any", "any", "auto", "auto", False)
    assert parse({"gpuready_experience": None, "gpuready_stack": " ", "other": 1}, STACKS) == Wishes()


@pytest.mark.parametrize(
    ("name", "value", "understood"),
    [
        ("experience", "professional", "professional"),
        ("experience", " Student ", "student"),
        ("library", "tensorflow2", "tensorflow2"),
        ("environment", "wsl", "wsl"),
        ("stack", "torch-directml", "torch-directml"),
        ("stack", "auto", "auto"),
        ("adapter", 1, "1"),
        ("adapter", "AUTO", "auto"),
        ("adapter", " RTX 4090 ", "RTX 4090"),
        ("knows_linux", True, True),
        ("knows_linux", "yes", True),
        ("knows_linux", "False", False),
        ("knows_linux", 0, False),
    ],
)
def test_what_is_understood(name, value, understood):
    assert getattr(parse({f"gpuready_{name}": value}, STACKS), name) == understood


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        (
            {"gpuready_experience": "expert"},
            "gpuready_experience: 'expert' is not one of professional, student, beginner",
        ),
        (
            {"gpuready_library": "jax"},
            "gpuready_library: 'jax' is not one of any, cuda, pytorch, tensorflow, tensorflow2",
        ),
        ({"gpuready_environment": "mac"}, "gpuready_environment: 'mac' is not one of any, windows, wsl, linux"),
        ({"gpuready_stack": "rocm"}, "gpuready_stack: 'rocm' is not one of auto, cuda, torch-directml"),
        ({"gpuready_stack": 3}, "gpuready_stack: 3 is not one of auto, cuda, torch-directml"),
        ({"gpuready_library": ["cuda"]}, "gpuready_library: ['cuda'] is not one of"),
        ({"gpuready_library": True}, "gpuready_library: True is not one of"),
        ({"gpuready_knows_linux": "perhaps"}, "gpuready_knows_linux: 'perhaps' is not one of true, false"),
        ({"gpuready_knows_linux": 2}, "gpuready_knows_linux: '2' is not one of true, false"),
        ({"gpuready_adapter": -1}, "gpuready_adapter: '-1' is not one of auto, an index, a vendor, part of a name"),
        ({"gpuready_adapter": True}, "gpuready_adapter: 'True' is not one of"),
        ({"gpuready_adapter": {"index": 1}}, "is not one of auto, an index, a vendor"),
        ({"gpuready_libary": "cuda"}, "gpuready_libary is not a wish: gpuready_library is"),
        ({"gpuready_experiance": "student"}, "gpuready_experiance is not a wish: gpuready_experience is"),
        (
            {"gpuready_exp": "student"},
            "gpuready_exp is not a wish: the wishes are gpuready_experience, gpuready_library",
        ),
        ({"gpuready_colour": "red"}, "gpuready_colour is not a wish: the wishes are "),
        ({"gpuready_stack_lock": {}}, "gpuready_stack_lock is not a wish: gpuready_stack_locks is"),
        ({"gpuready_": None}, "gpuready_ is not a wish"),
        ({"gpuready_canery": 3}, "gpuready_canery is not a wish: gpuready_canary is"),
        ({"gpuready_canary": -1}, "gpuready_canary: '-1' is not a whole number from 0"),
        ({"gpuready_at_once": "few"}, "gpuready_at_once: 'few' is not a whole number from 0"),
        ({"gpuready_train_at_once": 2.5}, "gpuready_train_at_once: '2.5' is not a whole number from 0"),
        ({"gpuready_canary": True}, "gpuready_canary: 'True' is not a whole number from 0"),
    ],
)
def test_what_is_wrong_is_one_line(variables, says):
    with pytest.raises(WishError) as caught:
        parse(variables, STACKS)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_count_may_be_a_text_or_nothing():
    assert parse({"gpuready_canary": "3", "gpuready_at_once": 0, "gpuready_train_at_once": ""}, STACKS) == Wishes()


def test_every_mistake_is_named_at_once():
    with pytest.raises(WishError, match=r"gpuready_experience: .*; gpuready_library: "):
        parse({"gpuready_experience": "x", "gpuready_library": "y"}, STACKS)


def test_other_variables_of_the_product_are_left_alone():
    others = [
        "drivers",
        "report_dir",
        "evidence_dir",
        "evidence_file",
        "simulated",
        "hosts",
        "look_timeout",
        "stack_dirs",
        "stack_locks",
    ]
    assert parse({f"gpuready_{name}": "x" for name in others}, STACKS) == Wishes()
