"""A WSL guest's GPU: tests/guestgpu built once for its sources, and given to a Linux of winlab as Windows gives one."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

if TYPE_CHECKING:
    from winlab.linux import Linux

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "tests/guestgpu"
LIBRARIES, DIRECTML = "/usr/lib/wsl/lib", "/srv/directml"
_GPU = f"""set -e
echo {LIBRARIES} >/etc/ld.so.conf.d/ld.wsl.conf
ldconfig
: >/dev/dxg
"""
# The kernel's name tells that it is WSL's.
_MARKS = """
echo 5.15.167.4-microsoft-standard-WSL2 >/run/osrelease
mount --bind /run/osrelease /proc/sys/kernel/osrelease
mkdir -p /etc/gpuready
echo winlab >/etc/gpuready/simulated
"""


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


def give_gpu(linux: Linux) -> None:
    """What WSL gives a distribution on a PC with a GPU, and the copy of DirectML that may be used on Linux."""
    built = libraries()
    for place, source in ((LIBRARIES, built), (DIRECTML, built / "directml")):
        linux.path(place).mkdir(parents=True, exist_ok=True)
        for file in source.glob("*.so"):
            shutil.copy(file, linux.path(f"{place}/{file.name}"))
    if linux.path("/usr/local/bin/uv").exists():  # it had all of this, and some of it was taken away
        linux.root(_GPU)
        return
    for name in ("/etc/ssl/certs/ca-certificates.crt", "/etc/resolv.conf"):  # this computer's network is the guest's
        shutil.copy(name, linux.path(name))
    linux.root(_GPU + _MARKS)
    shutil.copy(find_uv_bin(), linux.path("/usr/local/bin/uv"))
