"""Every role alike: its argument_specs say what its defaults are, and its README names every variable."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import catalogue
from jinja2 import StrictUndefined, UndefinedError
from jinja2.nativetypes import NativeEnvironment

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())


def specification(role: str) -> dict[str, dict[str, object]]:
    document = yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text())
    return document["argument_specs"]["main"].get("options") or {}


def defaults(role: str) -> dict[str, object]:
    return yaml.safe_load((ROOT / "roles" / role / "defaults/main.yml").read_text()) or {}


def where_nothing_is_set(value: object) -> object:
    """What a default gives in an inventory without variables; None where the PC's plan or Ansible gives it."""
    if not isinstance(value, str) or "{{" not in value:
        return value
    try:
        return NativeEnvironment(undefined=StrictUndefined).from_string(value).render()
    except UndefinedError:
        return None


@pytest.mark.parametrize("role", ROLES)
def test_argument_specs_equal_defaults(role: str) -> None:
    wanted = {name: option.get("default") for name, option in specification(role).items() if not option.get("required")}
    assert wanted == {name: where_nothing_is_set(value) for name, value in defaults(role).items()}


@pytest.mark.parametrize("role", ROLES)
def test_every_option_has_a_type_and_a_description(role: str) -> None:
    for name, option in specification(role).items():
        assert option.get("type"), name
        assert option.get("description"), name


@pytest.mark.parametrize("role", ROLES)
def test_variables_carry_the_name_of_their_role(role: str) -> None:
    assert all(name.startswith(f"{role}_") for name in specification(role))


@pytest.mark.parametrize("role", ROLES)
def test_readme_names_every_variable_and_shows_two_examples(role: str) -> None:
    text = (ROOT / "roles" / role / "README.md").read_text()
    missing = [name for name in specification(role) if f"`{name}`" not in text]
    assert not missing
    assert text.count("```yaml") >= 2, "a minimal and a full example"


@pytest.mark.parametrize("role", ROLES)
def test_every_role_has_a_molecule_scenario(role: str) -> None:
    assert (ROOT / "molecule" / role / "converge.yml").is_file()


def test_what_the_role_wsl_mends_is_what_the_catalogue_says() -> None:
    mends = set(yaml.safe_load((ROOT / "roles/wsl/vars/main.yml").read_text())["wsl_mends"])
    said = {code for code in catalogue.codes() if catalogue.remedy(code).mended_by == "wsl"}
    before = {"WSL_FEATURE_OFF", "WSL_VM_PLATFORM_MISSING", "WSL_DISABLED_BY_UPDATE", "WSL_NOT_INSTALLED"}
    assert said == mends | before
