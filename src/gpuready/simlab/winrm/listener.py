"""HTTP and TLS for the WinRM listeners of all PCs: one thread waits for connections, each has a thread while it lasts.

A PC that nobody talks to is one listening socket.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from email.utils import formatdate

from gpuready.simlab.winrm import auth
from gpuready.simlab.winrm.messages import Cut
from gpuready.simlab.winrm.service import Service

SOAP = "application/soap+xml;charset=UTF-8"
_MOST = 32 * 2**20  # bytes of one request
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
}


class Listener:
    """Where one PC listens. `tls` is the context of an HTTPS listener."""

    def __init__(self, address: str, port: int, service: Service, tls: ssl.SSLContext | None = None) -> None:
        self.address, self.port, self.service, self.tls = address, port, service, tls
        self.socket = socket.create_server((address, port), backlog=128)
        self.port = self.socket.getsockname()[1]
        self.socket.setblocking(False)
        self.connections: set[_Connection] = set()

    def close(self) -> None:
        """Stop listening and cut every connection."""
        self.socket.close()
        for one in list(self.connections):
            one.cut()
        self.service.down()


class Server:
    """Answers at any number of listeners."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._lock = threading.Lock()
        self._running = True
        self._thread = threading.Thread(target=self._serve, daemon=True, name="winrm")
        self._thread.start()

    def add(self, listener: Listener) -> None:
        """Begin to answer at a listener."""
        with self._lock:
            self._selector.register(listener.socket, selectors.EVENT_READ, listener)
        self._nudge()

    def remove(self, listener: Listener) -> None:
        """A PC goes off the net."""
        with self._lock, suppress(KeyError, ValueError):
            self._selector.unregister(listener.socket)
        listener.close()
        self._nudge()

    def close(self) -> None:
        """Everything off."""
        self._running = False
        self._nudge()
        self._thread.join(timeout=5)
        listeners = [key.data for key in list(self._selector.get_map().values()) if key.data is not None]
        for listener in listeners:
            listener.close()
        self._selector.close()
        self._wake.close()
        self._woken.close()

    def _nudge(self) -> None:
        with suppress(OSError):
            self._wake.send(b".")

    def _serve(self) -> None:
        while self._running:
            for key, _ in self._selector.select():
                if key.data is None:
                    with suppress(OSError):
                        self._woken.recv(64)
                    continue
                with suppress(OSError):
                    connection, _ = key.data.socket.accept()
                    threading.Thread(target=_Connection(connection, key.data).serve, daemon=True).start()


class _Connection:
    """One connection of a client."""

    def __init__(self, connection: socket.socket, listener: Listener) -> None:
        connection.setblocking(True)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket, self.listener = connection, listener
        self.session = auth.Session(listener.service.users)
        listener.connections.add(self)
        self._rest = b""

    def serve(self) -> None:
        """Answer requests until the client goes, or is cut off."""
        try:
            if self.listener.tls:
                # The handshake comes later, so that it can be cut too.
                wrapped = self.listener.tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
                self.socket = wrapped
                wrapped.do_handshake()
            while (request := self._request()) is not None:
                if not self._answer(*request):
                    return
        except (OSError, ValueError, Cut):
            return
        finally:
            self.listener.connections.discard(self)
            with suppress(OSError):
                self.socket.close()

    def cut(self) -> None:
        """End the connection, whatever it is at."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def _request(self) -> tuple[str, Mapping[str, str], bytes] | None:
        data = self._rest
        while b"\r\n\r\n" not in data:
            more = self.socket.recv(65536)
            if not more:
                return None
            data += more
            if data[:1] == b"\x16":  # TLS where HTTP is spoken: Windows answers in HTTP that this is no request
                self._reply(400)
                return None
            if len(data) > 2**20:
                raise ValueError("a head of a megabyte is no HTTP")
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        length = int(headers.get("content-length") or 0)
        if length > _MOST:
            raise ValueError("too much")
        pieces, have = [body], len(body)
        while have < length:
            more = self.socket.recv(min(2**20, length - have))
            if not more:
                return None
            pieces.append(more)
            have += len(more)
        whole = b"".join(pieces)
        self._rest = whole[length:]
        return lines[0], headers, whole[:length]

    def _answer(self, line: str, headers: Mapping[str, str], data: bytes) -> bool:
        """Answer one request; whether the connection goes on."""
        method, _, rest = line.partition(" ")
        if not rest.endswith(("HTTP/1.1", "HTTP/1.0")):
            self._reply(400)
            return False
        if method != "POST" or not rest.lower().startswith("/wsman"):
            self._reply(405 if method != "POST" else 404)
            return True
        if headers.get("wsmanidentify") != "unauthenticated":
            allowed, challenges = self.session.check(headers.get("authorization", ""))
            if not allowed:
                self._reply(401, headers=[("WWW-Authenticate", offer) for offer in challenges])
                return True
        if not data:
            self._reply(200)
            return True
        sealed = "multipart/encrypted" in headers.get("content-type", "")
        try:
            envelope = self.session.unseal(data) if sealed else data
        except Exception:  # whatever the crypto library says of a message that was not sealed for this connection
            self._reply(400)
            return False
        code, text = self.listener.service.dispatch(envelope)
        if sealed and text:
            kind = f'multipart/encrypted;protocol="{auth.SEALED}";boundary="Encrypted Boundary"'
            self._reply(code, self.session.seal(text.encode()), kind)
        else:
            self._reply(code, text.encode())
        return True

    def _reply(
        self, code: int, body: bytes = b"", kind: str = SOAP, headers: list[tuple[str, str]] | None = None
    ) -> None:
        lines = [f"HTTP/1.1 {code} {_REASONS.get(code, 'Error')}", "Server: Microsoft-HTTPAPI/2.0"]
        lines.append(f"Date: {formatdate(usegmt=True)}")
        lines += [f"{name}: {value}" for name, value in headers or []]
        if body:
            lines.append(f"Content-Type: {kind}")
        lines.append(f"Content-Length: {len(body)}")
        self.socket.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
