# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a home on a Linux PC is ours alone: what lies there is run and believed, often as root.

Looked at in the same call before anything there is used. Rights are the mode's and those of POSIX access lists. What a
file server has of its own (NFSv4, SMB) is not seen: a home belongs on a disk of the PC. Nor are members of a group that
the PC's name service does not tell all at once. Runs on the PC, under Python 3.9 or later.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from .folder import OWN, Trouble

# Folders whose entries are run or believed by their names.
_NAMED = ("environments", "python", "current", "passes", "bin", "jobs", "jupyter")
# What is run or read first in an environment or an interpreter; below, nobody can write who may not write here.
_WITHIN = ("gpuready.json", "pyvenv.cfg", "bin", "bin/python*", "lib", "lib/python*", "lib/python*/site-packages")

_KERNELS = ("gpuready-*", "gpuready-*/kernel.json")  # in HOME/jupyter/kernels: every user's Jupyter runs what they say


def check(home: Path) -> None:
    """Refuse a home that others own or may write, or that is reached by a link. One that is not there is none.

    Raises Trouble HOME_NOT_OURS.
    """
    for path, link_allowed in _looked_at(home):
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        if why := _fault(path, status, link_allowed, above=path in home.parents):
            raise Trouble("HOME_NOT_OURS", f"{path} {why}: what lies in {home} is neither run nor believed")


def refusal(home: Path) -> Exception | None:
    """Why a home is not used; None for one that may be."""
    try:
        check(home)
    except (Trouble, OSError) as error:
        return error
    return None


def _looked_at(home: Path) -> Iterator[tuple[Path, bool]]:
    """Each path with whether it may be a link: a system's own folders may, and so may interpreters, which uv links."""
    for parent in dict.fromkeys([*home.parents, *Path(os.path.realpath(home.parent), "x").parents]):
        yield parent, True
    yield home, False
    for name in OWN:
        yield home / name, False
        if name in _NAMED and (home / name).is_dir():
            # What begins with a dot is neither run nor believed: uv lets everybody write its own .lock.
            for entry in sorted(one for one in (home / name).iterdir() if one.name[:1] != "."):
                yield entry, name == "python"
                for pattern in (_KERNELS if name == "jupyter" else _WITHIN) if entry.is_dir() else ():
                    yield from ((path, path.parent.name == "bin") for path in sorted(entry.glob(pattern)))


def _fault(path: Path, status: os.stat_result, link_allowed: bool, above: bool) -> str | None:
    """What lets others in; None for a path that is ours. `above`: one of the folders that the home lies in."""
    if status.st_uid not in (0, os.geteuid()):
        return f"belongs to {_name_of(status.st_uid)}"
    if stat.S_ISLNK(status.st_mode):
        return None if link_allowed else "is a link"
    mode = stat.S_IMODE(status.st_mode)
    if above and mode & stat.S_ISVTX:  # as /tmp: what is there is its owner's
        return None
    if mode & stat.S_IWOTH:
        return "can be written by everybody"
    if not mode & stat.S_IWGRP:  # with an access list these bits are the most that it gives to anybody
        return None
    if _has_access_list(path):
        return "can be written by others: its access list (getfacl) names them"
    if not _private(status.st_gid, status.st_uid):
        return f"can be written by the group {status.st_gid}"
    return None


def _has_access_list(path: Path) -> bool:
    try:
        return bool(os.getxattr(path, "system.posix_acl_access", follow_symlinks=False))
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP, errno.ENOSYS):
            return False
        raise


def _private(group: int, owner: int) -> bool:
    """Whether a group is its owner's alone, as many systems give each user one, and root has."""
    try:
        there, name = grp.getgrgid(group), pwd.getpwuid(owner).pw_name
    except KeyError:
        return False
    if there.gr_name != name or not set(there.gr_mem) <= {name}:
        return False
    # Whose own group it is stands with the account, not with the group.
    return all(one.pw_uid in (0, owner) for one in pwd.getpwall() if one.pw_gid == group)


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
