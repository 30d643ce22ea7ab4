"""What the doctor says of the controller, and what it says of PCs by their ports. No Ansible is started."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from gpuready import doctor, project
from gpuready.doctor import controller, reach
from gpuready.doctor.finding import Finding

BASE = project.root()
KERBEROS: dict[str, Any] = {
    "ansible_connection": "ansible.builtin.winrm",
    "ansible_winrm_transport": "kerberos",
    "ansible_winrm_scheme": "http",
    "ansible_user": "gpuready@LAB.EXAMPLE.ORG",
}


def found(what: str, pcs: dict[str, dict[str, Any]] | None = None) -> list[Finding]:
    return [one for one in controller.examine(BASE, {} if pcs is None else pcs) if one.what == what]


def test_this_controller_is_able() -> None:
    assert {one.state for one in controller.examine(BASE, {})} <= {"ok", "warning"}


def test_without_a_lab_kerberos_is_not_checked() -> None:
    assert [one.state for one in controller.examine(BASE, None) if one.what == "Kerberos"] == ["unchecked"]


@pytest.mark.parametrize(("version", "state"), [((3, 11, 9), "wrong"), ((3, 15, 0), "wrong"), ((3, 13, 1), "ok")])
def test_the_versions_of_python(monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...], state: str) -> None:
    info = type("info", (tuple,), dict(zip(("major", "minor", "micro"), version, strict=True)))
    monkeypatch.setattr(sys, "version_info", info(version))
    assert controller._python().state == state


def test_without_a_locale_of_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "utf8_locale", lambda: None)
    assert [one.state for one in found("locale")] == ["wrong"]


def test_a_clock_that_is_before_its_own_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller.time, "time", lambda: 1e9)
    (clock,) = found("clock")
    assert clock.state == "wrong"
    assert "timedatectl" in clock.next_step


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller.shutil, "disk_usage", lambda _: type("usage", (), {"free": 2**20})())
    assert {one.state for one in found("disk")} == {"wrong"}


def test_a_bundle_of_certificates_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "gone.pem"))
    (said,) = found("certificates")
    assert (said.state, "REQUESTS_CA_BUNDLE" in said.next_step) == ("wrong", True)


def test_pcs_that_would_be_reached_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://proxy.example.org:3128")
    pcs = {"pc1": KERBEROS, "pc2": {**KERBEROS, "ansible_host": "10.0.0.2"}, "pc3": {"ansible_connection": "ssh"}}
    (proxy,) = found("proxy", pcs)
    assert proxy.said.endswith("through it: pc1, pc2")
    monkeypatch.setenv("no_proxy", "pc1,10.0.0.2")
    assert [one.state for one in found("proxy", pcs)] == ["ok"]


def test_ntlm_where_md5_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise ValueError("disabled for FIPS")

    monkeypatch.setattr(controller.hmac, "new", forbidden)
    assert [one.state for one in found("NTLM")] == ["wrong"]


def test_kerberos_that_is_not_installed_names_the_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(controller.importlib.util, "find_spec", lambda name: None)
    (kerberos,) = found("Kerberos", {"pc1": KERBEROS})
    assert kerberos.said == "not installed: the library kerberos, kinit, klist"
    assert "install gcc" in kerberos.next_step


@pytest.mark.parametrize(
    ("text", "user", "state"),
    [
        (None, "g@LAB.EXAMPLE.ORG", "wrong"),
        ("[realms]\n LAB.EXAMPLE.ORG = {\n  kdc = dc1\n }\n", "g@LAB.EXAMPLE.ORG", "ok"),
        ("[libdefaults]\n", "g@LAB.EXAMPLE.ORG", "ok"),
        ("[libdefaults]\n dns_lookup_kdc = false\n", "g@LAB.EXAMPLE.ORG", "wrong"),
        ("[libdefaults]\n", "g@lab.example.org", "wrong"),
    ],
)
def test_the_domain_in_krb5_conf(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, user: str, state: str
) -> None:
    file = tmp_path / "krb5.conf"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("KRB5_CONFIG", str(file))
    assert [one.state for one in found("krb5.conf", {"pc1": {**KERBEROS, "ansible_user": user}})] == [state]


def test_a_ticket_that_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    klist = tmp_path / "klist"
    klist.write_text("#!/bin/sh\nexit 1\n")
    klist.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    (ticket,) = found("ticket", {"pc1": {**KERBEROS, "ansible_winrm_kinit_mode": "manual"}})
    assert (ticket.state, ticket.next_step) == ("wrong", "kinit gpuready@LAB.EXAMPLE.ORG")
    klist.write_text("#!/bin/sh\nexit 0\n")
    assert [one.state for one in found("ticket", {"pc1": KERBEROS})] == ["ok"]


class Answer(BaseHTTPRequestHandler):
    date: ClassVar[str] = ""

    def do_POST(self) -> None:
        self.send_response_only(401)
        self.send_header("Date", self.date)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering(date: str) -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), type("Dated", (Answer,), {"date": date}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def look(port: int, **more: Any) -> list[Finding]:
    return reach._look("pc1", {**KERBEROS, "ansible_host": "127.0.0.1", "ansible_port": port, **more})


def test_a_pc_whose_clock_is_wrong() -> None:
    with answering("Mon, 02 Jan 2006 15:04:05 GMT") as port:
        well, clock = look(port)
    assert (well.state, clock.state) == ("ok", "warning")
    assert "behind this controller's" in clock.said
    with answering("no date") as port:
        assert [one.state for one in look(port)] == ["ok"]


def test_pcs_that_are_not_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (closed,) = look(port)
    (unknown,) = look(5985, ansible_host="pc1.invalid")
    assert (closed.code, unknown.code) == ("PORT_CLOSED", "NAME_UNKNOWN")
    assert "enable-remoting.ps1" in closed.next_step
    with answering("") as port:
        assert [one.code for one in look(port, ansible_winrm_scheme="https")] == ["TLS_MISMATCH"]
    assert [one.state for one in look(port, ansible_host="{{ address }}")] == ["unchecked"]


def test_the_counts_come_last() -> None:
    given = [Finding("a", "ok", "well"), Finding("pc1", "wrong", "off", "Switch it on.", "PORT_CLOSED")]
    assert list(doctor.lines(given)) == [
        "ok    a: well",
        "MEND  pc1: off (PORT_CLOSED)",
        "        next: Switch it on.",
        "1 to mend, 0 to look at, 0 not checked, 1 well.",
    ]
