"""The Python API and the command line over real Ansible, with playbooks of the tests' own."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gpuready import GpureadyError, Interrupted, Lab, State, events, explain

HEAD = "- hosts: all\n  gather_facts: false\n  tasks:\n"
# Writes what fleet_report writes.
REPORT = """
- hosts: pc1
  gather_facts: false
  vars:
    verdict: {state: READY, code: TRAINED, cause: it trained, next_step: ""}
    document:
      schema_version: 1
      simulated: false
      summary: {total: 1}
      run: {id: "{{ gpuready_run_id }}", started_at: now, finished_at: now, check: "{{ ansible_check_mode }}"}
      hosts:
        - {host: pc1, verdict: "{{ verdict }}", plan: {target: linux, stack: "{{ gpuready_stack | default('none') }}"}}
  tasks:
    - name: Write the report
      check_mode: false
      ansible.builtin.copy:
        dest: "{{ gpuready_report_dir }}/report.json"
        mode: "0644"
        content: "{{ document | to_json }}"
"""
SLEEP = f"sleep 300.{os.getpid()}"
SLOW = HEAD + f"    - name: Wait\n      ansible.builtin.command: {SLEEP}\n"
# An action that ends a PC as ours does, then one PC goes on.
VERDICT = """
from ansible.plugins.action import ActionBase
class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        verdict = {"state": "READY", "code": "TRAINED", "cause": "", "next_step": ""}
        return {"changed": False, "ansible_facts": {"gpuready": {"verdict": verdict}}}
"""


@pytest.fixture
def short() -> Iterator[Path]:
    """A temporary folder of a short name: Ansible has a socket in it, and a socket's path ends at 107 characters."""
    with tempfile.TemporaryDirectory(prefix="gp-") as folder:
        yield Path(folder)


