"""A small apt repository of one's own: packages made here, an index, a key made here that signs it, a server."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import subprocess
import threading
from collections.abc import Iterator, Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NOBODY = "Lab <lab@example.org>"


def key(folder: Path) -> Path:
    """A key of its own, in ASCII armour; its secret half lies beside it."""
    home = folder / "gnupg"
    home.mkdir(parents=True, mode=0o700)
    gpg(home, "--quick-generate-key", NOBODY, "ed25519", "sign", "never")
    file = folder / "key.asc"
    file.write_bytes(gpg(home, "--armor", "--export"))
    return file


def gpg(home: Path, *command: str, given: bytes = b"") -> bytes:
    options = ["--homedir", str(home), "--batch", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback"]
    done = subprocess.run(["gpg", *options, *command], input=given, capture_output=True, check=True, timeout=60)
    return done.stdout


def repository(folder: Path, packages: Mapping[str, str], signed_by: Path) -> Path:
    """A flat repository of empty packages, each with more lines of its control file, signed by the key's other half."""
    place = folder / "apt"
    place.mkdir()
    index = ""
    for name, more in packages.items():
        control = (
            f"Package: {name}\nVersion: 12.9.1-1\nArchitecture: all\nMaintainer: {NOBODY}\nDescription: none\n{more}"
        )
        tree = folder / name / "DEBIAN"
        tree.mkdir(parents=True)
        (tree / "control").write_text(control)
        file = place / f"{name}.deb"
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "--build", tree.parent, file], check=True, capture_output=True
        )
        data = file.read_bytes()
        index += f"{control}Filename: ./{file.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n\n"
    (place / "Packages").write_text(index)
    digest = hashlib.sha256(index.encode()).hexdigest()
    release = (
        f"Date: Fri, 27 Nov 2026 00:00:00 UTC\nArchitectures: all amd64\nSHA256:\n {digest} {len(index)} Packages\n"
    )
    signed = gpg(signed_by.parent / "gnupg", "--digest-algo", "SHA256", "--clearsign", given=release.encode())
    (place / "InRelease").write_bytes(signed)
    return place


@contextlib.contextmanager
def served(place: Path) -> Iterator[str]:
    """Its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(place))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
