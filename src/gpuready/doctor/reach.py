"""Whether each PC is reachable: its name, its port, TLS, its clock; then a log-on, once for each account."""

from __future__ import annotations

import http.client
import socket
import ssl
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from gpuready.doctor.finding import Finding, coded, ok, unchecked, warning, wrong
from gpuready.errors import GpureadyError
from gpuready.lab import Lab
from gpuready.results import State

_AT_ONCE = 64
_PATIENCE = 5.0  # seconds for each step at a PC
_CLOCKS = 300  # seconds between two clocks that Kerberos allows

Pcs = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class _Way:
    """How a PC is reached; `port` 0: not over a network that can be looked at here."""

    kind: str
    address: str
    port: int
    tls: bool
    trust: str
    validates: bool
    template: bool


def examine(pcs: Pcs, sources: Sequence[str], *, password: str | None, vault: Path | None) -> Iterator[Finding]:
    """What is found. One account is tried on one PC only: a wrong password locks nobody out."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        looked = dict(zip(pcs, threads.map(_look, pcs, pcs.values()), strict=True))
    groups: dict[tuple[str, str, str, str], list[str]] = {}
    for name, found in looked.items():
        for one in found:
            groups.setdefault((one.state, one.said, one.next_step, one.code), []).append(name)
    for (state, said, fix, code), names in groups.items():
        many = f"{len(names)} PCs" if len(names) > 3 and state == "ok" else ", ".join(names)
        yield Finding(many, state, said, fix, code)  # type: ignore[arg-type]  # what a Finding has
    reached = [name for name, found in looked.items() if all(one.state in ("ok", "warning") for one in found)]
    yield from _log_on({name: pcs[name] for name in reached}, sources, password, vault)


def _way(name: str, variables: Mapping[str, Any]) -> _Way:
    def text(*names: str) -> str:
        return next((str(variables[one]) for one in names if variables.get(one) not in (None, "")), "")

    kind = text("ansible_connection").rpartition(".")[2] or "ssh"
    address = text(f"ansible_{kind}_host", "ansible_host") or name
    tls = kind in ("winrm", "psrp") and text("ansible_winrm_scheme", "ansible_psrp_protocol").lower() != "http"
    usual = {"winrm": "5986" if tls else "5985", "psrp": "5986" if tls else "5985", "ssh": "22"}.get(kind, "0")
    port = text(f"ansible_{kind}_port", "ansible_port") or usual
    if kind not in ("winrm", "psrp", "ssh"):
        port = "0"
    through = text("ansible_ssh_common_args", "ansible_ssh_args", "ansible_winrm_proxy", "ansible_psrp_proxy")
    validation = text("ansible_winrm_server_cert_validation", "ansible_psrp_cert_validation") or "validate"
    return _Way(
        kind,
        address,
        int(port) if port.isdecimal() else 0,
        tls,
        text("ansible_winrm_ca_trust_path", "ansible_psrp_ca_cert"),
        validation == "validate",
        "{{" in address + port or bool(through),
    )


def _look(name: str, variables: Mapping[str, Any]) -> list[Finding]:
    """Name, port and, where WinRM answers, TLS and clock."""
    way = _way(name, variables)
    if way.kind == "local":
        return [ok(name, "this controller itself")]
    if way.template or not way.port:
        return [unchecked(name, "the way to it is Ansible's to know", "A run reaches it, or says why not.")]
    try:
        socket.getaddrinfo(way.address, way.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return [coded(name, "NAME_UNKNOWN", way.address)]
    try:
        with socket.create_connection((way.address, way.port), _PATIENCE):
            pass
    except ConnectionRefusedError:
        return [coded(name, "PORT_CLOSED", f"port {way.port}")]
    except TimeoutError:
        return [coded(name, "CONNECT_TIMEOUT", f"port {way.port}")]
    except OSError as error:
        return [coded(name, "HOST_OFF", error.strerror or str(error))]
    if way.kind == "ssh":
        return [ok(name, f"name and port {way.port}")]
    return _ask(name, way)


def _ask(name: str, way: _Way) -> list[Finding]:
    """One request without a password, which WinRM refuses with the PC's time in its answer."""
    connection: http.client.HTTPConnection
    if way.tls:
        try:
            context = ssl.create_default_context(cafile=way.trust or None)
        except (OSError, ssl.SSLError) as error:
            fix = "Let ansible_winrm_ca_trust_path name a file of certificates in PEM."
            return [wrong(name, f"{way.trust}: {error.strerror or error}", fix)]
        if not way.validates:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(way.address, way.port, timeout=_PATIENCE, context=context)
    else:
        connection = http.client.HTTPConnection(way.address, way.port, timeout=_PATIENCE)
    try:
        connection.request("POST", "/wsman", headers={"Content-Length": "0"})
        answer = connection.getresponse()
        date = answer.getheader("Date")
    except ssl.SSLCertVerificationError as error:
        return [coded(name, "TLS_UNTRUSTED", error.verify_message)]
    except (ssl.SSLError, http.client.HTTPException):
        return [coded(name, "TLS_MISMATCH", f"port {way.port}")]
    except TimeoutError:
        return [coded(name, "CONNECT_TIMEOUT", f"port {way.port}")]
    except OSError as error:
        return [coded(name, "TLS_MISMATCH" if way.tls else "CONNECTION_CUT", error.strerror or str(error))]
    finally:
        connection.close()
    said = f"name, port {way.port}{', TLS' if way.tls else ''}"
    apart = _apart(date)
    if apart is not None and abs(apart) > _CLOCKS:
        late = f"its clock is {abs(apart) / 60:.0f} minutes {'ahead of' if apart > 0 else 'behind'} this controller's"
        fix = "Set both clocks by the same time server: Kerberos allows 5 minutes."
        return [ok(name, said), warning(name, late, fix)]
    return [ok(name, said)]


