"""The files of a report: all of them or none."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.files import write_together, write_whole

OLD = {"report.html": "old page", "report.json": "old document"}
NEW = {"report.html": "new page", "report.json": "new document"}


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_together(tmp_path / "new/folder", OLD)
    return tmp_path / "new/folder"


def test_files_are_written(folder: Path) -> None:
    write_together(folder, {**NEW, "report.md": "é\ud800\n"})
    assert contents(folder) == {**NEW, "report.md": "é?\n"}


@pytest.mark.parametrize(
    ("umask", "file", "made"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700), (0o007, 0o660, 0o770)]
)
def test_the_umask_says_who_may_read(tmp_path: Path, umask: int, file: int, made: int) -> None:
    before = os.umask(umask)
    try:
        write_together(tmp_path / "new", NEW)
        write_whole(tmp_path / "new/evidence.json", "{}")
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()} == {file}
    assert (tmp_path / "new").stat().st_mode & 0o777 == made


def test_what_is_obsolete_goes_after_the_new_is_there(folder: Path) -> None:
    write_together(folder, {"report.json": "new"}, obsolete=("report.html", "never.there"))
    assert contents(folder) == {"report.json": "new"}


@pytest.mark.parametrize("at", [1, 2])
def test_a_full_disk_leaves_the_old_files_as_they_were(folder: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    calls = 0

    def full(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_together(folder, NEW, obsolete=("report.html",))
    assert contents(folder) == OLD


def test_ctrl_c_in_the_middle_leaves_the_old_files_as_they_were(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write_together(folder, NEW)
    assert contents(folder) == OLD


def test_a_folder_where_a_file_should_be_changes_nothing(folder: Path) -> None:
    (folder / "report.md").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        write_together(folder, {**NEW, "report.md": "x"})
    assert (folder / "report.html").read_text() == "old page"
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json", "report.md"]


def test_a_file_where_the_folder_should_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match=r"exists|Not a directory"):
        write_together(tmp_path / "file" / "below", NEW)
