"""The rooms of the code: which Python they run on, what they may import, and which way the arrows point."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pythons import PYTHONS

COLLECTIONS = Path(__file__).resolve().parents[2] / "collections"
PLUGINS = COLLECTIONS / "ansible_collections/gpuready/lab/plugins"
# A room imports itself and those before it.
GROUND = ("contract", "reading", "record", "hardware", "installers", "remedies", "stacks", "bundle")
FLOW = ("evidence", "facts", "plan", "driver", "environment", "verdict", "report")
ROOMS = GROUND + FLOW
WITHOUT = {"ansible", "os", "subprocess", "socket", "shutil", "fcntl", "requests", "winrm", "pypsrp"}


def imports(file: Path) -> Iterator[tuple[str, ...]]:
    """Each import as the parts of an absolute name; one of ours begins with the folder under plugins."""
    here = file.relative_to(PLUGINS).with_suffix("").parts
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = tuple((node.module or "").split(".")) if node.module else ()
            base = here[: len(here) - node.level] if node.level else ()
            yield from ((*base, *module, alias.name) for alias in node.names)


def files(folder: str) -> list[Path]:
    file = (PLUGINS / folder).with_suffix(".py")
    return [file] if file.is_file() else sorted((PLUGINS / folder).rglob("*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_of_the_domain_does_no_io_and_knows_nothing_of_ansible(room: str) -> None:
    for file in files(f"plugin_utils/{room}"):
        assert not {name[0] for name in imports(file)} & WITHOUT, file


@pytest.mark.parametrize("room", ROOMS)
def test_no_arrow_runs_up(room: str) -> None:
    allowed = {*GROUND, *FLOW[: FLOW.index(room) + 1]} if room in FLOW else {*GROUND}
    for file in files(f"plugin_utils/{room}"):
        ours = {name[1] for name in imports(file) if name[0] == "plugin_utils"}
        assert ours <= allowed, (file, sorted(ours - allowed))


@pytest.mark.parametrize("folder", ["action", "connection", "filter", "modules", "module_utils", "plugin_utils"])
def test_imports_of_our_own_are_relative(folder: str) -> None:
    for file in files(folder):
        assert not [name for name in imports(file) if name[0] == "ansible_collections"], file


def test_what_travels_imports_nothing_that_stays() -> None:
    for file in [*files("module_utils"), *files("modules")]:
        assert "plugin_utils" not in {name[0] for name in imports(file)}, file


def test_what_travels_can_be_imported_under_python_3_9() -> None:
    if "3.9" not in PYTHONS:
        pytest.skip("no Python 3.9 on this machine")
    names = [
        ".".join(file.relative_to(COLLECTIONS).with_suffix("").parts).removesuffix(".__init__")
        for file in files("module_utils")
    ]
    done = subprocess.run(
        [PYTHONS["3.9"], "-c", f"import importlib\nfor name in {names!r}: importlib.import_module(name)"],
        env={"PYTHONPATH": str(COLLECTIONS), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
