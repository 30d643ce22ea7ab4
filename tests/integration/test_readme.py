"""README's commands, each run as it stands there, on a terminal, by somebody with two simulated PCs.

Words that stand for others get a value (`WORDS`). What takes too long here is run by another test, which is
named (`ELSEWHERE`). A command that README gets and this file does not know fails.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
import yaml

from gpuready.simlab import background

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import guides
from simlab_winrm_help import NET
from test_documentation import FENCED, ROOT, commands

README = ROOT / "README.md"
PROGRAMS = Path(sys.executable).parent
PASSWORD = "S3cret!"
WORDS = {"INVENTORY": "lab", "FOLDER": "folder", "DIR": "evidence", "CODE": "NO_GPU"}
# In the order in which a reader comes to them: the command, and its code; 2: of a machine that has no GPU.
HERE = {
    "gpuready init FOLDER": 0,
    "gpuready init pcs.csv": 0,
    "gpuready doctor -i lab --ask-pass": 0,
    "gpuready plan -i lab --ask-pass": 0,
    "gpuready rehearse -i lab": 0,
    "gpuready provision -i lab --ask-pass": 0,
    "gpuready plan --short -i INVENTORY": 0,
    "gpuready facts -i lab --save DIR": 0,
    "gpuready explain DIR/pc07.json": 0,
    "gpuready explain CODE": 0,
    "gpuready list": 0,
    "gpuready drivers FOLDER": 0,
    "gpuready --install-completion": 0,
    "gpuready facts": 0,
    "gpuready plan": 0,
    "gpuready report": 2,
    "gpuready verify": 2,
    "gpuready lock torch-directml --target windows --add jupyterlab --add matplotlib --lab lab": 0,
}
ELSEWHERE = {
    "make provision": "tests/integration/test_fresh_machine.py",
    "make setup": "Makefile",
    "make test": ".ci/run",
    "make demo": "tests/integration/test_wheel.py",
    "make release": "tests/unit/test_release.py",
    "make collection": "tests/integration/test_collection.py",
    "make site": "scripts/lint.sh",
    "make bench": "bench/bench.py",
    "gpuready init": "tests/unit/cli/test_newlab.py",
    "gpuready demo": "tests/integration/test_wheel.py",
    "gpuready provision": "tests/integration/test_fresh_machine.py",
    "gpuready bundle": "tests/integration/test_bundle.py",
    "gpuready bundle -i lab /media/stick/bundle --stack torch-directml/windows": "tests/integration/test_bundle.py",
    "gpuready provision -i lab --bundle /media/stick/bundle": "tests/integration/test_bundle.py",
    "gpuready provision --cluster tls://scheduler:8786": "tests/integration/test_cluster.py",
}
ESCAPES = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")
ANSWERS = ((r"Password of the PCs: $", PASSWORD), (r"domain, workgroup or https\? ?$", "workgroup"))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkout in which README is followed, with reports of its own; pc03 and pc07 are switched on."""
    here, beside = tmp_path_factory.mktemp("reader"), tmp_path_factory.mktemp("simulated")
    for name in ("ansible.cfg", "collections", "playbooks", "roles"):
        (here / name).symlink_to(ROOT / name)
    (here / "inventories").mkdir()
    for path in (ROOT / "inventories").iterdir():
        (here / "inventories" / path.name).symlink_to(path)
    (here / "pcs.csv").write_text(f"name;address;room\npc03;{NET}.78.1;1\npc07;{NET}.78.2;1\n", "utf-8")
    common = {"uv": "0.9.2", "connection": {"transport": "ntlm"}, "gpus": [guides.GPUS["RX 6600"]]}
    lab = {"user": "gpuready", "password": PASSWORD, "defaults": common, "pcs": [{"name": "pc03"}, {"name": "pc07"}]}
    (beside / "lab.yml").write_text(yaml.safe_dump(lab), "utf-8")
    with background.running(beside / "lab.yml", beside, 5985, f"{NET}.78.1"):
        yield here


def typed(command: str, here: Path) -> tuple[int, str]:
    """What comes of a command that somebody types and whose questions are answered: its code, and all that it says."""
    left_out = re.compile(r"ANSIBLE_|PYTHON|VIRTUAL|GPUREADY")
    kept = {name: value for name, value in os.environ.items() if not left_out.match(name)}
    env = kept | {"PATH": f"{PROGRAMS}:/usr/bin:/bin", "HOME": str(here), "GPUREADY_ROOT": str(here)}
    env |= {"LC_ALL": "C.UTF-8", "NO_COLOR": "1", "GPUREADY_PASSWORD": PASSWORD}
    program = pexpect.spawn(
        "/bin/bash", ["-c", command], cwd=here, env=env, encoding="utf-8", timeout=120, dimensions=(50, 120)
    )
    said = ""
    while True:
        found = program.expect([*(question for question, _ in ANSWERS), pexpect.EOF])
        said += str(program.before) + (str(program.after) if found < len(ANSWERS) else "")
        if found == len(ANSWERS):
            break
        program.sendline(ANSWERS[found][1])
    program.close()
    return int(program.exitstatus if program.exitstatus is not None else -1), ESCAPES.sub("", said)


def prepare(command: str, here: Path) -> None:
    """What the reader has done between two commands: edited a file, copied an installer."""
    if command == "gpuready doctor -i lab --ask-pass":
        file = here / "lab/group_vars/all.yml"
        text = file.read_text("utf-8").replace('# ansible_password: "{{ lookup(', 'ansible_password: "{{ lookup(')
        file.write_text(f"{text}\ngpuready_simulated: true\n", "utf-8")
        (here / "inventories/lab").unlink()
        (here / "inventories/lab").symlink_to("../lab")
    if command == "gpuready drivers FOLDER":
        (here / "folder/560.94-desktop-win10-win11-64bit-international-dch-whql.exe").write_bytes(b"MZ")


@pytest.mark.slow
def test_every_command_ends_as_it_should(reader: Path) -> None:
    for command, code in HERE.items():
        prepare(command, reader)
        ended, said = typed(re.sub(r"\b[A-Z]{3,}\b", lambda word: WORDS.get(word[0], word[0]), command), reader)
        assert ended in {code, 0}, f"{command}: {said}"
        assert "Traceback" not in said, f"{command}: {said}"
        if command.startswith("gpuready provision"):
            assert "2 of 2 ready" in said, said


@pytest.mark.slow
def test_python_runs_as_it_is_written(reader: Path) -> None:
    (program,) = (text for kind, text in FENCED.findall(README.read_text("utf-8")) if kind == "python")
    (reader / "program.py").write_text(program, "utf-8")
    ended, said = typed(f"{sys.executable} program.py", reader)
    assert ended == 0, said
    assert "pc03 READY" in said, said
    assert "pc07 READY" in said, said


@pytest.mark.slow
def test_ansible_alone_runs_as_it_is_written(reader: Path) -> None:
    command = "ansible-playbook -i inventories/lab playbooks/provision.yml"
    assert f"`{command}`" in README.read_text("utf-8")
    ended, said = typed(command, reader)
    assert ended == 0, said


def test_every_command_of_readme_is_known() -> None:
    assert set(commands(README)) == {*HERE, *ELSEWHERE}
    for command, file in ELSEWHERE.items():
        assert command.split()[1].lstrip("-") in (ROOT / file).read_text("utf-8"), command
