# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An installer of a driver, and the checks that make an entry of drivers.yml one (docs/drivers.md has every key)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from .. import contract
from ..hardware import drivers, pci
from ..hardware.families import FAMILIES, LEFT_OUT
from .document import Mistake, Value, read

SCHEMA_VERSION = "1"
QUESTION = "?"  # of who wrote the entry and could not know
WINDOWS = ("7", "8.1", "10", "11", "server-2016", "server-2019", "server-2022", "server-2025")
ARCHITECTURES = ("x86_64", "arm64")
COMPUTERS = ("desktop", "laptop")
PRODUCTS = ("geforce", "professional", "data-center")  # NVIDIA's packages
SOURCES = ("file", "share", "url")
_ENDINGS = (".exe", ".zip")
_MOST = 1000
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_PCI = re.compile(r"([0-9a-f]{4}):([0-9a-f]{4})", re.IGNORECASE)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
_SHARE = re.compile(r'\\\\[^\\/:*?"<>|]+(\\[^\\/:*?"<>|]+){2,}')
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SECRET_IN_URL = re.compile(r"(?i)[?&;][\w-]*(?:pass|pwd|token|secret|key|sig|credential)[\w-]*=")
_HASH_IT = "run `gpuready drivers FOLDER`, or on Windows certutil -hashfile FILE SHA256"


@dataclass(frozen=True)
class Installer:
    """An entry that was checked. One of `file`, `share`, `url` and `windows_update` is there.

    `version` is the vendor's own number, `windows_version` Windows' where the entry has that.

    Whom it is for: `windows` and `architecture` always; an empty `families`, `pci`, `products`, `computers` or `makers`
    limits nothing. `file` is relative to the folder of drivers.yml. `arguments` is None where the vendor's usual ones
    are meant; `packages` are NVIDIA's; `inf` is the INF file in an archive, for pnputil. What Windows Update brings has
    no sha256, and `version` is the least that it must be; `accept_licence`: the lab accepts a licence that it may have.
    """

    id: str
    line: int
    vendor: str
    version: str
    windows: tuple[str, ...]
    sha256: str
    architecture: str = "x86_64"
    families: tuple[str, ...] = ()
    pci: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    computers: tuple[str, ...] = ()
    makers: tuple[str, ...] = ()
    file: str | None = None
    share: str | None = None
    url: str | None = None
    windows_update: bool = False
    accept_licence: bool = False
    inf: str | None = None
    windows_version: str | None = None
    arguments: tuple[str, ...] | None = None
    packages: tuple[str, ...] = ()
    pinned: bool = False

    @property
    def source(self) -> str:
        """Where it comes from."""
        return self.file or self.share or self.url or ("Windows Update" if self.windows_update else "")


@dataclass(frozen=True)
class Catalogue:
    """The installers of a lab; `name` is the file's, for sentences; `updates`: Windows Update may be a source."""

    name: str = "drivers.yml"
    installers: tuple[Installer, ...] = field(default=())
    updates: bool = False


def parse(text: str) -> tuple[tuple[Installer, ...], list[Mistake]]:
    """The installers of the file's text, and every mistake in it, by line. With mistakes nothing is to be believed."""
    content, mistakes = read(text)
    if content is None:
        return (), mistakes or [Mistake(0, "it is empty: run `gpuready drivers FOLDER`, or see docs/drivers.md")]
    if not isinstance(content.content, dict):
        return (), [*mistakes, Mistake(content.line, "this is no mapping with schema_version and installers")]
    top = _Entry(content, mistakes, "")
    version, entries = top.text("schema_version"), top.get("installers")
    if version is not None and version != SCHEMA_VERSION:
        top.wrong("schema_version", f"{version[:40]} is not known here: {SCHEMA_VERSION} is")
    top.finish()
    found = entries.content if entries else None
    if entries is None or not isinstance(found, list) or not found:
        top.wrong("installers", "it holds no list of entries: run `gpuready drivers FOLDER`, or see docs/drivers.md")
        found = []
    if len(found) > _MOST:
        top.wrong("installers", f"more than {_MOST} entries: no lab has so many")
        found = found[:_MOST]
    installers = [one for number, value in enumerate(found, 1) if (one := _installer(value, number, mistakes))]
    mistakes += _together(installers)
    return tuple(installers), sorted(mistakes, key=lambda mistake: mistake.line)


