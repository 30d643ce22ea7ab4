"""What AWX is given is of the product: the survey asks for wishes that there are, the environment has what it needs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpuready import contract

ROOT = Path(__file__).resolve().parents[2]
KNOWN = contract.load(ROOT)
SURVEY = json.loads((ROOT / "awx/survey.json").read_text())
ENVIRONMENT = yaml.safe_load((ROOT / "awx/execution-environment.yml").read_text())


def test_the_survey_is_as_awx_takes_it() -> None:
    assert set(SURVEY) == {"name", "description", "spec"}
    for question in SURVEY["spec"]:
        assert question["type"] in ("text", "multiplechoice")  # a password belongs to a credential
        assert question["default"] in question.get("choices", [question["default"]])
    assert len({one["variable"] for one in SURVEY["spec"]}) == len(SURVEY["spec"])


@pytest.mark.parametrize("question", SURVEY["spec"], ids=lambda one: one["variable"])
def test_each_question_is_one_of_the_product(question: dict[str, Any]) -> None:
    name = question["variable"].removeprefix("gpuready_")
    assert question["variable"] != name
    assert name in KNOWN.wishes or name in KNOWN.variables
    if KNOWN.wishes.get(name):
        assert tuple(question["choices"]) == KNOWN.wishes[name]


def test_the_environment_has_what_the_product_needs_and_no_other_versions() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    ours = set(project["project"]["dependencies"])
    needs = ENVIRONMENT["dependencies"]
    given = {needs["ansible_core"]["package_pip"], needs["ansible_runner"]["package_pip"], *needs["python"]}
    assert given <= ours
    assert set(project["dependency-groups"]["collection"]) <= given
    used: set[str] = set()
    for folder in ("roles", "playbooks"):
        for file in (ROOT / folder).rglob("*.yml"):
            used |= set(re.findall(r"^\s*(?:- )?([a-z]+\.[a-z]+)\.[a-z_]+:", file.read_text(), re.MULTILINE))
    assert used - {"ansible.builtin", "gpuready.lab"} == {one["name"] for one in needs["galaxy"]["collections"]}


def test_ansible_builder_takes_the_definition(tmp_path: Path) -> None:
    """What it makes of it, but for the image itself, which wants a container engine and two registries."""
    program = Path(sys.executable).with_name("ansible-builder")
    command = [program, "create", "-f", ROOT / "awx/execution-environment.yml", "-c", tmp_path]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    needs = ENVIRONMENT["dependencies"]
    made = {path.name: path.read_text() for path in (tmp_path / "_build").glob("*.*")}
    assert made["requirements.txt"].split() == needs["python"]
    assert made["bindep.txt"].split() == needs["system"]
    assert yaml.safe_load(made["requirements.yml"]) == needs["galaxy"]
    (image,) = (path.read_text() for path in tmp_path.glob("*file"))
    assert f'"{needs["ansible_core"]["package_pip"]} {needs["ansible_runner"]["package_pip"]}"' in image
