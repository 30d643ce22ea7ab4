# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The folder of a lab on the controller: a folder a run, the state, and `latest`, the state as a report.

    runs/20261125T083000Z-provision-3f6c0c1e/report.json, report.html, ...
    latest/report.json, report.html, ...
    state.json

Runs may end at the same time: each has a folder of its own, and a lock stands before state and `latest`.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .files import write_together, write_whole
from .report import lab, renderings

LATEST, RUNS, STATE = "latest", "runs", "state.json"
_LOCK = ".lock"
_PATIENCE = 60.0  # seconds for another run to write its report


@dataclass(frozen=True)
class Known:
    """The state as it was read at one time; `mark` tells whether the file is still the same."""

    state: dict[str, Any] | None = None
    mark: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Kept:
    """The document of the lab, and where a state that could not be read was put."""

    document: dict[str, Any]
    aside: Path | None = None


def known(folder: Path) -> Known:
    """The state before a run writes its report. None where there is none, or none that can be read: `keep` says why."""
    file = folder / STATE
    try:
        mark = _mark(file)
        state = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return Known()
    return Known(state, mark) if lab.is_state(state) else Known()


def keep(
    folder: Path,
    document: Mapping[str, Any],
    inventory: Sequence[str],
    pcs: Sequence[str] | None,
    where: Path,
    formats: Sequence[str],
    before: Known | None = None,
) -> Kept:
    """Take a run's verdicts into the lab's state and write `latest`. Raises OSError.

    `where` is the folder of the run's own report, `before` what was read of the state: it is read again where another
    run has written it since. A state that cannot be read is put aside, never overwritten.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        if before and before.mark and before.mark == _mark(folder / STATE):
            state, aside = before.state, None
        else:
            state, aside = _state(folder / STATE)
        place = where.relative_to(folder).as_posix() if where.is_relative_to(folder) else str(where)
        state = lab.taken(state, document, inventory, pcs, place)
        lab_document = lab.document(state, inventory)
        texts = renderings.files(lab_document, formats)
        state = lab.counted(state, lab_document)
        write_whole(folder / STATE, json.dumps(state, ensure_ascii=False, allow_nan=False) + "\n")
        write_together(folder / LATEST, texts, renderings.not_among(texts))
    return Kept(lab_document, aside)


def prune(folder: Path, most: int) -> None:
    """Take away the oldest runs beyond `most`: of each what a report writes, and the folder when it is empty then."""
    with suppress(OSError):
        runs = [one for one in (folder / RUNS).iterdir() if lab.is_run_name(one.name) and not one.is_symlink()]
        for old in sorted(runs, key=lambda one: one.name, reverse=True)[most:]:
            with suppress(OSError):
                for name in renderings.NAMES:
                    (old / name).unlink(missing_ok=True)
                old.rmdir()


def _mark(file: Path) -> tuple[int, ...] | None:
    """Another one for every file that was ever renamed to this place."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _state(file: Path) -> tuple[dict[str, Any] | None, Path | None]:
    """The state so far, None where there is none. A file that is none is renamed, one of a newer version refused.

    The second is where a file that is none lies now.
    """
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return None, None
    except ValueError:
        text = ""
    try:
        state = json.loads(text)
    except (ValueError, RecursionError):
        state = None
    if lab.is_state(state):
        return dict(state), None
    version = state.get("schema_version") if isinstance(state, dict) else None
    if isinstance(version, int) and version > lab.STATE_VERSION:
        raise OSError(errno.EPROTO, "it is of a newer version of gpuready", str(file))
    aside = file.with_name(f"{file.stem}-broken-{time.time_ns()}{file.suffix}")
    file.replace(aside)
    return None, aside


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Alone in this folder. The lock is the kernel's: it goes with the process that holds it. Raises OSError."""
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise TimeoutError(errno.ETIMEDOUT, "another run holds it", str(folder / _LOCK)) from None
                time.sleep(0.1)
        yield
    finally:
        os.close(handle)
