"""Each module is documented once, in the .yml beside it, and `ansible-doc` shows it; an action takes what that says."""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "collections/ansible_collections/gpuready/lab/plugins"
MODULES = sorted({file.stem for file in (PLUGINS / "modules").iterdir() if file.suffix in (".py", ".ps1", ".yml")})


def document(module: str) -> dict[str, Any]:
    return dict(yaml.safe_load((PLUGINS / f"modules/{module}.yml").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    """What ansible-doc says of all modules."""
    program = Path(sys.executable).parent / "ansible-doc"
    done = subprocess.run(
        [program, "-t", "module", *(f"gpuready.lab.{name}" for name in MODULES), "--json"],
        env=os.environ | {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("module", MODULES)
def test_ansible_doc_shows_the_yml(shown: dict[str, Any], module: str) -> None:
    found = shown[f"gpuready.lab.{module}"]
    assert found["doc"]["filename"].endswith(f"modules/{module}.yml")
    assert set(found["doc"]["options"]) == set(document(module)["DOCUMENTATION"]["options"])
    assert found["examples"]
    assert found["return"]


@pytest.mark.parametrize("module", sorted(file.stem for file in (PLUGINS / "modules").glob("*.py")))
def test_no_module_is_documented_twice(module: str) -> None:
    file = PLUGINS / f"modules/{module}.py"
    names = {
        target.id
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert not names & {"DOCUMENTATION", "EXAMPLES", "RETURN"}


# No task of a playbook's: actions use it.
OF_ACTIONS = {"job"}


@pytest.mark.parametrize("module", [name for name in MODULES if name not in OF_ACTIONS])
def test_an_action_takes_what_is_documented(module: str) -> None:
    action = importlib.import_module(f"ansible_collections.gpuready.lab.plugins.action.{module}")
    spec = action.ActionModule.SPEC
    options = document(module)["DOCUMENTATION"]["options"]
    given_by_the_action = {"trainer", "claim"}
    assert set(spec) == set(options) - given_by_the_action
    for name, said in spec.items():
        assert said.get("required", False) == options[name].get("required", False), name
        assert sorted(said.get("choices", [])) == sorted(options[name].get("choices", [])), name
        if "default" in said:
            assert said["default"] == options[name].get("default"), name
