"""CUDA in a WSL guest: the professional's guide, through wsl.exe of a Windows PC, with a stand-in for the driver.

As tests/integration/test_cuda_without_gpu.py on Linux, which has each state of the driver. Its packages take five
gigabytes of the guest's disk, which is memory: so it runs where GPUREADY_GUEST_CUDA=1 asks for it, as CI does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from uv import find_uv_bin

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from guest_help import LIBRARIES, Guest, give_gpu, give_python, word
from stubcuda_help import CARD, STUB, Layer, nvidia_smi
from winlab import Machine, testing
from winlab.linux import Linux

LOCK = testing.CHECKOUT / "collections/ansible_collections/gpuready/lab/stacks/locks/cuda-cu130-linux_x86_64.txt"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("GPUREADY_GUEST_CUDA") != "1", reason="GPUREADY_GUEST_CUDA=1 asks for it"),
]


def stub(folder: Path) -> Path:
    """The stand-ins, built with the headers of the runtime that the lock names."""
    found = re.search(r"^nvidia-cuda-runtime===[^#]*", LOCK.read_text(), re.MULTILINE)
    assert found
    (folder / "runtime.txt").write_text(found[0])
    install = [find_uv_bin(), "pip", "install", "-q", "--no-deps", "--require-hashes", "--target", folder / "runtime"]
    subprocess.run([*install, "--python-version", "3.11", "-r", folder / "runtime.txt"], check=True)
    subprocess.run([STUB / "build.sh", folder / "runtime", folder / "stub"], check=True)
    return folder / "stub"


def test_cuda_trains_in_the_guest(winlab_machine: Callable[..., Machine], tmp_path: Path) -> None:
    with Linux(size="16g") as linux:
        built = stub(tmp_path)
        give_gpu(linux, built / "lib")
        give_python(linux, "3.11")
        shutil.copytree(built, linux.path("/srv/stub"))
        linux.path(f"{LIBRARIES}/smi.xml").write_text(nvidia_smi())
        program = linux.path(f"{LIBRARIES}/nvidia-smi")
        program.write_text(f"#!/bin/sh\ncat {LIBRARIES}/smi.xml\n")
        program.chmod(0o755)
        pc = winlab_machine("guest-cuda", programs=linux.programs)
        layer = Layer(Path("/srv/stub")).variables("soft")
        guest = Guest(pc, linux, tmp_path, "auto", layer)
        record = guest.play("provision", gpuready_experience="professional")
        assert word(record) == ("READY", "TRAINED"), (record["verdict"], record["troubles"], record.get("training"))
        assert (record["plan"]["target"], record["plan"]["stack"]) == ("wsl", "cuda")
        assert (record["training"]["device"]["name"], record["training"]["device"]["adapter_name"]) == ("cuda:0", CARD)
        assert record["simulated"] is True
        again = guest.play("provision", gpuready_experience="professional", gpu_verify_train="when_changed")
        assert (word(again), guest.changed) == (("READY", "TRAINED"), 0)
