"""What a simulated lab of N PCs costs: memory, idle and after every PC was looked at, and how long a look takes.

    .venv/bin/python bench/simlab_memory.py [200]

The looks go through the PCs' own WinRM listeners, with Ansible's own manifest (recorded), so no Ansible is measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import winrm
import yaml

ROOT = Path(__file__).resolve().parents[1]
TRACE = ROOT / "tests/data/winrm_traces"


def memory(pid: int) -> float:
    """Resident memory in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1000


def look(address: str, port: int, line: str, stdin: bytes) -> dict[str, object]:
    """One gpu_facts."""
    protocol = winrm.Protocol(
        f"http://{address}:{port}/wsman", transport="basic", username="labadmin", password="S3cret!"
    )
    shell = protocol.open_shell(codepage=65001)
    command = protocol.run_command(shell, line, console_mode_stdin=False, skip_cmd_shell=False)
    protocol.send_command_input(shell, command, stdin, end=True)
    out, err, _ = protocol.get_command_output(shell, command)
    protocol.cleanup_command(shell, command)
    protocol.close_shell(shell)
    return dict(json.loads(out or err))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    recorded = json.loads(sorted(TRACE.glob("*.json"))[-1].read_text())
    one = next(command for command in recorded["commands"] if command["what"] == "gpu_facts")
    for script in one["manifest"]["scripts"].values():  # as large as they were
        script["script"] = "A" * script.pop("length")
    one["boot"]["script"] = "#" * one["boot"]["script"]["length"]
    stdin = f"{json.dumps(one['boot'])}\n\0\0\0\0\n{json.dumps(one['manifest'])}".encode()
    lab = yaml.safe_load((ROOT / "inventories/simulated/lab.yml").read_text())
    kinds = [pc for pc in lab["pcs"] if "faults" not in pc]
    pcs = []
    for number in range(count):
        pc = {key: value for key, value in kinds[number % len(kinds)].items() if key != "address"}
        pcs.append(pc | {"name": f"pc{number:04}", "connection": {}})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lab.yml"
        path.write_text(yaml.safe_dump({**lab, "pcs": pcs}))
        ready = Path(folder) / "ready"
        command = [sys.executable, "-m", "gpuready.simlab", str(path), "--ready-file", str(ready)]
        command += ["--base-address", "127.0.40.1", "--port", "15990"]
        begun = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while not ready.exists():
                time.sleep(0.02)
            started, idle = time.monotonic() - begun, memory(process.pid)
            begun = time.monotonic()
            for number in range(count):
                address = f"127.0.40.{number + 1}" if number < 254 else f"127.0.41.{number - 253}"
                found = look(address, 15990, one["line"], stdin)
                assert "ansible_facts" in found, found
            seconds = (time.monotonic() - begun) / count
            after = memory(process.pid)
            print(f"{count} PCs: up in {started:.1f} s, {idle:.0f} MB idle, {after:.0f} MB after a look at each")
            print(f"a look takes {seconds * 1000:.0f} ms, most of it the client's and the wire's")
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
