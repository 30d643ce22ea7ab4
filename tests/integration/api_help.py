"""What the tests of the Python API share: playbooks of their own, a project around them, and what a run left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from gpuready import project

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-c", "from gpuready.cli import main; main()"]
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


def make_project(tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes a project with two PCs and these playbooks."""
    monkeypatch.setenv("GPUREADY_ROOT", str(tmp_path))
    monkeypatch.delenv("ANSIBLE_CONFIG", raising=False)
    monkeypatch.setenv("TMPDIR", str(short))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "inventories").mkdir()
    contract = project.collection(tmp_path) / "contract.yml"
    contract.parent.mkdir(parents=True)
    shutil.copy(project.collection(CHECKOUT) / "contract.yml", contract)
    variables = "[all:vars]\nansible_connection=local\nansible_python_interpreter={{ansible_playbook_python}}\n"
    (tmp_path / "inventories/local").write_text("pc1\npc2\n" + variables)

    def make(**playbooks: str) -> Path:
        for name, text in playbooks.items():
            (tmp_path / f"playbooks/{name}.yml").write_text(text)
        return tmp_path

    return make


def left_behind() -> list[str]:
    found = subprocess.run(["pgrep", "-f", SLEEP], capture_output=True, text=True, check=False).stdout.split()
    files = map(str, Path(tempfile.gettempdir()).iterdir())
    # A module of Ansible's that is ended in the middle leaves its own code behind, without its arguments.
    return [*found, *(file for file in files if "_payload_" not in file)]


def wait_for_the_slow_task() -> None:
    deadline = time.monotonic() + 60
    while not left_behind()[:1] or not left_behind()[0].isdigit():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def kill_the_slow_task() -> None:
    """After a test that failed."""
    for number in left_behind():
        if number.isdigit():
            with suppress(ProcessLookupError):
                os.kill(int(number), signal.SIGKILL)


@contextmanager
def started(*arguments: str, program: Sequence[str] = PROGRAM, umask: int = -1) -> Iterator[subprocess.Popen[str]]:
    """The command line in a process of its own; after a test that failed it is killed, and its slow task too."""
    process = subprocess.Popen(
        [*program, *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, umask=umask,
    )  # fmt: skip
    try:
        with process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()
    finally:
        kill_the_slow_task()
