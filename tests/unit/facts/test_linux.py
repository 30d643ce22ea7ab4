"""Facts of Linux machines: the machine itself, its environments and interpreters, and evidence that is not whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from linux_facts_help import evidence, facts_of, interpret, program, sysfs


def test_machine_without_a_gpu(tmp_path: Path) -> None:
    facts = facts_of(sysfs(tmp_path, _00_1f_3={"vendor": "0x8086", "device": "0x1234", "class": "0x040300"}))
    assert facts["adapters"] == []
    assert facts["ignored_adapters"] == []
    assert facts["problems"] == []
    assert facts["os"] == {
        "family": "linux",
        "name": "Debian GNU/Linux 12 (bookworm)",
        "version": "12",
        "build": None,
        "revision": None,
        "kind": None,
        "architecture": "x86_64",
        "language": "de_DE.UTF-8",
        "kernel": "6.1.0-18-amd64",
        "glibc": "2.36",
        "distribution": {"id": "debian", "version": "12"},
        "wsl": False,
        "boot_time": "2026-11-23T07:00:00Z",
        "computer_name": None,
    }
    assert facts["machine"] == {
        "manufacturer": "LENOVO",
        "model": "P620",
        "memory_bytes": 34359738368,
        "processor": "AMD Ryzen 7",
        "logical_processors": 16,
        "virtualization": True,
        "hypervisor": False,
    }
    assert facts["users"] == [
        {"name": "student", "session": "tty2", "state": None},
        {"name": "student", "session": "pts/0", "state": None},
    ]
    assert facts["uv"] == {"path": "/usr/bin/x", "version": "0.9.1"}
    assert facts["pending_reboot"] == {"pending": False, "reasons": []}
    assert (facts["dxg"], facts["wsl"], facts["features"], facts["last_pass"]) == (False, None, None, None)


def test_pieces_that_could_not_be_had_are_named() -> None:
    broken = evidence()
    broken["pieces"]["pci_display"] = {"value": None, "error": {"code": "ACCESS_DENIED", "message": "no"}}
    del broken["pieces"]["memory"]
    facts = interpret(broken)
    assert {(p["piece"], p["code"]) for p in facts["problems"]} == {
        ("pci_display", "ACCESS_DENIED"),
        ("memory", "PIECE_MISSING"),
    }
    assert facts["machine"]["memory_bytes"] is None


@pytest.mark.parametrize("wrong", [None, 5, "text", [], [1], {"a": 1}, {"stdout": 5, "rc": "x"}, [{"vendor": 5}], True])
def test_evidence_of_any_shape(wrong: Any) -> None:
    whole = evidence()
    for name in whole["pieces"]:
        facts = interpret({**whole, "pieces": {**whole["pieces"], name: {"value": wrong, "error": None}}})
        assert facts["os"]["family"] == "linux"
        json.dumps(facts)
    assert interpret({"pieces": wrong})["problems"]
    assert interpret(wrong)["problems"]


def test_environments_and_passes() -> None:
    home = "/opt/gpuready"
    about = json.dumps({"stack": "cuda", "lock_sha256": "ab", "complete": True})
    facts = interpret(
        evidence(
            environments={
                "home": home,
                "directories": [
                    {"name": "cuda-aaaaaaaaaaaa", "path": f"{home}/environments/cuda-aaaaaaaaaaaa", "text": about},
                    {"name": "cuda-bbbbbbbbbbbb", "path": f"{home}/environments/cuda-bbbbbbbbbbbb", "text": about},
                    {"name": "torch-directml-cccccccccccc", "path": f"{home}/environments/x", "text": None},
                    {"name": "cpu-dddddddddddd", "path": f"{home}/environments/y", "text": "{half"},
                ],
                "current": [
                    {
                        "name": "cuda.json",
                        "text": json.dumps({"stack": "cuda", "environment": f"{home}/environments/cuda-bbbbbbbbbbbb"}),
                    }
                ],
            },
            last_pass=[
                {
                    "name": "cpu.json",
                    "text": json.dumps({"fingerprint": {}, "verdict": {}, "at": "2026-01-01T00:00:00Z"}),
                },
                {
                    "name": "cuda.json",
                    "text": json.dumps({"fingerprint": {"stack": "cuda"}, "verdict": {}, "at": "2026-02-01T00:00:00Z"}),
                },
            ],
        )
    )
    assert [(e["stack"], e["state"]) for e in facts["environments"]] == [
        ("cuda", "old"),
        ("cuda", "current"),
        ("torch-directml", "building"),
        ("cpu", "building"),
    ]
    assert facts["last_pass"]["fingerprint"] == {"stack": "cuda"}
    assert [p["code"] for p in facts["problems"]] == ["FILE_UNREADABLE"]


def test_interpreters() -> None:
    def says(path: str, stdout: str, rc: int = 0) -> dict[str, Any]:
        return {"path": path, "source": "path", "says": program(stdout, rc)}

    facts = interpret(
        evidence(
            interpreters=[
                says("/usr/bin/python3", "3.11.2 x86_64 CPython 8\n"),
                says("/usr/bin/python3.10", "3.10.4 x86_64 CPython 4\n"),
                says("/usr/bin/python3.9", "", 127),
                says("/opt/pypy/bin/python3", "3.10.14 x86_64 PyPy 8\n"),
                {"path": "/usr/bin/python3.8", "source": "path", "says": None},
            ]
        )
    )
    assert facts["interpreters"] == [
        {"path": "/usr/bin/python3", "version": "3.11.2", "architecture": "x86_64"},
        {"path": "/usr/bin/python3.10", "version": "3.10.4", "architecture": "x86"},
    ]
