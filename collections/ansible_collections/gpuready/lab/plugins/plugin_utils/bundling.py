# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes a bundle. `gpuready bundle` runs it: what is asked as JSON on standard input, lines for a person on output.

It ends with 0 when all is there, 2 when something is missing, 1 when it could not be done.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from ..module_utils.home import pip
from ..module_utils.home.archives import shown
from . import bundles, fetching, reading
from .bundle import index, model, needs
from .environment import packages
from .environment.sources import sha256_of
from .fetching import FetchError
from .files import write_whole
from .stacks import files as stackfiles
from .stacks import wheels

_PYPI = "https://pypi.org/simple"
_PYTHONS = "https://github.com/astral-sh/python-build-standalone/releases/download"
_PYTHONS_TOO = "https://releases.astral.sh/github/python-build-standalone/releases/download"  # where uv looks first
_LOCK = ".lock"


class Ways:
    """Where this controller's packages come from: what the lab says, what uv and pip are told here, else PyPI."""

    def __init__(self, variables: Iterable[Mapping[str, Any]], environment: Mapping[str, str]) -> None:
        told = packages.pip_settings(pip.said(environment))
        lab = list(variables)
        # UV_INDEX may give an index a name: name=URL
        own = [re.sub(r"^[\w.-]+=(?=\w+://)", "", one) for one in _words(environment, "UV_INDEX")]
        own += _words(environment, "UV_EXTRA_INDEX_URL")
        first = [one["python_environment_index_url"] for one in lab if one.get("python_environment_index_url")]
        first += [*_words(environment, "UV_DEFAULT_INDEX"), *_words(environment, "UV_INDEX_URL")]
        more = [url for one in lab for url in _list(one.get("python_environment_extra_index_urls"))]
        default = first or [told.get("index-url") or _PYPI]
        self.indexes = list(dict.fromkeys(map(str, [*more, *own, *default, *told.get("extra-index-url", "").split()])))
        links = [str(one["python_environment_wheelhouse"]) for one in lab if one.get("python_environment_wheelhouse")]
        links += [str(link) for one in lab for link in _list(one.get("python_environment_find_links"))]
        links += [*_words(environment, "UV_FIND_LINKS", ","), *told.get("find-links", "").split()]
        self.links = list(dict.fromkeys(links))
        self.certificates = told.get("cert") or ""


