"""What belongs into a bundle, for the stacks as they ship and by a lab's variables."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from ansible_collections.gpuready.lab.plugins.plugin_utils.bundle import needs
from ansible_collections.gpuready.lab.plugins.plugin_utils.bundle.model import BundleError
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import files as stackfiles

INTERPRETERS, UV = ((stackfiles.STACKS / name).read_text("utf-8") for name in ("interpreters.txt", "uv.txt"))
KNOWN = needs.pinned(INTERPRETERS, UV)
SHA = "ab" * 32
URL = {"url": "https://files.lab.example/it.zip", "sha256": SHA.upper()}


def of(stack: str, target: str, variant: str | None = None, base: Path = Path(), **variables: Any) -> needs.Needs:
    return needs.of([needs.Wanted(stack, target, variant, variables, base)], KNOWN)


def test_every_stack_that_ships_is_known_as_a_whole() -> None:
    """Each Python of a stack is one that uv knows, or it is said that it is not."""
    for stack in stackfiles.load().values():
        for target in stack.targets.values():
            found = of(stack.name, target.name)
            assert {one.kind for one in found.packages.values()} == {"wheel", "uv"}
            lost = f"Python {target.python_version}" in "".join(found.lost)
            assert lost is not any(one.kind == "interpreter" for one in found.archives.values())
            assert lost is (target.python_version == "3.7")


def test_the_interpreters_are_those_that_uv_would_fetch() -> None:
    from uv import find_uv_bin

    version = subprocess.run([find_uv_bin(), "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    if version != KNOWN.uv.requirements[0].version:
        pytest.skip(f"uv {version} is another than the one that PCs get")
    assert f"uv {version} " in INTERPRETERS
    for (python, system), (_, url) in KNOWN.interpreters.items():
        command = [find_uv_bin(), "python", "list", "--only-downloads", "--all-platforms", "--output-format", "json"]
        done = subprocess.run([*command, f"cpython@{python}"], capture_output=True, text=True, check=True)
        key = f"-{system}-x86_64-{'none' if system == 'windows' else 'gnu'}"
        urls = [one["url"] for one in json.loads(done.stdout) if one["key"].endswith(key)]
        assert [PurePosixPath(urlsplit(one).path).name for one in urls] == [PurePosixPath(urlsplit(url).path).name]


def test_one_lock_of_a_stack_or_all_of_them_and_nothing_twice() -> None:
    names = [{one.name for one in of("cuda", "wsl", one).packages.values()} for one in ("cu130", "cu126", None, "gone")]
    assert names[2] == names[3] == names[0] | names[1]
    both = needs.of([needs.Wanted("cuda", "wsl", "cu130"), needs.Wanted("cuda", "linux", "cu130")], KNOWN)
    assert {len(one.purposes) for one in both.packages.values()} == {2}
    assert len(both.packages) == len(of("cuda", "wsl", "cu130").packages)


def test_what_the_lab_declares_takes_the_place_of_what_is_known() -> None:
    found = of(
        "tensorflow-directml",
        "wsl",
        python_environment_interpreters={"3.7": URL, "3.10": URL},
        python_environment_uv_archive=URL,
        wsl_archive={"path": "/srv/root.wsl", "sha256": "cd" * 32},
        wsl_package={**URL, "sha256": "ef" * 32, "version": "2.6.3.0"},
    )
    assert not found.lost
    assert not found.notes
    archives = {(one.folder, one.name, one.system, one.python) for one in found.archives.values()}
    assert archives == {
        ("interpreters", "it.zip", "linux", "3.7"), ("uv", "it.zip", "linux", ""), ("wsl", "root.wsl", "", ""),
        ("wsl", "it.zip", "", ""),
    }  # fmt: skip
    assert {one.kind for one in found.packages.values()} == {"wheel"}


def test_a_name_that_no_bundle_can_list_is_cleaned() -> None:
    found = of("cuda", "wsl", wsl_archive={"path": "/srv/.a\\b\x7f\udcff c.wsl", "sha256": SHA})
    (name,) = [one.name for one in found.archives.values() if one.folder == "wsl"]
    assert name == "a-b---c.wsl"


def test_what_the_lab_must_know_is_said() -> None:
    assert "wsl_archive is not declared" in " ".join(of("cuda", "wsl").notes)
    assert "no Visual C++ runtime" in " ".join(of("cpu", "windows").notes)
    assert not of("cpu", "windows", directml_vc_archive=URL).notes
    share = of("cuda", "wsl", wsl_archive={"path": r"\\server\share\root.wsl", "sha256": SHA})
    assert r"wsl_archive lies where the PCs read it themselves: \\server\share\root.wsl" in share.notes
    package = of("cuda", "wsl", wsl_package={"path": r"\\server\share\wsl.msi", "sha256": SHA, "version": "2.6.3.0"})
    assert "themselves" not in " ".join(package.notes)  # the controller sends it, so it is to be brought
    (archive,) = [one for one in package.archives.values() if one.folder == "wsl"]
    assert (archive.name, str(archive.path)) == ("wsl.msi", r"\\server\share\wsl.msi")
    assert "cuda_toolkit comes from an apt repository" in " ".join(of("cuda", "linux", cuda_toolkit="auto").notes)


@pytest.mark.parametrize(
    "declared", ["x.zip", {"path": "x"}, {"path": "x", "sha256": "12"}, {"path": "x", "url": "y", "sha256": SHA}]
)
def test_a_variable_that_is_no_archive_is_named(declared: Any) -> None:
    with pytest.raises(BundleError, match=r"wsl_archive: this is not \{path or url, sha256\}"):
        of("cuda", "wsl", wsl_archive=declared)


def test_the_installers_of_drivers_come_along(tmp_path: Path) -> None:
    (tmp_path / "drivers").mkdir()
    (tmp_path / "drivers/new.exe").write_bytes(b"MZ")
    entries = [
        {"id": "file", "version": "580.97", "file": "new.exe", "sha256": SHA, "vendor": "nvidia", "windows": ["11"]},
        {
            "id": "address",
            "version": "580.88",
            "url": "https://lab/a%20b.exe",
            "sha256": "cd" * 32,
            "vendor": "nvidia",
            "windows": ["11"],
        },
        {
            "id": "share",
            "version": "579.10",
            "share": r"\\server\drivers\a.exe",
            "sha256": "ef" * 32,
            "vendor": "nvidia",
            "windows": ["11"],
        },
    ]
    (tmp_path / "drivers/drivers.yml").write_text(yaml.safe_dump({"schema_version": 1, "installers": entries}))
    found = of("torch-directml", "windows", base=tmp_path, gpuready_drivers="drivers/drivers.yml")
    drivers = [one for one in found.archives.values() if one.folder == "drivers"]
    assert [(one.name, one.path) for one in drivers] == [("new.exe", tmp_path / "drivers/new.exe"), ("a-b.exe", None)]
    assert r"the driver share lies on a share, where the PCs read it: \\server\drivers\a.exe" in found.notes
    (tmp_path / "drivers/new.exe").unlink()
    again = of("torch-directml", "windows", base=tmp_path, gpuready_drivers="drivers/drivers.yml")
    assert again.archives == found.archives  # it is in the bundle, or a line when it is taken
    for given, says in (("gone.yml", "there is no such file"), ("~nobody-here/x", "no such user's home")):
        with pytest.raises(BundleError, match=f"gpuready_drivers: .*{says}"):
            of("torch-directml", "windows", base=tmp_path, gpuready_drivers=given)


def test_the_one_folder_of_stacks_may_be_a_text(tmp_path: Path) -> None:
    (tmp_path / "mystacks").mkdir()
    assert of("cpu", "linux", base=tmp_path, gpuready_stack_dirs="mystacks").packages
    with pytest.raises(BundleError, match="/others: gpuready_stack_dirs: there is no such folder"):
        of("cpu", "linux", base=tmp_path, gpuready_stack_dirs="others")


@pytest.mark.parametrize(("stack", "target"), [("rocm", "linux"), ("cuda", "windows")])
def test_a_stack_that_there_is_not_is_named(stack: str, target: str) -> None:
    with pytest.raises(BundleError, match=f"{stack}/{target}: there is no such stack and target"):
        of(stack, target)
