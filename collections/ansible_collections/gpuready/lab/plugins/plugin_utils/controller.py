# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the controller itself lacks for a connection, found before any PC is asked: no PC is searched for it."""

from __future__ import annotations

import hashlib
import hmac
import shutil
from collections.abc import Iterator
from importlib import metadata, util
from typing import Any

from ansible import constants

from .accounts import option
from .record import Trouble

LEAST_FREE = 4 * 2**20  # bytes in Ansible's temporary folder, where each module is put together
_PACKAGES = {"winrm": ("pywinrm", "winrm"), "psrp": ("pypsrp", "pypsrp")}
# What a way of logging on needs: the package's name, and the module that is imported.
_WAYS = {
    ("winrm", "kerberos"): ("pywinrm[kerberos]", "kerberos"),
    ("winrm", "ntlm"): ("requests-ntlm", "requests_ntlm"),
    ("winrm", "credssp"): ("pywinrm[credssp]", "requests_credssp"),
    ("psrp", "kerberos"): ("pypsrp[kerberos]", "gssapi"),
    ("psrp", "credssp"): ("pypsrp[credssp]", "requests_credssp"),
}


def fault(connection: Any) -> Trouble | None:
    """Why this controller cannot work over this connection at all; None where it can."""
    kind = str(connection.transport).rpartition(".")[2]
    if kind not in (*_PACKAGES, "ssh"):
        return None
    free = shutil.disk_usage(constants.DEFAULT_LOCAL_TMP).free
    if free < LEAST_FREE:
        said = f"{constants.DEFAULT_LOCAL_TMP}: {free // 1024} KiB are free on the controller"
        return {"code": "CONTROLLER_DISK_FULL", "message": said}
    lacking = _of_ssh(connection) if kind == "ssh" else _of_windows(connection, kind)
    return {"code": "CONTROLLER_LACKS_LIBRARY", "message": f"{kind}: on the controller {lacking}"} if lacking else None


def _of_ssh(connection: Any) -> str | None:
    program = option(connection, "ssh_executable") or "ssh"
    if not shutil.which(program):
        return f"there is no {program}"
    by_sshpass = option(connection, "password_mechanism") == "sshpass" and option(connection, "password")
    return "there is no sshpass" if by_sshpass and not shutil.which("sshpass") else None


def _of_windows(connection: Any, kind: str) -> str | None:
    package, module = _PACKAGES[kind]
    if not util.find_spec(module):
        return f"{package} is not installed"
    ways = _ways(connection, kind)
    lacking = [lack for way in ways if (lack := next(_of_way(connection, kind, way), None))]
    return lacking[0] if lacking and len(lacking) == len(ways) else None  # Ansible tries one after the other


def _ways(connection: Any, kind: str) -> list[str]:
    """The ways of logging on that the inventory leaves."""
    given = connection.get_option("transport") if kind == "winrm" else [connection.get_option("auth")]
    ways = [str(one) for one in given or () if one]
    domain = "@" in option(connection, "remote_user")
    return ways or (["kerberos"] if kind == "winrm" and domain else [])


def _of_way(connection: Any, kind: str, way: str) -> Iterator[str]:
    package, module = _WAYS.get((kind, way), ("", ""))
    if module and not util.find_spec(module):
        yield f"{package} is not installed, which {way} needs"
    kinit = option(connection, "kerberos_command") or "kinit"
    if (kind, way) == ("winrm", "kerberos") and option(connection, "remote_password") and not shutil.which(kinit):
        yield f"there is no {kinit}, which makes a ticket of a password"
    if way == "ntlm" and (lack := _ntlm()):
        yield lack


def _ntlm() -> str | None:
    """NTLM is made of MD4 and HMAC-MD5, which a FIPS mode and OpenSSL 3 take away."""
    try:
        hmac.new(b"key", b"", "md5")
        if _old("requests_ntlm"):  # newer ones bring an MD4 of their own
            hashlib.new("md4")  # noqa: S324 - whether it can be had
    except ValueError as error:
        return f"NTLM cannot be computed ({error}); use kerberos, or requests-ntlm 1.2 and later"
    return None


def _old(package: str) -> bool:
    try:
        return tuple(map(int, metadata.version(package).split(".")[:2])) < (1, 2)
    except (metadata.PackageNotFoundError, ValueError):
        return False


__all__ = ["LEAST_FREE", "fault"]
