"""How the modules of src/gpuready stand to each other, to the collection and to the roles."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

from gpuready import events

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
FILES = {
    ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): file
    for file in SOURCE.rglob("*.py")
}


def imported(file: Path) -> set[str]:
    """Whole names of what a file imports, within functions and for the types alone too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{one.name}" for one in node.names}
            found |= names if names <= set(FILES) else {str(node.module), *names}
    return found


def test_no_module_comes_back_to_itself_through_others() -> None:
    # What stands in the package's own __init__ is loaded when it is asked for.
    arrows = {name: imported(file) & set(FILES) - {name} for name, file in FILES.items() if name != "gpuready"}
    assert len(arrows["gpuready.commands"]) > 5
    TopologicalSorter(arrows).prepare()  # raises CycleError, which names the circle


def test_the_collection_is_not_imported() -> None:
    assert not [name for name, file in FILES.items() for one in imported(file) if one.startswith("ansible_collections")]


def test_progress_knows_the_roles_and_actions_that_there_are() -> None:
    plugins = ROOT / "collections/ansible_collections/gpuready/lab/plugins/action"
    assert set(events._ROLES) == {path.name for path in (ROOT / "roles").iterdir()}
    assert set(events._ACTIONS) == {path.stem for path in plugins.glob("*.py")}
