"""What Windows Update's answers become: a code with its cause, or a driver."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.driver import updates
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import catalogue

SERVER = {"server": "http://wsus:8530", "drivers_excluded": True}


def said(step: str, number: int = 0, result: int | None = None, **policy: Any) -> dict[str, Any]:
    signed = number - 2**32 if number >= 2**31 else number
    return {"policy": policy, "step": step, "title": "Intel - Display", "result": result, "hresult": signed}


@pytest.mark.parametrize(("update", "code", "cause"), [
    (said("policy", access_disabled=True), "WINDOWS_UPDATE_OFF", "the policy DisableWindowsUpdateAccess"),
    (said("policy", service_disabled=True), "WINDOWS_UPDATE_OFF", "the service wuauserv"),
    (said("search", 0x8024002E), "WINDOWS_UPDATE_OFF", "ended with 0x8024002E: a policy forbids"),
    (said("search", 0x80070422), "WINDOWS_UPDATE_OFF", "wuauserv is disabled"),
    (said("search", 0x8024402C), "WINDOWS_UPDATE_FAILED", "its search ended with 0x8024402C: its server or the proxy"),
    (said("search", 0x80240FFF), "WINDOWS_UPDATE_FAILED", "of which nothing is known"),
    (said("search"), "DRIVER_NOT_OFFERED", "Windows Update has no newer driver for RTX"),
    (said("search", **SERVER), "DRIVER_NOT_OFFERED", "RTX (the PC asks http://wsus:8530, by policy; the pol"),
    (said("licence"), "DRIVER_LICENCE", "Intel - Display has a licence"),
    (said("download", 0x80070005), "WINDOWS_UPDATE_DENIED", "its download ended with 0x80070005"),
    (said("download", 0x80072EFD, 4), "WINDOWS_UPDATE_FAILED", "of Intel - Display failed with 0x80072EFD: its server"),
    (said("download", 0, 5), "WINDOWS_UPDATE_FAILED", "its download of Intel - Display ended"),
    (said("install", 0x80240016), "DRIVER_BUSY", "another installation is under way"),
    (said("install", 0x80240016, 4), "DRIVER_BUSY", "another installation is under way"),
    (said("install", 0x800F0203, 4), "WINDOWS_UPDATE_FAILED", "of Intel - Display failed with 0x800F0203"),
    ({}, "WINDOWS_UPDATE_FAILED", "result None"),
])  # fmt: skip
def test_no_driver_has_a_code_and_a_cause(update: dict[str, Any], code: str, cause: str) -> None:
    found = updates.failure(update, "RTX")
    assert found is not None
    assert (found.code, cause in found.words) == (code, True), found
    assert catalogue.remedy(code).next_step


@pytest.mark.parametrize("result", [2, 3])
def test_what_was_installed_is_no_failure(result: int) -> None:
    assert updates.failure(said("install", 0, result), "RTX") is None
