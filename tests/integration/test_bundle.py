"""A lab without internet: a bundle is made where an index is, and a run takes it as its one source, without any."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpuready.lab import Lab
from gpuready.simlab import SimulatedLab, scenario
from gpuready.simlab.models import python_environment
from gpuready.simlab.wsl.linux import Linux

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from environment_help import lock_of, make_wheel, sha256
from python_environment_help import VERSION
from simlab_winrm_help import NET

pytestmark = pytest.mark.slow
GPUREADY = str(Path(sys.executable).parent / "gpuready")
AMD = {"name": "AMD Radeon RX 6800", "vendor": "amd", "device": "73BF", "memory": 17163091968,
       "driver": {"version": "31.0.24002.92", "radeon_software": "24.3.1"}}  # fmt: skip
NVIDIA = {"name": "NVIDIA GeForce RTX 4090", "vendor": "nvidia", "device": "2684", "memory": 25757220864,
          "driver": {"version": "32.0.15.8097"}}  # fmt: skip
NOWHERE = "http://127.0.0.1:9"
# Whoever asks for anything over the network meets a closed port; simulated PCs are reached without a proxy.
CUT = {
    **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"), NOWHERE),
    "no_proxy": f"{NET}.0.0/16,127.0.0.1",
    "UV_INDEX_URL": f"{NOWHERE}/simple",
    "UV_DEFAULT_INDEX": f"{NOWHERE}/simple",
    "UV_PYTHON_INSTALL_MIRROR": NOWHERE,
    "UV_HTTP_RETRIES": "0",
    "PIP_CONFIG_FILE": os.devnull,
}


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """A folder as a server has it: its address, and what was asked of it."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, _: str, *arguments: Any) -> None:
            asked.append(str(arguments[0]))

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


def gpuready(*arguments: str, cwd: Path, **variables: str) -> tuple[int, str]:
    """Exit code and output of a command, without a pip or uv that is told other sources here."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    own = {"PIP_CONFIG_FILE": os.devnull, "no_proxy": "127.0.0.1", **variables}
    done = subprocess.run(
        [GPUREADY, *arguments], cwd=cwd, env=kept | own, capture_output=True, text=True, timeout=300, check=False
    )
    return done.returncode, done.stdout + done.stderr


def archive(server: str, folder: Path, name: str, data: bytes, **more: str) -> dict[str, str]:
    (folder / name).write_bytes(data)
    return {"url": f"{server}/{name}", "sha256": hashlib.sha256(data).hexdigest(), **more}


def index(folder: Path, *wheels: Path) -> None:
    for wheel in wheels:
        page = folder / "simple" / wheel.name.split("-")[0] / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text(f'<a href="/wheels/{wheel.name}#sha256={sha256(wheel.read_bytes())}">{wheel.name}</a>')


def test_a_pc_is_built_for_real_from_a_bundle_alone(tmp_path: Path) -> None:
    """This machine: real uv, real Ansible. The small stack cannot train, and that is what it is told."""
    alpha, beta = (make_wheel(tmp_path / "wheels", name, "1.0") for name in ("gpalpha", "gpbeta"))
    index(tmp_path, alpha, beta)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tmp_path / "bin/python3").chmod(0o755)
    with tarfile.open(tmp_path / "python.tar", "w") as tar:
        tar.add(tmp_path / "bin", "python/bin")
    lab = tmp_path / "lab"
    (lab / "group_vars").mkdir(parents=True)
    (lab / "hosts.yml").write_text("all:\n  hosts:\n    localhost: {ansible_connection: local}\n")
    (lab / "lock.txt").write_text(lock_of(alpha, beta))
    with served(tmp_path) as (server, asked):
        python = archive(server, tmp_path, "python.tar", (tmp_path / "python.tar").read_bytes())
        variables = {
            "ansible_python_interpreter": sys.executable,
            "gpuready_stack": "cpu",
            "gpuready_stack_locks": {"cpu/linux": {"lock": "lock.txt", "python": VERSION, "extra_index_urls": []}},
            "python_environment_interpreters": {VERSION: python},
            "python_environment_uv_archive": archive(server, tmp_path, "uv.zip", b"this PC has one"),
            "python_environment_index_url": f"{server}/simple",
        }
        (lab / "group_vars/all.yml").write_text(yaml.safe_dump(variables))
        (tmp_path / "wheels" / beta.name).rename(tmp_path / "later.whl")
        command = ["bundle", "-i", str(lab), str(tmp_path / "bundle"), "--stack", "cpu/linux"]
        command += ["--lab-dir", str(tmp_path)]
        code, said = gpuready(*command, cwd=tmp_path)
        assert (code, "missing: gpbeta 1.0" in said, "left out: localhost" in said) == (2, True, True), said
        (tmp_path / "later.whl").rename(tmp_path / "wheels" / beta.name)
        asked.clear()
        code, said = gpuready(*command, cwd=tmp_path)
        assert (code, ": 1 brought, 3 there already, 0 missing." in said) == (0, True), said
        assert not any("gpalpha" in one or "python.tar" in one for one in asked)
        asked.clear()
        assert gpuready(*command, cwd=tmp_path)[0] == 0
        assert asked == []
    run = ("provision", "-i", str(lab), "--bundle", str(tmp_path / "bundle"), "--lab-dir", "lab-state", "--json")
    _, said = gpuready(*run, cwd=tmp_path, **CUT, GPUREADY_HOME=str(tmp_path / "home"))
    (host,) = json.JSONDecoder().raw_decode(said)[0]["hosts"]
    assert host["apply"]["environment"]["built"] is True, host["verdict"]
    interpreter = Path(host["apply"]["environment"]["python"])
    done = subprocess.run([interpreter, "-c", "import gpalpha, gpbeta"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What simulated PCs were asked to build with."""
    found: list[dict[str, Any]] = []
    build = python_environment._build

    def listening(task: Any, *more: Any) -> Any:
        found.append(dict(task.arguments))
        return build(task, *more)

    monkeypatch.setattr(python_environment, "_build", listening)
    return found