class Maker:
    """One making of a bundle; `say` hears a line for each file that was brought."""

    def __init__(self, folder: Path, ways: Ways, say: Callable[[str], None]) -> None:
        self._folder, self._ways, self._say = folder, ways, say
        self._web = fetching.Web(ways.certificates)
        self._pages: dict[str, list[index.Offered]] = {}
        self._taken: dict[str, str] = {}  # path in the bundle -> sha256
        self._before: Mapping[str, str] = {}  # path -> where it came from
        self._kept: dict[str, model.File] = {}
        self.lost: list[str] = []
        self.fetched = 0

    def archive(self, one: needs.Archive) -> None:
        """A file that is known by its sha256."""
        path = self._place(one.folder, one.name, one.sha256)
        target = self._folder / path
        origin = shown(one.url) if one.url else one.path.name if one.path else ""
        if not _is(target, one.sha256):
            try:
                self._bring(one, target)
            except FetchError as why:
                source = shown(one.url) if one.url else str(one.path)
                self.lost.append(
                    f"{one.title} ({', '.join(one.purposes)}): {source}: {why}. By hand: put the file with the sha256 "
                    f"{one.sha256} there as {target}"
                )
                return
            self._brought(path)
        self._keep(path, one.sha256, one.kind, origin, one.purposes, one.system, one.python)

    def _bring(self, one: needs.Archive, target: Path) -> None:
        if one.path:
            fetching.take(one.path, target, one.sha256)
            return
        mirror = os.environ.get("UV_PYTHON_INSTALL_MIRROR", "").rstrip("/")
        urls = [one.url]
        if one.url.startswith(_PYTHONS):
            rest = one.url.removeprefix(_PYTHONS)
            urls = [f"{mirror}{rest}"] if mirror else [one.url, f"{_PYTHONS_TOO}{rest}"]
        for number, url in enumerate(urls, 1):
            try:
                self._web.file(url, target, {one.sha256})
                return
            except FetchError:
                if number == len(urls):
                    raise

    def package(self, one: needs.Package) -> None:
        """A package of a lock: what is there already, else the best file that a folder or an index has of it."""
        wanted = (one.name, one.version, one.hashes, one.system, one.python)
        for offered in index.chosen(self._there(one), *wanted):
            path, sha256 = Path(offered.url).relative_to(self._folder).as_posix(), offered.sha256 or ""
            self._keep(path, sha256, one.kind, self._origin(path), one.purposes, one.system_of_kind)
            self._taken[path] = sha256
            return
        why: list[str] = []
        for offered in self._offers(one, why):
            path = self._place(one.folder, offered.name, offered.sha256 or "")
            try:
                sha256 = self._web.file(offered.url, self._folder / path, one.hashes)
            except FetchError as error:
                why.append(f"{shown(offered.url)}: {error}")
                continue
            self._brought(path)
            self._keep(path, sha256, one.kind, shown(offered.url), one.purposes, one.system_of_kind)
            return
        if one.conditional and not why:
            return  # its marker wants it elsewhere
        places = ", ".join(map(shown, (*self._ways.links, *self._indexes(one))))
        reasons = "; ".join(dict.fromkeys(why)) or f"not in {places}"
        digests = sorted(one.hashes)
        some = digests[0] if len(digests) == 1 else f"one of the {len(digests)} of its lock, as {digests[0]}"
        self.lost.append(
            f"{one.title} ({', '.join(one.purposes)}): {reasons}. By hand: put its wheel (sha256 {some}) into "
            f"{self._folder / one.folder}"
        )

    def _there(self, one: needs.Package) -> Iterator[index.Offered]:
        for file in _files(self._folder / one.folder, one.name):
            yield index.Offered(file.name, str(file), sha256_of(file))

    def _offers(self, one: needs.Package, why: list[str]) -> Iterator[index.Offered]:
        """Files of a package, of one place after the other; `why` gets the places that could not be asked."""
        wanted = (one.name, one.version, one.hashes, one.system, one.python)
        for link in self._ways.links:
            if folder := _folder(link):
                here = [index.Offered(f.name, f.resolve().as_uri(), sha256_of(f)) for f in _files(folder, one.name)]
                yield from index.chosen(here, *wanted)
        pages = [link for link in self._ways.links if "://" in link]
        pages += [f"{url.rstrip('/')}/{quote(wheels.normalized(one.name))}/" for url in self._indexes(one)]
        for page in pages:
            try:
                yield from index.chosen(self._page(page), *wanted)
            except FetchError as error:
                why.append(f"{shown(page)}: {error}")

    def _indexes(self, one: needs.Package) -> list[str]:
        return list(dict.fromkeys((*self._ways.indexes, *one.urls)))

    def _page(self, url: str) -> list[index.Offered]:
        if url not in self._pages:
            found = self._web.page(url, index.ACCEPT)
            self._pages[url] = index.read(*found) if found else []
        return self._pages[url]

    def _place(self, folder: str, name: str, sha256: str) -> str:
        """The path of a file in the bundle, another one where there is a file of that name already."""
        path = f"{folder}/{name}"
        if self._taken.setdefault(path, sha256) != sha256:
            path = f"{folder}/{sha256[:12]}/{name}"
            self._taken[path] = sha256
        (self._folder / path).parent.mkdir(parents=True, exist_ok=True)
        return path

    def _origin(self, path: str) -> str:
        return self._before.get(path, "origin not known")

    def _brought(self, path: str) -> None:
        self.fetched += 1
        self._say(f"{path}: {_size((self._folder / path).stat().st_size)}")

    def _keep(
        self, path: str, sha256: str, kind: str, origin: str, purposes: list[str], system: str = "", python: str = ""
    ) -> None:
        size = (self._folder / path).stat().st_size
        before = self._kept[path].purposes if path in self._kept else ()
        every = tuple(dict.fromkeys((*before, *purposes)))
        self._kept[path] = model.File(path, sha256, size, kind, origin, every, system, python)

    @property
    def files(self) -> list[model.File]:
        """All that was asked for and is there."""
        return list(self._kept.values())

    def remember(self, old: Iterable[model.File]) -> None:
        """Where the files of an earlier making came from."""
        self._before = {one.path: one.origin for one in old}

    def kept(self, old: Iterable[model.File], whole: bool = True) -> list[model.File]:
        """Files of an earlier making that nothing asked for now, and that are still what they were.

        Not `whole`: that are still there; a run holds them against their sha256.
        """
        rest = [one for one in old if one.path not in self._kept and (self._folder / one.path).is_file()]
        return [one for one in rest if not whole or _is(self._folder / one.path, one.sha256)]


