"""The verdict: what passes, what each failure is called, and that nothing missing ever passes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict.judging import fingerprint, verdict
from records import a_pass, changed, good, on_cpu

NOW = datetime.now(UTC).isoformat()


def judged(record: dict[str, Any], **policy: Any) -> tuple[str, str]:
    found = verdict(record, policy)
    return found["state"], found["code"]


def test_a_pc_that_trained_is_ready() -> None:
    found = verdict(good(), {})
    assert (found["state"], found["code"], found["next_step"]) == ("READY", "TRAINED", "")
    assert {check["state"] for check in found["checks"]} == {"pass"}
    assert found["fingerprint"] == {
        "host": "pc07",
        "driver": "31.0.24027.1012",
        "os_build": "10.0.22631",
        "kernel": None,
        "wsl": None,
        "export": None,
        "stack": "tensorflow-directml-plugin",
        "lock_sha256": "aa",
        "trainer_sha256": "bb",
        "adapter": "PCI\\VEN_1002&DEV_73BF",
    }


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("training.result.losses", ["nan"] * 8, ("NOT_READY", "NOT_FINITE")),
        ("training.result.losses", [1.77, 1.0, "inf", 0.2, 0.2, 0.2, 0.2, 0.1], ("NOT_READY", "NOT_FINITE")),
        ("training.result.losses", [1.77] * 8, ("NOT_READY", "LOSS_NOT_FALLING")),
        ("training.result.losses", [], ("UNKNOWN", "EVIDENCE_INCOMPLETE")),
        ("training.result.losses", None, ("UNKNOWN", "EVIDENCE_INCOMPLETE")),
        ("training.result.accuracy", 0.3, ("NOT_READY", "LABELS_NOT_LEARNED")),
        ("training.result.accuracy", "nan", ("NOT_READY", "LABELS_NOT_LEARNED")),
        ("training.task.labels", False, ("NOT_READY", "LABELS_NOT_LEARNED")),
        ("training.task.labels", None, ("UNKNOWN", "EVIDENCE_INCOMPLETE")),
        ("training.device.placed", False, ("NOT_READY", "CPU_FALLBACK")),
        ("training.device.placed", None, ("UNKNOWN", "EVIDENCE_INCOMPLETE")),
        ("training.device.fallbacks", ["aten::conv2d"], ("NOT_READY", "CPU_FALLBACK")),
        ("training.device.kind", "CPU", ("NOT_READY", "CPU_FALLBACK")),
        ("training.device.adapter_name", "Intel(R) UHD Graphics", ("NOT_READY", "WRONG_ADAPTER")),
        ("training.device.adapter_name", None, ("UNKNOWN", "EVIDENCE_INCOMPLETE")),
        ("training.device.adapter_name", "Radeon RX 6800", ("READY", "TRAINED")),
        ("training.agreement.batchnorm_variance_difference", 0.5, ("NOT_READY", "BATCHNORM_WRONG")),
        ("training.agreement.batchnorm_mean_difference", "nan", ("NOT_READY", "BATCHNORM_WRONG")),
        ("training.agreement.loss_max_difference", 0.9, ("NOT_READY", "REFERENCE_DISAGREES")),
        ("training.agreement.loss_max_difference", "nan", ("NOT_READY", "REFERENCE_DISAGREES")),
        ("training.reference.losses", [2.5] * 8, ("NOT_READY", "REFERENCE_DISAGREES")),
        ("training.reference.losses", ["nan"] * 8, ("NOT_READY", "REFERENCE_DISAGREES")),
        ("training.reference", None, ("UNKNOWN", "EVIDENCE_INCOMPLETE")),
        ("training.result.samples_per_second", 50.0, ("DEGRADED", "SLOW")),
        ("training.result.samples_per_second", None, ("UNKNOWN", "EVIDENCE_INCOMPLETE")),
        ("training.result.samples_per_second", "inf", ("UNKNOWN", "EVIDENCE_INCOMPLETE")),
        ("training.process.timed_out", True, ("NOT_READY", "TIMED_OUT")),
        ("training.finished", False, ("NOT_READY", "OUTPUT_TRUNCATED")),
        ("training", None, ("UNKNOWN", "NOT_VERIFIED")),
        ("plan.blockers", [{"code": "BASIC_DRIVER", "cause": "c", "next_step": "n"}], ("NOT_READY", "BASIC_DRIVER")),
        (
            "plan.blockers",
            [{"code": "FACTS_INCOMPLETE", "cause": "c", "next_step": "n"}],
            ("UNKNOWN", "FACTS_INCOMPLETE"),
        ),
        ("plan.blockers", None, ("UNKNOWN", "EVIDENCE_INCOMPLETE")),
        ("plan.stack", None, ("NOT_READY", "NO_STACK")),
        ("facts", None, ("UNKNOWN", "NO_EVIDENCE")),
        ("troubles", [{"code": "AUTH_REJECTED", "message": "m"}], ("UNREACHABLE", "AUTH_REJECTED")),
        ("troubles", [{"code": "MODULE_HUNG", "message": "m"}], ("UNKNOWN", "MODULE_HUNG")),
        ("troubles", [{"code": "DISK_FULL", "message": "m"}], ("NOT_READY", "DISK_FULL")),
        ("simulated", True, ("UNKNOWN", "SIMULATED")),
    ],
)
def test_each_failure_has_its_state_and_code(place: str, value: Any, expected: tuple[str, str]) -> None:
    assert judged(changed(place, value)) == expected


@pytest.mark.parametrize(
    ("rc", "code"),
    [
        ("0xC0000005", "ACCESS_VIOLATION"),
        (-1073741819, "ACCESS_VIOLATION"),
        (3221225477, "ACCESS_VIOLATION"),
        (-11, "ACCESS_VIOLATION"),
        (-9, "KILLED"),
        (137, "KILLED"),
        ("0xC0000409", "CRASHED"),
        (-6, "CRASHED"),
        (1, "CRASHED"),
        (0, "OUTPUT_TRUNCATED"),
        (None, "CRASHED"),
    ],
)
def test_a_process_that_died_is_named_by_its_exit_code(rc: Any, code: str) -> None:
    record = changed(
        "training", {"finished": False, "error": None, "process": {"rc": rc, "timed_out": False, "stderr_tail": []}}
    )
    assert judged(record) == ("NOT_READY", code)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("CUDA out of memory. Tried to allocate 2.00 GiB", "OUT_OF_MEMORY"),
        ("device1->CompileGraph(...) failed", "OPERATOR_UNSUPPORTED"),
        ("Found no NVIDIA driver on your system.", "NVIDIA_NO_DRIVER"),
        ("No module named 'tensorflow'", "FRAMEWORK_IMPORT"),
        ("something nobody has seen", "TRAINING_FAILED"),
    ],
)
def test_an_error_is_named_by_its_words(message: str, code: str) -> None:
    error = {"type": "ModuleNotFoundError" if "module" in message else "RuntimeError", "message": message}
    record = changed(
        "training", {"finished": False, "error": error, "process": {"rc": 0, "timed_out": False, "stderr_tail": []}}
    )
    assert judged(record) == ("NOT_READY", code)


def test_a_floor_that_is_set_aside_is_said() -> None:
    found = verdict(changed("training.result.samples_per_second", 1.0), {"throughput_floor": None})
    assert found["state"] == "READY"
    assert {c["name"]: c["state"] for c in found["checks"]}["throughput"] == "waived"


def test_a_simulated_pc_is_ready_in_a_simulated_lab_alone() -> None:
    assert judged(changed("simulated", True), simulated_lab=True) == ("READY", "TRAINED")


def test_the_processor_is_never_ready() -> None:
    assert judged(on_cpu("cpu")) == ("NOT_READY", "NO_GPU")


def passed(**changes: Any) -> dict[str, Any]:
    record = changed("training", None)
    record["facts"]["last_pass"] = a_pass(record, fingerprint, NOW)
    record["facts"]["last_pass"]["fingerprint"] |= changes
    return record


def test_an_unchanged_pass_stands() -> None:
    found = verdict(passed(), {"trainer_sha256": "bb"})
    assert (found["state"], found["reused"], found["at"]) == ("READY", True, NOW)


@pytest.mark.parametrize("key", ["host", "driver", "os_build", "stack", "lock_sha256", "trainer_sha256", "adapter"])
def test_a_pass_is_stale_when_what_it_is_bound_to_changes(key: str) -> None:
    found = verdict(passed(**{key: "other"}), {"trainer_sha256": "bb"})
    assert (found["state"], found["code"]) == ("STALE", "PASS_STALE")


def test_a_pass_whose_binding_is_not_known_does_not_stand() -> None:
    assert judged(passed(driver=None), trainer_sha256="bb") == ("STALE", "PASS_STALE")
    assert judged(passed()) == ("STALE", "PASS_STALE")  # which trainer there is now is not known


def test_an_old_pass_does_not_stand() -> None:
    record = passed()
    record["facts"]["last_pass"]["at"] = (datetime.now(UTC) - timedelta(days=31)).isoformat()
    assert judged(record, trainer_sha256="bb") == ("STALE", "PASS_TOO_OLD")
    record["facts"]["last_pass"]["at"] = "yesterday"
    assert judged(record, trainer_sha256="bb") == ("STALE", "PASS_TOO_OLD")


def test_a_check_skips_what_was_not_trained() -> None:
    assert judged(changed("training", {"skipped": "check mode"}), check_mode=True) == ("SKIPPED", "CHECK_MODE")


@pytest.mark.parametrize(
    ("connection", "words"),
    [
        (None, "enable-remoting.ps1"),
        ("winrm", "enable-remoting.ps1"),
        ("psrp", "enable-remoting.ps1"),
        ("ssh", "ssh server"),
        ("ansible.builtin.ssh", "ssh server"),
    ],
)
def test_the_next_step_is_of_the_connection_in_use(connection: str | None, words: str) -> None:
    found = verdict(changed("troubles", [{"code": "PORT_CLOSED", "message": "x"}]), {"connection": connection})
    assert words in found["next_step"]
    own = changed("troubles", [{"code": "PORT_CLOSED", "message": "x", "next_step": "Do this."}])
    assert verdict(own, {"connection": connection})["next_step"] == "Do this."
