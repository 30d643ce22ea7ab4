"""The uv for Windows that the controller fetches once; the fetching uv is a script of the tests'."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import controller_uv
from ansible_collections.gpuready.lab.plugins.plugin_utils.environment import sources as environment_sources

SCRIPT = """#!/bin/sh
echo "certificates of the system: $UV_SYSTEM_CERTS" "$@" >> {calls}
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/bin"
printf 'MZ a program' > "$2/bin/uv.exe"
exit {rc}
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    pinned = tmp_path / "uv.txt"
    pinned.write_text(f"uv===1.2.3\n# uv.exe: sha256:{hashlib.sha256(b'MZ a program').hexdigest()}\n")
    monkeypatch.setattr(controller_uv, "LOCK", pinned)
    return uv(tmp_path, monkeypatch, 0)


def uv(folder: Path, monkeypatch: pytest.MonkeyPatch, rc: int) -> Path:
    """Let a script be the controller's uv; the file of what it was asked."""
    script, asked = folder / "uv", folder / "calls"
    script.write_text(SCRIPT.format(calls=asked, rc=rc))
    script.chmod(0o755)
    monkeypatch.setattr(controller_uv, "for_linux", lambda: script)
    return asked


def test_it_is_fetched_once_by_its_hash(calls: Path) -> None:
    found = controller_uv.for_windows()
    assert found is not None
    assert zipfile.ZipFile(found).read("uv.exe") == b"MZ a program"
    assert "windows-x86_64" in found.name
    assert controller_uv.for_windows() == found
    (asked,) = calls.read_text().splitlines()
    assert asked.startswith("certificates of the system: 1 ")  # a proxy may sign with an authority of its own
    assert "--require-hashes" in asked
    assert "--python-platform x86_64-pc-windows-msvc" in asked
    assert str(controller_uv.LOCK) in asked
    assert sorted(path.name for path in found.parent.iterdir()) == [found.name, "uv.lock"]


def test_what_cannot_be_fetched_is_not_offered(calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uv(tmp_path, monkeypatch, 2)
    assert controller_uv.for_windows() is None
    assert [path.name for path in (tmp_path / "cache/gpuready").iterdir()] == ["uv.lock"]
    monkeypatch.setattr(controller_uv, "for_linux", lambda: None)
    assert controller_uv.for_windows() is None
    (tmp_path / "file").write_text("")
    uv(tmp_path, monkeypatch, 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert controller_uv.for_windows() is None


def test_it_is_offered_to_the_processors_that_it_runs_on(calls: Path) -> None:
    assert controller_uv.for_pc("windows", "arm64") is None
    sources = environment_sources.Sources()
    offered = sources.offer(controller_uv.for_pc("windows", "x86_64"))
    assert offered is not None
    assert sources.files[offered["sha256"]].name == offered["name"]
    assert sources.offer(controller_uv.for_pc("windows", None)) == offered
    assert sources.offer(None) is None


@pytest.mark.parametrize("kept", ["another program", "half of it", "no archive"])
def test_what_is_kept_is_sent_only_as_the_pinned_one(calls: Path, kept: str) -> None:
    """Whoever could write into the cache once would have his program run on every PC as administrator."""
    first = controller_uv.for_windows()
    assert first is not None
    right = first.read_bytes()
    if kept == "another program":
        with zipfile.ZipFile(first, "w") as archive:
            archive.writestr("uv.exe", b"MZ another")
    else:
        first.write_bytes(right[:60] if kept == "half of it" else b"")
    os.utime(first)
    assert controller_uv.for_windows() == first
    assert first.read_bytes() == right
    assert len(calls.read_text().splitlines()) == 2


def test_what_is_fetched_is_the_pinned_one(calls: Path) -> None:
    controller_uv.LOCK.write_text(f"uv===1.2.3\n# uv.exe: sha256:{'0' * 64}\n")
    assert controller_uv.for_windows() is None
    controller_uv.LOCK.write_text("uv===1.2.3\n")
    assert controller_uv.for_windows() is None
    assert len(calls.read_text().splitlines()) == 1
