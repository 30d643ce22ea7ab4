"""Facts as a model: what the interpreters build comes back whole from a record, and a record may hold anything."""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import facts
from ansible_collections.gpuready.lab.plugins.plugin_utils.facts import linux, model, windows
from ansible_collections.gpuready.lab.plugins.plugin_utils.facts.model import Adapter, Disk, Driver, Environment, Facts
from linux_facts_help import evidence as linux_evidence
from linux_facts_help import gpu, program, smi
from windows_facts_help import evidence as windows_evidence

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "collections/ansible_collections/gpuready/lab/schemas/report.schema.json").read_text())
GUEST: dict[str, Any] = {
    "wsl": {"kernel_says_microsoft": True, "interop": True, "distribution": "Ubuntu"},
    "dxg": {"device": True, "libraries": None},
}
PASS = {
    "fingerprint": {"driver": "1", "nested": [1.5, None]},
    "verdict": {"state": "READY"},
    "at": "2026-11-23T08:00:00Z",
}
FILE = {"name": "cuda.json", "text": json.dumps(PASS)}


def built() -> list[Facts]:
    """PCs of every kind."""
    return [
        windows.interpret(windows_evidence({"last_pass": [FILE]})),
        windows.interpret({"pieces": {}}),
        linux.interpret(linux_evidence(nvidia_smi=program(smi(gpu("01:00.0"), gpu("02:00.0"))), last_pass=[FILE])),
        linux.interpret(linux_evidence(**GUEST)),
        linux.interpret({}),
    ]


@pytest.mark.parametrize("number", range(5))
def test_facts_come_back_from_a_record_as_they_were_built(number: int) -> None:
    facts = built()[number]
    assert Facts.of(json.loads(json.dumps(facts.as_dict()))) == facts


@pytest.mark.parametrize("number", range(5))
def test_facts_are_as_the_schema_says(number: int) -> None:
    facts = built()[number].as_dict()
    schema = {**SCHEMA["$defs"]["facts"], "$defs": SCHEMA["$defs"]}
    assert [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(facts)] == []


def test_every_key_of_the_model_is_documented() -> None:
    told = re.search(r"^## facts\n(.*?)(?=^## )", (ROOT / "docs/records.md").read_text(), re.MULTILINE | re.DOTALL)
    assert told
    classes = [one for one in vars(model).values() if isinstance(one, type) and is_dataclass(one)]
    assert len(classes) > 15
    for one in classes:
        for field in fields(one):
            assert re.search(rf"\b{field.name}\b", told[1]), (one.__name__, field.name)


def test_the_last_pass_is_the_latest() -> None:
    older = {**PASS, "at": "2026-01-01T00:00:00Z"}
    rows = [{"name": "cpu.json", "text": json.dumps(older)}, FILE]
    for found in (
        windows.interpret(windows_evidence({"last_pass": rows})),
        linux.interpret(linux_evidence(last_pass=rows)),
    ):
        assert found.as_dict()["passes"] == [PASS, older]
        assert found.as_dict()["last_pass"] == PASS
    assert Facts().as_dict()["last_pass"] is None


def test_a_training_that_failed_is_no_pass() -> None:
    failed = {**PASS, "verdict": {"state": "NOT_READY", "code": "NOT_FINITE"}}
    rows = [FILE, {"name": "cpu.json", "text": json.dumps(failed)}]
    for found in (
        windows.interpret(windows_evidence({"last_pass": rows})),
        linux.interpret(linux_evidence(last_pass=rows)),
    ):
        assert (found.as_dict()["passes"], found.as_dict()["failures"]) == ([PASS], [failed])


@pytest.mark.parametrize("nothing", [None, [], "x", 5, {}, {"os": []}, {"adapters": {}, "disk": 7, "problems": "x"}])
def test_no_facts_are_facts_without_a_word(nothing: Any) -> None:
    assert Facts.of(nothing) == Facts()