@pytest.fixture
def project(tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes a project with two PCs and these playbooks."""
    monkeypatch.setenv("GPUREADY_ROOT", str(tmp_path))
    monkeypatch.delenv("ANSIBLE_CONFIG", raising=False)
    monkeypatch.setenv("TMPDIR", str(short))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "inventories").mkdir()
    variables = "[all:vars]\nansible_connection=local\nansible_python_interpreter={{ansible_playbook_python}}\n"
    (tmp_path / "inventories/local").write_text("pc1\npc2\n" + variables)

    def make(**playbooks: str) -> Path:
        for name, text in playbooks.items():
            (tmp_path / f"playbooks/{name}.yml").write_text(text)
        return tmp_path

    return make


def left_behind() -> list[str]:
    found = subprocess.run(["pgrep", "-f", SLEEP], capture_output=True, text=True, check=False).stdout.split()
    return [*found, *map(str, Path(tempfile.gettempdir()).iterdir())]


def test_a_run_gives_typed_results_and_events(project: Callable[..., Path], tmp_path: Path) -> None:
    project(provision=REPORT)
    seen: list[events.Event] = []
    lab = Lab(limit="pc1", wishes={"stack": "cuda"}, forks=2, extra_vars={"more": {"a b": ["'", '"']}})
    result = lab.provision(on_event=seen.append, report_dir=tmp_path / "new/folder", check=True)
    assert [(host.host, host.verdict.state) for host in result.hosts] == [("pc1", State.READY)]
    assert (result.exit_code, result.run.check, result.path) == (0, True, tmp_path / "new/folder/report.json")
    assert result.hosts[0].plan is not None
    assert result.hosts[0].plan.stack == "cuda"
    assert isinstance(seen[0], events.RunStarted)
    assert seen[0].hosts == ("pc1",)
    assert [e.outcome for e in seen if isinstance(e, events.StepFinished)] == ["changed"]
    assert isinstance(seen[-1], events.RunFinished)
    assert left_behind() == []


def test_a_report_of_an_earlier_run_is_never_this_runs(project: Callable[..., Path], tmp_path: Path) -> None:
    project(plan=HEAD + "    - name: Write nothing\n      ansible.builtin.debug:\n")
    (tmp_path / "reports").mkdir()
    earlier = {"run": {"id": "earlier"}, "hosts": []}
    (tmp_path / "reports/report.json").write_text(json.dumps(earlier))
    with pytest.raises(GpureadyError, match="of an earlier run"):
        Lab().plan(report_dir=tmp_path / "reports")
    assert json.loads((tmp_path / "reports/report.json").read_text()) == earlier


@pytest.mark.parametrize(
    ("playbook", "said"),
    [
        (HEAD + "    - name: Fail\n      ansible.builtin.fail: {msg: the disk is full}\n", "Fail: the disk is full"),
        ("- hosts: [\n", "YAML parsing failed"),
    ],
)
def test_what_goes_wrong_is_one_line_and_leaves_nothing(
    project: Callable[..., Path], tmp_path: Path, playbook: str, said: str
) -> None:
    project(plan=playbook)
    with pytest.raises(GpureadyError) as found:
        Lab().plan(report_dir=tmp_path / "made/here")
    assert said in str(found.value)
    assert "\n" not in str(found.value)
    assert not (tmp_path / "made").exists()


def test_inventories(project: Callable[..., Path], tmp_path: Path) -> None:
    root = project(plan=REPORT)
    with pytest.raises(GpureadyError, match="--limit nosuch: no such PC or group"):
        Lab(limit="pc1,nosuch").plan()
    (root / "empty.yml").write_text("all:\n  hosts: {}\n")
    with pytest.raises(GpureadyError, match="the inventory names no PC"):
        Lab(root / "empty.yml").plan()
    (root / "broken.ini").write_text("[lab\npc1\n")
    with pytest.raises(GpureadyError, match=r"broken\.ini: the inventory is broken"):
        Lab(root / "broken.ini").plan()
    (root / "wish.ini").write_text("pc1\npc7 gpuready_experience=expert\n")
    with pytest.raises(GpureadyError, match=r"wish\.ini: pc7: gpuready_experience: 'expert' is not one of"):
        Lab(root / "wish.ini").plan()
    assert not (root / "reports").exists()


def test_a_folder_that_cannot_be_written(
    project: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(plan=SLOW)
    (tmp_path / "file").write_text("")
    with pytest.raises(GpureadyError, match="the folder for the report cannot be written: Not a directory"):
        Lab().plan(report_dir=tmp_path / "file/reports")

    def full(**_: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(GpureadyError, match="cannot be written: No space left on device"):
        Lab().plan(report_dir=tmp_path / "reports")
    assert not (tmp_path / "reports").exists()


def test_a_fault_of_the_callback_ends_the_run_and_is_raised(project: Callable[..., Path], tmp_path: Path) -> None:
    project(plan=SLOW)

    def fault(event: events.Event) -> None:
        if isinstance(event, events.StepStarted):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Lab().plan(on_event=fault, report_dir=tmp_path / "reports")
    assert left_behind() == []


def test_cancel_from_another_thread(project: Callable[..., Path], tmp_path: Path) -> None:
    project(plan=SLOW)
    lab, found = Lab(), []

    def work() -> None:
        try:
            lab.plan(report_dir=tmp_path / "reports", on_event=lambda e: started.set() if "StepS" in repr(e) else None)
        except Interrupted as stop:
            found.append(stop)

    started = threading.Event()
    thread = threading.Thread(target=work)
    thread.start()
    assert started.wait(60)
    lab.cancel()
    thread.join(30)
    assert found[0].unfinished == ["pc1", "pc2"]
    assert left_behind() == []


def test_ctrl_c_says_what_was_finished(project: Callable[..., Path], tmp_path: Path) -> None:
    judge = HEAD + "    - name: Judge\n      gpuready.lab.gpu_verdict:\n      when: inventory_hostname == 'pc1'\n"
    root = project(plan=judge + SLOW.removeprefix(HEAD))
    plugins = root / "collections/ansible_collections/gpuready/lab/plugins/action"
    plugins.mkdir(parents=True)
    (plugins / "gpu_verdict.py").write_text(VERDICT)
    program = [sys.executable, "-c", "from gpuready.cli import main; main()"]
    with subprocess.Popen(
        [*program, "plan", "--json", "--report", str(tmp_path / "reports")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 60
        while not left_behind()[:1] or not left_behind()[0].isdigit():
            assert time.monotonic() < deadline
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    last = err.splitlines()[-1]
    assert last == (
        "gpuready: stopped, no report was written; finished: pc1 READY; not finished: pc2; run again to go on"
    )
    assert json.loads(out)["error"]["message"] in last
    assert not (tmp_path / "reports").exists()
    assert left_behind() == []


def test_explain_over_the_project_itself(tmp_path: Path) -> None:
    sample = {"schema_version": 1, "platform": "linux", "collected_at": "2026-11-23T08:00:00Z", "pieces": {}}
    (tmp_path / "pc07.json").write_text(json.dumps({"host": "pc07", "gpuready_evidence": sample}))
    result = explain(tmp_path / "pc07.json", wishes={"experience": "student"})
    assert [host.host for host in result.hosts] == ["pc07"]
    assert result.hosts[0].plan is not None
    assert result.hosts[0].plan.wishes["experience"] == "student"
    assert result.path is None
    (tmp_path / "half.json").write_text('{"host": "pc07", "gpuready_evi')
    with pytest.raises(GpureadyError, match=r"half\.json: the file ends too early"):
        explain(tmp_path / "half.json")
