# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading evidence that may have any shape: what is not as it should be becomes a problem, never an exception."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .. import reading


class Row:
    """One object of a piece.  A property is what it should be, or None; a wrong type is noted with the pieces."""

    def __init__(self, pieces: Pieces, piece: str, values: dict[str, Any]) -> None:
        self._pieces, self._piece, self.values = pieces, piece, values

    def _got(self, name: str, value: object) -> Any:
        if value is None and self.values.get(name) not in (None, "") and not self._is_blank(name):
            self._pieces.malformed(self._piece, f"{name} has an unexpected value")
        return value

    def _is_blank(self, name: str) -> bool:
        value = self.values.get(name)
        return isinstance(value, str) and not value.replace("\0", "").strip()

    def text(self, name: str) -> str | None:
        """A text, or None."""
        text: str | None = self._got(name, reading.text(self.values.get(name)))
        return text

    def integer(self, name: str) -> int | None:
        """An integer, or None."""
        integer: int | None = self._got(name, reading.integer(self.values.get(name)))
        return integer

    def flag(self, name: str) -> bool | None:
        """True, False, or None."""
        flag: bool | None = self._got(name, reading.flag(self.values.get(name)))
        return flag

    def row(self, name: str) -> Row | None:
        """An object inside, or None."""
        value = self._got(name, v if isinstance(v := self.values.get(name), dict) else None)
        return None if value is None else Row(self._pieces, self._piece, value)

    def rows(self, name: str) -> list[Row]:
        """A list of objects inside."""
        return self._pieces.rows_of(self._piece, self.values.get(name))

    def texts(self, name: str) -> list[str]:
        """A list of texts inside."""
        value = self.values.get(name)
        if isinstance(value, str):  # PowerShell makes a list of one into the one
            value = [value]
        if value is not None and not isinstance(value, list):
            self._pieces.malformed(self._piece, f"{name} is no list")
        return [text for item in (value if isinstance(value, list) else []) if (text := reading.text(item))]


class Pieces:
    """The pieces of one evidence, and the problems met while reading them."""

    def __init__(self, evidence: object) -> None:
        self.problems: list[dict[str, str]] = []
        self.evidence: dict[str, Any] = evidence if isinstance(evidence, dict) else {}
        pieces = self.evidence.get("pieces")
        self._pieces: dict[str, Any] = pieces if isinstance(pieces, dict) else {}

    def problem(self, piece: str, code: str, message: str) -> None:
        """Note a problem once."""
        problem = {"piece": piece, "code": code, "message": message}
        if problem not in self.problems:
            self.problems.append(problem)

    def malformed(self, piece: str, message: str) -> None:
        """Note that a piece is not as the documentation says."""
        self.problem(piece, "PIECE_MALFORMED", message)

    def error(self, name: str) -> str | None:
        """The code of a piece's error, or None when it has none."""
        piece = self._pieces.get(name)
        error = piece.get("error") if isinstance(piece, dict) else None
        return (reading.text(error.get("code")) or "COLLECTION_FAILED") if isinstance(error, dict) else None

    def known(self, name: str) -> bool:
        """Whether the piece was collected without an error: then a missing value means that there is nothing."""
        piece = self._pieces.get(name)
        return isinstance(piece, dict) and "value" in piece and piece.get("error") is None

    def value(self, name: str) -> Any:
        """A piece's value as it is.  Notes its error, or that the piece is missing."""
        piece = self._pieces.get(name)
        if not isinstance(piece, dict) or "value" not in piece:
            if name in self._pieces:
                self.malformed(name, "the piece is no object with a value")
            else:
                self.problem(name, "PIECE_MISSING", "the evidence has no such piece")
            return None
        error = piece.get("error")
        if isinstance(error, dict):
            message = reading.text(error.get("message")) or "without a message"
            self.problem(name, reading.text(error.get("code")) or "COLLECTION_FAILED", " ".join(message.split())[:500])
        elif error is not None:
            self.malformed(name, "error is no object")
        return piece["value"]

    def row(self, name: str) -> Row | None:
        """A piece that is an object, or None."""
        value = self.value(name)
        if value is not None and not isinstance(value, dict):
            self.malformed(name, "the value is no object")
        return Row(self, name, value) if isinstance(value, dict) else None

    def rows(self, name: str) -> list[Row]:
        """A piece that is a list of objects."""
        return self.rows_of(name, self.value(name))

    def rows_of(self, name: str, value: object) -> list[Row]:
        """The objects in a list; a single object counts as a list of one."""
        return list(self._rows(name, value))

    def _rows(self, name: str, value: object) -> Iterator[Row]:
        if isinstance(value, dict):
            value = [value]
        if value is not None and not isinstance(value, list):
            self.malformed(name, "a list was expected")
            return
        for item in value or []:
            if isinstance(item, dict):
                yield Row(self, name, item)
            else:
                self.malformed(name, "an element of the list is no object")
