"""Whole runs over simulated labs: the one that ships ends as its YAML says; each fault ends in a verdict of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpuready import demo
from gpuready.lab import Lab
from gpuready.results import LabResult
from gpuready.simlab import background, scenario

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "inventories/simulated/lab.yml"
NET = f"127.{1 + int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])}"
PORT = 15981
pytestmark = pytest.mark.slow

NVIDIA = [{"name": "NVIDIA GeForce RTX 3090", "vendor": "nvidia", "device": "2204", "memory": 25769803776,
           "driver": {"version": "32.0.15.7652"}}]  # fmt: skip
DEFAULTS = {
    "uv": "0.9.2",
    "gpus": [{"name": "AMD Radeon RX 6800", "vendor": "amd", "device": "73BF", "memory": 17163091968,
              "driver": {"version": "31.0.24002.92", "radeon_software": "24.3.1"}}],
}  # fmt: skip
TLS = {"tls": True, "port": 15982}
# name -> what the PC is, and how it must end
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "healthy": ({}, "READY TRAINED"),
    "trusted": ({"connection": {**TLS, "transport": "ntlm"}}, "READY TRAINED"),
    "wrong-password": ({"faults": [{"kind": "wrong_password"}]}, "UNREACHABLE AUTH_REJECTED"),
    "wrong-password-ntlm": ({"connection": {"transport": "ntlm"}, "faults": [{"kind": "wrong_password"}]},
    "UNREACHABLE AUTH_REJECTED"),
    "off": ({"faults": [{"kind": "off"}]}, "UNREACHABLE PORT_CLOSED"),
    "untrusted": ({"connection": TLS, "faults": [{"kind": "untrusted_certificate"}]}, "UNREACHABLE TLS_UNTRUSTED"),
    "http-on-https": ({"connection": TLS, "faults": [{"kind": "http_on_https"}]}, "UNREACHABLE TLS_MISMATCH"),
    "https-on-http": ({"faults": [{"kind": "https_on_http"}]}, "UNREACHABLE CONNECTION_CUT"),
    "cut": ({"faults": [{"kind": "cut", "on": "gpu_facts", "seconds": 0.2}]}, "UNREACHABLE CONNECTION_CUT"),
    "cut-building": ({"faults": [{"kind": "cut", "on": "python_environment", "times": 1}]},
    "UNREACHABLE CONNECTION_CUT"),
    "hang": ({"faults": [{"kind": "hang", "on": "gpu_facts"}]}, "UNKNOWN MODULE_HUNG"),
    "garbage": ({"faults": [{"kind": "garbage", "on": "gpu_facts"}]}, "UNKNOWN OUTPUT_GARBAGE"),
    "slow": ({"faults": [{"kind": "slow", "on": "gpu_facts", "seconds": 1}]}, "READY TRAINED"),
    "quota-once": ({"faults": [{"kind": "quota", "times": 1}]}, "READY TRAINED"),
    "quota": ({"faults": [{"kind": "quota"}]}, "UNREACHABLE WINRM_REFUSED"),
    "restart": ({"faults": [{"kind": "restart", "on": "gpu_facts"}]}, "UNREACHABLE "),
    "disk-full": ({"faults": [{"kind": "disk_full", "on": "python_environment"}]}, "NOT_READY DISK_FULL"),
    "japanese": ({"os": {"language": "ja-JP"}, "wsl": {"version": "2.6.1.0"}}, "READY TRAINED"),
    "program-hangs": ({"gpus": NVIDIA, "faults": [{"kind": "program_hangs", "on": "nvidia-smi.exe"}]}, "READY TRAINED"),
    "program-garbage": ({"gpus": NVIDIA, "faults": [{"kind": "program_garbage", "on": "nvidia-smi.exe"}]},
    "READY TRAINED"),
    "no-uv": ({"uv": None}, "READY TRAINED"),
    "training-hangs": ({"training": {"outcome": "hang"}}, "NOT_READY TIMED_OUT"),
    "nan": ({"training": {"outcome": "nan"}}, "NOT_READY NOT_FINITE"),
    "cpu": ({"training": {"outcome": "cpu_fallback"}}, "NOT_READY CPU_FALLBACK"),
}  # fmt: skip


Runs = tuple[LabResult, LabResult, str]


def ended(result: LabResult) -> dict[str, str]:
    return {host["host"]: f"{host['verdict']['state']} {host['verdict']['code']}" for host in result.document["hosts"]}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Two runs of the whole way over the same lab: in the second one the faults that were to strike once are gone."""
    folder = tmp_path_factory.mktemp("faults")
    document = {"defaults": DEFAULTS, "pcs": [{"name": name, **what} for name, (what, _) in FAULTS.items()]}
    (folder / "lab.yml").write_text(yaml.safe_dump(document))
    with background.running(folder / "lab.yml", folder, PORT, f"{NET}.81.1"):
        results = []
        for number in (1, 2):
            lab = Lab(folder / "hosts.yml", extra_vars={"gpuready_look_timeout": 8})
            results.append(lab.provision(report_dir=folder / f"report{number}", lab_dir=folder / "lab"))
    return results[0], results[1], (folder / "simlab.log").read_text()


