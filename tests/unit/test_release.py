"""A release is of one version: what says another is told, and nothing is built."""

from __future__ import annotations

import importlib.util
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def release() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", ROOT / "scripts/release.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_version_is_one_and_the_same_everywhere(release: ModuleType) -> None:
    said = release.versions(ROOT)
    assert set(said) == {"pyproject.toml", "galaxy.yml", "CHANGELOG.md", "uv.lock"}
    assert len(set(said.values())) == 1, said


def test_another_version_is_told_and_nothing_is_built(
    release: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(release, "versions", lambda root: {"pyproject.toml": "1.0.0", "galaxy.yml": "1.1.0"})
    assert release.main(tmp_path / "dist") == 1
    assert "pyproject.toml 1.0.0, galaxy.yml 1.1.0" in capsys.readouterr().err
    assert not (tmp_path / "dist").exists()


def test_what_one_artefact_lacks_is_told(release: ModuleType, tmp_path: Path) -> None:
    wheel, collection = tmp_path / "a.whl", tmp_path / "b.tar.gz"
    (tmp_path / "file").write_text("")
    with zipfile.ZipFile(wheel, "w") as packed:
        for name in ("galaxy.yml", "both.yml", "left.yml"):
            packed.writestr(release.COLLECTION + name, "")
    with tarfile.open(collection, "w:gz") as packed:
        for name in ("MANIFEST.json", "FILES.json", "both.yml", "right.yml"):
            packed.add(tmp_path / "file", name)
    assert release.differences(wheel, collection) == {"left.yml", "right.yml"}
