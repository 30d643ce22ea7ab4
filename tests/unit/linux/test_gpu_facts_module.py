"""The Linux module: what it collects from made-up trees, and that no program can hold it up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.module_utils.linux import probe as linux_probe
from ansible_collections.gpuready.lab.plugins.module_utils.linux import programs as linux_programs
from ansible_collections.gpuready.lab.plugins.modules import gpu_facts

PIECES = {
    "os_release", "kernel", "glibc", "pci_display", "nvidia_smi", "nvidia_driver", "dxg", "wsl", "memory", "processors",
    "disk", "users", "uv", "interpreters", "environments", "last_pass", "marker", "dmi",
}  # fmt: skip


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the programs of PATH: name -> shell script."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def make(**scripts: str) -> Path:
        for name, text in scripts.items():
            path = folder / name.replace("_", "-")
            path.write_text(f"#!/bin/sh\n{text}\n")
            path.chmod(0o755)
        return folder

    return make


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    device = tmp_path / "sys/bus/pci/devices/0000:01:00.0"
    device.mkdir(parents=True)
    for name, value in {"class": "0x030000", "vendor": "0x10de", "device": "0x2684", "boot_vga": "1"}.items():
        (device / name).write_text(f"{value}\n")
    return tmp_path / "sys"


def test_every_piece_is_there_and_is_plain_data(programs: Any, sysfs: Path, tmp_path: Path) -> None:
    programs(nvidia_smi='echo "<nvidia_smi_log>$*</nvidia_smi_log>"; echo warning >&2; exit 14')
    home = tmp_path / "home"
    (home / "environments/cuda-1").mkdir(parents=True)
    (home / "environments/cuda-1/gpuready.json").write_text('{"stack": "cuda"}\n')
    (home / "passes").mkdir()
    (home / "passes/cuda.json").write_text("{}")
    found = json.loads(json.dumps(gpu_facts.collect(str(home), 10, str(sysfs))))
    assert set(found["pieces"]) == PIECES
    assert {name: piece["error"] for name, piece in found["pieces"].items() if piece["error"]} == {}
    assert (found["schema_version"], found["platform"]) == (1, "linux")
    values = {name: piece["value"] for name, piece in found["pieces"].items()}
    smi = values["nvidia_smi"]
    assert (smi["rc"], smi["stdout"], smi["stderr"]) == (14, "<nvidia_smi_log>-q -x</nvidia_smi_log>\n", "warning\n")
    (device,) = values["pci_display"]
    assert (device["address"], device["vendor"], device["driver"]) == ("0000:01:00.0", "0x10de", None)
    assert values["environments"]["directories"] == [
        {"name": "cuda-1", "path": str(home / "environments/cuda-1"), "text": '{"stack": "cuda"}', "damage": None}
    ]
    assert values["last_pass"] == [{"name": "cuda.json", "text": "{}"}]
    assert values["disk"]["path"] == str(home)
    assert values["memory"]["total_bytes"] > 0


def test_nothing_is_written(programs: Any, sysfs: Path, tmp_path: Path) -> None:
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    gpu_facts.collect(str(tmp_path / "none/yet"), 10, str(sysfs))
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_a_hanging_program_costs_its_piece_alone(programs: Any, sysfs: Path, tmp_path: Path) -> None:
    programs(nvidia_smi="echo half; sleep 60", who="sleep 60 & sleep 60")
    started = time.monotonic()
    pieces = gpu_facts.collect(str(tmp_path), 1, str(sysfs))["pieces"]
    assert time.monotonic() - started < 8
    smi = pieces["nvidia_smi"]
    assert (smi["value"]["timed_out"], smi["value"]["rc"], smi["value"]["stdout"]) == (True, None, "half\n")
    assert smi["error"]["code"] == pieces["users"]["error"]["code"] == "TIME_LIMIT"
    assert pieces["pci_display"]["value"]


def test_a_program_that_leaves_a_child_behind_does_not_hold_us(programs: Any) -> None:
    folder = programs(nvidia_smi="sleep 5 & echo done")
    started = time.monotonic()
    value, error = linux_programs.Program(str(folder / "nvidia-smi"), [], 30).finish()
    assert time.monotonic() - started < 4
    assert (value or {})["stdout"] == "done\n"
    assert error is None


def test_bytes_that_are_no_text(programs: Any) -> None:
    folder = programs(nvidia_smi="printf '\\377\\376<'")
    value, _error = linux_programs.Program(str(folder / "nvidia-smi"), [], 10).finish()
    assert (value or {})["stdout"] == "\ufffd\ufffd<"


def test_a_program_that_cannot_be_started(programs: Any) -> None:
    folder = programs(nvidia_smi="")
    (folder / "nvidia-smi").write_bytes(b"\x7fELF of another machine")
    value, error = linux_programs.Program(str(folder / "nvidia-smi"), [], 10).finish()
    assert value is None
    assert (error or {})["code"] == "PROGRAM_NOT_STARTED"


def test_a_tree_that_is_not_mounted_is_an_error_not_an_empty_answer(tmp_path: Path) -> None:
    pieces = gpu_facts.collect(str(tmp_path), 10, str(tmp_path / "nothing"))["pieces"]
    assert pieces["pci_display"]["error"]["code"] == "COLLECTION_FAILED"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_tree_that_may_not_be_read(sysfs: Path, tmp_path: Path) -> None:
    (sysfs / "bus/pci/devices").chmod(0)
    pieces = gpu_facts.collect(str(tmp_path), 10, str(sysfs))["pieces"]
    assert pieces["pci_display"]["error"]["code"] == "ACCESS_DENIED"


def test_interpreters_are_found_once_and_shims_are_not_asked(programs: Any, tmp_path: Path) -> None:
    folder = programs()
    (folder / "python3.99").symlink_to(sys.executable)
    (folder / "python3").symlink_to(sys.executable)
    own = tmp_path / "home/python/cpython-3.98/bin"
    own.mkdir(parents=True)
    (own / "python3.98").write_text("#!/bin/sh\necho 3.98.1 x86_64 CPython 8\n")
    (own / "python3.98").chmod(0o755)
    value, error = linux_programs.finish_interpreters(linux_programs.start_interpreters(str(tmp_path / "home"), 10))
    ours = [one for one in value if str(tmp_path) in one["path"]]
    assert [(Path(one["path"]).name, one["source"]) for one in ours] == [("python3", "path"), ("python3.98", "home")]
    assert ours[1]["says"]["stdout"] == "3.98.1 x86_64 CPython 8\n"
    assert error is None


def test_os_release_is_read_as_the_shell_would(tmp_path: Path) -> None:
    file = tmp_path / "os-release"
    file.write_text("# note\nID=ubuntu\nPRETTY_NAME=\"Ubuntu 24.04 'x'\"\nBROKEN=\"half\nVERSION_ID='24.04'\n\n")
    assert linux_probe.os_release((str(tmp_path / "none"), str(file))) == {
        "ID": "ubuntu", "PRETTY_NAME": "Ubuntu 24.04 'x'", "BROKEN": '"half', "VERSION_ID": "24.04",
    }  # fmt: skip


def test_marker(tmp_path: Path) -> None:
    assert linux_probe.marker(str(tmp_path / "none")) is None
    (tmp_path / "simulated").write_text("simlab\n")
    assert linux_probe.marker(str(tmp_path / "simulated")) == {"simulated": True, "by": "simlab"}


@pytest.mark.parametrize(("limit", "fails"), [(0, True), (601, True), (5, False)])
def test_the_module_as_ansible_runs_it(tmp_path: Path, limit: int, fails: bool) -> None:
    arguments = {"time_limit": limit, "home": str(tmp_path), "_ansible_check_mode": True, "_ansible_remote_tmp": "/tmp"}
    path = tmp_path / "arguments.json"
    path.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = "from ansible_collections.gpuready.lab.plugins.modules.gpu_facts import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], env=environment, capture_output=True, text=True, timeout=60
    )
    result = json.loads(done.stdout)
    assert bool(result.get("failed")) is fails
    if fails:
        assert str(limit) in result["msg"]
    else:
        assert set(result["ansible_facts"]) == {"gpuready_evidence"}
        assert result["changed"] is False


def test_an_environment_that_cannot_be_looked_through_says_why(
    programs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs()
    home = tmp_path / "home"
    (home / "environments/cuda-1").mkdir(parents=True)

    def gone(path: Path, hashes: bool) -> None:
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr(gpu_facts.damage, "damage", gone)
    (found,) = gpu_facts.environments(home, False)["directories"]
    assert found["damage"] == {"error": f"OSError: [Errno 5] Input/output error: '{found['path']}'"}
