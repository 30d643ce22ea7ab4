"""A folder that does not suit is told before anything is built there."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.environment import outcome, request
from ansible_collections.gpuready.lab.plugins.plugin_utils.environment.place import unsuitable
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict import failure

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
        (r"D:\Box Sync\gpuready", True, TORCH, "CACHE_LINKS"),
        (r"C:\Boxes", True, TORCH, None),
        ("/mnt/d/gpuready", False, TORCH, "PATH_OF_WINDOWS"),
        ("/mnt/data/gpuready", False, TORCH, None),
        (None, True, TORCH, None),
        ("", True, {}, None),
    ],
)
def test_where_the_folder_lies(home: object, windows: bool, planned: dict[str, Any], code: str | None) -> None:
    found = unsuitable(home, windows, planned, {"os": {"wsl": not windows}})
    assert (found.code if found else None) == code
    if found:
        assert "python_environment_home" in str(found)


def test_a_drive_that_is_mounted_on_linux_is_no_drive_of_windows() -> None:
    assert unsuitable("/mnt/d/gpuready", False, TORCH, {"os": {"wsl": False}}) is None
    assert unsuitable("/mnt/d/gpuready", False, TORCH, {}) is None


@pytest.mark.parametrize(
    ("path", "code"),
    [("/mnt/c/Users/lab", "PATH_OF_WINDOWS"), ("/home/lab/Dropbox", "CACHE_LINKS"), ("/opt", None), (None, None)],
)
def test_the_usual_folder_of_linux_is_where_the_look_found_it(path: str | None, code: str | None) -> None:
    """A user who is not root has it in the own folder, which WSL may have on a drive of Windows."""
    found = unsuitable(None, False, TORCH, {"os": {"wsl": True}, "disk": {"path": path}})
    assert (found.code if found else None) == code


def test_the_usual_folder_of_windows_suits() -> None:
    assert unsuitable(request.WINDOWS_HOME, True, TENSORFLOW, {}) is None
    assert unsuitable(None, True, TENSORFLOW, {"disk": {"path": "C:\\"}}) is None


def test_what_is_too_long_is_not_mended_by_a_setting_of_windows() -> None:
    found = unsuitable(LONG, True, TORCH, {})
    assert found is not None
    told = outcome.refused(found)
    assert told["next_step"] == "Set python_environment_home to a folder of at most 70 letters."
    trouble = failure.trouble(told, "Bring the environment", answered=True)
    assert (trouble["code"], trouble["next_step"]) == ("PATH_TOO_LONG", told["next_step"])
