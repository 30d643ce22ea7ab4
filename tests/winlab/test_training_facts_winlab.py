"""training_facts.ps1 on the real PowerShell engine with CPython for Windows; its `torch` is the tests' own.

Trainings with the real frameworks are in test_provision_winlab.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from records import of_this_run
from winlab import PREFIXES, testing
from winlab.testing import source

HOME = r"C:\ProgramData\gpuready"
PYTHON = r"C:\lab\Python310\python.exe"
COLLECTION = "collections/ansible_collections/gpuready/lab"
ODD = {
    "silent": "import sys; sys.stderr.write('last words\\n'); sys.exit(7)",
    "half": 'print(\'noise GPUREADY-TRAINING {"finished": true, "los\')',
    "list": "print('GPUREADY-TRAINING [1]')",
    "fine": 'print(\'noise GPUREADY-TRAINING {"finished": false, "n": 1e-07}\')',
    "crash": "import faulthandler; faulthandler._read_null()",
    "deaf": "import time; time.sleep(300)",
    "holds": """
import subprocess, sys, time
import os
hold = "import sys, time; f = open(sys.argv[1]); open(sys.argv[2], 'w'); time.sleep(15)"
silent = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
subprocess.Popen([sys.executable, "-c", hold, __file__, __file__ + ".held"], **silent)
while not os.path.exists(__file__ + ".held"):
    time.sleep(0.1)
