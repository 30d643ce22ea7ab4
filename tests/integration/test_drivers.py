"""GPUs without their vendor's driver: each gets that of the lab's drivers.yml, then its stack is built and trains."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpuready.lab import Lab
from gpuready.simlab import background

NET = f"127.{1 + int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])}"
PORT = 15984
pytestmark = pytest.mark.slow
GPU = {"name": "NVIDIA GeForce RTX 3080", "vendor": "nvidia", "device": "2206", "memory": 10737418240}
INTEL = {"name": "Intel(R) UHD Graphics 770", "vendor": "intel", "device": "4680", "memory": 134217728}
OLD = {"version": "26.21.14.3200", "date": "2019-10-01"}
PC = {"uv": "0.9.2", "nvidia_smi": "missing", "gpus": [{**GPU, "driver": "basic"}]}
INSTALLERS = {"new": "driver 32.0.15.8097 rc 1 restart", "intel": "driver 32.0.101.6078"}


def catalogue(folder: Path) -> Path:
    folder.mkdir()
    entries: list[dict[str, Any]] = [
        {"id": "new", "vendor": "nvidia", "version": "580.97", "pinned": True},
        {"id": "intel", "vendor": "intel", "version": "101.6078", "families": ["xe"]},
    ]
    for one in entries:
        text, name = INSTALLERS[one["id"]], f"{one['id']}.exe"
        (folder / name).write_text(text)
        one |= {"windows": ["10", "11"], "file": name, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    update = {"id": "update", "vendor": "intel", "version": "101.5590", "windows": ["11"], "families": ["arc"]}
    entries.append({**update, "windows_update": True})
    (folder / "drivers.yml").write_text(yaml.safe_dump({"schema_version": 1, "installers": entries}))
    return folder / "drivers.yml"


def test_a_driver_comes_before_the_stack_and_only_where_nobody_is_disturbed(tmp_path: Path) -> None:
    second = {**GPU, "name": "NVIDIA GeForce RTX 3070", "device": "2484", "driver": OLD, "utilization": 90}
    hybrid = [{**GPU, "driver": "basic"}, {**INTEL, "driver": "basic"}]
    lost = {"kind": "fail", "on": "gpu_driver", "after": 1, "times": 1, "code": "ARCHIVE_MISSING", "text": "no file"}
    pcs = [
        {"name": "idle", "gpus": hybrid},
        {"name": "used", "users": [r"USED\anna"]},
        {"name": "late", "faults": [{"kind": "logs_on", "on": "put_file", "times": 1}]},
        {"name": "busy", "gpus": [{**GPU, "driver": OLD, "utilization": 2}, second], "nvidia_smi": "auto"},
        {"name": "both", "gpus": hybrid, "variables": {"gpuready_driver_adapters": "all"}},
        {"name": "unfed", "faults": [lost]},
        {
            "name": "arc",
            "gpus": [{**INTEL, "name": "Intel(R) Arc(TM) A770 Graphics", "device": "56A0", "driver": "basic"}],
            "variables": {"gpuready_windows_update": True},
            "windows_update": {"drivers": {"56A0": "32.0.101.6790"}},
        },
    ]
    (tmp_path / "lab.yml").write_text(yaml.safe_dump({"defaults": PC, "pcs": pcs}))
    given = {"gpuready_drivers": str(catalogue(tmp_path / "drivers"))}

    def ended(result: Any) -> dict[str, tuple[str, str]]:
        return {one["host"]: (one["verdict"]["state"], one["verdict"]["code"]) for one in result.document["hosts"]}

    def asked() -> list[str]:
        return [line.partition("simlab: ")[2] for line in (tmp_path / "simlab.log").read_text().splitlines()]

    def versions(result: Any, host: str) -> list[str]:
        (mine,) = [one for one in result.document["hosts"] if one["host"] == host]
        return [one["driver"]["vendor_version"] for one in mine["facts"]["adapters"]]

    waits = ("NOT_READY", "REBOOT_NEEDED")
    with background.running(tmp_path / "lab.yml", tmp_path, PORT, f"{NET}.104.1") as inventory:
        never = Lab(inventory, extra_vars=given).provision(lab_dir=tmp_path / "lab")
        deferred = dict.fromkeys(("used", "late", "busy"), ("NOT_READY", "DRIVER_DEFERRED"))
        unfed = {"unfed": ("NOT_READY", "ARCHIVE_MISSING")}
        assert ended(never) == {"idle": waits, "both": waits, "arc": ("READY", "TRAINED"), **deferred, **unfed}
        lines = asked()
        sent = [number for number, line in enumerate(lines) if line.endswith(": put_file")]
        begun = [number for number, line in enumerate(lines) if line.endswith(": a job: gpu_driver")]
        fed = ["both", "both", "busy", "idle", "late", "used"]
        assert sorted(lines[one].partition(":")[0] for one in sent) == fed, "and none of Windows Update's"
        assert sorted(lines[one].partition(":")[0] for one in begun) == ["arc", "both", "both", "idle"]
        assert max(sent) < min(begun), "all have their files before the first installer starts"
        assert versions(never, "arc") == ["101.6790"]
        verified = Lab(inventory, extra_vars=given).verify(lab_dir=tmp_path / "lab")
        assert ended(verified)["used"] == ("NOT_READY", "DRIVER_NOT_INSTALLED")
        given["gpuready_reboot"] = "when_idle"
        idle = Lab(inventory, extra_vars=given).provision(lab_dir=tmp_path / "lab")
        ready = dict.fromkeys(("idle", "both", "unfed", "arc"), ("READY", "TRAINED"))
        assert ended(idle) == {**ready, **deferred}
        assert (versions(idle, "idle"), versions(idle, "both")) == (["580.97", None], ["580.97", "101.6078"])
        assert len([line for line in asked() if line == "used: put_file"]) == 1, "what is there is not sent again"
        again = Lab(inventory, extra_vars=given).provision(lab_dir=tmp_path / "lab")
        assert ended(again) == ended(idle)
        assert again.document["changed"]["count"] == 0
