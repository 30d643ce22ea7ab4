"""HTTP for a WS-Management service: Basic, NTLM with sealed messages, client certificates; TLS when given a context."""

from __future__ import annotations

import atexit
import base64
import hashlib
import http.server
import os
import shutil
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import wsman

BOUNDARY = b"--Encrypted Boundary"
SEALED = "application/HTTP-SPNEGO-session-encrypted"
SOAP = "application/soap+xml;charset=UTF-8"
_known: set[str] = set()
_known_lock = threading.Lock()


def know_users(users: Mapping[str, str]) -> None:
    """Tell pyspnego's NTLM server the passwords: it reads them from the file that NTLM_USER_FILE names."""
    with _known_lock:
        if "NTLM_USER_FILE" not in os.environ:
            folder = tempfile.mkdtemp(prefix="winlab-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            os.environ["NTLM_USER_FILE"] = str(Path(folder) / "users")
        _known.update(f":{user}:{password}" for user, password in users.items())
        Path(os.environ["NTLM_USER_FILE"]).write_text("".join(line + "\n" for line in sorted(_known)))


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection: authentication holds for the connection, as NTLM has it."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "Microsoft-HTTPAPI/2.0", ""
    disable_nagle_algorithm = True
    server: Listener
    ctx: Any = None
    authed: Any = None

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def reply(self, code: int, body: bytes = b"", kind: str = SOAP, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Send a response; a client that has gone is no fault."""
        self.send_response(code)
        for k, v in headers:
            self.send_header(k, v)
        if body:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        try:
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def challenge(self, *offers: str) -> None:
        """401, with what may be used."""
        self.reply(401, headers=[("WWW-Authenticate", o) for o in offers or ("Negotiate", 'Basic realm="WSMAN"')])

    def do_POST(self) -> None:
        """One request."""
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.authenticate():
            return
        if not data:
            self.reply(200)
            return
        sealed = "multipart/encrypted" in self.headers.get("Content-Type", "")
        code, text = self.server.service.dispatch(self.unseal(data) if sealed else data)
        if sealed:
            self.reply(
                code, self.seal(text.encode()), f'multipart/encrypted;protocol="{SEALED}";boundary="Encrypted Boundary"'
            )
        else:
            self.reply(code, text.encode())

    def authenticate(self) -> bool:
        """Whether the request may be answered; if not, the challenge has been sent."""
        service = self.server.service
        authorization = self.headers.get("Authorization", "")
        scheme, _, token = authorization.partition(" ")
        if self.headers.get("WSMANIDENTIFY") == "unauthenticated":
            return True
        if scheme == "Basic":
            user, _, password = base64.b64decode(token).decode().partition(":")
            allowed = service.users.get(user) == password
        elif scheme in ("Negotiate", "NTLM"):
            return self.spnego(base64.b64decode(token), scheme)
        elif authorization.endswith("/https/mutual"):
            cert = self.connection.getpeercert(True) if isinstance(self.connection, ssl.SSLSocket) else None
            allowed = cert is not None and hashlib.sha1(cert).hexdigest() in service.certs
        else:
            allowed = bool(self.authed)
        if not allowed:
            self.challenge()
        return allowed

    def spnego(self, token: bytes, scheme: str) -> bool:
        """One step of NTLM."""
        import spnego

        if self.ctx is None or self.ctx.complete:
            self.authed = False
            self.ctx = spnego.server(
                protocol="negotiate" if scheme == "Negotiate" else "ntlm",
                options=spnego.NegotiateOptions.use_ntlm,
                context_req=spnego.ContextReq.default,
            )
        try:
            out = self.ctx.step(token)
        except spnego.exceptions.SpnegoError:
            self.ctx = None
            self.challenge()
            return False
        if not self.ctx.complete:
            self.challenge(f"{scheme} {base64.b64encode(out).decode()}")
            return False
        self.authed = self.ctx.client_principal
        user = str(self.authed).rpartition("\\")[2].partition("@")[0]
        if user not in self.server.service.users:  # a user of another machine of this process
            self.ctx = self.authed = None
            self.challenge()
            return False
        return True

    def unseal(self, data: bytes) -> bytes:
        """The envelope in a sealed request."""
        part = data.split(BOUNDARY + b"\r\n")[2].removeprefix(b"\tContent-Type: application/octet-stream\r\n")
        sealed = part.removesuffix(BOUNDARY + b"--\r\n")
        n = struct.unpack("<i", sealed[:4])[0]
        return bytes(self.ctx.unwrap_winrm(sealed[4 : 4 + n], sealed[4 + n :]))

    def seal(self, envelope: bytes) -> bytes:
        """The body of a sealed reply."""
        w = self.ctx.wrap_winrm(envelope)
        original = f"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={len(envelope)}\r\n".encode()
        return b"".join(
            [
                *(BOUNDARY, b"\r\n\tContent-Type: ", SEALED.encode(), b"\r\n", original),
                *(BOUNDARY, b"\r\n\tContent-Type: application/octet-stream\r\n"),
                *(struct.pack("<i", len(w.header)), w.header, w.data, BOUNDARY, b"--\r\n"),
            ]
        )


class Listener(http.server.ThreadingHTTPServer):
    """The listener of one machine."""

    daemon_threads = allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], service: wsman.Service, tls: ssl.SSLContext | None = None):
        super().__init__(address, Handler)
        self.service, self.tls = service, tls
        self.connections: set[socket.socket] = set()
        know_users(service.users)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection, and remember it for `crash`."""
        s, a = super().get_request()
        if self.tls:
            s = self.tls.wrap_socket(s, server_side=True, do_handshake_on_connect=False)
        self.connections.add(s)
        return s, a

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection."""
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that was cut is part of the game."""

    def crash(self) -> None:
        """A restart: stop listening and cut every connection."""
        self.shutdown()
        self.server_close()
        for s in list(self.connections):
            with suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