def make(folder: Path, wanted: list[needs.Wanted], say: Callable[[str], None]) -> int:
    """Bring all of it into the folder, and write its bundle.yml. Raises BundleError and OSError."""
    texts = [(stackfiles.STACKS / name).read_text("utf-8") for name in ("interpreters.txt", "uv.txt")]
    found = needs.of(wanted, needs.pinned(*texts))
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        old = _listed(folder, found)
        maker = Maker(folder, Ways(map(_placed, wanted), os.environ), say)
        maker.remember(old)
        try:
            for archive in found.archives.values():
                maker.archive(archive)
            for package in found.packages.values():
                maker.package(package)
        except BaseException:  # what was brought is listed
            with suppress(OSError):
                write_whole(folder / model.NAME, model.text([*maker.kept(old, whole=False), *maker.files]))
            raise
        files = [*maker.kept(old), *maker.files]
        write_whole(folder / model.NAME, model.text(files))
    for note in found.notes:
        say(f"note: {note}")
    lost = [*found.lost, *maker.lost]
    for line in lost:
        say(f"missing: {line}")
    there = len(files) - maker.fetched
    size = _size(sum(one.bytes for one in files))
    say(f"{folder}: {len(files)} files, {size}: {maker.fetched} brought, {there} there already, {len(lost)} missing.")
    return 2 if lost else 0


def _listed(folder: Path, found: needs.Needs) -> tuple[model.File, ...]:
    """What an earlier making listed; of a bundle.yml that cannot be read nothing, with a note."""
    if not (folder / model.NAME).exists():
        return ()
    try:
        return bundles.load(folder).files
    except model.BundleError as error:
        found.notes[f"{error}. It was made anew, with what is asked for now: ask again for other labs' stacks"] = None
        return ()


def _placed(one: needs.Wanted) -> Mapping[str, Any]:
    """The variables, with a wheelhouse that starts at the inventory's folder written out."""
    given = one.variables.get("python_environment_wheelhouse")
    if not given or not (one.base / str(given)).is_dir():
        return one.variables
    return {**one.variables, "python_environment_wheelhouse": str(one.base / str(given))}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise model.BundleError(f"{folder}: another gpuready bundle is at work there: wait for its end") from None
    finally:
        os.close(handle)


def _folder(link: str) -> Path | None:
    """The folder of this machine that a link may be."""
    if "://" not in link:
        return Path(link)
    return Path(unquote(link[7:])) if link.lower().startswith("file:///") else None


def _files(folder: Path, project: str) -> list[Path]:
    """The files of a project in a folder; of the bundle's own folder also those one folder deeper."""
    name = wheels.normalized(project)
    try:
        every = sorted(folder.glob("*")) + sorted(folder.glob("*/*"))
        named = [file for file in every if index.NAME.fullmatch(file.name) and wheels.project_of(file.name) == name]
        return [file for file in named if file.is_file()]
    except OSError:
        return []


def _is(file: Path, sha256: str) -> bool:
    try:
        return file.is_file() and sha256_of(file) == sha256
    except OSError:
        return False


def _words(environment: Mapping[str, str], name: str, between: str = " ") -> list[str]:
    return [one for one in environment.get(name, "").replace(between, " ").split() if one]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _size(size: int) -> str:
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= step:
            return f"{size / step:.1f} {unit}"
    return f"{size} bytes"


def _step(error: OSError) -> str:
    """What helps against an OSError of the bundle's disk."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "name a folder for the bundle, not a file"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "make room or name a folder elsewhere, and run again: what is whole stays"
    return "mend that and run again: what is whole stays"


def main() -> int:
    """Read what is asked, and make it."""
    asked = json.load(sys.stdin)
    wanted = [
        needs.Wanted(one["stack"], one["target"], one.get("variant"), one["variables"], Path(one["base"]))
        for one in asked["wanted"]
    ]

    def say(line: str) -> None:
        print(reading.shown(line), flush=True)

    try:
        return make(Path(asked["folder"]), wanted, say)
    except model.BundleError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{error.filename or asked['folder']}: {error.strerror or error}: {_step(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


def _stop(*_: object) -> None:
    """The first signal ends the making; what follows it does not keep it from listing what is there."""
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    sys.exit(main())
