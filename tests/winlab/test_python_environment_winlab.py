"""python_environment on a Windows machine: environments come, are switched, repaired, and go again."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import runtime
from environment_help import lock_of, make_wheel, sha256
from python_environment_winlab_help import Lab
from winlab import PREFIXES

pytestmark = pytest.mark.slow
RUNTIME = runtime.FILES


def with_jupyter(lab: Lab) -> str:
    """The third lock with an ipykernel, and a JupyterLab that says how it was started; the machine has the wheels."""
    says = b"import os, sys\nprint(sys.argv[1:], os.environ['JUPYTER_PATH'])\n"
    more = {"jupyterlab/__main__.py": says, "jupyterlab-1.0.data/data/Scripts/jupyter-lab.exe": b"MZ"}
    wheels = [
        make_wheel(lab.folder / "jupyter", name, "1.0", files)
        for name, files in (("ipykernel", None), ("jupyterlab", {**more, "jupyterlab/__init__.py": b""}))
    ]
    for wheel in wheels:
        shutil.copy(wheel, lab.pc.path(r"C:\lab\wheels"))
    return lock_of(lab.alpha[2], *wheels)


def jupyter_path(lab: Lab) -> str:
    """Where every user's Jupyter is led to."""
    return lab.pc.powershell("[System.Environment]::GetEnvironmentVariable('JUPYTER_PATH', 'Machine')").stdout.strip()