def _installer(value: Value, number: int, mistakes: list[Mistake]) -> Installer | None:
    """An installer, or None where a mistake leaves none."""
    before = len(mistakes)
    if not isinstance(value.content, dict):
        mistakes.append(Mistake(value.line, "this is no mapping of keys: see docs/drivers.md", f"entry {number}"))
        return None
    entry = _Entry(value, mistakes, f"entry {number}")
    name = entry.matching("id", _ID, "letters, digits and . _ + - make an id")
    entry.name = name or entry.name
    vendor = entry.word("vendor", tuple(FAMILIES))
    (version, windows_version), windows = _version(entry, vendor), entry.words("windows", WINDOWS, needed=True)
    families, ids = _families(entry, vendor), _pci(entry, vendor)
    for one in families if version and vendor == "nvidia" else ():
        if float(version or 0) >= float(LEFT_OUT.get(one, "inf")):
            entry.wrong("families", f"NVIDIA's drivers from {LEFT_OUT[one]} on leave {one} out: take it out here")
    if vendor in ("amd", "intel") and not entry.has("families") and not entry.has("pci"):
        entry.wrong("families", f"for which GPUs? {vendor}'s packages differ: give families or pci")
    updates, accepted = entry.truth("windows_update"), entry.truth("accept_licence")
    sources = _sources(entry, updates)
    sha256: str | None = ""
    if updates:
        _no_file(entry)
    else:
        sha256 = entry.matching("sha256", _SHA256, f"this is no SHA-256 of 64 hexadecimal digits: {_HASH_IT}")
    if accepted and not updates:
        entry.wrong("accept_licence", "it belongs to windows_update: take the key out")
    installer = Installer(
        id=name or "",
        line=value.line,
        vendor=vendor or "",
        version=version or "",
        windows_version=windows_version,
        windows=windows,
        sha256=(sha256 or "").lower(),
        architecture=entry.word("architecture", ARCHITECTURES, "x86_64") or "",
        families=families,
        pci=ids,
        products=entry.words("products", PRODUCTS),
        computers=entry.words("computers", COMPUTERS),
        makers=entry.texts("makers"),
        arguments=_arguments(entry),
        packages=_packages(entry, vendor),
        pinned=entry.truth("pinned"),
        inf=_inf(entry, sources),
        windows_update=updates,
        accept_licence=accepted,
        **sources,
    )
    if installer.products and vendor not in (None, "nvidia"):
        entry.wrong("products", f"these are NVIDIA's packages, not {vendor}'s: take the key out")
    entry.finish()
    return installer if len(mistakes) == before else None


def _version(entry: _Entry, vendor: str | None) -> tuple[str | None, str | None]:
    """The vendor's own number, and Windows' where it is that."""
    given = entry.text("version")
    if given is None or vendor is None:
        return None, None
    own = drivers.own_version(vendor, given)
    if own is None:
        amd = " (AMD's Windows number follows no rule)" if vendor == "amd" else ""
        entry.wrong("version", f"{given[:40]!r} is no version of {vendor}{amd}: write it as {drivers.example(vendor)}")
    return own, given if own is not None and own != given else None


def _families(entry: _Entry, vendor: str | None) -> tuple[str, ...]:
    known = FAMILIES[vendor] if vendor else tuple(name for names in FAMILIES.values() for name in names)
    return entry.words("families", known)


def _pci(entry: _Entry, vendor: str | None) -> tuple[str, ...]:
    ids = []
    for given in entry.texts("pci"):
        match = _PCI.fullmatch(given)
        if match is None:
            entry.wrong("pci", f"{given[:40]!r} is no vendor and device id: write it as 10de:2684")
        elif vendor is not None and pci.vendor(match[1]) != vendor:
            entry.wrong("pci", f"{given} is no GPU of {vendor}: correct the id or the vendor")
        else:
            ids.append(given.lower())
    return tuple(ids)


def _no_file(entry: _Entry) -> None:
    """What belongs to a file is a mistake beside windows_update."""
    for key in ("sha256", "inf", "arguments", "packages"):
        if entry.get(key) is not None:
            entry.wrong(key, "Windows Update brings the driver, and there is no file: take the key out")


def _sources(entry: _Entry, updates: bool) -> dict[str, str | None]:
    checks: dict[str, Callable[[str], str]] = {"file": _file_is, "share": _share_is, "url": _url_is}
    given = {key: entry.text(key, "") for key in SOURCES}
    there = [key for key in SOURCES if entry.has(key)]
    every = [*there, *(["windows_update"] if updates else [])]
    if len(every) != 1:
        what = " and ".join(every) if every else "none of file, share, url and windows_update"
        entry.wrong(every[0] if every else "file", f"{what}: give one of the four, from where it is taken")
    for key in there:
        value = given[key]
        if value and (wrong := checks[key](value)):
            entry.wrong(key, wrong)
    return {key: given[key] or None for key in SOURCES}


