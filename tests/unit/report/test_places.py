"""Room and group of a PC: read from the inventory, shown, filtered, and the room of what needs a hand."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible.errors import AnsibleError
from ansible_collections.gpuready.lab.plugins.plugin_utils import others
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import html as report_html
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import places
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import text as report_text
from documents import HOSTILE, document, named
from records import changed, good

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "collections/ansible_collections/gpuready/lab/schemas/report.schema.json").read_text())


class Filled(dict[str, Any]):
    """The variables of a host, of which one cannot be filled in."""

    def __getitem__(self, name: str) -> Any:
        if super().__getitem__(name) == "{{ broken }}":
            raise AnsibleError("broken is undefined")
        return {"{{ name }}": "Lab 7"}.get(super().__getitem__(name), super().__getitem__(name))


class Hostvars(dict[str, Any]):
    """As Ansible's."""

    def raw_get(self, host: str) -> Mapping[str, Any]:
        return dict(self[host])


def place(**variables: Any) -> dict[str, Any]:
    return places.place(others.Variables({"hostvars": Hostvars(pc1=Filled(variables))}, "pc1").written)


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({}, {}),
        ({"group_names": ["all", "ungrouped"]}, {}),
        ({"room": "Lab 5", "group_names": ["all", "lab_5"]}, {"room": "Lab 5", "groups": ["lab_5"]}),
        ({"room": "Lab 5", "gpuready_room": 6}, {"room": "6", "groups": []}),
        ({"room": "{{ name }}"}, {"room": "Lab 7", "groups": []}),
        ({"gpuready_room": "{{ broken }}", "room": "Lab 5"}, {"room": "Lab 5", "groups": []}),
        ({"room": {"a": 1}, "group_names": 7}, {}),
    ],
)
def test_what_the_inventory_says(variables: dict[str, Any], found: dict[str, Any]) -> None:
    assert place(**variables) == found


def test_a_pc_that_the_inventory_has_not_is_nowhere() -> None:
    assert places.place(others.Variables({}, "pc1").written) == {}


def pc(name: str, room: str, *groups: str, broken: bool = True) -> dict[str, Any]:
    record = changed("training.device.adapter_name", None) if broken else good()
    return {**named(name, record), "place": {"room": room, "groups": ["windows", *groups]}}


LAB = [
    pc("pc1", "Lab 10", "lab_10"),
    pc("pc2", "Lab 9", "lab_9", "new"),
    pc("pc3", "Lab 10", "lab_10"),
    pc("pc4", "", broken=False),
    pc("pc5", "Lab 9", "lab_9", broken=False),
    pc("pc6", ""),
]


def test_what_needs_a_hand_is_told_room_by_room() -> None:
    found = document(LAB)
    jsonschema.validate(found, SCHEMA)
    (cause,) = found["causes"]
    assert [(one["room"], one["pcs"]) for one in cause["rooms"]] == [
        ("Lab 10", "pc1, pc3"),
        ("Lab 9", "pc2"),
        ("", "pc6"),
    ]
    page = report_html.page(found)
    assert "<li><b><bdi>Lab 10</bdi></b> (2): <bdi>pc1, pc3</bdi></li>" in page
    assert "<li><b><bdi>no room</bdi></b> (1): <bdi>pc6</bdi></li>" in page
    rows = re.findall(r'<tr role="row" data-state.*?<bdi>(\w+)</bdi>', page, re.S)
    assert rows == ["pc2", "pc1", "pc3", "pc6", "pc5", "pc4"], "room by room within a state"


def test_rooms_and_the_groups_that_tell_pcs_apart_can_be_chosen() -> None:
    page = report_html.page(document(LAB))
    assert re.findall(r'<option value="((?:room|group)=[^"]*)"', page) == ["room=Lab 9", "room=Lab 10", "group=new"]
    assert 'data-place="room=Lab 9\ngroup=new"' in page
    assert '<th scope="col" role="columnheader" data-sort="place">Room</th>' in page
    alone = report_html.page(document([pc("pc1", ""), pc("pc2", "", "new")]))
    assert '<th scope="col" role="columnheader" data-sort="place">Group</th>' in alone
    nowhere = report_html.page(document([good()]))
    assert 'id="place"' not in nowhere
    assert 'data-sort="place"' not in nowhere


def test_the_other_renderings_have_them() -> None:
    rows = list(csv.DictReader(io.StringIO(report_text.table(document(LAB)))))
    assert [(row["room"], row["groups"]) for row in rows][1] == ("Lab 9", "windows, lab_9, new")
    assert "| pc2 | Lab 9 | " in report_text.markdown(document(LAB))
    assert "room" not in report_text.markdown(document([good()]))


@pytest.mark.parametrize("text", HOSTILE)
def test_what_rooms_are_called_is_nothing_but_words(text: str) -> None:
    ours, calm = (report_html.page(document([pc("pc1", word, word), pc("pc2", "b", "c")])) for word in (text, "calm"))
    assert ours.count("<") == calm.count("<")
    shape = re.compile(r" [a-z-]+=")
    assert len(shape.findall(ours)) >= len(shape.findall(calm))
