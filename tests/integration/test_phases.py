"""A lab in phases: all PCs build before an end is waited for, then all train; or so many at a time."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpuready import events
from gpuready.lab import Lab
from gpuready.simlab import background

NET = f"127.{1 + int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])}"
PORT = 15984
pytestmark = pytest.mark.slow
WORK = [
    {"kind": "slow", "on": "python_environment", "after": 1, "times": 1, "seconds": 4},
    {"kind": "slow", "on": "training_facts", "times": 1, "seconds": 4},
]
PC = {
    "uv": "0.9.2",
    "faults": WORK,
    "gpus": [{"name": "AMD Radeon RX 6800", "vendor": "amd", "device": "73BF", "memory": 17163091968,
              "driver": {"version": "31.0.24002.92", "radeon_software": "24.3.1"}}],
}  # fmt: skip
NAMES = ["pc1", "pc2", "pc3"]
Seen = list[tuple[str, str, str]]  # PC, the action, how it stands


def provisioned(
    folder: Path, net: int, **variables: Any
) -> tuple[dict[str, str], Seen, dict[str, list[tuple[float, float]]]]:
    """How the PCs ended, and what building and training did in the order of its saying, and from when to when."""
    off = {"name": "off", "faults": [{"kind": "off"}]}
    lab = {"defaults": PC, "pcs": [*({"name": name} for name in NAMES), off]}
    (folder / "lab.yml").write_text(yaml.safe_dump(lab))
    seen: Seen = []
    spans: dict[str, list[tuple[float, float]]] = {}

    def take(event: events.Event) -> None:
        if isinstance(event, events.StepStarted | events.StepFinished):
            action = event.action.rpartition(".")[2]
            if action in ("python_environment", "training_facts"):
                seen.append((event.host, action, getattr(event, "outcome", "begins")))
                if isinstance(event, events.StepFinished):
                    now = time.monotonic()
                    spans.setdefault(action, []).append((now - (event.seconds or 0), now))

    with background.running(folder / "lab.yml", folder, PORT, f"{NET}.{net}.1") as inventory:
        result = Lab(inventory, extra_vars=variables).provision(lab_dir=folder / "lab", on_event=take)
    return {one["host"]: one["verdict"]["state"] for one in result.document["hosts"]}, seen, spans


READY = {**dict.fromkeys(NAMES, "READY"), "off": "UNREACHABLE"}


def test_every_work_is_under_way_before_an_end_is_waited_for(tmp_path: Path) -> None:
    ended, seen, _ = provisioned(tmp_path, 101)
    assert ended == READY
    building = [how for _, action, how in seen if action == "python_environment" and how != "begins"]
    assert building == ["started"] * 3 + ["changed"] * 3
    training = [how for _, action, how in seen if action == "training_facts" and how != "begins"]
    assert training == ["started"] * 3 + ["changed"] * 3  # the pass is kept
    assert "off" not in {host for host, _, _ in seen}


def at_work(spans: list[tuple[float, float]]) -> int:
    """How many were at it at most. An end is told a moment after the next one begins: a second is nothing."""
    shorter = [(begin + 1, end - 1) for begin, end in spans]
    return max(sum(begin <= at < end for begin, end in shorter) for at, _ in shorter)


def test_so_many_build_and_train_at_a_time(tmp_path: Path) -> None:
    ended, seen, spans = provisioned(tmp_path, 102, gpuready_at_once=2, gpuready_train_at_once=1)
    assert ended == READY
    assert (at_work(spans["python_environment"]), at_work(spans["training_facts"])) == (2, 1)
    assert "started" not in {how for _, _, how in seen}


def test_a_lab_in_which_all_is_there_trains_from_the_look_on(tmp_path: Path) -> None:
    defaults = {key: value for key, value in PC.items() if key != "faults"}
    (tmp_path / "lab.yml").write_text(yaml.safe_dump({"defaults": defaults, "pcs": [{"name": name} for name in NAMES]}))
    began: list[str] = []

    def take(event: events.Event) -> None:
        if isinstance(event, events.StepFinished) and (event.step, event.outcome) == ("verify", "started"):
            began.append(event.action.rpartition(".")[2])

    with background.running(tmp_path / "lab.yml", tmp_path, PORT, f"{NET}.103.1") as inventory:
        Lab(inventory).provision(lab_dir=tmp_path / "lab")
        again = Lab(inventory).provision(lab_dir=tmp_path / "lab", on_event=take)
        assert began == ["gpu_facts"] * 3
        assert {one["verdict"]["state"] for one in again.document["hosts"]} == {"READY"}
        assert again.document["changed"]["count"] == 0
        began.clear()
        in_turn = Lab(inventory, extra_vars={"gpuready_train_at_once": 1}).provision(
            lab_dir=tmp_path / "lab", on_event=take
        )
        assert (began, {one["verdict"]["state"] for one in in_turn.document["hosts"]}) == ([], {"READY"})
        began.clear()
        checked = Lab(inventory).provision(check=True, lab_dir=tmp_path / "lab", on_event=take)
        assert (began, checked.document["changed"]["count"]) == ([], 0)
