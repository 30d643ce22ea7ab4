"""What the tests of WSL guests with a GPU share: a guest, what WSL gives it, and the product run on it over Windows."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from uv import find_uv_bin

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from ansible_collections.gpuready.lab.plugins.plugin_utils import trainer
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict import judging
from fresh_help import copy_python
from records import of_this_run
from winlab import Machine, testing
from winlab.linux import Linux

LIBRARIES = "/usr/lib/wsl/lib"
GUEST = {
    "ansible_connection": "gpuready.lab.wsl",
    "ansible_wsl_windows_connection": "ansible.builtin.winrm",
    "ansible_wsl_distribution": "g",
    "ansible_shell_type": "sh",
    "ansible_python_interpreter": "/usr/bin/python3",
}
_GPU = f"""set -e
echo {LIBRARIES} >/etc/ld.so.conf.d/ld.wsl.conf
ldconfig
: >/dev/dxg
"""
# The kernel's name tells that it is WSL's.
_MARKS = """
echo 5.15.167.4-microsoft-standard-WSL2 >/run/osrelease
mount --bind /run/osrelease /proc/sys/kernel/osrelease
mkdir -p /etc/gpuready
echo winlab >/etc/gpuready/simulated
"""


def give_gpu(linux: Linux, libraries: Path) -> None:
    """What WSL gives a distribution on a PC with a GPU; again to one of which some was taken away."""
    linux.path(LIBRARIES).mkdir(parents=True, exist_ok=True)
    for file in libraries.iterdir():
        if file.is_file():
            shutil.copy(file, linux.path(f"{LIBRARIES}/{file.name}"))
    if linux.path("/etc/gpuready/simulated").exists():
        linux.root(_GPU)
        return
    for name in ("/etc/ssl/certs/ca-certificates.crt", "/etc/resolv.conf"):  # this computer's network is the guest's
        shutil.copy(name, linux.path(name))
    shutil.copy(find_uv_bin(), linux.path("/usr/local/bin/uv"))
    linux.root(_GPU + _MARKS)


@dataclass
class Guest:
    """A guest of a PC, and the product run on it: as a host of its own, or with `host` empty where the plan leads."""

    pc: Machine
    linux: Linux
    folder: Path
    stack: str
    variables: Mapping[str, str]  # of the training
    host: Mapping[str, Any] = field(default_factory=lambda: GUEST)
    wishes: Mapping[str, Any] = field(default_factory=dict)
    changed: int = -1
    commands: int = -1

    def play(self, playbook: str, **variables: Any) -> dict[str, Any]:
        """A playbook of the product on the guest, over Windows; the PC's record from the report."""
        host = testing.connection_variables(self.pc) | dict(self.host)
        given = {
            "gpuready_simulated": True,
            "gpuready_stack": self.stack,
            "gpu_verify_environment": dict(self.variables),
            "gpu_verify_throughput_floor": None,  # its GPU is software
            "gpu_verify_options": {"steps": 16, "speed_seconds": 0},
            "fleet_report_directory": str(self.folder / "report"),
            "fleet_report_lab": "",
            **self.wishes,
            **variables,
        }
        hosts = self.folder / "hosts.yml"
        host |= {name: value for name, value in variables.items() if name.startswith("ansible_")}
        hosts.write_text(yaml.safe_dump({"all": {"hosts": {"guest": host}, "vars": given}}))
        shutil.rmtree(self.folder / "report", ignore_errors=True)
        playbook = f"playbooks/{playbook}.yml"
        run = testing.run_playbook(testing.CHECKOUT / playbook, hosts, counter=lambda: self.pc.commands)
        report = self.folder / "report/report.json"
        assert report.exists(), json.dumps(run)[:3000]
        (record,) = json.loads(report.read_text())["hosts"]
        print(json.dumps([record["verdict"], record["troubles"]]))  # shown where the test fails
        self.changed, self.commands = run["stats"]["guest"]["changed"], run["counted"]
        return dict(record)

    def build(self, record: Mapping[str, Any], home: str) -> dict[str, Any]:
        """What the role that builds a stack's environment says, with this record and home."""
        tasks: list[dict[str, Any]] = [
            {"name": "Record", "ansible.builtin.set_fact": of_this_run(dict(record))},
            {
                "name": "Build",
                "ansible.builtin.import_role": {"name": "gpuready.lab.python_environment"},
                "vars": {"python_environment_home": home},
                "ignore_errors": True,
            },
        ]
        plays = [{"hosts": "all", "gather_facts": False, "vars": dict(self.host), "tasks": tasks}]
        found = testing.results(testing.ansible(self.pc, playbook=plays), self.pc.name)
        return dict(found[-1][1])

    def train(self, record: Mapping[str, Any], **variables: str) -> dict[str, Any]:
        """The record with a training that the product's trainer does in the guest, past Windows, judged."""
        python = record["apply"]["environment"]["path"] + "/bin/python"
        options = {"backend": record["plan"]["environment"]["backend"], "steps": 8, "speed_seconds": 0}
        settings = " ".join(f"{name}={value}" for name, value in {**self.variables, **variables}.items())
        self.linux.path("/srv/trainer.py").write_text(trainer.text())
        done = self.linux.root(f"{settings} {python} -B /srv/trainer.py '{json.dumps(options)}'")
        line = done.stdout[done.stdout.index("GPUREADY-TRAINING ") :].partition(" ")[2]
        training = {**json.loads(line), "trainer_sha256": trainer.sha256()}
        tried: dict[str, Any] = {**record, "training": training}
        tried["verdict"] = judging.verdict(tried, {"throughput_floor": None, "simulated_lab": True})
        print(json.dumps([tried["verdict"], training]))
        assert tried["verdict"]["next_step"]
        return tried


def interpreter(version: str) -> str:
    """A CPython of this version on this machine."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = sorted(root.glob(f"versions/{version}.*/bin/python{version}")) or [shutil.which(f"python{version}")]
    if not found[-1]:
        reason = f"no CPython {version} on this machine, which the guest would be given"
        if os.environ.get("GPUREADY_REQUIRE_WINLAB") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return str(found[-1])


def give_python(linux: Linux, version: str) -> None:
    """As a package of the guest's distribution does."""
    folder = f"/opt/python{version}"
    copy_python(interpreter(version), linux.path(folder))
    linux.root(f"cd {folder}; rm -f bin/python bin/python3; cp -a . /usr/local; rm -r {folder}")


def word(record: Mapping[str, Any]) -> tuple[str, str]:
    return record["verdict"]["state"], record["verdict"]["code"]
