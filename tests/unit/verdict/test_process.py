"""The ways in which a training dies, and what each is called."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict.judging import verdict
from records import changed

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def judged(record: dict[str, Any], **policy: Any) -> tuple[str, str]:
    found = verdict(record, policy, NOW)
    return found["state"], found["code"]


def died(rc: Any = 0, tail: list[str] | None = None, error: Any = None, **more: Any) -> dict[str, Any]:
    process = {"rc": rc, "timed_out": False, "seconds": 3.0, "stderr_tail": tail or []}
    return changed("training", {"schema_version": 1, "finished": False, "error": error, "process": process, **more})


@pytest.mark.parametrize(
    ("rc", "code"),
    [
        ("0xC0000005", "ACCESS_VIOLATION"),
        ("0xc000001d", "ILLEGAL_INSTRUCTION"),
        (-1073741795, "ILLEGAL_INSTRUCTION"),
        (3221225781, "VC_RUNTIME_MISSING"),
        (0xC0000017, "OUT_OF_MEMORY"),
        ("0xC000013A", "KILLED"),
        ("0xC00000FD", "CRASHED"),
        (-4, "ILLEGAL_INSTRUCTION"),
        (132, "ILLEGAL_INSTRUCTION"),
        (-7, "ACCESS_VIOLATION"),
        (139, "ACCESS_VIOLATION"),
        (143, "KILLED"),
        (134, "CRASHED"),
        (2, "CRASHED"),
        ("garbage", "CRASHED"),
        ([], "CRASHED"),
        (True, "CRASHED"),
    ],
)
def test_an_exit_code_has_its_name(rc: Any, code: str) -> None:
    assert judged(died(rc)) == ("NOT_READY", code)
    finished = changed("training.process.rc", rc)  # it says that it ended well, its process says otherwise
    assert judged(finished)[0] in ("NOT_READY", "UNKNOWN")


NO_ADAPTER = {"type": "Stop", "code": "DIRECTML_NO_ADAPTER", "message": "0"}
NO_LIBRARY = "Could not load dynamic library 'directml.d6f0.dll'; dlerror: not found"
NEWER = "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by /usr/lib/wsl/lib/libd3d12.so)"
OPENED = [f"Successfully opened dynamic library {name}" for name in ("libdirectml.so", "libdxcore.so", "libd3d12.so")]
NO_OPERATOR = "Could not run 'aten::nll_loss' with arguments from the 'DML' backend"


@pytest.mark.parametrize(
    ("rc", "tail", "error", "code"),
    [
        (0, [], {"type": "Stop", "code": "CPU_FALLBACK", "message": "the GPU is not DirectML's"}, "CPU_FALLBACK"),
        (0, [NO_LIBRARY], NO_ADAPTER, "DIRECTML_MISSING"),
        (0, ["dlerror: libd3d12.so: cannot open shared object file"], NO_ADAPTER, "D3D12_MISSING"),
        (0, [NEWER], NO_ADAPTER, "GLIBC_TOO_OLD"),
        (0, [], {"type": "OSError", "message": NEWER}, "GLIBC_TOO_OLD"),
        (0, ["found 0 compatible adapters."], NO_ADAPTER, "DIRECTML_NO_ADAPTER"),
        (0, [*OPENED, "found 0 compatible adapters."], NO_ADAPTER, "DIRECTML_NO_ADAPTER"),
        (0, ["dxgkio_query_adapter_info: Ioctl failed: -22"], {"type": "E", "message": "odd"}, "TRAINING_FAILED"),
        (0, [], {"type": "RuntimeError", "message": "CUDA out of memory."}, "OUT_OF_MEMORY"),
        (0, [], {"type": "MemoryError", "message": ""}, "OUT_OF_MEMORY"),
        (0, [], "boom", "TRAINING_FAILED"),
        (0, [], {}, "OUTPUT_TRUNCATED"),
        (134, ["F tensorflow: HRESULT failed with 0x887a0005"], None, "GPU_REMOVED"),
        (134, ["Check failed: OOM when allocating tensor"], None, "OUT_OF_MEMORY"),
        (137, ["oom-kill:constraint=CONSTRAINT_NONE"], None, "GUEST_MEMORY"),
        (139, ["found 0 compatible adapters"], None, "ACCESS_VIOLATION"),
        (1, ["Traceback", "ModuleNotFoundError: No module named 'torch'"], None, "FRAMEWORK_IMPORT"),
        (0, [], {"type": "Truncated", "code": "OUTPUT_TRUNCATED", "message": "in the middle"}, "OUTPUT_TRUNCATED"),
        (0, [], {"type": "E", "message": "DLL load failed while importing torch_directml_native"}, "DIRECTML_MISSING"),
        (0, [], {"type": "RuntimeError", "message": NO_OPERATOR}, "OPERATOR_UNSUPPORTED"),
        (0, [], {"type": "Stop", "code": "not a code", "message": "m"}, "TRAINING_FAILED"),
    ],
)  # fmt: skip
def test_the_cause_of_a_death(rc: Any, tail: list[str], error: Any, code: str) -> None:
    found = verdict(died(rc, tail, error), {}, NOW)
    assert (found["state"], found["code"]) == ("NOT_READY", code)
    assert found["next_step"]


def test_a_training_that_took_too_long_is_named_first() -> None:
    record = died(error={"type": "E", "message": "CUDA out of memory"})
    record["training"]["process"]["timed_out"] = True
    found = verdict(record, {}, NOW)
    assert (found["code"], found["cause"]) == ("TIMED_OUT", "the training did not end in time: 3.0 s")


@pytest.mark.parametrize("error", ["boom", {}, {"type": "E"}, [], 0, False])
def test_an_end_with_an_error_is_no_good_end(error: Any) -> None:
    assert judged(changed("training.error", error))[0] == "NOT_READY"


@pytest.mark.parametrize(
    "process",
    [
        None,
        {},
        {"rc": 0},
        {"rc": 0, "timed_out": None},
        {"timed_out": False},
        {"rc": 1, "timed_out": False},
        {"rc": False, "timed_out": False},
    ],
)
def test_a_good_end_without_a_good_process_is_unknown(process: Any) -> None:
    assert judged(changed("training.process", process)) == ("UNKNOWN", "EVIDENCE_INCOMPLETE")
