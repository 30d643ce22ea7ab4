"""The folder of a lab over real runs: a folder a run, `latest` the state of the lab, and runs side by side."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from gpuready import Lab

ROOT = Path(__file__).resolve().parents[2]
PCS = [f"pc{number:02}" for number in range(1, 14)]
READY = {"state": "READY", "code": "TRAINED", "cause": "it trained", "next_step": ""}
JUDGE = """
from ansible.plugins.action import ActionBase
from ansible_collections.gpuready.lab.plugins.plugin_utils import record as records
class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        name = task_vars["inventory_hostname"]
        verdict = {**self._task.args, "checks": [], "reused": False, "at": "2026-11-25T08:00:00Z", "fingerprint": None}
        run = records.run_of(task_vars)
        frame = {"schema_version": 1, "host": name, "run": run, "simulated": False, "troubles": []}
        record = {**frame, "verdict": verdict}
        return {"changed": False, "ansible_facts": {"gpuready": record}}
"""


class Controller:
    """A folder from which plain ansible-playbook is started, and a lab of 13 PCs that exist in name alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        room = {"hosts": dict.fromkeys(PCS[:2]), "vars": {"room": "Lab {{ 4 + 1 }}"}}
        every = {"hosts": dict.fromkeys(PCS), "children": {"lab_5": room}, "vars": {"ansible_connection": "local"}}
        (folder / "hosts.yml").write_text(yaml.safe_dump({"all": every}))
        (folder / "action").mkdir()
        (folder / "action/judge.py").write_text(JUDGE)
        for name, verdict, more in (
            ("ready", READY, {}),
            ("broken", {**READY, "state": "NOT_READY", "code": "CPU_FALLBACK", "next_step": "mend it"}, {}),
            (
                "look",
                {**READY, "state": "UNKNOWN", "code": "NOT_VERIFIED", "next_step": "x"},
                {"gpuready_verdicts": False},
            ),
        ):
            tasks = [{"judge": verdict}, {"import_role": {"name": "gpuready.lab.fleet_report"}}]
            play = {"hosts": "all", "gather_facts": False, "tasks": tasks, "vars": more}
            (folder / f"{name}.yml").write_text(yaml.safe_dump([play]))

    def start(self, playbook: str, *arguments: str) -> subprocess.Popen[str]:
        program = str(Path(sys.executable).parent / "ansible-playbook")
        return subprocess.Popen(
            [program, "-i", "hosts.yml", f"{playbook}.yml", *arguments],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={
                **os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_ACTION_PLUGINS": str(self.folder / "action"),
                "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            },
        )  # fmt: skip

    def run(self, playbook: str, *arguments: str) -> str:
        process = self.start(playbook, *arguments)
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        return " ".join(output.split()).replace("''", "'")  # YAML's

    def latest(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "reports/latest/report.json").read_text()))

    def runs(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "reports/runs").iterdir())


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path)


def states(document: dict[str, Any]) -> dict[str, str]:
    return {one["host"]: one["verdict"]["state"] for one in document["hosts"]}


def test_a_look_at_three_leaves_the_lab_of_thirteen(controller: Controller) -> None:
    controller.run("ready")
    before = {path.name: path.read_bytes() for path in (controller.folder / "reports/latest").iterdir()}
    said = controller.run("look", "--limit", "pc01,pc02,pc03")
    assert "gives no verdict: the lab's state is as it was" in said
    latest = controller.folder / "reports/latest"
    assert {path.name: path.read_bytes() for path in latest.iterdir()} == before
    assert states(controller.latest()) == dict.fromkeys(PCS, "READY")
    assert "13 of 13 PCs ready" in (latest / "report.html").read_text()
    assert ElementTree.parse(latest / "junit.xml").getroot().get("tests") == "13"
    assert 'gpuready_hosts{state="READY"} 13' in (latest / "metrics.prom").read_text()
    assert len(controller.runs()) == 2, "each run has a folder of its own"
    controller.run("broken", "--check", "--limit", "pc01")
    assert states(controller.latest())["pc01"] == "READY", "a check judges nobody"


def test_a_run_over_some_changes_these_alone(controller: Controller) -> None:
    controller.run("ready", "--limit", "!pc13")
    said = controller.run("broken", "--limit", "pc02")
    assert "The lab: 11 of 13 PCs ready; 1 NOT_READY, 1 UNKNOWN." in said
    found = controller.latest()
    assert states(found) == {**dict.fromkeys(PCS, "READY"), "pc02": "NOT_READY", "pc13": "UNKNOWN"}
    places = {one["host"]: one.get("place") for one in found["hosts"]}
    assert (places["pc02"], places["pc03"]) == ({"room": "Lab 5", "groups": ["lab_5"]}, None)
    newest = {one["host"]: one.get("newest") for one in found["hosts"]}
    assert newest["pc13"] is None
    for name, folder in (("pc01", controller.runs()[0]), ("pc02", controller.runs()[-1])):
        assert newest[name]["folder"] == f"runs/{folder}"
        own = json.loads((controller.folder / "reports" / newest[name]["folder"] / "report.json").read_text())
        assert own["run"]["id"] == newest[name]["run"]
    assert own["since"] == found["since"]
    assert [(one["what"], one["hosts"]) for one in own["since"]["groups"]] == [("ready_no_more", ["pc02"])]
    assert "1 ready no more (pc02). Compared are 1 of 13 PCs: of the others the run says nothing." in said


