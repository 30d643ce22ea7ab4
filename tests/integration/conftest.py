"""What several of these tests start from: a project of the tests' own, and a place where environments are built."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from api_help import make_project
from environment_help import lock_of
from python_environment_help import Lab


@pytest.fixture
def short() -> Iterator[Path]:
    """A temporary folder of a short name: Ansible has a socket in it, and a socket's path ends at 107 characters."""
    with tempfile.TemporaryDirectory(prefix="gp-") as folder:
        yield Path(folder)


@pytest.fixture
def project(tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    return make_project(tmp_path, short, monkeypatch)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture
def lock1(lab: Lab) -> str:
    return lock_of(lab.alpha1)


@pytest.fixture
def lock2(lab: Lab) -> str:
    return lock_of(lab.alpha2)