def test_switch_old_ones_and_absent(lab: Lab) -> None:
    one, two, _ = lab.locks
    three = with_jupyter(lab)
    record = {
        "fingerprint": {"driver": "1", "os_build": 22631},
        "verdict": {"state": "READY", "code": "TRAINED"},
        "at": "2026-01-01",
    }
    good = {"state": "current", "verified": True, "pass_record": record}
    built, refused, checked, switched = lab.run(
        (one, {}), (one, {"state": "current"}), (one, {**good, "check_mode": True}), (one, good)
    )
    assert built["changed"], built
    assert refused["code"] == "NOT_VERIFIED"
    assert checked["changed"]
    assert switched["changed"]
    assert switched["switched"]
    assert lab.says("import sys, gpalpha; print(gpalpha.VERSION, sys.argv[1:])") == "1.0 ['a b']"
    pointer = json.loads((lab.home / "current/tiny.json").read_text())
    assert pointer["environment"].lower() == switched["environment"]["path"].lower()
    assert pointer["lock_sha256"] == sha256(one.encode())
    kept = json.loads((lab.home / "passes/tiny.json").read_text())
    assert {name: kept[name] for name in record} == record
    assert "tiny.cmd" in (lab.home / "README.txt").read_text()
    one_gpu = {**good, "launcher_variable": "DML_VISIBLE_DEVICES=1"}
    first, kept, all_again = lab.run((one, one_gpu), (one, good), (one, {**good, "launcher_variable": ""}))
    assert [first["changed"], kept["changed"], all_again["changed"]] == [True, False, True]
    assert not any("DML_" in path.read_text() for path in (lab.home / "README.txt", lab.home / "bin/tiny.cmd"))
    lab.one(one, **one_gpu)
    assert "DML_VISIBLE_DEVICES=1" in (lab.home / "README.txt").read_text()
    assert lab.says("import os; print(os.environ['DML_VISIBLE_DEVICES'])") == "1"
    prompt = lab.pc.run(["cmd", "/c", rf"{lab.windows}\bin\tiny.cmd"], stdin=b"echo %VIRTUAL_ENV%\r\nexit\r\n")
    assert f"tiny-{sha256(one.encode())[:12]}" in prompt.stdout
    without = lab.pc.run(["cmd", "/c", rf"{lab.windows}\bin\tiny.cmd", "lab"])
    assert (without.rc, "gpuready lock tiny --add jupyterlab" in without.stdout) == (1, True)

    before = lab.tree()
    later = {**good, "pass_record": {**record, "at": "2026-02-02"}}
    again, other = lab.run((one, later), (one, {**later, "check_mode": True}))
    assert [again["changed"], other["changed"]] == [False, False]
    assert [item for item in lab.tree() if ".lock" not in item[0]] == [
        item for item in before if ".lock" not in item[0]
    ]

    wrong = lock_of(lab.alpha[1], wrong=True)
    failed, second, other_driver = lab.run(
        (wrong, {}),
        (two, {}),
        (one, {**good, "pass_record": {**record, "fingerprint": {"driver": "2", "os_build": 22631}}}),
    )
    assert failed["code"] == "HASH_MISMATCH"
    assert "gpalpha==2.0" in failed["msg"]
    assert not lab.environment(wrong).exists()
    assert second["changed"]
    assert not second.get("switched")
    assert other_driver["changed"]
    assert lab.says() == "1.0"

    (lab.home / "environments/tiny-000000000000").mkdir()
    (lab.home / "environments/tiny-other-000000000000").mkdir()
    _, checked, third = lab.run(
        (three, {}), (three, {**good, "check_mode": True, "keep_old": 1}), (three, {**good, "keep_old": 1})
    )
    assert checked["changed"]
    assert third["changed"]
    assert lab.says() == "3.0"
    names = {p.name for p in (lab.home / "environments").iterdir()}
    assert names == {lab.environment(three).name, lab.environment(two).name, "tiny-other-000000000000"}

    spec = lab.home / "jupyter/kernels/gpuready-tiny/kernel.json"
    kernel = json.loads(spec.read_text())
    assert kernel["argv"][0].lower() == third["environment"]["python"].lower()
    assert (kernel["display_name"], third["environment"]["kernel"]) == ("tiny - gpuready", "tiny - gpuready")
    opened = rf"{lab.windows}\bin\tiny.cmd", "lab", "--port", "a b"
    by_variable = lab.pc.run(["cmd", "/c", *opened])
    assert by_variable.stdout.strip() == rf"['--port', 'a b'] {lab.windows}\jupyter"
    before_log_on = lab.pc.run(["cmd", "/c", "set", f"JUPYTER_PATH=&{opened[0]}", *opened[1:]])
    assert before_log_on.stdout.strip() == rf"['--port', 'a b'] {lab.windows}\bin\..\jupyter"
    named = {**good, "keep_old": 1, "display_name": "Tiny"}
    checked, gone, back, again = lab.run(
        (two, {**good, "keep_old": 1, "check_mode": True}),
        (two, {**good, "keep_old": 1}),
        (three, named),
        (three, good),
    )
    assert [one["changed"] for one in (checked, gone, back, again)] == [True, True, True, False]
    assert [one["environment"]["kernel"] for one in (gone, back, again)] == [None, "Tiny", "Tiny"]
    assert jupyter_path(lab) == rf"{lab.windows}\jupyter"

    (lab.home / "teacher.txt").write_text("mine")
    assert (lab.home / "passes/tiny.json").exists()
    aside, not_again, back = lab.run((None, {"state": "trying"}), (None, {"state": "trying"}), (three, good))
    # One that a run left which was cut between two steps.
    (lab.home / "passes/tiny.trying").write_text("{}")
    aside_again, for_good = lab.run((None, {"state": "trying"}), (None, {"state": "unproven"}))
    assert [one["changed"] for one in (aside, not_again, back)] == [True, False, False]
    assert [one["changed"] for one in (aside_again, for_good)] == [True, True]
    assert list((lab.home / "passes").iterdir()) == []
    failed = {**record, "verdict": {"state": "NOT_READY", "code": "NOT_FINITE"}}
    keep, later = ({"state": "unproven", "pass_record": one} for one in (failed, {**failed, "at": "2026-04-04"}))
    passed, _, checked, kept, again, anew = lab.run(
        (three, good),
        (None, {"state": "trying"}),
        (None, {**keep, "check_mode": True}),
        (None, keep),
        (None, keep),
        (None, later),
    )
    assert [one["changed"] for one in (passed, checked, kept, again, anew)] == [True, True, True, False, False]
    (left,) = (lab.home / "passes").iterdir()
    assert json.loads(left.read_text()).items() >= {**failed, "at": "2026-04-04"}.items()
    lab.run((three, good))
    assert json.loads(left.read_text())["verdict"] == good["pass_record"]["verdict"]
    assert spec.exists()
    *unproven, checked, gone, again, everything, nothing = lab.run(
        *((None, {"state": "unproven", "check_mode": check}) for check in (True, False, False)),
        *((None, {"state": "absent", "check_mode": check}) for check in (True, False, False)),
        (None, {"state": "absent", "stack": None}),
        (None, {"state": "absent", "stack": None}),
    )
    assert [one["changed"] for one in unproven] == [True, True, False]
    assert [checked["changed"], gone["changed"], again["changed"]] == [True, True, False]
    assert everything["changed"]
    assert not nothing["changed"]
    assert [p.name for p in lab.home.iterdir()] == ["teacher.txt"]
    assert jupyter_path(lab) == ""


def test_absent_of_one_of_two(lab: Lab) -> None:
    lock = lab.locks[0]
    lab.run(
        *(
            (lock, {"stack": name, **more})
            for name in ("tiny", "other")
            for more in ({}, {"state": "current", "verified": True})
        )
    )
    assert "tiny" in (lab.home / "README.txt").read_text()
    assert lab.one(state="absent")["changed"]
    assert "tiny" not in (lab.home / "README.txt").read_text()
    assert [p.name for p in (lab.home / "bin").iterdir()] == ["other.cmd"]
    checked, gone = lab.run(
        *((None, {"state": "absent", "stack": None, "check_mode": check}) for check in (True, False))
    )
    assert checked["changed"]
    assert gone["changed"]
    assert not lab.home.exists()


