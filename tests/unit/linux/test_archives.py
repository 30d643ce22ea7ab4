"""Archives unpacked on a Linux PC: whatever their members are called or lead to, nothing comes to lie elsewhere."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.module_utils.home import archives
from ansible_collections.gpuready.lab.plugins.module_utils.home.folder import Trouble

Member = tuple[str, bytes, str]  # name, type, what it holds or leads to
FILE, FOLDER, LINK, HARD = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


def tar(path: Path, *members: Member, **more: Any) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.mode = kind, 0o755 if kind == FOLDER else 0o644
            for key, value in more.items():
                setattr(member, key, value)
            if kind == FILE:
                member.size = len(content)
            else:
                member.linkname = content
            archive.addfile(member, io.BytesIO(content.encode()))
    return path


def tree(folder: Path) -> list[str]:
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*"))


def refused(archive: Path, tmp_path: Path) -> str:
    """Why; and nothing lies elsewhere."""
    (tmp_path / "home").mkdir(exist_ok=True)
    before = tree(tmp_path)
    with pytest.raises(Trouble) as why:
        archives.unpack(archive, tmp_path / "home/into")
    assert why.value.code == "ARCHIVE_UNREADABLE"
    new = [name for name in tree(tmp_path) if name not in before]
    assert all(name.startswith("home/into") for name in new), new
    return str(why.value)


@pytest.mark.parametrize(
    "name", ["../evil", "/tmp/evil", "a/../../evil", "./../evil", "a/b/../../../evil", "..", "//evil", "a/./../../evil"]
)
@pytest.mark.parametrize("kind", [FILE, FOLDER, LINK, HARD, "zip"])
def test_no_name_leads_outside(tmp_path: Path, name: str, kind: Any) -> None:
    path = tmp_path / "some.archive"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/good", "x")
            archive.writestr(name, "x")
    else:
        tar(path, ("a/good", FILE, "x"), (name, kind, "a/good"))
    assert "would be written outside" in refused(path, tmp_path)


@pytest.mark.parametrize(
    "members",
    [
        # a link, and a member behind it
        [("out", LINK, "../.."), ("out/evil", FILE, "x")],
        [("a", FOLDER, ""), ("in", LINK, "a"), ("in/x", FILE, "x")],
        [("in/x", FILE, "x"), ("a", FOLDER, ""), ("in", LINK, "a")],
        # a link through a link: each of them leads inside by its text
        [("d/e/f", FILE, "x"), ("d/up", LINK, "e/.."), ("out", LINK, "d/up/../.."), ("out/evil", FILE, "x")],
        [("d", FOLDER, ""), ("d/x", LINK, ".."), ("y", LINK, "d/x/.."), ("y/evil", FILE, "x")],
        [("d", FOLDER, ""), ("d/x", LINK, ".."), ("y", LINK, "d/x/.."), ("y/evil", LINK, "d")],
        [("d", FOLDER, ""), ("d/x", LINK, ".."), ("y", LINK, "d/x/..")],
        # a file where a link is
        [("a", LINK, "b"), ("a", FILE, "x")],
        [("a", FILE, "x"), ("a", LINK, "b")],
        [("a", FILE, "x"), ("a", FILE, "y")],
        [("a", FILE, "x"), ("a/b", FILE, "y")],
        [("a/b", FILE, "x"), ("a", FILE, "y")],
        # links to what is not in it
        [("a", LINK, "/etc/passwd")],
        [("a", LINK, "../../etc/passwd")],
        [("a", HARD, "/etc/passwd")],
        [("a", HARD, "../../etc/passwd")],
        [("a", HARD, "nothing")],
        [("b", LINK, "c"), ("c", FILE, "x"), ("a", HARD, "b")],
        # what no program needs
        [("a", tarfile.CHRTYPE, "")],
        [("a", tarfile.BLKTYPE, "")],
        [("a", tarfile.FIFOTYPE, "")],
    ],
)
@pytest.mark.parametrize("filters", [True, False])
def test_no_link_leads_outside(
    tmp_path: Path, members: list[Member], filters: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether this Python's tarfile has filters of its own or, as an older one, none."""
    for name in () if filters else ("tar_filter", "data_filter"):
        monkeypatch.delattr(tarfile, name, raising=False)
    refused(tar(tmp_path / "some.tar", *members), tmp_path)


def test_what_a_python_holds_is_unpacked(tmp_path: Path) -> None:
    members = [
        ("./", FOLDER, ""),
        ("python/bin/python3", LINK, "python3.11"),
        ("python/bin/python3.11", FILE, "#!/bin/sh"),
        ("python/lib64", LINK, "lib"),
        ("python/share/again", HARD, "./python/bin/python3.11"),
        ("python/lib/libpython3.so", LINK, "../bin/../lib/nothing.so"),
    ]
    folder = archives.unpack(tar(tmp_path / "p.tar", *members), tmp_path / "into")
    assert folder == tmp_path / "into/python"
    assert tree(folder) == [
        *("bin", "bin/python3", "bin/python3.11", "lib", "lib/libpython3.so", "lib64", "share", "share/again")
    ]
    assert (folder / "bin/python3").readlink() == Path("python3.11")
    assert (folder / "share/again").read_text() == "#!/bin/sh"


def test_rights_and_owners_of_elsewhere_are_not_brought(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        for mode, wanted in ((0o4777, 0o755), (0o666, 0o644), (0o2755, 0o755), (0, 0o644)):
            path = tar(tmp_path / "p.tar", ("d", FOLDER, ""), ("d/a", FILE, "x"), mode=mode, uid=12345, gid=12345)
            with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
                info = zipfile.ZipInfo("d/a")
                info.external_attr = (stat.S_IFREG | mode) << 16
                archive.writestr(info, "x")
            for number, one in enumerate((path, tmp_path / "p.zip")):
                folder = archives.unpack(one, tmp_path / f"into{number}-{mode}")
                for entry, right in ((folder, 0o755), (folder / "a", wanted)):
                    assert stat.S_IMODE(entry.stat().st_mode) == right
                    assert (entry.stat().st_uid, entry.stat().st_gid) == (os.geteuid(), os.getegid())
    finally:
        os.umask(old)


@pytest.mark.parametrize("spoil", [lambda data: data[:300], lambda data: b"no archive", lambda data: b""])
def test_what_is_no_archive_says_so(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    path = tar(tmp_path / "p.tar", ("a", FILE, "x" * 2000))
    path.write_bytes(spoil(path.read_bytes()))
    assert "not a zip, wheel or tar" in refused(path, tmp_path)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://lab/a.zip", "https://lab/a.zip"),
        ("https://anna:secret@lab:8443/a.zip?sig=secret#secret", "https://lab:8443/a.zip"),
        ("https://lab?sig=secret", "https://lab"),
        ("https://anna:sec/ret@lab/a.zip", "https://..."),
        ("https://anna:sec?ret@lab/a.zip", "https://..."),
        ("https://[secret@lab/a.zip", "https://lab/a.zip"),
        ("https://[lab/a.zip", "https://[lab/a.zip"),
        ("anna:secret@lab/a.zip", "..."),
        ("lab/a.zip?sig=secret", "lab/a.zip"),
    ],
)
def test_what_opens_an_address_is_not_said(url: str, said: str) -> None:
    assert archives.shown(url) == said
