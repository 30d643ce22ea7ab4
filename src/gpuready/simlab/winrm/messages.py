"""Envelopes and faults of WS-Management, and the names in them."""

from __future__ import annotations

import re
import uuid
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
}
RSP = NS["rsp"]
IDENTITY = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
WSMAN_FAULT = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
_TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
_WMI_ERROR = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/MSFT_WmiError"
_ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
_SECONDS = 20.0  # how long an operation may take when the request does not say it


class Fault(Exception):  # noqa: N818 - the protocol's own word
    """What the service answers instead of a result: WSMan code, SOAP subcode, text, HTTP status."""

    def __init__(self, code: int, subcode: str, reason: str, http: int = 500, wmi: bool = False) -> None:
        super().__init__(reason)
        self.code, self.subcode, self.reason, self.http = code, subcode, reason, http
        self._wmi = (
            f'<m:MSFT_WmiError xmlns:m="{_WMI_ERROR}"><m:error_Code>{code}</m:error_Code></m:MSFT_WmiError>' * wmi
        )

    def body(self, machine: str) -> str:
        """The fault as the body of an envelope, said by a machine of this name."""
        return (
            f"<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>{self.subcode}</s:Value></s:Subcode>"
            f'</s:Code><s:Reason><s:Text xml:lang="en-US">{escape(self.reason)}</s:Text></s:Reason><s:Detail>'
            '<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" '
            f'Code="{self.code}" Machine="{machine}">'
            f"<f:Message>{escape(self.reason)}</f:Message></f:WSManFault>{self._wmi}</s:Detail></s:Fault>"
        )


class Cut(Exception):  # noqa: N818 - not an error of ours
    """The connection is to be cut, without an answer."""


def operation_timeout() -> Fault:
    """The one fault that clients silently retry on."""
    text = "The WS-Management service cannot complete the operation within the time specified in OperationTimeout."
    return Fault(2150858793, "w:TimedOut", text)


def bad_shell(sid: str) -> Fault:
    """There is no such shell (any more)."""
    reason = "failed because the shell was not found on the server."
    text = f"The request for the Windows Remote Shell with ShellId {sid} {reason}"
    return Fault(2150858843, "w:InvalidSelectors", text)


def bad_command() -> Fault:
    """There is no such command in the shell (any more)."""
    return Fault(2150858843, "w:InvalidSelectors", "There is no such command in this shell.")


def bad_resource(uri: str, known: str) -> Fault:
    """There is no shell of that kind."""
    return Fault(2150858811, "w:InvalidResourceURI", f"There is no shell of the kind {uri}, only of {known}.")


def bad_operation(verb: str) -> Fault:
    """There is no such operation."""
    return Fault(2150858752, "a:ActionNotSupported", f"There is no operation {verb}.")


def quota() -> Fault:
    """The user's quota of operations is used up (ERROR_WSMAN_QUOTA_MAX_OPERATIONS)."""
    text = "The maximum number of concurrent operations for this user has been exceeded."
    return Fault(0x803381A6, "w:QuotaLimit", text, wmi=True)


def need(parent: ET.Element, path: str) -> ET.Element:
    """An element that must be there; a Fault when it is not."""
    element = parent.find(path, NS)
    if element is None:
        raise Fault(2150858752, "w:SchemaValidationError", f"The request has no {path}.")
    return element


def identify() -> str:
    """What anybody may ask."""
    return (
        f'<s:Envelope xmlns:s="{NS["s"]}"><s:Header/><s:Body><wsmid:IdentifyResponse xmlns:wsmid="{IDENTITY}">'
        "<wsmid:ProtocolVersion>http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd</wsmid:ProtocolVersion>"
        "<wsmid:ProductVendor>Microsoft Corporation</wsmid:ProductVendor>"
        "<wsmid:ProductVersion>OS: 0.0.0 SP: 0.0 Stack: 3.0</wsmid:ProductVersion>"
        "</wsmid:IdentifyResponse></s:Body></s:Envelope>"
    )


def envelope(action: str, relates: str, body: str) -> str:
    """A reply."""
    spaces = "".join(f' xmlns:{k}="{v}"' for k, v in NS.items())
    return (
        f'<s:Envelope xml:lang="en-US"{spaces} xmlns:x="{_TRANSFER}"><s:Header><a:Action>{action}</a:Action>'
        f"<a:MessageID>uuid:{uuid.uuid4()}</a:MessageID><a:To>{_ANONYMOUS}</a:To>"
        f"<a:RelatesTo>{relates}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )


def created(endpoint: str, uri: str, sid: str) -> str:
    """The reply to Create."""
    return (
        f"<x:ResourceCreated><a:Address>{endpoint}</a:Address><a:ReferenceParameters>"
        f'<w:ResourceURI>{uri}</w:ResourceURI><w:SelectorSet><w:Selector Name="ShellId">{sid}</w:Selector>'
        "</w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>"
    )


def seconds(duration: str) -> float:
    """PT20S, PT1M30S as seconds; 20 for what cannot be read."""
    match = re.fullmatch(r"P(?:\d+D)?T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?", duration)
    if match is None:
        return _SECONDS
    hours, minutes, rest = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + rest or _SECONDS
