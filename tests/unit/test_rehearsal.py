"""What a rehearsal takes of a lab, and what it never takes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpuready import newest, rehearsal
from gpuready.errors import GpureadyError
from gpuready.simlab import background, schema

RTX = {
    "name": "NVIDIA GeForce RTX 3080",
    "vendor": "nvidia",
    "device_id": "2206",
    "memory_bytes": 10737418240,
    "driver": {"version": "32.0.15.8097", "vendor_version": "580.97", "basic": False},
}


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The scenario of a rehearsal of three PCs, of which one was looked at."""
    (tmp_path / "drivers.yml").write_text("")
    variables = {
        "ansible_user": "anna", "ansible_password": "s3cret", "proxy_password": "s3cret",
        "gpuready_experience": "student", "gpuready_drivers": "drivers.yml", "python_environment_token": "s3cret",
        "gpuready_lab_dir": "/somewhere", "fleet_report_lab": "/somewhere", "directml_vc_archive": "{{ archive }}",
    }  # fmt: skip
    content = {"all": {"hosts": {"pc01": {"ansible_host": "10.1.2.3"}, "pc02": None, "pc03": None}, "vars": variables}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(content))
    records = {"pc01": {"facts": {"adapters": [RTX]}}, "pc02": {"facts": {"adapters": [{**RTX, "name": None}]}}}
    monkeypatch.setattr(newest, "records", lambda *_: records)
    seen: dict[str, Any] = {}

    class Running:
        def __init__(self, lab: Path, folder: Path, port: int, base_address: str) -> None:
            seen.update(yaml.safe_load(lab.read_text()))
            self.inventory = folder / "hosts.yml"

        def __enter__(self) -> Path:
            return self.inventory

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(background, "running", Running)

    def make(*faults: str) -> tuple[rehearsal.Rehearsed, dict[str, Any]]:
        with rehearsal.lab([str(tmp_path / "hosts.yml")], lab_dir=tmp_path, faults=faults) as found:
            return found, {pc["name"]: pc for pc in seen["pcs"]}

    return make


def test_names_and_wishes_are_taken_and_no_way_to_a_pc(made: Any, tmp_path: Path) -> None:
    found, pcs = made()
    wishes = {"gpuready_experience": "student", "gpuready_drivers": str(tmp_path / "drivers.yml")}
    wishes["directml_vc_archive"] = "{{ archive }}"
    assert {name: pc["variables"] for name, pc in pcs.items()} == dict.fromkeys(("pc01", "pc02", "pc03"), wishes)
    assert (found.known, found.others) == (["pc01"], ["pc02", "pc03"])


def test_a_pc_that_was_looked_at_has_its_gpus(made: Any) -> None:
    pcs = made()[1]
    assert [gpu["name"] for gpu in pcs["pc01"]["gpus"]] == ["NVIDIA GeForce RTX 3080"]
    assert [gpu["name"] for gpu in pcs["pc03"]["gpus"]] == ["AMD Radeon RX 6800"]


def test_each_fault_is_one_that_a_simulated_pc_can_have(made: Any) -> None:
    pcs = made(*(f"pc02={fault}" for fault in rehearsal.FAULTS))[1]
    schema.Pc.model_validate(pcs["pc02"])
    assert len(pcs["pc02"]["faults"]) == 4
    assert pcs["pc02"]["gpus"][0]["driver"] == "basic"
    assert pcs["pc02"]["users"]
    assert "users" not in pcs["pc01"]


def test_the_page_names_each_fault_as_the_command_does() -> None:
    page = (Path(__file__).parents[2] / "docs/simlab.md").read_text("utf-8")
    assert [f"| `{name}` | {about} |" for name, (about, _) in rehearsal.FAULTS.items()] == [
        line for line in page.splitlines() if any(line.startswith(f"| `{name}` |") for name in rehearsal.FAULTS)
    ]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("pc01=dragon", "off (it is switched off)"),
        ("off", "PC=FAULT"),
        ("=off", "PC=FAULT"),
        ("pc09=off", "no PC pc09"),
    ],
)
def test_a_fault_that_is_none_is_refused(made: Any, fault: str, words: str) -> None:
    with pytest.raises(GpureadyError) as refused:
        made(fault)
    assert words in str(refused.value)


def test_what_a_guest_is_made_from_is_as_small_as_its_pc(tmp_path: Path) -> None:
    given = {
        "wsl_archive": {"url": "https://x/u.wsl", "sha256": "0" * 64},
        "wsl_package": {"path": "/none", "version": "2"},
    }
    found = rehearsal._small(given, tmp_path)
    assert list(found) == ["wsl_archive"]  # what is not there is missed by the plan of a rehearsal too
    file = Path(found["wsl_archive"]["path"])
    assert hashlib.sha256(file.read_bytes()).hexdigest() == found["wsl_archive"]["sha256"]
    (tmp_path / "wsl.msi").touch()
    package = {"path": str(tmp_path / "wsl.msi"), "version": "2.6.3.0"}
    made = rehearsal._small({"wsl_package": package}, tmp_path)["wsl_package"]
    assert (Path(made["path"]).read_bytes(), made["version"]) == (b"wsl 2.6.3.0", "2.6.3.0")
    assert rehearsal._small({}, tmp_path) == {}
