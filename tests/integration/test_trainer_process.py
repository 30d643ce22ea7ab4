"""However a training ends, the trainer prints its one line and the line says how: with a broken `torch`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from trainer_help import MARK, TRAINER, judged, train


def test_without_a_framework_the_line_names_what_is_missing(tmp_path: Path) -> None:
    found = train(tmp_path, torch="import torch_that_is_not_there")
    assert found["error"]["type"] == "ModuleNotFoundError"
    assert (found["finished"], found["process"]["rc"], found["process"]["phase"]) == (False, 0, "end")
    assert judged(found)["code"] == "FRAMEWORK_IMPORT"


def test_a_crash_has_its_signal_and_the_place(tmp_path: Path) -> None:
    found = train(tmp_path, torch="import ctypes\nctypes.string_at(0)")
    assert (found["finished"], found["error"], found["process"]["rc"]) == (False, None, -signal.SIGSEGV)
    assert found["process"]["phase"] == "import"
    assert any("Segmentation fault" in line for line in found["process"]["stderr_tail"])
    assert any("torch.py" in line for line in found["process"]["stderr_tail"])
    assert found["task"]["steps"] == 40  # what was known before is not lost
    assert judged(found)["code"] == "ACCESS_VIOLATION"


def test_an_abort_is_a_crash(tmp_path: Path) -> None:
    found = train(tmp_path, torch="import os\nos.abort()")
    assert found["process"]["rc"] == -signal.SIGABRT
    assert judged(found)["state"] == "NOT_READY"


def test_an_exit_in_the_middle_is_no_success(tmp_path: Path) -> None:
    found = train(tmp_path, torch="import os\nos._exit(0)")
    assert (found["finished"], found["process"]["rc"]) == (False, 0)
    assert judged(found)["state"] == "NOT_READY"
    found = train(tmp_path, torch="import sys\nsys.exit(3)")
    assert (found["finished"], found["error"]["type"]) == (False, "SystemExit")
    assert judged(found)["state"] == "NOT_READY"


def test_a_process_that_is_killed(tmp_path: Path) -> None:
    found = train(tmp_path, torch="import os\nos.kill(os.getpid(), 9)")
    assert found["process"]["rc"] == -9
    assert judged(found)["code"] == "KILLED"


def test_a_hang_ends_at_the_limit_and_says_where(tmp_path: Path) -> None:
    started = time.monotonic()
    found = train(tmp_path, torch="import time\ndef stuck():\n    time.sleep(600)\nstuck()", time_limit=6)
    assert time.monotonic() - started < 30
    assert (found["finished"], found["process"]["timed_out"]) == (False, True)
    assert any("in stuck" in line for line in found["process"]["stderr_tail"])
    assert judged(found)["code"] == "TIMED_OUT"


def test_a_process_left_behind_does_not_hold_the_line_back(tmp_path: Path) -> None:
    started = time.monotonic()
    found = train(tmp_path, torch="import subprocess, os\nprint(subprocess.Popen(['sleep', '60']).pid)\nos._exit(5)")
    assert time.monotonic() - started < 30
    assert found["process"]["rc"] == 5
    os.kill(int(found["process"]["stderr_tail"][-1]), signal.SIGKILL)


def test_killed_in_the_middle_of_its_answer(tmp_path: Path) -> None:
    # the child's copy of standard output is the only pipe besides the standard streams
    found = train(
        tmp_path,
        torch="""
        import os, stat
        for number in range(3, 64):
            try:
                if stat.S_ISFIFO(os.fstat(number).st_mode):
                    os.write(number, b'\\nGPUREADY-TRAINING {"finished": true, "result": {"losses": [1.0, 0.')
            except OSError:
                pass
        os.kill(os.getpid(), 9)
        """,
    )
    assert (found["finished"], found["process"]["rc"]) == (False, -9)
    assert (found["error"]["code"], found["error"]["where"]) == ("OUTPUT_TRUNCATED", "import")
    assert judged(found)["code"] == "OUTPUT_TRUNCATED"


def test_noise_stays_out_of_the_line(tmp_path: Path) -> None:
    noise = """
import os, sys
print("no line end", end="", flush=True)
os.write(1, b"\\xff\\xfe\\x00 {}[] " * 10)
sys.stderr.write("x" * 100000 + "\\n")
"""
    found = train(tmp_path, torch=noise + "raise ValueError('\\ud83d broken \\u2028 text')", site=noise)
    assert found["error"]["type"] == "ValueError"
    assert 0 < len(found["process"]["stderr_tail"]) <= 30
    assert max(map(len, found["process"]["stderr_tail"])) <= 300


def test_a_flood_of_noise_does_not_block_it(tmp_path: Path) -> None:
    found = train(
        tmp_path, torch="import sys\nfor n in range(200000): print('noise', n, 'x' * 80)\nraise MemoryError('all gone')"
    )
    assert found["process"]["stderr_tail"][-1].startswith("noise 199999")
    assert judged(found)["code"] == "OUT_OF_MEMORY"


def test_a_claim_to_have_finished_needs_evidence(tmp_path: Path) -> None:
    found = train(
        tmp_path,
        torch="""
        import os, stat
        for number in range(3, 64):
            try:
                if stat.S_ISFIFO(os.fstat(number).st_mode):
                    os.write(number, b'\\nGPUREADY-TRAINING {"finished": true}\\n')
            except OSError:
                pass
        os._exit(0)
        """,
    )
    assert found["finished"] is True
    assert judged(found)["state"] == "UNKNOWN"


def test_secrets_of_the_environment_are_not_in_the_line(tmp_path: Path) -> None:
    found = train(tmp_path, torch="import ctypes\nctypes.string_at(0)", environment={"LAB_PASSWORD": "hunter2hunter2"})
    assert "hunter2" not in str(found)


def test_options_come_as_argument_as_file_and_on_standard_input(tmp_path: Path) -> None:
    (tmp_path / "options.json").write_text('{"steps": 1}')
    for arguments, text in ((['{"steps": 1}'], ""), ([f"@{tmp_path}/options.json"], ""), ([], '{"steps": 1}')):
        done = subprocess.run(
            [sys.executable, str(TRAINER), *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert '"code": "BAD_INPUT"' in done.stdout
        assert done.stderr == ""


def test_ended_from_outside_it_says_so_and_leaves_no_child(tmp_path: Path) -> None:
    stuck = f"import os, time\nopen({str(tmp_path / 'child')!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"
    (tmp_path / "torch.py").write_text(stuck)
    with subprocess.Popen(
        [sys.executable, "-B", str(TRAINER), '{"time_limit": 120}'],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as trainer:
        until = time.monotonic() + 60
        while not (tmp_path / "child").is_file() or not (tmp_path / "child").read_text():
            assert time.monotonic() < until
            time.sleep(0.1)
        trainer.terminate()
        said, _ = trainer.communicate(timeout=60)
    (line,) = [line for line in said.splitlines() if line.startswith(MARK)]
    found = json.loads(line[len(MARK) :])
    assert (found["finished"], found["error"]["code"]) == (False, "KILLED")
    child = Path(f"/proc/{(tmp_path / 'child').read_text()}/stat")
    assert not child.exists() or child.read_text().rsplit(") ", 1)[1].startswith("Z")
    assert judged(found)["code"] == "KILLED"
