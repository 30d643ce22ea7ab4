"""`gpuready drivers`: a folder of installers becomes a drivers.yml that the collection believes, or asks about."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpuready.lab.plugins.plugin_utils.installers import files

from gpuready import GpureadyError, cli, installers

GEFORCE = "560.94-desktop-win10-win11-64bit-international-dch-whql.exe"
ARC = "gfx_win_101.6078.exe"


def folder_of(path: Path, *names: str) -> Path:
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(b"MZ" + name.encode())
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main(["drivers", *arguments])
    return int(stop.value.code or 0)


def test_names_that_say_everything_need_no_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_of(tmp_path / "drivers", f"nvidia/{GEFORCE}", "notes.txt")
    assert run(str(folder)) == 0
    said = capsys.readouterr()
    assert f"nvidia/{GEFORCE}: added as nvidia-560.94-desktop" in said.out
    assert "1 added, 0 there already." in said.out
    assert said.err == ""
    (one,) = files.load(folder / "drivers.yml").installers
    assert (one.vendor, one.version, one.windows, one.computers) == ("nvidia", "560.94", ("10", "11"), ("desktop",))
    assert (one.file, one.sha256) == (f"nvidia/{GEFORCE}", sha256(folder / "nvidia" / GEFORCE))
    assert {path.name for path in folder.iterdir()} == {"nvidia", "notes.txt", "drivers.yml"}


def test_what_a_name_does_not_say_is_asked_and_then_believed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of(tmp_path, ARC)
    assert run(str(folder)) == 1
    file = folder / "drivers.yml"
    lines = capsys.readouterr().out.splitlines()
    assert f"{file}: line 9: intel-101.6078: families: this is still a question: for which GPUs?" in lines[2]
    assert lines[-1] == f"{file}: mend these 1, then run gpuready drivers {file}"
    file.write_text(file.read_text().replace('families: "?"', "families: [arc]"))
    assert run(str(file)) == 0
    assert "all of it can be used: name it in the inventory as gpuready_drivers" in capsys.readouterr().out
    assert files.load(file).installers[0].families == ("arc",)


OWN = """\
# Room 3, asked Ms Weber on Tuesday
schema_version: 1
installers:
    # the good one
    - {id: mine, vendor: nvidia, version: 560.94, windows: [10, 11],
       file: %s, sha256: %s}   # do not touch

    - id: web
      vendor: amd
      version: 24.3.1
      windows: [11]
      families: [rdna2]
      url: https://server/amd.exe
      sha256: %s
# the end
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_a_person_wrote_stays_and_the_new_stands_below(tmp_path: Path, end: str) -> None:
    folder = folder_of(tmp_path, GEFORCE)
    text = (OWN % (GEFORCE, sha256(folder / GEFORCE).upper(), "ab" * 32)).replace("\n", end)
    file = folder / "drivers.yml"
    file.write_bytes(text.encode())
    file.chmod(0o600)
    said: list[str] = []
    assert installers.write(folder, say=said.append).added == ()
    assert said == [f"{GEFORCE}: there already"]
    assert file.read_bytes() == text.encode()
    folder_of(folder, "new/" + GEFORCE.replace("560.94", "561.09"), "gpu setup.exe")
    done = installers.write(folder)
    assert (done.added, done.kept, done.changed) == (("gpu-setup", "nvidia-561.09-desktop"), 1, ())
    now = file.read_bytes().decode()
    assert now.startswith(text.rstrip("\r\n"))
    assert now.count("\n") == now.count(end)
    assert [one["id"] for one in yaml.safe_load(now)["installers"]] == ["mine", "web", *done.added]
    assert file.stat().st_mode & 0o777 == 0o600
    assert installers.write(folder).added == ()  # a second run changes nothing
    assert file.read_bytes().decode() == now


def test_an_installer_that_has_changed_is_told_and_its_entry_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of(tmp_path, GEFORCE)
    assert run(str(folder)) == 0
    before = (folder / "drivers.yml").read_text()
    (folder / GEFORCE).write_bytes(b"MZ another")
    assert run(str(folder)) == 1
    said = capsys.readouterr().out
    assert f"nvidia-560.94-desktop: {GEFORCE} has another sha256 now, {sha256(folder / GEFORCE)}: correct" in said
    assert (folder / "drivers.yml").read_text() == before


def test_the_same_version_twice_has_two_ids(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, f"a/{GEFORCE}", f"b/{GEFORCE}", f"c/{GEFORCE}")
    done = installers.write(folder)
    assert done.added == ("nvidia-560.94-desktop", "nvidia-560.94-desktop-2", "nvidia-560.94-desktop-3")
    assert any("it is for the same PCs as that of line" in line for line in installers.check(done.file))


@pytest.mark.parametrize(
    "name", ["Treiber für Räume.exe", 'say "hi".exe', "a: b #c.exe", "- x.exe", "{{x}}.exe", "'.exe"]
)
def test_any_name_is_written_so_that_it_is_read_again(tmp_path: Path, name: str) -> None:
    folder = folder_of(tmp_path, name)
    file = installers.write(folder).file
    (found,) = yaml.safe_load(file.read_text("utf-8"))["installers"]
    assert found["file"] == name
    assert not any("id:" in line or "sha256" in line for line in installers.check(file))


