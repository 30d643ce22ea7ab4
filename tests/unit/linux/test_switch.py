"""A pass is taken back before a training begins, whatever happens next."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.gpuready.lab.plugins.module_utils.home import switch
from ansible_collections.gpuready.lab.plugins.module_utils.home.folder import Home


def test_a_pass_that_is_laid_aside_is_so_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The training may bring the PC down at once: what only the system's memory knows of the new name is lost then."""
    passes, synced = tmp_path / "passes", []
    passes.mkdir()
    (passes / "tiny.json").write_text("{}")
    true_fsync = os.fsync

    def fsync(handle: int) -> None:
        synced.append((os.readlink(f"/proc/self/fd/{handle}"), sorted(one.name for one in passes.iterdir())))
        true_fsync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    assert switch.trying(Home(tmp_path), {"stack": "tiny", "lock_wait": 0}, False) == {"changed": True, "steps": []}
    assert synced == [(str(passes), ["tiny.trying"])]
