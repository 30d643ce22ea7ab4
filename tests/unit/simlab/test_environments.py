"""The models of a simulated PC: environments and trainings."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.facts import windows as windows_facts
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import runtime
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict import judging as verdict
from simlab_help import AMD, BUILD, HOME, LOCK, PATH, SHA, environment, pc_of, run

from gpuready.simlab import execute, manifest, schema
from gpuready.simlab.models import environment_pass as pass_model
from gpuready.simlab.models import python_environment as environment_model
from gpuready.simlab.pc import SimulatedPc
from gpuready.simlab.winrm.messages import Cut
from gpuready.simlab.winrm.shells import Command

PASS = {
    "fingerprint": {"driver": "1"},
    "verdict": {"state": "READY", "code": "TRAINED"},
    "at": "2026-11-23T08:00:00Z",
    "digest": "1",
}


# --- environments ---
def test_build_switch_and_nothing_the_second_time() -> None:
    pc = pc_of()
    assert environment(pc, BUILD, check=True)["changed"] is True
    assert pc.disk.get(PATH) is None
    first = environment(pc, BUILD)
    assert (first["changed"], first["environment"]["built"], first["environment"]["path"]) == (True, True, PATH)
    assert not environment(pc, BUILD)["changed"]
    assert not environment(pc, BUILD, check=True)["changed"]
    switch = {"state": "current", "stack": "torch-directml", "lock_sha256": SHA, "pass_record": PASS}
    assert environment(pc, switch, check=True)["changed"] is True
    done = environment(pc, switch)
    assert (done["changed"], done["switched"]) == (True, True)
    later = {**PASS, "at": "2026-11-24T08:00:00Z"}
    assert not environment(pc, {**switch, "pass_record": later})["changed"]
    assert json.loads(pc.disk.text(rf"{HOME}\passes\torch-directml.json") or "")["at"] == PASS["at"]
    assert "torch-directml" in (pc.disk.text(rf"{HOME}\README.txt") or "")


def test_a_pc_that_goes_down_in_its_training_keeps_no_pass() -> None:
    pc = pc_of()
    environment(pc, BUILD)
    switch = {"state": "current", "stack": "torch-directml", "lock_sha256": SHA, "pass_record": PASS}
    environment(pc, switch)

    def kept() -> list[dict[str, Any]]:
        look = run(pc, "gpuready.lab.gpu_facts", {})["ansible_facts"]["gpuready_evidence"]
        return windows_facts.interpret(look).as_dict()["passes"]

    aside = {"state": "trying", "stack": "torch-directml"}
    assert environment(pc, aside, check=True)["changed"]
    assert len(kept()) == 1
    assert environment(pc, aside)["changed"]
    assert kept() == []  # what a look sees after a blue screen
    assert not environment(pc, {**switch, "pass_record": {**PASS, "at": "2026-11-24T08:00:00Z"}})["changed"]
    assert [one["at"] for one in kept()] == ["2026-11-24T08:00:00Z"]
    environment(pc, aside)
    assert environment(pc, {"state": "unproven", "stack": "torch-directml"})["changed"]
    environment(pc, switch)
    assert [one["at"] for one in kept()] == [PASS["at"]]


def test_why_a_training_failed_is_kept_until_a_pass_is_given() -> None:
    pc = pc_of()
    environment(pc, BUILD)
    failed = {**PASS, "verdict": {"state": "NOT_READY", "code": "NOT_FINITE"}, "digest": "2"}
    unproven = {"state": "unproven", "stack": "torch-directml", "pass_record": failed}
    later = {**unproven, "pass_record": {**failed, "at": "2026-11-24T08:00:00Z"}}

    def kept() -> tuple[list[Any], list[Any]]:
        look = run(pc, "gpuready.lab.gpu_facts", {})["ansible_facts"]["gpuready_evidence"]
        found = windows_facts.interpret(look).as_dict()
        return tuple([one["at"] for one in found[name]] for name in ("passes", "failures"))  # type: ignore[return-value]

    assert environment(pc, unproven, check=True)["changed"]
    assert kept() == ([], [])
    assert environment(pc, unproven)["changed"]
    assert not environment(pc, later)["changed"]
    assert kept() == ([], ["2026-11-24T08:00:00Z"])
    switch = {"state": "current", "stack": "torch-directml", "lock_sha256": SHA, "pass_record": PASS}
    assert environment(pc, switch)["changed"]
    assert kept() == ([PASS["at"]], [])
    environment(pc, {"state": "trying", "stack": "torch-directml"})
    assert environment(pc, unproven)["changed"]
    assert kept() == ([], [failed["at"]])
    assert pc.disk.get(rf"{HOME}\passes\torch-directml.trying") is None


def test_what_is_damaged_is_seen_and_built_anew() -> None:
    pc = pc_of()
    environment(pc, BUILD)

    def damage() -> dict[str, Any]:
        look = run(pc, "gpuready.lab.gpu_facts", {"check_hashes": True})["ansible_facts"]["gpuready_evidence"]
        (found,) = windows_facts.interpret(look).as_dict()["environments"]
        return dict(found["damage"])

    whole = {"count": 0, "missing": [], "changed": [], "hashes": True}
    assert damage() == whole
    pc.disk.write(rf"{PATH}\Lib\__pycache__\x.cpython-310.pyc", b"x")
    assert damage() == whole
    pc.disk.remove(rf"{PATH}\Lib\site-packages\packages")
    pc.disk.write(rf"{PATH}\pyvenv.cfg", b"x")
    lost = {"missing": [r"Lib\site-packages\packages"], "changed": ["pyvenv.cfg"]}
    assert damage() == {**whole, **lost, "count": 2}
    pc.disk.write(rf"{PATH}\gpuready.files", b"1 pyvenv.cfg\n")
    assert damage() == {**whole, "changed": ["gpuready.files"], "count": 1}
    assert environment(pc, BUILD, check=True)["changed"]
    assert environment(pc, BUILD)["environment"]["built"] is True
    assert damage() == whole
    assert not environment(pc, BUILD)["changed"]


def test_a_new_lock_is_built_beside_and_old_ones_go_by_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    pc = pc_of()
    times = iter(f"2026-11-23T08:00:{second:02}Z" for second in range(60))
    for module in (environment_model, pass_model):
        monkeypatch.setattr(module, "now", lambda: next(times))
    shas = []
    for number in range(3):
        sha = f"{number}" * 64
        shas.append(sha)
        assert environment(pc, {**BUILD, "lock_sha256": sha})["changed"]
        done = environment(pc, {"state": "current", "stack": "torch-directml", "lock_sha256": sha, "keep_old": 1})
        assert done["switched"]
    left = [node.path.rsplit("-", 1)[1] for node in pc.disk.children(rf"{HOME}\environments")]
    assert left == [sha[:12] for sha in shas[1:]]


def test_the_launcher_leaves_a_students_own_choice_and_the_note_names_the_variable() -> None:
    pc = pc_of()
    environment(pc, BUILD)
    switch = {"state": "current", "stack": "torch-directml", "lock_sha256": SHA}
    environment(pc, {**switch, "launcher_variable": "DML_VISIBLE_DEVICES=1"})
    lines = (pc.disk.text(rf"{HOME}\bin\torch-directml.cmd") or "").split("\r\n")
    assert 'if not defined DML_VISIBLE_DEVICES set "DML_VISIBLE_DEVICES=1"' in lines
    assert not [line for line in lines if line.startswith('set "DML')]
    assert "set DML_VISIBLE_DEVICES=1 first" in (pc.disk.text(rf"{HOME}\README.txt") or "")
    pc.disk.write(rf"{HOME}\bin\torch-directml.cmd", b"another")
    assert environment(pc, switch, check=True)["changed"] is True
    assert environment(pc, switch)["changed"] is True
    assert not environment(pc, switch)["changed"]


def test_the_kernel_of_jupyter_comes_and_goes_with_the_environment() -> None:
    pc = pc_of()
    variables = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment"
    pc.registry.set(variables, {"JUPYTER_PATH": r"D:\teachers"})
    spec = rf"{HOME}\jupyter\kernels\gpuready-torch-directml\kernel.json"
    build = {**BUILD, "lock": LOCK + "ipykernel==6.29.5 --hash=sha256:00\n"}
    environment(pc, build)
    switch = {"state": "current", "stack": "torch-directml", "lock_sha256": SHA, "display_name": "PyTorch (DirectML)"}
    assert environment(pc, switch, check=True)["changed"] is True
    assert pc.disk.get(spec) is None
    assert environment(pc, switch)["environment"]["kernel"] == "PyTorch (DirectML)"
    assert json.loads(pc.disk.text(spec) or "")["argv"][0] == rf"{PATH}\Scripts\python.exe"
    assert pc.registry.value(variables, "JUPYTER_PATH") == rf"D:\teachers;{HOME}\jupyter"
    assert not environment(pc, {**switch, "display_name": None})["changed"]
    look = run(pc, "gpuready.lab.gpu_facts", {})["ansible_facts"]["gpuready_evidence"]
    (found,) = windows_facts.interpret(look).as_dict()["environments"]
    assert found["kernel"] == "PyTorch (DirectML)"
    pc.registry.set(variables, {"JUPYTER_PATH": ""})
    assert environment(pc, switch, check=True)["changed"] is True
    assert environment(pc, switch)["changed"] is True
    assert environment(pc, {"state": "absent", "stack": "torch-directml"})["changed"]
    assert pc.disk.get(rf"{HOME}\jupyter") is None
    assert pc.registry.value(variables, "JUPYTER_PATH") == ""
    for lock_sha, lock in ((SHA, build["lock"]), ("b" * 64, LOCK)):  # the next one has no ipykernel
        environment(pc, {**BUILD, "lock": lock, "lock_sha256": lock_sha})
        done = environment(pc, {**switch, "lock_sha256": lock_sha})
        assert done["changed"]
    assert done["environment"]["kernel"] is None
    assert pc.disk.get(rf"{HOME}\jupyter") is None
    assert not environment(pc, {**switch, "lock_sha256": "b" * 64})["changed"]


@pytest.mark.parametrize("check", [True, False])
def test_a_building_that_is_cut_off_is_left_half_done_and_a_check_leaves_nothing(
    check: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pc = pc_of(faults=[{"kind": "cut", "on": "python_environment"}])
    asked = manifest.Module("gpuready.lab.python_environment", BUILD, {}, check)
    monkeypatch.setattr(execute.manifest, "read", lambda line, stdin: asked)
    power: Any = None
    command = Command(lambda running: execute.run(pc, power, running), "")
    with pytest.raises(Cut):
        command.receive(5)
    assert (pc.disk.get(PATH) is None) is check
    assert pc.disk.get(rf"{PATH}\gpuready.json") is None


def test_absent_takes_all_away() -> None:
    pc = pc_of()
    free = pc.disk.free
    environment(pc, BUILD)
    assert pc.disk.free < free
    assert environment(pc, {"state": "absent", "stack": "torch-directml"})["changed"]
    assert not environment(pc, {"state": "absent", "stack": "torch-directml"})["changed"]
    assert environment(pc, {"state": "absent"})["changed"]
    assert pc.disk.get(HOME) is None


@pytest.mark.parametrize(
    ("document", "arguments", "code"),
    [
        ({"uv": None}, {}, "UV_MISSING"),
        ({"disk": {"free": 10**9}}, {}, "DISK_FULL"),
        ({"vc_runtime": None}, {"needs_vc_runtime": True}, "VC_RUNTIME_MISSING"),
        ({"uv": None}, {"uv_archive": {"path": r"\\share\uv.zip", "sha256": "0" * 64}}, "ARCHIVE_MISSING"),
    ],
)
def test_what_stops_a_building(document: dict[str, Any], arguments: dict[str, Any], code: str) -> None:
    pc = pc_of(**document)
    found = environment(pc, {**BUILD, **arguments})
    assert (found["failed"], found["code"]) == (True, code)
    assert pc.disk.get(PATH) is None


def test_the_runtime_of_a_lock_is_used_where_windows_has_none() -> None:
    lock = LOCK + "msvc-runtime==14.44.35112 --hash=sha256:00\n"
    build = {**BUILD, "lock": lock, "needs_vc_runtime": True, "own_vc_runtime": True}
    for there in ("14.40.33810.0", None):
        pc = pc_of(vc_runtime=there)
        assert environment(pc, build, check=True)["changed"]
        assert environment(pc, build)["changed"]
        assert pc.disk.is_file(rf"{PATH}\Lib\site-packages\gpuready_vc_runtime.pth") is (there is None)
        assert not environment(pc, build)["changed"]
    pc.disk.remove(rf"{PATH}\Scripts\{runtime.FILES[0]}")
    assert environment(pc, build)["changed"]  # it is not whole without


def test_what_the_controller_has_is_asked_for_and_checked() -> None:
    pc = pc_of(uv=None)
    data = b"an archive"
    sha = hashlib.sha256(data).hexdigest()
    wished = {**BUILD, "uv_archive": {"name": "uv.zip", "sha256": sha}}
    assert environment(pc, wished)["needs"] == [{"kind": "uv", "name": "uv.zip", "sha256": sha}]
    pc.disk.write(r"C:\t\uv.zip", b"another")
    assert environment(pc, {**wished, "uploaded": {sha: r"C:\t\uv.zip"}})["code"] == "HASH_MISMATCH"
    pc.disk.write(r"C:\t\uv.zip", data)
    assert environment(pc, {**wished, "uploaded": {sha: r"C:\t\uv.zip"}})["changed"]
    assert rf"{HOME}\uv.exe" in pc.programs


def test_an_argument_that_is_not_modelled_is_refused() -> None:
    assert "the argument colour is not modelled" in environment(pc_of(), {**BUILD, "colour": "red"})["msg"]
    assert (
        "directory, absent, touch"
        in run(pc_of(), "ansible.windows.win_file", {"path": "C:\\x", "state": "link"})["msg"]
    )


# --- training ---
CODES = {
    "trained": "TRAINED", "cpu_fallback": "CPU_FALLBACK", "operator_fallback": "CPU_FALLBACK", "nan": "NOT_FINITE",
    "hang": "TIMED_OUT",
    "crash": "CRASHED", "access_violation": "ACCESS_VIOLATION", "out_of_memory": "OUT_OF_MEMORY",
    "wrong_adapter": "SOFTWARE_ADAPTER",  # the PC has no other
    "no_adapter": "DIRECTML_NO_ADAPTER", "loss_flat": "LOSS_NOT_FALLING", "random_labels": "LABELS_NOT_LEARNED",
    "disagreement": "REFERENCE_DISAGREES", "batchnorm": "BATCHNORM_WRONG", "truncated": "OUTPUT_TRUNCATED",
    "import_error": "FRAMEWORK_IMPORT", "dll_missing": "DIRECTML_MISSING", "slow": "SLOW",
}  # fmt: skip


def trained(pc: SimulatedPc, **arguments: Any) -> dict[str, Any]:
    given = {
        "interpreter": rf"{PATH}\Scripts\python.exe",
        "backend": "torch-directml",
        "adapter": AMD["name"],
        "trainer": "#",
    } | arguments
    answer = run(pc, "gpuready.lab.training_facts", given)
    return dict(answer["ansible_facts"]["gpuready_training"])


def code_of(pc: SimulatedPc, training: dict[str, Any]) -> str:
    """The verdict's code on a PC that was looked at, planned and trained on."""
    look = run(pc, "gpuready.lab.gpu_facts", {})["ansible_facts"]["gpuready_evidence"]
    facts = windows_facts.interpret(look).as_dict()
    meant = {"index": 0, "id": r"PCI\VEN_1002&DEV_73BF", "name": AMD["name"], "vendor": "amd"}
    known = facts["adapters"][0] if facts["adapters"] else meant
    adapter = {key: known[key] for key in ("index", "id", "name", "vendor")}
    plan = {
        "target": "windows", "stack": "torch-directml", "adapter": adapter, "blockers": [], "steps": [],
        "environment": {
            "device_kind": "DML", "reference": False, "lock_sha256": SHA, "python": BUILD["python"],
            "backend": "torch-directml", "framework": "PyTorch 2.4.1",
        },
    }  # fmt: skip
    record = {"schema_version": 1, "host": "pc", "simulated": True, "troubles": [], "facts": facts, "plan": plan}
    return str(verdict.verdict({**record, "training": training}, {"simulated_lab": True})["code"])


