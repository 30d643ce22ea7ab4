"""Record what the installed ansible-core sends to a Windows PC.

`python tests/data/winrm_traces/record.py` writes VERSION.json.

Scripts are kept as length and sha256: the trace pins the form of the manifest, not ansible-core's code.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from ansible.release import __version__ as ansible_core

from gpuready.simlab import SimulatedLab, manifest, scenario

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
TASKS: list[dict[str, Any]] = [
    {"ansible.windows.win_ping": None},
    {"ansible.builtin.setup": None},
    {"gpuready.lab.gpu_facts": {"time_limit": 20}, "environment": {"LAB": "1"}},
    {"ansible.windows.win_file": {"path": r"C:\Lab", "state": "directory"}},
    {"ansible.windows.win_copy": {"content": "hello\n", "dest": r"C:\Lab\hello.txt"}},
    {"ansible.windows.win_stat": {"path": r"C:\Lab\hello.txt"}, "check_mode": True},
    {"ansible.builtin.fetch": {"src": r"C:\Lab\hello.txt", "dest": "{{ folder }}/", "flat": True}},
    {"ansible.windows.win_command": "hostname", "async": 5, "poll": 0, "failed_when": False},
    {"ansible.windows.win_command": "hostname", "become": True, "become_method": "ansible.builtin.runas",
     "become_user": "SYSTEM", "failed_when": False},
    {"ansible.builtin.raw": "hostname"},
    {"ansible.windows.win_reboot": {"reboot_timeout": 60}},
]  # fmt: skip


def record(address: str = "127.0.3.1", port: int = 15985) -> list[dict[str, Any]]:
    """Run the tasks against one simulated PC; each command with its line, documents and what was piped behind."""
    found: list[dict[str, Any]] = []
    lab = SimulatedLab(
        scenario.parse({"pcs": [{"name": "recorded"}]}), base_address=address, port=port, boot_seconds=0.2
    )
    lab.pcs["recorded"].recorder = lambda what, line, stdin: found.append(trimmed(what, line, stdin))
    with tempfile.TemporaryDirectory() as folder, lab:
        lab.write_inventory(Path(folder) / "hosts.yml")
        play = [{"hosts": "all", "gather_facts": False, "vars": {"folder": folder}, "tasks": TASKS}]
        (Path(folder) / "play.yml").write_text(yaml.safe_dump(play))
        done = subprocess.run(
            [str(Path(sys.executable).parent / "ansible-playbook"), "-i", f"{folder}/hosts.yml", f"{folder}/play.yml"],
            env=os.environ
            | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections")},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(done.stdout[-3000:] + done.stderr[-1000:])
    return found


def trimmed(what: str, line: str, stdin: bytes) -> dict[str, Any]:
    """A command with its scripts as length and sha256."""
    found: dict[str, Any] = {"what": what, "line": line}
    if not stdin:
        return found
    boot_text, _, rest = stdin.decode().partition(manifest.SEPARATOR)
    manifest_text, _, piped = rest.partition(manifest.SEPARATOR)
    boot, document = json.loads(boot_text), json.loads(manifest_text)
    boot["script"] = _digest(boot["script"])
    for script in document["scripts"].values():
        script |= _digest(script.pop("script"))
        script["path"] = Path(script["path"]).name
    return found | {"boot": boot, "manifest": document, "piped": piped.splitlines()}


def _digest(text: str) -> dict[str, Any]:
    return {"length": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def shape(commands: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What must not differ between two recordings of one version: keys, actions and parameters, not values."""
    found = []
    for command in commands:
        one: dict[str, Any] = {"what": command["what"]}
        if "boot" in command:
            one["boot"] = {"name": command["boot"]["name"], "params": sorted(command["boot"]["params"])}
            one["manifest"] = sorted(command["manifest"])
            one["actions"] = [
                {
                    "name": action["name"],
                    "params": sorted(action["params"]),
                    "secure_params": sorted(action["secure_params"]),
                }
                for action in command["manifest"]["actions"]
            ]
            one["scripts"] = sorted(command["manifest"]["scripts"])
            one["piped"] = len(command["piped"])
        found.append(one)
    return found


if __name__ == "__main__":
    target = HERE / f"ansible-core-{ansible_core}.json"
    text = json.dumps({"ansible_core": ansible_core, "commands": record()}, indent=1)
    text = re.sub(r'"src": "/[^"]*"', '"src": "hello.txt"', text)  # a path of the recording machine
    target.write_text(text + "\n")
    print(f"wrote {target}")
