"""gpuready doctor over simulated PCs: what is reachable, what is not and why, and an account that is tried once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from gpuready.simlab import background

sys.path.insert(0, str(Path(__file__).resolve().parent))
from simlab_winrm_help import NET, PORT

PROGRAM = Path(sys.executable).parent / "gpuready"
PCS = {
    "good": {},
    "second": {},
    "other": {"faults": [{"kind": "wrong_password"}], "connection": {"transport": "ntlm"}},
    "off": {"faults": [{"kind": "off"}]},
    "stranger": {"connection": {"tls": True}, "faults": [{"kind": "untrusted_certificate"}]},
    "mixed": {"connection": {"tls": True}, "faults": [{"kind": "http_on_https"}]},
}


def doctor(*arguments: str) -> tuple[int, list[dict[str, str]]]:
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [PROGRAM, "doctor", "--json", *arguments], capture_output=True, text=True, check=False, env=clean
    )
    return done.returncode, json.loads(done.stdout)["findings"]


def test_each_pc_has_its_own_answer_and_each_account_is_tried_once(tmp_path: Path) -> None:
    (tmp_path / "lab.yml").write_text(yaml.safe_dump({"pcs": [{"name": name, **pc} for name, pc in PCS.items()]}))
    with background.running(tmp_path / "lab.yml", tmp_path, PORT, f"{NET}.106.1"):
        code, found = doctor("-i", str(tmp_path / "hosts.yml"))
        journal = (tmp_path / "simlab.log").read_text()
    assert code == 2
    codes = {one["what"]: one["code"] for one in found if one["code"]}
    assert {name: codes.get(name) for name in ("off", "stranger", "mixed")} == {
        "off": "PORT_CLOSED",
        "stranger": "TLS_UNTRUSTED",
        "mixed": "TLS_MISMATCH",
    }
    (refused,) = [one for one in found if one["what"].endswith(" at other")]
    assert (refused["state"], refused["code"]) == ("wrong", "AUTH_REJECTED")
    (tried,) = [one for one in found if one["what"].endswith((" at good", " at second"))]
    assert tried["state"] == "ok"
    assert ": second: " not in journal  # the same account as at good
    assert all(one["next_step"] for one in found if one["state"] == "wrong")


def test_offline_reaches_nobody(tmp_path: Path) -> None:
    (tmp_path / "pcs.csv").write_text("name;ip;raum\npc1;10.0.0.1;Hörsaal 3\n")
    lab = tmp_path / "lab"
    made = [PROGRAM, "init", str(tmp_path / "pcs.csv"), "--to", str(lab), "--reach", "workgroup"]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
    code, found = doctor("-i", str(lab), "--offline")
    assert code == 0, found
    assert {one["state"] for one in found if one["what"] != "disk"} == {"ok", "unchecked"}
    (lab / "group_vars/workgroup.yml").rename(lab / "group_vars/workgruop.yml")
    code, found = doctor("-i", str(lab), "--offline")
    assert code == 2
    assert [one["next_step"] for one in found if "workgruop" in one["what"]] == [
        "Did you mean workgroup? Then rename it to workgroup.yml."
    ]
