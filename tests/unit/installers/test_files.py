"""drivers.yml on a disk: the installers beside it are there and are files, and the file itself can be read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import planning
from ansible_collections.gpuready.lab.plugins.plugin_utils.action import BadInput
from ansible_collections.gpuready.lab.plugins.plugin_utils.installers import files
from installers_help import entry, file_of

ROOT = Path(__file__).resolve().parents[3]


def lab(folder: Path, *entries: dict[str, Any]) -> Path:
    (folder / "560.94.exe").write_bytes(b"MZ")
    file = folder / "drivers.yml"
    file.write_text(file_of(*(entries or (entry(),))), "utf-8")
    return file


def refused(file: Path) -> tuple[str, ...]:
    with pytest.raises(files.CatalogueError) as caught:
        files.load(file)
    return caught.value.mistakes


def test_it_is_believed_with_its_installers(tmp_path: Path) -> None:
    found = files.load(lab(tmp_path))
    assert (found.name, [one.id for one in found.installers]) == ("drivers.yml", ["nvidia-560.94"])


def test_a_mark_of_utf_8_is_no_part_of_it(tmp_path: Path) -> None:
    file = lab(tmp_path)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert files.load(file).installers


def test_an_installer_that_is_not_there(tmp_path: Path) -> None:
    file = lab(tmp_path, entry(file="other.exe"))
    assert refused(file) == (
        f"{file}: line 3: nvidia-560.94: file: other.exe is not there: put it there, or correct the path",
    )


def test_a_folder_is_no_installer(tmp_path: Path) -> None:
    (tmp_path / "dir.exe").mkdir()
    (line,) = refused(lab(tmp_path, entry(file="dir.exe")))
    assert "dir.exe is no file" in line


@pytest.mark.parametrize("way", ["file", "folder", "loop"])
def test_a_link_is_no_installer(tmp_path: Path, way: str) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "lab"
    outside.mkdir()
    inside.mkdir()
    (outside / "a.exe").write_bytes(b"MZ")
    if way == "file":
        (inside / "a.exe").symlink_to(outside / "a.exe")
        name = "a.exe"
    elif way == "folder":
        (inside / "more").symlink_to(outside)
        name = "more/a.exe"
    else:
        (inside / "a.exe").symlink_to(inside / "a.exe")
        name = "a.exe"
    (line,) = refused(lab(inside, entry(file=name)))
    assert f"{name} is a link, or lies behind one" in line


def test_the_labs_folder_itself_may_be_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    lab(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert files.load(tmp_path / "link/drivers.yml").installers


@pytest.mark.parametrize("what", ["nothing", "a folder", "a pipe", "no text", "huge"])
def test_a_file_that_is_none(tmp_path: Path, what: str) -> None:
    file = tmp_path / "drivers.yml"
    if what == "a folder":
        file.mkdir()
    elif what == "a pipe":
        os.mkfifo(file)
    elif what == "no text":
        file.write_bytes(b"\xff\xfe\x00")
    elif what == "huge":
        with file.open("wb") as opened:
            opened.truncate(2**33)
    (line,) = refused(file)
    assert line.startswith(f"{file}: ")
    assert ("there is no such file" in line) is (what in ("nothing", "a folder", "a pipe"))


def test_a_short_text_names_the_command_that_says_all(tmp_path: Path) -> None:
    file = lab(tmp_path, *(entry(id=f"e{n}", version="x", file=f"{n}.exe") for n in range(7)))
    with pytest.raises(files.CatalogueError) as caught:
        files.load(file)
    assert len(caught.value.mistakes) == 7
    assert str(caught.value).endswith(f"; and 4 more: `gpuready drivers {file}` says them all")
    assert "\n" not in str(caught.value)


def test_the_check_by_itself(tmp_path: Path) -> None:
    """What `gpuready drivers` runs: no Ansible is loaded for it."""
    name = "ansible_collections.gpuready.lab.plugins.plugin_utils.installers"

    def check(file: Path) -> subprocess.CompletedProcess[str]:
        variables = {"PYTHONPATH": str(ROOT / "collections"), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", name, str(file)]
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)

    file = lab(tmp_path)
    done = check(file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    file.write_text(file_of(entry(version="x"), entry(id="b", windows="?")))
    done = check(file)
    assert (done.returncode, done.stderr) == (1, "")
    assert [line.split(": ")[2] for line in done.stdout.splitlines()] == ["nvidia-560.94", "b"]


def test_a_host_names_it_from_the_inventorys_folder(tmp_path: Path) -> None:
    lab(tmp_path)
    variables = {"gpuready_drivers": "drivers.yml", "inventory_dir": str(tmp_path)}
    found = planning.prepare(variables, lambda value: value).installers
    assert found is not None
    assert found.installers[0].version == "560.94"
    for nothing in ({}, {"gpuready_drivers": ""}, {"gpuready_drivers": None}):
        assert planning.prepare(nothing, lambda value: value).installers is None


@pytest.mark.parametrize(
    ("value", "said"),
    [(["a"], "this is not the path"), (7, "this is not"), ("~nobody-at-all/x", "no such user"), ("x", "no such file")],
)
def test_a_host_with_a_wrong_one_is_refused_before_it_is_looked_at(tmp_path: Path, value: Any, said: str) -> None:
    with pytest.raises(BadInput, match=f"gpuready_drivers: .*{said}"):
        planning.prepare({"gpuready_drivers": value, "inventory_dir": str(tmp_path)}, lambda value: value)
