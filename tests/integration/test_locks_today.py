"""Each lock can be had today: the index that it is for is asked, and nothing is downloaded.

Every requirement must be there in its version, with every file whose hash the lock names: none was taken back.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import controller_uv
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import files as stackfiles
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import locks

STACKS = stackfiles.load()
LOCKS = {
    variant.lock: (Path(variant.lock_path), target)
    for stack in STACKS.values()
    for target in stack.targets.values()
    for variant in target.variants
}
AWAY = re.compile(r"dns error|client error \(Connect\)|tcp connect error|error sending request|timed out")
UV = str(Path(sys.executable).parent / "uv")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one lock has asked for the others need not ask again."""
    return tmp_path_factory.mktemp("uv")


def ask(requirements: str, python: str, platform: str, indexes: Sequence[str], cache: Path) -> dict[str, set[str]]:
    """What the index has of these pins: name to hashes. The test is left out where the index is away."""
    command = [UV, "pip", "compile", "-", "--no-deps", "--generate-hashes", "--no-annotate"]
    command += ["--no-header", "--quiet", "--cache-dir", str(cache), "--index-strategy", "unsafe-best-match"]
    command += ["--python-version", python, "--python-platform", platform]
    command += [option for url in indexes for option in ("--index", url)]
    done = subprocess.run(command, input=requirements, capture_output=True, text=True, check=False)
    if done.returncode and AWAY.search(done.stderr):
        pytest.skip(f"the index is not in reach: {done.stderr.strip().splitlines()[-1].strip()}")
    assert done.returncode == 0, done.stderr
    return {one.name: set(one.hashes) for one in locks.parse(done.stdout).requirements}


def pins(name: str, local: bool) -> list[locks.Requirement]:
    """What a lock pins: builds as 2.13.0+cpu, which the stack's own index has, or all that the default index has."""
    found = locks.parse(LOCKS[name][0].read_text("utf-8")).requirements
    return [one for one in found if ("+" in one.version) == local]


@pytest.fixture(scope="module")
def asked(cache: Path) -> dict[tuple[str, bool], Future[dict[str, set[str]]]]:
    """All locks, a few at a time: asking is waiting."""

    def start(name: str, local: bool) -> Future[dict[str, set[str]]]:
        target = LOCKS[name][1]
        lines = "".join(f"{one.name}==={one.version}\n" for one in pins(name, local))
        platform = "windows" if target.name == "windows" else "linux"
        return pool.submit(ask, lines, target.python_version, platform, target.extra_index_urls if local else (), cache)

    with ThreadPoolExecutor(4) as pool:
        return {case: start(*case) for case in CASES}


CASES = [(name, local) for name in sorted(LOCKS) for local in (False, True) if pins(name, local)]


@pytest.mark.parametrize(("name", "local"), CASES)
def test_a_lock_can_be_had_today(
    asked: dict[tuple[str, bool], Future[dict[str, set[str]]]], name: str, local: bool
) -> None:
    found = asked[name, local].result()
    assert not {one.name for one in pins(name, local) if not set(one.hashes) <= found.get(one.name, set())}


def test_a_lock_that_cannot_be_had_is_told(cache: Path) -> None:
    """What the test above would see: a version that nobody has made, a file that is not there."""
    there = ask("six===1.17.0\n", "3.12", "linux", (), cache)
    assert there["six"]
    assert not {"sha256:" + "0" * 64} <= there["six"]
    with pytest.raises(AssertionError, match="No solution found"):
        ask("six===1.99.99\n", "3.12", "linux", (), cache)


def test_the_uv_for_windows_is_the_pinned_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask("uv===" + controller_uv.LOCK.read_text("utf-8").partition("===")[2].split()[0], "3.12", "windows", (), tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert controller_uv.for_windows()
