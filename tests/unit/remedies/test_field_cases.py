"""What people really ran into: each public report's words get a code that helps, and none that misleads.

tests/data/field_cases/SOURCES.md and tests/data/cuda_states/SOURCES.md say where they come from.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.evidence import nvidia_smi
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import catalogue, numbers, troubles
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import uv as uv_output
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict import process
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict.judging import verdict
from records import LOSSES, changed
from words import DATA, rows

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
CASES = rows("field_cases/index.tsv")
MORE = rows("field_cases/more.tsv")
STATES = rows("cuda_states/states.tsv")


def trained(text: str) -> str | None:
    """The code of a training that an exception with these last words ended, its log before it."""
    *log, last = text.strip().splitlines()
    kind, _, message = last.partition(": ")
    error = {"type": kind, "message": message} if re.fullmatch(r"\w+", kind) else None
    ended = {"rc": 0 if error else 134, "timed_out": False, "stderr_tail": log if error else [*log, last]}
    return (process.died({"finished": False, "error": error, "process": ended}) or {}).get("code")


def not_started(text: str) -> str | None:
    error = {"type": "Module", "code": "INTERPRETER_MISSING", "message": text, "where": "training_facts"}
    return (process.died({"finished": False, "error": error, "process": None}) or {}).get("code")


SAID = {
    "train": trained,
    "start": not_started,
    "uv": lambda text: uv_output.explain("packages", text, known="UV_FAILED").code,
    "uv-interpreter": lambda text: uv_output.explain("interpreter", text, known="INTERPRETER_MISSING").code,
    "trouble": lambda text: troubles.classify(text)["code"],
    "match": catalogue.match,
    "smi": lambda text: next(iter(nvidia_smi.parse(text).problems)).code,
}


@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_the_words_of_a_report_get_the_right_code(case: dict[str, str]) -> None:
    text = (DATA / "field_cases" / case["file"]).read_text(encoding="utf-8")
    code = SAID[case["channel"]](text)
    assert code in case["good_codes"].split(",")
    assert code not in case["must_not"].split(",")


@pytest.mark.parametrize("case", MORE, ids=[f"{case['channel']}-{number}" for number, case in enumerate(MORE, 1)])
def test_more_of_the_same_kinds_get_the_right_code(case: dict[str, str]) -> None:
    assert SAID[case["channel"]](case["words"]) in case["codes"].split("|")


@pytest.mark.parametrize("state", STATES, ids=[f"{state['case']} {state['torch']}" for state in STATES])
def test_a_state_of_the_nvidia_driver_has_its_code(state: dict[str, str]) -> None:
    found = process.died(json.loads(state["training"]))
    assert found is not None
    assert found["code"] in state["right"].split("|")
    assert len(found["cause"]) < 400
    assert "Compile with" not in found["cause"], "the first line alone"


WARNINGS = [
    "NVIDIA GB10 with CUDA capability sm_121 is not compatible with the current PyTorch installation.",
    "Found GPU0 NVIDIA GeForce GTX 1060 which is of compute capability (CC) 6.1. The following list shows the CCs",
    "Found GPU0 GT 710 which is of cuda capability 3.5. PyTorch no longer supports this GPU because it is too old.",
]


@pytest.mark.parametrize("warning", WARNINGS)
def test_a_gpu_that_the_build_does_not_know_is_told_from_its_warning(warning: str) -> None:
    """Such a GPU computes zeros and no error."""
    bad = changed("training.result.losses", [0.0] * len(LOSSES))
    bad["training"]["result"]["accuracy"] = 0.25
    assert verdict(bad, {}, NOW)["code"] == "REFERENCE_DISAGREES"
    bad["training"]["warnings"] = [warning]
    found = verdict(bad, {}, NOW)
    assert (found["state"], found["code"]) == ("NOT_READY", "CUDA_NO_KERNEL")
    assert warning[:40] in found["cause"]


# What a GPU (of software) computed that reported no error: BatchNorm's mean and variance and the losses off by so much,
# losses of zero, accuracy.
COMPUTED: list[tuple[str, tuple[float, float, float], bool, float, set[str]]] = [
    ("rt-good-blas: its kernels do nothing", (1.447, 1.009, 1.313), True, 0.25,
     {"REFERENCE_DISAGREES", "LOSS_NOT_FALLING"}),
    ("soft-wrong-relu", (0.591, 0.92, 0.0985), False, 1.0, {"REFERENCE_DISAGREES"}),
    ("soft-wrong-native_batch_norm", (0.66, 1.279, 0.138), False, 1.0, {"REFERENCE_DISAGREES", "BATCHNORM_WRONG"}),
    ("soft-wrong-convolution: BatchNorm takes the constant out again", (0.493, 2.4e-07, 1.2e-07), False, 1.0,
     {"REFERENCE_DISAGREES", "BATCHNORM_WRONG"}),
    ("soft-good", (1.2e-07, 1.2e-07, 1.2e-07), False, 1.0, {"TRAINED"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("off", "zero", "accuracy", "right"), [one[1:] for one in COMPUTED], ids=[c[0] for c in COMPUTED]
)
def test_a_gpu_that_computes_wrongly_without_an_error_is_told(
    off: tuple[float, float, float], zero: bool, accuracy: float, right: set[str]
) -> None:
    mean, variance, loss = off
    record = changed("training.agreement.batchnorm_mean_difference", mean)
    record["training"]["agreement"] |= {"batchnorm_variance_difference": variance, "loss_max_difference": loss}
    reference = record["training"]["reference"]["losses"]
    losses = [0.0] * len(reference) if zero else [*reference[:2], reference[2] + loss, *reference[3:]]
    record["training"]["result"] |= {"losses": losses, "accuracy": accuracy}
    found = verdict(record, {}, NOW)
    assert found["code"] in right
    assert found["state"] == ("READY" if right == {"TRAINED"} else "NOT_READY")
    assert "driver" not in found["next_step"].split(". ")[0], "a driver's update is no first answer"


SPELLED: list[tuple[str, tuple[str, int]]] = [
    ("HRESULT failed with 0x887A0005: x", ("number", 0x887A0005)),
    ("error 887A0005", ("number", 0x887A0005)),
    ("Unknown error -2005270523", ("number", 0x887A0005)),
    ("exited with 2289696773", ("number", 0x887A0005)),
    ("0xffffffff887a0005", ("number", 0x887A0005)),
    ("status 0xC0000135.", ("number", 0xC0000135)),
    ("Exception from HRESULT: 0x80070005 (E_ACCESSDENIED)", ("win32", 5)),
    ("'wsmanfault_code': 2147942405", ("win32", 5)),
    ('<f:WSManFault Code="5" Machine="pc">', ("win32", 5)),
    ("OSError: [WinError 1114] 动态链接库", ("win32", 1114)),
    (r"C:\x: Accès refusé. (os error 5)", ("win32", 5)),
    ("Datei (Win32ErrorCode 1326 - 0x0000052E)", ("win32", 1326)),
    ("LoadLibrary failed with error 126", ("win32", 126)),
    ("System error 1260 has occurred.", ("win32", 1260)),
    ("(Error code: 4551)", ("win32", 4551)),
    ("Error: 0x1bc", ("win32", 444)),
    ("[Errno 28] No space left", ("errno", 28)),
    ("/opt/x: refused (os error 111)", ("errno", 111)),
    ("Unexpected error from cudaGetDeviceCount(). Did you? Error 46: busy", ("cuda", 46)),
    ("cuda runtime error (999) : unknown error at x.cpp:50", ("cuda", 999)),
    ("CUDA failure 700: an illegal", ("cuda", 700)),
    ("cuInit(0) failed with 100", ("cuda", 100)),
    ("CUDA driver error: 803", ("cuda", 803)),
]


@pytest.mark.parametrize(("text", "number"), SPELLED)
def test_a_number_is_read_in_every_spelling(text: str, number: tuple[str, int]) -> None:
    assert number in numbers.read(text)
    assert number in numbers.read(f"before\n{text}\nafter")


@pytest.mark.parametrize(
    "text",
    [
        "a uuid 80070005-0000-4000-8000-000000000000",
        "10.0.22631.4602",
        "wrote 4096 files, 5 of 9 errors",
        "2026-11-25 10:11:12.2289696773",
        "CUDA 12.4, driver 550.54.14",
        "-1",
    ],
)
def test_other_numbers_are_none(text: str) -> None:
    assert numbers.read(text) == frozenset()


def test_os_error_is_of_the_system_whose_path_stands_beside_it() -> None:
    assert numbers.read(r"C:\g\x (os error 32)") == {("win32", 32)}
    assert numbers.read("/opt/x (os error 32)") == {("errno", 32)}
    assert numbers.read("busy (os error 32)") == {("win32", 32), ("errno", 32)}


def working() -> list[Any]:
    """What working systems print, as it was recorded."""
    found: list[Any] = []
    for file in sorted((DATA / "wsl_outputs").glob("*.stdout.txt")):
        if re.search(r"version|list|___status_en|__l_(ja|pt)|online", file.name):
            found.append(pytest.param(file, id=file.name))
    found += [pytest.param(file, id=file.name) for file in sorted((DATA / "nvidia_smi").glob("*.xml"))]
    found += [pytest.param(file, id=file.name) for file in sorted((DATA / "nvidia_smi").glob("*exporter*.txt"))]
    return [*found, pytest.param(DATA / "working.txt", id="working.txt")]


@pytest.mark.parametrize("file", working())
def test_what_a_working_system_prints_has_no_code(file: Path) -> None:
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        code = catalogue.match(line)
        assert code is None or catalogue.remedy(code).severity == catalogue.NOTE, line
