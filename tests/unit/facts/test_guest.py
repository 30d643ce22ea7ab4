"""A look that saw both sides of a PC: one record, each side with its own facts and problems."""

from __future__ import annotations

from typing import Any

from ansible_collections.gpuready.lab.plugins.plugin_utils import facts
from ansible_collections.gpuready.lab.plugins.plugin_utils.facts.model import Facts
from simlab_help import pc_of, run

from gpuready.simlab.models.guest import GuestPc
from gpuready.simlab.wsl.linux import Linux

NVIDIA = {"name": "NVIDIA GeForce RTX 4090", "vendor": "nvidia", "device": "2684", "memory": 25757220864,
          "driver": {"version": "32.0.15.8097"}}  # fmt: skip


def evidence(**wsl: Any) -> dict[str, Any]:
    pc = pc_of(gpus=[NVIDIA], wsl={"version": "2.6.1.0", "distributions": [{"name": "gpuready"}], **wsl})
    pc.disk.write(r"C:\wsl\gpuready\gpuready.json", b"{}")
    windows = run(pc, "gpuready.lab.gpu_facts", {})["ansible_facts"]["gpuready_evidence"]
    (one,) = pc.subsystem.me.distributions.values()
    pc.subsystem.guests.keep(one, Linux.small())  # type: ignore[attr-defined]
    inside = GuestPc(pc, one).module("gpuready.lab.gpu_facts", {})["ansible_facts"]["gpuready_evidence"]
    return {**windows, "guest": {"value": inside, "error": None}}


def test_both_sides_are_kept() -> None:
    found = facts.interpret(evidence())
    assert (found.os.family, found.in_guest, found.wsl.place.registered) == ("windows", False, True)  # type: ignore[union-attr]
    inside = found.guest
    assert inside is not None
    assert (inside.os.kernel, inside.in_guest, inside.dxg) == ("6.6.87.2-microsoft-standard-WSL2", True, True)
    assert inside.handed is not None
    assert inside.handed.libraries is not None
    assert "libcuda.so.1" in inside.handed.libraries
    ((windows,), (linux,)) = (found.adapters or (), inside.adapters or ())
    assert (windows.name, linux.name, windows.uuid == linux.uuid) == (linux.name, windows.name, True)
    assert Facts.of(found.as_dict()) == found
    assert found.side("wsl") is inside
    assert found.side("windows") is found
    assert facts.simulated(evidence()) is True


def test_a_guest_without_its_gpu_says_so() -> None:
    inside = facts.interpret(evidence(gpu_support=False)).guest
    assert inside is not None
    assert (inside.dxg, inside.adapters) == (False, ())


def test_what_wsl_led_to_is_a_guest_whatever_its_kernel_says() -> None:
    said = evidence()
    said["guest"]["value"]["pieces"]["wsl"]["value"] = {"kernel_says_microsoft": False, "interop": False}
    inside = facts.interpret(said).guest
    assert inside is not None
    assert inside.in_guest


def test_a_guest_that_could_not_be_looked_into_is_a_problem() -> None:
    said = evidence() | {"guest": {"value": None, "error": {"code": "WSL_VM_START", "message": "x"}}}
    found = facts.interpret(said)
    assert found.guest is None
    assert [(one.piece, one.code) for one in found.problems] == [("guest", "WSL_VM_START")]
