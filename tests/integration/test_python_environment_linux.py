"""The module on this machine, run with real uv: tiny locks whose wheels are made here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from environment_help import lock_of, make_wheel, sha256
from python_environment_help import Lab
from records import of_this_run


def test_from_nothing_and_again(lab: Lab, lock1: str) -> None:
    checked = lab.run(lock1, check=True)
    assert checked["changed"]
    assert not lab.home.exists()
    first = lab.run(lock1)
    assert first["changed"], first
    assert lab.says(lock1) == "1.0"
    environment = first["environment"]
    assert environment["built"]
    assert environment["path"] == str(lab.environment(lock1))
    assert environment["python"] == str(lab.environment(lock1) / "bin/python")
    assert environment["size_bytes"] > 1000
    assert [step["name"] for step in first["steps"]] == ["uv", "interpreter", "environment", "packages", "mark"]
    marker = json.loads((lab.environment(lock1) / "gpuready.json").read_text())
    assert marker["complete"] is True
    assert marker["stack"] == "tiny"
    assert marker["lock_sha256"] == sha256(lock1.encode())
    assert sorted(p.name for p in lab.home.iterdir() if p.name != "python") == [".lock", "environments"]
    before = lab.tree()
    for check in (True, False):
        again = lab.run(lock1, check=check)
        assert not again["changed"]
        assert not again["environment"]["built"]
        assert again["environment"]["size_bytes"] == environment["size_bytes"]
    assert lab.tree() == before


def test_present_never_switches(lab: Lab, lock1: str, lock2: str) -> None:
    lab.run(lock1)
    assert not (lab.home / "current").exists()
    refused = lab.run(lock1, state="current")
    assert refused["failed"]
    assert refused["code"] == "NOT_VERIFIED"
    assert not (lab.home / "current").exists()
    assert lab.run(lock1, state="current", verified=True)["switched"]
    lab.run(lock2)
    pointer = json.loads((lab.home / "current/tiny.json").read_text())
    assert pointer["environment"] == str(lab.environment(lock1))


def test_switch_launcher_note_and_pass(lab: Lab, lock1: str, lock2: str) -> None:
    record = {
        "fingerprint": {"driver": "1"},
        "verdict": {"state": "READY", "code": "TRAINED"},
        "at": "2026-01-01T00:00:00Z",
    }
    start = {"start": "HOME/bin/tiny opens it", "verified": True, "pass_record": record}
    lab.run(lock1)
    assert lab.run(lock1, check=True, state="current", **start)["changed"]
    assert not (lab.home / "current").exists()
    done = lab.run(lock1, state="current", **start)
    assert done["changed"]
    assert done["environment"]["start"] == f"{lab.home}/bin/tiny opens it"
    script = lab.folder / "student.py"
    script.write_text("import sys, gpalpha\nprint(gpalpha.VERSION, sys.argv[1:])\n")
    out = subprocess.run([lab.home / "bin/tiny", script, "a b"], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "1.0 ['a b']"
    shell = subprocess.run(
        [lab.home / "bin/tiny"],
        input="which python\n",
        env={"SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(lab.environment(lock1) / "bin/python") in shell.stdout.splitlines()
    assert f"{lab.home}/bin/tiny opens it" in (lab.home / "README.txt").read_text()
    kept = json.loads((lab.home / "passes/tiny.json").read_text())
    assert {name: kept[name] for name in record} == record
    before = lab.tree()
    later = {**start, "pass_record": {**record, "at": "2026-02-02T00:00:00Z"}}
    for check in (True, False):
        assert not lab.run(lock1, state="current", check=check, **later)["changed"]
    assert lab.tree() == before
    other = {**start, "pass_record": {**record, "fingerprint": {"driver": "2"}}}
    assert lab.run(lock1, state="current", **other)["changed"]
    assert json.loads((lab.home / "passes/tiny.json").read_text())["fingerprint"] == {"driver": "2"}
    lab.run(state="trying", check=True)
    assert (lab.home / "passes/tiny.json").exists()
    assert lab.run(state="trying")["changed"]
    assert not list((lab.home / "passes").glob("*.json"))  # a training that brings the PC down leaves none
    assert not lab.run(state="trying")["changed"]
    again = {**other, "pass_record": {**other["pass_record"], "at": "2026-03-03T00:00:00Z"}}
    assert not lab.run(lock1, state="current", **again)["changed"]
    assert json.loads((lab.home / "passes/tiny.json").read_text())["at"] == "2026-03-03T00:00:00Z"
    assert [path.name for path in (lab.home / "passes").iterdir()] == ["tiny.json"]
    lab.run(state="trying")
    assert lab.run(state="unproven")["changed"]
    assert not list((lab.home / "passes").iterdir())
    assert lab.run(lock1, state="current", **other)["changed"]
    unproven = [lab.run(state="unproven", check=check) for check in (True, False, False)]
    assert [one["changed"] for one in unproven] == [True, True, False]
    assert not (lab.home / "passes/tiny.json").exists()
    assert (lab.home / "current/tiny.json").exists()  # what students start stays
    failed = {**other["pass_record"], "verdict": {"state": "NOT_READY", "code": "NOT_FINITE"}}
    lab.run(lock1, state="current", **other)
    lab.run(state="trying")
    kept_failures = [lab.run(state="unproven", pass_record=failed, check=check) for check in (True, False, False)]
    assert [one["changed"] for one in kept_failures] == [True, True, False]
    assert not lab.run(state="unproven", pass_record={**failed, "at": "2026-04-04T00:00:00Z"})["changed"]
    (left,) = (lab.home / "passes").iterdir()
    assert json.loads(left.read_text()).items() >= {**failed, "at": "2026-04-04T00:00:00Z"}.items()
    (lab.home / "bin/tiny").unlink()
    assert lab.run(lock1, state="current", **other)["changed"]
    assert (lab.home / "bin/tiny").exists()
    lab.run(lock2)
    lab.run(lock2, state="current", **start)
    out = subprocess.run([lab.home / "bin/tiny", script], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "2.0 []"


@pytest.mark.parametrize("keep", [0, 1])
def test_old_environments_go_by_policy(lab: Lab, keep: int) -> None:
    locks = [lock_of(make_wheel(lab.wheels, "gpalpha", f"{n}.0")) for n in (1, 2, 3)]
    for lock in locks:
        lab.run(lock)
        marker = lab.environment(lock) / "gpuready.json"
        content = json.loads(marker.read_text())
        content["created_at"] = f"2026-01-0{locks.index(lock) + 1}T00:00:00Z"
        marker.write_text(json.dumps(content))
    unfinished = lab.home / "environments/tiny-000000000000"
    unfinished.mkdir()
    other = lab.home / "environments/tiny-other-000000000000"
    other.mkdir()
    wanted = {lab.environment(locks[0]).name, other.name, *([lab.environment(locks[2]).name] if keep else [])}
    assert lab.run(locks[0], check=True, state="current", verified=True, keep_old=keep)["changed"]
    lab.run(locks[0], state="current", verified=True, keep_old=keep)
    assert {p.name for p in (lab.home / "environments").iterdir()} == wanted
    assert lab.says(locks[0]) == "1.0"


@pytest.mark.parametrize(
    "damage", ["no marker", "not complete", "no python", "moved", "base gone", "package gone", "empty", "other lock"]
)
def test_what_is_not_whole_is_built_again(lab: Lab, lock1: str, damage: str) -> None:
    lab.run(lock1)
    environment = lab.environment(lock1)
    marker = environment / "gpuready.json"
    if damage == "no marker":
        marker.unlink()
    elif damage == "not complete":
        marker.write_text(json.dumps({**json.loads(marker.read_text()), "complete": False}))
    elif damage == "other lock":
        marker.write_text(json.dumps({**json.loads(marker.read_text()), "lock_sha256": "0" * 64}))
    elif damage == "no python":
        for file in (environment / "bin").glob("python*"):
            file.unlink()
    elif damage == "base gone":
        marker.write_text(json.dumps({**json.loads(marker.read_text()), "interpreter": "/nowhere/python"}))
    elif damage == "moved":
        (environment / "bin/python").unlink()
        (environment / "bin/python").symlink_to("/nowhere/python")
    elif damage == "package gone":
        shutil.rmtree(next(environment.glob("lib/python*/site-packages/gpalpha-1.0.dist-info")))
    else:
        shutil.rmtree(environment)
        environment.mkdir()
    assert lab.run(lock1, check=True)["changed"]
    again = lab.run(lock1)
    assert again["changed"]
    assert lab.says(lock1) == "1.0"
    assert not lab.run(lock1)["changed"]


def test_absent(lab: Lab, lock1: str) -> None:
    assert not lab.run(state="absent", stack=None)["changed"]
    lab.run(lock1)
    lab.run(lock1, state="current", verified=True)
    lab.run(lock1, stack="other")
    lab.run(lock1, stack="other", state="current", verified=True)
    assert "tiny" in (lab.home / "README.txt").read_text()
    assert lab.run(check=True, state="absent")["changed"]
    assert lab.run(state="absent")["changed"]
    assert not lab.run(state="absent")["changed"]
    assert [p.name.split("-")[0] for p in (lab.home / "environments").iterdir()] == ["other"]
    assert [p.name for p in (lab.home / "bin").iterdir()] == ["other"]
    assert "tiny" not in (lab.home / "README.txt").read_text()
    (lab.home / "teacher.txt").write_text("mine")
    assert lab.run(state="absent", stack=None)["changed"]
    assert [p.name for p in lab.home.iterdir()] == ["teacher.txt"]
    (lab.home / "teacher.txt").unlink()
    assert not lab.run(state="absent", stack=None)["changed"]
    assert not lab.home.exists()


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ({"stack": "../../etc"}, "stack"),
        ({"python": "ten"}, "python"),
        ({"lock_sha256": "../x"}, "lock_sha256"),
        ({"time_limit": 0}, "time_limit"),
        ({"certificates": "/nowhere.pem"}, "certificates"),
        ({"launcher_variable": "PATH=/evil", "state": "current", "verified": True}, "launcher_variable"),
    ],
)
def test_arguments_that_mean_nothing(lab: Lab, lock1: str, bad: dict[str, Any], word: str) -> None:
    failed = lab.run(lock1, **bad)
    assert failed["code"] == "ARGUMENTS"
    assert word in failed["msg"]
    assert not lab.home.exists()


def test_every_user_can_run_it(lab: Lab, lock1: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only an administrator makes environments for others")
    os.umask(0o077)
    try:
        lab.run(lock1)
    finally:
        os.umask(0o022)
    for path in lab.environment(lock1).rglob("*"):
        if not path.is_symlink():
            assert path.stat().st_mode & 0o055 == (0o055 if path.is_dir() or path.stat().st_mode & 0o100 else 0o044), (
                path
            )
            assert not path.stat().st_mode & 0o022


def test_the_launcher_lets_the_stack_see_the_gpu_that_was_tried(lab: Lab, lock1: str) -> None:
    lab.run(lock1)
    good = {"state": "current", "verified": True}
    changed = [
        lab.run(lock1, **good, **more)["changed"]
        for more in (
            {},
            {"launcher_variable": "CUDA_VISIBLE_DEVICES=GPU-1-2"},
            {"launcher_variable": "CUDA_VISIBLE_DEVICES=GPU-1-2"},
            {},  # as it was
        )
    ]
    assert changed == [True, True, False, False]
    assert "CUDA_VISIBLE_DEVICES=GPU-1-2" in (lab.home / "README.txt").read_text()

    def says(**own: str) -> str:
        code = "import os; print(os.environ.get('CUDA_VISIBLE_DEVICES'))"
        variables = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"} | own
        return subprocess.check_output([lab.home / "bin/tiny", "-c", code], env=variables, text=True).strip()

    assert says() == "GPU-1-2"
    assert says(CUDA_VISIBLE_DEVICES="0") == "0"  # a student's own choice stands
    assert lab.run(lock1, **good, launcher_variable="")["changed"]
    assert says() == "None"
    assert "VISIBLE" not in (lab.home / "README.txt").read_text()
    assert lab.run(lock1, **good, launcher_variable="PATH=/evil")["code"] == "ARGUMENTS"


@pytest.mark.parametrize(
    ("variable", "visible", "launched"),
    [
        ("DML_VISIBLE_DEVICES", 1, "DML_VISIBLE_DEVICES=1"),
        ("ONEAPI_DEVICE_SELECTOR", "level_zero:1", "ONEAPI_DEVICE_SELECTOR=level_zero:1"),
        (None, "1", ""),  # a stack that obeys none
    ],
)
def test_what_a_training_found_its_gpu_with_is_kept(
    lab: Lab, lock1: str, variable: str | None, visible: object, launched: str
) -> None:
    lab.run(lock1)
    digest = sha256(lock1.encode())
    record = {
        "troubles": [],
        "facts": {"environments": [{"path": str(lab.environment(lock1)), "lock_sha256": digest}]},
        "plan": {"stack": "tiny", "blockers": [], "environment": {"lock_sha256": digest, "gpu_variable": variable}},
        "training": {"device": {"visible": visible}},
        "verdict": {"state": "READY", "code": "TRAINED", "fingerprint": {"lock_sha256": digest}},
    }
    *_, done = lab.play({"facts": of_this_run(record)}, {"state": "current"})
    assert done["changed"], done
    assert json.loads((lab.home / "current/tiny.json").read_text())["launcher_variable"] == launched


def test_a_verdict_is_acted_on_once_and_a_check_changes_nothing(lab: Lab, lock1: str) -> None:
    lab.run(lock1)
    digest = sha256(lock1.encode())
    facts = {"environments": [{"path": str(lab.environment(lock1)), "lock_sha256": digest}]}
    plan = {"stack": "tiny", "blockers": [], "environment": {"lock_sha256": digest}}
    good = {"state": "READY", "code": "TRAINED", "fingerprint": {"lock_sha256": digest}, "at": "2026-01-01T00:00:00Z"}
    record = {"troubles": [], "facts": facts, "plan": plan, "verdict": good}
    known, current, back = (
        {"facts": of_this_run(record)},
        {"state": "current"},
        {"state": "unproven"},
    )
    before = lab.tree()
    _, checked = lab.play(known, current, check=True)
    assert checked["changed"]
    assert lab.tree() == before
    _, done, again = lab.play(known, current, current)
    assert [done["changed"], again["changed"]] == [True, False]
    applied = again["ansible_facts"]["gpuready"]["apply"]
    assert (applied["changed"], applied["switched"], applied["environment"]["built"]) == (True, True, False)
    assert json.loads((lab.home / "passes/tiny.json").read_text())["fingerprint"] == good["fingerprint"]
    _, checked = lab.play(known, back, check=True)
    assert checked["changed"]
    assert (lab.home / "passes/tiny.json").exists()
    _, gone, again = lab.play(known, back, back)
    assert [gone["changed"], again["changed"]] == [True, False]
    bad = {**record, "verdict": {**good, "state": "NOT_READY"}}
    _, refused = lab.play({"facts": of_this_run(bad)}, {**current, "home": str(lab.home)})
    assert (refused["failed"], refused["code"]) == (True, "NOT_VERIFIED")
    (unknown,) = lab.play({"state": "current", "colour": "red"})
    assert (unknown["failed"], unknown["code"]) == (True, "BAD_INPUT")
    assert "colour" in unknown["msg"]
