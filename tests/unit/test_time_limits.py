"""Every task that works on a PC, or on what a PC said, ends by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "playbooks").rglob("*.yml"), *(ROOT / "roles").glob("*/tasks/*.yml")])


def tasks(node: Any) -> Iterator[dict[str, Any]]:
    for one in node if isinstance(node, list) else []:
        if isinstance(one, dict):
            yield one
            for part in ("tasks", "block", "rescue", "always", "pre_tasks", "post_tasks", "handlers"):
                yield from tasks(one.get(part))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_task_of_ours_has_a_time_limit(file: Path) -> None:
    ours = [
        one for one in tasks(yaml.safe_load(file.read_text())) if any(key.startswith("gpuready.lab.") for key in one)
    ]
    assert [one["name"] for one in ours if not one.get("timeout")] == []


def test_there_are_such_tasks() -> None:
    assert sum(file.read_text().count("timeout:") for file in FILES) >= 15