def test_what_is_not_whole_is_built_again(lab: Lab) -> None:
    lock = lab.locks[0]
    lab.one(lock)
    for damage in ("no marker", "no python", "dead python", "base gone", "package gone", "file gone", "file changed"):
        environment = lab.environment(lock)
        if damage == "no marker":
            (environment / "gpuready.json").write_text("{")
        elif damage == "no python":
            (environment / "Scripts/python.exe").unlink()
        elif damage == "dead python":
            python = environment / "Scripts/python.exe"
            size = python.stat().st_size
            python.unlink()  # it may be a link to another's
            python.write_bytes(b"\0" * size)
        elif damage == "file gone":
            (environment / "Lib/site-packages/gpalpha.py").unlink()
        elif damage == "file changed":
            (environment / "Lib/site-packages/gpalpha.py").write_text("VERSION = 'another'\n")
        elif damage == "base gone":
            shutil.rmtree(lab.home / "python")
        else:
            shutil.rmtree(environment / "Lib/site-packages/gpalpha-1.0.dist-info")
        checked, again, third = lab.run(
            (lock, {"check_mode": True}), (lock, {}), (lock, {"state": "current", "verified": True})
        )
        assert checked["changed"], damage
        assert again["changed"], damage
        assert not third["failed"], third
        assert lab.says() == "1.0"
    (lab.environment(lock) / "gpuready.json").unlink()
    assert lab.one(lock, state="current", verified=True)["code"] == "ENVIRONMENT_BROKEN"


def test_the_runtime(lab: Lab) -> None:
    """Windows without it: refused at once; brought by its installer; or taken from the environment's own package."""
    system = lab.pc.path(r"C:\windows\system32")
    kept = {name: (system / name).read_bytes() for name in RUNTIME if (system / name).exists()}
    real = (PREFIXES / "windows/Python310/vcruntime140.dll").read_bytes()
    lock = lab.locks[0]
    redist = lab.pc.path(r"C:\lab\vc_redist.x64.exe")
    answers = [1603, 0, 3010]

    def install(call: Any) -> int:
        assert call.args == ["/install", "/quiet", "/norestart"]
        rc = answers.pop(0)
        if rc == 3010:
            for name in RUNTIME:
                (system / name).write_bytes(real)
        return rc

    lab.pc.install_program(r"C:\lab\vc_redist.x64.exe", install)
    lab.pc.programs[rf"{lab.windows}\tmp\vc_redist.exe"] = install
    archive = {"path": r"C:\lab\vc_redist.x64.exe", "sha256": sha256(redist.read_bytes())}
    sent = lab.folder / "vc_redist.x64.exe"
    sent.write_bytes(redist.read_bytes())
    dlls = {f"msvc_runtime-1.0.data/data/Scripts/{name}": real for name in RUNTIME}
    own = make_wheel(lab.folder / "runtime", "msvc_runtime", "1.0", dlls)
    shutil.copy(own, lab.pc.path(r"C:\lab\wheels"))
    try:
        for name in RUNTIME:
            (system / name).unlink(missing_ok=True)
        need = {"needs_vc_runtime": True}
        with_own = lock_of(lab.alpha[1], own)
        checked, refused, from_package, again = lab.run(
            (lock, {**need, "check_mode": True}), (lock, need), (with_own, need), (with_own, need)
        )
        assert checked["code"] == "VC_RUNTIME_MISSING"
        assert refused["code"] == "VC_RUNTIME_MISSING"
        assert "vcruntime140.dll" in refused["msg"]
        assert from_package["changed"], from_package
        assert not again["changed"]
        assert (lab.environment(with_own) / "Lib/site-packages/gpuready_vc_runtime.pth").exists()
        lab.one(with_own, state="current", verified=True)
        assert lab.says("import os; print('scripts' in os.environ['PATH'].split(';')[0].lower())") == "True"
        archives = ({**archive, "path": str(sent)}, archive, archive, archive)  # the first lies on the controller
        results = lab.run((lock, {}), *((lock, {**need, "vc_archive": one}) for one in archives))
    finally:
        for name, data in kept.items():
            (system / name).unlink(missing_ok=True)
            (system / name).write_bytes(data)
    assert [result.get("code") for result in results] == [None, "VC_RUNTIME_MISSING", "VC_RUNTIME_MISSING", None, None]
    assert "1603" in results[1]["msg"]
    assert [result["changed"] for result in results] == [True, False, False, True, False]
    assert any("restart" in note for note in results[3]["notes"])


def test_arguments_that_mean_nothing(lab: Lab) -> None:
    bad: list[dict[str, Any]] = [
        {"home": r"relative\folder"},
        {"stack": r"..\..\windows"},
        {"lock_sha256": "0"},
        {"python": "ten"},
        {"state": "current", "verified": True, "launcher_variable": "PATH=C:\\evil"},
        {"time_limit": 0},
        {"certificates": r"C:\nowhere.pem"},
        {"uv_archive": {"path": r"C:\lab\uv.exe"}},
    ]
    results = lab.run(*((lab.locks[0], one) for one in bad))
    assert [result["code"] for result in results] == ["ARGUMENTS"] * len(bad)
    assert lab.one(state="absent")["changed"] is False
    assert not lab.home.exists()