def test_every_outcome_has_its_verdict() -> None:
    assert set(CODES) == set(schema.Outcome.__args__)
    for outcome, code in CODES.items():
        pc = pc_of(training={"outcome": outcome})
        environment(pc, BUILD)
        assert (outcome, code_of(pc, trained(pc))) == (outcome, code)


def test_without_an_outcome_the_gpu_decides() -> None:
    for gpus, code in (
        ([AMD], "TRAINED"),
        ([], "DIRECTML_NO_ADAPTER"),
        ([{**AMD, "problem_code": 43}], "DIRECTML_NO_ADAPTER"),
    ):
        pc = pc_of(gpus=gpus)
        environment(pc, BUILD)
        assert code_of(pc, trained(pc)) == code


def test_the_interpreter_must_be_there_and_the_model_must_know_the_backend() -> None:
    assert trained(pc_of())["error"]["code"] == "INTERPRETER_MISSING"
    pc = pc_of()
    environment(pc, BUILD)
    assert trained(pc)["python"] == {"version": "3.10.18", "executable": rf"{PATH}\Scripts\python.exe"}
    assert trained(pc, backend="jax-tpu")["error"]["code"] == "BAD_INPUT"


def test_an_accelerator_of_pytorchs_own_is_named_as_the_trainer_names_it() -> None:
    pc = pc_of()
    environment(pc, BUILD)
    device = trained(pc, backend="torch-xpu")["device"]
    assert (device["name"], device["kind"], device["adapter_name"]) == ("xpu:0", "XPU", AMD["name"])
    pc = pc_of(gpus=[])
    environment(pc, BUILD)
    assert trained(pc, backend="torch-xpu")["error"]["message"] == "torch.xpu.is_available() is false"


