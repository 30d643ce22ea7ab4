"""WS-Management as far as Ansible's winrm connection speaks it: WinRS shells, their commands and their streams.

Written from what pywinrm 0.5 sends and accepts. Anything else (a PowerShell remoting shell, an unknown operation) is
answered with a fault that names it.
"""

from __future__ import annotations

import base64
import re
import threading
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
}
RSP = NS["rsp"]
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
IDENTITY = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
WSMAN_FAULT = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
WMI_ERROR = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/MSFT_WmiError"
ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
SHELL_URI = RSP + "/cmd"


class Fault(Exception):  # noqa: N818 - the protocol's own word
    """What the service answers instead of a result: WSMan code, SOAP subcode, text, HTTP status."""

    def __init__(self, code: int, subcode: str, reason: str, http: int = 500, wmi: bool = False) -> None:
        super().__init__(reason)
        self.code, self.subcode, self.reason, self.http = code, subcode, reason, http
        self._wmi = (
            f'<m:MSFT_WmiError xmlns:m="{WMI_ERROR}"><m:error_Code>{code}</m:error_Code></m:MSFT_WmiError>' * wmi
        )

    def body(self) -> str:
        """The fault as the body of an envelope."""
        return (
            f"<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>{self.subcode}</s:Value></s:Subcode>"
            f'</s:Code><s:Reason><s:Text xml:lang="en-US">{escape(self.reason)}</s:Text></s:Reason><s:Detail>'
            '<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" '
            f'Code="{self.code}" Machine="simlab">'
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


def quota() -> Fault:
    """The user's quota of operations is used up (ERROR_WSMAN_QUOTA_MAX_OPERATIONS)."""
    text = "The maximum number of concurrent operations for this user has been exceeded."
    return Fault(0x803381A6, "w:QuotaLimit", text, wmi=True)


class Command:
    """One command of a shell: stdin in, stdout, stderr and exit code out; the handler runs in a thread of its own."""

    def __init__(self, handler: Handler, line: str) -> None:
        self.id = str(uuid.uuid4()).upper()
        self.line = line
        self.dead = False  # the client gave it up, or the PC went down
        self.cut = False  # the next Receive ends in a cut connection
        self._stdin: list[bytes] = []
        self._eof = False
        self._out: list[tuple[str, bytes]] = []
        self._rc: int | None = None
        self._changed = threading.Condition()
        self._handler = handler
        threading.Thread(target=self._run, daemon=True, name=f"command-{self.id[:8]}").start()

    def feed(self, data: bytes, end: bool) -> None:
        """Take a piece of standard input."""
        with self._changed:
            self._stdin.append(data)
            self._eof = self._eof or end
            self._changed.notify_all()

    def read(self) -> bytes:
        """All of standard input; waits for its end. Raises Cut when the client has gone."""
        with self._changed:
            self._changed.wait_for(lambda: self._eof or self.dead)
            if self.dead:
                raise Cut
            data, self._stdin = b"".join(self._stdin), []
            return data

    def write(self, stream: str, data: bytes) -> None:
        """Hand out something on `stdout` or `stderr`."""
        with self._changed:
            if data:
                self._out.append((stream, data))
                self._changed.notify_all()

    def hang(self, seconds: float | None = None) -> None:
        """Do nothing for a time, or until the command is killed. Raises Cut when it is."""
        with self._changed:
            if self._changed.wait_for(lambda: self.dead, seconds):
                raise Cut

    def kill(self, cut: bool = False) -> None:
        """End it: the client signalled, or (cut) its connection is to be cut."""
        with self._changed:
            self.dead, self.cut = True, self.cut or cut
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            rc = self._handler(self)
        except Cut:
            rc = 1
        except Exception as error:  # a fault in a model must be seen, not hang
            self.write("stderr", f"simlab: {type(error).__name__}: {error}\n".encode())
            rc = 1
        with self._changed:
            self._rc = rc
            self._changed.notify_all()

    def receive(self, timeout: float) -> tuple[list[tuple[str, bytes]], int | None]:
        """What was written since the last time, and the exit code once it has ended."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._out or self._rc is not None or self.cut, timeout):
                raise operation_timeout()
            if self.cut:
                raise Cut
            out, self._out = self._out, []
            return out, self._rc


Handler = Callable[[Command], int]


def need(parent: ET.Element, path: str) -> ET.Element:
    """An element that must be there; a Fault when it is not."""
    found = parent.find(path, NS)
    if found is None:
        raise Fault(2150858752, "w:SchemaValidationError", f"simlab: the request has no {path}")
    return found


@dataclass
class Service:
    """The WinRM service of one PC. `handler` runs a command; `users` maps a user to his password."""

    handler: Handler
    users: Mapping[str, str]
    endpoint: str
    faults: list[Callable[[str], None]] = field(default_factory=list)  # called with each operation; may raise
    shells: dict[str, dict[str, Command]] = field(default_factory=dict)

    def dispatch(self, xml: bytes) -> tuple[int, str]:
        """Answer an envelope: HTTP status and envelope. Raises Cut."""
        try:
            root = ET.fromstring(xml)  # noqa: S314 - a simulated lab on a loopback address
        except ET.ParseError:
            return 400, ""
        body = root.find("s:Body", NS)
        header = root.find("s:Header", NS)
        if body is not None and body.find(f"{{{IDENTITY}}}Identify") is not None:
            return 200, self.identify()
        if body is None or header is None:
            return 400, ""
        action, message = header.findtext("a:Action", "", NS), header.findtext("a:MessageID", "", NS)
        verb = action.rsplit("/", 1)[-1]
        try:
            for fault in self.faults:
                fault(verb)
            return 200, self._envelope(action + "Response", message, self._operate(verb, header, body))
        except Fault as fault:
            return fault.http, self._envelope(WSMAN_FAULT, message, fault.body())

    def _operate(self, verb: str, header: ET.Element, body: ET.Element) -> str:
        resource = header.findtext("w:ResourceURI", "", NS)
        if resource != SHELL_URI:
            raise Fault(
                2150858811, "w:InvalidResourceURI", f"simlab: no shell of the kind {resource} (winrm only, no psrp)"
            )
        if verb == "Create":
            sid = str(uuid.uuid4()).upper()
            self.shells[sid] = {}
            return (
                f"<x:ResourceCreated><a:Address>{self.endpoint}</a:Address><a:ReferenceParameters>"
                f"<w:ResourceURI>{SHELL_URI}</w:ResourceURI><w:SelectorSet>"
                f'<w:Selector Name="ShellId">{sid}</w:Selector></w:SelectorSet>'
                "</a:ReferenceParameters></x:ResourceCreated>"
            )
        selector = header.find("w:SelectorSet/w:Selector[@Name='ShellId']", NS)
        sid = (selector.text or "") if selector is not None else ""
        shell = self.shells.get(sid)
        if shell is None:
            raise bad_shell(sid)
        if verb == "Delete":
            for command in self.shells.pop(sid).values():
                command.kill()
            return ""
        operation = {
            "Command": self._command,
            "Send": self._send,
            "Receive": self._receive,
            "Signal": self._signal,
        }.get(verb)
        if operation is None:
            raise Fault(2150858752, "a:ActionNotSupported", f"simlab: the operation {verb} is not modelled")
        return operation(shell, body, _seconds(header.findtext("w:OperationTimeout", "PT20S", NS)))

    def _command(self, shell: dict[str, Command], body: ET.Element, timeout: float) -> str:
        element = need(body, "rsp:CommandLine")
        arguments = [a.text or "" for a in element.findall("rsp:Arguments", NS)]
        command = Command(self.handler, " ".join([element.findtext("rsp:Command", "", NS), *arguments]))
        shell[command.id] = command
        return f"<rsp:CommandResponse><rsp:CommandId>{command.id}</rsp:CommandId></rsp:CommandResponse>"

    def _send(self, shell: dict[str, Command], body: ET.Element, timeout: float) -> str:
        for stream in body.findall("rsp:Send/rsp:Stream", NS):
            self._known(shell, stream).feed(base64.b64decode(stream.text or ""), stream.get("End") == "true")
        return "<rsp:SendResponse/>"

    def _receive(self, shell: dict[str, Command], body: ET.Element, timeout: float) -> str:
        command = self._known(shell, need(body, "rsp:Receive/rsp:DesiredStream"))
        out, rc = command.receive(timeout)
        streams = "".join(
            f'<rsp:Stream Name="{name}" CommandId="{command.id}">{base64.b64encode(data).decode()}</rsp:Stream>'
            for name, data in out
        )
        state, end = ("Running", "") if rc is None else ("Done", f"<rsp:ExitCode>{rc & 0xFFFFFFFF}</rsp:ExitCode>")
        return (
            f'<rsp:ReceiveResponse>{streams}<rsp:CommandState CommandId="{command.id}" '
            f'State="{RSP}/CommandState/{state}">{end}</rsp:CommandState></rsp:ReceiveResponse>'
        )

    def _signal(self, shell: dict[str, Command], body: ET.Element, timeout: float) -> str:
        command = shell.pop(need(body, "rsp:Signal").get("CommandId") or "", None)
        if command:
            command.kill()
        return "<rsp:SignalResponse/>"

    @staticmethod
    def _known(shell: dict[str, Command], element: ET.Element) -> Command:
        command = shell.get(element.get("CommandId") or "")
        if command is None:
            raise Fault(2150858843, "w:InvalidSelectors", "simlab: there is no such command in this shell")
        return command

    def down(self) -> None:
        """The PC goes down: every command ends, every shell is forgotten."""
        shells, self.shells = list(self.shells.values()), {}
        for shell in shells:
            for command in list(shell.values()):
                command.kill(cut=True)

    @staticmethod
    def identify() -> str:
        """What anybody may ask."""
        return (
            f'<s:Envelope xmlns:s="{NS["s"]}"><s:Header/><s:Body><wsmid:IdentifyResponse xmlns:wsmid="{IDENTITY}">'
            "<wsmid:ProtocolVersion>http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd</wsmid:ProtocolVersion>"
            "<wsmid:ProductVendor>Microsoft Corporation</wsmid:ProductVendor>"
            "<wsmid:ProductVersion>OS: 0.0.0 SP: 0.0 Stack: 3.0</wsmid:ProductVersion>"
            "</wsmid:IdentifyResponse></s:Body></s:Envelope>"
        )

    @staticmethod
    def _envelope(action: str, relates: str, body: str) -> str:
        spaces = "".join(f' xmlns:{k}="{v}"' for k, v in NS.items())
        return (
            f'<s:Envelope xml:lang="en-US"{spaces} xmlns:x="{TRANSFER}"><s:Header><a:Action>{action}</a:Action>'
            f"<a:MessageID>uuid:{uuid.uuid4()}</a:MessageID><a:To>{ANONYMOUS}</a:To>"
            f"<a:RelatesTo>{relates}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
        )


def _seconds(duration: str) -> float:
    """PT20S, PT1M30S as seconds; 20 for what cannot be read."""
    match = re.fullmatch(r"P(?:\d+D)?T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?", duration)
    if match is None:
        return 20.0
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds or 20.0
