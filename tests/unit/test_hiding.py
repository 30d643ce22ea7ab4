"""Passwords in what PCs say, and what is of people in a file that is mailed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import facts, hiding
from ansible_collections.gpuready.lab.plugins.plugin_utils.evidence import files
from documents import document, named
from records import good

from gpuready import contract, events, project
from gpuready.hiding import Hider

DATA = Path(__file__).resolve().parents[1] / "data"
KNOWN = contract.load(project.root())
SECRET = "Kirschkuchen7"


def read(value: Any) -> Any:
    if value == "broken":
        raise ValueError(value)
    return SECRET if value == "{{ vault }}" else value


def test_secrets_are_the_values_of_variables_that_name_one() -> None:
    variables = {
        "ansible_password": "{{ vault }}", "ansible_become_pass": "broken", "ansible_user": "labadmin",
        "ansible_winrm_pass": "abc", "my_token": "t0ken", "python_environment_api_key": 12345,
        "gpu_verify_compass": "north", "x_password": None,
    }  # fmt: skip
    assert hiding.secrets_of(variables, read) == (SECRET, "12345", "t0ken")


def test_a_secret_is_hidden_in_words_and_not_in_what_means_something() -> None:
    record = good()
    record["troubles"] = [{"code": "TASK_FAILED", "message": f"bad {SECRET}", "details": [f"a {SECRET}", "b"]}]
    record["training"]["process"]["stderr_tail"] = [f"echo {SECRET}{SECRET}"]
    found = hiding.without_secrets({"msg": SECRET, "record": record}, (SECRET,))
    assert SECRET not in json.dumps(found)
    assert found["record"]["troubles"][0]["details"] == ["a ***", "b"]
    weak = hiding.without_secrets({"ansible_facts": {"gpuready": good()}}, ("windows", "tensorflow", "READY"))
    assert weak["ansible_facts"]["gpuready"] == good(), "a password that is a word of ours breaks no record"


@pytest.mark.parametrize("said", [f"echo {SECRET}", "password=hunter2", "--token hunter2", f"x{SECRET}y"])
def test_events_hold_no_password(said: str) -> None:
    hider = Hider(KNOWN, [{"ansible_password": SECRET, "ansible_port": 5986, "more_password": "{{ later }}"}], None)
    for event in (
        events.StepFinished("pc1", "look", "T", "failed", 1.0, said),
        events.HostFinished("pc1", "UNKNOWN", "X", said, said),
        events.Output(f"one\n{said}"),
    ):
        shown = str(hider.event(event))
        assert SECRET not in shown
        assert "hunter2" not in shown
        assert "***" in shown
    assert hider.event(events.StepStarted("pc1", "look", SECRET)) == events.StepStarted("pc1", "look", SECRET)
    assert Hider(KNOWN, [], "typed it").text("you typed it") == "you ***"


def evidence() -> dict[str, Any]:
    found: dict[str, Any] = files.load((DATA / "evidence_windows.json").read_bytes())[1]
    pieces = found["pieces"]
    pieces["computer_system"]["value"]["UserName"] = "LAB\\anna"
    pieces["wsl_registry"]["value"]["user"] = {
        **pieces["wsl_registry"]["value"]["user"], "name": "PC07\\Bert Muster", "sid": "S-1-5-21-11-22-33-1001",
    }  # fmt: skip
    pieces["interpreters"]["value"].append(
        {
            "path": r"C:\Users\carla\AppData\Python\python.exe",
            "version": "3.11.0",
            "machine": 34404,
            "source": "registry",
        }
    )
    pieces["nvidia_smi"]["value"] = {
        "path": "nvidia-smi", "rc": 0, "stderr": "", "timed_out": False, "seconds": 1.0,
        "stdout": (DATA / "nvidia_smi/telegraf__rtx-3060-v12.xml").read_text().replace(
            "<serial>N/A</serial>", "<serial>1322521034567</serial>"
        ).replace("</processes>", r"<process_info><pid>7</pid><process_name>C:\Games\secret-thesis.exe</process_name>"
                  "</process_info></processes>"),
    }  # fmt: skip
    return found


def test_redacted_evidence_holds_nobody_and_means_the_same() -> None:
    given = evidence()
    text = json.dumps(given)
    for personal in ("anna", "Bert Muster", "carla", "student", "S-1-5-21-11", "1322521034567", "secret-thesis"):
        assert personal in text
    file = {"host": "pc07", "gpuready_evidence": given}
    shown = hiding.redacted(file)["gpuready_evidence"]
    text = json.dumps(shown)
    for personal in (
        "anna",
        "Bert",
        "carla",
        "LAB\\\\student",
        "S-1-5-21-11",
        "1322521034567",
        "secret-thesis",
        "labadmin",
    ):
        assert personal not in text, personal
    before, after = (facts.interpret(one).as_dict() for one in (given, shown))
    assert [one["name"] for one in after["users"]] != [one["name"] for one in before["users"]]
    assert len(after["users"]) == len(before["users"])
    for one in (before, after):
        one["wsl"]["place"].pop("folder")  # in a folder of a person
    for part in ("os", "machine", "disk", "adapters", "features", "vc_runtime", "wsl", "uv", "problems"):
        assert after[part] == before[part], part
    assert hiding.redacted(shown) == shown, "once is enough"


def test_the_same_name_is_the_same_word_everywhere() -> None:
    found = hiding.redacted({"pieces": {
        "users": {"value": {"stdout": "erika  tty7  2026-11-25 08:00 (10.0.0.5)\nroot  pts/0  2026-11-25 08:01\n"}},
        "interpreters": {"value": [{"path": "/home/erika/.venv/bin/python3"}]},
    }})["pieces"]  # fmt: skip
    assert found["users"]["value"]["stdout"] == "user1  tty7  2026-11-25 08:00\nroot  pts/0  2026-11-25 08:01\n"
    assert found["interpreters"]["value"][0]["path"] == "/home/user1/.venv/bin/python3"


def test_a_redacted_report_holds_nobody() -> None:
    record = good()
    record["facts"]["users"] = [{"name": "LAB\\anna", "session": 1, "state": "active"}]
    record["troubles"] = [
        {"code": "TASK_FAILED", "message": r"no room in C:\Users\bert\x, says LAB\anna (S-1-5-21-1-2-3-4)"}
    ]
    shown = hiding.redacted(document([record, named("pc08", good())]))
    text = json.dumps(shown)
    assert not any(personal in text for personal in ("anna", "bert", "S-1-5-21-1-2"))
    assert [one["host"] for one in shown["hosts"]] == ["pc07", "pc08"]
    assert "user1" in shown["causes"][0]["causes"][0]["cause"]
