"""Archives by URL on a Linux PC, from a real server: what is checked is what was sent; a URL may hold an account."""

from __future__ import annotations

import base64
import gzip
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from ansible_collections.gpuready.lab.plugins.module_utils.home.archives import Store
from ansible_collections.gpuready.lab.plugins.module_utils.home.folder import Home, Trouble

ARCHIVE = gzip.compress(b"an archive", mtime=0)
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        account = base64.b64encode(b"lab:secret").decode()
        if self.path.startswith("/closed") and self.headers.get("Authorization") != f"Basic {account}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="lab"')
            self.end_headers()
            return
        if self.path.startswith("/closed/on?"):
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{self.path.partition('?')[2]}/uv.tar.gz")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")  # as servers say it of a .tar.gz
        self.send_header("Content-Length", str(len(ARCHIVE)))
        self.end_headers()
        self.wfile.write(ARCHIVE)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{http.server_port}"
        http.shutdown()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    home = Home(tmp_path)
    home.downloads.mkdir(parents=True)
    return Store(home, {}, None, 10)


def test_the_bytes_are_those_that_were_sent(server: str, store: Store) -> None:
    taken = store.take("uv", {"url": f"http://{server}/uv.tar.gz", "sha256": SHA256})
    assert taken.read_bytes() == ARCHIVE


def test_a_url_may_hold_an_account_which_no_error_shows(server: str, store: Store) -> None:
    taken = store.take("uv", {"url": f"http://lab:secret@{server}/closed/uv.tar.gz", "sha256": SHA256})
    assert taken.read_bytes() == ARCHIVE
    with pytest.raises(Trouble, match="Unauthorized") as refused:
        store.take("uv", {"url": f"http://lab:wrong@{server}/closed/other.tar.gz", "sha256": SHA256})
    assert refused.value.code == "ARCHIVE_UNREACHABLE"
    assert "wrong" not in str(refused.value)


def test_an_account_is_told_to_nobody_else(server: str, store: Store) -> None:
    """The server that was named sends on to another one, which asks for an account too."""
    asked: list[str | None] = []

    class Other(Handler):
        def do_GET(self) -> None:
            asked.append(self.headers.get("Authorization"))
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="lab"')
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        url = f"http://lab:secret@{server}/closed/on?{other.server_port}"
        with pytest.raises(Trouble) as refused:
            store.take("uv", {"url": url, "sha256": SHA256})
        other.shutdown()
    assert refused.value.code == "ARCHIVE_UNREACHABLE"
    assert asked
    assert not any(asked)


def test_an_archive_of_a_share_is_copied_before_it_is_looked_at(store: Store, tmp_path: Path) -> None:
    """Others may write there, between the look and the unpacking too."""
    share = tmp_path / "share"
    share.mkdir()
    archive = share / "uv.tar.gz"
    archive.write_bytes(ARCHIVE)
    taken = store.take("uv", {"path": str(archive), "sha256": SHA256})
    archive.write_bytes(b"another")
    assert taken.read_bytes() == ARCHIVE
    assert taken.parent == tmp_path / "downloads"
    with pytest.raises(Trouble, match=r"^uv\.tar\.gz: its sha256") as refused:
        store.take("uv", {"path": str(archive), "sha256": SHA256})
    assert refused.value.code == "HASH_MISMATCH"
    assert not taken.exists()
    assert archive.read_bytes() == b"another"
