"""A run over simulated PCs of a lab's names: no PC of the inventory is reached, and the lab's state stays as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow


def test_a_lab_is_rehearsed_with_what_may_go_wrong(tmp_path: Path) -> None:
    pcs = {"pc01": {"ansible_host": "192.0.2.1"}, "pc02": {"ansible_host": "192.0.2.2"}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": pcs, "vars": {"gpuready_stack": "auto"}}}))
    command = [str(Path(sys.executable).with_name("gpuready")), "rehearse", "-i", str(tmp_path / "hosts.yml"), "--json"]
    command += ["--fault", "pc02=nan", "--lab-dir", str(tmp_path / "lab"), "--report", str(tmp_path / "report")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ}, timeout=300, check=False)
    assert done.returncode == 2, done.stderr
    assert "none of yours is reached" in done.stderr
    ended = {one["host"]: one["verdict"] for one in json.loads(done.stdout)["hosts"]}
    assert (ended["pc01"]["state"], ended["pc01"]["code"]) == ("READY", "TRAINED")
    assert (ended["pc02"]["state"], ended["pc02"]["code"]) == ("NOT_READY", "NOT_FINITE")
    document = json.loads((tmp_path / "report/report.json").read_text())
    assert document["simulated"] is True
    assert not (tmp_path / "lab").exists()
