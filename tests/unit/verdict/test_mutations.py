"""What looks like a training on the planned GPU and is none: each is one change of a record that passes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.hardware.software import is_software
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict.judging import verdict
from records import LOSSES, changed, good

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
FOLDER = "C:\\ProgramData\\gpuready\\environments"
UUID = "GPU-5a1cd8bb-9d1b-4ce5-8a24-0d5a4b0d2d11"
OTHER = "GPU-7b2cd8bb-9d1b-4ce5-8a24-0d5a4b0d2d22"


def judged(record: dict[str, Any], **policy: Any) -> tuple[str, str]:
    found = verdict(record, policy, NOW)
    return found["state"], found["code"]


UNKNOWN = ("UNKNOWN", "EVIDENCE_INCOMPLETE")
FALLBACK = ("NOT_READY", "CPU_FALLBACK")
FRAMEWORK = ("NOT_READY", "WRONG_FRAMEWORK")
READY = ("READY", "TRAINED")


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        # where it computed
        ("training.device.places", ["/job:localhost/replica:0/task:0/device:CPU:0"], FALLBACK),
        ("training.device.places", ["/device:GPU:0", "/device:CPU:0"], FALLBACK),
        ("training.device.places", ["/device:GPU:1"], FALLBACK),
        ("training.device.places", [], UNKNOWN),
        ("training.device.places", None, UNKNOWN),
        ("training.device.places", [7], UNKNOWN),
        ("training.device.operators", 0, UNKNOWN),
        ("training.device.operators", None, UNKNOWN),
        ("training.device.operators", True, UNKNOWN),
        # what it trained
        ("training.task.classes", 1, UNKNOWN),
        ("training.task.samples", 1, UNKNOWN),
        ("training.task.samples", 31, UNKNOWN),
        ("training.task.classes", 100, UNKNOWN),
        ("training.task.batch", 1000, UNKNOWN),
        ("training.task.classes", "4", UNKNOWN),
        # with what
        ("training.framework.name", "torch", FRAMEWORK),
        ("training.framework.version", "2.11.0", FRAMEWORK),
        ("training.framework.version", "2.1", FRAMEWORK),
        ("training.framework.version", "2.100.0", FRAMEWORK),
        ("training.framework.version", "2.10", READY),
        ("training.framework", None, UNKNOWN),
        ("training.python.version", "3.11.4", FRAMEWORK),
        ("training.python.version", "3.1.0", FRAMEWORK),
        ("training.python.executable", "C:\\Python310\\python.exe", FRAMEWORK),
        ("training.python.executable", f"{FOLDER}\\plugin-ab\\Scripts\\python.exe", FRAMEWORK),
        ("training.python.executable", f"{FOLDER}\\PLUGIN-AA\\scripts\\python3.exe", READY),
        ("training.python", None, UNKNOWN),
        ("plan.environment.backend", None, UNKNOWN),
        ("facts.environments", [], UNKNOWN),
        # on what
        ("facts.adapters", [{**good()["facts"]["adapters"][0], "problem_code": 43, "status": "failing"}], UNKNOWN),
        ("facts.adapters", [{**good()["facts"]["adapters"][0], "problem_code": 43}], UNKNOWN),
        ("facts.adapters", [{**good()["facts"]["adapters"][0], "status": "unknown"}], UNKNOWN),
        ("facts.adapters", [{**good()["facts"]["adapters"][0], "driver": {"version": "1", "basic": True}}], UNKNOWN),
        ("plan.environment.visible_devices", UUID, ("NOT_READY", "WRONG_ADAPTER")),
    ],
)
def test_one_change_and_it_is_no_proof(place: str, value: Any, expected: tuple[str, str]) -> None:
    assert judged(changed(place, value)) == expected


@pytest.mark.parametrize(
    ("planned", "used", "expected"),
    [
        (UUID, UUID, READY),
        (UUID, UUID.removeprefix("GPU-").upper(), READY),  # as PyTorch writes it
        (UUID, OTHER, ("NOT_READY", "WRONG_ADAPTER")),
        (UUID, None, READY),
        (None, OTHER, READY),
    ],
)
def test_a_twin_with_another_uuid_is_another_gpu(planned: Any, used: Any, expected: tuple[str, str]) -> None:
    record = good()
    record["facts"]["adapters"][0]["uuid"] = planned
    record["training"]["device"]["uuid"] = used
    assert judged(record) == expected


def test_a_twin_that_is_asked_for_by_number_is_proven_by_its_uuid() -> None:
    record = good()
    record["facts"]["adapters"][0]["uuid"] = UUID
    record["facts"]["adapters"].append({**record["facts"]["adapters"][0], "index": 1, "id": "PCI\\2", "uuid": OTHER})
    record["plan"]["wishes"] = {"adapter": "0"}
    assert judged(record) == UNKNOWN
    record["training"]["device"]["uuid"] = UUID
    assert judged(record) == READY


@pytest.mark.parametrize(
    ("speed", "expected"),
    [(100.0, FALLBACK), (95.0, FALLBACK), (199.0, FALLBACK), (200.0, READY), (None, UNKNOWN)],
)
def test_losses_of_the_cpu_at_its_speed_are_the_cpus(speed: Any, expected: tuple[str, str]) -> None:
    record = changed("training.result.losses", list(LOSSES))
    record["training"]["result"]["samples_per_second"] = speed
    assert judged(record) == expected
    assert judged(record, throughput_floor=None) == expected


@pytest.mark.parametrize(
    ("integrated", "speed", "expected"),
    [
        (False, 99.0, ("DEGRADED", "SLOW")),
        (False, 100.0, READY),
        (True, 20.0, READY),
        (True, 19.0, ("DEGRADED", "SLOW")),
        (None, 20.0, READY),  # /dev/dxg does not say what it is
    ],
)
def test_only_a_card_must_be_faster_than_the_cpu(integrated: Any, speed: float, expected: tuple[str, str]) -> None:
    record = changed("training.result.samples_per_second", speed)
    record["facts"]["adapters"][0]["integrated"] = integrated
    assert judged(record) == expected


# --- software ---

SOFTWARE = [
    "Microsoft Basic Render Driver",
    "microsoft basic display adapter",
    "WARP",
    "llvmpipe (LLVM 15.0.7, 256 bits)",
]


@pytest.mark.parametrize("name", SOFTWARE)
def test_a_software_adapter_is_never_ready_whatever_was_planned(name: str) -> None:
    record = changed("training.device.adapter_name", name)
    assert judged(record) == ("NOT_READY", "SOFTWARE_ADAPTER")
    record["plan"]["adapter"] |= {"id": "/dev/dxg", "name": "GPU of Windows (/dev/dxg)"}
    record["facts"]["adapters"][0] |= {"id": "/dev/dxg", "status": "unknown", "problem_code": None}
    assert judged(record) == ("NOT_READY", "SOFTWARE_ADAPTER")
    record["plan"]["adapter"]["name"] = record["facts"]["adapters"][0]["name"] = name
    assert judged(record) == ("NOT_READY", "SOFTWARE_ADAPTER")


def test_a_software_adapter_is_known_by_its_number_too() -> None:
    record = good()
    record["facts"]["adapters"][0] |= {"vendor_id": "1414", "device_id": "008C"}
    assert judged(record) == ("NOT_READY", "SOFTWARE_ADAPTER")
    record["facts"]["adapters"][0]["device_id"] = "008e"  # a real one that Hyper-V passes on
    assert judged(record) == READY


def test_real_gpus_are_not_taken_for_software() -> None:
    for name in ("AMD Radeon RX 6800", "NVIDIA GeForce RTX 4090", "Intel(R) Arc(TM) B580 Graphics", None, ""):
        assert not is_software(name, "1002", "73bf")
