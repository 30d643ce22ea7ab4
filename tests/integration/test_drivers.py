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
PC = {"uv": "0.9.2", "nvidia_smi": "missing", "gpus": [{**GPU, "driver": "basic"}]}
INSTALLER = "driver 32.0.15.8097 rc 1 restart"


def catalogue(folder: Path) -> Path:
    folder.mkdir()
    (folder / "new.exe").write_text(INSTALLER)
    sha256 = hashlib.sha256(INSTALLER.encode()).hexdigest()
    entry = {"id": "new", "vendor": "nvidia", "version": "580.97", "windows": ["10", "11"], "file": "new.exe"}
    content = {"schema_version": 1, "installers": [{**entry, "sha256": sha256}]}
    (folder / "drivers.yml").write_text(yaml.safe_dump(content))
    return folder / "drivers.yml"


def test_a_driver_comes_before_the_stack_and_only_where_nobody_is_disturbed(tmp_path: Path) -> None:
    pcs = [{"name": "idle"}, {"name": "used", "users": [r"USED\anna"]}]
    (tmp_path / "lab.yml").write_text(yaml.safe_dump({"defaults": PC, "pcs": pcs}))
    given = {"gpuready_drivers": str(catalogue(tmp_path / "drivers"))}

    def ended(result: Any) -> dict[str, tuple[str, str]]:
        return {one["host"]: (one["verdict"]["state"], one["verdict"]["code"]) for one in result.document["hosts"]}

    with background.running(tmp_path / "lab.yml", tmp_path, PORT, f"{NET}.104.1") as inventory:
        never = Lab(inventory, extra_vars=given).provision(lab_dir=tmp_path / "lab")
        assert ended(never) == {"idle": ("NOT_READY", "REBOOT_NEEDED"), "used": ("NOT_READY", "DRIVER_DEFERRED")}
        verified = Lab(inventory, extra_vars=given).verify(lab_dir=tmp_path / "lab")
        assert ended(verified)["used"] == ("NOT_READY", "DRIVER_NOT_INSTALLED")
        given["gpuready_reboot"] = "when_idle"
        idle = Lab(inventory, extra_vars=given).provision(lab_dir=tmp_path / "lab")
        assert ended(idle) == {"idle": ("READY", "TRAINED"), "used": ("NOT_READY", "DRIVER_DEFERRED")}
        (mine,) = [one for one in idle.document["hosts"] if one["host"] == "idle"]
        assert mine["facts"]["adapters"][0]["driver"]["vendor_version"] == "580.97"
        again = Lab(inventory, extra_vars=given).provision(lab_dir=tmp_path / "lab")
        assert ended(again) == ended(idle)
        assert again.document["changed"]["count"] == 0
