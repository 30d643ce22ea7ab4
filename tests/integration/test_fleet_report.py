"""gpuready.lab.fleet_report and gpu_verdict through the real ansible-playbook."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "collections/ansible_collections/gpuready/lab/schemas/report.schema.json").read_text())
REPORT = {
    "gpuready.lab.fleet_report": {
        "hosts": "{{ report_hosts | default(ansible_play_hosts_all) }}",
        "directory": "{{ directory }}",
    }
}
FILES = ["codes.md", "junit.xml", "metrics.prom", "report.csv", "report.html", "report.json", "report.md"]


def play(folder: Path, tasks: list[Any], hosts: dict[str, Any], *arguments: str, **variables: Any) -> tuple[int, str]:
    """Exit code and output of one play over hosts that need no connection."""
    (folder / "hosts.yml").write_text(
        yaml.safe_dump({"all": {"hosts": hosts, "vars": {"ansible_connection": "local"}}})
    )
    (folder / "play.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    done = subprocess.run(
        [
            *(
                str(Path(sys.executable).parent / "ansible-playbook"),
                "-i",
                str(folder / "hosts.yml"),
                str(folder / "play.yml"),
            ),
            *("-e", json.dumps(variables)),
            *arguments,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
    )
    return done.returncode, done.stdout + done.stderr


def once(task: dict[str, Any]) -> dict[str, Any]:
    return {**task, "run_once": True, "register": "report"}


def test_every_pc_is_in_the_report_whatever_it_left(tmp_path: Path) -> None:
    hosts: dict[str, Any] = {
        "pc2": {},
        "pc10": {"ansible_facts_left": None, "broken": "{{ never_defined_anywhere }}"},
        "<b>pc<b>": {},
        "bad": {"policy": {"loss_ratio": "much"}},
    }
    failure = {"msg": "ntlm: the specified credentials were rejected by the server", "unreachable": True}
    tasks = [
        {
            "block": [{"gpuready.lab.gpu_verdict": {"policy": "{{ policy | default({}) }}"}}],
            "rescue": [
                {"gpuready.lab.gpu_verdict": {"failure": "{{ ansible_failed_result }}", "failed_task": "Judge"}}
            ],
            "when": "inventory_hostname != 'pc10'",
        },
        {
            "gpuready.lab.gpu_verdict": {"failure": failure, "failed_task": "Look"},
            "when": "inventory_hostname == 'pc2'",
        },
        once(REPORT),
        {"ansible.builtin.debug": {"msg": "BAD {{ report.bad_input }}"}, "run_once": True},
    ]
    names = [*hosts, "not in the inventory"]
    code, output = play(tmp_path, tasks, hosts, directory=str(tmp_path / "out"), report_hosts=names)
    assert code == 0, output
    found = json.loads((tmp_path / "out/report.json").read_text())
    jsonschema.validate(found, SCHEMA)
    ends = {record["host"]: (record["verdict"]["state"], record["verdict"]["code"]) for record in found["hosts"]}
    assert ends == {
        "pc2": ("UNREACHABLE", "AUTH_REJECTED"),
        "pc10": ("UNKNOWN", "NO_EVIDENCE"),
        "<b>pc<b>": ("UNKNOWN", "NO_EVIDENCE"),
        "bad": ("NOT_READY", "BAD_INPUT"),
        "not in the inventory": ("UNKNOWN", "NO_EVIDENCE"),
    }
    assert [record["host"] for record in found["hosts"]][1:] == ["bad", "not in the inventory", "pc2", "pc10"]
    assert "BAD [" in output
    assert "loss_ratio: 'much' is not a number from 0 to 0.99" in output.replace("''", "'")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FILES
    assert "<b>pc" not in (tmp_path / "out/report.html").read_text()


def test_a_check_writes_too_and_says_so(tmp_path: Path) -> None:
    code, output = play(tmp_path, [once(REPORT)], {"pc1": {}}, "--check", directory=str(tmp_path / "out"))
    assert code == 0, output
    assert json.loads((tmp_path / "out/report.json").read_text())["run"]["check"] is True
    assert "Nothing was changed" in (tmp_path / "out/report.html").read_text()


def test_an_old_page_does_not_stay_beside_a_new_document(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/report.html").write_text("old")
    (tmp_path / "out/mine.txt").write_text("mine")
    task = {"gpuready.lab.fleet_report": {"hosts": ["pc1"], "directory": "{{ directory }}", "formats": ["md"]}}
    code, output = play(tmp_path, [once(task)], {"pc1": {}}, directory=str(tmp_path / "out"))
    assert code == 0, output
    kept = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert kept == ["codes.md", "mine.txt", "report.json", "report.md"]


def test_a_simulated_lab_by_text_is_what_the_text_says(tmp_path: Path) -> None:
    for words, simulated in (("false", False), ("yes", True)):
        code, output = play(
            tmp_path, [once(REPORT)], {"pc1": {}}, directory=str(tmp_path / "out"), gpuready_simulated=words
        )
        assert code == 0, output
        assert json.loads((tmp_path / "out/report.json").read_text())["simulated"] is simulated


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB, nearly full, with an old report on it."""
    folder = tmp_path / "small"
    folder.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)], capture_output=True
        ).returncode
    ):
        pytest.skip("mounting a small file system needs root")
    (folder / "report.json").write_text("old document")
    (folder / "report.html").write_text("old page")
    (folder / "ballast").write_bytes(b"x" * 36864)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_clear_line_and_the_old_report_stays(small: Path, tmp_path: Path) -> None:
    code, output = play(tmp_path, [once(REPORT)], {f"pc{number}": {} for number in range(9)}, directory=str(small))
    assert code == 2
    said = re.search(
        rf"{small}: the report cannot be written: No space left on device: it lies in (\S+) instead: "
        "free space or name another folder",
        " ".join(output.split()),
    )
    assert said, output
    kept = Path(said[1])
    assert len(json.loads((kept / "report.json").read_text())["hosts"]) == 9  # what was found out is not lost
    shutil.rmtree(kept)
    assert "Traceback" not in output
    assert (small / "report.json").read_text() == "old document"
    assert (small / "report.html").read_text() == "old page"
    assert sorted(path.name for path in small.iterdir()) == ["ballast", "report.html", "report.json"]


