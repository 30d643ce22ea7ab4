"""Files by their sha256: whole under their name or not there, and what was cut off goes on where it was."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import fetching
from ansible_collections.gpuready.lab.plugins.plugin_utils.fetching import FetchError

DATA = bytes(range(256)) * 64
SHA = hashlib.sha256(DATA).hexdigest()


class Server:
    """Gives DATA; `cut` bytes of each answer, `asked` are the ranges and passwords that came."""

    def __init__(self) -> None:
        self.cut: int | None = None
        self.ranges = True
        self.status = 200
        self.asked: list[tuple[str | None, str | None]] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers.get("Range")
                server.asked.append((wanted, self.headers.get("Authorization")))
                start = int(wanted[6:-1]) if wanted and server.ranges else 0
                if start >= len(DATA):
                    self.send_error(416)
                    return
                body = DATA[start:]
                self.send_response(206 if start else server.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: server.cut])

            def log_message(self, *_: Any) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    found = Server()
    with contextlib.closing(found.http.socket):
        yield found
        found.http.shutdown()


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_a_file_is_there_whole(server: Server, tmp_path: Path) -> None:
    assert fetching.Web().file(f"http://{server.host}/a.whl", tmp_path / "a.whl", {"0" * 64, SHA}) == SHA
    assert (tmp_path / "a.whl").read_bytes() == DATA
    assert names(tmp_path) == ["a.whl"]


def test_what_is_cut_off_goes_on_where_it_was(server: Server, tmp_path: Path) -> None:
    server.cut = len(DATA) // 3
    web = fetching.Web()
    web.file(f"http://{server.host}/a.whl", tmp_path / "a.whl", {SHA})
    assert [start for start, _ in server.asked][:2] == [None, f"bytes={server.cut}-"]
    assert (tmp_path / "a.whl").read_bytes() == DATA
    server.cut = 10
    with pytest.raises(FetchError, match="cut off after 10 of"):
        web.file(f"http://{server.host}/b.whl", tmp_path / "b.whl", {SHA})
    assert names(tmp_path) == [".b.whl.part", "a.whl"]
    server.cut = None
    web.file(f"http://{server.host}/b.whl", tmp_path / "b.whl", {SHA})
    assert server.asked[-1][0] == "bytes=40-"
    assert names(tmp_path) == ["a.whl", "b.whl"]


@pytest.mark.parametrize("ranges", [True, False])
def test_what_lay_there_of_another_file_is_fetched_anew(server: Server, tmp_path: Path, ranges: bool) -> None:
    server.ranges = ranges
    for size in (5, len(DATA)):
        (tmp_path / ".a.part").write_bytes(b"x" * size)
        assert fetching.Web().file(f"http://{server.host}/a", tmp_path / "a", {SHA}) == SHA
        assert (tmp_path / "a").read_bytes() == DATA


def test_another_file_is_not_kept(server: Server, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=f"its sha256 is {SHA}: this is another file"):
        fetching.Web().file(f"http://{server.host}/a", tmp_path / "a", {"0" * 64})
    assert names(tmp_path) == []


def test_a_host_that_cannot_be_reached_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(_: Any, request: Any, **__: Any) -> Any:
        asked.append(request.full_url)
        raise fetching.urllib.error.URLError("no such host")

    monkeypatch.setattr(fetching.urllib.request.OpenerDirector, "open", refuse)
    web = fetching.Web()
    for _ in range(3):
        with pytest.raises(FetchError, match="no such host"):
            web.file("https://gone/a", tmp_path / "a", {SHA})
        with pytest.raises(FetchError, match="no such host"):
            web.page("https://gone/simple/a/", "text/html")
    assert len(asked) == 1


@pytest.mark.parametrize("trouble", [ConnectionResetError("reset"), OSError(113, "No route to host")])
def test_what_ends_before_an_answer_is_tried_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: OSError
) -> None:
    real, left = fetching.urllib.request.OpenerDirector.open, [trouble, trouble]

    def opened(self: Any, request: Any, **more: Any) -> Any:
        if left:
            raise left.pop()
        return real(self, request, **more)

    monkeypatch.setattr(fetching.urllib.request.OpenerDirector, "open", opened)
    assert fetching.Web().file(f"http://{server.host}/a", tmp_path / "a", {SHA}) == SHA
    left += [trouble, trouble]
    assert fetching.Web().page(f"http://{server.host}/simple/a/", "text/html")
    left += [trouble] * 8
    with pytest.raises(FetchError, match="it was cut off"):
        fetching.Web().file(f"http://{server.host}/b", tmp_path / "b", {SHA})
    with pytest.raises(FetchError, match=r"reset|No route"):
        fetching.Web().page(f"http://{server.host}/simple/a/", "text/html")


def test_a_password_goes_to_its_host_alone_and_into_no_message(server: Server, tmp_path: Path) -> None:
    web = fetching.Web()
    web.page(f"http://anna:se%40cret@{server.host}/simple/a/", "text/html")
    web.file(f"http://{server.host}/a", tmp_path / "a", {SHA})
    assert [said for _, said in server.asked] == ["Basic YW5uYTpzZUBjcmV0"] * 2
    with pytest.raises(FetchError) as refused:
        web.file("http://anna:secret@127.0.0.1:1/a", tmp_path / "b", {SHA})
    assert "secret" not in str(refused.value)


def test_a_password_of_https_is_not_said_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, str | None]] = []

    def refuse(_: Any, request: Any, **__: Any) -> Any:
        said.append((request.full_url, request.get_header("Authorization")))
        raise fetching.urllib.error.HTTPError(request.full_url, 404, "no", request.headers, None)

    monkeypatch.setattr(fetching.urllib.request.OpenerDirector, "open", refuse)
    web = fetching.Web()
    for url in ("https://anna:secret@h/a/", "http://h/a/", "https://h/a/"):
        web.page(url, "text/html")
    assert said == [("https://h/a/", "Basic YW5uYTpzZWNyZXQ="), ("http://h/a/", None), said[0]]


@pytest.mark.parametrize("url", ["ftp://x/a", "x", "file:///nowhere/a", "http://[x", "http://x:y/a"])
def test_what_cannot_be_fetched_is_said(url: str, tmp_path: Path) -> None:
    with pytest.raises(FetchError):
        fetching.Web().file(url, tmp_path / "a", {SHA})
    assert names(tmp_path) == []


def test_pages_that_are_not_there(server: Server, tmp_path: Path) -> None:
    assert fetching.Web().page(tmp_path.as_uri() + "/none", "text/html") is None
    (tmp_path / "index.html").write_text("<a>")
    assert fetching.Web().page(tmp_path.as_uri(), "text/html") == ("<a>", tmp_path.as_uri())


def test_a_file_of_this_machine_is_taken_if_it_is_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(DATA)
    fetching.take(tmp_path / "source", tmp_path / "there", SHA)
    assert (tmp_path / "there").read_bytes() == DATA
    with pytest.raises(FetchError, match="not 0000"):
        fetching.take(tmp_path / "source", tmp_path / "other", "0" * 64)
    with pytest.raises(FetchError, match="No such file"):
        fetching.take(tmp_path / "gone", tmp_path / "other", SHA)
    assert names(tmp_path) == ["source", "there"]
