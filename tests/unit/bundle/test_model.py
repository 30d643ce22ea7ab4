"""bundle.yml: what it says of files, what of it is refused, and what a bundle's files stand in for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.gpuready.lab.plugins.filter.bundled import bundled
from ansible_collections.gpuready.lab.plugins.plugin_utils import bundles
from ansible_collections.gpuready.lab.plugins.plugin_utils.bundle import model
from ansible_collections.gpuready.lab.plugins.plugin_utils.bundle.model import Bundle, BundleError, File
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import locks

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
HERE = Path("/srv/bundle")
FILES = (
    File("wheels/numpy-1.26.4-cp310-cp310-win_amd64.whl", A, 7, "wheel", "https://index/n.whl", ("x/windows",)),
    File("interpreters/cpython ü.tar.gz", B, 8, "interpreter", "", (), "windows", "3.10"),
    File("wsl/root.wsl", C, 9, "archive", "https://ubuntu", ("cuda/wsl",)),
)
BUNDLE = Bundle(HERE, FILES)


def lock(*requirements: str) -> locks.Lock:
    return locks.parse("".join(f"{one}\n" for one in requirements))


def test_what_is_written_is_read_again() -> None:
    assert model.parse(model.text(FILES), HERE) == BUNDLE
    assert model.parse(model.text(()), HERE) == Bundle(HERE)


def test_an_origin_of_strange_characters_is_read_again() -> None:
    (found,) = model.parse(model.text([File("a", A, 1, "archive", "a\x7f\x1b\udcff\u2028\\b", ("x",))]), HERE).files
    assert found.origin == "a\ufffd\ufffd\ufffd \\b"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"path": "../../etc/shadow"}, "path does not lead"),
        ({"path": "/etc/shadow"}, "path does not lead"),
        ({"path": ""}, "path does not lead"),
        ({"path": "wheels\\x"}, "path does not lead"),
        ({"path": "wheels/\x7f"}, "path does not lead"),
        ({"path": 3}, "path is not a text"),
        ({"sha256": "A" * 64}, "sha256 is not 64"),
        ({"kind": "program"}, "kind is not one of"),
        ({"bytes": "7"}, "bytes is not a number"),
        ({"bytes": True}, "bytes is not a number"),
        ({"for": "x"}, "for is not a list"),
    ],
)
def test_an_entry_that_is_wrong_is_refused_with_its_number(change: dict[str, Any], says: str) -> None:
    good = {"path": "wheels/a.whl", "sha256": A, "bytes": 1, "kind": "wheel", "from": "", "for": []}
    text = yaml.safe_dump({"schema_version": 1, "files": [good, {**good, **change}]})
    with pytest.raises(BundleError, match=rf"bundle.yml: file 2: {says}"):
        model.parse(text, HERE)


@pytest.mark.parametrize("text", ["", "[", "- 1", "schema_version: 2\nfiles: []", "schema_version: 1\nfiles: {}"])
def test_what_is_no_bundle_is_refused(text: str) -> None:
    with pytest.raises(BundleError, match="anew"):
        model.parse(text, HERE)


def test_a_file_stands_in_for_whatever_has_its_sha256() -> None:
    there = {"path": str(HERE / "wsl/root.wsl"), "sha256": C.upper(), "version": "1"}
    assert BUNDLE.instead({"url": "https://ubuntu", "sha256": C.upper(), "version": "1"}) == there
    assert BUNDLE.instead({"path": "/elsewhere", "sha256": C})["path"] == str(HERE / "wsl/root.wsl")
    share = {"path": r"\\server\x", "sha256": "d" * 64}
    assert BUNDLE.instead(share) == share
    with pytest.raises(BundleError, match="has no file of https://x"):
        BUNDLE.instead({"url": "https://x", "sha256": "d" * 64})
    with pytest.raises(BundleError, match=r"has no file of https://x/a\.msi \(sha256"):
        BUNDLE.instead({"url": "https://anna:secret@x/a.msi?sig=secret", "sha256": "d" * 64})


def test_interpreter_and_uv_are_those_of_the_system() -> None:
    newer = File("interpreters/newer", C, 1, "interpreter", system="windows", python="3.10")
    assert BUNDLE.interpreter("windows", "3.10") == {"path": str(HERE / FILES[1].path), "sha256": B}
    assert Bundle(HERE, (*FILES, newer)).interpreter("windows", "3.10") == {"path": str(HERE / newer.path), "sha256": C}
    assert BUNDLE.interpreter("linux", "3.10") is None
    assert BUNDLE.uv("windows") is None


def test_the_wheels_of_a_lock_are_all_there_or_the_first_that_lack_are_named() -> None:
    numpy = f"numpy===1.26.4 --hash=sha256:{A}"
    assert BUNDLE.wheels(lock(numpy), "windows", "3.10") == [FILES[0]]
    elsewhere = f'colorama===0.4.6 ; sys_platform == "win32" --hash=sha256:{C}'
    assert BUNDLE.wheels(lock(numpy, elsewhere), "windows", "3.10") == [FILES[0]]
    with pytest.raises(BundleError, match=r"lacks numpy 1\.26\.4 for Python 3\.10 on linux"):
        BUNDLE.wheels(lock(numpy), "linux", "3.10")
    other = [f"p{number}===1 --hash=sha256:{B}" for number in range(5)]
    with pytest.raises(BundleError, match="lacks p0 1, p1 1, p2 1 and 2 more for"):
        BUNDLE.wheels(lock(numpy, *other), "windows", "3.10")
    with pytest.raises(BundleError, match="lacks numpy"):  # of that name, and another file
        BUNDLE.wheels(lock(numpy.replace(A, B)), "windows", "3.10")


def test_the_variable_names_a_folder_with_a_bundle(tmp_path: Path) -> None:
    assert bundles.of(None, tmp_path) is None
    assert bundles.of("", tmp_path) is None
    (tmp_path / "there").mkdir()
    with pytest.raises(BundleError, match="there is no bundle"):
        bundles.of("there", tmp_path)
    (tmp_path / "there/bundle.yml").write_text(model.text(FILES), "utf-8")
    found = bundles.of("there", tmp_path)
    assert found is not None
    assert found.file(C) == tmp_path / "there/wsl/root.wsl"
    for wrong in (["x"], "~nobody-here/x"):
        with pytest.raises(BundleError, match="gpuready_bundle"):
            bundles.of(wrong, tmp_path)


def test_the_filter_gives_the_file_of_the_bundle_and_no_address_that_it_has_not(tmp_path: Path) -> None:
    (tmp_path / "bundle.yml").write_text(model.text(FILES), "utf-8")
    package = {"url": "https://lab/wsl.msi", "sha256": C, "version": "2.6.3.0"}
    assert bundled(package) == package
    assert bundled(None, "") == {}
    there = {"path": str(tmp_path / FILES[2].path), "sha256": C, "version": "2.6.3.0"}
    assert bundled(package, tmp_path.name, str(tmp_path.parent)) == there
    assert bundled({**package, "sha256": "d" * 64}, str(tmp_path)) == {"sha256": "d" * 64, "version": "2.6.3.0"}
    with pytest.raises(AnsibleFilterError, match="there is no bundle"):
        bundled(package, str(tmp_path / "gone"))