def test_two_runs_at_once_do_not_mix(controller: Controller) -> None:
    halves: Sequence[tuple[str, list[str]]] = (("ready", PCS[:7]), ("broken", PCS[7:]))
    processes = [controller.start(name, "--limit", ",".join(some)) for name, some in halves]
    for process in processes:
        output, _ = process.communicate(timeout=180)
        assert process.returncode == 0, output
    assert states(controller.latest()) == {**dict.fromkeys(PCS[:7], "READY"), **dict.fromkeys(PCS[7:], "NOT_READY")}
    assert len(controller.runs()) == 2
    found = [
        json.loads((controller.folder / "reports/runs" / one / "report.json").read_text()) for one in controller.runs()
    ]
    assert sorted(len(one["hosts"]) for one in found) == [6, 7]


def test_old_runs_go_and_what_is_not_of_them_stays(controller: Controller) -> None:
    kept = "20200101T000000Z-plan-00000000"
    for name in (kept, "20200102T000000Z-plan-00000000", "mine"):
        (controller.folder / "reports/runs" / name).mkdir(parents=True)
        (controller.folder / "reports/runs" / name / "report.json").write_text("{}")
    (controller.folder / "reports/runs" / kept / "notes.txt").write_text("of a person")
    controller.run("ready", "-e", "gpuready_keep_runs=1")
    assert len(controller.runs()) == 3
    assert {kept, "mine"} < set(controller.runs())
    assert os.listdir(controller.folder / "reports/runs" / kept) == ["notes.txt"]
    assert os.listdir(controller.folder / "reports/runs/mine") == ["report.json"]


def test_a_state_that_cannot_be_read_is_put_aside_and_one_that_cannot_be_written_ends_no_run(
    controller: Controller,
) -> None:
    reports = controller.folder / "reports"
    reports.mkdir()
    (reports / "state.json").write_text("{half")
    said = controller.run("ready")
    assert [path.read_text() for path in reports.glob("state-broken-*.json")] == ["{half"]
    assert "The lab's state could not be read, and begins anew with this run: what was there lies in " in said
    (reports / "state.json").write_text(json.dumps({"schema_version": 99}))
    said = controller.run("broken")
    assert "The lab's state could not be kept: " in said
    assert "newer version" in said
    assert json.loads((reports / "state.json").read_text()) == {"schema_version": 99}
    assert len(controller.runs()) == 2


def test_a_run_waits_for_another_that_writes_its_report(controller: Controller) -> None:
    (controller.folder / "reports").mkdir()
    with (controller.folder / "reports/.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = controller.start("ready")
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=15)
        assert not (controller.folder / "reports/state.json").exists()
        fcntl.flock(lock, fcntl.LOCK_UN)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert len(states(controller.latest())) == 13


def test_gpuready_gives_each_run_its_folder_and_keeps_the_state(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(
        "all: {hosts: {pc1: {ansible_host: 127.0.0.1, ansible_port: 9, ansible_connection: ssh}}}"
    )
    lab = Lab(tmp_path / "hosts.yml")
    looked = lab.facts(lab_dir=tmp_path / "lab")
    assert looked.path is not None
    assert looked.path.parent.parent == tmp_path / "lab/runs"
    assert not (tmp_path / "lab/latest").exists(), "a look gives no verdict"
    judged = lab.report(lab_dir=tmp_path / "lab")
    assert judged.path not in (None, looked.path)
    found = json.loads((tmp_path / "lab/latest/report.json").read_text())
    assert [one["newest"]["run"] for one in found["hosts"]] == [judged.run.id]
    assert lab.facts(lab_dir="", report_dir=tmp_path / "alone").path == tmp_path / "alone/report.json"


def test_only_and_resume_take_the_pcs_from_the_labs_state(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(
        "all: {hosts: {pc1: {ansible_host: 127.0.0.1, ansible_port: 9}, pc2: {}},"
        " vars: {ansible_connection: ssh, ansible_host: 127.0.0.2, ansible_port: 9}}"
    )
    program = [
        str(Path(sys.executable).with_name("gpuready")),
        "report",
        "-i",
        "hosts.yml",
        "--lab-dir",
        "lab",
        "--json",
    ]

    def run(*options: str) -> tuple[int, dict[str, Any]]:
        done = subprocess.run(
            [*program, *options], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )
        return done.returncode, json.loads(done.stdout)

    code, refused = run("--only", "failed")
    assert code == 1
    assert "no run has judged the PCs of" in refused["error"]["message"]
    assert run("--limit", "pc1")[0] == 2
    code, new = run("--only", "new")
    assert (code, [one["host"] for one in new["hosts"]]) == (2, ["pc2"])
    code, off = run("--only", "unreachable,stale")
    assert (code, [one["host"] for one in off["hosts"]]) == (2, ["pc1", "pc2"])
    assert run("--only", "failed") == (0, {"schema_version": 1, "hosts": []})
    assert run("--resume") == (0, {"schema_version": 1, "hosts": []})
    assert run("--only", "faild")[0] == 1
