"""A small WS-Management service: WinRS shells, and what any other shell builds on."""

from __future__ import annotations

import base64
import re
import threading
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from typing import Any
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
ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"

Shell = dict[str, Any]


class Fault(Exception):  # noqa: N818 - the protocol's own word
    """What the service answers instead of a result: WSMan code, SOAP subcode, text, HTTP status."""

    def __init__(self, code: int, subcode: str, reason: str, http: int = 500):
        super().__init__(reason)
        self.code, self.subcode, self.reason, self.http = code, subcode, reason, http

    def body(self) -> str:
        """The fault as the body of an envelope."""
        return (
            f"<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>{self.subcode}</s:Value></s:Subcode>"
            f'</s:Code><s:Reason><s:Text xml:lang="en-US">{escape(self.reason)}</s:Text></s:Reason><s:Detail>'
            '<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" '
            f'Code="{self.code}" Machine="winlab">'
            f"<f:Message>{escape(self.reason)}</f:Message></f:WSManFault></s:Detail></s:Fault>"
        )


def op_timeout() -> Fault:
    """The one fault that clients silently retry on."""
    reason = "The WS-Management service cannot complete the operation within the time specified in OperationTimeout."
    return Fault(2150858793, "w:TimedOut", reason)


def bad_shell(sid: str | None) -> Fault:
    """The fault of a shell that is not there (any more)."""
    request = f"The request for the Windows Remote Shell with ShellId {sid}"
    reason = request + " failed because the shell was not found on the server."
    return Fault(2150858843, "w:InvalidSelectors", reason)


def need(parent: ET.Element, path: str) -> ET.Element:
    """The child that the protocol says is there."""
    found = parent.find(path, NS)
    if found is None:
        raise Fault(2150858770, "s:Sender", f"The request lacks {path}.", 400)
    return found


class Command:
    """One WinRS command: stdin chunks in, stdout, stderr and exit code out, run on its own thread."""

    def __init__(self, handler: Callable[[Command], int], line: str):
        self.id = str(uuid.uuid4()).upper()
        self.line, self.handler = line, handler
        self.stdin: list[bytes] = []
        self.eof = self.dead = False
        self.out: list[tuple[str, bytes]] = []
        self.rc: int | None = None
        self.cv = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()

    def feed(self, data: bytes, end: bool) -> None:
        """Take a piece of standard input."""
        with self.cv:
            self.stdin.append(data)
            self.eof |= end
            self.cv.notify_all()

    def write(self, stream: str, data: bytes) -> None:
        """Hand out a piece of stdout or stderr."""
        with self.cv:
            self.out.append((stream, data))
            self.cv.notify_all()

    def kill(self) -> None:
        """The client wants no more of it."""
        with self.cv:
            self.dead = True
            self.cv.notify_all()

    def _run(self) -> None:
        try:
            rc = self.handler(self)
        except Exception as e:  # the client must see an end, whatever it is
            self.write("stderr", repr(e).encode())
            rc = 1
        with self.cv:
            self.rc = rc or 0
            self.cv.notify_all()

    def receive(self, timeout: float) -> tuple[list[tuple[str, bytes]], int | None]:
        """What has come since the last call, and the exit code once it has ended."""
        with self.cv:
            if not self.cv.wait_for(lambda: self.out or self.rc is not None, timeout):
                raise op_timeout()
            out, self.out = self.out, []
            return out, self.rc


