"""PCs that say their password aloud, and the names of people in a file that is mailed: over real Ansible and WinRM."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from gpuready import events, explain
from gpuready.lab import Lab
from gpuready.progress import Progress
from gpuready.simlab import background

NET = f"127.{1 + int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])}"
PORT = 15993
PASSWORD = "S3cret!"  # of simulated PCs
DEFAULTS = {
    "uv": "0.9.2",
    "gpus": [{"name": "AMD Radeon RX 6800", "vendor": "amd", "device": "73BF", "memory": 17163091968,
              "driver": {"version": "31.0.24002.92", "radeon_software": "24.3.1"}}],
}  # fmt: skip
SAYS = f"the log-on of labadmin with {PASSWORD} failed, twice {PASSWORD}{PASSWORD}"
PCS = [
    {"name": "look", "faults": [{"kind": "fail", "on": "gpu_facts", "text": SAYS}]},
    {"name": "garbage", "faults": [{"kind": "garbage", "on": "gpu_facts", "text": "x" * 290 + PASSWORD}]},
    {"name": "build", "faults": [{"kind": "fail", "on": "python_environment", "text": SAYS}]},
    {"name": "train", "faults": [{"kind": "fail", "on": "training_facts", "text": SAYS}]},
    {"name": "file", "faults": [{"kind": "fail", "on": "win_copy", "text": SAYS}]},
]


@pytest.mark.slow
def test_no_line_and_no_file_holds_a_password_that_a_pc_says(tmp_path: Path) -> None:
    (tmp_path / "lab.yml").write_text(yaml.safe_dump({"defaults": DEFAULTS, "pcs": PCS}))
    seen: list[events.Event] = []
    screen = io.StringIO()
    with (
        background.running(tmp_path / "lab.yml", tmp_path, PORT, f"{NET}.83.1") as inventory,
        Progress(Console(file=screen, width=500), verbose=True) as progress,
    ):

        def both(event: events.Event) -> None:
            seen.append(event)
            progress(event)

        lab = Lab(inventory)
        kept = tmp_path / "kept"
        lab.provision(on_event=both, lab_dir=kept, verbosity=1)
        lab.facts(on_event=both, lab_dir=kept, save=kept / "evidence")
    assert "the log-on of labadmin with *** failed, twice ******" in screen.getvalue()
    assert PASSWORD not in screen.getvalue()
    assert not [event for event in seen if PASSWORD in str(event)]
    files = [path for path in kept.rglob("*") if path.is_file()]
    assert {"state.json", "report.json", "report.html", "build.json"} <= {path.name for path in files}
    half = PASSWORD[:5]
    assert not [path for path in files if half in path.read_text()], "nor half of one, where a text was cut"


def test_a_file_that_is_mailed_names_nobody(tmp_path: Path) -> None:
    given = Path(__file__).resolve().parents[1] / "data/evidence_windows.json"
    assert "anna" in given.read_text()
    result = explain(given, save=tmp_path / "mail", report_dir=tmp_path / "report", redact=True)
    plain = explain(given)
    assert result.hosts[0].plan == plain.hosts[0].plan, "what is hidden changes no plan"
    files = [path for folder in ("mail", "report") for path in (tmp_path / folder).iterdir()]
    assert len(files) == 8
    for path in files:
        assert not [
            name for name in ("anna", r"LAB\student", r"LAB\\student", "labadmin") if name in path.read_text()
        ], path
    (mailed,) = (tmp_path / "mail").iterdir()
    assert explain(mailed).hosts[0].plan == plain.hosts[0].plan
    assert json.loads(mailed.read_text())["gpuready_evidence"]["pieces"]["users"]["value"][0]["name"].startswith("user")
