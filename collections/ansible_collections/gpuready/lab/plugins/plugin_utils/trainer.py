# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The trainer's text and its sha256, which a pass is bound to."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "trainer" / "trainer.py"


@functools.cache
def text() -> str:
    """The trainer as it is sent to a PC."""
    return FILE.read_text(encoding="utf-8")


@functools.cache
def sha256() -> str:
    """Of the text with plain line ends, so that a checkout's line ends make no difference."""
    return hashlib.sha256("\n".join(text().splitlines()).encode()).hexdigest()
