"""Stacks at the end of their life: each told once, at the row of its PC, in every rendering that has room for it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import html as report_html
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import text as report_text
from ansible_collections.gpuready.lab.plugins.plugin_utils.report.ends import ends
from documents import HOSTILE, document, named
from records import good

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "collections/ansible_collections/gpuready/lab/schemas/report.schema.json").read_text())


def pc(name: str, stack: str, life: Any, words: str | None = None) -> dict[str, Any]:
    record = named(name, good())
    said = f"{stack} is {life}: no fixes any more; exit: move on" if words is None else words
    record["plan"] |= {"stack": stack, "life": life, "warnings": ["another word", said]}
    return record


LAB = [
    pc("pc1", "cuda", "maintained"),
    pc("pc2", "tensorflow-directml", "discontinued"),
    pc("pc3", "torch-directml", "frozen"),
    pc("pc4", "tensorflow-directml", "discontinued"),
    {key: value for key, value in named("pc5", good()).items() if key != "plan"},
]


def test_each_stack_is_told_once_with_its_pcs_and_what_it_costs() -> None:
    found = document(LAB)
    jsonschema.validate(found, SCHEMA)
    assert [(one["stack"], one["life"], one["count"], one["pcs"]) for one in found["end_of_life"]] == [
        ("tensorflow-directml", "discontinued", 2, "pc2, pc4"),
        ("torch-directml", "frozen", 1, "pc3"),
    ]
    assert found["end_of_life"][0]["words"] == ("tensorflow-directml is discontinued: no fixes any more; exit: move on")
    assert ends([pc("pc1", "x", "frozen", "")])[0]["words"] == "x is frozen", "a plan that says nothing more of it"


def test_the_row_of_a_pc_says_it_and_leads_there() -> None:
    page = report_html.page(document(LAB))
    assert page.count('<a class="tag" href="#end0">discontinued</a>') == 2
    assert page.count('<a class="tag" href="#end1">frozen</a>') == 1
    assert '<li id="end0" tabindex="-1"><p><b>2 PCs</b> <bdi>pc2, pc4</bdi></p>' in page
    assert 'id="end0"' not in report_html.page(document(LAB[:1]))


def test_the_other_renderings_have_it() -> None:
    found = document(LAB)
    rows = {row["host"]: row["life"] for row in csv.DictReader(io.StringIO(report_text.table(found)))}
    assert rows == {"pc1": "", "pc2": "discontinued", "pc3": "frozen", "pc4": "discontinued", "pc5": ""}
    assert "- **pc2, pc4** (2): tensorflow-directml is discontinued: no fixes" in report_text.markdown(found)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_plan_says_is_nothing_but_words(text: str) -> None:
    ours, calm = (report_html.page(document([pc("pc", word, "frozen")])) for word in (text, "calm"))
    assert ours.count("<") == calm.count("<")
