"""Check that the project says one version everywhere, then build wheel and collection into dist.

What is built is opened again: both must be of that version and hold the same files of the collection.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import yaml
from uv import find_uv_bin

ROOT = Path(__file__).resolve().parents[1]
COLLECTION = "ansible_collections/gpuready/lab/"
_MADE = {"MANIFEST.json", "FILES.json"}  # by ansible-galaxy, of galaxy.yml


def versions(root: Path) -> dict[str, str]:
    """What each file says that the version is."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    galaxy = yaml.safe_load((root / "collections" / COLLECTION / "galaxy.yml").read_text("utf-8"))
    newest = re.search(r"^## (\S+)", (root / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    locked = tomllib.loads((root / "uv.lock").read_text("utf-8"))["package"]
    return {
        "pyproject.toml": str(project["version"]),
        "galaxy.yml": str(galaxy["version"]),
        "CHANGELOG.md": newest[1] if newest else "none",
        "uv.lock": next(str(one["version"]) for one in locked if one["name"] == project["name"]),
    }


def build(dist: Path) -> tuple[Path, Path]:
    """The wheel and the collection of this checkout."""
    version = versions(ROOT)["pyproject.toml"]
    dist.mkdir(parents=True, exist_ok=True)
    subprocess.run([find_uv_bin(), "build", "--quiet", "--wheel", "--out-dir", dist, ROOT], check=True)
    subprocess.run([ROOT / "scripts/collection.sh", dist], check=True)
    return dist / f"gpuready-{version}-py3-none-any.whl", dist / f"gpuready-lab-{version}.tar.gz"


def differences(wheel: Path, collection: Path) -> set[str]:
    """Files of the collection that the one artefact has and the other has not."""
    with zipfile.ZipFile(wheel) as packed:
        ours = {name.removeprefix(COLLECTION) for name in packed.namelist() if name.startswith(COLLECTION)}
    with tarfile.open(collection) as packed:
        theirs = {member.name for member in packed.getmembers() if member.isfile()} - _MADE
    return ours - {"galaxy.yml"} ^ theirs


def main(dist: Path) -> int:
    """0 when both were built and are whole."""
    said = versions(ROOT)
    if len(set(said.values())) > 1:
        print("the versions differ:", ", ".join(f"{file} {version}" for file, version in said.items()), file=sys.stderr)
        print("next: write the same version in all of them, then `uv lock`, and run again", file=sys.stderr)
        return 1
    wheel, collection = build(dist)
    if differ := differences(wheel, collection):
        print(f"not in both artefacts: {', '.join(sorted(differ)[:20])}", file=sys.stderr)
        print("next: `make clean`, and look into hatch_build.py and scripts/collection.sh", file=sys.stderr)
        return 1
    print(f"{wheel}\n{collection}")
    if re.search(r"^## \S+ \(unreleased\)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE):
        print("CHANGELOG.md still says unreleased: write the day there before these are published")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "dist").absolute()))