def test_windows_pcs_and_guests_get_ready_from_a_bundle_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: list[dict[str, Any]]
) -> None:
    wheel = make_wheel(tmp_path / "wheels", "gpalpha", "1.0")
    index(tmp_path, wheel)
    lock = tmp_path / "lock.txt"
    lock.write_text(lock_of(wheel))
    with served(tmp_path) as (server, asked):
        variables = {
            "gpuready_stack_locks": {
                "tensorflow-directml-plugin": str(lock),
                "cuda": {"lock": str(lock), "extra_index_urls": []},
            },
            "python_environment_index_url": f"{server}/simple",
            "python_environment_interpreters": {
                "3.10": archive(server, tmp_path, "windows.zip", b"python of windows"),
                "3.11": archive(server, tmp_path, "linux.tar.gz", b"python of linux"),
            },
            "python_environment_uv_archive": archive(server, tmp_path, "uv.zip", b"uv"),
            "python_environment_vc_archive": archive(server, tmp_path, "vc_redist.x64.exe", b"MZ"),
            "wsl_archive": archive(server, tmp_path, "root.tar.gz", Linux.small().pack("tar.gz")),
            "wsl_package": archive(server, tmp_path, "wsl.msi", b"wsl 2.6.3.0", version="2.6.3.0"),
            "gpuready_reboot": "allowed",
            "restart_settle": 1,
        }
        pcs = [
            {"name": "native", "gpus": [AMD], "variables": variables},
            {"name": "guest", "gpus": [NVIDIA], "variables": {**variables, "gpuready_experience": "professional"}},
        ]
        with SimulatedLab(scenario.parse({"pcs": pcs}), base_address=f"{NET}.97.1", port=15997) as lab:
            inventory = tmp_path / "hosts.yml"
            lab.write_inventory(inventory)
            here = Lab(inventory)
            here.report(lab_dir=tmp_path / "lab")  # judges by what is there, and so tells the plans
            bundle = tmp_path / "bundle"
            command = ("bundle", "-i", str(inventory), str(bundle), "--lab-dir", str(tmp_path / "lab"))
            code, said = gpuready(*command, cwd=tmp_path)
            assert (code, "left out" in said) == (0, False), said
            asked.clear()
            for name, value in CUT.items():
                monkeypatch.setenv(name, value)
            result = Lab(inventory, extra_vars={"gpuready_bundle": str(bundle)}).provision(lab_dir=tmp_path / "lab")
            ended = {one["host"]: one for one in result.document["hosts"]}
            assert {name: one["verdict"]["code"] for name, one in ended.items()} == {
                "native": "TRAINED", "guest": "TRAINED"
            }, {name: one["verdict"] for name, one in ended.items()}  # fmt: skip
            assert ended["guest"]["plan"]["target"] == "wsl"
            assert asked == []
            done = " ".join(str(one["what"]) for one in lab.pcs["guest"].journal)
            assert "win_get_url" not in done
    given = [one for one in calls if one.get("ways")]
    assert given
    for one in given:
        assert [way["options"] for way in one["ways"]] == [["--no-index"]]
        assert [wheel["name"] for wheel in one["offered_wheels"]] == [wheel.name]
        archives = [one[name] for name in ("interpreter_archive", "uv_archive", "vc_archive") if one.get(name)]
        assert archives
        assert not any("url" in source for source in archives)
