"""The models of a simulated PC: disk, registry, programs, environments, trainings."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.module_utils import nvidia_smi, verdict, windows_facts, wsl_output

from gpuready.simlab import models, programs, scenario, schema
from gpuready.simlab.disk import Disk, DiskFullError, Registry
from gpuready.simlab.models import python_environment as environment_model
from gpuready.simlab.pc import SimulatedPc

DATA = Path(__file__).resolve().parents[1] / "data"
HOME = r"C:\ProgramData\gpuready"
LOCK = "numpy==1.26.4 --hash=sha256:00\n"
SHA = hashlib.sha256(LOCK.encode()).hexdigest()
AMD = {"name": "AMD Radeon RX 6800", "vendor": "amd", "device": "73BF", "memory": 17163091968,
       "driver": {"version": "31.0.24002.92", "radeon_software": "24.3.1"}}  # fmt: skip
BUILD = {"state": "present", "stack": "torch-directml", "lock": LOCK, "lock_sha256": SHA, "python": "3.10"}
PATH = rf"{HOME}\environments\torch-directml-{SHA[:12]}"
PASS = {"fingerprint": {"driver": "1"}, "verdict": {"state": "READY", "code": "TRAINED"}, "at": "2026-11-23T08:00:00Z"}


def pc_of(**document: Any) -> SimulatedPc:
    lab = scenario.parse({"pcs": [{"name": "pc", "uv": "0.9.2", "gpus": [AMD], **document}]})
    return SimulatedPc(lab.pcs[0], lab.user, lab.password)


def run(pc: SimulatedPc, module: str, arguments: dict[str, Any], check: bool = False) -> dict[str, Any]:
    model = models.find(module)
    assert model is not None
    try:
        return model(models.Task(pc, arguments, check, None, arguments))  # type: ignore[arg-type]
    except models.ModuleFailed as failed:
        return {"failed": True, **failed.result}


def environment(pc: SimulatedPc, arguments: dict[str, Any], check: bool = False) -> dict[str, Any]:
    return run(pc, "gpuready.lab.python_environment", arguments, check)


# --- disk and registry ---
def test_the_disk_knows_no_case_and_no_slashes() -> None:
    disk = Disk(1000, 2000)
    disk.write(r"C:\Lab\Hello.txt", b"12345")
    assert disk.text("c:/lab/HELLO.TXT") == "12345"
    assert (disk.is_folder(r"c:\LAB"), disk.is_file(r"c:\LAB"), disk.free) == (True, False, 995)
    assert [node.path for node in disk.children("C:\\")] == [r"C:\Lab"]
    disk.write(r"C:\lab\hello.txt", b"1")
    assert [node.path for node in disk.children(r"C:\Lab")] == [r"C:\Lab\Hello.txt"]
    assert disk.free == 999
    assert disk.remove(r"c:\lab")
    assert (disk.free, disk.get(r"C:\Lab\Hello.txt"), disk.remove(r"c:\lab")) == (1000, None, False)


def test_a_full_disk_keeps_what_was_there() -> None:
    disk = Disk(10, 20)
    disk.write(r"C:\a", b"12345")
    with pytest.raises(DiskFullError):
        disk.write(r"C:\a", b"1" * 16)
    assert (disk.text(r"C:\a"), disk.free) == ("12345", 5)
    again = Disk(0, 0)
    again.from_list(json.loads(json.dumps(disk.as_list())))
    assert again.text(r"c:\A") == "12345"


def test_the_registry_knows_no_case() -> None:
    registry = Registry({r"HKLM\SOFTWARE\A\B": {"X": 1}})
    assert (registry.has(r"hklm\software\a"), registry.value(r"HKLM\Software\a\b", "x")) == (True, 1)
    assert registry.subkeys(r"hklm\software") == ["A"]
    assert (registry.values(r"HKLM\SOFTWARE\A"), registry.values(r"HKLM\SOFTWARE\C")) == ({}, None)
    registry.remove(r"HKLM\SOFTWARE\a")
    assert not registry.has(r"HKLM\SOFTWARE\A\B")


# --- programs ---
LANGUAGES = {"01": "en-US", "05": "es-ES", "10": "ru-RU"}


@pytest.mark.parametrize("prefix", sorted(LANGUAGES))
def test_wsl_speaks_as_recorded(prefix: str) -> None:
    recorded = next((DATA / "wsl_outputs").glob(f"{prefix}_*.stdout.utf16le.bin")).read_bytes().decode("utf-16-le")
    numbers = [line.split(": ")[1] for line in recorded.splitlines()]
    pc = pc_of(wsl={"version": numbers[0], "kernel": numbers[1]}, os={"language": LANGUAGES[prefix]})
    said = programs.Run(["--version"]).execute(pc.programs[programs.WSL]).stdout.decode("utf-16-le")
    labels = [line.split(": ")[0] for line in said.splitlines()]
    assert labels == [line.split(": ")[0] for line in recorded.splitlines()]
    assert [line.split(": ")[1] for line in said.splitlines()][:2] == numbers[:2]


@pytest.mark.parametrize(
    "language", ["cs-CZ", "de-DE", "fr-FR", "ja-JP", "ko-KR", "pt-BR", "tr-TR", "zh-CN", "zh-TW", "xx-XX"]
)
@pytest.mark.parametrize("utf8", [True, False])
def test_wsl_is_read_in_every_language(language: str, utf8: bool) -> None:
    pc = pc_of(wsl={"version": "2.6.1.0"}, os={"language": language})
    done = programs.Run(["--version"], {"WSL_UTF8": "1"} if utf8 else {}).execute(pc.programs[programs.WSL])
    assert done.rc == 0
    assert (b"\0" in done.stdout) is not utf8
    found = wsl_output.versions(wsl_output.decode(done.stdout))
    assert found is not None
    assert (found.wsl, found.kernel) == ("2.6.1.0", "6.6.87.2-1")


def test_wsl_without_distributions_and_in_trouble() -> None:
    pc = pc_of(wsl={"version": "2.6.1.0", "answer": "error", "error": "Wsl/0x80040154"}, os={"language": "de-DE"})
    done = programs.Run(["--version"], {"WSL_UTF8": "1"}).execute(pc.programs[programs.WSL])
    assert done.rc == -1
    assert "Wsl/0x80040154" in done.stdout.decode()
    inbox = programs.Run(["--version"], {"WSL_UTF8": "1"}).execute(pc_of().programs[programs.INBOX_WSL])
    assert inbox.rc == 1
    assert inbox.stdout.decode("utf-16-le").endswith("\r\r\n")
    done = programs.Run(["--import"]).execute(pc_of(wsl={"version": "2.6.1.0"}).programs[programs.WSL])
    assert b"simlab: wsl.exe --import is not modelled" in done.stderr


def test_nvidia_smi() -> None:
    gpu = {"name": "NVIDIA GeForce RTX 4090", "vendor": "nvidia", "device": "2684", "memory": 25757220864,
           "driver": {"version": "32.0.15.8097"}, "cuda": "13.0", "location": [10, 0, 0]}  # fmt: skip
    pc = pc_of(gpus=[AMD, gpu])
    found = nvidia_smi.parse(programs.Run(["-q", "-x"]).execute(pc.programs[programs.NVIDIA_SMI]).stdout.decode())
    assert (found.driver_version, found.cuda_version, found.problems) == ("580.97", "13.0", [])
    assert [(one.name, one.pci_bus_id, one.device_id) for one in found.gpus] == [
        ("NVIDIA GeForce RTX 4090", "0000:0a:00.0", "2684")
    ]
    gone = programs.Run(["-q", "-x"]).execute(pc_of(nvidia_smi="no_driver").programs[programs.NVIDIA_SMI])
    assert gone.rc == 9
    assert nvidia_smi.parse(gone.stdout.decode()).problems[0].code == "NVIDIA_DRIVER_NOT_RUNNING"
    assert programs.NVIDIA_SMI not in pc_of().programs
    failing = pc_of(gpus=[{**gpu, "problem_code": 43}]).programs[programs.NVIDIA_SMI]
    assert programs.Run(["-q", "-x"]).execute(failing).rc == 6
    fine = pc_of(gpus=[gpu]).programs[programs.NVIDIA_SMI]
    assert b"nvidia-smi --reset is not modelled" in programs.Run(["--reset"]).execute(fine).stderr


def test_a_fault_of_a_program_ends_after_its_times() -> None:
    pc = pc_of(faults=[{"kind": "program_fails", "on": "uv.exe", "times": 1, "text": "no"}])
    uv = pc.programs[rf"{HOME}\uv.exe"]
    assert [programs.Run(["--version"]).execute(uv).rc for _ in range(2)] == [1, 0]


# --- environments ---
def test_build_switch_and_nothing_the_second_time() -> None:
    pc = pc_of()
    assert environment(pc, BUILD, check=True)["changed"] is True
    assert pc.disk.get(PATH) is None
    first = environment(pc, BUILD)
    assert (first["changed"], first["environment"]["built"], first["environment"]["path"]) == (True, True, PATH)
    assert not environment(pc, BUILD)["changed"]
    assert not environment(pc, BUILD, check=True)["changed"]
    switch = {"state": "current", "stack": "torch-directml", "lock_sha256": SHA, "verified": True, "pass_record": PASS}
    assert environment(pc, {**switch, "verified": False})["code"] == "NOT_VERIFIED"
    assert environment(pc, switch, check=True)["changed"] is True
    done = environment(pc, switch)
    assert (done["changed"], done["switched"]) == (True, True)
    later = {**PASS, "at": "2026-11-24T08:00:00Z"}
    assert not environment(pc, {**switch, "pass_record": later})["changed"]
    assert json.loads(pc.disk.text(rf"{HOME}\passes\torch-directml.json") or "")["at"] == PASS["at"]
    assert "torch-directml" in (pc.disk.text(rf"{HOME}\README.txt") or "")


def test_a_new_lock_is_built_beside_and_old_ones_go_by_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    pc = pc_of()
    times = iter(f"2026-11-23T08:00:{second:02}Z" for second in range(60))
    monkeypatch.setattr(environment_model, "now", lambda: next(times))
    shas = []
    for number in range(3):
        sha = f"{number}" * 64
        shas.append(sha)
        assert environment(pc, {**BUILD, "lock_sha256": sha})["changed"]
        done = environment(
            pc, {"state": "current", "stack": "torch-directml", "lock_sha256": sha, "verified": True, "keep_old": 1}
        )
        assert done["switched"]
    left = [node.path.rsplit("-", 1)[1] for node in pc.disk.children(rf"{HOME}\environments")]
    assert left == [sha[:12] for sha in shas[1:]]


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
        ({}, {"stack": "../x"}, "ARGUMENTS"),
        ({"uv": None}, {"uv_archive": {"path": r"\\share\uv.zip", "sha256": "0" * 64}}, "ARCHIVE_MISSING"),
    ],
)
def test_what_stops_a_building(document: dict[str, Any], arguments: dict[str, Any], code: str) -> None:
    pc = pc_of(**document)
    found = environment(pc, {**BUILD, **arguments})
    assert (found["failed"], found["code"]) == (True, code)
    assert pc.disk.get(PATH) is None


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
    "wrong_adapter": "WRONG_ADAPTER",
    "no_adapter": "DIRECTML_NO_ADAPTER", "loss_flat": "LOSS_NOT_FALLING", "random_labels": "LABELS_NOT_LEARNED",
    "disagreement": "REFERENCE_DISAGREES", "batchnorm": "BATCHNORM_WRONG", "truncated": "OUTPUT_TRUNCATED",
    "import_error": "FRAMEWORK_IMPORT", "dll_missing": "DIRECTML_MISSING", "slow": "SLOW",
}  # fmt: skip


def trained(pc: SimulatedPc, **arguments: Any) -> dict[str, Any]:
    given = {
        "python": rf"{PATH}\Scripts\python.exe",
        "backend": "torch-directml",
        "adapter": AMD["name"],
        "trainer": "#",
    } | arguments
    answer = run(pc, "gpuready.lab.training_facts", given)
    return dict(answer["ansible_facts"]["gpuready_training"])


def code_of(pc: SimulatedPc, training: dict[str, Any]) -> str:
    """The verdict's code on a PC that was looked at, planned and trained on."""
    look = run(pc, "gpuready.lab.gpu_facts", {})["ansible_facts"]["gpuready_evidence"]
    facts = windows_facts.interpret(look)
    meant = {"index": 0, "id": r"PCI\VEN_1002&DEV_73BF", "name": AMD["name"], "vendor": "amd"}
    known = facts["adapters"][0] if facts["adapters"] else meant
    adapter = {key: known[key] for key in ("index", "id", "name", "vendor")}
    plan = {
        "target": "windows", "stack": "torch-directml", "adapter": adapter, "blockers": [], "steps": [],
        "environment": {"backend": "torch-directml", "device": "privateuseone:0", "lock_sha256": SHA},
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
    answer = run(pc, "gpuready.lab.training_facts", {"python": "x", "backend": "torch-cuda", "trainer": "#"})
    assert "torch-cuda is not modelled" in answer["msg"]


def test_the_state_of_a_pc_can_be_kept(tmp_path: Path) -> None:
    pc = pc_of()
    environment(pc, BUILD)
    pc.save(tmp_path)
    again = pc_of()
    again.load(tmp_path)
    assert not environment(again, BUILD)["changed"]
    assert again.disk.free == pc.disk.free


def test_a_restart_brings_pending_features_about() -> None:
    pc = pc_of()
    enable = {"name": ["VirtualMachinePlatform"], "state": "present"}
    assert run(pc, "ansible.windows.win_optional_feature", enable, check=True)["changed"]
    done = run(pc, "ansible.windows.win_optional_feature", enable)
    assert (done["changed"], done["reboot_required"]) == (True, True)
    assert pc.features["VirtualMachinePlatform"] == "EnablePending"
    pc.restart()
    assert pc.features["VirtualMachinePlatform"] == "Enabled"
    assert not run(pc, "ansible.windows.win_optional_feature", enable)["changed"]
    assert "Failed to find feature" in run(pc, "ansible.windows.win_optional_feature", {"name": "No"})["msg"]


def test_bytes_of_wsl_survive() -> None:
    look = models.find("gpuready.lab.gpu_facts")
    assert look is not None
    pc = pc_of(wsl={"version": "2.6.1.0"}, os={"language": "ja-JP"})
    pieces = run(pc, "gpuready.lab.gpu_facts", {})["ansible_facts"]["gpuready_evidence"]["pieces"]
    assert "バージョン" in base64.b64decode(pieces["wsl_version"]["value"]["stdout_base64"]).decode()
