"""A lab's PCs as a person keeps them: a table from a spreadsheet, read into names, addresses, rooms and wishes.

Whatever a spreadsheet of any language writes is read: `;`, `,` or tabs between the columns, UTF-8 or UTF-16 with its
mark, else Windows' own letters. What is wrong is said with file and line.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gpuready.contract import Contract
from gpuready.errors import GpureadyError
from gpuready.project import Stacks
from gpuready.wishes import PREFIX, check, meant

_LARGEST = 5 * 2**20  # bytes
_COLUMNS = {
    "name": ("name", "pc", "computer", "computername", "host", "hostname", "rechner", "rechnername"),
    "address": ("address", "ip", "ipaddress", "ipv4", "fqdn", "dnsname", "adresse", "ipadresse"),
    "room": ("room", "location", "lab", "raum", "standort"),
}
_WISHES = {"gpu": "adapter", "grafikkarte": "adapter"}  # besides the wishes' own names
_OURS = PREFIX.replace("_", "")
_NAME = re.compile(r"[^\W_]([\w.-]{0,251}\w)?", re.ASCII)
_ADDRESS = re.compile(r"[0-9A-Za-z._:%-]{1,253}", re.ASCII)
_WITH_PORT = re.compile(r"[^:]+:\d+")
_NEAR = 0.85  # for a column that may be the lab's own
_TAKEN = ("all", "ungrouped", "localhost")  # Ansible's words: every PC, those of no group, the controller
_SEPARATOR = re.compile(r"\s*sep=(.)[^\S\n]*\r?\n")  # the first line that Excel may write


@dataclass(frozen=True)
class Pc:
    """A line of the table. `wishes`: variable -> value."""

    name: str
    address: str | None = None
    room: str | None = None
    wishes: Mapping[str, str] = field(default_factory=dict)


def read(path: Path, known: Contract, stacks: Stacks, taken: Collection[str] = ()) -> list[Pc]:
    """The PCs of a table, in its order; `taken`: names of the lab's groups, which no PC may have.

    Raises GpureadyError, in one line, for the first thing that is wrong.
    """
    text = _text(path)
    said = _SEPARATOR.match(text)
    delimiter = said[1] if said else _delimiter(text)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    if said:
        rows[0] = []
    first = next((number for number, row in enumerate(rows) if any(cell.strip() for cell in row)), None)
    if first is None:
        raise GpureadyError(f"{path}: the table is empty: it needs a line of column names (name;address;room;gpu)")
    columns = _columns(path, first + 1, rows[first], known)
    pcs: list[Pc] = []
    seen: dict[str, int] = {}
    for number, row in enumerate(rows[first + 1 :], first + 2):
        cells = {what: row[at].strip() for what, at in columns.items() if at < len(row) and row[at].strip()}
        if not cells:
            continue
        where = f"{path}: line {number}"
        if beyond := next((cell.strip() for cell in row[len(rows[first]) :] if cell.strip()), ""):
            raise GpureadyError(f"{where}: {beyond[:60]!r} stands below no column's name: a name for each column")
        pc = _pc(where, cells)
        if pc.name.lower() in (*_TAKEN, *taken):
            raise GpureadyError(f"{where}: {pc.name} is Ansible's or the lab's own word: give the PC another name")
        for key in {pc.name.lower(), (pc.address or pc.name).lower()}:
            if key in seen:
                raise GpureadyError(f"{where}: {key} stands in line {seen[key]} already: one line for each PC")
            seen[key] = number
        if problems := check(pc.wishes, known, stacks):
            raise GpureadyError(f"{where}: {pc.name}: {problems[0]}")
        pcs.append(pc)
    if not pcs:
        raise GpureadyError(f"{path}: there is no PC below the column names")
    if both := {pc.name for pc in pcs} & {group(pc.room) for pc in pcs if pc.room}:
        raise GpureadyError(f"{path}: {min(both)} would be a PC and the group of a room: rename one of them")
    return pcs


def group(room: str) -> str:
    """The name of a room's group: `room_` and what Ansible takes of the room's name."""
    plain = room.lower()
    for letter, instead in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        plain = plain.replace(letter, instead)
    letters = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return "room_" + (re.sub(r"\W+", "_", letters).strip("_") or "other")


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise GpureadyError(f"{path}: cannot be read: {error.strerror}: name a table that is there (CSV)") from None
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise GpureadyError(f"{path}: this is a spreadsheet, not a table of text: save it as CSV first")
    if len(data) > _LARGEST:
        raise GpureadyError(f"{path}: a table of more than {_LARGEST // 2**20} MB is not the list of a lab's PCs")
    for encoding in ("utf-16",) if data.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise GpureadyError(f"{path}: this is not text: save the table as CSV (UTF-8)")


def _delimiter(text: str) -> str:
    line = next((line for line in text.splitlines() if line.strip()), "")
    return max(";\t,", key=line.count)


def _columns(path: Path, line: int, row: Sequence[str], known: Contract) -> dict[str, int]:
    """What a column holds -> where it stands; others are the lab's own and left alone, unless they nearly mean one."""
    own = {wish.replace("_", ""): PREFIX + wish for wish in known.wishes}
    words = own | {word: PREFIX + wish for word, wish in _WISHES.items()}
    words |= {word: what for what, several in _COLUMNS.items() for word in several}
    found: dict[str, int] = {}
    others: dict[str, str] = {}
    for at, cell in enumerate(map(str.strip, row)):
        word = re.sub(r"[\s_-]", "", cell).lower()
        what = words.get(word, own.get(word.removeprefix(_OURS)))
        if what is None and word.startswith(_OURS):
            raise GpureadyError(f"{path}: line {line}: {cell[:60]} is no wish{meant(cell, own.values())}")
        if what is None:
            others[word] = cell
        elif what in found:
            raise GpureadyError(f"{path}: line {line}: {row[found[what]].strip()} and {cell} mean the same")
        else:
            found[what] = at
    for word, cell in others.items():
        near = next(iter(difflib.get_close_matches(word, words, 1, _NEAR)), "")
        if near and (what := words[near]) not in found:
            guess = what if what in _COLUMNS else near
            raise GpureadyError(
                f"{path}: line {line}: {cell[:60]} is no column that is read: did you mean {guess}? Else rename it"
            )
    if "name" not in found:
        said = ", ".join(cell.strip() for cell in row if cell.strip())
        raise GpureadyError(f"{path}: line {line}: no column is called name (or pc, computer, host): {said[:100]}")
    return found


def _pc(where: str, cells: Mapping[str, str]) -> Pc:
    name, address = cells.get("name"), cells.get("address")
    if name is None:
        raise GpureadyError(f"{where}: this PC has no name")
    if not _NAME.fullmatch(name):
        raise GpureadyError(f"{where}: {name[:60]!r} is not a PC's name: letters, digits, - and . make one")
    if address is not None and not _ADDRESS.fullmatch(address):
        raise GpureadyError(f"{where}: {name}: {address[:60]!r} is neither an address nor a name")
    if address is not None and _WITH_PORT.fullmatch(address):
        raise GpureadyError(f"{where}: {name}: {address}: an address alone; a port is a variable (ansible_port)")
    if template := next((value for value in cells.values() if "{{" in value or "{%" in value), None):
        raise GpureadyError(f"{where}: {name}: {template[:60]!r}: a table holds no templates")
    wishes = {what: value for what, value in cells.items() if what.startswith(PREFIX)}
    return Pc(name, address, cells.get("room"), wishes)
