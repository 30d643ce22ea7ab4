# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Archives on a Linux PC: from a path, a URL or the controller, checked by sha256 before anything is taken out.

Runs on the PC, under Python 3.9 or later.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
import ssl
import tarfile
import tempfile
import urllib.error
import urllib.parse
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from .folder import Home, Trouble, of_os


class Needed(Exception):  # noqa: N818 - a question, no error
    """What the controller has and this PC lacks: files [{kind, name, sha256}], and ways for what its pip is told."""

    def __init__(self, files: list[dict[str, Any]], pip: dict[str, Any] | None = None) -> None:
        super().__init__("the controller is asked")
        self.files, self.pip = files, pip

    def as_dict(self) -> dict[str, Any]:
        """The module's answer."""
        return {"needs": self.files, **({} if self.pip is None else {"pip": self.pip})}


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class Store:
    """Where archives and wheels come from; `uploaded` maps a sha256 to where the controller has put that file."""

    def __init__(self, home: Home, uploaded: dict[str, str], certificates: str | None, limit: float) -> None:
        self._home, self._uploaded, self._certificates, self._limit = home, uploaded, certificates, limit

    def take(self, kind: str, source: dict[str, Any]) -> Path:
        """The archive {path | url | name, sha256} as a checked file; `name` alone: the controller has it."""
        wanted = str(source["sha256"]).lower()
        if source.get("path"):
            path = Path(source["path"])
            if not path.is_file():
                raise Trouble(
                    "ARCHIVE_MISSING", f"{path}: there is no such archive, neither here nor on the controller"
                )
            target = self._home.downloads / f"{wanted[:12]}-{path.name}"
            try:
                self._home.downloads.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)  # what is checked is what is used: others may write on a share
            except OSError as error:
                raise of_os(error, f"copying {path.name}") from None
            self._check(target, wanted)
            return target
        if source.get("url"):
            return self._download(str(source["url"]), wanted)
        return self._from_controller(
            {"kind": kind, "name": source["name"], "sha256": wanted}, self._home.downloads, True
        )

    def _from_controller(self, file: dict[str, Any], folder: Path, mark: bool) -> Path:
        """A file of the controller in a folder of ours; raises Needed while it is not there."""
        target = folder / (f"{file['sha256'][:12]}-{file['name']}" if mark else file["name"])
        uploaded = self._uploaded.get(file["sha256"])
        try:
            if uploaded and Path(uploaded).is_file():
                self._check(Path(uploaded), file["sha256"])
                folder.mkdir(parents=True, exist_ok=True)
                shutil.move(uploaded, str(target))
                target.chmod(0o644)
                return target
            if target.is_file() and sha256_of(target) == file["sha256"]:
                return target
        except OSError as error:
            raise of_os(error, f"taking in {file['name']}") from None
        raise Needed([file])

    def wheels(self, offered: list[dict[str, Any]]) -> Path | None:
        """The folder with all wheels that the controller offers; raises Needed with all that are not there."""
        missing: list[dict[str, Any]] = []
        for file in offered:
            try:
                self._from_controller(
                    {"kind": "wheel", "name": file["name"], "sha256": file["sha256"]}, self._home.wheelhouse, False
                )
            except Needed as needed:
                missing += needed.files
        if missing:
            raise Needed(missing)
        return self._home.wheelhouse if offered else None

    def _check(self, path: Path, wanted: str) -> None:
        actual = sha256_of(path)
        if actual == wanted:
            return
        with suppress(OSError):
            path.unlink()
        name = path.name.removeprefix(f"{wanted[:12]}-")
        raise Trouble(
            "HASH_MISMATCH", f"{name}: its sha256 is {actual}, not {wanted}; it was not used: get the right file"
        )

    def _download(self, url: str, wanted: str) -> Path:
        from ansible.module_utils.urls import open_url  # a tenth of a second that a build without a URL need not cost

        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("https", "http", "file"):
            raise Trouble("ARCHIVE_MISSING", f"{shown(url)}: only http, https and file URLs can be fetched")
        name = Path(urllib.parse.unquote(parts.path)).name or "archive"
        target = self._home.downloads / f"{wanted[:12]}-{name}"
        try:
            if target.is_file() and sha256_of(target) == wanted:
                return target
            handle, partial = tempfile.mkstemp(dir=str(self._home.downloads), prefix=".new-")
        except OSError as error:
            raise of_os(error, f"fetching {name}") from None
        try:
            # The sha256 is of the bytes as they are sent, whatever the server says of their encoding.
            with (
                os.fdopen(handle, "wb") as file,
                open_url(url, timeout=min(60, self._limit), ca_path=self._certificates, decompress=False) as answer,
            ):
                shutil.copyfileobj(answer, file, 1 << 20)
            self._check(Path(partial), wanted)
            Path(partial).replace(target)
            target.chmod(0o644)
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
            why = getattr(error, "reason", None) or error
            raise Trouble(
                "ARCHIVE_UNREACHABLE", f"{shown(url)} cannot be fetched: {why}; check the URL and the network"
            ) from None
        except OSError as error:
            raise of_os(error, f"fetching {name}") from None
        finally:
            with suppress(OSError):
                Path(partial).unlink()
        return target


