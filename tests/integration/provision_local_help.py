"""What the tests of provisioning this machine share: playbooks run with a home of their own, and their reports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
SCHEMA = json.loads((ROOT / "collections/ansible_collections/gpuready/lab/schemas/report.schema.json").read_text())
FILES = ["codes.md", "junit.xml", "metrics.prom", "report.csv", "report.html", "report.json", "report.md"]


class Machine:
    """This machine with a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.home, self.report, self.lab = folder / "home", folder / "report", folder / "lab"

    def start(self, *arguments: str, playbook: str = "provision", **variables: Any) -> subprocess.Popen[str]:
        given = {"gpuready_report_dir": str(self.report), "gpuready_lab_dir": str(self.lab), **variables}
        inventory = () if "-i" in arguments else ("-i", str(ROOT / "inventories/local"))
        return subprocess.Popen(
            [str(PLAYBOOK), *inventory, f"playbooks/{playbook}.yml", "-e", json.dumps(given), *arguments],
            cwd=ROOT,
            env={**os.environ, "GPUREADY_HOME": str(self.home), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, playbook: str = "provision", **variables: Any) -> tuple[int, str]:
        """Exit code, and all output as one line."""
        process = self.start(*arguments, playbook=playbook, **variables)
        output, _ = process.communicate(timeout=300)
        return process.returncode, " ".join(output.split())

    def document(self) -> dict[str, Any]:
        """The report, which must be as its schema says."""
        found: dict[str, Any] = json.loads((self.report / "report.json").read_text("utf-8"))
        jsonschema.validate(found, SCHEMA)
        assert sorted(os.listdir(self.report)) == FILES
        return found

    def record(self) -> dict[str, Any]:
        (found,) = self.document()["hosts"]
        assert isinstance(found, dict)
        return found

    def environments(self) -> list[str]:
        folder = self.home / "environments"
        return sorted(os.listdir(folder)) if folder.is_dir() else []


def states(record: dict[str, Any]) -> tuple[str, str]:
    return record["verdict"]["state"], record["verdict"]["code"]


def recap(output: str) -> str:
    return output.rpartition("PLAY RECAP")[2]
