"""Whom --only and --resume mean, by the lab's state."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gpuready import newest
from gpuready.errors import GpureadyError, NothingToDoError

SOURCES = ("/srv/lab/hosts.yml",)
NAMES = ["pc1", "pc2", "pc3", "pc4"]
RUN = "0123abcd-0000-4000-8000-000000000000"


def entry(state: str, run: str = RUN, folder: str = "runs/one") -> dict[str, Any]:
    return {"record": {"verdict": {"state": state, "code": "X"}}, "run": {"id": run, "folder": folder}, "history": []}


def keep(folder: Path, hosts: dict[str, Any], **run: Any) -> Path:
    lab = {"inventory": list(SOURCES), "hosts": hosts, "run": {"id": RUN, **run}}
    other = {"inventory": ["/other"], "hosts": {"pc1": entry("READY")}, "run": {"id": "9"}}
    (folder / "state.json").write_text(json.dumps({"schema_version": 1, "labs": [other, lab]}))
    return folder


def report(folder: Path, name: str, run: str = RUN, **codes: str) -> None:
    path = folder / "runs" / name
    path.mkdir(parents=True)
    hosts = [{"host": host, "verdict": {"state": "UNKNOWN", "code": code}} for host, code in codes.items()]
    (path / "report.json").write_text(json.dumps({"run": {"id": run}, "hosts": hosts}))


def test_only_takes_the_pcs_by_their_newest_verdict_in_the_inventorys_order(tmp_path: Path) -> None:
    keep(
        tmp_path,
        {"pc3": entry("NOT_READY"), "pc1": entry("UNREACHABLE"), "pc2": entry("READY"), "gone": entry("NOT_READY")},
    )
    assert newest.only(tmp_path, SOURCES, NAMES, ["failed", "unreachable"]) == ["pc1", "pc3"]
    assert newest.only(tmp_path, SOURCES, NAMES, ["new"]) == ["pc4"]
    assert newest.only(tmp_path, SOURCES, ["pc3"], ["failed"]) == ["pc3"]
    with pytest.raises(NothingToDoError, match="no PC is stale or unknown"):
        newest.only(tmp_path, SOURCES, NAMES, ["stale", "unknown"])


@pytest.mark.parametrize("words", [[], ["failed", "broken"], ["FAILED"]])
def test_a_word_that_is_none_is_told_with_those_there_are(tmp_path: Path, words: list[str]) -> None:
    keep(tmp_path, {})
    with pytest.raises(GpureadyError, match="failed, unknown, unreachable, stale"):
        newest.only(tmp_path, SOURCES, NAMES, words)


@pytest.mark.parametrize(
    "text", [None, "{", "[]", '{"labs": 3}', '{"labs": [{"inventory": ["/srv/lab/hosts.yml"]}]}', '{"labs": []}']
)
def test_a_lab_without_a_state_takes_nobody(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "state.json").write_text(text)
    with pytest.raises(GpureadyError, match=r"state\.json: ") as refused:
        newest.only(tmp_path, SOURCES, NAMES, ["failed"])
    assert not isinstance(refused.value, NothingToDoError)
    with pytest.raises(GpureadyError, match="--lab-dir"):
        newest.rest(None, SOURCES, NAMES)


def test_resume_takes_what_the_stopped_run_did_not_come_to_or_lost(tmp_path: Path) -> None:
    keep(tmp_path, {"pc1": entry("READY"), "pc2": entry("NOT_READY", "older")}, interrupted="the run was stopped")
    report(
        tmp_path,
        "20261126T000000Z-provision-0123abcd",
        pc1="TRAINED",
        pc2="INTERRUPTED",
        pc3="WORKER_LOST",
        pc4="DISK_FULL",
    )
    assert newest.rest(tmp_path, SOURCES, NAMES) == ["pc2", "pc3"]
    assert newest.rest(tmp_path, SOURCES, ["pc3"]) == ["pc3"]
    with pytest.raises(NothingToDoError, match="after its last PC"):
        newest.rest(tmp_path, SOURCES, ["pc1"])


def test_resume_finds_the_report_where_the_run_put_it_and_believes_no_other(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    report(tmp_path, "20261126T000000Z-provision-0123abcd", run="0123abcd-another", pc1="INTERRUPTED")
    keep(tmp_path, {"pc1": entry("READY", folder=str(elsewhere))}, interrupted="it was stopped")
    with pytest.raises(GpureadyError, match="is gone"):
        newest.rest(tmp_path, SOURCES, NAMES)
    (elsewhere / "report.json").write_text(
        json.dumps({"run": {"id": RUN}, "hosts": [{"host": "pc4", "verdict": {"code": "INTERRUPTED"}}]})
    )
    assert newest.rest(tmp_path, SOURCES, NAMES) == ["pc4"]


def test_a_run_that_came_to_its_end_is_not_resumed(tmp_path: Path) -> None:
    keep(tmp_path, {"pc1": entry("NOT_READY")})
    with pytest.raises(NothingToDoError, match="came to its end"):
        newest.rest(tmp_path, SOURCES, NAMES)
