"""Who may speak to a simulated PC: Basic, and NTLM with sealed messages (pyspnego's server side).

A password is right or wrong for each PC alone: pyspnego reads the passwords from a file, so each set of users has its
own file, and the file is named while the one message that is checked against it is processed.
"""

from __future__ import annotations

import atexit
import base64
import binascii
import os
import shutil
import struct
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BOUNDARY = b"--Encrypted Boundary"
SEALED = "application/HTTP-SPNEGO-session-encrypted"
_lock = threading.Lock()
_files: dict[tuple[tuple[str, str], ...], str] = {}
_folder: list[str] = []


def _user_file(users: Mapping[str, str]) -> str:
    key = tuple(sorted(users.items()))
    if key not in _files:
        if not _folder:
            _folder.append(tempfile.mkdtemp(prefix="gpuready-simlab-"))
            atexit.register(shutil.rmtree, _folder[0], ignore_errors=True)
        path = Path(_folder[0]) / f"users{len(_files)}"
        path.write_text("".join(f":{user}:{password}\n" for user, password in key))
        path.chmod(0o600)
        _files[key] = str(path)
    return _files[key]


class Session:
    """Authentication of one connection; NTLM holds for the connection, as Windows has it."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self.users = users
        self._context: Any = None
        self._authenticated = False

    def check(self, authorization: str) -> tuple[bool, list[str]]:
        """Whether a request with this header may be answered; if not, the challenges to send."""
        scheme, _, token = authorization.partition(" ")
        offers = ["Negotiate", 'Basic realm="WSMAN"']
        try:
            data = base64.b64decode(token, validate=False)
        except (binascii.Error, ValueError):
            return False, offers
        if scheme == "Basic":
            user, _, password = data.decode("utf-8", "replace").partition(":")
            return self.users.get(user) == password, offers
        if scheme in ("Negotiate", "NTLM"):
            return self._negotiate(scheme, data, offers)
        return self._authenticated, offers

    def _negotiate(self, scheme: str, token: bytes, offers: list[str]) -> tuple[bool, list[str]]:
        import spnego  # half a second, and only NTLM needs it

        if self._context is None or self._context.complete:
            self._authenticated = False
            with _lock:
                os.environ["NTLM_USER_FILE"] = _user_file(self.users)
                self._context = spnego.server(
                    protocol="negotiate" if scheme == "Negotiate" else "ntlm",
                    options=spnego.NegotiateOptions.use_ntlm,
                    context_req=spnego.ContextReq.default,
                )
        try:
            with _lock:
                os.environ["NTLM_USER_FILE"] = _user_file(self.users)
                out = self._context.step(token)
        except (spnego.exceptions.SpnegoError, ValueError, struct.error):
            self._context = None
            return False, offers
        if not self._context.complete:
            return False, [f"{scheme} {base64.b64encode(out or b'').decode()}"]
        self._authenticated = True
        return True, []

    def unseal(self, data: bytes) -> bytes:
        """The envelope in a sealed request."""
        part = data.split(BOUNDARY + b"\r\n")[2].removeprefix(b"\tContent-Type: application/octet-stream\r\n")
        sealed = part.removesuffix(BOUNDARY + b"--\r\n")
        length = struct.unpack("<i", sealed[:4])[0]
        return bytes(self._context.unwrap_winrm(sealed[4 : 4 + length], sealed[4 + length :]))

    def seal(self, envelope: bytes) -> bytes:
        """The body of a sealed reply."""
        wrapped = self._context.wrap_winrm(envelope)
        original = f"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={len(envelope)}\r\n".encode()
        return b"".join(
            [
                *(BOUNDARY, b"\r\n\tContent-Type: ", SEALED.encode(), b"\r\n", original),
                *(BOUNDARY, b"\r\n\tContent-Type: application/octet-stream\r\n"),
                *(struct.pack("<i", len(wrapped.header)), wrapped.header, wrapped.data, BOUNDARY, b"--\r\n"),
            ]
        )
