"""A module that failed: its own code, else its words; none of them thrown away."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import catalogue
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies.modules import explain, is_transient

HOME = r"C:\ProgramData\gpuready"
POLICY = f"{HOME}\\uv.exe cannot be started: Dieses Programm ist gesperrt. [WinError 1260]"
RENAME = f"failed to rename file from {HOME}\\cache\\.tmpo to {HOME}\\cache\\archive: Accès refusé. (os error 5)"
CASES: list[tuple[dict[str, Any], str]] = [
    ({"code": "UV_FAILED", "msg": POLICY}, "BLOCKED_BY_POLICY"),
    ({"code": "UV_FAILED", "msg": POLICY.replace("[WinError 1260]", "blocked by group policy")}, "BLOCKED_BY_POLICY"),
    ({"code": "UV_FAILED", "msg": POLICY.replace("1260", "5")}, "BLOCKED_BY_RIGHTS"),
    ({"code": "UV_FAILED", "msg": POLICY.replace("1260", "225")}, "BLOCKED_BY_ANTIVIRUS"),
    ({"code": "UV_FAILED", "phase": "packages", "msg": "ended with 2", "details": [RENAME]}, "ENVIRONMENT_IN_USE"),
    ({"code": "ENVIRONMENT_FAILED", "msg": "Die Datei ist infiziert. [WinError 225]"}, "BLOCKED_BY_ANTIVIRUS"),
    ({"code": "ENVIRONMENT_BROKEN", "msg": f"{HOME}\\python.exe [WinError 4551]"}, "BLOCKED_BY_POLICY"),
    ({"code": "HOME_NOT_WRITABLE", "msg": f"no right to write: {HOME}"}, "HOME_NOT_WRITABLE"),
    ({"code": "HOME_NOT_WRITABLE", "msg": f"{HOME}: Zugriff verweigert [WinError 5]"}, "HOME_NOT_WRITABLE"),
    ({"code": "HOME_NOT_WRITABLE", "msg": "/opt/x: Permission denied [Errno 13]"}, "HOME_NOT_WRITABLE"),
    ({"code": "ENVIRONMENT_FAILED", "msg": f"{HOME}: wird verwendet [WinError 32]"}, "ENVIRONMENT_IN_USE"),
    ({"code": "UV_MISSING", "msg": f"there is no uv on this PC that runs; give one; {POLICY}"}, "BLOCKED_BY_POLICY"),
    ({"code": "UV_MISSING", "msg": "there is no uv on this PC that runs; give one"}, "UV_MISSING"),
    ({"code": "ENVIRONMENT_BROKEN", "msg": "python ended with 0xC0000135"}, "VC_RUNTIME_MISSING"),
    ({"code": "ENVIRONMENT_BROKEN", "msg": "x cannot be started: [Errno 13]"}, "BLOCKED_BY_RIGHTS"),
    ({"code": "INTERPRETER_MISSING", "msg": "none; x cannot be started: [WinError 225]", "details": ["dns error"]},
     "BLOCKED_BY_ANTIVIRUS"),
    ({"code": "INTERPRETER_MISSING", "msg": "there is none", "details": ["dns error"]}, "INDEX_UNREACHABLE"),
    ({"code": "UV_FAILED", "phase": "packages", "msg": "packages ended with 0xC0000017"}, "OUT_OF_MEMORY"),
    ({"code": "LOCK_INVALID", "msg": "line 7 has no hash"}, "LOCK_INVALID"),
    ({"msg": "MODULE FAILURE: This script contains malicious content"}, "BLOCKED_BY_ANTIVIRUS"),
    ({"msg": "something nobody has seen"}, "ENVIRONMENT_FAILED"),
    ({}, "ENVIRONMENT_FAILED"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "code"), CASES)
def test_a_failed_module_is_read(answer: dict[str, Any], code: str) -> None:
    found = explain({"failed": True, **answer})
    assert found.code == code
    assert found.next_step.startswith(catalogue.remedy(code).next_step)


def test_words_of_ours_and_last_words_are_never_lost() -> None:
    assert explain({"code": "LOCK_INVALID", "msg": "line 7 has no hash"}).cause == "line 7 has no hash"
    odd = explain(
        {"code": "UV_FAILED", "phase": "packages", "msg": "packages ended with 101", "details": ["a", "odd: x"]}
    )
    assert (odd.code, odd.cause) == ("ENVIRONMENT_FAILED", "packages: building the environment failed: odd: x")
    alone = explain({"code": "UV_FAILED", "msg": "uv.exe cannot be started: nobody knows"})
    assert "nobody knows" in alone.cause
    assert "uv.exe cannot be started" in explain({"code": "UV_FAILED", "msg": POLICY}).cause, "which program it was"


def test_what_is_held_is_transient_and_what_is_blocked_is_not() -> None:
    assert is_transient({"failed": True, "code": "UV_FAILED", "details": [RENAME]})
    assert is_transient({"failed": True, "msg": "error CS0016: Could not write to output file"})
    assert is_transient({"trouble": {"code": "TEMP_LOCKED", "message": "x"}})
    assert not is_transient({"failed": True, "code": "UV_FAILED", "msg": POLICY})
    assert not is_transient({"msg": "error CS0016"}), "it did not fail"


def test_what_nothing_knows_ends_with_its_last_words() -> None:
    answer = {
        "failed": True,
        "code": "ENVIRONMENT_FAILED",
        "msg": "cannot do it",
        "details": ["x", "zork 17 (os error 9999)"],
    }
    found = explain(answer)
    assert (found.code, found.cause) == ("ENVIRONMENT_FAILED", "cannot do it: zork 17 (os error 9999)")
