"""A folder that does not suit is told before anything is built there."""

from __future__ import annotations

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.environment.place import unsuitable

LONG = "C:\\" + "a" * 80


@pytest.mark.parametrize(
    ("home", "windows", "backend", "code"),
    [
        (r"C:\Users\lab\OneDrive - School\gpuready", True, "torch-directml", "CACHE_LINKS"),
        (r"D:\dropbox", True, "torch-directml", "CACHE_LINKS"),
        ("/home/lab/Dropbox/gpuready", False, "torch-cuda", "CACHE_LINKS"),
        (LONG, True, "torch-directml", "PATH_TOO_LONG"),
        (r"C:\Prüfung", True, "tensorflow1-directml", "PATH_LETTERS"),
        (r"C:\Prüfung", True, "torch-directml", None),
        ("/opt/prüfung", False, "tensorflow2-directml", None),
        ("/" + "a" * 200, False, "torch-cuda", None),
        (r"C:\ProgramData\gpuready", True, "tensorflow1-directml", None),
        (None, True, "torch-directml", None),
        ("", True, None, None),
    ],
)
def test_where_the_folder_lies(home: object, windows: bool, backend: object, code: str | None) -> None:
    found = unsuitable(home, windows, backend)
    assert (found.code if found else None) == code
    if found:
        assert "python_environment_home" in str(found)
