"""Where uv gets packages from: the lab's wishes and what the PC's pip is told; and which failure is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.module_utils.home import pip
from ansible_collections.gpuready.lab.plugins.plugin_utils.environment import packages

STRATEGY = ["--index-strategy", "unsafe-best-match"]


def test_pip_settings() -> None:
    first = (
        "[global]\nindex-url = http://a/simple\nextra-index-url = http://b\n    http://c\n[install]\nfind_links = /x\n"
    )
    second = "\ufeff[global]\nindex-url = http://d/%simple\n"
    variables = {"PIP_FIND_LINKS": "/opt/y /opt/z", "PIP_CERT": "", "HOME": "/root"}
    assert packages.pip_settings({"files": [first, "no section\n", second], "variables": variables}) == {
        "index-url": "http://d/%simple",
        "extra-index-url": "http://b\nhttp://c",
        "find-links": "/opt/y /opt/z",
    }
    assert packages.pip_settings({}) == {}


def test_what_the_pc_says_of_its_pip(tmp_path: Path) -> None:
    own = tmp_path / "pip.conf"
    own.write_text("[global]\nindex-url = http://a\n")
    (tmp_path / ".config/pip").mkdir(parents=True)
    (tmp_path / ".config/pip/pip.conf").write_text("[global]\nindex-url = http://b\n")
    environment = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(own), "PIP_CERT": "/ca.pem", "PATH": "/bin"}
    said = pip.said(environment)
    assert said["files"][-2:] == ["[global]\nindex-url = http://b", "[global]\nindex-url = http://a"]
    assert said["variables"] == {"PIP_CONFIG_FILE": str(own), "PIP_CERT": "/ca.pem"}
    assert packages.pip_settings(said)["index-url"] == "http://a"


def test_pip_files() -> None:
    assert pip.files({"PIP_CONFIG_FILE": "/dev/null"}) == []
    files = [str(path) for path in pip.files({"HOME": "/home/a", "PIP_CONFIG_FILE": "/lab/pip.conf"})]
    assert files[-1] == "/lab/pip.conf"
    assert files.index("/etc/pip.conf") < files.index("/home/a/.config/pip/pip.conf")


@pytest.mark.parametrize(
    ("wishes", "stack_urls", "pip_says", "expected", "find_links", "links"),
    [
        ({}, [], {}, [(STRATEGY, {})], [], []),
        (
            {"no_index": True, "find_links": ["/a"]},
            ["http://s"],
            {"index-url": "http://p"},
            [(["--no-index"], {})],
            ["/a"],
            [],
        ),
        ({}, ["http://s"], {}, [(STRATEGY, {"UV_INDEX": "http://s"}), (STRATEGY, {})], [], []),
        (
            {"find_links": ["/a"]},
            ["http://s"],
            {},
            [(STRATEGY, {}), (STRATEGY, {"UV_INDEX": "http://s"})],
            ["/a"],
            [],
        ),
        ({}, ["http://s"], {"timeout": "60"}, [(STRATEGY, {"UV_INDEX": "http://s"}), (STRATEGY, {})], [], []),
        (
            {"index_url": "http://own", "wheelhouse": "/w"},
            [],
            {"index-url": "http://p", "extra-index-url": "http://q http://r http://q", "trusted-host": "q"},
            [
                (
                    ["--allow-insecure-host", "q", *STRATEGY],
                    {"UV_DEFAULT_INDEX": "http://own", "UV_INDEX": "http://q http://r"},
                )
            ],
            ["/w"],
            [],
        ),
        ({}, [], {"no-index": "yes", "find-links": "/usr /nowhere"}, [(["--no-index"], {})], [], ["/usr", "/nowhere"]),
    ],
)
def test_ways(
    wishes: dict[str, Any],
    stack_urls: list[str],
    pip_says: dict[str, str],
    expected: list[tuple[list[str], dict[str, str]]],
    find_links: list[str],
    links: list[str],
) -> None:
    ways = packages.ways(wishes, stack_urls, None, pip_says)
    assert [(way["options"], way["indexes"]) for way in ways] == expected
    assert all((way["find_links"], way["links"]) == (find_links, links) for way in ways)
    assert [way["own_index"] for way in ways if stack_urls] == [
        "http://s" in indexes.get("UV_INDEX", "") for _, indexes in expected if stack_urls
    ]


def test_no_address_is_an_option_of_uv() -> None:
    """Every user of a PC may read a program's arguments, and an address may have a password."""
    secret = "https://user:secret@"
    wishes = {"index_url": f"{secret}a", "extra_index_urls": [f"{secret}b"], "find_links": [f"{secret}c"]}
    pip_says = {"extra-index-url": f"{secret}d", "find-links": f"{secret}e"}
    for way in packages.ways(wishes, [f"{secret}f"], None, pip_says):
        assert "secret" not in str(way["options"])


def test_wheels_that_are_sent_come_first_and_a_certificate_of_pip_is_taken() -> None:
    (way,) = packages.ways({"wheelhouse": r"\\server\wheels"}, [], r"{home}\wheelhouse", {"cert": "/ca.pem"})
    assert way["find_links"] == [r"{home}\wheelhouse", r"\\server\wheels"]
    assert way["variables"] == {"SSL_CERT_FILE": "/ca.pem"}
    (way,) = packages.ways({"certificates": "/lab.pem"}, [], None, {"cert": "/ca.pem"})
    assert way["variables"] == {}


MISMATCH, AWAY, NOTHING, FULL = (
    ["error: x", "cause: Hash mismatch for `a==1`"],
    ["error: Failed to fetch: `https://stack/a/`"],
    ["error: No solution found when resolving dependencies"],
    ["error: x", "cause: No space left on device (os error 28)"],
)


@pytest.mark.parametrize(
    ("failures", "order", "expected"),
    [
        ([MISMATCH, AWAY], [False, True], MISMATCH),
        ([AWAY, MISMATCH], [False, True], MISMATCH),
        ([NOTHING, AWAY], [False, True], AWAY),  # the stack's own index has it all
        ([AWAY, NOTHING], [True, False], AWAY),
        ([NOTHING, FULL], [False, True], FULL),  # the second one's own error
        ([AWAY, FULL], [True, False], FULL),
        ([FULL], [True, False], FULL),
        ([NOTHING], [False], NOTHING),
    ],
)
def test_which_failure_is_told(failures: list[list[str]], order: list[bool], expected: list[str]) -> None:
    tried = [{"own_index": own} for own in order]
    assert packages.told([{"rc": 1, "details": lines} for lines in failures], tried) == expected
