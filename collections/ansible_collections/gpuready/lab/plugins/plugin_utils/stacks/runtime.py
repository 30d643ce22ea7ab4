# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Visual C++ runtime, which DirectML's frameworks need on Windows: its files, and the package that brings it.

Said here alone: the PC is asked for these files, and told them when its environment is built.
"""

from __future__ import annotations

import re

# TensorFlow looks for the last one by itself before anything else.
FILES = ("vcruntime140.dll", "vcruntime140_1.dll", "msvcp140.dll", "msvcp140_1.dll")
_PACKAGE = re.compile(r"^msvc[-_.]runtime\s*==", re.IGNORECASE | re.MULTILINE)


def is_brought_by(lock: str) -> bool:
    """Whether the packages of a lock bring it (into the environment's Scripts)."""
    return _PACKAGE.search(lock) is not None
