"""Cause and next step in the Markdown report are two sentences."""

from __future__ import annotations

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import text as report_text
from documents import document, named
from records import good


@pytest.mark.parametrize(
    ("cause", "step", "shown"),
    [
        ("there is no GPU", "Use another PC", "there is no GPU. Use another PC."),
        ("why?", "Ask!", "why? Ask!"),
        ("it ended.", "", "it ended."),
    ],
)
def test_cause_and_next_step_are_two_sentences(cause: str, step: str, shown: str) -> None:
    record = document([named("pc1", good())])["hosts"][0]
    record["verdict"].update(state="NOT_READY", code="X", cause=cause, next_step=step)
    found = report_text.markdown(document([record]))
    assert f"- **pc1** (1, NOT\\_READY, X): {shown}" in found.splitlines()
