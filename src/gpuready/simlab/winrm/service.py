"""The WinRM service of one PC: its shells, and the operations of WS-Management on them.

Anything else (a kind of shell that it has not, an unknown operation) is answered with a fault that names it.
"""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gpuready.simlab.winrm import messages
from gpuready.simlab.winrm.messages import NS, Fault
from gpuready.simlab.winrm.shells import Shell


@dataclass
class Service:
    """`name` is the machine's in faults, `users` maps a user to his password, `endpoint` is its own URL.

    `kinds` maps the resource URI of a kind of shell to what opens one, given the body of the request. `before` are
    called with each operation (`Create`, `Command`, ...) and may raise Fault or Cut instead of it.
    """

    name: str
    users: Mapping[str, str]
    endpoint: str
    kinds: Mapping[str, Callable[[ET.Element], Shell]]
    before: list[Callable[[str], None]] = field(default_factory=list)
    shells: dict[str, Shell] = field(default_factory=dict)

    def dispatch(self, xml: bytes) -> tuple[int, str]:
        """Answer an envelope: HTTP status and envelope. Raises Cut."""
        try:
            root = ET.fromstring(xml)  # noqa: S314 - a simulated lab on a loopback address
        except ET.ParseError:
            return 400, ""
        body = root.find("s:Body", NS)
        header = root.find("s:Header", NS)
        if body is not None and body.find(f"{{{messages.IDENTITY}}}Identify") is not None:
            return 200, messages.identify()
        if body is None or header is None:
            return 400, ""
        action, message = header.findtext("a:Action", "", NS), header.findtext("a:MessageID", "", NS)
        verb = action.rsplit("/", 1)[-1]
        try:
            for watcher in self.before:
                watcher(verb)
            return 200, messages.envelope(action + "Response", message, self._operate(verb, header, body))
        except Fault as fault:
            return fault.http, messages.envelope(messages.WSMAN_FAULT, message, fault.body(self.name))

    def _operate(self, verb: str, header: ET.Element, body: ET.Element) -> str:
        resource = header.findtext("w:ResourceURI", "", NS)
        if resource not in self.kinds:
            raise messages.bad_resource(resource, ", ".join(self.kinds))
        if verb == "Create":
            return self._create(resource, body)
        selector = header.find("w:SelectorSet/w:Selector[@Name='ShellId']", NS)
        sid = (selector.text or "") if selector is not None else ""
        shell = self.shells.get(sid)
        if shell is None:
            raise messages.bad_shell(sid)
        match verb:
            case "Command":
                return shell.command(body)
            case "Send":
                return shell.send(body)
            case "Receive":
                return shell.receive(body, messages.seconds(header.findtext("w:OperationTimeout", "PT20S", NS)))
            case "Signal":
                return shell.signal(body)
            case "Delete":
                self.shells.pop(sid, None)
                shell.close()
                return ""
        raise messages.bad_operation(verb)

    def _create(self, resource: str, body: ET.Element) -> str:
        given = body.find("rsp:Shell", NS)
        sid = ((given.get("ShellId") if given is not None else None) or str(uuid.uuid4())).upper()
        shell = self.shells[sid] = self.kinds[resource](body)
        return messages.created(self.endpoint, resource, sid) + shell.about(sid)

    def down(self) -> None:
        """The PC goes down: every shell ends and is forgotten."""
        shells, self.shells = list(self.shells.values()), {}
        for shell in shells:
            shell.close(cut=True)
