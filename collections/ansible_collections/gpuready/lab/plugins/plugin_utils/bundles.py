# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lab's bundle on the controller's disk, as the variable gpuready_bundle names it."""

from __future__ import annotations

from pathlib import Path

from .bundle.model import NAME, VARIABLE, Bundle, BundleError, parse

_LARGEST = 16 * 2**20  # bytes of a bundle.yml


def of(value: object, base: str | Path) -> Bundle | None:
    """The bundle that the variable's value names, relative to the inventory's folder; None for no value.

    Raises BundleError.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BundleError(f"{VARIABLE}: this is not the path of a bundle's folder")
    try:
        return load(Path(base) / Path(value).expanduser())
    except RuntimeError:  # ~nobody
        raise BundleError(f"{VARIABLE}: {value[:100]}: there is no such user's home: write the path out") from None


def load(folder: Path) -> Bundle:
    """The bundle in a folder. Raises BundleError."""
    file = folder / NAME
    try:
        with file.open("rb") as opened:
            data = opened.read(_LARGEST + 1)
    except FileNotFoundError:
        raise BundleError(f"{folder}: there is no bundle ({NAME}) in it: make it with gpuready bundle") from None
    except OSError as error:
        raise BundleError(f"{file}: cannot be read: {error.strerror}") from None
    if len(data) > _LARGEST:
        raise BundleError(f"{file}: it is too large for a bundle's list: make it anew (gpuready bundle)")
    return parse(data.decode("utf-8", "replace"), folder)
