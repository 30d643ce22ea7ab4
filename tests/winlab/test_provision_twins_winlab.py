"""One PC provisioned twice, on winlab and as a simulated PC: the same files in HOME, the same record.

It has no C++ runtime in System32 and gets it from the stack's lock: READY, and a report still says so.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import runtime
from gpus_help import AMD
from provision_help import HOME, PLUGIN, STEPS, sources
from test_winlab_scenario import flat
from winlab import Machine
from winlab.testing import CHECKOUT, inventory, run_playbook

from gpuready.simlab import SimulatedLab, scenario

pytestmark = pytest.mark.slow
PC = {
    "name": "twin",
    "address": "127.0.9.21",
    "vc_runtime": None,
    "gpus": [
        {
            "name": AMD.name,
            "vendor": "amd",
            "device": AMD.device.upper(),
            "memory": AMD.memory,
            "driver": {"version": AMD.driver, "radeon_software": "24.6.1"},
        }
    ],
}
FOLDERS = ("bin", "current", "passes")
# What a clock or a scale says, or only the real packages: the rest must be the same.
MEASURED = {"apply.seconds", "apply.environment.size_bytes", "training", "verdict.checks", "verdict.fingerprint"}
OWN = {
    "environments": ("created_at", "size_bytes", "version", "distributions", "files_sha256"),
    "current": ("switched_at",),
    "passes": ("at", "verdict"),
}


@dataclass
class Twin:
    """What a provisioning left: the record, that of a report after it, and the files of HOME by their place there."""

    record: dict[str, Any]
    report: dict[str, Any]
    files: dict[str, bytes]

    def json(self, place: str) -> dict[str, Any]:
        """A file of ours without what is this PC's alone."""
        content = dict(json.loads(self.files[place]))
        for name in OWN[place.partition("\\")[0]]:
            assert content.pop(name, None) is not None, (place, name)
        return content


def runs(hosts: Path, variables: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """The PC's records of a provisioning, and of a report after it."""
    found = []
    for playbook in ("provision", "report"):
        own = {**variables, "fleet_report_directory": str(folder / playbook)}
        run = run_playbook(CHECKOUT / f"playbooks/{playbook}.yml", hosts, "-e", json.dumps(own))
        report = folder / playbook / "report.json"
        assert report.exists(), json.dumps(run)[:3000]
        (record,) = json.loads(report.read_text(encoding="utf-8"))["hosts"]
        found.append(record)
    return found


@pytest.fixture(scope="module")
def twins(machine_from_scenario: Callable[..., Machine], tmp_path_factory: pytest.TempPathFactory) -> tuple[Twin, Twin]:
    folder = tmp_path_factory.mktemp("twins")
    lab = scenario.parse({"pcs": [PC]})
    machine = machine_from_scenario(lab.pcs[0])
    for name in runtime.FILES:
        machine.path(rf"C:\windows\system32\{name}").unlink(missing_ok=True)
    variables = sources(machine, folder) | {"gpu_verify_options": {"speed_seconds": 0, "steps": STEPS}}
    real = runs(inventory([machine], folder / "winlab.yml", gpuready_simulated=True), variables, folder / "winlab")
    home = machine.path(HOME)
    places = [p for p in home.rglob("*") if p.is_file() and (p.parent.name in FOLDERS or p.parent == home)]
    markers = list(home.glob("environments/*/gpuready.*"))
    files = {str(path.relative_to(home)).replace("/", "\\"): path.read_bytes() for path in [*places, *markers]}
    with SimulatedLab(lab, port=15991) as simlab:
        simlab.write_inventory(folder / "simlab.yml")
        simulated = runs(folder / "simlab.yml", variables, folder / "simlab")
        nodes = {
            node.path.removeprefix(HOME + "\\"): node.data or b""
            for node in simlab.pcs["twin"].disk.below(HOME)
            if not node.is_folder
        }
    return Twin(*real, files), Twin(*simulated, nodes)


def test_without_the_runtime_of_windows_it_is_ready_and_stays_so(twins: tuple[Twin, Twin]) -> None:
    for twin in twins:
        assert twin.record["facts"]["vc_runtime"] == {"installed": False, "version": None}
        assert twin.record["verdict"]["state"] == "READY", (twin.record["verdict"], twin.record["troubles"])
        verdict = twin.report["verdict"]
        assert (verdict["state"], verdict["reused"]) == ("READY", True), verdict
        (environment,) = twin.report["facts"]["environments"]
        assert environment["vc_runtime"] is True
        steps = {step["name"]: step["needed"] for step in twin.report["plan"]["steps"]}
        assert steps["python_environment"] is False


def test_the_records_are_the_same(twins: tuple[Twin, Twin]) -> None:
    for of in (lambda twin: twin.record, lambda twin: twin.report):
        real, simulated = (
            {
                path: value
                for path, value in flat(of(twin)).items()
                if not any(path == one or path.startswith(one + ".") for one in MEASURED)
                and not path.startswith(("facts.passes", "facts.last_pass", "facts.interpreters", "facts.uv"))
            }
            for twin in twins
        )
        assert real == simulated
        assert len(real) > 100
    checks = [[(check["name"], check["state"]) for check in twin.record["verdict"]["checks"]] for twin in twins]
    assert checks[0] == checks[1]
    bound = [twin.record["verdict"]["fingerprint"] for twin in twins]
    assert bound[0] == bound[1]


def test_the_files_are_the_same(twins: tuple[Twin, Twin]) -> None:
    real, simulated = twins
    ours = [{place for place in twin.files if not place.startswith("python\\")} for twin in twins]
    shared = {place for place in ours[0] if not place.startswith("environments\\")}
    assert shared == {place for place in ours[1] if not place.startswith("environments\\")}
    assert shared == {
        ".lock",
        "README.txt",
        "uv.exe",
        rf"bin\{PLUGIN}.cmd",
        rf"current\{PLUGIN}.json",
        rf"passes\{PLUGIN}.json",
    }
    for place in ("README.txt", rf"bin\{PLUGIN}.cmd"):
        assert real.files[place] == simulated.files[place], place
    (marker,) = (place for place in ours[0] if place.endswith("gpuready.json"))
    for place in (marker, rf"current\{PLUGIN}.json", rf"passes\{PLUGIN}.json"):
        assert real.json(place) == simulated.json(place), place
    for twin in twins:
        listed = hashlib.sha256(twin.files[marker.replace("gpuready.json", "gpuready.files")]).hexdigest()
        assert json.loads(twin.files[marker])["files_sha256"] == listed
    verdicts = [json.loads(twin.files[rf"passes\{PLUGIN}.json"])["verdict"] for twin in twins]
    assert set(verdicts[0]) == set(verdicts[1])
    packages = [
        {name.replace("-", "_").lower() for name in json.loads(twin.files[marker])["distributions"]} for twin in twins
    ]
    assert packages[0] == packages[1]
