"""training_facts on this machine: the module in a process of its own, as on a PC, and the action before it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from records import of_this_run
from trainer_help import TRAINER, judged, torch_python

ROOT = Path(__file__).resolve().parents[2]
MODULE = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpuready.lab.plugins.modules import training_facts
with patch_module_args(json.load(sys.stdin)):
    training_facts.main()
"""


def module(folder: Path, **arguments: Any) -> dict[str, Any]:
    """What the module answers; its temporary files lie in `folder`/tmp and must be gone."""
    (folder / "tmp").mkdir(exist_ok=True)
    given = {
        "interpreter": sys.executable,
        "backend": "torch-cpu",
        "trainer": TRAINER.read_text(),
        "time_limit": 60,
        **arguments,
    }
    done = subprocess.run(
        [sys.executable, "-c", MODULE],
        input=json.dumps(given),
        env=os.environ | {"PYTHONPATH": str(ROOT / "collections"), "TMPDIR": str(folder / "tmp")},
        capture_output=True,
        text=True,
        timeout=given["time_limit"] + 90,
        check=False,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    assert list((folder / "tmp").iterdir()) == []
    if not answer.get("failed"):
        assert answer["changed"] is False
    return answer


def training(folder: Path, **arguments: Any) -> dict[str, Any]:
    found: dict[str, Any] = module(folder, **arguments)["ansible_facts"]["gpuready_training"]
    return found


def test_an_interpreter_that_is_not_there(tmp_path: Path) -> None:
    found = training(tmp_path, interpreter="/nowhere/python")
    assert (found["error"]["code"], found["finished"], found["process"]) == ("INTERPRETER_MISSING", False, None)
    assert "/nowhere/python" in found["error"]["message"]
    assert judged(found)["code"] == "INTERPRETER_MISSING"


def test_a_program_that_is_no_interpreter(tmp_path: Path) -> None:
    found = training(tmp_path, interpreter="/bin/false")
    assert (found["finished"], found["process"]["rc"]) == (False, 1)
    assert judged(found)["state"] == "NOT_READY"
    assert training(tmp_path, interpreter="/bin/true")["finished"] is False


def test_nothing_is_trained_in_check_mode(tmp_path: Path) -> None:
    answer = module(tmp_path, interpreter="/nowhere/python", _ansible_check_mode=True)
    assert answer["ansible_facts"] == {"gpuready_training": {"skipped": "check mode"}}


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    answer = module(tmp_path, trainer="")
    assert answer["failed"] is True
    assert "trainer is missing" in answer["msg"]


def test_a_trainer_without_a_line(tmp_path: Path) -> None:
    found = training(tmp_path, trainer="import sys; sys.stderr.write('last words\\n'); sys.exit(7)")
    assert (found["finished"], found["error"], found["process"]["rc"]) == (False, None, 7)
    assert found["process"]["stderr_tail"] == ["last words"]


@pytest.mark.parametrize("line", ['{"finished": true, "los', "[1, 2]", "7", ""])
def test_a_line_that_cannot_be_read(tmp_path: Path, line: str) -> None:
    found = training(tmp_path, trainer=f"print('before GPUREADY-TRAINING ' + {line!r})")
    assert (found["finished"], found["error"]["code"]) == (False, "OUTPUT_TRUNCATED")


def test_noise_before_the_line_on_the_same_line(tmp_path: Path) -> None:
    found = training(tmp_path, trainer="print('x' * 3000000 + 'GPUREADY-TRAINING {\"finished\": false}', 'more'[:0])")
    assert found == {"finished": False}


def test_a_trainer_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    trainer = (
        "import signal, subprocess, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "sys.stderr.write('%d\\n' % subprocess.Popen(['sleep', '300']).pid)\nsys.stderr.flush()\ntime.sleep(300)"
    )
    started = time.monotonic()
    found = training(tmp_path, trainer=trainer, time_limit=1)
    assert time.monotonic() - started < 60
    assert (found["finished"], found["process"]["timed_out"]) == (False, True)
    assert judged(found)["code"] == "TIMED_OUT"
    time.sleep(0.2)
    stat = Path(f"/proc/{found['process']['stderr_tail'][0]}/stat")
    assert not stat.exists() or " Z " in stat.read_text()


def test_a_child_left_behind_is_ended(tmp_path: Path) -> None:
    trainer = (
        'import subprocess\nprint(\'GPUREADY-TRAINING {"finished": false, "pid": %d}\' % '
        "subprocess.Popen(['sleep', '300'], stdout=-3, stderr=-3).pid)"
    )
    found = training(tmp_path, trainer=trainer)
    time.sleep(0.2)
    stat = Path(f"/proc/{found['pid']}/stat")
    assert not stat.exists() or " Z " in stat.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts a tiny file system")
def test_a_full_disk_has_its_name(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", tmp_path / "tmp"], check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        found = training(tmp_path)
    finally:
        subprocess.run(["umount", tmp_path / "tmp"], check=True)
    assert (found["finished"], found["error"]["code"]) == (False, "DISK_FULL")
    assert judged(found)["code"] == "DISK_FULL"


def test_variables_reach_the_training_alone(tmp_path: Path) -> None:
    trainer = (
        "import json, os, sys\n"
        "print('GPUREADY-TRAINING ' + json.dumps({'variable': os.environ.get('TF_DIRECTML_PATH'), "
        "'options': json.load(open(sys.argv[1][1:]))}))"
    )
    found = training(
        tmp_path,
        trainer=trainer,
        variables={"TF_DIRECTML_PATH": "/x y"},
        gpu_variable="DML_VISIBLE_DEVICES",
        visible_devices="1",
        adapter="Arc",
        options={"steps": 3},
    )
    assert found["variable"] == "/x y"
    assert found["options"] == {
        "adapter": "Arc",
        "backend": "torch-cpu",
        "steps": 3,
        "time_limit": 60,
        "variable": "DML_VISIBLE_DEVICES",
        "visible": "1",
    }


# --- through Ansible ---
def play(folder: Path, facts: dict[str, Any], *options: str, **arguments: Any) -> dict[str, Any]:
    """The result of the task for a host with this record."""
    tasks = [
        {"name": "Known", "ansible.builtin.set_fact": of_this_run(facts)},
        {"name": "Train", "gpuready.lab.training_facts": arguments, "register": "trained"},
    ]
    book = folder / "play.yml"
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    plays = [{"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": tasks}]
    book.write_text(yaml.safe_dump(plays))
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", *options, book],
        env=os.environ | {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    result = json.JSONDecoder().raw_decode(done.stdout[done.stdout.index("{") :])[0]
    found: dict[str, Any] = result["plays"][0]["tasks"][-1]["hosts"]["localhost"]
    return found


def record(**more: Any) -> dict[str, Any]:
    plan = {
        "stack": "cpu",
        "adapter": None,
        "blockers": [],
        "environment": {"backend": "torch-cpu", "lock_sha256": "aa"},
    }
    return {"schema_version": 1, "host": "localhost", "simulated": False, "troubles": [], "plan": plan, **more}


@pytest.mark.parametrize(
    "change",
    [
        {"plan": None},
        {"plan": {**record()["plan"], "blockers": [{"code": "NO_GPU"}]}},
        {"troubles": [{"code": "HOST_OFF"}]},
        {},  # no environment
        {"apply": {"environment": {"python": "/x", "lock_sha256": "another"}}},
    ],
)
def test_where_nothing_can_be_trained_nothing_is_asked_of_the_pc(tmp_path: Path, change: dict[str, Any]) -> None:
    known = record(training={"finished": True}, **change) | change
    found = play(tmp_path, known)
    assert not found.get("failed"), found
    assert "training" not in found["ansible_facts"]["gpuready"]
    assert found["msg"].startswith("nothing is trained")


def test_an_unknown_option_is_refused(tmp_path: Path) -> None:
    found = play(tmp_path, record(), tim_limit=3)
    assert found["failed"] is True
    assert "tim_limit" in found["msg"]


@pytest.mark.slow
def test_the_whole_on_this_machine(tmp_path: Path) -> None:
    built = {"environment": {"python": torch_python(), "lock_sha256": "aa"}}
    found = play(tmp_path, record(apply=built), time_limit=120, options={"speed_seconds": 0})
    assert (found["changed"], found["msg"]) == (False, "trained")
    shown = found["ansible_facts"]["gpuready"]["training"]
    assert (shown["finished"], shown["result"]["accuracy"]) == (True, 1.0)
    assert len(shown["trainer_sha256"]) == 64
    checked = play(tmp_path, record(apply=built), "--check")
    assert checked["ansible_facts"]["gpuready"]["training"]["skipped"] == "check mode"
