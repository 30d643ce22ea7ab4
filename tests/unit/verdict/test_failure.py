"""A failed task as a trouble: its own code counts, and its words only where they can be the way to the PC."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict.failure import trouble, with_clock

REFUSED = "winrm connection error: HTTPConnectionPool(host='pc', port=5985): [Errno 111] Connection refused"


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        ({"msg": "no room", "code": "DISK_FULL"}, "DISK_FULL"),
        ({"msg": "Connection refused", "code": "HASH_MISMATCH", "unreachable": True}, "HASH_MISMATCH"),
        ({"msg": "no room", "code": "not a code"}, "TASK_FAILED"),
        ({"msg": "Timed out after 180 second(s)."}, "MODULE_HUNG"),
        ({"msg": REFUSED, "unreachable": True}, "PORT_CLOSED"),
        ({"msg": REFUSED}, "PORT_CLOSED"),  # in the words of the way itself
        ({"msg": "uv: Connection refused by the index"}, "TASK_FAILED"),  # a module speaks of another way
        ({"msg": "it failed", "module_stderr": "HTTPConnectionPool: Connection refused"}, "PORT_CLOSED"),
        ({"stderr": "it failed"}, "TASK_FAILED"),
        ({}, "TASK_FAILED"),
        ("it failed", "TASK_FAILED"),
        (None, "TASK_FAILED"),
    ],
)
def test_the_code_of_a_failure(failure: Any, code: str) -> None:
    found = trouble(failure, "Build", answered=False)
    assert (found["code"], found["step"], found["task"]) == (code, "apply", "Build")
    assert found["message"]


def test_a_pc_that_answered_before_was_cut_off() -> None:
    gone = {"msg": REFUSED, "unreachable": True}
    assert trouble(gone, "Build", answered=True)["code"] == "CONNECTION_CUT"
    assert trouble({"msg": "no room", "code": "DISK_FULL"}, "Build", answered=True)["code"] == "DISK_FULL"


def test_a_wrong_argument_of_a_role_is_bad_input() -> None:
    found = trouble({"msg": "value of x must be one of"}, "Validating arguments against arg spec main", answered=False)
    assert found["code"] == "BAD_INPUT"


def test_its_words_are_one_line_without_passwords() -> None:
    found = trouble({"msg": "no\nroom password=Geheim", "step": "verify"}, "Train", answered=False)
    assert (found["message"], found["step"]) == ("no room password=***", "verify")


def test_the_last_lines_of_what_failed_are_kept() -> None:
    said = [f"line {number}" for number in range(20)] + ["from https://lab:secret@index.lab/simple\nand on"]
    kept = trouble({"msg": "packages", "code": "NO_WHEEL", "details": said}, "Build", answered=False)["details"]
    assert kept[0] == "line 6"
    assert kept[-1] == "from https://index.lab/simple and on"
    assert "details" not in trouble({"msg": "no room", "code": "DISK_FULL", "details": []}, "Build", answered=False)


CERTIFICATE = {"code": "INDEX_UNTRUSTED", "message": "invalid peer certificate: Expired"}


@pytest.mark.parametrize(
    ("clock", "code", "says"),
    [
        (
            "2016-11-25T08:00:00Z",
            "CLOCK_WRONG",
            "the PC's clock is 3652 days behind: invalid peer certificate: Expired",
        ),
        ("2036-11-25T08:00:00Z", "CLOCK_WRONG", "3653 days ahead"),
        ("2026-11-25T20:00:00Z", "INDEX_UNTRUSTED", "invalid"),
        ("2016-11-25T08:00:00", "INDEX_UNTRUSTED", "invalid"),
        (None, "INDEX_UNTRUSTED", "invalid"),
        ("soon", "INDEX_UNTRUSTED", "invalid"),
    ],
)
def test_a_clock_that_is_wrong_is_why_a_certificate_fails(clock: Any, code: str, says: str) -> None:
    record = {"looked_at": "2026-11-25T08:00:00.000+00:00", "facts": {"collected_at": clock}}
    found = with_clock(dict(CERTIFICATE), record)  # type: ignore[arg-type]
    assert found["code"] == code
    assert says in found["message"]
    assert with_clock({"code": "DISK_FULL", "message": "full"}, record)["code"] == "DISK_FULL"


@pytest.mark.parametrize("before", ["", "Task failed: ", "Task failed: Action failed: "])
def test_a_role_that_begins_with_a_code_is_taken_at_its_word(before: str) -> None:
    found = trouble({"msg": f"{before}REBOOT_NEEDED: Windows must be restarted"}, "Stop", True)
    assert (found["code"], found["message"]) == ("REBOOT_NEEDED", "Windows must be restarted")
    other = trouble({"msg": "NO_SUCH_CODE: x"}, "Stop", True)
    assert (other["code"] != "NO_SUCH_CODE", other["message"]) == (True, "NO_SUCH_CODE: x")
