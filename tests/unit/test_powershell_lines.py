"""Lines of the PowerShell that travels to PCs can be read at one glance; ruff says the same of Python."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LENGTH = 139
FILES = sorted(
    file
    for folder in ("collections", "scripts")
    for file in (ROOT / folder).rglob("*")
    if file.suffix in (".ps1", ".psm1") and not file.is_symlink()
)


def test_all_of_them_are_looked_at() -> None:
    assert {"gpu_facts.ps1", "Archives.psm1", "enable-remoting.ps1"} <= {file.name for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_line_is_longer_than_allowed(file: Path) -> None:
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    assert [f"line {number}: {len(line)}" for number, line in enumerate(lines, 1) if len(line) > LENGTH] == []
