# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lab's drivers.yml on the controller's disk, and the installers beside it."""

from __future__ import annotations

import stat
from collections.abc import Container
from pathlib import Path

from .document import Mistake
from .model import Catalogue, Installer, parse

_LARGEST = 4 * 2**20  # bytes
_SAID = 3


class CatalogueError(ValueError):
    """What is wrong with a drivers.yml: `mistakes` has a line for each, the text the first of them in one line."""

    def __init__(self, file: Path, mistakes: list[str]) -> None:
        self.mistakes = tuple(mistakes)
        more = len(mistakes) - _SAID
        rest = [f"and {more} more: `gpuready drivers {file}` says them all"] if more > 0 else []
        super().__init__("; ".join([*mistakes[:_SAID], *rest]))


def load(file: Path, elsewhere: Container[str] | None = ()) -> Catalogue:
    """The catalogue in a file, whole and believable, its installers there. Raises CatalogueError with every mistake.

    `elsewhere`: sha256 of installers that need not lie there; None: none need. Hashes are not compared here: an
    installer has hundreds of megabytes, and is hashed where it is used.
    """
    try:
        if not file.is_file():
            raise CatalogueError(file, [f"{file}: there is no such file: make it with `gpuready drivers FOLDER`"])
        with file.open("rb") as opened:
            data = opened.read(_LARGEST + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise CatalogueError(file, [f"{file}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise CatalogueError(file, [f"{file}: this is not UTF-8: save it as such"]) from None
    installers, mistakes = parse(text)
    mistakes += [
        Mistake(one.line, f"file: {wrong}", one.id)
        for one in installers
        if elsewhere is not None and one.sha256 not in elsewhere and (wrong := _not_there(file.parent, one))
    ]
    if mistakes:
        mistakes.sort(key=lambda mistake: mistake.line)
        raise CatalogueError(file, [mistake.shown(str(file)) for mistake in mistakes])
    return Catalogue(file.name, installers)


def _not_there(folder: Path, one: Installer) -> str:
    """What is wrong with an entry's file; empty where it is there, or comes from elsewhere."""
    if one.file is None:
        return ""
    path = folder / one.file
    try:
        if path.is_symlink() or path.resolve() != folder.resolve() / one.file:
            return f"{one.file} is a link, or lies behind one: put the file itself there"
        if not stat.S_ISREG(path.lstat().st_mode):
            return f"{one.file} is no file: put the installer there"
    except FileNotFoundError:
        return f"{one.file} is not there: put it there, or correct the path"
    except OSError as error:
        return f"{one.file} cannot be read: {error.strerror}"
    except RuntimeError:  # links that lead to each other
        return f"{one.file} is a link, or lies behind one: put the file itself there"
    return ""