def test_each_fault_has_its_verdict_and_the_others_are_not_affected(runs: Runs) -> None:
    found = ended(runs[0])
    assert set(found) == set(FAULTS)
    wrong = {name: found[name] for name, (_, wanted) in FAULTS.items() if not found[name].startswith(wanted)}
    assert wrong == {}
    assert runs[0].exit_code == 2


def test_each_pc_that_is_not_ready_has_its_cause_and_next_step(runs: Runs) -> None:
    for host in runs[0].document["hosts"]:
        if host["verdict"]["state"] != "READY":
            assert host["verdict"]["cause"]
            assert host["verdict"]["next_step"]
        assert host["simulated"] is True


def test_a_password_is_in_no_report(runs: Runs) -> None:
    folder = runs[0].path.parent if runs[0].path else Path()
    texts = [file.read_text() for file in folder.iterdir() if file.is_file()]
    assert texts
    assert not [text for text in texts if "S3cret!" in text]


def test_the_second_run_goes_on_where_the_first_was_cut_off(runs: Runs) -> None:
    first, second = ended(runs[0]), ended(runs[1])
    assert (first["cut-building"], second["cut-building"]) == ("UNREACHABLE CONNECTION_CUT", "READY TRAINED")
    assert second["restart"].startswith("UNREACHABLE")  # this one strikes every time


def test_a_second_run_changes_nothing_and_asks_at_most_eight_things(runs: Runs) -> None:
    again = next(host for host in runs[1].document["hosts"] if host["host"] == "healthy")
    assert not (again.get("apply") or {}).get("changed")
    journal = [line.split(": ")[2] for line in runs[2].splitlines() if line.startswith("simlab: healthy: ")]
    second = journal[len(journal) - 1 - journal[::-1].index("gpu_facts") :]
    assert 1 <= len(second) <= 8, journal


def test_the_lab_that_ships_ends_as_it_says(tmp_path: Path) -> None:
    for provision in (False, True):
        done = demo.demo(tmp_path / f"{provision}", PORT + 10, provision=provision)
        assert done.surprises == []
        assert done.result.document["simulated"] is True
        html = (tmp_path / f"{provision}/report.html").read_text()
        assert "simulated" in html.lower()
    assert {pc.name for pc in scenario.load(LAB).pcs if not pc.expect} == set()


def test_a_surprise_is_said(tmp_path: Path) -> None:
    (tmp_path / "lab.yml").write_text(
        f"pcs: [{{name: pc, address: {NET}.82.1, expect: {{plan: {{state: READY, code: TRAINED}}}}}}]\n"
    )
    done = demo.demo(tmp_path / "report", PORT + 10, lab_file=tmp_path / "lab.yml")
    assert done.surprises == ["pc: ended NOT_READY NO_ADAPTER, and the lab says READY TRAINED"]
