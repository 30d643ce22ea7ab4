"""A simulated lab as a process: in the background, broken, ended by its signal."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import winrm
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))
from simlab_winrm_help import NET, PORT, command


def simlab(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gpuready.simlab", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_lab_in_the_background(tmp_path: Path) -> None:
    (tmp_path / "lab.yml").write_text(yaml.safe_dump({"pcs": [{"name": "pc"}]}))
    options = [
        "--base-address",
        f"{NET}.74.1",
        "--port",
        PORT,
        "--pid-file",
        tmp_path / "run/lab.pid",
        "--state",
        tmp_path / "state",
    ]
    started = simlab(tmp_path / "lab.yml", "--detach", "--inventory-out", tmp_path / "inventory/hosts.yml", *options)
    assert started.returncode == 0, started.stderr
    try:
        inventory = yaml.safe_load((tmp_path / "inventory/hosts.yml").read_text())
        assert inventory["all"]["children"]["simulated"]["hosts"]["pc"]["ansible_host"] == f"{NET}.74.1"
        endpoint = f"http://{NET}.74.1:{PORT}/wsman"
        protocol = winrm.Protocol(endpoint, transport="basic", username="labadmin", password="S3cret!")
        assert command(protocol, "hostname")[0] == b"PC\r\n"
        again = simlab(tmp_path / "lab.yml", "--detach", *options)
        assert (again.returncode, "runs already" in again.stderr) == (1, True)
    finally:
        stopped = simlab(tmp_path / "lab.yml", "--stop", "--pid-file", tmp_path / "run/lab.pid")
    assert (stopped.returncode, stopped.stdout) == (0, "the simulated lab is stopped\n")
    assert not (tmp_path / "run/lab.pid").exists()
    assert (tmp_path / "state/pc.json").is_file()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((f"{NET}.74.1", PORT), timeout=2)
    assert simlab(tmp_path / "lab.yml", "--stop", "--pid-file", tmp_path / "run/lab.pid").returncode == 0


def test_a_broken_lab_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "lab.yml").write_text("pcs: [{name: a, gpu: x}]\n")
    for options in ([], ["--detach", "--pid-file", tmp_path / "pid"]):
        done = simlab(tmp_path / "lab.yml", *options)
        assert done.returncode == 1
        assert done.stderr.strip() == f"simlab: {tmp_path}/lab.yml: pcs[a].gpu: Extra inputs are not permitted"


def test_a_lab_ends_with_its_signal(tmp_path: Path) -> None:
    (tmp_path / "lab.yml").write_text("pcs: [{name: a}]\n")
    ready = tmp_path / "ready"
    command = [sys.executable, "-m", "gpuready.simlab", str(tmp_path / "lab.yml"), "--ready-file", str(ready)]
    process = subprocess.Popen(
        [*command, "--base-address", f"{NET}.75.1", "--port", str(PORT)], stdout=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 20
        while not ready.exists() and time.monotonic() < end:
            time.sleep(0.02)
        process.terminate()
        assert process.wait(timeout=10) == 0
        assert not ready.exists()
    finally:
        process.kill()
