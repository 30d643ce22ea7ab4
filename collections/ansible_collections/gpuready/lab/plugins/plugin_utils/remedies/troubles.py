# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What went wrong on the way to a PC, by the words of pywinrm, requests, pypsrp, ssh and Ansible: a code and one line.

Only the fixed English of these libraries is looked for (codes.yml, channel `connection`). Passwords never reach a
message: these libraries do not print them, and what looks like one, or stands before the `@` of an address, is cut all
the same.
"""

from __future__ import annotations

import re

from .. import reading
from ..record import Trouble
from . import catalogue as remedies

_GONE = ("HOST_OFF", "PORT_CLOSED", "CONNECT_TIMEOUT")
_READ = 20_000  # what a module printed may be long
_POOL = re.compile(
    r"HTTPS?ConnectionPool\(host='(?P<host>[^']*)', port=(?P<port>\d+)\): Max retries exceeded with url: \S+ "
    r"\(Caused by (?P<inner>.*)\)\s*$",
    re.DOTALL,
)


def classify(text: str, exception: BaseException | None = None, connection: str | None = None) -> Trouble:
    """`{code, message}` of a failure. `exception` gives its chain of causes; `connection` is the transport's name."""
    words = "\n".join([*_chain(exception), text[:_READ]])[:_READ]
    code = remedies.match(words, "connection") or remedies.match(words) or "UNREACHABLE"
    message = _line((text or words)[:_READ], connection)
    return {"code": code, "message": message or remedies.remedy(code).cause}


def cut_off(code: str) -> str:
    """The code where the PC answered earlier in this very run: one that is gone now was cut off, or restarts."""
    return "CONNECTION_CUT" if code in _GONE else code


def _chain(error: BaseException | None) -> list[str]:
    lines: list[str] = []
    while error is not None and len(lines) < 10:
        lines.append(f"{type(error).__name__}: {error}"[:_READ])
        error = error.__cause__ or error.__context__
    return lines


def _plainly(text: str) -> str:
    """urllib3's nested words as what is in their middle: `10.0.0.7:5985: [Errno 111] Connection refused`."""
    match = _POOL.search(text)
    if not match:
        return text
    inner = re.sub(r"^[\s(]*(?:\w+\((?:\d+, )?)+", "", match["inner"])
    inner = re.sub(r"HTTPS?Connection\([^)]*\): |<[^>]*>, ?|Failed to establish a new connection: ", "", inner)
    inner = re.sub(r" ?\(_ssl\.c:\d+\)|\[SSL: \w+\] ", "", inner).lstrip("('\" ")
    while inner.endswith(("'", '"', " ")) or (inner.endswith(")") and inner.count(")") > inner.count("(")):
        inner = inner[:-1]
    return f"{text[: match.start()]}{match['host']}:{match['port']}: {inner}" if inner else text


def _line(text: str, connection: str | None) -> str:
    line = reading.one_line(_plainly(text))
    named = connection and line and not line.lower().startswith(connection.lower())
    return f"{connection}: {line}"[: reading.SAID] if named else line