@pytest.mark.parametrize("interrupted", [None, "a worker was lost"])
def test_records_of_other_controllers_are_a_whole_run_unless_they_say_otherwise(
    tmp_path: Path, interrupted: str | None
) -> None:
    kept = {"hosts": {"pc1": {"record": None}}, **({"interrupted": interrupted} if interrupted else {})}
    (tmp_path / "records.json").write_text(json.dumps(kept))
    task = {
        "gpuready.lab.fleet_report": {**REPORT["gpuready.lab.fleet_report"], "records": str(tmp_path / "records.json")}
    }
    code, output = play(tmp_path, [once(task)], {"pc1": {}}, directory=str(tmp_path / "out"))
    assert code == 0, output
    found = json.loads((tmp_path / "out/report.json").read_text())
    assert found["run"].get("interrupted") == interrupted
    assert found["hosts"][0]["verdict"]["code"] == "NO_EVIDENCE"


@pytest.mark.parametrize("fails", [False, True])
def test_the_counts_are_handed_on_and_a_job_fails_where_it_shall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    monkeypatch.setenv("ANSIBLE_SHOW_CUSTOM_STATS", "1")
    tasks = [{"ansible.builtin.import_role": {"name": "gpuready.lab.fleet_report"}}]
    variables = {"gpuready_report_dir": str(tmp_path / "out"), "gpuready_lab_dir": str(tmp_path / "lab")}
    variables |= {"gpuready_fail_unless_ready": "true"} if fails else {}
    code, output = play(tmp_path, tasks, {"pc1": {}, "pc2": {}}, **variables)
    assert (code != 0) is fails, output
    assert ("2 of 2 PCs are not ready: pc1, pc2" in output) is fails
    stats = output.partition("CUSTOM STATS")[2]
    assert re.search(r"fleet_report_counts.*total.*2", stats, re.DOTALL), output
    assert re.search(r"fleet_report_not_ready.*pc1.*pc2", stats, re.DOTALL), output
    assert (tmp_path / "out/report.json").is_file()


def test_a_slice_of_a_lab_takes_no_pc_from_its_state(tmp_path: Path) -> None:
    tasks = [{"ansible.builtin.import_role": {"name": "gpuready.lab.fleet_report"}}]
    for hosts in ({"pc1": {}}, {"pc2": {}}):
        code, output = play(tmp_path, tasks, hosts, gpuready_lab_dir=str(tmp_path / "lab"), fleet_report_pcs=[])
        assert code == 0, output
    latest = json.loads((tmp_path / "lab/latest/report.json").read_text())
    assert [one["host"] for one in latest["hosts"]] == ["pc1", "pc2"]
