"""What of an environment is missing or changed: by names and sizes, and on request by the hashes of its wheels."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.gpuready.lab.plugins.module_utils.home.damage import LIST, damage, list_text, sha256_of_text

SITE = "lib/python3.10/site-packages"


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny-000000000000"
    site = folder / SITE
    for name, text in {
        "pyvenv.cfg": "home = x\n",
        f"{SITE}/tiny/__init__.py": "import os\n",
        f"{SITE}/tiny/big.so": "0123456789",
        f"{SITE}/tiny/__pycache__/__init__.cpython-310.pyc": "compiled",
        f"{SITE}/tiny/old.pyc": "compiled",
        f"{SITE}/tiny/an, odd name.txt": "x",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "bin").mkdir()
    (folder / "bin/python").symlink_to("/usr/bin/env")
    (folder / "lib64").symlink_to("lib")
    rows = []
    for file in sorted((site / "tiny").iterdir()):
        if file.is_file():
            digest = base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).rstrip(b"=").decode()
            name = f'"tiny/{file.name}"' if "," in file.name else f"tiny/{file.name}"
            rows.append(f"{name},sha256={digest},{file.stat().st_size}")
    (site / "tiny-1.0.dist-info").mkdir()
    (site / "tiny-1.0.dist-info/RECORD").write_text("\n".join([*rows, "tiny-1.0.dist-info/RECORD,,"]) + "\n")
    listed(folder, list_text(folder))
    return folder


def listed(folder: Path, text: str) -> None:
    """As the building leaves it."""
    (folder / LIST).write_text(text)
    marker = {"complete": True, "interpreter": "/usr/bin/env", "files_sha256": sha256_of_text(text)}
    (folder / "gpuready.json").write_text(json.dumps(marker))


def found(environment: Path, hashes: bool = False) -> tuple[int, list[str], list[str]]:
    told = damage(environment, hashes)
    assert told is not None
    assert told["hashes"] is hashes
    return told["count"], told["missing"], told["changed"]


def test_as_it_was_built_nothing_is_missing(environment: Path) -> None:
    assert found(environment) == found(environment, hashes=True) == (0, [], [])
    assert ".pyc" not in (environment / LIST).read_text()


def test_what_runs_leave_and_what_comes_later_is_no_damage(environment: Path) -> None:
    shutil.rmtree(environment / SITE / "tiny/__pycache__")
    (environment / SITE / "tiny/old.pyc").unlink()
    (environment / SITE / "later").mkdir()
    (environment / SITE / "later/x.py").write_text("x")
    assert found(environment, hashes=True) == (0, [], [])


def test_missing_and_changed_are_told_by_name(environment: Path) -> None:
    (environment / SITE / "tiny/big.so").unlink()
    (environment / SITE / "tiny/__init__.py").write_text("longer than it was\n")
    (environment / "lib64").unlink()
    assert found(environment) == (3, [f"{SITE}/tiny/big.so", "lib64"], [f"{SITE}/tiny/__init__.py"])


def test_the_first_names_and_a_count(environment: Path) -> None:
    shutil.rmtree(environment / "lib")
    count, missing, changed = found(environment)
    assert (count, len(missing), changed) == (4, 4, [])
    listed(environment, "".join(f"1 {number:02}\n" for number in range(30)))
    count, missing, _ = found(environment)
    assert (count, missing) == (30, ["00", "01", "02", "03", "04"])


def test_another_content_of_the_same_size_shows_by_its_hash(environment: Path) -> None:
    (environment / SITE / "tiny/big.so").write_text("9876543210")
    (environment / SITE / "tiny/an, odd name.txt").write_text("y")
    assert found(environment) == (0, [], [])
    names = [f"{SITE}/tiny/an, odd name.txt", f"{SITE}/tiny/big.so"]
    assert found(environment, hashes=True) == (2, [], names)


def test_without_its_list_or_its_interpreter_it_is_not_whole(environment: Path) -> None:
    (environment / LIST).unlink()
    assert found(environment) == (1, [LIST], [])
    (environment / "gpuready.json").write_text(json.dumps({"complete": True, "interpreter": "/nowhere/python"}))
    assert found(environment) == (2, [LIST, "/nowhere/python"], [])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "\n".join(line for line in text.splitlines() if "big.so" not in line) + "\n",
        lambda text: "1 pyvenv.cfg\n",
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\udcff",
    ],
)
def test_a_list_that_is_not_as_it_was_written_hides_nothing(environment: Path, spoil: Callable[[str], str]) -> None:
    (environment / SITE / "tiny/big.so").unlink()
    assert found(environment) == (1, [f"{SITE}/tiny/big.so"], [])
    (environment / LIST).write_bytes(spoil((environment / LIST).read_text()).encode("utf-8", "surrogateescape"))
    assert found(environment) == (1, [], [LIST])


def test_of_a_list_that_the_marker_does_not_name_nothing_is_believed(environment: Path) -> None:
    """A marker from before it named its list: what was built is not known, so it is not whole."""
    for sha256 in (None, "", 0, "0" * 64):
        marker = {"complete": True, "interpreter": "/usr/bin/env", "files_sha256": sha256}
        (environment / "gpuready.json").write_text(json.dumps(marker))
        assert found(environment) == (1, [], [LIST])


@pytest.mark.parametrize("name", [f"{SITE}/tiny-1.0.dist-info/RECORD", "pyvenv.cfg"])
def test_what_says_what_the_others_are_is_known_by_its_content(environment: Path, name: str) -> None:
    """A RECORD that is changed with the file that it speaks of would hide that it was."""
    file = environment / name
    file.write_text(file.read_text()[::-1])
    assert found(environment) == found(environment, hashes=True) == (1, [], [name])


@pytest.mark.parametrize("marker", ["", "{", "[]", "{}", '{"complete": "yes"}'])
def test_what_was_never_whole_is_not_damaged(environment: Path, marker: str) -> None:
    (environment / "gpuready.json").write_text(marker)
    assert damage(environment) is None
