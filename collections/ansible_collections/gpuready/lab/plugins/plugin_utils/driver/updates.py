# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Windows Update's answers mean, where it was asked for the driver of one device."""

from __future__ import annotations

from collections.abc import Mapping

from .. import reading

# Windows Update's own numbers, as far as a person does something else for each: code and words.
_KNOWN = {
    0x80070005: ("WINDOWS_UPDATE_DENIED", "Windows refused it (access denied)"),
    0x80070422: ("WINDOWS_UPDATE_OFF", "the service wuauserv is disabled"),
    0x8024002E: ("WINDOWS_UPDATE_OFF", "a policy forbids Microsoft's servers, and no other is named"),
    0x80240016: ("DRIVER_BUSY", "another installation is under way, or waits for a restart"),
    0x80240023: ("DRIVER_LICENCE", "its licence was not accepted"),
    0x80240438: ("WINDOWS_UPDATE_FAILED", "its server cannot be reached"),
    0x8024401C: ("WINDOWS_UPDATE_FAILED", "its server did not answer in time"),
    0x8024402C: ("WINDOWS_UPDATE_FAILED", "its server or the proxy has no address"),
    0x80072EE2: ("WINDOWS_UPDATE_FAILED", "its server did not answer in time"),
    0x80072EE7: ("WINDOWS_UPDATE_FAILED", "its server has no address"),
    0x80072EFD: ("WINDOWS_UPDATE_FAILED", "its server cannot be reached"),
    0x80072F8F: ("WINDOWS_UPDATE_FAILED", "its server's certificate is not trusted; see the PC's clock too"),
    0x80040154: ("WINDOWS_UPDATE_FAILED", "this Windows has no Windows Update"),
}
# OperationResultCode; with errors too there is a driver, and the device says which.
_DONE = {"download": (2,), "install": (2, 3)}
_RESULTS = {0: "not started", 1: "in progress", 3: "succeeded with errors", 4: "failed", 5: "ended"}
_STEPS = {"search": "its search", "licence": "its licence", "download": "its download", "install": "its installation"}


def failure(update: Mapping[str, object], device: str) -> tuple[str, str] | None:
    """The code and the cause, where no driver was installed; None where one was."""
    policy, step = reading.section(update, "policy"), str(update.get("step"))
    title = reading.one_line(str(update.get("title") or ""))
    number, result = (reading.integer(update.get("hresult")) or 0) & 0xFFFFFFFF, reading.integer(update.get("result"))
    if policy.get("access_disabled") is True:
        return "WINDOWS_UPDATE_OFF", "the policy DisableWindowsUpdateAccess keeps the PC from Windows Update"
    if policy.get("service_disabled") is True:
        return "WINDOWS_UPDATE_OFF", "the service wuauserv of Windows Update is disabled"
    if number and result is None:
        code, words = _KNOWN.get(number, ("WINDOWS_UPDATE_FAILED", "of which nothing is known here"))
        return code, f"Windows Update: {_STEPS.get(step, step)} ended with 0x{number:08X}: {words}"
    if step == "search":
        return "DRIVER_NOT_OFFERED", f"Windows Update has no newer driver for {device}{_whom(policy)}"
    if step == "licence":
        return "DRIVER_LICENCE", f"{title} has a licence, and the lab does not accept it"
    if result in _DONE.get(step, ()):
        return None if step == "install" else ("WINDOWS_UPDATE_FAILED", f"Windows Update did not install {title}")
    code, words = _KNOWN.get(number, ("WINDOWS_UPDATE_FAILED", ""))
    ended = _RESULTS.get(-1 if result is None else result, f"result {result}")
    more = f" with 0x{number:08X}{f': {words}' if words else ''}" if number else ""
    return code, f"Windows Update: {_STEPS.get(step, step)} of {title} {ended}{more}"


def _whom(policy: Mapping[str, object]) -> str:
    """Whose offer it is, where a policy says so."""
    server = reading.one_line(str(policy.get("server") or ""))
    said = [f"the PC asks {server}, by policy"] if server else []
    if policy.get("drivers_excluded") is True:
        said.append("the policy ExcludeWUDriversInQualityUpdate leaves drivers out")
    return f" ({'; '.join(said)})" if said else ""
