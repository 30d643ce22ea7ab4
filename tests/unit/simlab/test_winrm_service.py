"""The WinRM service that simulated PCs and the machines of winlab share: its shells, and what it refuses."""

from __future__ import annotations

import re
import threading
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from gpuready.simlab.winrm import messages
from gpuready.simlab.winrm.service import Service
from gpuready.simlab.winrm.shells import COMMAND_SHELL, Command, CommandShell

TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
OTHER = "http://example.com/shell"


class Echo:
    """A shell of another kind."""

    def __init__(self, body: ET.Element) -> None:
        self.ended: list[bool] = []

    def about(self, sid: str) -> str:
        return f"<rsp:Shell>{sid}</rsp:Shell>"

    def command(self, body: ET.Element) -> str:
        return "<rsp:CommandResponse/>"

    def send(self, body: ET.Element) -> str:
        return "<rsp:SendResponse/>"

    def receive(self, body: ET.Element, timeout: float) -> str:
        return f"<rsp:ReceiveResponse>{timeout}</rsp:ReceiveResponse>"

    def signal(self, body: ET.Element) -> str:
        return "<rsp:SignalResponse/>"

    def close(self, cut: bool = False) -> None:
        self.ended.append(cut)


def service(**more: Any) -> Service:
    kinds = {COMMAND_SHELL: lambda body: CommandShell(lambda command: 0), OTHER: Echo}
    return Service("pc", {}, "http://pc:5985/wsman", kinds, **more)


def ask(to: Service, verb: str, uri: str = OTHER, shell: str = "", body: str = "", limit: str = "PT20S") -> str:
    spaces = "".join(f' xmlns:{name}="{space}"' for name, space in messages.NS.items())
    selector = f'<w:SelectorSet><w:Selector Name="ShellId">{shell}</w:Selector></w:SelectorSet>' if shell else ""
    header = (
        f"<a:Action>{TRANSFER}/{verb}</a:Action><a:MessageID>uuid:1</a:MessageID><w:ResourceURI>{uri}</w:ResourceURI>"
    )
    header += f"<w:OperationTimeout>{limit}</w:OperationTimeout>{selector}"
    text = f"<s:Envelope{spaces}><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    return to.dispatch(text.encode())[1]


def test_shells_of_several_kinds_stand_side_by_side() -> None:
    pc = service()
    plain, other = (re.search(r'Name="ShellId">([^<]+)', ask(pc, "Create", uri)) for uri in (COMMAND_SHELL, OTHER))
    assert plain
    assert other
    line = "<rsp:CommandLine><rsp:Command>x</rsp:Command></rsp:CommandLine>"
    assert "<rsp:CommandId>" in ask(pc, "Command", COMMAND_SHELL, plain[1], line)
    assert "<rsp:CommandResponse/>" in ask(pc, "Command", OTHER, other[1])
    assert ">90.0<" in ask(pc, "Receive", OTHER, other[1], limit="PT1M30S")


def test_a_client_may_name_its_shell() -> None:
    pc = service()
    assert "<rsp:Shell>ABC</rsp:Shell>" in ask(pc, "Create", body='<rsp:Shell ShellId="abc"/>')
    shell = pc.shells["ABC"]
    ask(pc, "Delete", shell="ABC")
    assert isinstance(shell, Echo)
    assert shell.ended == [False]
    assert "2150858843" in ask(pc, "Command", shell="ABC")


@pytest.mark.parametrize(
    ("verb", "uri", "said"),
    [
        ("Create", "http://nosuch", "2150858811"),
        ("Create", "http://nosuch", "There is no shell of the kind http://nosuch, only of"),
        ("Enumerate", OTHER, "There is no operation Enumerate."),
        ("Command", COMMAND_SHELL, "The request has no rsp:CommandLine."),
        ("Receive", COMMAND_SHELL, "The request has no rsp:Receive/rsp:DesiredStream."),
    ],
)
def test_what_it_has_not_is_named(verb: str, uri: str, said: str) -> None:
    pc = service()
    ask(pc, "Create", uri if uri in pc.kinds else OTHER, body='<rsp:Shell ShellId="A"/>')
    answer = ask(pc, verb, uri, "A")
    assert said in answer
    assert 'Machine="pc"' in answer


def test_each_operation_is_told_first_and_may_be_refused() -> None:
    seen: list[str] = []

    def refuse(verb: str) -> None:
        seen.append(verb)
        if verb == "Command":
            raise messages.quota()

    pc = service(before=[refuse])
    ask(pc, "Create", body='<rsp:Shell ShellId="A"/>')
    assert "w:QuotaLimit" in ask(pc, "Command", shell="A")
    assert seen == ["Create", "Command"]


def test_a_pc_that_goes_down_cuts_every_shell() -> None:
    pc = service()
    ask(pc, "Create", body='<rsp:Shell ShellId="A"/>')
    shell = pc.shells["A"]
    pc.down()
    assert isinstance(shell, Echo)
    assert (shell.ended, pc.shells) == ([True], {})


def test_input_is_read_as_it_comes() -> None:
    read: list[tuple[bytes, bool]] = []
    first, done = threading.Event(), threading.Event()

    def handler(command: Command) -> int:
        read.append(command.read_some(5))
        first.set()
        read.append(command.read_some(5))
        read.append(command.read_some(0))
        done.set()
        return -1

    command = Command(handler, "x")
    command.feed(b"one", False)
    assert first.wait(5)
    command.feed(b"two", True)
    assert done.wait(5)
    assert read == [(b"one", False), (b"two", True), (b"", True)]
    assert command.receive(5) == ([], -1)
