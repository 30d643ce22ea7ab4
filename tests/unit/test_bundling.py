"""The making of a bundle, from an index and folders of this machine: whole, once, and going on where it was."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpuready.lab.plugins.plugin_utils import bundles, bundling
from ansible_collections.gpuready.lab.plugins.plugin_utils.bundle import needs
from ansible_collections.gpuready.lab.plugins.plugin_utils.bundle.model import BundleError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from environment_help import lock_of, make_wheel, sha256

PYTHON = b"an interpreter"


class Place:
    """A lab whose cpu stack is two small packages, of which an index has one and a folder the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bundle, self.said = folder, folder / "bundle", []  # type: Path, Path, list[str]
        self.alpha = make_wheel(folder / "files", "gpalpha", "1.0")
        self.beta = make_wheel(folder / "wheels", "gpbeta", "2.0")
        page = folder / "simple/gpalpha/index.html"
        page.parent.mkdir(parents=True)
        page.write_text(f'<a href="{self.alpha.as_uri()}#sha256={sha256(self.alpha.read_bytes())}">it</a>')
        (folder / "python.tar").write_bytes(PYTHON)
        (folder / "uv.whl").write_bytes(b"uv")
        (folder / "lock.txt").write_text(lock_of(self.alpha, self.beta))
        self.variables: dict[str, Any] = {
            "gpuready_stack_locks": {"cpu": {"lock": "lock.txt", "python": "3.11", "extra_index_urls": []}},
            "python_environment_index_url": (folder / "simple").as_uri(),
            "python_environment_wheelhouse": "wheels",
            "python_environment_interpreters": {"3.11": {"path": "python.tar", "sha256": sha256(PYTHON)}},
            "python_environment_uv_archive": {"url": (folder / "uv.whl").as_uri(), "sha256": sha256(b"uv")},
        }

    def make(self) -> int:
        self.said.clear()
        return bundling.make(
            self.bundle, [needs.Wanted("cpu", "linux", None, self.variables, self.folder)], self.said.append
        )

    def names(self) -> list[str]:
        return sorted(str(one.relative_to(self.bundle)) for one in self.bundle.rglob("*") if one.is_file())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in [one for one in os.environ if one.startswith(("PIP_INDEX", "PIP_EXTRA", "PIP_FIND", "UV_"))]:
        monkeypatch.delenv(name)
    return Place(tmp_path)


WHOLE = [".lock", "bundle.yml", "interpreters/python.tar", "uv/uv.whl", "wheels/gpalpha-1.0-py3-none-any.whl",
         "wheels/gpbeta-2.0-py3-none-any.whl"]  # fmt: skip


