"""What the lab's guest says of itself beside what Windows says of the PC: steps, and disagreements explained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan.wishes import Wishes
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import files as stackfiles
from plans import GIVEN, plan

PCS = yaml.safe_load((Path(__file__).parents[2] / "data" / "plan" / "pcs.yml").read_text())
STACKS = stackfiles.load()
CUDA = Wishes("professional")
DIRECTML = Wishes("student", "tensorflow", knows_linux=True)
LIBRARIES = ["libcuda.so.1", "libd3d12.so", "libdxcore.so"]
HANDED = {"libraries": LIBRARIES, "cached": True, "drivers": []}
PLACE = {"name": "gpuready", "registered": True, "ours": True}
WSL = {"installed": True, "version": GIVEN.package, "kernel": "6.6.87.2-1", "policy_allows": True, "place": PLACE}


def pc(adapter: str = "rtx4090", guest: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    inside = None if guest is None else {**PCS["bases"]["guest"], "handed": HANDED, **guest}
    adapters = [{"index": 0, "id": "PCI\\0", **PCS["adapters"][adapter]}]
    return {**PCS["bases"]["windows"], "adapters": adapters, "wsl": WSL, "guest": inside, **more}


def needed(found: Any) -> set[str]:
    return {one["name"] for one in found.steps if one["needed"]}


def test_a_guest_whose_settings_are_those_of_the_lab_needs_no_role() -> None:
    facts = pc(guest={"handed": {**HANDED, "conf": "[user] default = student"}})
    given = replace(GIVEN, conf="[user]\ndefault = student\n")
    assert "wsl" not in needed(plan(facts, CUDA, STACKS, given))


def test_a_guest_that_is_there_needs_no_role() -> None:
    found = plan(pc(guest={}), CUDA, STACKS, GIVEN)
    assert (found.stack, found.target, found.blockers) == ("cuda", "wsl", [])
    assert needed(found) == {"python_environment", "verify"}
    mine = {"stack": "cuda", "lock_sha256": found.environment["lock_sha256"], "path": "x", "state": "current"}
    mine["damage"] = {"count": 0}
    there = plan(pc(guest={"environments": [mine]}), CUDA, STACKS, GIVEN)
    assert needed(there) == {"verify"}
    # what Windows has of that name is another environment
    assert needed(plan(pc(guest={}, environments=[mine]), CUDA, STACKS, GIVEN)) == {"python_environment", "verify"}


@pytest.mark.parametrize(("facts", "why"), [
    (pc(), "could not be looked into"),
    (pc(problems=[{"piece": "guest", "code": "WSL_SERVICE_DISABLED", "message": "x"}]), "(WSL_SERVICE_DISABLED)"),
    (pc(guest={}, wsl={**WSL, "version": "2.4.0.0"}), "the lab names WSL 2.6.3.0, and the PC has 2.4.0.0"),
    (pc(wsl={**WSL, "place": {**PLACE, "registered": False}}), "the lab's guest is not on the PC"),
    (pc(guest={"handed": {**HANDED, "conf": "[user] default = anna"}}), "/etc/wsl.conf of the guest is not as"),
])  # fmt: skip
def test_why_the_role_has_something_to_do(facts: dict[str, Any], why: str) -> None:
    given = replace(GIVEN, conf="[user]\ndefault = student\n")
    (step,) = (one for one in plan(facts, CUDA, STACKS, given).steps if one["name"] == "wsl")
    assert (step["needed"], why in step["reason"]) == (True, True)


@pytest.mark.parametrize(("adapter", "guest", "code", "word"), [
    ("rtx4090", {"dxg": False}, "NO_DXG", "gpuSupport=false"),
    ("rtx4090", {"handed": {**HANDED, "libraries": LIBRARIES[1:]}}, "LIBCUDA_ABSENT", "driver 580.97"),
    ("rx6800", {"handed": {**HANDED, "libraries": ["libdxcore.so"]}}, "D3D12_MISSING", "libd3d12.so"),
    ("rtx4090", {"handed": {**HANDED, "drivers": ["nvidia-driver-550"]}}, "WSL_DISPLAY_DRIVER", "nvidia-driver-550"),
    ("rx6800", {"handed": {**HANDED, "cached": False}}, "WSL_LOADER_CACHE", "/usr/lib/wsl/lib"),
    ("rtx4090", {"problems": [{"piece": "dxg", "code": "NVIDIA_GPU_BLOCKED", "message": "blocked"}]},
     "NVIDIA_GPU_BLOCKED", "blocked"),
    ("rtx4090", {"os": {**PCS["bases"]["guest"]["os"], "glibc": "2.27"}}, "GLIBC_TOO_OLD", "2.27 of the guest"),
    ("rtx4090", {"problems": [{"piece": "environments", "code": "HOME_NOT_OURS", "message": "anna's"}]},
     "HOME_NOT_OURS", "in the guest: anna's"),
])  # fmt: skip
def test_what_the_guest_lacks_is_explained(adapter: str, guest: dict[str, Any], code: str, word: str) -> None:
    wishes = CUDA if adapter == "rtx4090" else Wishes("student", "tensorflow", environment="wsl")
    (blocker,) = plan(pc(adapter, guest), wishes, STACKS, GIVEN).blockers
    assert (blocker["code"], word in blocker["cause"]) == (code, True), blocker
    assert blocker["next_step"].endswith(".")


def test_a_display_driver_says_how_to_remove_it_and_what_trains_natively() -> None:
    drivers = ["libnvidia-compute-550", "nvidia-driver-550"]
    (blocker,) = plan(pc(guest={"handed": {**HANDED, "drivers": drivers}}), CUDA, STACKS, GIVEN).blockers
    assert "apt-get purge libnvidia-compute-550 nvidia-driver-550" in blocker["next_step"]
    assert "tensorflow-directml-plugin trains natively" in blocker["next_step"]


def test_someone_who_knows_linux_trains_natively_where_the_guest_is_in_trouble() -> None:
    assert plan(pc("rx6800", {}), DIRECTML, STACKS, GIVEN).target == "wsl"
    found = plan(pc("rx6800", {"dxg": False}), DIRECTML, STACKS, GIVEN)
    assert (found.target, found.blockers) == ("windows", [])
    assert any("the guest has no /dev/dxg" in reason for reason in found.reasons)


def test_a_guest_is_read_once_and_no_deeper() -> None:
    deep: dict[str, Any] = {}
    for _ in range(500):
        deep = {"guest": deep}
    from ansible_collections.gpuready.lab.plugins.plugin_utils.facts.model import Facts

    assert Facts.of(deep).guest is not None
    assert Facts.of(deep).as_dict()["guest"]["guest"] is None


def test_a_guest_that_nothing_mends_is_a_blocker_unless_a_package_may() -> None:
    problem = {"piece": "guest", "code": "WSL_VM_START", "message": "x: Wsl/Service/CreateInstance/0x8000abcd"}
    broken = pc(problems=[problem])
    (blocker,) = plan(broken, CUDA, STACKS, GIVEN).blockers
    assert (blocker["code"], "0x8000abcd" in blocker["cause"]) == ("WSL_VM_START", True)
    assert plan({**broken, "wsl": {**WSL, "version": "2.4.0.0"}}, CUDA, STACKS, GIVEN).blockers == []
    service = {**problem, "code": "WSL_SERVICE_DISABLED"}
    assert plan(pc(problems=[service]), CUDA, STACKS, GIVEN).blockers == []
    (unknown,) = plan(pc(problems=[{**problem, "code": "?"}]), CUDA, STACKS, GIVEN).blockers
    assert unknown["code"] == "WSL_FAILED"
