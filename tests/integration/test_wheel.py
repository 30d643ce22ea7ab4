"""The wheel, installed by itself: the demonstration and a lab's folder, run by gpuready and by Ansible itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpuready.simlab import background

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import guides
from simlab_winrm_help import NET

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections/gpuready/lab"
LAB = {
    "password": "S3cret!",
    "pcs": [
        {
            "name": "good",
            "uv": "0.9.2",
            "connection": {"transport": "ntlm"},
            "gpus": [
                {
                    "name": "AMD Radeon RX 6800",
                    "vendor": "amd",
                    "device": "73BF",
                    "memory": 17163091968,
                    "driver": {"version": "31.0.24027.1012", "inf": "oem12.inf", "radeon_software": "24.6.1"},
                }
            ],
        }
    ],
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(guides.wheel(tmp_path_factory.mktemp("dist")))


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment that has the wheel and what it asks for."""
    return Path(guides.install(wheel, tmp_path_factory.mktemp("installed")))


def run(programs: Path, here: Path, *command: str, code: int = 0, **more: Any) -> str:
    left_out = ("ANSIBLE_", "PYTHON", "VIRTUAL", "GPUREADY")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    env = {**kept, "PATH": f"{programs}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1"}
    program, *arguments = command
    done = subprocess.run(
        [programs / program, *arguments], cwd=here, env=env, capture_output=True, text=True, check=False, **more
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert str(ROOT) not in done.stdout + done.stderr
    return done.stdout


def test_it_carries_what_a_run_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    source = ROOT / "collections" / COLLECTION
    for folder in ("playbooks", "roles", "plugins", "stacks", "trainer", "schemas", "docs"):
        files = {str(path.relative_to(source)) for path in (source / folder).rglob("*") if path.is_file()}
        wanted = {f"{COLLECTION}/{one}" for one in files if "__pycache__" not in one}
        assert wanted
        assert wanted <= names
    assert {"gpuready/house/ansible.cfg", "gpuready/house/inventories/simulated/lab.yml"} <= names
    assert not [name for name in names if name.startswith("tests/") or name.endswith(".pyc")]


@pytest.mark.slow
def test_the_demonstration_runs_in_an_empty_folder(programs: Path, tmp_path: Path) -> None:
    document = json.loads(run(programs, tmp_path, "gpuready", "demo", "--json"))
    assert document["simulated"] is True
    assert len(document["hosts"]) == 13
    assert [path.name for path in tmp_path.iterdir()] == ["reports"]
    assert (tmp_path / "reports/demo/report.html").is_file()


@pytest.mark.slow
def test_a_lab_made_from_a_table_is_run_by_gpuready_and_by_ansible_itself(programs: Path, tmp_path: Path) -> None:
    here = tmp_path / "empty"
    here.mkdir()
    (here / "pcs.csv").write_text(f"name;ip;raum\ngood;{NET}.77.1;Hörsaal 3\n", "utf-8-sig")
    run(programs, here, "gpuready", "init", "pcs.csv", "--reach", "workgroup", "--user", "labadmin")
    (tmp_path / "lab.yml").write_text(yaml.safe_dump(LAB))
    with background.running(tmp_path / "lab.yml", tmp_path, 5985, f"{NET}.77.1"):
        simulated = ("-e", "gpuready_simulated=true")
        said = run(programs, here, "gpuready", "provision", "-i", "lab", "-k", "--json", *simulated, input="S3cret!\n")
        (pc,) = json.loads(said)["hosts"]
        assert (pc["verdict"]["state"], pc["verdict"]["code"]) == ("READY", "TRAINED"), pc["verdict"]
        password = ("-e", "ansible_password=S3cret!")
        run(programs, here / "lab", "ansible-playbook", "gpuready.lab.plan", *simulated, *password)
        # Once more: the reports that are in the folder now are no inventory.
        run(programs, here / "lab", "gpuready", "plan", "-i", ".", "-k", *simulated, input="S3cret!\n")
    assert (here / "reports/latest/report.html").is_file()
    assert "good" in run(programs, here, "gpuready", "list")


def alike(text: str) -> str:
    """What a program prints, but for what is another one in each run, and where lines end because of it."""
    for another in (r"\d{8}T\d{6}Z-[a-z]+-[0-9a-f]{8}", r"Took [\d a-z.]+ s\b", r"python3\.\d+"):
        text = re.sub(another, "...", text)
    return " ".join(text.split())


@pytest.mark.parametrize("name", guides.LABS)
def test_a_guide_prints_what_it_says(programs: Path, tmp_path: Path, name: str) -> None:
    """The teacher's whole guide, of the others what asks no PC: `make pictures` runs these, and writes them anew."""
    run = guides.Guide(name, tmp_path / name, programs)
    asks = name == "teacher"
    ran = []
    with run.switched_on(name) if asks else nullcontext():
        for command, shown in guides.commands(name):
            if not asks and (guides.reaches(command) or "reports/" in command or command.startswith("gpuready list")):
                continue
            ran.append(command)
            said = run.run(command, shown)
            if command.startswith("gpuready doctor"):  # the controller is another one
                said, shown = (text[text.index("inventory:") : text.rindex(" to mend")] for text in (said, shown))
                said, shown = (text[: text.rindex("\n")] for text in (said, shown))
            assert alike(said) == alike(shown), f"{command}: {said}\nmake pictures"
    assert len(ran) >= 2