def test_all_of_it_is_brought_once(place: Place) -> None:
    assert place.make() == 0, place.said
    assert place.names() == WHOLE
    assert place.said[-1].endswith("4 brought, 0 there already, 0 missing.")
    files = yaml.safe_load((place.bundle / "bundle.yml").read_text("utf-8"))["files"]
    assert {(one["kind"], one.get("system"), one.get("python")) for one in files} == {
        ("wheel", None, None), ("uv", "linux", None), ("interpreter", "linux", "3.11")
    }  # fmt: skip
    for one in files:
        data = (place.bundle / one["path"]).read_bytes()
        assert (one["sha256"], one["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
        assert one["for"] == ["cpu/linux"]
        assert one["from"]
    before = (place.bundle / "bundle.yml").read_bytes()
    for gone in (place.alpha, place.beta, place.folder / "python.tar", place.folder / "uv.whl"):
        gone.unlink()  # what is there and right is not fetched again
    assert place.make() == 0, place.said
    (said,) = place.said
    assert said.startswith(f"{place.bundle}: 4 files, ")
    assert said.endswith(": 0 brought, 4 there already, 0 missing.")
    assert (place.bundle / "bundle.yml").read_bytes() == before


def test_what_cannot_be_had_is_a_line_and_comes_by_hand(place: Place) -> None:
    python = (place.folder / "python.tar").read_bytes()
    wheel = place.beta.read_bytes()
    (place.folder / "python.tar").write_bytes(b"another")
    place.beta.unlink()
    assert place.make() == 2
    assert place.names() == [name for name in WHOLE if "gpbeta" not in name and "python.tar" not in name]
    told = [line for line in place.said if line.startswith("missing: ")]
    assert len(told) == 2
    assert f"not {sha256(PYTHON)}" in told[0]
    assert told[0].endswith(f"{sha256(PYTHON)} there as {place.bundle}/interpreters/python.tar")
    assert told[1].startswith("missing: gpbeta 2.0 for Python 3.11 on Linux (cpu/linux): not in ")
    assert told[1].endswith(f"put its wheel (sha256 {sha256(wheel)}) into {place.bundle}/wheels")
    (place.bundle / "interpreters").mkdir(exist_ok=True)
    (place.bundle / "interpreters/python.tar").write_bytes(python)
    (place.bundle / "wheels" / place.beta.name).write_bytes(wheel)
    assert place.make() == 0, place.said
    found = bundles.load(place.bundle)
    assert {one.path for one in found.files} == set(WHOLE[2:])
    assert next(one.origin for one in found.files if "gpbeta" in one.path) == "origin not known"


def test_what_opens_an_address_is_neither_said_nor_kept(place: Place) -> None:
    uv = f"{(place.folder / 'uv.whl').as_uri()}?sig=secret"
    place.variables["python_environment_uv_archive"] = {"url": uv, "sha256": sha256(b"uv")}
    gone = {"url": "ftp://anna:sec/ret@lab/x?sig=secret", "sha256": "a" * 64}
    place.variables["python_environment_interpreters"] = {"3.11": gone}
    place.variables["python_environment_extra_index_urls"] = ["https://anna:sec/ret@lab/simple"]
    assert place.make() == 2
    assert "(cpu/linux): ftp://...: only http" in "".join(place.said)
    text = (place.bundle / "bundle.yml").read_text("utf-8")
    assert '/uv.whl"' in text
    assert "sec" not in text + "".join(place.said)


def test_a_file_that_was_damaged_is_brought_anew(place: Place) -> None:
    assert place.make() == 0
    for name in WHOLE[2:]:
        (place.bundle / name).write_bytes(b"half")
    assert place.make() == 0
    assert place.said[-1].endswith("4 brought, 0 there already, 0 missing.")
    assert place.names() == WHOLE


def test_what_other_stacks_brought_stays_and_is_named(place: Place) -> None:
    assert place.make() == 0
    gamma = make_wheel(place.folder / "wheels", "gpgamma", "3.0")
    (place.folder / "lock.txt").write_text(lock_of(gamma))
    assert place.make() == 0
    assert [one.path for one in bundles.load(place.bundle).files if one.kind == "wheel"] == [
        *WHOLE[-2:],
        "wheels/gpgamma-3.0-py3-none-any.whl",
    ]
    (place.bundle / WHOLE[-1]).unlink()
    assert place.make() == 0
    assert WHOLE[-1] not in {one.path for one in bundles.load(place.bundle).files}


@pytest.mark.parametrize("broken", [b"[", b"\xff", b"schema_version: 1\nfiles: [1]\n"])
def test_a_list_that_cannot_be_read_is_made_anew(place: Place, broken: bytes) -> None:
    assert place.make() == 0
    (place.bundle / "bundle.yml").write_bytes(broken)
    assert place.make() == 0, place.said
    assert place.said[0].startswith(f"note: {place.bundle}/bundle.yml: ")
    assert {one.path for one in bundles.load(place.bundle).files} == set(WHOLE[2:])


def test_two_files_of_one_name_lie_apart(place: Place) -> None:
    (place.folder / "other").mkdir()
    (place.folder / "other/python.tar").write_bytes(b"of windows")
    other = {"path": "other/python.tar", "sha256": sha256(b"of windows")}
    windows = {**place.variables, "python_environment_interpreters": {"3.11": other}}
    wanted = [
        needs.Wanted("cpu", target, None, variables, place.folder)
        for target, variables in (("linux", place.variables), ("windows", windows))
    ]
    for _ in range(2):
        assert bundling.make(place.bundle, wanted, place.said.append) == 0, place.said
        found = bundles.load(place.bundle)
        archives = [found.interpreter(system, "3.11") for system in ("linux", "windows")]
        assert [Path(one["path"]).read_bytes() for one in archives if one] == [PYTHON, b"of windows"]


def test_two_at_a_time_are_one_too_many(place: Place) -> None:
    place.bundle.mkdir()
    with (
        bundling._alone(place.bundle),
        pytest.raises(BundleError, match="another gpuready bundle is at work"),
        bundling._alone(place.bundle),
    ):
        pass


def test_a_folder_of_links_may_be_an_address_and_is_named(place: Place) -> None:
    place.variables["python_environment_find_links"] = f"{(place.folder / 'wheels').as_uri()}?sig=secret"
    place.beta.unlink()
    del place.variables["python_environment_wheelhouse"]
    assert place.make() == 2
    folder, simple = (place.folder / "wheels").as_uri(), (place.folder / "simple").as_uri()
    assert f": not in {folder}, {simple}. By hand" in place.said[-2]
    make_wheel(place.folder / "wheels", "gpbeta", "2.0")
    place.variables["python_environment_find_links"] = [folder]
    assert place.make() == 0, place.said


def test_where_packages_come_from() -> None:
    variables = [{"python_environment_extra_index_urls": ["https://lab"]}]
    environment = {"PIP_CONFIG_FILE": os.devnull, "UV_INDEX": "torch=https://torch https://plain"}
    ways = bundling.Ways(variables, {**environment, "UV_FIND_LINKS": "/a,/b", "PIP_FIND_LINKS": "/c"})
    assert ways.indexes == ["https://lab", "https://torch", "https://plain", "https://pypi.org/simple"]
    assert ways.links == ["/a", "/b", "/c"]
    own = bundling.Ways(
        [{"python_environment_index_url": "https://mirror"}], environment | {"PIP_INDEX_URL": "https://x"}
    )
    assert own.indexes[-1] == "https://mirror"


def test_the_program_ends_with_one_line(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    wanted = {"stack": "rocm", "target": "linux", "variables": {}, "base": "."}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"folder": str(place.bundle), "wanted": [wanted]})))
    assert bundling.main() == 1
    assert capsys.readouterr().err.startswith("rocm/linux: there is no such stack and target")
    place.bundle.write_text("a file")
    wanted = {"stack": "cpu", "target": "linux", "variables": place.variables, "base": str(place.folder)}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"folder": str(place.bundle), "wanted": [wanted]})))
    assert bundling.main() == 1
    assert capsys.readouterr().err == f"{place.bundle}: File exists: name a folder for the bundle, not a file\n"


