"""Windows releases and Pythons without security updates: by release and edition, and nothing of what is not known."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import html as report_html
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import text as report_text
from ansible_collections.gpuready.lab.plugins.plugin_utils.report.support import ended
from documents import HOSTILE, document, named
from records import good

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "collections/ansible_collections/gpuready/lab/schemas/report.schema.json").read_text())
TODAY = date(2026, 11, 27)


def pc(name: str = "pc1", build: Any = 26200, system: Any = "Microsoft Windows 11 Pro", **more: Any) -> dict[str, Any]:
    record = named(name, good())
    record["facts"]["os"] |= {"family": "windows", "kind": "workstation", "build": build, "name": system, **more}
    record["plan"]["environment"]["python"] = "3.12"
    return record


@pytest.mark.parametrize(
    ("build", "name", "kind", "what"),
    [
        (22631, "Microsoft Windows 11 Pro", "workstation", "Windows 11 23H2 (Home and Pro) has had no security"),
        (22631, "Microsoft Windows 11 Famille", "workstation", "(Home and Pro) has had no security updates since 2025"),
        (22631, "Microsoft Windows 11 Pro Education", "workstation", "(Home and Pro) has had"),
        (22631, "Microsoft Windows 11 Education", "workstation", "has had no security updates since 2026-11-10. Bring"),
        (26100, "Microsoft Windows 11 Enterprise", "workstation", None),
        (26100, "Microsoft Windows 11 Pro", "workstation", "since 2026-10-13"),
        (26100, "Microsoft Windows 11 ???", "workstation", None),
        (22631, "Microsoft Windows 11 ???", "workstation", "Windows 11 23H2 has had no security updates since 2026-11"),
        (26100, "Microsoft Windows 11 Enterprise LTSC", "workstation", None),
        (19044, "Microsoft Windows 10 Enterprise LTSC", "workstation", "have no security updates after 2027-01-12"),
        (19044, "Microsoft Windows 10 IoT Enterprise LTSC", "workstation", None),
        (19045, "Microsoft Windows 10 Pro", "workstation", "or have Extended Security Updates"),
        (19045, "Microsoft Windows 10 Enterprise LTSC", "workstation", None),
        (26100, "Microsoft Windows Server 2025 Standard", "server", None),
        (14393, "Microsoft Windows Server 2016 Standard", "server", "will have no security updates after 2027-01-12"),
        (99999, "Microsoft Windows 12 Pro", "workstation", None),
        (None, None, None, None),
        ("22631", "Microsoft Windows 11 Pro", "workstation", None),
    ],
)
def test_a_release_by_its_edition(build: Any, name: Any, kind: Any, what: str | None) -> None:
    found = ended([pc(build=build, system=name, kind=kind)], TODAY)
    assert [what in one["words"] for one in found] == ([True] if what else [])


def test_the_python_of_the_stack_and_the_day() -> None:
    record = pc()
    record["plan"]["environment"]["python"] = "3.10"
    (one,) = ended([record], date(2026, 11, 27))
    assert (one["until"], "has had no security updates since 2026-10-31" in one["words"]) == ("2026-10-31", True)
    (one,) = ended([record], date(2026, 10, 31))
    assert "will have no security updates after 2026-10-31" in one["words"], "the last day is one with updates"
    assert ended([record], date(2026, 1, 1)) == []
    del record["plan"]
    assert ended([record], TODAY) == []


def test_the_report_tells_each_once() -> None:
    found = document([pc("pc1", 19045), pc("pc2", 19045), pc("pc3")])
    jsonschema.validate(found, SCHEMA)
    (one,) = found["out_of_support"]
    assert (one["what"], one["count"], one["pcs"]) == ("Windows 10 22H2 (Home and Pro)", 2, "pc1, pc2")
    assert "- **pc1, pc2** (2): Windows 10 22H2 (Home and Pro) has had" in report_text.markdown(found)
    assert "<p><b>2 PCs</b> <bdi>pc1, pc2</bdi></p><p><bdi>Windows 10 22H2 (Home" in report_html.page(found)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_pc_says_is_nothing_but_words(text: str) -> None:
    assert ended([pc(build=19045, system=text)], TODAY)[0]["what"].startswith("Windows 10 22H2")
