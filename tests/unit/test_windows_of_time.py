"""When something may be done."""

from __future__ import annotations

from datetime import datetime

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.windows_of_time import is_open, parse

MONDAY = "2026-11-23"


@pytest.mark.parametrize(("window", "at", "open_"), [
    ("", "12:00", True),
    ("22:00-06:00", "21:59", False),
    ("22:00-06:00", "22:00", True),
    ("22:00-06:00", "05:59", True),
    ("22:00-06:00", "06:00", False),
    ("08:00-18:00", "18:00", False),
    ("mon 08:00-18:00", "08:00", True),
    ("tue 08:00-18:00", "08:00", False),
    ("Sun 22:00-06:00", "03:00", True),
    ("mon 22:00-06:00", "03:00", False),
    ("tue+mon 22:00-06:00, sat 00:00-23:59", "23:00", True),
])  # fmt: skip
def test_a_window_is_open_or_not(window: str, at: str, open_: bool) -> None:
    assert is_open(window, datetime.fromisoformat(f"{MONDAY} {at}")) is open_


@pytest.mark.parametrize("window", ["night", "22-6", "25:00-06:00", "mo 22:00-06:00", "22:00-06:00;", ","])
def test_what_is_none_is_said_in_a_line(window: str) -> None:
    with pytest.raises(ValueError, match="is no window of time: write it as 22:00-06:00"):
        parse(window)
