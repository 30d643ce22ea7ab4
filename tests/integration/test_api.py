"""The Python API and the command line over real Ansible, with playbooks of the tests' own."""

from __future__ import annotations

import errno
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gpuready import GpureadyError, Lab, State, events, explain

sys.path.insert(0, str(Path(__file__).resolve().parent))
from api_help import HEAD, REPORT, SLOW, left_behind


def test_a_run_gives_typed_results_and_events(project: Callable[..., Path], tmp_path: Path) -> None:
    project(provision=REPORT)
    seen: list[events.Event] = []
    lab = Lab(limit="pc1", wishes={"stack": "cuda"}, forks=2, extra_vars={"more": {"a b": ["'", '"']}})
    result = lab.provision(on_event=seen.append, report_dir=tmp_path / "new/folder", check=True)
    assert [(host.host, host.verdict.state) for host in result.hosts] == [("pc1", State.READY)]
    assert (result.exit_code, result.run.check, result.path) == (0, True, tmp_path / "new/folder/report.json")
    assert result.hosts[0].plan is not None
    assert result.hosts[0].plan.stack == "cuda"
    assert isinstance(seen[0], events.RunStarted)
    assert seen[0].hosts == ("pc1",)
    assert [e.outcome for e in seen if isinstance(e, events.StepFinished)] == ["changed"]
    assert isinstance(seen[-1], events.RunFinished)
    assert left_behind() == []


def test_a_report_of_an_earlier_run_is_never_this_runs(project: Callable[..., Path], tmp_path: Path) -> None:
    project(plan=HEAD + "    - name: Write nothing\n      ansible.builtin.debug:\n")
    (tmp_path / "reports").mkdir()
    earlier = {"run": {"id": "earlier"}, "hosts": []}
    (tmp_path / "reports/report.json").write_text(json.dumps(earlier))
    with pytest.raises(GpureadyError, match="of an earlier run"):
        Lab().plan(report_dir=tmp_path / "reports")
    assert json.loads((tmp_path / "reports/report.json").read_text()) == earlier


@pytest.mark.parametrize(
    ("playbook", "said"),
    [
        (HEAD + "    - name: Fail\n      ansible.builtin.fail: {msg: the disk is full}\n", "Fail: the disk is full"),
        ("- hosts: [\n", "YAML parsing failed"),
    ],
)
def test_what_goes_wrong_is_one_line_and_leaves_nothing(
    project: Callable[..., Path], tmp_path: Path, playbook: str, said: str
) -> None:
    project(plan=playbook)
    with pytest.raises(GpureadyError) as found:
        Lab().plan(report_dir=tmp_path / "made/here")
    assert said in str(found.value)
    assert "\n" not in str(found.value)
    assert not (tmp_path / "made").exists()


def test_inventories(project: Callable[..., Path], tmp_path: Path) -> None:
    root = project(plan=REPORT)
    with pytest.raises(GpureadyError, match="--limit nosuch: no such PC or group"):
        Lab(limit="pc1,nosuch").plan()
    (root / "empty.yml").write_text("all:\n  hosts: {}\n")
    with pytest.raises(GpureadyError, match="the inventory names no PC"):
        Lab(root / "empty.yml").plan()
    (root / "broken.ini").write_text("[lab\npc1\n")
    with pytest.raises(GpureadyError, match=r"broken\.ini: the inventory is broken"):
        Lab(root / "broken.ini").plan()
    (root / "wish.ini").write_text("pc1\npc7 gpuready_experience=expert\n")
    with pytest.raises(GpureadyError, match=r"wish\.ini: pc7: gpuready_experience: 'expert' is not one of"):
        Lab(root / "wish.ini").plan()
    assert not (root / "reports").exists()


