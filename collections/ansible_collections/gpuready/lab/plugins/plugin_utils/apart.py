# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work in a process of its own: what a PC answers, however long or strange, costs this process and no other.

Ansible reads all of an answer into memory, waits for ever for a worker that was killed, and cannot end what runs for an
hour within the interpreter. So the worker lets a child of its own talk to the PC, with a limit of memory, and reads the
child's result up to a limit: a child that dies is the trouble of one PC.
"""

from __future__ import annotations

import ctypes
import errno
import os
import pickle
import resource
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

MEMORY = 384 * 2**20  # bytes that a child may take more than it has at its start
GRACE = 8.0  # seconds in which a child that is ended may take leave of the PC
RESULT = 16 * 2**20  # bytes of a result
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_EXPAT_NO_MEMORY = 1  # XML_ERROR_NO_MEMORY


class TooMuchError(Exception):
    """The work took more memory than it may, or its result is longer."""


class LostError(Exception):
    """The process of the work ended without a result; the text says how."""


class EndedError(BaseException):
    """The parent ends its child: raised in the child, where it is, so that it can take leave of the PC."""


class FailedError(Exception):
    """The work raised something: `kind` is the name of its type, the text its own."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def call(work: Callable[[], Any], *, limited: bool = True) -> Any:
    """The result of `work`, which runs in a child of this process.

    Whatever ends the wait (a task's time limit) ends the child, in which EndedError is raised first. `limited` is off
    where the work starts programs here that may take what they need. Raises TooMuchError, LostError, FailedError.
    """
    reading, writing = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _child(work, writing, parent, limited)
    os.close(writing)
    try:
        data = _read(reading)
    except BaseException:
        _end(pid)
        raise
    finally:
        os.close(reading)
    if len(data) > RESULT:
        _end(pid)
        raise TooMuchError(f"the result is longer than {RESULT // 2**20} MB")
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return _result(data, status)


def _result(data: bytes, status: int) -> Any:
    try:
        kind, value = pickle.loads(data)  # noqa: S301  our own child wrote it
    except Exception:
        how = f"was killed by signal {-status}" if status < 0 else f"ended with code {status}"
        raise LostError(f"the process that talked to the PC {how}") from None
    if kind == "memory":
        raise TooMuchError(f"more than {MEMORY // 2**20} MB were needed")
    if kind == "failed":
        raise FailedError(str(value[0]), str(value[1]))
    return value


def _read(pipe: int) -> bytes:
    """All that comes until the end, or more than a result may be long."""
    data = bytearray()
    while len(data) <= RESULT:
        select.select([pipe], [], [])
        piece = os.read(pipe, 2**20)
        if not piece:
            break
        data += piece
    return bytes(data)


def _end(pid: int) -> None:
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return
            time.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _child(work: Callable[[], Any], pipe: int, parent: int, limited: bool) -> None:
    """What the child does; it never returns."""
    try:
        for number in (signal.SIGINT, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, _ended)
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == parent:
            if limited:
                _limit()
            _write(pipe, _outcome(work))
            os._exit(0)
    finally:
        os._exit(1)


def _ended(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once
    raise EndedError


def _outcome(work: Callable[[], Any]) -> bytes:
    """What the child has to say, pickled."""
    try:
        return pickle.dumps(("done", work()))
    except Exception as error:
        if of_memory(error):
            return pickle.dumps(("memory", None))
        return pickle.dumps(("failed", (type(error).__name__, str(error))))


def of_memory(error: BaseException | None) -> bool:
    """Whether a want of memory is behind an error."""
    seen = 0
    while error is not None and seen < 20:
        no_room = getattr(error, "errno", None) == errno.ENOMEM
        parser = isinstance(error, ParseError) and error.code == _EXPAT_NO_MEMORY
        if isinstance(error, MemoryError) or no_room or parser:
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False


def _limit() -> None:
    """What is taken already, and MEMORY more."""
    with suppress(OSError, ValueError, IndexError):
        has = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = has + MEMORY if hard == resource.RLIM_INFINITY else min(has + MEMORY, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _write(pipe: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(pipe, view) :]
