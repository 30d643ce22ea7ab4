"""A Linux root as a model: files, folders and links by path, kept as a tar."""

from __future__ import annotations

import io
import posixpath
import shlex
import tarfile
from dataclasses import dataclass

_KEPT = 2**20  # bytes of a file that are kept; of a larger one only that it is there
_SMALL = {
    "etc/os-release": 'NAME="Ubuntu"\nID=ubuntu\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04.1 LTS"\n',
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nstudent:x:1000:1000::/home/student:/bin/bash\n",
    "etc/hostname": "simlab\n",
    "bin/sh": "\x7fELF",
    "usr/bin/python3": "\x7fELF",
}


class NotLinuxError(ValueError):
    """The bytes are no archive, or no disk of a guest."""


@dataclass
class Entry:
    """What lies at a path; `data` is None for a folder, `link` is where a link leads."""

    data: bytes | None = b""
    mode: int = 0o644
    uid: int = 0
    link: str = ""


class Linux:
    """The files of one guest."""

    def __init__(self, entries: dict[str, Entry] | None = None) -> None:
        self._entries = entries or {}

    @classmethod
    def small(cls) -> Linux:
        """A distribution with a shell, a Python and one user, as one has it that somebody installed."""
        linux = cls()
        for path, text in _SMALL.items():
            linux.write(path, text.encode(), 0o755 if "bin/" in path else 0o644)
        linux.make_folder("/root", 0o700)
        linux.make_folder("/home/student", 0o750, 1000)
        return linux

    @classmethod
    def of(cls, archive: bytes) -> Linux:
        """From a tar, packed in whatever way. Raises NotLinuxError."""
        linux = cls()
        try:
            with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                for member in tar:
                    linux._take(tar, member)
        except (tarfile.TarError, EOFError, OSError, ValueError):
            raise NotLinuxError("Unrecognized archive format") from None
        return linux

    def _take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        path = normal(member.name)
        if member.isdir():
            self._entries[path] = Entry(None, member.mode, member.uid)
        elif member.issym() or member.islnk():
            target = member.linkname if member.issym() else "/" + member.linkname.lstrip("./")
            self._entries[path] = Entry(b"", 0o777, member.uid, target)
        elif member.isfile():
            file = tar.extractfile(member) if member.size <= _KEPT else None
            self._entries[path] = Entry(file.read() if file else b"", member.mode, member.uid)

    def pack(self, kind: str = "tar") -> bytes:
        """As a tar, tar.gz or tar.xz."""
        out = io.BytesIO()
        mode = {"tar": "w", "tar.gz": "w:gz", "tar.xz": "w:xz"}[kind]
        with tarfile.open(fileobj=out, mode=mode) as tar:  # type: ignore[call-overload]
            for path, entry in sorted(self._entries.items()):
                member = tarfile.TarInfo("." + path)
                member.mode, member.uid = entry.mode, entry.uid
                if entry.link:
                    member.type, member.linkname = tarfile.SYMTYPE, entry.link
                elif entry.data is None:
                    member.type = tarfile.DIRTYPE
                else:
                    member.size = len(entry.data)
                tar.addfile(member, io.BytesIO(entry.data or b""))
        return out.getvalue()

    def get(self, path: str) -> Entry | None:
        """What lies at a path, behind its links."""
        path = normal(path)
        for _ in range(8):
            entry = self._entries.get(self._resolved(path))
            if entry is None or not entry.link:
                return entry
            path = normal(posixpath.join(posixpath.dirname(path), entry.link))
        return None

    def _resolved(self, path: str) -> str:
        """A path with the links of its folders followed, /bin -> /usr/bin being the common one."""
        parent, name = posixpath.split(path)
        if parent == "/" or not name:
            return path
        parent = self._resolved(parent)
        entry = self._entries.get(parent)
        if entry is not None and entry.link:
            parent = self._resolved(normal(posixpath.join(posixpath.dirname(parent), entry.link)))
        return posixpath.join(parent, name)

    def read(self, path: str) -> bytes | None:
        """A file, None where none is."""
        entry = self.get(path)
        return None if entry is None else entry.data

    def text(self, path: str) -> str:
        """A file as text, empty where none is."""
        return (self.read(path) or b"").decode("utf-8", "replace")

    def is_folder(self, path: str) -> bool:
        """Whether a folder lies there; the root is one."""
        entry, path = self.get(path), normal(path)
        below = any(one.startswith(path.rstrip("/") + "/") for one in self._entries)
        return path == "/" or (entry.data is None if entry else below)

    def paths(self, folder: str) -> list[str]:
        """Everything below a folder, whose name ends with a slash, however deep."""
        return sorted(one for one in self._entries if one.startswith(folder))

    def write(self, path: str, data: bytes, mode: int | None = None, uid: int | None = None) -> None:
        """A file, whole; what it was keeps its rights and owner."""
        before = self.get(path)
        self._entries[self._resolved(normal(path))] = Entry(
            data,
            mode if mode is not None else before.mode if before else 0o644,
            uid if uid is not None else before.uid if before else 0,
        )

    def make_folder(self, path: str, mode: int = 0o755, uid: int = 0) -> bool:
        """A folder; whether there was none."""
        if self.is_folder(path):
            return False
        self._entries[self._resolved(normal(path))] = Entry(None, mode, uid)
        return True

    def remove(self, path: str) -> bool:
        """A file, or a folder with what is in it; whether there was one."""
        path = self._resolved(normal(path))
        gone = [one for one in self._entries if one == path or one.startswith(path + "/")]
        for one in gone:
            del self._entries[one]
        return bool(gone)

    def move(self, path: str, target: str) -> bool:
        """A file to another place; whether there was one."""
        entry = self._entries.pop(self._resolved(normal(path)), None)
        if entry is not None:
            self._entries[self._resolved(normal(target))] = entry
        return entry is not None

    @property
    def is_linux(self) -> bool:
        """Whether it has /etc or /bin/sh: that is what WSL looks at."""
        return self.is_folder("/etc") or self.get("/bin/sh") is not None

    def release(self) -> dict[str, str]:
        """The values of its os-release."""
        pairs = (word.partition("=") for word in shlex.split(self.text("/etc/os-release"), comments=True))
        return {name: value for name, equals, value in pairs if equals}

    def users(self) -> dict[str, tuple[int, str]]:
        """Name -> number and home of each user."""
        found = {"root": (0, "/root")}
        for line in self.text("/etc/passwd").splitlines():
            parts = line.split(":")
            if len(parts) >= 6 and parts[2].isdecimal():
                found[parts[0]] = (int(parts[2]), parts[5])
        return found

    def add_user(self, name: str) -> int:
        """A user with a home; its number."""
        number = max([999, *(uid for uid, _ in self.users().values() if uid < 60000)]) + 1
        line = f"{name}:x:{number}:{number}::/home/{name}:/bin/bash\n"
        self.write("/etc/passwd", (self.text("/etc/passwd") + line).encode())
        self.make_folder(f"/home/{name}", 0o750, number)
        return number


def normal(path: str) -> str:
    """A path from the root, in one spelling."""
    return posixpath.normpath("/" + path.lstrip("/")) if path.strip("./") else "/"
