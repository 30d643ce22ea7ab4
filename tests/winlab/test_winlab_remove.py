"""A tree is taken away without what it shares with the computer that it stands on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

INSTALL = Path(__file__).resolve().parent / "install.sh"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")


def test_what_is_mounted_in_a_tree_outlives_it(tmp_path: Path) -> None:
    ours, root = tmp_path / "ours", tmp_path / "tree"
    (ours / "below").mkdir(parents=True)
    (ours / "below/kept").write_text("kept")
    (root / "dev").mkdir(parents=True)
    (root / "installed").touch()
    subprocess.run(["mount", "--rbind", ours, root / "dev"], check=True)
    try:
        environment = {**os.environ, "WINLAB_ROOT": str(root)}
        subprocess.run(["sh", INSTALL, "--remove"], env=environment, check=True, timeout=60)
        assert not root.exists()
        assert (ours / "below/kept").read_text() == "kept"
        subprocess.run(["sh", INSTALL, "--remove"], env=environment, check=True, timeout=60)  # nothing is left to do
    finally:
        if (root / "dev").is_mount():
            subprocess.run(["umount", "-l", root / "dev"], check=True)


def test_a_word_that_is_no_option_is_refused(tmp_path: Path) -> None:
    environment = {**os.environ, "WINLAB_ROOT": str(tmp_path / "tree")}
    done = subprocess.run(["sh", INSTALL, "--delete"], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "winlab: --delete is no option: there is --remove alone\n")
    assert not (tmp_path / "tree").exists()
