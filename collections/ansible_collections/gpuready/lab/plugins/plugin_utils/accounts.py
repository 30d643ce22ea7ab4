# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One account, one try: a password that no PC has taken yet is shown to one PC at a time, a rejected one to no other.

A wrong password that goes to every PC of a lab locks its account in the domain. Ansible's workers know nothing of each
other, so they agree by files in the folder that Ansible makes for its run and takes away after it. Once a PC has taken
the password, all others are asked at once, and nothing here costs anything more.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError

from .record import Trouble
from .remedies import troubles

REJECTED = ("AUTH_REJECTED", "KERBEROS_PASSWORD")
PATIENCE = 5.0  # seconds after which a PC that has not answered keeps the next one no longer
_LOCAL = 3  # PCs that may reject an account of their own: it is another one on each, and is locked on none
_CONNECT = 5.0  # seconds
_EVERY = 0.1
_PORTS = {"ssh": 22, "winrm": 5986, "psrp": 5986}
_WITH_PASSWORD = {"ntlm", "basic", "plaintext", "credssp", "ssl"}  # ways of WinRM for which it cannot be missing


@dataclass(frozen=True)
class Account:
    """Who logs on, as far as a try can lock him out."""

    user: str
    password: str

    @property
    def tries(self) -> int:
        """How many PCs may reject it. A name without a domain is each PC's own."""
        domain, sign, _ = self.user.rpartition("\\")
        return 1 if "@" in self.user or (sign and domain not in ("", ".")) else _LOCAL


def admit(connection: Any, host: str) -> Trouble | None:
    """Connect to the PC where its account is good, or not tried yet; else the trouble that it was not tried here."""
    kind = str(connection.transport).rpartition(".")[2]
    if kind not in _PORTS:
        return None
    account = Account(option(connection, "remote_user"), option(connection, "remote_password", "password"))
    if not account.password:
        return _without(connection, kind, account)
    if kind == "ssh" and option(connection, "private_key_file"):
        return None
    book = Book(Path(constants.DEFAULT_LOCAL_TMP) / "accounts", account)
    if book.taken or not _answers(connection, kind):  # what is off is not asked, and says so by itself
        return None
    return book.ask(host, lambda: _connect(connection, kind))


@functools.lru_cache(maxsize=1)
def _name(account: Account, folder: Path) -> str:
    """The name of an account's files, which tells nothing of it: made to be slow, so once for all calls of a task."""
    return hashlib.scrypt(repr(account).encode(), salt=os.fsencode(folder), n=1024, r=8, p=1, dklen=12).hex()


class Book:
    """What the workers of a run know of an account."""

    def __init__(self, folder: Path, account: Account) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        name = _name(account, folder)
        self.account = account
        self._taken, self._rejected = folder / f"{name}.taken", folder / f"{name}.rejected"
        self._turns = folder / f"{name}.turn"

    @property
    def taken(self) -> bool:
        """Whether a PC has taken the password."""
        return self._taken.exists()

    @property
    def rejected(self) -> list[str]:
        """The PCs that rejected it."""
        with suppress(OSError):
            return self._rejected.read_text("utf-8").splitlines()
        return []

    def ask(self, host: str, connect: Callable[[], None]) -> Trouble | None:
        """Ask this PC when its turn has come. None: the account is good. Raises what `connect` raises for itself."""
        since = time.monotonic()
        while True:
            if self.taken:
                return None
            if len(refusers := self.rejected) >= self.account.tries:
                who = ", ".join(refusers)
                return {
                    "code": "AUTH_NOT_TRIED",
                    "message": f"{self.account.user}: rejected by {who}; nobody else was asked",
                }
            with self._turn(int((time.monotonic() - since) / PATIENCE)) as mine:
                if mine and not self.taken and len(self.rejected) < self.account.tries:
                    self._try(host, connect)
                    return None
            time.sleep(_EVERY)

    def _try(self, host: str, connect: Callable[[], None]) -> None:
        try:
            connect()
        except Exception as error:
            if troubles.classify(str(error), exception=error)["code"] in REJECTED:
                with self._rejected.open("a", encoding="utf-8") as file:
                    file.write(f"{host}\n")
            raise
        self._taken.touch()

    @contextmanager
    def _turn(self, more: int) -> Iterator[bool]:
        """Whether one of the turns is free: one at first, and one more for each time of patience that went by."""
        for number in range(more + 1):
            with self._turns.with_suffix(f".{number}").open("w") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    continue
                yield True
                return
        yield False


def option(connection: Any, *names: str) -> str:
    """The first of these options that the connection has and that is set; else an empty text."""
    for name in names:
        with suppress(KeyError, AnsibleError):
            value = connection.get_option(name)
            if value not in (None, ""):
                return str(value)
    return ""


def _without(connection: Any, kind: str, account: Account) -> Trouble | None:
    """An empty password is shown to nobody. Kerberos has its ticket, ssh its key."""
    given = connection.get_option("transport") if kind == "winrm" else None
    ways = {str(one) for one in given} if given else {"kerberos" if "@" in account.user else "plaintext"}
    if kind != "winrm" or not account.user or not ways & _WITH_PASSWORD:
        return None
    said = f"{kind}: there is no password for {account.user}: give --ask-pass, or set ansible_password"
    return {"code": "CONNECTION_SETTINGS", "message": said}


def _answers(connection: Any, kind: str) -> bool:
    """Whether something listens there at all."""
    host = option(connection, "remote_addr", "host")
    port = option(connection, "port") or str(_PORTS[kind])
    try:
        with socket.create_connection((host, int(port)), timeout=_CONNECT):
            return True
    except (OSError, ValueError, UnicodeError):
        return False


def _connect(connection: Any, kind: str) -> None:
    """Log on. winrm and psrp keep what they open; ssh logs on with each command."""
    connection._connect()
    if kind == "ssh":
        connection.exec_command("exit 0", in_data=None, sudoable=False)