def _file_is(given: str) -> str:
    parts = given.split("/")
    if "\\" in given or ":" in given or given.startswith(("/", "~")) or ".." in parts or "" in parts or "." in parts:
        return "this is no path below the folder of this file: write it as nvidia/setup.exe"
    return _ending(given)


def _share_is(given: str) -> str:
    if not _SHARE.fullmatch(given) or {".", ".."} & set(given.split("\\")):
        return r"this is no file of a share: write it as \\server\share\setup.exe"
    return _ending(given)


def _url_is(given: str) -> str:
    try:
        url = urlsplit(given)
        host = url.hostname
        url.port  # noqa: B018 - raises for what is no port
    except ValueError:
        return "this is no URL: write it as https://server/setup.exe"
    if "@" in url.netloc:
        return "a user or a password in a URL ends in logs: put the file on a share or beside this file"
    if _SECRET_IN_URL.search(given):
        return "a secret in a URL ends in logs: put the file on a share or beside this file"
    if url.scheme not in ("http", "https") or not host or not given.isprintable() or " " in given or "\\" in given:
        return "this is no URL of http or https: write it as https://server/setup.exe"
    return _ending(url.path)


def _ending(path: str) -> str:
    if path.lower().endswith(_ENDINGS):
        return ""
    return f"it ends in none of {' and '.join(_ENDINGS)}: a driver is an installer, or an archive with an INF file"


def _inf(entry: _Entry, sources: dict[str, str | None]) -> str | None:
    given, path = entry.text("inf", ""), next((one for one in sources.values() if one), "")
    archive = urlsplit(path).path.lower().endswith(".zip") if "://" in path else path.lower().endswith(".zip")
    if archive and not given and not entry.has("inf"):
        entry.wrong("inf", "which INF file of the archive? give its path in there")
    if not given:
        return None
    parts = PurePosixPath(given).parts
    if not archive:
        entry.wrong("inf", "it belongs to an archive (.zip): take the key out")
    elif "\\" in given or ":" in given or given.startswith("/") or ".." in parts or not given.lower().endswith(".inf"):
        entry.wrong("inf", "this is no path of an INF file in the archive: write it as Display/driver.inf")
    return given


def _arguments(entry: _Entry) -> tuple[str, ...] | None:
    if (arguments := entry.list_or_none("arguments")) is None:
        return None
    if any(pattern.search(one) for one in (*arguments, " ".join(arguments)) for pattern, _ in contract.SECRETS):
        entry.wrong("arguments", "a password is in no program's arguments: take it out")
    return arguments


def _packages(entry: _Entry, vendor: str | None) -> tuple[str, ...]:
    packages = entry.texts("packages")
    if packages and vendor not in (None, "nvidia"):
        entry.wrong("packages", f"NVIDIA's installer takes them, not {vendor}'s: take the key out")
    for one in packages:
        if not _PACKAGE.fullmatch(one):
            entry.wrong("packages", f"{one[:40]!r} is no package: write it as Display.Driver")
    return packages


def _together(installers: Sequence[Installer]) -> list[Mistake]:
    """What is wrong with entries side by side."""
    mistakes, ids, same, hashes = [], dict[str, int](), dict[tuple[object, ...], int](), dict[str, tuple[str, int]]()
    for one in installers:
        low = one.id.lower()
        if low in ids:
            mistakes.append(Mistake(one.line, f"id: stands in line {ids[low]} already: give each its own", one.id))
        ids.setdefault(low, one.line)
        limits = (one.windows, one.families, one.pci, one.products, one.computers, one.makers)
        whom = (one.vendor, one.version, one.architecture, one.windows_update, *limits)
        if whom in same:
            mistakes.append(Mistake(one.line, f"it is for the same PCs as that of line {same[whom]}: keep one", one.id))
        same.setdefault(whom, one.line)
        sha256, line = hashes.setdefault(one.source.lower(), (one.sha256, one.line))
        if sha256 != one.sha256:
            text = f"sha256: line {line} has another for the same {one.source}: {_HASH_IT}"
            mistakes.append(Mistake(one.line, text, one.id))
    return mistakes


