"""What is no word of the PC: an answer that sends on to another one, by real HTTP, and the record of an earlier run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def servers() -> Iterator[tuple[int, list[str]]]:
    """The port of one that redirects to another, and what that other one was asked."""
    asked: list[str] = []

    class Other(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(str(self.headers.get("Authorization")))
            self.send_error(500)

        def log_message(self, *_: Any) -> None:
            """Nothing on the terminal."""

    other = ThreadingHTTPServer(("127.0.0.1", 0), Other)

    class Redirecting(Other):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(307)
            self.send_header("Location", f"http://127.0.0.1:{other.server_port}/wsman")
            self.send_header("Content-Length", "0")
            self.end_headers()

    first = ThreadingHTTPServer(("127.0.0.1", 0), Redirecting)
    for server in (first, other):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield first.server_port, asked
    for server in (first, other):
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("connection", ["winrm", "psrp"])
def test_a_redirect_is_refused(connection: str, servers: tuple[int, list[str]], tmp_path: Path) -> None:
    port, asked = servers
    variables = {
        "ansible_connection": connection,
        "ansible_host": "127.0.0.1",
        "ansible_port": port,
        "ansible_user": "lab",
        "ansible_password": "secret",
        f"ansible_{connection}_{'transport' if connection == 'winrm' else 'auth'}": "basic",
        **(
            {"ansible_winrm_scheme": "http"}
            if connection == "winrm"
            else {"ansible_psrp_protocol": "http", "ansible_psrp_message_encryption": "never"}
        ),
        "fleet_report_directory": str(tmp_path / "report"),
    }
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"pc07": variables}}}))
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-playbook"),
            "-i",
            str(tmp_path / "hosts.yml"),
            "playbooks/facts.yml",
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert asked == [], done.stdout
    (host,) = json.loads((tmp_path / "report/report.json").read_text())["hosts"]
    assert (host["verdict"]["state"], host["verdict"]["code"]) == ("UNREACHABLE", "REDIRECTED"), host["troubles"]


def test_a_record_out_of_a_fact_cache_is_none(tmp_path: Path) -> None:
    """Plain ansible-playbook over a lab with a fact cache: an earlier run's record counts for nothing."""
    (tmp_path / "cache").mkdir()
    hosts = {"here": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    directory = {"fleet_report_directory": str(tmp_path / "report")}
    look: list[dict[str, Any]] = [{"gpuready.lab.gpu_facts": None}, {"gpuready.lab.gpu_verdict": None}]
    report: list[dict[str, Any]] = [
        {"gpuready.lab.fleet_report": {"hosts": ["here"], "directory": str(tmp_path / "report")}}
    ]
    verdicts = []
    for name, tasks in (("look", look + report), ("report", report), ("judge", [*look[1:], *report])):
        play = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(play))
        done = subprocess.run(
            [
                *(str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(tmp_path / "hosts.yml")),
                *(str(tmp_path / f"{name}.yml"), "-e", json.dumps(directory)),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_CACHE_PLUGIN": "jsonfile",
                "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp_path / "cache"),
            },
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        (host,) = json.loads((tmp_path / "report/report.json").read_text())["hosts"]
        assert any((tmp_path / "cache").iterdir())
        verdicts.append(("facts" in host, host["verdict"]["code"]))
    assert verdicts == [(True, "NOT_VERIFIED"), (False, "NO_EVIDENCE"), (False, "NO_EVIDENCE")]
