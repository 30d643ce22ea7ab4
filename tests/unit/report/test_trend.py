"""The trend of a lab: a line a run, kept in its state, and the picture of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import labfolder
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import html as report_html
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import lab, trend
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import text as report_text
from documents import document, named
from records import good

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "collections/ansible_collections/gpuready/lab/schemas/report.schema.json").read_text())
INVENTORY = ["/lab/hosts.yml"]
PCS = ["pc1", "pc2", "pc3", "pc4"]


def run(number: int, ready: int, of: int = 4) -> dict[str, Any]:
    """The report of run `number`: the greater, the later. The first `ready` of `of` PCs are ready."""
    words = {"cause": "c", "next_step": "n", "checks": [], "reused": False, "at": "", "fingerprint": None}
    ends = [("READY", "TRAINED") if at < ready else ("NOT_READY", "NO_GPU") for at in range(of)]
    records = [
        {**named(name, good()), "verdict": {**words, "state": state, "code": code}}
        for name, (state, code) in zip(PCS, ends, strict=False)
    ]
    at = f"2026-11-{number % 28 + 1:02}T{number // 28:02}:00:00.000+00:00"
    return document(records, id=f"run{number}", finished_at=at)


def keep(folder: Path, *runs: dict[str, Any]) -> dict[str, Any]:
    for one in runs:
        kept = labfolder.keep(folder, one, INVENTORY, PCS, folder / "runs/x", [])
    jsonschema.validate(kept.document, SCHEMA)
    return kept.document


def counts(found: dict[str, Any]) -> list[tuple[int, int]]:
    return [(one["states"].get("READY", 0), one["total"]) for one in found["trend"]]


def test_each_run_leaves_a_line_of_the_whole_lab(tmp_path: Path) -> None:
    found = keep(tmp_path, run(1, 2), run(2, 0, of=1), run(3, 4), run(3, 3))
    assert counts(found) == [(2, 4), (1, 4), (3, 4)], "a run over a part counts with the others as they were"
    state = json.loads((tmp_path / "state.json").read_text())
    assert state["labs"][0]["runs"] == found["trend"]
    said = (
        "Ready over the last 3 runs: 2 of 4 PCs on 2 November 2026, 00:00 UTC, 1 of 4 on 3 November 2026, 00:00 UTC, "
        "3 of 4 on 4 November 2026, 00:00 UTC."
    )
    assert trend.words(found["trend"]) == said
    assert said in report_text.markdown(found)
    page = report_html.page(found)
    assert said in page
    assert 'aria-label="PCs ready after each run, the oldest first: 2 of 4, 1 of 4, 3 of 4"' in page
    assert re.search(r'class="cpu" points="3,3 120,3 237,3"/><polyline class="gpu" points="3,30 120,44 237,16"', page)


def test_only_the_last_runs_are_remembered(tmp_path: Path) -> None:
    known = [{"run": f"r{n}", "at": "2026-01-01T00:00:00Z", "total": 1, "states": {"READY": 1}} for n in range(99)]
    assert len(trend.taken(known, run(1, 2))) == trend.MOST
    assert trend.taken(known, run(1, 2))[-1]["run"] == "run1"


def test_one_run_is_no_trend(tmp_path: Path) -> None:
    found = keep(tmp_path, run(1, 2))
    assert counts(found) == [(2, 4)]
    assert trend.words(found["trend"]) == trend.picture(found["trend"]) == ""
    assert "trend" not in run(1, 2), "a run's own report is of that run alone"


@pytest.mark.parametrize(
    "broken",
    [
        None,
        7,
        [7, None, {}],
        [{"at": "yesterday", "total": 1, "states": {"READY": 1}}],
        [{"at": "2026-01-01T00:00:00Z", "total": 0, "states": {}}],
        [{"at": "2026-01-01T00:00:00Z", "total": -1, "states": {"READY": -1}}],
        [{"at": "2026-01-01T00:00:00Z", "total": 3, "states": {"READY": "many", "<b>": 3}}],
    ],
)
def test_a_state_of_another_version_or_with_odd_lines_is_read_all_the_same(tmp_path: Path, broken: Any) -> None:
    keep(tmp_path, run(1, 2))
    state = json.loads((tmp_path / "state.json").read_text())
    state["labs"][0]["runs"] = broken
    (tmp_path / "state.json").write_text(json.dumps(state))
    assert counts(keep(tmp_path, run(2, 3))) == [(3, 4)]


def test_an_empty_lab_has_no_trend() -> None:
    state = lab.taken(None, run(1, 0, of=0), INVENTORY, [], "runs/1")
    assert lab.document(state, INVENTORY)["trend"] == []
