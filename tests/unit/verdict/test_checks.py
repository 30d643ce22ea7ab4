"""The checks at their bounds, and the order of judging."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict.judging import verdict
from records import LOSSES, changed, good, on_cpu

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def judged(record: dict[str, Any], **policy: Any) -> tuple[str, str]:
    found = verdict(record, policy, NOW)
    return found["state"], found["code"]


def check(record: dict[str, Any], name: str, **policy: Any) -> tuple[str, str]:
    found = next(c for c in verdict(record, policy, NOW)["checks"] if c["name"] == name)
    return found["state"], found["detail"]


# --- a student's first script ---


@pytest.mark.parametrize(
    ("keras", "word", "state"),
    [
        ({"finished": True, "version": "2.2.4-tf", "error": None}, ("READY", "TRAINED"), "pass"),
        (
            {"finished": False, "version": None, "error": {"type": "ImportError", "message": "no module\nh5py"}},
            ("NOT_READY", "KERAS_FAILED"),
            "fail",
        ),
        ({"finished": False, "version": None, "error": None}, ("UNKNOWN", "EVIDENCE_INCOMPLETE"), "unknown"),
        (
            {"finished": True, "version": "2.10.0", "error": {"type": "x"}},
            ("UNKNOWN", "EVIDENCE_INCOMPLETE"),
            "unknown",
        ),
        ({"finished": "yes", "version": "2.10.0", "error": None}, ("UNKNOWN", "EVIDENCE_INCOMPLETE"), "unknown"),
        (None, ("UNKNOWN", "EVIDENCE_INCOMPLETE"), "unknown"),
        ([], ("UNKNOWN", "EVIDENCE_INCOMPLETE"), "unknown"),
    ],
)
def test_keras_works_or_it_is_said_why_not(keras: Any, word: tuple[str, str], state: str) -> None:
    record = changed("training.keras", keras)
    assert (judged(record), check(record, "keras")[0]) == (word, state)
    assert "\n" not in check(record, "keras")[1]


def test_pytorch_brings_no_keras() -> None:
    record = changed("plan.environment.backend", "torch-directml")
    record["training"]["keras"] = None
    assert check(record, "keras") == ("pass", "the stack brings no keras")
    record["plan"]["environment"]["backend"] = None
    assert check(record, "keras")[0] == "unknown"


# --- bounds ---


def test_every_check_says_its_number_and_its_bound() -> None:
    found = {c["name"]: c["detail"] for c in verdict(good(), {}, NOW)["checks"]}
    assert list(found) == [
        *(
            "evidence",
            "framework",
            "finite",
            "task",
            "device",
            "arithmetic",
            "adapter",
            "labels",
            "loss",
            "agreement",
            "accuracy",
            "batchnorm",
            "keras",
            "throughput",
        )
    ]
    assert found["loss"] == "1.77 to 0.1533, bound 0.5 of the first"
    assert found["accuracy"] == "1, bound 0.9"
    assert found["throughput"] == "900 samples a second, CPU 100, ratio 9, bound 1"
    assert found["keras"] == "keras 2.10.0 was imported, fitted and asked"
    assert found["batchnorm"] == "mean off by 1e-07, variance by 2e-07, bound 0.01"


@pytest.mark.parametrize(
    ("place", "value", "name", "state"),
    [
        ("training.result.accuracy", 0.9, "accuracy", "pass"),
        ("training.result.accuracy", 0.8999, "accuracy", "fail"),
        ("training.result.accuracy", 1.0001, "accuracy", "unknown"),
        ("training.result.accuracy", -0.1, "accuracy", "unknown"),
        ("training.result.samples_per_second", 100.0, "throughput", "pass"),
        ("training.result.samples_per_second", 99.9, "throughput", "fail"),
        ("training.result.samples_per_second", -1, "throughput", "unknown"),
        ("training.reference.samples_per_second", 0, "throughput", "unknown"),
        ("training.reference.samples_per_second", "inf", "throughput", "unknown"),
        ("training.agreement.batchnorm_mean_difference", 0.01, "batchnorm", "pass"),
        ("training.agreement.batchnorm_mean_difference", 0.0101, "batchnorm", "fail"),
        ("training.agreement.batchnorm_mean_difference", "inf", "batchnorm", "fail"),
        ("training.agreement.batchnorm_mean_difference", "-inf", "batchnorm", "unknown"),
        ("training.agreement.batchnorm_variance_difference", -0.5, "batchnorm", "unknown"),
        ("training.agreement.loss_max_difference", 0.0177, "agreement", "pass"),
        ("training.agreement.loss_max_difference", 0.0178, "agreement", "fail"),
        ("training.agreement.loss_max_difference", "-inf", "agreement", "unknown"),
        ("training.agreement.loss_max_difference", "inf", "agreement", "fail"),
        ("training.reference.losses", ["inf", *LOSSES[1:]], "agreement", "fail"),
        ("training.reference.losses", LOSSES[:-1], "agreement", "unknown"),
        ("training.result.losses", [-loss for loss in LOSSES], "loss", "unknown"),
        ("training.result.losses", [0.0] * 8, "loss", "unknown"),
        ("training.result.losses", LOSSES[:2], "finite", "unknown"),
        ("training.task.steps", 40, "finite", "unknown"),
        ("training.task.steps", None, "finite", "unknown"),
        ("training.device.name", "/job:localhost/replica:0/task:0/device:CPU:0", "device", "fail"),
        ("training.device.name", "cpu", "device", "fail"),
        ("training.device.kind", "cpu", "device", "fail"),
        ("training.device.kind", "CUDA", "device", "unknown"),
        ("training.device.fallbacks", None, "device", "unknown"),
        ("training.device.adapters_found", 0, "adapter", "unknown"),
        ("training.device.adapters_found", None, "adapter", "pass"),
        ("training.device.adapter_name", "AMD Radeon(TM) RX 6800", "adapter", "pass"),
        ("training.device.adapter_name", "amd  radeon rx 6800\0", "adapter", "pass"),
        ("training.device.adapter_name", "AMD Radeon RX 6800 XT", "adapter", "fail"),
        ("training.device.adapter_name", "AMD Radeon(TM) Graphics", "adapter", "fail"),
        ("training.device.adapter_name", "\0", "adapter", "unknown"),
        ("training.schema_version", 2, "evidence", "unknown"),
        ("facts.adapters", [], "evidence", "unknown"),
        ("plan.adapter.id", "PCI\\OTHER", "evidence", "unknown"),
    ],
)
def test_a_check_at_its_bound(place: str, value: Any, name: str, state: str) -> None:
    record = changed(place, value)
    assert check(record, name)[0] == state
    assert judged(record)[0] == "READY" if state == "pass" else judged(record)[0] != "READY"


@pytest.mark.parametrize(
    ("planned", "used", "same"),
    [
        ("NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 4090", True),
        ("NVIDIA GeForce RTX 4090", "GeForce RTX 4090", True),
        ("NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 4080", False),
        ("Intel(R) UHD Graphics 630", "Intel(R) UHD Graphics 630", True),
        ("Intel(R) UHD Graphics", "NVIDIA GeForce RTX 3050 Ti Laptop GPU", False),
        ("Intel(R) Arc(TM) B580 Graphics", "Intel® Arc™ B580 Graphics", True),
        ("NVIDIA H200", "NVIDIA H200 MIG 1g.18gb", True),
        ("NVIDIA H200", "NVIDIA H200 NVL", False),
        ("Intel(R) Graphics", "AMD Graphics", False),
    ],
)
def test_a_gpu_is_known_by_its_name_however_it_is_spelled(planned: str, used: str, same: bool) -> None:
    record = changed("plan.adapter.name", planned)
    record["training"]["device"]["adapter_name"] = used
    assert judged(record) == (("READY", "TRAINED") if same else ("NOT_READY", "WRONG_ADAPTER"))


def test_the_gpu_that_windows_passes_on_has_no_name_in_a_guest() -> None:
    record = good()
    record["plan"]["adapter"] = {"index": 0, "id": "/dev/dxg", "name": "GPU of Windows (/dev/dxg)", "vendor": "other"}
    record["facts"]["adapters"][0]["id"] = "/dev/dxg"
    assert check(record, "adapter") == ("pass", "planned Windows' GPU, used AMD Radeon RX 6800")
    assert judged(record) == ("READY", "TRAINED")


@pytest.mark.parametrize(
    ("meant", "kind", "expected"),
    [
        ("CUDA", "CUDA", "READY"),
        ("DML", "DML", "READY"),
        ("XPU", "xpu", "READY"),
        ("CUDA", "DML", "UNKNOWN"),
        ("CPU", "CPU", "NOT_READY"),
        ("CUDA", "XPU", "UNKNOWN"),
        (None, "DML", "UNKNOWN"),
        (None, "NONE", "UNKNOWN"),
    ],
)
def test_the_device_is_of_the_kind_that_the_stack_means(meant: Any, kind: str, expected: str) -> None:
    record = changed("plan.environment.device_kind", meant)
    record["training"]["device"]["kind"] = kind
    assert judged(record)[0] == expected


# --- which failure is named ---


def test_what_failed_comes_before_what_is_unknown_and_slowness_comes_last() -> None:
    record = changed("training.result.samples_per_second", 1.0)
    assert judged(record) == ("DEGRADED", "SLOW")
    record["training"]["device"]["adapter_name"] = None
    assert judged(record) == ("UNKNOWN", "EVIDENCE_INCOMPLETE")
    record["training"]["result"]["accuracy"] = 0.2
    assert judged(record) == ("NOT_READY", "LABELS_NOT_LEARNED")
    record["training"]["result"]["losses"] = ["nan"] * 8
    assert judged(record) == ("NOT_READY", "NOT_FINITE")


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("AUTH_REJECTED", "UNREACHABLE"),
        ("HOST_OFF", "UNREACHABLE"),
        ("PORT_CLOSED", "UNREACHABLE"),
        ("TLS_MISMATCH", "UNREACHABLE"),
        ("CONNECTION_CUT", "UNREACHABLE"),
        ("KERBEROS_CLOCK", "UNKNOWN"),
        ("CONTROLLER_LACKS_LIBRARY", "UNKNOWN"),
        ("CONNECTION_SETTINGS", "UNREACHABLE"),
        ("MODULE_HUNG", "UNKNOWN"),
        ("OUTPUT_GARBAGE", "UNKNOWN"),
        ("TASK_FAILED", "UNKNOWN"),
        ("NO_EVIDENCE", "UNKNOWN"),
        ("TARGET_PYTHON_MISSING", "NOT_READY"),
        ("DISK_FULL", "NOT_READY"),
        ("HASH_MISMATCH", "NOT_READY"),
        ("UV_MISSING", "NOT_READY"),
        ("BAD_INPUT", "NOT_READY"),
        ("NEVER_HEARD_OF", "NOT_READY"),
    ],
)
def test_a_trouble_ends_as_its_code_says(code: str, state: str) -> None:
    record = changed("troubles", [{"code": code, "message": "words of the library", "step": "look", "task": "Look"}])
    found = verdict(record, {}, NOW)
    assert (found["state"], found["code"]) == (state, code)
    assert found["cause"].endswith(": words of the library")
    assert found["next_step"]


def test_the_first_trouble_is_the_cause_unless_it_says_nothing() -> None:
    told, failed = {"code": "DISK_FULL", "message": "full"}, {"code": "TASK_FAILED", "message": "failed"}
    assert judged(changed("troubles", [told, failed])) == ("NOT_READY", "DISK_FULL")
    assert judged(changed("troubles", [failed, told])) == ("NOT_READY", "DISK_FULL")
    assert judged(changed("troubles", [failed])) == ("UNKNOWN", "TASK_FAILED")
    assert judged(changed("troubles", ["garbage", {"code": "<b>", "message": 7}])) == ("UNKNOWN", "TASK_FAILED")
    assert judged(changed("troubles", "garbage")) == ("UNKNOWN", "EVIDENCE_INCOMPLETE")


def test_a_trouble_counts_more_than_a_training_that_passed() -> None:
    assert judged(changed("troubles", [{"code": "CONNECTION_CUT", "message": "m"}]))[0] == "UNREACHABLE"


def test_words_of_a_pc_are_one_short_line_without_passwords() -> None:
    record = changed("troubles", [{"code": "TASK_FAILED", "message": "password=Geheim\n\x1b[31m" + "x" * 5000}])
    cause = verdict(record, {}, NOW)["cause"]
    assert "Geheim" not in cause
    assert cause.isprintable()
    assert len(cause) < 400


# --- the processor ---


def test_a_reference_says_no_gpu_before_and_after_training() -> None:
    record = on_cpu("mine")
    found = verdict(record, {}, NOW)
    assert (found["state"], found["code"]) == ("NOT_READY", "NO_GPU")
    assert found["cause"].startswith("PyTorch trains on the processor here, but there is no GPU")
    record["training"]["result"]["losses"] = ["nan"] * 8
    assert judged(record) == ("NOT_READY", "NOT_FINITE")
    record["training"] = None
    assert judged(record) == ("NOT_READY", "NO_GPU")
    assert judged(record, check_mode=True) == ("SKIPPED", "CHECK_MODE")


def test_who_asks_for_a_reference_is_told_so() -> None:
    record = good()
    record["plan"] |= {"stack": "mine", "adapter": None, "wishes": {"stack": "mine"}}
    record["plan"]["environment"]["reference"] = True
    record["training"] = None
    found = verdict(record, {}, NOW)
    assert "gpuready_stack asks for mine, which is a reference" in found["cause"]
    assert "gpuready_stack" in found["next_step"]


@pytest.mark.parametrize("said", [None, "no", 0, [], {}])
def test_a_stack_of_which_it_is_not_known_whether_it_is_a_reference_proves_nothing(said: object) -> None:
    assert judged(changed("plan.environment.reference", said)) == ("UNKNOWN", "EVIDENCE_INCOMPLETE")


@pytest.mark.parametrize(
    ("wish", "uuid", "state"),
    [
        ("1", None, "UNKNOWN"),
        (1, None, "UNKNOWN"),
        ("1", "GPU-1", "READY"),  # the framework saw that one alone
        ("auto", None, "READY"),
        ("radeon", None, "READY"),
        (None, None, "READY"),
    ],
)
def test_one_of_two_alike_that_is_asked_for_by_number(wish: object, uuid: str | None, state: str) -> None:
    """A framework names a GPU by its name alone: that it was the second of two, nothing proves."""
    record = good()
    record["facts"]["adapters"].append({**record["facts"]["adapters"][0], "index": 1, "id": "PCI\\2"})
    record["plan"]["wishes"] = {"adapter": wish}
    record["plan"]["environment"]["visible_devices"] = uuid
    record["training"]["device"]["visible"] = uuid
    assert judged(record)[0] == state


def test_a_labs_own_lock_may_bring_another_version() -> None:
    record = changed("training.framework.version", "2.9.1")
    assert verdict(record, {})["code"] == "WRONG_FRAMEWORK"
    record["plan"]["variant"] = "own"
    assert verdict(record, {})["state"] == "READY"