def test_what_is_no_installer_is_left_out_and_told(tmp_path: Path) -> None:
    outside = folder_of(tmp_path / "outside", "a.exe")
    folder = folder_of(tmp_path / "in", GEFORCE, ".git/b.exe", "amd-software-24.3.1-minimalsetup-240320_web.exe")
    (folder / "linked.exe").symlink_to(outside / "a.exe")
    (folder / "linked").symlink_to(outside)
    (folder / "dir.exe").mkdir()
    os.mkfifo(folder / "pipe.exe")
    (folder / "bell\a.exe").write_bytes(b"MZ")
    (folder / os.fsdecode(b"\xff.exe")).write_bytes(b"MZ")
    said: list[str] = []
    assert installers.write(folder, say=said.append).added == ("nvidia-560.94-desktop",)
    left = [line for line in said if "left out" in line]
    assert [line.split(": left out: ")[1].split(",")[0] for line in left] == [
        "it fetches the driver from the internet",
        "its name cannot be written",
        "a link or no file",
        "a link or no file",
        "its name cannot be written",
    ]


REFUSED: dict[str, Any] = {
    "there is no such folder of installers": lambda base: (base / "none", None),
    "there is no installer (.exe or .zip) in it": lambda base: (folder_of(base, "a.txt"), None),
    "it is empty, and nothing was written: get it again": lambda base: (empty(base), None),
    "drivers.yml: this is a link or no file": lambda base: (linked(base), None),
    "the installers lie not below its folder": lambda base: (
        folder_of(base / "a", "a.exe"),
        here(base / "b") / "d.yml",
    ),
    "there is no such folder: make it": lambda base: (folder_of(base, "a.exe"), base / "none/drivers.yml"),
}


def here(path: Path) -> Path:
    path.mkdir()
    return path


def empty(base: Path) -> Path:
    (base / "a.exe").touch()
    return base


def linked(base: Path) -> Path:
    (folder_of(base, "a.exe") / "drivers.yml").symlink_to(base / "elsewhere.yml")
    return base


@pytest.mark.parametrize(("said", "made"), REFUSED.items())
def test_what_cannot_be_is_one_line_and_nothing_is_written(tmp_path: Path, said: str, made: Any) -> None:
    folder, file = made(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(GpureadyError) as caught:
        installers.write(folder, file)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


TEXTS = {
    "installers: [\n": "line 2: this is not YAML",
    "": "its last key is not the list installers",
    "- a\n": "its last key is not the list installers",
    "installers:\n  - {id: a}\nschema_version: 1\n": "its last key is not the list installers",
    "installers: [{id: a}]\n": "its entries do not stand on lines of their own",
    "installers:\n  - text\n": "its entries do not stand on lines of their own",
    "x: &a 1\ninstallers:\n  - id: *a\n": "write its anchors out",
    "installers:\n  - id: |\n      a\n      b\n...\n": "this is not YAML",
}


@pytest.mark.parametrize(("text", "said"), TEXTS.items())
def test_a_text_to_which_nothing_can_be_added_stays(tmp_path: Path, text: str, said: str) -> None:
    folder = folder_of(tmp_path, GEFORCE)
    (folder / "drivers.yml").write_text(text)
    with pytest.raises(GpureadyError, match="nothing can be added to it") as caught:
        installers.write(folder)
    assert said in str(caught.value)
    assert (folder / "drivers.yml").read_text() == text
    assert len(list(folder.iterdir())) == 2


def test_a_file_that_grows_while_it_is_read_is_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(tmp_path, GEFORCE)

    def slow(opened: Any, name: str) -> Any:
        time.sleep(0.02)
        (folder / GEFORCE).write_bytes(b"MZ and more")
        return hashlib.new(name, opened.read())

    monkeypatch.setattr(hashlib, "file_digest", slow)
    with pytest.raises(GpureadyError, match="it changed while it was read, and nothing was written"):
        installers.write(folder)
    assert not (folder / "drivers.yml").exists()


def test_what_another_person_writes_meanwhile_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(tmp_path, GEFORCE)
    sync = os.fsync

    def meanwhile(handle: int) -> None:
        sync(handle)
        (folder / "drivers.yml").write_text("of another")

    monkeypatch.setattr(os, "fsync", meanwhile)
    with pytest.raises(GpureadyError, match="somebody else has changed it meanwhile"):
        installers.write(folder)
    assert (folder / "drivers.yml").read_text() == "of another"
    assert len(list(folder.iterdir())) == 2


def test_an_inventorys_folder_is_no_place_for_installers(tmp_path: Path) -> None:
    (tmp_path / "group_vars").mkdir()
    said: list[str] = []
    installers.write(folder_of(tmp_path / "drivers", GEFORCE), say=said.append)
    assert f"{tmp_path} seems to be an inventory's folder (group_vars)" in said[0]


def test_a_file_elsewhere_above(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "share/nvidia", GEFORCE)
    done = installers.write(folder, tmp_path / "lab.yml")
    assert yaml.safe_load(done.file.read_text())["installers"][0]["file"] == f"share/nvidia/{GEFORCE}"
    assert installers.check(done.file) == []


def test_the_command_says_what_is_wrong_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(tmp_path / "none.yml")) == 1
    assert "none.yml: there is no such file: make it with `gpuready drivers FOLDER`" in capsys.readouterr().out
    assert run(str(tmp_path / "none.yml"), "-o", "x") == 1
    assert "this is no folder of installers, for which -o names a file" in capsys.readouterr().err
    assert run(str(tmp_path)) == 1
    assert capsys.readouterr().err.count("\n") == 1
