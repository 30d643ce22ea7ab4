"""Pages of package indexes, and which file of a package is taken."""

from __future__ import annotations

import json

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.bundle import index
from ansible_collections.gpuready.lab.plugins.plugin_utils.bundle.index import Offered

A, B = "a" * 64, "b" * 64


TORCH = "torch-2.4.1%2Bcpu-cp311-cp311-linux_x86_64.whl"
PAGE = f"""<!DOCTYPE html><base href="https://files/">
<a href="../x/{TORCH}#sha256={A}">torch</a>
<a href="https://other/a-1.tar.gz">a</a><a href="http://[x/a-1.zip">a</a><a>nothing</a>
<a href="/folder/">folder</a><a href=".hidden-1-py3-none-any.whl">x</a>"""


def test_a_page_of_html_is_read() -> None:
    assert index.read(PAGE, "https://index/simple/torch/") == [
        Offered("torch-2.4.1+cpu-cp311-cp311-linux_x86_64.whl", f"https://files/x/{TORCH}", A),
        Offered("a-1.tar.gz", "https://other/a-1.tar.gz", None),
        Offered("folder", "https://files/folder/", None),
    ]


def test_a_page_of_json_is_read() -> None:
    files = [
        {"filename": "a-1-py3-none-any.whl", "url": "../a.whl", "hashes": {"sha256": A}},
        {"filename": "a-1.zip", "url": "https://x/a.zip", "hashes": {}},
        {"filename": "a-1.zip", "url": "https://[x/a.zip", "hashes": {}},
        {"filename": "../../a-1.zip", "url": "https://x/a.zip", "hashes": {}},
    ]
    assert index.read(json.dumps({"files": files}), "https://index/simple/a/") == [
        Offered("a-1-py3-none-any.whl", "https://index/simple/a.whl", A),
        Offered("a-1.zip", "https://x/a.zip", None),
    ]


@pytest.mark.parametrize("page", ["", "{", '{"files": 3}', '{"files": [1]}', '{"files": [{"filename": "a"}]}', "<a"])
def test_what_is_no_page_offers_nothing(page: str) -> None:
    assert index.read(page, "https://x/") == []


ALL = (
    "numpy-1.26.4-cp311-cp311-win_amd64.whl",
    "numpy-1.26.4-cp311-cp311-win_arm64.whl",
    "numpy-1.26.4-cp311-cp311-win32.whl",
    "numpy-1.26.4-cp310-cp310-win_amd64.whl",
    "numpy-1.26.4-cp311-cp311-manylinux_2_28_x86_64.whl",
    "numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "numpy-1.26.4-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl",
    "numpy-1.26.4-cp311-cp311-musllinux_1_1_x86_64.whl",
    "numpy-1.26.4-cp311-cp311-macosx_10_9_x86_64.whl",
    "numpy-1.26.4.tar.gz",
    "numpy-1.26.4-py3-none-any.whl",
    "numpy_more-1.26.4-py3-none-any.whl",
)


@pytest.mark.parametrize(
    ("system", "numbers"), [("windows", [0, 10, 9]), ("linux", [5, 4, 10, 9])], ids=["windows", "linux"]
)
def test_the_wheel_of_the_platform_with_the_oldest_glibc_comes_first(system: str, numbers: list[int]) -> None:
    offered = [Offered(name, f"https://x/{name}", A) for name in ALL]
    found = index.chosen(offered, "NumPy", "1.26.4", {A}, system, "3.11")
    assert [one.name for one in found] == [ALL[number] for number in numbers]


def test_a_file_is_meant_by_its_sha256_and_where_there_is_none_by_its_version() -> None:
    wheel = "a-1-py3-none-any.whl"
    offered = [Offered(wheel, "u", B), Offered(wheel, "v", None), Offered("a-2.zip", "w", None)]
    assert [one.url for one in index.chosen(offered, "a", "1", {A}, "linux", "3.11")] == ["v"]


@pytest.mark.parametrize(
    ("name", "version", "is_it"),
    [
        ("x-1.0.1-py3-none-any.whl", "1.0", False),
        ("x-1.0-1-py3-none-any.whl", "1.0", True),
        ("x-1.0+cpu-py3-none-any.whl", "1.0", False),
        ("x-1.0+cpu-py3-none-any.whl", "1.0+CPU", True),
        ("x-1.0.1.tar.gz", "1.0", False),
        ("x-11.0.zip", "1.0", False),
        ("x-1.0.tar.gz", "1.0", True),
        ("my-x-1.0.tar.bz2", "1.0", True),
        ("x-1.0.zip", "1.0", True),
    ],
)
def test_a_version_is_the_whole_one(name: str, version: str, is_it: bool) -> None:
    project = "my-x" if name.startswith("my") else "x"
    assert bool(index.chosen([Offered(name, "u", None)], project, version, {A}, "linux", "3.11")) is is_it


def test_a_wheel_for_the_python_without_its_lock_is_none() -> None:
    names = [f"x-1-cp313-{abi}-manylinux_2_17_x86_64.whl" for abi in ("cp313t", "cp313")]
    found = index.chosen([Offered(name, name, A) for name in names], "x", "1", {A}, "linux", "3.13")
    assert [one.name for one in found] == names[1:]


def test_a_page_of_another_machine_leads_to_no_file_of_this_one() -> None:
    file = "FILE:///srv/a-1-py3-none-any.whl"
    html = f'<a href="{file}">a</a>'
    as_json = json.dumps({"files": [{"filename": "a-1-py3-none-any.whl", "url": file}]})
    for page in (html, as_json, f'<base href="{file}"><a href="a-1.zip">a</a>'):
        assert index.read(page, "https://x/a/") == []
        assert len(index.read(page, "file:///srv/simple/a/")) == 1
