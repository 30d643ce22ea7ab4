# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks a drivers.yml: each mistake a line on standard output, 1 when there is any. `gpuready drivers` runs it."""

from __future__ import annotations

import sys
from pathlib import Path

from .files import CatalogueError, load


def main(file: str) -> int:
    """Say what is wrong; 1 when anything is."""
    try:
        load(Path(file))
    except CatalogueError as wrong:
        print("\n".join(wrong.mistakes))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