print('GPUREADY-TRAINING {"finished": true}')
""",
}


@pytest.fixture(scope="module")
def pc(winlab_machine):
    machine = winlab_machine("training-facts")
    if not machine.path(PYTHON).exists():
        machine.copy_in(PREFIXES / "windows/Python310", r"C:\lab\Python310")
    return machine


def shim(pc, text: str) -> dict[str, str]:
    """The variables with which `import torch` runs this text."""
    folder = pc.path(r"C:\lab\shim")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "torch.py").write_text(textwrap.dedent(text), encoding="utf-8")
    return {"PYTHONPATH": r"C:\lab\shim"}


def train(ansible, pc, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
    """What the PC says of the training, by way of the action."""
    given = {"interpreter": PYTHON, "backend": "torch-cpu", "time_limit": 60, **arguments}
    result = ansible(pc, "gpuready.lab.training_facts", given, check=check)
    assert not result["failed"], result
    assert result["changed"] is False
    record = result["ansible_facts"]["gpuready"]
    assert "training" in record, json.dumps(record["troubles"])
    return dict(record["training"])


def left(pc) -> list[str]:
    """Processes and temporary files of trainings that are still there."""
    script = (
        "Get-Process | Where-Object { $_.Name -like 'python*' } | ForEach-Object { $_.Name };"
        "Get-ChildItem $env:TEMP -Recurse -Filter trainer.py | ForEach-Object { $_.FullName }"
    )
    return pc.powershell(script).stdout.split()


def test_nothing_is_trained_in_check_mode(pc, ansible):
    assert train(ansible, pc, check=True)["skipped"] == "check mode"


def test_an_interpreter_that_is_not_there(pc, ansible):
    found = train(ansible, pc, interpreter=r"C:\nowhere\python.exe")
    assert (found["finished"], found["error"]["code"]) == (False, "INTERPRETER_MISSING")
    assert r"C:\nowhere\python.exe" in found["error"]["message"]


def test_an_access_violation_keeps_its_code_and_the_place(pc, ansible):
    found = train(ansible, pc, variables=shim(pc, ODD["crash"]))
    assert (found["finished"], found["error"], found["process"]["rc"]) == (False, None, "0xC0000005")
    assert found["process"]["phase"] == "import"
    assert any("access violation" in line for line in found["process"]["stderr_tail"])
    assert found["task"]["steps"] == 40


def test_a_hang_is_ended_with_what_it_started(pc, ansible):
    text = """
        import subprocess, sys, time
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
        time.sleep(300)
    """
    found = train(ansible, pc, variables=shim(pc, text), time_limit=6)
    assert found["process"]["seconds"] < 60
    assert (found["finished"], found["process"]["timed_out"]) == (False, True)
    assert any("torch.py" in line for line in found["process"]["stderr_tail"])
    assert left(pc) == []


def test_killed_in_the_middle_of_its_answer(pc, ansible):
    text = """
        import os, stat
        for number in range(3, 64):
            try:
                if stat.S_ISFIFO(os.fstat(number).st_mode):
                    os.write(number, b'\\nGPUREADY-TRAINING {"finished": true, "result": {"los')
            except OSError:
                pass
        os._exit(1)
    """
    found = train(ansible, pc, variables=shim(pc, text))
    assert (found["finished"], found["error"]["code"], found["process"]["rc"]) == (False, "OUTPUT_TRUNCATED", 1)


# --- trainers of another kind: what the module does when the trainer itself fails ---
@pytest.fixture
def own_trainer(monkeypatch, tmp_path):
    """Let the action send another text. It runs in a process of its own, so it is given a collection of its own."""
    target = tmp_path / "ansible_collections/gpuready/lab"
    target.parent.mkdir(parents=True)
    subprocess.run(["cp", "-aL", str(source(COLLECTION)), str(target)], check=True)  # copies, not links: one is written
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", str(tmp_path))

    def put(text: str) -> None:
        (target / "trainer/trainer.py").write_text(text, encoding="utf-8")

    return put


def test_a_trainer_that_says_nothing_or_half(pc, ansible, own_trainer):
    own_trainer(ODD["silent"])
    found = train(ansible, pc)
    assert (found["finished"], found["error"], found["process"]["rc"]) == (False, None, 7)
    assert found["process"]["stderr_tail"] == ["last words"]
    for name in ("half", "list"):
        own_trainer(ODD[name])
        found = train(ansible, pc)
        assert (found["finished"], found["error"]["code"]) == (False, "OUTPUT_TRUNCATED")
    own_trainer(ODD["fine"])
    assert train(ansible, pc)["n"] == 1e-07


def test_a_trainer_that_crashes_or_hangs_itself(pc, ansible, own_trainer):
    own_trainer(ODD["crash"])
    assert train(ansible, pc)["process"]["rc"] == "0xC0000005"
    own_trainer(ODD["deaf"])
    found = train(ansible, pc, time_limit=1)
    assert (found["finished"], found["process"]["timed_out"]) == (False, True)
    assert left(pc) == []


def test_what_the_trainer_leaves_running_is_told(pc, ansible, own_trainer):
    own_trainer(ODD["holds"])
    result = ansible(
        pc, "gpuready.lab.training_facts", {"interpreter": PYTHON, "backend": "torch-cpu", "time_limit": 60}
    )
    assert result["ansible_facts"]["gpuready"]["training"]["finished"] is True
    assert any("cannot be removed" in warning for warning in result["warnings"])


def test_a_full_disk_has_its_name(pc, ansible):
    folder = pc.path(r"C:\users\labadmin\AppData\Local\Temp")
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)], check=True)
    try:
        found = train(ansible, pc)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
    assert (found["finished"], found["error"]["code"]) == (False, "DISK_FULL")


def test_what_only_the_action_gives_is_asked_for(pc, ansible):
    found = ansible(pc, "gpuready.lab.training_facts", {"interpreter": PYTHON})
    assert found["failed"] is False
    assert (
        found["ansible_facts"]["gpuready"]["troubles"][-1]["message"]
        == "backend is missing: the action plugin gives it"
    )


def test_an_interpreter_that_others_may_have_put_there_is_not_run(pc, ansible):
    """The record says that it lies in gpuready's folder, and a user made that."""
    path = rf"{HOME}\environments\cpu-{'0' * 12}"
    pc.copy_in(PREFIXES / "windows/Python310", rf"{path}\Scripts")
    environment = {"stack": "cpu", "lock_sha256": "0" * 64, "path": path, "python": rf"{path}\Scripts\python.exe"}
    planned = {"stack": "cpu", "environment": {"lock_sha256": "0" * 64, "backend": "torch-cpu"}}
    record = {
        "host": "x",
        "troubles": [],
        "plan": planned,
        "facts": {"environments": [{**environment, "state": "old"}]},
    }
    marks = pc.path(r"C:\lab\shim\ran")
    variables = shim(pc, r"open(r'C:\lab\shim\ran', 'w').close()")
    play = {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {"ansible.builtin.set_fact": of_this_run(record)},
            {"gpuready.lab.training_facts": {"variables": variables, "time_limit": 60}},
        ],
    }
    os.chown(pc.path(path), 65534, 65534)
    first = testing.results(ansible(pc, playbook=[play]), pc.name)[1][1]["ansible_facts"]["gpuready"]
    assert ("training" in first, first["troubles"][-1]["code"]) == (False, "HOME_NOT_OURS")
    assert not marks.exists()
    os.chown(pc.path(path), 0, 0)
    second = testing.results(ansible(pc, playbook=[play]), pc.name)[1][1]["ansible_facts"]["gpuready"]["training"]
    assert (second["error"] or {}).get("code") != "HOME_NOT_OURS"
    assert marks.exists()
