"""Only the trainer knows frameworks by name: elsewhere a stack's file says them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import files as stackfiles

ROOT = Path(__file__).resolve().parents[3]
PLUGINS = ROOT / "collections/ansible_collections/gpuready/lab/plugins"
STACKS = stackfiles.load().values()
SHARED = {"cpu", "CPU", "cuda"}  # a processor is one for every framework; cuda is a step of the plan as well
WHOLE = {stack.name for stack in STACKS} | {stack.device_kind for stack in STACKS}
PARTS = {part for stack in STACKS for part in (stack.backend, stack.backend.rpartition("-")[2])}
PARTS |= {stack.gpu_variable.name for stack in STACKS if stack.gpu_variable}
ROLES = {stack.role.rpartition(".")[2] for stack in STACKS}  # are named where roles are
ROOMS = [
    PLUGINS / "action",
    *(PLUGINS / "plugin_utils" / room for room in ("plan", "environment", "verdict", "report")),
]
FILES = sorted(
    [file for room in ROOMS for file in room.rglob("*.py")]
    + [*PLUGINS.glob("plugin_utils/*.py"), *PLUGINS.glob("modules/*.py")]
    + [*(ROOT / "src/gpuready").rglob("*.py")]
)


def texts(file: Path) -> Iterator[str]:
    """The strings of a file but for its docstrings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix().rpartition("plugins/")[2])
def test_no_backend_or_kind_of_device_is_known_by_name(file: Path) -> None:
    told = set(texts(file)) - ROLES
    assert not {text for text in told if text in WHOLE - SHARED or any(part in text for part in PARTS - SHARED)}


def test_playbooks_ask_the_plan() -> None:
    for file in (ROOT / "playbooks").rglob("*.yml"):
        said = file.read_text(encoding="utf-8")
        assert not {part for part in PARTS - SHARED if part in said}, file