class Service:
    """The WinRM service of one machine; handler(command) -> exit code is what a WinRS command does."""

    def __init__(
        self,
        handler: Callable[[Command], int],
        users: Mapping[str, str],
        endpoint: str,
        certs: Mapping[str, str] | None = None,
    ):
        self.handler, self.users, self.endpoint, self.certs = handler, users, endpoint, certs or {}
        self.shells: dict[str, Shell] = {}
        self.lock = threading.Lock()
        self.stats: dict[str, int] = {}

    def dispatch(self, xml: bytes) -> tuple[int, str]:
        """Answer one request: HTTP status and envelope."""
        root = ET.fromstring(xml)
        if root.find(f"s:Body/{{{IDENTITY}}}Identify", NS) is not None:
            return 200, self.identify()
        header, body = need(root, "s:Header"), need(root, "s:Body")
        action, message = header.findtext("a:Action", "", NS), header.findtext("a:MessageID", "", NS)
        selector = header.find("w:SelectorSet/w:Selector[@Name='ShellId']", NS)
        limit = header.findtext("w:OperationTimeout", "PT20S", NS)
        timeout = float(re.sub(r"[^\d.]", "", limit.split("T")[1]) or 20)
        verb = action.rsplit("/", 1)[1]
        self.stats[verb] = self.stats.get(verb, 0) + 1
        try:
            if verb == "Create":
                out = self.create(header, body)
            else:
                sid = (selector.text or "") if selector is not None else ""
                shell = self.shells.get(sid)
                if shell is None:
                    raise bad_shell(sid)
                out = getattr(self, "do_" + verb.lower())(sid, shell, body, timeout)
        except Fault as fault:
            return fault.http, self.envelope(WSMAN_FAULT, message, fault.body())
        return 200, self.envelope(action + "Response", message, out)

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

    def envelope(self, action: str, relates: str, body: str) -> str:
        """A reply."""
        spaces = "".join(f' xmlns:{k}="{v}"' for k, v in NS.items())
        return (
            f'<s:Envelope xml:lang="en-US"{spaces} xmlns:x="{TRANSFER}"><s:Header><a:Action>{action}</a:Action>'
            f"<a:MessageID>uuid:{uuid.uuid4()}</a:MessageID><a:To>{ANONYMOUS}</a:To>"
            f"<a:RelatesTo>{relates}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
        )

    def created(self, sid: str, uri: str) -> str:
        """The reply to Create."""
        return (
            f"<x:ResourceCreated><a:Address>{self.endpoint}</a:Address><a:ReferenceParameters>"
            f'<w:ResourceURI>{uri}</w:ResourceURI><w:SelectorSet><w:Selector Name="ShellId">{sid}</w:Selector>'
            "</w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>"
        )

    def create(self, header: ET.Element, body: ET.Element) -> str:
        """Open a shell."""
        sid = str(uuid.uuid4()).upper()
        with self.lock:
            self.shells[sid] = {}
        return self.created(sid, RSP + "/cmd")

    def do_command(self, sid: str, shell: Shell, body: ET.Element, timeout: float) -> str:
        """Start a command."""
        element = need(body, "rsp:CommandLine")
        arguments = [a.text or "" for a in element.findall("rsp:Arguments", NS)]
        command = Command(self.handler, " ".join([element.findtext("rsp:Command", "", NS), *arguments]))
        shell[command.id] = command
        return f"<rsp:CommandResponse><rsp:CommandId>{command.id}</rsp:CommandId></rsp:CommandResponse>"

    def do_send(self, sid: str, shell: Shell, body: ET.Element, timeout: float) -> str:
        """Take standard input."""
        for s in body.findall("rsp:Send/rsp:Stream", NS):
            shell[s.get("CommandId") or ""].feed(base64.b64decode(s.text or ""), s.get("End") == "true")
        return "<rsp:SendResponse/>"

    def do_receive(self, sid: str, shell: Shell, body: ET.Element, timeout: float) -> str:
        """Hand out what a command has written."""
        cid = need(body, "rsp:Receive/rsp:DesiredStream").get("CommandId") or ""
        out, rc = shell[cid].receive(timeout)
        streams = "".join(
            f'<rsp:Stream Name="{n}" CommandId="{cid}">{base64.b64encode(d).decode()}</rsp:Stream>' for n, d in out
        )
        state = "Running" if rc is None else "Done"
        end = "" if rc is None else f"<rsp:ExitCode>{rc}</rsp:ExitCode>"
        return (
            f'<rsp:ReceiveResponse>{streams}<rsp:CommandState CommandId="{cid}" '
            f'State="{RSP}/CommandState/{state}">{end}</rsp:CommandState></rsp:ReceiveResponse>'
        )

    def do_signal(self, sid: str, shell: Shell, body: ET.Element, timeout: float) -> str:
        """End a command."""
        command = shell.pop(need(body, "rsp:Signal").get("CommandId") or "", None)
        if command:
            command.kill()
        return "<rsp:SignalResponse/>"

    def do_delete(self, sid: str, shell: Shell, body: ET.Element, timeout: float) -> str:
        """Close a shell."""
        self.shells.pop(sid, None)
        return ""
