"""What stands in for an NVIDIA GPU (tests/stubcuda): what nvidia-smi says, and the layers that a process is given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STUB = ROOT / "tests/stubcuda"
CARD, UUID = "NVIDIA GeForce RTX 3060", "GPU-57575757-5757-5757-5757-575757575757"


def nvidia_smi() -> str:
    """The answer to nvidia-smi -q -x on a PC with the card, whose driver is new enough for every build."""
    said = (ROOT / "tests/data/nvidia_smi/netdata_go.d__rtx-3060.xml").read_text()
    told = {"driver_version": "580.95.05", "cuda_version": "13.0", "product_name": CARD, "uuid": UUID}
    for tag, value in told.items():
        said = re.sub(rf"(?<=<{tag}>)[^<]*", value, said, count=1)
    return said


@dataclass
class Layer:
    """The stand-ins, built against an environment, and which of them a process is to have."""

    folder: Path

    def variables(self, layer: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """`none`, `text` (a libcuda that is none), `driver`, `kernels` (which do nothing), `soft` (all is computed)."""
        found = {"STUB_NAME": CARD, "OMP_NUM_THREADS": "1"}
        if layer == "text":
            found["LD_LIBRARY_PATH"] = str(self.folder / "text")
        elif layer != "none":
            found["LD_LIBRARY_PATH"] = str(self.folder / "lib")
        if layer in ("kernels", "soft"):
            found["LD_PRELOAD"] = f"{self.folder}/libstubrt.so {self.folder}/libstubblas.so"
            found["PYTHONPATH"] = str(self.folder / {"kernels": "nocudnn", "soft": "soft"}[layer])
        return found | dict(more or {})