def test_an_inventory_that_leaves_pcs_out(project: Callable[..., Path]) -> None:
    root = project(plan=REPORT)
    (root / "misspelt.yml").write_text("all: {host: {pc1: }, hosts: {pc2: }}\n")
    with pytest.raises(GpureadyError, match=r"misspelt\.yml: .*Skipping unexpected key \(host\)"):
        Lab(root / "misspelt.yml").plan()
    (root / "five.yml").write_text("all: 5\n")
    with pytest.raises(GpureadyError, match=r"five\.yml: .*'all' as this is not a valid group"):
        Lab(root / "five.yml").plan()
    (root / "twice.yml").write_text("all: {hosts: {a: {ansible_host: 10.0.0.5}, b: {ansible_host: 10.0.0.5}}}\n")
    with pytest.raises(GpureadyError, match=r"twice\.yml: a and b have the same address 10\.0\.0\.5 port 22"):
        Lab(root / "twice.yml").plan()
    (root / "group.yml").write_text("all: {hosts: {a: , b: }}\n")
    with pytest.raises(GpureadyError, match=r"group\.yml: a and b have the same address"):
        Lab(root / "group.yml", extra_vars={"ansible_host": "10.0.0.5"}).plan()
    assert not (root / "reports").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"extra_vars": {"x": object()}}, "extra_vars: x: Ansible cannot be given this: object"),
        ({"extra_vars": {5: 6}}, "extra_vars: 5 is no name of a variable"),
        ({"inventory": 7}, "inventory: 7 is not a file, a folder"),
        ({"inventory": [None]}, "is not a file, a folder"),
        ({"forks": "x"}, "forks: 'x' is not a number from 1"),
        ({"limit": ""}, "limit: it is empty"),
        ({"wishes": {"adapter": " "}}, "adapter: the wish is empty"),
    ],
)
def test_arguments_of_a_wrong_kind(project: Callable[..., Path], given: dict[str, Any], said: str) -> None:
    project(plan=REPORT)
    with pytest.raises(GpureadyError, match=said):
        Lab(**given).plan()


def test_a_pattern_that_matches_nobody(project: Callable[..., Path]) -> None:
    project(plan=HEAD.replace("all", "nobody") + "    - name: Nothing\n      ansible.builtin.debug:\n")
    with pytest.raises(GpureadyError, match=r"^nobody: no such PC or group in the inventory: correct"):
        Lab().plan()


@pytest.mark.parametrize("given", [{"LC_ALL": "xx_XX.UTF-8"}, {"LC_ALL": "C"}, {"LANG": "xx_XX.UTF-8"}])
def test_a_locale_of_another_machine(
    project: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    project(plan=REPORT)
    for name in [name for name in os.environ if name == "LANG" or name.startswith("LC_")]:
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert Lab(limit="pc1").plan(report_dir=tmp_path / "reports").hosts[0].ready


def test_a_folder_that_cannot_be_written(
    project: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(plan=SLOW)
    (tmp_path / "file").write_text("")
    with pytest.raises(GpureadyError, match="the folder for the report cannot be written: Not a directory"):
        Lab().plan(report_dir=tmp_path / "file/reports")

    def full(**_: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(GpureadyError, match="cannot be written: No space left on device"):
        Lab().plan(report_dir=tmp_path / "reports")
    assert not (tmp_path / "reports").exists()


def test_a_fault_of_the_callback_ends_the_run_and_is_raised(project: Callable[..., Path], tmp_path: Path) -> None:
    project(plan=SLOW)

    def fault(event: events.Event) -> None:
        if isinstance(event, events.StepStarted):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Lab().plan(on_event=fault, report_dir=tmp_path / "reports")
    assert left_behind() == []


def test_explain_over_the_project_itself(tmp_path: Path) -> None:
    sample = {"schema_version": 1, "platform": "linux", "collected_at": "2026-11-23T08:00:00Z", "pieces": {}}
    (tmp_path / "pc07.json").write_text(json.dumps({"host": "pc07", "gpuready_evidence": sample}))
    result = explain(tmp_path / "pc07.json", wishes={"experience": "student"})
    assert [host.host for host in result.hosts] == ["pc07"]
    assert result.hosts[0].plan is not None
    assert result.hosts[0].plan.wishes["experience"] == "student"
    assert result.path is None
    (tmp_path / "half.json").write_text('{"host": "pc07", "gpuready_evi')
    with pytest.raises(GpureadyError, match=r"half\.json: the file ends too early"):
        explain(tmp_path / "half.json")
