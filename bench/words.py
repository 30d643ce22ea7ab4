"""Reading what programs say: words.py plain, or words.py hostile, which is as long and made to be slow."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "collections"))
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import catalogue, troubles, uv

LENGTH = 40_000
PLAIN = "2026-11-23 03:16:20: I epoch 12 of 40, 17 samples in 3.2 s, loss 0.123\n"
# What the expressions of codes.yml begin with, again and again, on one line.
HOSTILE = (
    "cuda error ",
    "Wsl/a/",
    "AppLocker ",
    "libdirectml ",
    "DLL load failed ",
    "WSManFault ",
    'Error loading "',
    "C:\\\\a",
)

if __name__ == "__main__":
    for seed in HOSTILE if sys.argv[1] == "hostile" else [PLAIN] * len(HOSTILE):
        text = (seed * LENGTH)[:LENGTH]
        catalogue.match(text)
        troubles.classify(text)
        uv.explain("packages", text)
