# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Windows Update's answers mean, where it was asked for the driver of one device."""

from __future__ import annotations

from collections.abc import Mapping

from .. import reading
from .endings import Ending

# Windows Update's own numbers, as far as a person does something else for each.
_KNOWN = {
    0x80070005: Ending("Windows refused it (access denied)", "WINDOWS_UPDATE_DENIED"),
    0x80070422: Ending("the service wuauserv is disabled", "WINDOWS_UPDATE_OFF"),
    0x8024002E: Ending("a policy forbids Microsoft's servers, and no other is named", "WINDOWS_UPDATE_OFF"),
    0x80240016: Ending("another installation is under way, or waits for a restart", "DRIVER_BUSY"),
    0x80240023: Ending("its licence was not accepted", "DRIVER_LICENCE"),
    0x80240438: Ending("its server cannot be reached", "WINDOWS_UPDATE_FAILED"),
    0x8024401C: Ending("its server did not answer in time", "WINDOWS_UPDATE_FAILED"),
    0x8024402C: Ending("its server or the proxy has no address", "WINDOWS_UPDATE_FAILED"),
    0x80072EE2: Ending("its server did not answer in time", "WINDOWS_UPDATE_FAILED"),
    0x80072EE7: Ending("its server has no address", "WINDOWS_UPDATE_FAILED"),
    0x80072EFD: Ending("its server cannot be reached", "WINDOWS_UPDATE_FAILED"),
    0x80072F8F: Ending("its server's certificate is not trusted; see the PC's clock too", "WINDOWS_UPDATE_FAILED"),
    0x80040154: Ending("this Windows has no Windows Update", "WINDOWS_UPDATE_FAILED"),
}
# OperationResultCode of an installation; with errors too there is a driver, and the device says which.
_DONE = (2, 3)
_RESULTS = {0: "not started", 1: "in progress", 3: "succeeded with errors", 4: "failed", 5: "ended"}
_STEPS = {"search": "its search", "licence": "its licence", "download": "its download", "install": "its installation"}


def failure(update: Mapping[str, object], device: str) -> Ending | None:
    """Why no driver was installed; None where one was."""
    policy, step = reading.section(update, "policy"), str(update.get("step"))
    title = reading.one_line(str(update.get("title") or ""))
    number, result = (reading.integer(update.get("hresult")) or 0) & 0xFFFFFFFF, reading.integer(update.get("result"))
    if policy.get("access_disabled") is True:
        cause = "the policy DisableWindowsUpdateAccess keeps the PC from Windows Update"
        return Ending(cause, "WINDOWS_UPDATE_OFF")
    if policy.get("service_disabled") is True:
        return Ending("the service wuauserv of Windows Update is disabled", "WINDOWS_UPDATE_OFF")
    if number and result is None:
        known = _KNOWN.get(number, Ending("of which nothing is known here", "WINDOWS_UPDATE_FAILED"))
        return Ending(f"Windows Update: {_STEPS.get(step, step)} ended with 0x{number:08X}: {known.words}", known.code)
    if step == "search":
        return Ending(f"Windows Update has no newer driver for {device}{_whom(policy)}", "DRIVER_NOT_OFFERED")
    if step == "licence":
        return Ending(f"{title} has a licence, and the lab does not accept it", "DRIVER_LICENCE")
    if step == "install" and result in _DONE:
        return None
    known = _KNOWN.get(number, Ending("", "WINDOWS_UPDATE_FAILED"))
    ended = _RESULTS.get(-1 if result is None else result, f"result {result}")
    more = f" with 0x{number:08X}{f': {known.words}' if known.words else ''}" if number else ""
    return Ending(f"Windows Update: {_STEPS.get(step, step)} of {title} {ended}{more}", known.code)


def _whom(policy: Mapping[str, object]) -> str:
    """Whose offer it is, where a policy says so."""
    server = reading.one_line(str(policy.get("server") or ""))
    said = [f"the PC asks {server}, by policy"] if server else []
    if policy.get("drivers_excluded") is True:
        said.append("the policy ExcludeWUDriversInQualityUpdate leaves drivers out")
    return f" ({'; '.join(said)})" if said else ""