def test_what_is_of_another_kind_is_not_known() -> None:
    facts = Facts.of(
        {
            "os": {"family": 5, "build": "22631", "wsl": "yes", "distribution": ["debian"]},
            "machine": {"memory_bytes": -1, "virtualization": 1},
            "disk": {"free_bytes": float("nan"), "path": "  C:\\ \n D  "},
            "adapters": [None, {"vendor": "matrox", "status": ["ok"], "driver": "580", "memory_bytes": True}],
            "environments": [{"stack": "cuda", "state": "new"}, "x"],
            "pending_reboot": {"pending": None, "reasons": ["a", 5, ""]},
            "users": [{"name": "lab", "session": 2}, {"name": "lab", "session": "pts/0"}],
            "passes": [{"fingerprint": None}],
        }
    )
    assert (facts.os.family, facts.os.build, facts.os.wsl, facts.os.distribution) == (None, 22631, None, None)
    assert (facts.machine.memory_bytes, facts.machine.virtualization) == (None, None)
    assert facts.disk == Disk(path="C:\\ D")
    assert facts.adapters == (adapter(index=1, vendor="other", status="unknown", name="a GPU without a name"),)
    assert facts.environments == (Environment("cuda", None, None, None, "building"),)
    assert facts.pending_reboot == model.PendingReboot(None, ("a",))
    assert [user.session for user in facts.users or ()] == [2, "pts/0"]
    assert facts.passes == (model.Pass({}, {}, None),)


def adapter(**given: Any) -> Adapter:
    plain = Adapter(0, None, "other", None, None, "GPU", None, Driver(), "ok")
    return replace(plain, **given)


def test_only_adapters_that_are_there_may_be_chosen() -> None:
    there, gone, nameless = adapter(), adapter(index=1, status="absent"), adapter(index=2, id=model.DXG)
    assert Facts().gpus is None
    assert Facts(adapters=(there, gone)).gpus == (there,)
    guest = Facts(os=model.System(wsl=True), adapters=(there, nameless))
    assert (guest.gpus, guest.passed_on) == ((there,), nameless)
    host = Facts(adapters=(there, nameless))
    assert (host.gpus, host.passed_on) == ((there, nameless), None)


@pytest.mark.parametrize(
    ("vendor", "version", "vendor_version", "linux", "number"),
    [
        ("nvidia", "32.0.15.7652", None, False, "576.52"),
        ("nvidia", "576.52", None, False, "576.52"),
        ("nvidia", "580.65.06", None, False, "580.65.06"),
        ("nvidia", "10.0.1", None, False, None),
        ("nvidia", "32.0.15.7652", "577.00", False, "577.00"),
        ("nvidia", "580.65.06", None, True, "580.65.06"),
        ("amd", "32.0.11021.1011", None, False, None),
        ("amd", "32.0.11021.1011", "24.6.1", False, "24.6.1"),
        ("amd", "6.8.5", None, True, "6.8.5"),
        ("intel", "31.0.101.5590", "101.5590", False, "31.0.101.5590"),
    ],
)
def test_the_number_of_a_driver_is_that_of_the_minimums(
    vendor: Any, version: str, vendor_version: str | None, linux: bool, number: str | None
) -> None:
    one = adapter(vendor=vendor, driver=Driver(version=version, vendor_version=vendor_version))
    assert one.driver_number(linux) == number


@pytest.mark.parametrize(
    ("marker", "simulated"),
    [
        ({"value": None}, False),
        ({"value": None, "error": None}, False),
        ({"value": {"simulated": True, "by": "simlab"}}, True),
        ({"value": {"simulated": "yes"}}, None),
        ({"value": {}}, None),
        ({"value": []}, None),
        ({"value": None, "error": {"code": "ACCESS_DENIED", "message": "m"}}, None),
        ({"value": {"simulated": True}, "error": {"code": "X", "message": "m"}}, None),
        ({}, None),
        ("garbage", None),
    ],
)
def test_a_marker_that_cannot_be_read_is_not_that_of_a_real_pc(marker: Any, simulated: Any) -> None:
    assert facts.simulated({"pieces": {"marker": marker}}) is simulated


def test_evidence_without_a_marker_does_not_say_that_the_pc_is_real() -> None:
    assert facts.simulated({}) is None
    assert facts.simulated({"pieces": []}) is None
