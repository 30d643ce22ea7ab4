"""A proxy as companies have it: it opens every TLS connection and signs what goes on with an authority of its own."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from gpuready.simlab.certificates import Authority


class Proxy:
    """CONNECT alone, on a port of 127.0.0.1; `hosts` are those that were asked for."""

    def __init__(self, folder: Path) -> None:
        self._authority = Authority(folder, "proxy")
        self.certificate = self._authority.path
        self.hosts: set[str] = set()
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _context(self, host: str) -> ssl.SSLContext:
        with self._lock:
            if host not in self._contexts:
                self._contexts[host] = self._authority.context("127.0.0.1", host)
            return self._contexts[host]

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(client)
            head = b""
            while b"\r\n\r\n" not in head:
                more = client.recv(4096)
                if not more:
                    return
                head += more
            asked = re.match(rb"CONNECT ([^ :]+):(\d+) ", head)
            if asked is None:
                client.sendall(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
                return
            host, port = asked[1].decode(), int(asked[2])
            self.hosts.add(host)
            try:
                plain = stack.enter_context(socket.create_connection((host, port), timeout=30))
                there = stack.enter_context(ssl.create_default_context().wrap_socket(plain, server_hostname=host))
            except OSError:
                client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                return
            there.settimeout(None)
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            here = stack.enter_context(self._context(host).wrap_socket(client, server_side=True))
            back = threading.Thread(target=_pour, args=(there, here), daemon=True)
            back.start()
            _pour(here, there)
            back.join()


def _pour(source: ssl.SSLSocket, target: ssl.SSLSocket) -> None:
    """Everything of one into the other, until one of them ends."""
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def proxy(folder: Path) -> Iterator[Proxy]:
    """A proxy that runs until the end of the block."""
    found = Proxy(folder)
    try:
        yield found
    finally:
        found.close()
