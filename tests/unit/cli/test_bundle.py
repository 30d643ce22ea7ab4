"""What `gpuready bundle` asks for: by the PCs' newest plans, their variables, and stacks that are named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from gpuready import bundle, inventory, newest
from gpuready.bundle_command import bundle_command
from gpuready.errors import GpureadyError

LOCK = {"cpu": "lock.txt"}
HOSTS: dict[str, dict[str, Any]] = {
    "pc1": {"gpuready_stack_locks": LOCK, "ansible_password": "secret", "ansible_host": "10.0.0.1"},
    "pc2": {"gpuready_stack_locks": LOCK},
    "pc3": {},
    "pc4": {},
    "pc5": {},
}
PLAN = {"stack": "torch-directml", "target": "windows", "variant": "default"}
RECORDS = {
    "pc1": {"plan": PLAN},
    "pc2": {"plan": PLAN},
    "pc3": {"plan": {"stack": "cuda", "target": "wsl", "variant": "cu130"}},
    "pc4": {"plan": {"stack": None, "target": None, "blockers": [{"code": "NO_GPU"}]}},
}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(inventory, "hosts", lambda sources, base, **options: HOSTS)
    monkeypatch.setattr(newest, "records", lambda lab_dir, sources: RECORDS)
    (tmp_path / "hosts.yml").touch()
    return str(tmp_path / "hosts.yml")


def asked(lab: str, *stacks: str) -> bundle.Asked:
    return bundle.asked([lab], Path("reports"), stacks)


def test_pcs_alike_ask_once_and_others_are_said(lab: str) -> None:
    found = asked(lab)
    base = str(Path(lab).parent)
    assert list(found.wanted) == [
        {**PLAN, "variables": {"gpuready_stack_locks": LOCK}, "base": base},
        {"stack": "cuda", "target": "wsl", "variant": "cu130", "variables": {}, "base": base},
    ]
    assert found.left_out == (
        "left out: pc4: no stack was planned (NO_GPU): --stack NAME adds what such PCs shall get",
        "left out: pc5: no run that is kept has planned it: --stack NAME adds what such PCs shall get",
    )


def test_stacks_that_are_named_come_beside_them_by_the_variables_of_all(lab: str) -> None:
    more = [one for one in asked(lab, "cpu/linux", "tensorflow-directml").wanted if one["variant"] is None]
    assert [(one["stack"], one["target"], bool(one["variables"])) for one in more] == [
        ("cpu", "linux", True), ("cpu", "linux", False),
        ("tensorflow-directml", "windows", True), ("tensorflow-directml", "wsl", True),
        ("tensorflow-directml", "windows", False), ("tensorflow-directml", "wsl", False),
    ]  # fmt: skip
    assert asked(lab, "cpu/linux").left_out[0] == "left out: pc4: no stack was planned (NO_GPU)"
    (alone,) = bundle.asked([], Path("reports"), ["cpu/linux"]).wanted
    assert (alone["stack"], alone["variables"], alone["base"]) == ("cpu", {}, os.getcwd())


@pytest.mark.parametrize("given", ["mystacks", ["mystacks"]])
def test_a_stack_of_the_lab_s_own_folder_is_known(lab: str, monkeypatch: pytest.MonkeyPatch, given: Any) -> None:
    own = Path(lab).parent / "mystacks/own.yml"
    own.parent.mkdir()
    own.write_text("targets: {linux: {}}")
    monkeypatch.setattr(inventory, "hosts", lambda sources, base, **options: {"pc": {"gpuready_stack_dirs": given}})
    assert [one["target"] for one in asked(lab, "own").wanted] == ["linux"]


@pytest.mark.parametrize(
    ("stack", "says"),
    [("torch-directm", "did you mean torch-directml"), ("cuda/windows", "cuda has no such target"), ("", "no such")],
)
def test_a_stack_that_there_is_not_is_named(lab: str, stack: str, says: str) -> None:
    with pytest.raises(GpureadyError, match=says):
        asked(lab, stack)


def test_a_lab_that_nobody_planned_is_told_what_to_do(lab: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newest, "records", lambda lab_dir, sources: {})
    with pytest.raises(GpureadyError, match=r"no run that is kept has planned .* `gpuready report -i LAB` does it"):
        asked(lab)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("https://anna:{{ password }}@lab/simple", "it is a template"),
        ({"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256\n3130\n"}, "it is encrypted by itself"),
        ([{"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256\n3130\n"}], "it is encrypted by itself"),
    ],
)
def test_what_is_known_in_a_run_alone_is_refused(
    lab: str, monkeypatch: pytest.MonkeyPatch, value: Any, says: str
) -> None:
    monkeypatch.setitem(HOSTS, "pc3", {"python_environment_index_url": value})
    with pytest.raises(GpureadyError, match=rf"pc3: python_environment_index_url: {says}, .* UV_DEFAULT_INDEX$"):
        asked(lab)


def test_a_folder_of_the_inventory_is_no_place_for_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "hosts.yml").touch()
    for place in (tmp_path / "lab", tmp_path / "lab/deeper/bundle"):
        with pytest.raises(GpureadyError, match="takes every file for an inventory"):
            bundle.check(place, [str(tmp_path / "lab")])
    bundle.check(tmp_path / "bundle", [str(tmp_path / "lab"), str(tmp_path / "hosts.yml"), "pc1,"])


def test_what_is_no_bundle_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(GpureadyError, match="there is no bundle"):
        bundle.variable(tmp_path)
    (tmp_path / "bundle.yml").touch()
    assert bundle.variable(tmp_path) == {"gpuready_bundle": str(tmp_path)}


def test_what_the_making_says_is_handed_on(tmp_path: Path) -> None:
    said: list[str] = []
    wanted = {"stack": "rocm", "target": "linux", "variant": None, "variables": {}, "base": str(tmp_path)}
    with pytest.raises(GpureadyError, match="bundle: rocm/linux: there is no such stack and target"):
        bundle.make(tmp_path / "bundle", [wanted], said.append)
    assert said == []


def test_the_help_says_what_is_meant_without_an_inventory() -> None:
    (option,) = get_type_hints(bundle_command, include_extras=True)["inventory"].__metadata__
    assert option.help.endswith("Without: the stacks named alone.")
