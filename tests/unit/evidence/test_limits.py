"""How much a PC may say: cut to size before anything reads it, and named."""

from __future__ import annotations

import json
import time
from typing import Any

from ansible_collections.gpuready.lab.plugins.plugin_utils import facts, reading
from ansible_collections.gpuready.lab.plugins.plugin_utils.evidence import limits
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import troubles, uv

GPU = {
    "DeviceID": "VideoController1",
    "Name": "AMD Radeon RX 6800",
    "PNPDeviceID": "PCI\\VEN_1002&DEV_73BF\\4&1",
    "ConfigManagerErrorCode": 0,
}


def evidence(**pieces: Any) -> dict[str, Any]:
    found = {name: {"value": value, "error": None} for name, value in pieces.items()}
    return {"schema_version": 1, "platform": "windows", "collected_at": "2026-11-23T08:00:00Z", "pieces": found}


def test_what_is_honest_stays_as_it_is() -> None:
    given = {"a": ["x" * 1000] * 100, "b": {"c": None, "d": 1.5, "e": True}, "f": []}
    assert limits.fit(given) == (given, [])


def test_what_is_too_much_is_cut_and_named() -> None:
    found, cuts = limits.fit({"pieces": {"smi": "x" * 2**20, "rows": [{"n": n} for n in range(30_000)]}})
    assert len(found["pieces"]["smi"]) == limits.TEXT
    assert found["pieces"]["rows"] == [{"n": n} for n in range(limits.ITEMS)]
    assert cuts == [
        f"pieces.smi: {2**20} characters, {limits.TEXT} are read",
        f"pieces.rows: 30000 elements, {limits.ITEMS} are read",
    ]


def test_nothing_adds_up_to_more_than_all_of_it() -> None:
    found, cuts = limits.fit([["y" * limits.TEXT] * limits.ITEMS] * limits.ITEMS)
    assert len(json.dumps(found)) < 2 * limits.TOTAL
    assert len(cuts) == 21
    assert cuts[-1].startswith("and ")


def test_what_has_no_bottom_is_cut() -> None:
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    assert "nested too deeply" in limits.fit(deep)[1][0]
    assert limits.fit({"k" * 10_000: 1})[0] == {"k" * 200: 1}


def test_thirty_thousand_adapters_are_cut_and_said() -> None:
    many = [{**GPU, "PNPDeviceID": f"PCI\\VEN_1002&DEV_73BF\\4&{n}"} for n in range(30_000)]
    start = time.monotonic()
    found = facts.interpret(evidence(video_controllers=many)).as_dict()
    assert time.monotonic() - start < 10
    assert 1 <= len(found["adapters"]) <= limits.ITEMS
    said = [one for one in found["problems"] if one["code"] == "CUT"]
    assert said == [
        {
            "piece": "pieces.video_controllers.value",
            "code": "CUT",
            "message": f"pieces.video_controllers.value: 30000 elements, {limits.ITEMS} are read",
        }
    ]


def test_a_megabyte_of_any_text_takes_no_time() -> None:
    """Each of these took minutes to hours, or would: expressions that search from every place to the end."""
    start = time.monotonic()
    for text in ("password", "x", " ", "\n", "a=", "://", "<gpu>", "Wsl/", "0x8", "token: '", "Because "):
        long = text * (2**20 // len(text))
        assert len(reading.one_line(long)) <= 300
        assert len(troubles.classify(long)["message"]) <= 300
        assert len(uv.explain("packages", long).line) < 2_000
        facts.interpret(evidence(nvidia_smi={"stdout": long}, wsl_version={"stdout": long}))
    assert time.monotonic() - start < 60
