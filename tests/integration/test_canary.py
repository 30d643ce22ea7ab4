"""A lab in which a few PCs of each kind go first, and one that stops by itself: what is applied, and what is not."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpuready import events
from gpuready.lab import Lab
from gpuready.simlab import background

NET = f"127.{1 + int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])}"
pytestmark = pytest.mark.slow
DRIVER = {"version": "31.0.24002.92", "radeon_software": "24.3.1"}
BIG = [{"name": "AMD Radeon RX 6800", "vendor": "amd", "device": "73BF", "memory": 17163091968, "driver": DRIVER}]
SMALL = [{"name": "AMD Radeon RX 6600", "vendor": "amd", "device": "73FF", "memory": 8573157376, "driver": DRIVER}]
# What is met once: in the second run it is mended.
NO_BUILD = {"kind": "fail", "on": "python_environment", "code": "LOCK_MISMATCH", "text": "another hash", "times": 1}
ENDED = {"schema_version": 1, "finished": False, "error": {"type": "RuntimeError", "message": "zork 17", "where": "x"},
         "process": {"rc": 1, "timed_out": False, "phase": "import", "seconds": 1.0, "stderr_tail": []}}  # fmt: skip
OTHER = NO_BUILD | {"code": "NO_WHEEL"}
NO_TRAINING = {"kind": "garbage", "on": "training_facts", "times": 1,
               "text": json.dumps({"changed": False, "ansible_facts": {"gpuready_training": ENDED}})}  # fmt: skip
LAB: dict[str, dict[str, Any]] = {
    "big1": {},
    "big2": {"faults": [NO_BUILD]},
    "big3": {},
    "big4": {},
    "small1": {"gpus": SMALL},
    "small2": {"gpus": SMALL},
    "small3": {"gpus": SMALL},
    "torch1": {"faults": [NO_TRAINING], "variables": {"gpuready_canary": 1, "gpuready_library": "pytorch"}},
    "torch2": {"variables": {"gpuready_canary": 0, "gpuready_library": "pytorch"}},
}


class Run:
    """A provisioning: how the PCs ended, and which tasks worked on them, in their order."""

    def __init__(self, inventory: Path, folder: Path, **variables: Any) -> None:
        self.seen: list[tuple[str, str, str]] = []
        lab = Lab(inventory, extra_vars=variables)
        result = lab.provision(lab_dir=folder, on_event=self._take)
        assert result.path
        self.document = result.document
        self.verdicts = {one["host"]: one["verdict"] for one in result.document["hosts"]}
        self.ended = {host: f"{one['state']} {one['code']}" for host, one in self.verdicts.items()}
        self.texts = {one.name: one.read_text() for one in result.path.parent.iterdir()}

    def _take(self, event: events.Event) -> None:
        if isinstance(event, events.RunStarted):
            self.pace = event.pace
        if isinstance(event, events.StepStarted | events.StepFinished):
            action = event.action.rpartition(".")[2]
            self.seen.append((event.host, action, getattr(event, "outcome", "begins")))

    def built(self) -> set[str]:
        """The PCs to which something was applied, or tried to be."""
        return {host for host, action, _ in self.seen if action == "python_environment"}

    def position(self, host: str, action: str, last: bool = False) -> int:
        found = [at for at, (who, what, _) in enumerate(self.seen) if (who, what) == (host, action)]
        return found[-1 if last else 0]


@contextmanager
def running(folder: Path, pcs: list[dict[str, Any]], net: int, **defaults: Any) -> Iterator[Path]:
    """The inventory of a lab of these PCs."""
    content = {"defaults": {"uv": "0.9.2", "gpus": BIG, **defaults}, "pcs": pcs}
    (folder / "lab.yml").write_text(yaml.safe_dump(content))
    with background.running(folder / "lab.yml", folder, 15883 + net, f"{NET}.{net}.1") as inventory:
        yield inventory


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Run]]:
    """The lab with faults, and the same lab again when they are mended."""
    folder = tmp_path_factory.mktemp("canary")
    pcs = [{"name": name, **what} for name, what in LAB.items()]
    with running(folder, pcs, 103, variables={"gpuready_canary": 2}) as inventory:
        yield [Run(inventory, folder / "lab"), Run(inventory, folder / "lab")]


def test_a_kind_whose_first_do_not_get_ready_stays_as_it_is(runs: list[Run]) -> None:
    run = runs[0]
    assert run.ended == {
        "big1": "READY TRAINED",
        "big2": "NOT_READY LOCK_MISMATCH",
        **dict.fromkeys(("big3", "big4"), "UNKNOWN CANARY_FAILED"),
        **dict.fromkeys(("small1", "small2", "small3"), "READY TRAINED"),
        "torch1": "NOT_READY TRAINING_FAILED",
        "torch2": "UNKNOWN CANARY_FAILED",
    }
    assert run.built() == {"big1", "big2", "small1", "small2", "small3", "torch1"}


def test_the_others_wait_for_those_that_go_first(runs: list[Run]) -> None:
    run = runs[0]
    ends = [run.position(host, "training_facts", last=True) for host in ("big1", "small1", "small2", "torch1")]
    assert max(ends) < run.position("small3", "python_environment")


def test_the_report_names_who_failed_and_what_to_do(runs: list[Run]) -> None:
    told = runs[0].verdicts["big3"]
    assert "tensorflow-directml-plugin on AMD Radeon RX 6800: big2 is NOT_READY LOCK_MISMATCH" in told["cause"]
    assert "--limit" in told["next_step"]
    assert "torch1 is NOT_READY TRAINING_FAILED" in runs[0].verdicts["torch2"]["cause"]
    alike = [one for one in runs[0].document["causes"] if one["code"] == "CANARY_FAILED"]
    assert [(one["count"], one["hosts"]) for one in alike] == [(3, ["big3", "big4", "torch2"])]
    for name in ("report.html", "report.md", "report.csv", "junit.xml"):
        assert "big2 is NOT_READY LOCK_MISMATCH" in runs[0].texts[name].replace("\\_", "_"), name


def test_a_kind_that_is_proven_needs_no_other_first(runs: list[Run]) -> None:
    run = runs[1]
    assert run.ended == dict.fromkeys(LAB, "READY TRAINED")
    # big1 has its pass: big2 alone goes first, and then the others; torch1 is built and has none, torch2 goes first.
    assert run.position("big2", "training_facts", last=True) < run.position("big3", "python_environment")
    assert run.built() == {"big2", "big3", "big4", "torch2"}


def test_a_run_knows_how_long_the_last_one_built_and_trained(runs: list[Run]) -> None:
    assert runs[0].pace == events.Pace({}, canary=2)
    known = runs[1].pace.times["tensorflow-directml-plugin"]
    assert known.build
    assert known.train


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Run]]:
    """PCs that build one after the other, of which some fail; the same when one is mended, without a breaker."""
    folder = tmp_path_factory.mktemp("breaker")
    faults = {"pc1": [], "pc2": [NO_BUILD], "pc3": [OTHER], "pc4": [NO_BUILD | {"times": 2}], "pc5": [NO_BUILD]}
    pcs = [{"name": name, "faults": faults.get(name, [])} for name in ("pc1", "pc2", "pc3", "pc4", "pc5", "pc6", "pc7")]
    with running(folder, pcs, 104) as inventory:
        one = Run(inventory, folder / "lab", gpuready_at_once=1, gpuready_breaker=2)
        yield [one, Run(inventory, folder / "lab", gpuready_at_once=1, gpuready_breaker=0)]


def test_it_stops_building_where_too_many_fail_with_one_cause(stopped: list[Run]) -> None:
    run = stopped[0]
    assert run.ended == {
        "pc1": "READY TRAINED",
        "pc2": "NOT_READY LOCK_MISMATCH",
        "pc3": "NOT_READY NO_WHEEL",
        "pc4": "NOT_READY LOCK_MISMATCH",
        **dict.fromkeys(("pc5", "pc6", "pc7"), "UNKNOWN BREAKER_OPEN"),
    }
    told = run.verdicts["pc7"]
    assert "LOCK_MISMATCH at 2 of the last 4 (pc2, pc4)" in told["cause"]
    assert "gpuready_breaker" in told["next_step"]
    (alike,) = [one for one in run.document["causes"] if one["code"] == "BREAKER_OPEN"]
    assert (alike["count"], len(alike["causes"])) == (3, 1)
    for name in ("report.html", "report.md", "report.csv", "junit.xml"):
        assert "2 of the last 4 (pc2, pc4)" in run.texts[name], name


def test_nothing_is_left_on_a_pc_that_had_no_turn_and_0_never_stops(stopped: list[Run]) -> None:
    assert stopped[1].ended == {
        **dict.fromkeys(("pc1", "pc2", "pc3", "pc6", "pc7"), "READY TRAINED"),
        **dict.fromkeys(("pc4", "pc5"), "NOT_READY LOCK_MISMATCH"),
    }


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("gpuready_canary", -1, "gpuready_canary: '-1' is not a whole number from 0"),
        ("gpuready_breaker", "often", "gpuready_breaker: 'often' is not a whole number from 0"),
        ("gpuready_canery", 3, "gpuready_canery is not a wish"),
    ],
)
def test_a_wrong_number_is_one_line_before_any_pc_is_asked(tmp_path: Path, name: str, value: Any, says: str) -> None:
    with pytest.raises(Exception, match=says) as caught:
        Lab("pc1,", extra_vars={name: value}).provision(lab_dir=tmp_path)
    assert "\n" not in str(caught.value)