def test_one_address_that_is_none_is_a_line(place: Place) -> None:
    page = place.folder / "simple/gpalpha/index.html"
    page.write_text(f'<a href="http://[x/gpalpha-1.0.zip">it</a>{page.read_text()}')
    place.variables["python_environment_extra_index_urls"] = ["http://[::1/simple", "http://h:port/simple"]
    place.variables["python_environment_interpreters"] = {"3.11": {"url": "http://[::1/p.tar", "sha256": "a" * 64}}
    assert place.make() == 2
    assert place.names() == [name for name in WHOLE if "python.tar" not in name]
    (line,) = [line for line in place.said if line.startswith("missing: ")]
    assert "(cpu/linux): http://[::1/p.tar: this is no address that can be fetched" in line


@pytest.mark.parametrize("end", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_what_was_brought_before_the_end_is_listed(
    place: Place, monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    assert place.make() == 0
    (place.folder / "uv.whl").write_bytes(b"newer")
    place.variables["python_environment_uv_archive"]["sha256"] = sha256(b"newer")

    def ends(*_: Any) -> None:
        raise end

    monkeypatch.setattr(bundling.Maker, "package", ends)
    with pytest.raises(type(end)):
        place.make()
    listed = {one.path for one in bundles.load(place.bundle).files}
    assert listed == {*WHOLE[2:]}
    assert [one.sha256 for one in bundles.load(place.bundle).files if one.kind == "uv"] == [sha256(b"newer")]


def test_a_full_disk_is_told_what_helps(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", "x.part")

    wanted = {"stack": "cpu", "target": "linux", "variables": place.variables, "base": str(place.folder)}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"folder": str(place.bundle), "wanted": [wanted]})))
    monkeypatch.setattr(bundling.fetching, "take", full)
    assert bundling.main() == 1
    assert capsys.readouterr().err.startswith("x.part: No space left on device: make room or name a folder elsewhere")
