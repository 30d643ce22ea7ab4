# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How much a PC may say: its answer is cut to size before anything reads it, and what was cut is named."""

from __future__ import annotations

from typing import Any

TEXT = 2**18  # characters of one text: an answer of nvidia-smi about 16 GPUs is shorter
ITEMS = 256  # elements of a list, keys of an object
DEPTH = 24
TOTAL = 2**22  # characters and elements of all of it
_NAMED = 20  # of what was cut


def fit(value: Any) -> tuple[Any, list[str]]:
    """The value cut to size, and where it was cut: `pieces.video_controllers: 30000 elements, 256 are read`."""
    reader = _Reader()
    fitted = reader.fit(value, "", 0)
    more = len(reader.cuts) - _NAMED
    return fitted, [*reader.cuts[:_NAMED], *([f"and {more} more"] if more > 0 else [])]


class _Reader:
    def __init__(self) -> None:
        self.left = TOTAL
        self.cuts: list[str] = []

    def fit(self, value: Any, path: str, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value, path)
        self.left -= 1
        if not isinstance(value, dict | list | tuple):
            return value
        if depth >= DEPTH or self.left <= 0:
            self.cuts.append(f"{path or 'the answer'}: {'nested too deeply' if depth >= DEPTH else 'too much in all'}")
            return None
        if len(value) > ITEMS:
            self.cuts.append(f"{path or 'the answer'}: {len(value)} elements, {ITEMS} are read")
        if isinstance(value, dict):
            pairs = [pair for pair, _ in zip(value.items(), range(ITEMS), strict=False)]
            return {
                self._key(key): self.fit(one, f"{path}.{self._key(key)}".lstrip("."), depth + 1) for key, one in pairs
            }
        return [self.fit(one, path, depth + 1) for one in value[:ITEMS]]

    def _text(self, text: str, path: str) -> str:
        most = max(min(TEXT, self.left), 0)
        self.left -= min(len(text), most)
        if len(text) <= most:
            return text
        self.cuts.append(f"{path or 'the answer'}: {len(text)} characters, {most} are read")
        return text[:most]

    def _key(self, key: Any) -> Any:
        return key[:200] if isinstance(key, str) else key