class _Entry:
    """A mapping that is read key by key; what is wrong is added to the mistakes, and its value is then None."""

    def __init__(self, value: Value, mistakes: list[Mistake], name: str) -> None:
        self.name, self._mistakes, self._line = name, mistakes, value.line
        self._data = value.content if isinstance(value.content, dict) else {}
        self._asked: list[str] = []

    def wrong(self, key: str, text: str) -> None:
        line = self._data[key].line if key in self._data else self._line
        self._mistakes.append(Mistake(line, f"{key}: {text}", self.name))

    def has(self, key: str) -> bool:
        return key in self._data and self._data[key].content not in (None, [])

    def get(self, key: str) -> Value | None:
        self._asked.append(key)
        return self._data.get(key) if self.has(key) else None

    def text(self, key: str, default: str | None = None) -> str | None:
        """A text; without a default it has to be there."""
        value = self.get(key)
        if value is None:
            if default is None:
                self.wrong(key, "is missing: see docs/drivers.md")
            return default
        return self._plain(key, value)

    def _plain(self, key: str, value: Value) -> str | None:
        content = value.content
        if not isinstance(content, str):
            self.wrong(key, "this is not one text")
        elif content == QUESTION:
            self.wrong(key, f"this is still a question: {_QUESTIONS.get(key, 'write what it is')}")
        elif not content.isprintable() or len(content) > 1000:
            self.wrong(key, "this is not one line of text")
        elif "{{" in content or "{%" in content:
            self.wrong(key, "this file holds no templates: write the value")
        else:
            return content
        return None

    def matching(self, key: str, pattern: re.Pattern[str], wrong: str) -> str | None:
        value = self.text(key)
        if value is not None and not pattern.fullmatch(value):
            self.wrong(key, f"{value[:70]!r}: {wrong}")
            return None
        return value

    def word(self, key: str, allowed: Collection[str], default: str | None = None) -> str | None:
        value = self.text(key, default)
        if value is not None and value.lower() not in allowed:
            self.wrong(key, f"{value[:40]!r} is not one of {', '.join(allowed)}")
            return None
        return value.lower() if value else value

    def list_or_none(self, key: str) -> tuple[str, ...] | None:
        """A list of texts that may be empty; None where there is none."""
        texts = self.texts(key)
        return texts if key in self._data and self._data[key].content is not None else None

    def texts(self, key: str, needed: bool = False) -> tuple[str, ...]:
        """A list of texts; one text stands for a list of it."""
        value = self.get(key)
        if value is None:
            if needed:
                self.wrong(key, f"is missing: {_QUESTIONS.get(key, 'see docs/drivers.md')}")
            return ()
        if isinstance(value.content, dict):
            self.wrong(key, "this is not a list of texts")
            return ()
        listed = value.content if isinstance(value.content, list) else [value]
        if len(listed) > 200:
            self.wrong(key, "more than 200 values")
            return ()
        texts = tuple(text for one in listed if (text := self._plain(key, one)) is not None)
        if len(set(texts)) < len(texts):
            self.wrong(key, "it has a value twice: keep one")
        return texts

    def words(self, key: str, allowed: Collection[str], needed: bool = False) -> tuple[str, ...]:
        texts = tuple(text.lower() for text in self.texts(key, needed))
        for text in texts:
            if text not in allowed:
                self.wrong(key, f"{text[:40]!r} is not one of {', '.join(allowed)}")
        return texts

    def truth(self, key: str) -> bool:
        value = self.text(key, "false")
        if value is not None and value.lower() not in ("true", "false"):
            self.wrong(key, f"{value[:40]!r} is not one of true, false")
        return value is not None and value.lower() == "true"

    def finish(self) -> None:
        """A misspelt key is a mistake, not a comment."""
        for key in self._data:
            if key not in self._asked:
                self.wrong(key[:40], f"is not a key of this place ({', '.join(dict.fromkeys(self._asked))})")


_QUESTIONS = {
    "vendor": f"whose driver is it: {', '.join(FAMILIES)}?",
    "version": "which version, as its vendor numbers it (560.94, 24.3.1, 101.5590)?",
    "windows": f"for which Windows: {', '.join(WINDOWS)}?",
    "architecture": f"for which: {', '.join(ARCHITECTURES)}?",
    "families": "for which GPUs? docs/drivers.md has the names; its release notes say it",
    "pci": "for which GPUs (10de:2684)? its release notes or INF files say it",
    "products": f"for which of NVIDIA's products: {', '.join(PRODUCTS)}?",
    "inf": "which INF file of the archive? give its path in there",
}
