"""The lab's state for a person: no PC is reached, no name cut, each next step once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gpuready import GpureadyError, cli, listing, newest
from gpuready.newest import Newest

READY = ("READY", "DEGRADED")
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LONG = "lab05-pc05." + "x" * 60 + ".example.org"


def entry(state: str, code: str = "X", at: str = "2026-11-26T09:00:00Z", **more: Any) -> dict[str, Any]:
    verdict = {"state": state, "code": code, "cause": "why", "next_step": more.pop("next_step", "")}
    return {"record": {"verdict": verdict, "plan": {"stack": "cuda"}}, "run": {"id": "1", "finished_at": at}, **more}


def keep(folder: Path, hosts: dict[str, Any], pcs: Any = None, inventory: str = "/srv/lab") -> Path:
    lab = {"inventory": [inventory], "hosts": hosts, "run": {"id": "1"}, **({"pcs": pcs} if pcs else {})}
    other = {"inventory": ["/other"], "hosts": {"elsewhere": entry("READY")}, "run": {"id": "9"}}
    (folder / "state.json").write_text(json.dumps({"schema_version": 1, "labs": [lab, other]}))
    return folder


def test_every_pc_has_a_row_and_each_next_step_stands_once(tmp_path: Path) -> None:
    broken = [entry("NOT_READY", "DISK_SPACE", next_step="Free some room.") for _ in range(2)]
    hosts = {"pc1": entry("READY", "TRAINED"), LONG: broken[0], "pc3": broken[1]}
    found = newest.verdicts(keep(tmp_path, hosts, ["pc1", LONG, "pc3", "pc4"]), [])
    said = list(listing.lines(found, READY, NOW))
    assert [line.split()[:3] for line in said[:3]] == [
        ["READY", "pc1", "TRAINED"], ["NOT_READY", LONG, "DISK_SPACE"], ["NOT_READY", "pc3", "DISK_SPACE"],
    ]  # fmt: skip
    assert said[0].endswith("cuda  3 hours ago")
    assert said[3] == "not judged  pc4"
    assert said[4:] == [
        f"{LONG}, pc3 (NOT_READY DISK_SPACE): Free some room.",
        "1 of 4 ready; 2 NOT_READY, 1 not judged.",
    ]


def test_a_lab_is_chosen_by_its_inventory_and_pcs_by_their_words(tmp_path: Path) -> None:
    keep(tmp_path, {"pc1": entry("READY"), "pc2": entry("STALE")}, ["pc1", "pc2", "pc3"])
    assert [one.host for one in newest.verdicts(tmp_path, ["/other"])] == ["elsewhere"]
    assert [one.host for one in newest.verdicts(tmp_path, ["/srv/lab"], ["stale", "new"])] == ["pc2", "pc3"]
    for sources, words, said in ([["/nowhere"], [], "no PC of /nowhere was judged yet"], [[], ["stail"], "stail"]):
        with pytest.raises(GpureadyError, match=said):
            newest.verdicts(tmp_path, sources, words)  # type: ignore[arg-type]


@pytest.mark.parametrize("odd", [None, 7, {}, {"record": 7}, {"record": {"verdict": {"state": "GOOD"}}}])
def test_what_is_no_verdict_is_none(tmp_path: Path, odd: Any) -> None:
    assert newest.verdicts(keep(tmp_path, {"pc1": odd}, 7), []) == [Newest("pc1")]


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2026-11-26T11:30:00Z", "less than an hour ago"),
        ("2026-11-26T11:00:00+00:00", "1 hour ago"),
        ("2026-11-24T13:00:00Z", "47 hours ago"),
        ("2026-11-24T12:00:00Z", "2 days ago"),
        ("2026-12-24T12:00:00Z", "in the future: the clock was wrong"),
        ("2026-11-24T12:00:00", ""),
        ("yesterday", ""),
        ("", ""),
    ],
)
def test_how_long_ago(at: str, said: str) -> None:
    assert listing.age(at, NOW) == said


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main(list(arguments))
    return int(stop.value.code or 0)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["list", "--lab-dir", str(keep(tmp_path, {"pc\x1b[31m1": entry("READY"), "pc2": entry("STALE")}))]
    assert run(*where) == 2
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert said.endswith("1 of 2 ready; 1 STALE.\n")
    assert run(*where, "--only", "ready", "--json") == 0
    assert [one["state"] for one in json.loads(capsys.readouterr().out)["hosts"]] == ["READY"]
    assert run("list", "--lab-dir", str(tmp_path / "none")) == 1
    assert "state.json: no PC was judged yet: provision, verify or report does it" in capsys.readouterr().err


def test_simulated_pcs_are_told(tmp_path: Path) -> None:
    made = entry("READY", "TRAINED")
    made["record"]["simulated"] = True
    both = newest.verdicts(keep(tmp_path, {"pc1": entry("READY", "TRAINED"), "pc2": made}), [])
    assert next(listing.lines(both, READY, NOW)) == "Simulated PCs (pc2): no real GPU trained."
    assert next(listing.lines(both[1:], READY, NOW)) == "Simulated PCs: no real GPU trained."
    assert "imulated" not in " ".join(listing.lines(both[:1], READY, NOW))