def test_the_state_of_a_pc_can_be_kept(tmp_path: Path) -> None:
    pc = pc_of()
    environment(pc, BUILD)
    pc.save(tmp_path)
    again = pc_of()
    again.load(tmp_path)
    assert not environment(again, BUILD)["changed"]
    assert again.disk.free == pc.disk.free


# --- a folder that somebody else has laid ready ---
def test_what_others_have_laid_ready_is_neither_run_nor_believed() -> None:
    pc = pc_of(home_owner="S-1-5-21-1-2-3-1001", environments=[{"stack": "torch-directml", "lock_sha256": SHA}])
    look = run(pc, "gpuready.lab.gpu_facts", {})["ansible_facts"]["gpuready_evidence"]
    facts = windows_facts.interpret(look)
    assert (facts.uv, facts.environments, facts.passes) == (None, (), ())
    assert sorted((one.piece, one.code) for one in facts.problems) == [
        ("environments", "HOME_NOT_OURS"),
        ("last_pass", "HOME_NOT_OURS"),
    ]
    assert str(facts.home_refused).startswith(rf"{HOME} belongs to S-1-5-21-1-2-3-1001")
    switch = {"state": "current", "stack": "torch-directml", "lock_sha256": SHA}
    for arguments in (BUILD, {"state": "absent"}, switch, {"state": "unproven", "stack": "torch-directml"}):
        refused = environment(pc, arguments)
        assert (refused["failed"], refused["code"]) == (True, "HOME_NOT_OURS")
    asked = {"interpreter": rf"{PATH}\Scripts\python.exe", "home": HOME, "backend": "torch-directml", "trainer": "x"}
    training = run(pc, "gpuready.lab.training_facts", asked)["ansible_facts"]["gpuready_training"]
    assert training["error"]["code"] == "HOME_NOT_OURS"
    assert run(pc, "gpuready.lab.job", {"name": "training"})["code"] == "HOME_NOT_OURS"
