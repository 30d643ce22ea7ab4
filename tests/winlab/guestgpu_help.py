"""The GPU of a WSL guest (tests/guestgpu), built once for its sources."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from uv import find_uv_bin

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "tests/guestgpu"


def libraries() -> Path:
    """The folder that build.sh made, kept in .cache; or the test is skipped."""
    files = sorted(path for path in SOURCES.rglob("*") if path.is_file() and path.suffix != ".md")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    folder = ROOT / ".cache" / f"guestgpu-{digest[:12]}"
    if not folder.is_dir():
        done = subprocess.run(
            [SOURCES / "build.sh", folder],
            env=os.environ | {"UV": find_uv_bin()},
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            reason = f"the guest GPU cannot be built here: {(done.stderr or done.stdout).strip()[-300:]}"
            if os.environ.get("GPUREADY_REQUIRE_WINLAB") == "1":
                pytest.fail(reason)
            pytest.skip(reason)
    return folder
