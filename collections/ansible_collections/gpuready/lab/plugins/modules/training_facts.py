#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the trainer on a Linux PC under a time limit and give its evidence. Documented in training_facts.yml."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.home import trust as trust
from ..module_utils.home.folder import Trouble as Trouble

MARK = "GPUREADY-TRAINING "
GRACE = 20.0  # the trainer ends itself at its limit; what is still there then is ended from here
KEPT = 1 << 20  # bytes of each stream


def run(interpreter: str, trainer: str, options: dict, variables: dict) -> dict:
    """Evidence of one training: what the trainer said, or how its process ended. Leaves nothing behind."""
    try:
        with tempfile.TemporaryDirectory(prefix="gpuready-") as folder:
            for name, text in (("trainer.py", trainer), ("options.json", json.dumps(options))):
                Path(folder, name).write_text(text, encoding="utf-8")
            return run_in(folder, interpreter, options["time_limit"] + GRACE, variables)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return failed(
            "DISK_FULL" if full else "TRAINING_FAILED", f"{error.filename or 'temporary folder'}: {error.strerror}"
        )


def run_in(folder: str, interpreter: str, limit: float, variables: dict) -> dict:
    """Run the trainer that lies in the folder, for `limit` seconds at most, and end all that it started."""
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            [interpreter, "-B", f"{folder}/trainer.py", f"@{folder}/options.json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**os.environ, **{str(k): str(v) for k, v in variables.items()}},
            start_new_session=True,
        )
    except OSError as error:
        return failed("INTERPRETER_MISSING", f"{interpreter}: {error.strerror} [Errno {error.errno}]")
    except ValueError as error:  # a NUL in a variable
        return failed("INTERPRETER_MISSING", f"{interpreter}: {error}")
    out, err = bytearray(), bytearray()
    readers = [
        threading.Thread(target=keep, args=pair, daemon=True) for pair in ((process.stdout, out), (process.stderr, err))
    ]
    for reader in readers:
        reader.start()
    timed_out = False
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        timed_out = True
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # also what a trainer left behind that ended before its children
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:  # it hangs in the driver
        timed_out = True
    for reader in readers:
        reader.join(5)
    tail = [line[:300] for line in err.decode("utf-8", "replace").splitlines() if line.strip()][-30:]
    ended = {
        "rc": process.returncode,
        "timed_out": timed_out,
        "seconds": round(time.monotonic() - started, 1),
        "stderr_tail": tail,
    }
    return read(out.decode("utf-8", "replace"), ended)


def keep(stream, into: bytearray) -> None:
    """Read a stream to its end and keep its last bytes."""
    for chunk in iter(lambda: stream.read1(65536), b""):
        into += chunk
        del into[:-KEPT]


def read(out: str, ended: dict) -> dict:
    """The trainer's line; without one, how its process ended."""
    lines = [line[line.index(MARK) :] for line in out.split("\n") if MARK in line]
    if lines:
        try:
            answer = json.loads(lines[-1][len(MARK) :])
            if isinstance(answer, dict):
                return answer
        except ValueError:
            pass
        return {**failed("OUTPUT_TRUNCATED", "the trainer's answer cannot be read"), "process": ended}
    return {"schema_version": 1, "error": None, "finished": False, "process": ended}


def failed(code: str, message: str) -> dict:
    """Evidence of a training that did not begin or end."""
    return {
        "schema_version": 1,
        "error": {"type": "Module", "code": code, "message": message, "where": "training_facts"},
        "finished": False,
        "process": None,
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "time_limit": {"type": "int", "default": 600},
            "variables": {"type": "dict", "default": {}},
            "interpreter": {"type": "path"},
            "home": {"type": "path"},
            "backend": {"type": "str"},
            "adapter": {"type": "str"},
            "gpu_variable": {"type": "str"},
            "visible_devices": {"type": "str"},
            "options": {"type": "dict", "default": {}},
            "trainer": {"type": "str"},
        },
        supports_check_mode=True,
    )
    given = module.params
    for needed in ("interpreter", "backend", "trainer"):
        if not given[needed]:
            module.fail_json(msg=f"{needed} is missing: the action plugin gives it")
    if module.check_mode:
        module.exit_json(changed=False, ansible_facts={"gpuready_training": {"skipped": "check mode"}})
    if given["home"] and (refusal := trust.refusal(Path(given["home"]))):
        code = refusal.code if isinstance(refusal, Trouble) else "TRAINING_FAILED"
        module.exit_json(changed=False, ansible_facts={"gpuready_training": failed(code, str(refusal))})
    options = {
        **given["options"],
        "backend": given["backend"],
        "adapter": given["adapter"],
        "variable": given["gpu_variable"],
        "visible": given["visible_devices"],
        "time_limit": given["time_limit"],
    }
    outcome = run(given["interpreter"], given["trainer"], options, given["variables"])
    module.exit_json(changed=False, ansible_facts={"gpuready_training": outcome})


if __name__ == "__main__":
    main()
