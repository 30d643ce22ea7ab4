"""A folder that does not suit is told before anything is built there."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.environment.place import unsuitable

TORCH: dict[str, Any] = {"framework": "PyTorch 2.4.1", "ascii_paths": False}
TENSORFLOW: dict[str, Any] = {"framework": "TensorFlow 2.10", "ascii_paths": True}
LONG = "C:\\" + "a" * 80


@pytest.mark.parametrize(
    ("home", "windows", "planned", "code"),
    [
        (r"C:\Users\lab\OneDrive - School\gpuready", True, TORCH, "CACHE_LINKS"),
        (r"D:\dropbox", True, TORCH, "CACHE_LINKS"),
        ("/home/lab/Dropbox/gpuready", False, TORCH, "CACHE_LINKS"),
        (LONG, True, TORCH, "PATH_TOO_LONG"),
        (r"C:\Prüfung", True, TENSORFLOW, "PATH_LETTERS"),
        (r"C:\Prüfung", True, TORCH, None),
        ("/opt/prüfung", False, TENSORFLOW, None),
        ("/" + "a" * 200, False, TORCH, None),
        (r"C:\ProgramData\gpuready", True, TENSORFLOW, None),
        (None, True, TORCH, None),
        ("", True, {}, None),
    ],
)
def test_where_the_folder_lies(home: object, windows: bool, planned: dict[str, Any], code: str | None) -> None:
    found = unsuitable(home, windows, planned)
    assert (found.code if found else None) == code
    if found:
        assert "python_environment_home" in str(found)
