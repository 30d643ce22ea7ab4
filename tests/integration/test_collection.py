"""The collection as `make collection` builds it, alone: ansible-core and pywinrm, an empty folder, simulated PCs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import jsonschema
import pytest
import yaml
from uv import find_uv_bin

from gpuready.simlab import background

sys.path.insert(0, str(Path(__file__).resolve().parent))
from simlab_winrm_help import NET, PORT

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "collections/ansible_collections/gpuready/lab"
GPU = {
    "name": "AMD Radeon RX 6800",
    "vendor": "amd",
    "device": "73BF",
    "memory": 17163091968,
    "driver": {"version": "31.0.24027.1012", "inf": "oem12.inf", "radeon_software": "24.6.1"},
}
LAB = {"pcs": [{"name": "good", "uv": "0.9.2", "gpus": [GPU]}, {"name": "bare", "uv": "0.9.2", "gpus": []}]}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dist = tmp_path_factory.mktemp("dist")
    subprocess.run([ROOT / "scripts/collection.sh", dist], check=True, env=environment(Path(sys.executable).parent))
    (built,) = dist.iterdir()
    return built


def environment(programs: Path, **more: str) -> dict[str, str]:
    """Of a shell that knows nothing of this project."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON", "VIRTUAL"))}
    return {**kept, "PATH": f"{programs}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1", **more}


def test_it_holds_what_the_repository_links_to_as_files(archive: Path) -> None:
    links = [path for path in SOURCE.rglob("*") if path.is_symlink()]
    assert {"roles", "playbooks"} <= {path.name for path in links}
    with tarfile.open(archive) as tar:
        files = {member.name: member for member in tar.getmembers()}
        assert not [name for name, member in files.items() if member.issym() or member.islnk()]
    wanted = {
        str(link.relative_to(SOURCE) / path.relative_to(link.resolve()))
        for link in links
        for path in ([link.resolve()] if link.is_file() else link.resolve().rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    for folder in ("trainer", "stacks", "schemas", "plugins"):
        wanted |= {
            str(path.relative_to(SOURCE)) for path in (SOURCE / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }  # fmt: skip
    assert wanted <= set(files)


@pytest.mark.slow
def test_it_provisions_pcs_with_ansible_core_and_pywinrm_alone(archive: Path, tmp_path: Path) -> None:
    venv, here = tmp_path / "venv", tmp_path / "empty"
    here.mkdir()
    sync = [find_uv_bin(), "sync", "--quiet", "--frozen", "--only-group", "collection", "--python", sys.executable]
    subprocess.run(sync, cwd=ROOT, check=True, env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(venv)})
    names = {path.name for path in venv.glob("lib/python3*/site-packages/*")}
    assert not names & {"ansible_collections", "gpuready", "uv", "pypsrp"}
    (tmp_path / "lab.yml").write_text(yaml.safe_dump(LAB))
    env = environment(venv / "bin", HOME=str(tmp_path / "user"), ANSIBLE_COLLECTIONS_PATH=str(here / "collections"))

    def ansible(program: str, *arguments: str) -> str:
        done = subprocess.run(
            [venv / "bin" / program, *arguments], cwd=here, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "DEPRECATION" not in done.stdout + done.stderr
        return done.stdout

    ansible("ansible-galaxy", "collection", "install", "--offline", str(archive))
    installed = here / "collections/ansible_collections/gpuready/lab"
    before = snapshot(installed)
    with background.running(tmp_path / "lab.yml", tmp_path, PORT, f"{NET}.76.1") as inventory:
        for expected in ("changed: good", "nothing"):
            said = ansible("ansible-playbook", "-i", str(inventory), "gpuready.lab.provision")
            document = json.loads((here / "reports/latest/report.json").read_text())
            jsonschema.validate(document, json.loads((installed / "schemas/report.schema.json").read_text()))
            ended = {pc["host"]: pc["verdict"] for pc in document["hosts"]}
            assert (ended["good"]["state"], ended["good"]["code"]) == ("READY", "TRAINED"), ended["good"]
            assert ended["bare"]["state"] == "NOT_READY"
            assert expected in said.lower()
        ansible("ansible-playbook", "-i", str(inventory), "gpuready.lab.remove", "-e", "gpuready_remove=all")
    assert snapshot(installed) == before
    assert sorted(path.name for path in here.iterdir()) == ["collections", "reports"]


def snapshot(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