def shown(url: str) -> str:
    """A URL without user, password and query; where a user or password cannot be told from the rest, `...` for it."""
    scheme, between, rest = url.partition("://")
    host, slash, path = re.split("[?#]", rest)[0].partition("/")
    if not between or "@" in rest[len(host) :]:
        return f"{scheme}://..." if between else "..." if "@" in url else re.split("[?#]", url)[0]
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def unpack(archive: Path, into: Path) -> Path:
    """Unpack a zip, wheel or tar into a new folder; the folder within that everything stands in. Raises Trouble.

    Every member is a new file of ours that others may read and run: whose it was elsewhere, and what more it allowed,
    is nothing that an archive brings here.
    """
    try:
        into.mkdir(parents=True)
        with suppress(FileExistsError, NotADirectoryError, IsADirectoryError):
            _unzip(archive, into) if zipfile.is_zipfile(archive) else _untar(archive, into)
            inside = list(into.iterdir())
            return inside[0] if len(inside) == 1 and inside[0].is_dir() else into
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise _unreadable(archive, f"not a zip, wheel or tar that can be read ({error})") from None
    except OSError as error:
        raise of_os(error, f"unpacking {archive.name}") from None
    raise _unreadable(archive, "two of its members have one name")


def _unreadable(archive: Path, why: str) -> Trouble:
    return Trouble("ARCHIVE_UNREADABLE", f"{archive.name}: {why}")


def _place(name: str, into: Path, archive: Path) -> Path:
    """Where a member belongs; one that would be written elsewhere ends the unpacking."""
    path = os.path.normpath(name)
    if os.path.isabs(name) or path.split(os.sep)[0] == os.pardir:  # noqa: PTH117, PTH206 - names, not files
        raise _unreadable(archive, f"'{name}' would be written outside of its folder")
    return into / path


def _unzip(archive: Path, into: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            place = _place(member.filename, into, archive)
            if member.is_dir():
                place.mkdir(parents=True, exist_ok=True)
            else:
                with file.open(member) as content:
                    _write(place, content, member.external_attr >> 16)


def _untar(archive: Path, into: Path) -> None:
    """Links come last, when all folders and files are there: none of them can lie behind a link."""
    links: list[tuple[Path, tarfile.TarInfo]] = []
    with tarfile.open(archive) as tar:
        for member in tar:
            place = _place(member.name, into, archive)
            if member.isdir():
                place.mkdir(parents=True, exist_ok=True)
            elif member.issym() or member.islnk():
                place.parent.mkdir(parents=True, exist_ok=True)
                links.append((place, member))
            elif member.isreg() and (content := tar.extractfile(member)):
                _write(place, content, member.mode)
            else:
                raise _unreadable(archive, f"'{member.name}' is neither a file, nor a folder, nor a link")
    for place, member in sorted(links, key=lambda one: one[1].issym()):
        if member.islnk():
            target = _place(member.linkname, into, archive)
            if not target.is_file():
                raise _unreadable(archive, f"'{member.name}' is a link to a file that is not in it")
            os.link(target, place)
        else:
            _place(os.path.join(os.path.dirname(member.name), member.linkname), into, archive)  # noqa: PTH118, PTH120
            os.symlink(member.linkname, place)  # noqa: PTH211 - a name, no path
    inside = Path(os.path.realpath(into))
    for place, member in links:  # by way of other links
        if inside not in Path(os.path.realpath(place)).parents:
            raise _unreadable(archive, f"'{member.name}' is a link that leads outside of its folder")


def _write(place: Path, content: IO[bytes], mode: int) -> None:
    """A new file; what is there already is not written over."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("xb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
    place.chmod(0o755 if mode & 0o100 else 0o644)
