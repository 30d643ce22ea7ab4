"""A program that is there and does not run is not missing: the system's number says why, and travels to the verdict."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.gpuready.lab.plugins.module_utils.home import environment, uv
from ansible_collections.gpuready.lab.plugins.module_utils.home.folder import Home, Trouble
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import modules


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Its account may not start it."""
    path = tmp_path / "uv"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o644)
    return path


def test_the_reason_stands_behind_what_could_not_be_had(program: Path) -> None:
    why: list[str] = []
    assert environment.ask(program, why) == {}
    assert uv.version_of(program, why) is None
    assert why == [f"; {program} cannot be started: Permission denied [Errno 13]"] * 2


def test_a_program_that_ends_badly_gives_its_last_words(program: Path) -> None:
    program.write_text("#!/bin/sh\necho first\necho 'lib.so: cannot open' >&2\nexit 127\n")
    program.chmod(0o755)
    why: list[str] = []
    assert uv.version_of(program, why) is None
    assert why == [f"; {program}: uv ended with 127: lib.so: cannot open"]


@pytest.mark.parametrize("given", [True, False])
def test_a_uv_that_may_not_run_is_told_as_that(program: Path, given: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("HOME", "/nowhere")
    home, why = Home(program.parent), list[str]()
    if given:
        with pytest.raises(Trouble) as caught:
            uv.find_uv(home, str(program), why)
        trouble = caught.value
    else:
        assert uv.find_uv(home, None, why) is None
        trouble = uv.no_uv(why)
    found = modules.explain({"failed": True, "code": trouble.code, "msg": trouble.message})
    assert (trouble.code, found.code) == ("UV_MISSING", "BLOCKED_BY_RIGHTS")
    assert f"{program} cannot be started" in found.cause