def _apart(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date or "").timestamp() - time.time()
    except (ValueError, TypeError):
        return None


def _log_on(pcs: Pcs, sources: Sequence[str], password: str | None, vault: Path | None) -> Iterator[Finding]:
    """Each account on the first PC that it is for, by a look at that PC."""
    chosen: dict[tuple[str, ...], str] = {}
    for name, variables in pcs.items():
        kind = str(variables.get("ansible_connection") or "ssh").rpartition(".")[2]
        if kind == "local":
            continue
        user = str(variables.get("ansible_user") or variables.get(f"ansible_{kind}_user") or "")
        secret = variables.get("ansible_password") or variables.get(f"ansible_{kind}_password") or password
        transport = str(variables.get("ansible_winrm_transport") or variables.get("ansible_psrp_auth") or "")
        key = (kind, user, str(secret), transport)
        if key in chosen:
            continue
        chosen[key] = name
        if not secret and kind in ("winrm", "psrp") and transport not in ("kerberos", "certificate"):
            yield unchecked(f"{user or 'log-on'} at {name}", "no password is given", "Give it: --ask-pass, or a vault.")
            chosen[key] = ""
    tried = [name for name in chosen.values() if name]
    if not tried:
        return
    with tempfile.TemporaryDirectory(prefix="gpuready-doctor-") as folder:
        lab = Lab(list(sources), limit=",".join(tried), connection_password=password, vault_password_file=vault)
        try:
            result = lab.facts(lab_dir="", report_dir=folder)
        except GpureadyError as error:
            yield unchecked("log-on", str(error), "Mend that, and run gpuready doctor again.")
            return
    users = {name: key[1] for key, name in chosen.items()}
    for host in result.hosts:
        what = f"{users.get(host.host) or 'log-on'} at {host.host}"
        verdict = host.verdict
        if host.facts is not None:
            yield ok(what, "logged on, and looked at the PC")
        elif verdict.state is State.UNREACHABLE:
            yield Finding(what, "wrong", verdict.cause, verdict.next_step, verdict.code)
        else:
            yield Finding(what, "unchecked", verdict.cause, verdict.next_step, verdict.code)
