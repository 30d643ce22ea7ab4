"""What a PowerShell module calls of our own is among what it requires: else only the path that calls it would tell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "collections/ansible_collections/gpuready/lab/plugins"
PARTS = {path.stem: path.read_text(encoding="utf-8") for path in (PLUGINS / "module_utils/windows").glob("*.psm1")}
HOME_OF = {name: part for part, text in PARTS.items() for name in re.findall(r"(?m)^function ([\w-]+)", text)}
MODULES = sorted((PLUGINS / "modules").glob("*.ps1"))
# Contents looks for damage where the evidence of environments is asked for, and says so.
ON_REQUEST = {("Contents", "Get-Damage")}
# A look calls of Wsl what looks alone, and nothing that stops.
LOOKS = {"gpu_facts": {("Wsl", "Get-Field"), ("Wsl", "Stop-With")}}


def calls(text: str) -> set[str]:
    code = re.sub(r"(?m)^\s*#.*$", "", text)
    return {name for name in HOME_OF if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", code)}


@pytest.mark.parametrize("path", MODULES, ids=[path.stem for path in MODULES])
def test_what_is_called_is_required(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    required = set(re.findall(r"(?m)^#AnsibleRequires -PowerShell \S*windows\.(\w+)", text))
    callers = {path.name: text} | {part: PARTS[part] for part in required}
    wanted = {(caller, name) for caller, content in callers.items() for name in calls(content)}
    known = ON_REQUEST | LOOKS.get(path.stem, set())
    assert [(caller, name) for caller, name in sorted(wanted - known) if HOME_OF[name] not in required] == []
