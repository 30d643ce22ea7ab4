"""The role restart on simulated PCs: with and without consent, and each way in which a restart goes wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpuready.simlab import SimulatedLab, scenario

sys.path.insert(0, str(Path(__file__).resolve().parent))
from role_help import played
from simlab_winrm_help import NET

ROLE = ("gpuready.lab.restart", {"restart_for": "a test", "restart_then": "the next step"})
ALLOWED = {"gpuready_reboot": "allowed"}
IDLE = {"gpuready_reboot": "when_idle"}
BUSY = {"name": "NVIDIA GeForce RTX 4090", "vendor": "nvidia", "device": "2684", "memory": 25757220864,
        "driver": {"version": "32.0.15.7652"}, "utilization": 90}  # fmt: skip
# PC: what differs, its variables, how it ends (empty: restarted), and a word of it
ENDINGS: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "unasked": ({}, {}, "NOT_READY REBOOT_NEEDED", "the run may not restart it"),
    "used": ({"users": ["LAB\\anna"]}, IDLE, "NOT_READY REBOOT_NEEDED", "somebody is logged on"),
    "busy": ({"gpus": [BUSY]}, IDLE, "NOT_READY REBOOT_NEEDED", "a GPU is at work (90 %)"),
    "spent": ({}, {**ALLOWED, "restart_budget": 0}, "NOT_READY REBOOT_NEEDED", "may not again"),
    "idle": ({}, IDLE, "", ""),
    "any-time": ({"users": ["LAB\\anna"]}, ALLOWED, "", ""),
    "refuses": ({"faults": [{"kind": "does_not_restart"}]}, ALLOWED, "NOT_READY REBOOT_REFUSED", "Access is denied"),
    "dead": (
        {"faults": [{"kind": "stays_off"}]},
        {**ALLOWED, "restart_timeout": 6},
        "NOT_READY REBOOT_NEVER_UP",
        "within 6 s",
    ),
    "twice": (
        {"faults": [{"kind": "restarts_again", "times": 1, "seconds": 16}]},
        {**ALLOWED, "restart_settle": 20},
        "NOT_READY REBOOT_TWICE",
        "once more by itself",
    ),
    "stuck": ({"faults": [{"kind": "stays_pending"}]}, ALLOWED, "NOT_READY REBOOT_STILL_PENDING", "RebootPending"),
}


@pytest.fixture(scope="module")
def lab() -> Iterator[SimulatedLab]:
    pcs = [
        {"name": name, "pending_reboot": ["cbs"], "variables": {"restart_settle": 1, **variables}, **document}
        for name, (document, variables, _, _) in ENDINGS.items()
    ]
    with SimulatedLab(scenario.parse({"pcs": pcs}), base_address=f"{NET}.76.1", port=15976) as lab:
        yield lab


def test_every_ending_of_a_restart(lab: SimulatedLab, tmp_path: Path) -> None:
    """--check before it restarts nobody."""
    played(lab, tmp_path, *ROLE, "--check")
    assert {pc.boots for pc in lab.pcs.values()} == {1}
    found, _ = played(lab, tmp_path, *ROLE)
    assert set(found) == set(ENDINGS)
    for name, (_, _, end, word) in ENDINGS.items():
        verdict = found[name]
        assert f"{verdict.get('state', '')} {verdict.get('code', '')}".strip() == end, (name, verdict)
        assert word in verdict.get("cause", ""), (name, verdict)
    boots = {name: pc.boots for name, pc in lab.pcs.items()}
    once = dict.fromkeys(("idle", "any-time", "dead", "stuck"), 2)
    assert boots == {"unasked": 1, "used": 1, "busy": 1, "spent": 1, "refuses": 1, "twice": 3, **once}
