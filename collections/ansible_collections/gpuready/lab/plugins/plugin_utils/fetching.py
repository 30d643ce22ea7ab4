# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that the controller fetches by their sha256: whole and checked under their name, or not there at all.

What was cut off lies beside it under a name of its own, and the next try goes on from there.
"""

from __future__ import annotations

import base64
import http.client
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from . import reading
from .environment.sources import sha256_of

_PATIENCE = 60  # seconds without a byte
_TRIES = 4
_LARGEST_PAGE = 64 * 2**20
_BLOCK = 1 << 20
_NO_ADDRESS = "this is no address that can be fetched: correct its host, its port or its path"


class FetchError(Exception):
    """Why something could not be had, in a few words."""


class _CutError(FetchError):
    """It ended too early."""


class Web:
    """What was learned on the way: hosts that cannot be reached are asked once, passwords stay with theirs."""

    def __init__(self, certificates: str = "") -> None:
        """`certificates`: a file of authorities beside those of the system."""
        context = ssl.create_default_context()
        if certificates:
            with suppress(OSError):  # without them the first page says what is wrong
                context.load_verify_locations(certificates)
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        self._lost: dict[str, str] = {}
        self._passwords: dict[str, str] = {}

    def page(self, url: str, accept: str) -> tuple[str, str] | None:
        """The text of a page and its address in the end; None where there is none. Raises FetchError."""
        parts = _split(url)
        if parts.scheme == "file":
            place = Path(unquote(parts.path))
            file = place / "index.html" if place.is_dir() else place
            try:
                return file.read_text("utf-8", "replace"), url
            except FileNotFoundError:
                return None
            except OSError as error:
                raise FetchError(str(error.strerror)) from None
        for left in reversed(range(_TRIES)):
            try:
                with self._open(url, {"Accept": accept}) as answer:
                    return answer.read(_LARGEST_PAGE).decode("utf-8", "replace"), answer.geturl()
            except urllib.error.HTTPError as error:
                if error.code in (404, 410):
                    return None
                raise FetchError(f"HTTP {error.code}") from None
            except (OSError, http.client.HTTPException) as error:
                if not left or isinstance(error, urllib.error.URLError):
                    raise self._failed(parts, error) from None
        raise AssertionError

    def file(self, url: str, target: Path, hashes: Collection[str]) -> str:
        """Fetch a file of one of these sha256 to `target`; its sha256. Raises FetchError, OSError for a full disk."""
        part = target.with_name(f".{target.name}.part")
        for left in reversed(range(_TRIES)):
            before = part.stat().st_size if part.is_file() else 0
            try:
                self._more(url, part, before)
            except _CutError:
                if not left:
                    raise
                continue
            actual = sha256_of(part)
            if actual in hashes:
                part.replace(target)
                return actual
            part.unlink()
            if not before:
                raise FetchError(f"its sha256 is {actual}: this is another file, and it was not kept")
        raise FetchError("what came is another file each time, and it was not kept")

    def _more(self, url: str, part: Path, before: int) -> None:
        """The rest of a file behind what is there of it."""
        parts = _split(url)
        if parts.scheme == "file":
            copy(Path(unquote(parts.path)), part)
            return
        headers = {"Range": f"bytes={before}-"} if before else {}
        try:
            opened = self._open(url, headers)
        except urllib.error.HTTPError as error:
            if error.code == 416 and before:  # there is no more of it: what is there is whole, or another file
                return
            raise FetchError(f"HTTP {error.code}") from None
        except urllib.error.URLError as error:
            raise self._failed(parts, error) from None
        except (OSError, http.client.HTTPException) as error:
            raise _cut(error) from None
        with opened as answer:
            goes_on = before and answer.status == 206
            length = answer.headers.get("Content-Length")
            with part.open("ab" if goes_on else "wb") as file:
                start = file.tell()
                _poured(answer, file)
                got = file.tell() - start
            if length and length.isdecimal() and got < int(length):
                raise _CutError(f"it was cut off after {got} of {length} bytes: run again to go on")

    def _failed(self, parts: SplitResult, error: Exception) -> FetchError:
        why = reading.one_line(str(getattr(error, "reason", None) or error)) or type(error).__name__
        if isinstance(error, OSError):
            self._lost[_server(parts)] = why
        return FetchError(why)

    def _open(self, url: str, headers: dict[str, str]) -> Any:
        parts = _split(url)
        if parts.scheme not in ("http", "https"):
            raise FetchError("only http, https and file addresses can be fetched")
        _check(parts)
        user, _, host = parts.netloc.rpartition("@")
        server = _server(parts)
        if server in self._lost:
            raise FetchError(self._lost[server])
        if user:
            self._passwords[server] = base64.b64encode(unquote(user).encode()).decode()
        plain = urlunsplit(parts._replace(netloc=host, fragment=""))
        # The sha256 is of the bytes as they are sent, whatever the server says of their encoding.
        headers = {"User-Agent": "gpuready", "Accept-Encoding": "identity"} | headers
        asked = urllib.request.Request(plain, headers=headers)  # noqa: S310 - http and https alone
        if server in self._passwords:
            asked.add_unredirected_header("Authorization", f"Basic {self._passwords[server]}")
        try:
            return self._opener.open(asked, timeout=_PATIENCE)
        except ValueError:  # of a place that the server leads to
            raise FetchError(_NO_ADDRESS) from None


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise FetchError(_NO_ADDRESS) from None


def _server(parts: SplitResult) -> str:
    """What a password is for: of https it is not said over http."""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _check(parts: SplitResult) -> None:
    """Refuse what would end in a message with a part of it, which may be one of a password."""
    try:
        wrong = not parts.hostname or (parts.port or 1) < 1 or not all("!" <= one <= "~" for one in parts.geturl())
    except ValueError:
        wrong = True
    if wrong:
        raise FetchError(_NO_ADDRESS)


def _cut(error: Exception) -> _CutError:
    return _CutError(f"it was cut off ({error}): run again to go on")


def _poured(answer: Any, file: Any) -> None:
    """All of an answer into a file. An OSError of the file is of the disk, one of the answer a cut."""
    while True:
        try:
            block = answer.read(_BLOCK)
        except (OSError, http.client.HTTPException) as error:
            raise _cut(error) from None
        if not block:
            return
        file.write(block)


def copy(source: Path, part: Path) -> None:
    """A file of this machine. Raises FetchError where it cannot be read, OSError for a full disk."""
    try:
        opened = source.open("rb")
    except OSError as error:
        raise FetchError(f"{source}: {error.strerror}") from None
    with opened, part.open("wb") as file:
        _poured(opened, file)
        file.flush()
        os.fsync(file.fileno())


def take(source: Path, target: Path, sha256: str) -> None:
    """A file of this machine to `target`, if it is the right one. Raises FetchError, OSError for a full disk."""
    part = target.with_name(f".{target.name}.part")
    copy(source, part)
    actual = sha256_of(part)
    if actual != sha256:
        part.unlink()
        raise FetchError(f"the sha256 of {source} is {actual}, not {sha256}")
    part.replace(target)
