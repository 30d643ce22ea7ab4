"""What the tests of environments share: tiny wheels and locks made here, and a package index that is slow."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def module_for(options: dict[str, Any]) -> str:
    """The module whose state this is."""
    passes = options.get("state") in ("current", "trying", "unproven")
    return f"gpuready.lab.{'environment_pass' if passes else 'python_environment'}"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_wheel(
    folder: Path, name: str, version: str, more: dict[str, bytes] | None = None, tag: str = "py3-none-any"
) -> Path:
    """A wheel with one module that says its version; `more`: further members."""
    about = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n".encode(),
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{about}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
        **(more or {}),
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for path, data in files.items()
    )
    files[f"{about}/RECORD"] = (record + f"{about}/RECORD,,\n").encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in files.items():
            archive.writestr(zipfile.ZipInfo(member), data)  # no time of day in it
    return path


def lock_of(*wheels: Path, wrong: bool = False) -> str:
    lines = []
    for wheel in wheels:
        name, version = wheel.name.split("-")[:2]
        digest = "0" * 64 if wrong else sha256(wheel.read_bytes())
        lines.append(f"{name}=={version} \\\n    --hash=sha256:{digest}\n")
    return "".join(lines)


@contextlib.contextmanager
def slow_index(wheel: Path) -> Iterator[tuple[str, threading.Event, threading.Event]]:
    """A package index whose wheel comes slowly: its URL, set when somebody waits for it, to be set to let go."""
    asked, release = threading.Event(), threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith(".whl"):
                asked.set()
                release.wait(60)
                body, kind = wheel.read_bytes(), "application/octet-stream"
            else:
                body, kind = f'<a href="/{wheel.name}">{wheel.name}</a>'.encode(), "text/html"
            with contextlib.suppress(OSError):
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple", asked, release
    finally:
        release.set()
        server.shutdown()
        server.server_close()
