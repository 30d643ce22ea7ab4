"""Saved evidence: what a technician may send in, whole, broken or foreign."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import facts
from ansible_collections.gpuready.lab.plugins.plugin_utils.evidence import files as evidence

TEXT = (Path(__file__).resolve().parents[2] / "data/evidence_windows.json").read_text(encoding="utf-8")
SAMPLE = json.loads(TEXT)
EVIDENCE = SAMPLE["gpuready_evidence"]


@pytest.mark.parametrize(
    "data",
    [
        TEXT,
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        TEXT.replace("\n", "\r\n").encode("utf-16"),
        "\ufeff" + TEXT,
        f"\n\n{TEXT}\n\n",
        json.dumps({"ansible_facts": {"gpuready_evidence": EVIDENCE}, "changed": False, "host": "pc07"}),
    ],
)
def test_every_way_to_save_it(data: str | bytes) -> None:
    assert evidence.load(data) == ("pc07", EVIDENCE)


def test_without_a_host() -> None:
    assert evidence.load(json.dumps(EVIDENCE)) == (None, EVIDENCE)
    printed = "pc07 | SUCCESS => " + json.dumps({"ansible_facts": {"gpuready_evidence": EVIDENCE}}, indent=4)
    assert evidence.load(printed) == (None, EVIDENCE)


def changed(**changes: Any) -> str:
    return json.dumps({"host": "pc07", "gpuready_evidence": {**EVIDENCE, **changes}})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "the file is empty"),
        (b"", "the file is empty"),
        (b"\xff\xfe", "the file is empty"),
        ("  \n", "the file is empty"),
        ("hello", "not JSON (line 1"),
        ("{'host': 1}", "not JSON (line 1"),
        ("<html></html>", "not JSON"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "not a text file"),
        (b"PK\x03\x04\xff\xff", "not a text file"),
        (TEXT[: len(TEXT) // 2], "the file ends too early"),
        (TEXT.rstrip()[:-1], "the file ends too early"),
        ('{"host": "pc', "the file ends too early"),
        ("[]", "holds a list, not an object"),
        ("null", "holds nothing, not an object"),
        ("3", "holds a number, not an object"),
        ('"text"', "holds a text, not an object"),
        ("{}", "another program's JSON (it has nothing)"),
        ('{"name": "x", "version": 1}', "another program's JSON (it has name, version)"),
        ('{"run": {}, "hosts": [], "summary": {}}', "a report or record of gpuready"),
        ('{"host": "pc07", "facts": {}, "troubles": []}', "a report or record of gpuready"),
        ('{"host": 5, "gpuready_evidence": {}}', '"host" is not a name'),
        ('{"gpuready_evidence": []}', "is a list, not an object"),
        ('{"gpuready_evidence": null}', "is nothing, not an object"),
        (changed(schema_version=2), "schema_version 2 is newer than 1"),
        (changed(schema_version=0), "schema_version is 0: expected 1"),
        (changed(schema_version="1"), "schema_version is 1: expected 1"),
        (changed(schema_version=True), "schema_version is true: expected 1"),
        (changed(schema_version=None), "schema_version is null: expected 1"),
        (changed(platform="macos"), "platform is macos: expected one of windows, linux"),
        (changed(platform=None), "platform is null"),
        (changed(platform={"a": 1}), 'platform is {"a": 1}'),
        (changed(platform="a\nb\x1b[31m" + "x" * 99), "platform is a?b?[31mxxx"),
        (changed(pieces=[]), '"pieces" is a list, not an object'),
        (changed(pieces=None), '"pieces" is nothing, not an object'),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"schema_version": ' + "9" * 5000 + ', "platform": "windows", "pieces": {}}', "numbers without end"),
    ],
)
def test_what_is_no_evidence_gets_one_clear_line(data: str | bytes, words: str) -> None:
    with pytest.raises(evidence.EvidenceError) as caught:
        evidence.load(data)
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert message.isprintable()
    assert len(message) < 200


def test_a_file_that_was_cut_off_anywhere_is_said_to_be() -> None:
    compact = json.dumps(SAMPLE)
    for text in (TEXT, compact):
        for length in range(1, len(text.rstrip()) - 1, 5):
            with pytest.raises(evidence.EvidenceError, match="the file ends too early"):
                evidence.load(text[:length])


def interpreted(given: dict[str, Any]) -> dict[str, Any]:
    """The facts as a record has them."""
    return facts.interpret(given).as_dict()


def test_interpretation_goes_by_the_platform() -> None:
    assert interpreted(EVIDENCE)["os"]["family"] == "windows"
    assert interpreted({"schema_version": 1, "platform": "linux", "pieces": {}})["os"]["family"] == "linux"


# --- evidence of any shape ---

NUMBER, TRUTH, NULL = int, bool, type(None)
ADAPTER = {
    "index": (NUMBER,), "id": (str, NULL), "vendor": (str,), "vendor_id": (str, NULL), "device_id": (str, NULL),
    "name": (str,), "memory_bytes": (NUMBER, NULL), "driver": (dict,), "status": (str,),
    "problem_code": (NUMBER, NULL), "integrated": (TRUTH, NULL), "compute_capability": (str, NULL),
    "driver_model": (str, NULL), "cuda_version": (str, NULL), "uuid": (str, NULL), "busy": (dict, NULL),
}  # fmt: skip
STATUSES = ("ok", "restart_needed", "disabled", "no_driver", "failing", "absent", "unknown")
FACTS: dict[str, Any] = {
    "collected_at": (str, NULL), "os": (dict,), "machine": (dict,), "disk": (dict, NULL), "adapters": (list, NULL),
    "ignored_adapters": (list,), "wsl": (dict, NULL), "dxg": (TRUTH, NULL), "features": (dict, NULL),
    "vc_runtime": (dict, NULL), "pending_reboot": (dict, NULL), "users": (list, NULL), "uv": (dict, NULL),
    "interpreters": (list,), "environments": (list,), "last_pass": (dict, NULL), "passes": (list,), "failures": (list,),
    "problems": (list,),
}  # fmt: skip
OS = {
    "family": (str,), "name": (str, NULL), "version": (str, NULL), "build": (NUMBER, NULL), "kind": (str, NULL),
    "architecture": (str, NULL), "language": (str, NULL), "boot_time": (str, NULL), "wsl": (TRUTH, NULL),
}  # fmt: skip
MACHINE = {
    "manufacturer": (str, NULL), "model": (str, NULL), "memory_bytes": (NUMBER, NULL), "processor": (str, NULL),
    "logical_processors": (NUMBER, NULL), "virtualization": (TRUTH, NULL), "hypervisor": (TRUTH, NULL),
}  # fmt: skip
WSL = {
    "installed": (TRUTH, NULL), "version": (str, NULL), "kernel": (str, NULL), "default_version": (NUMBER, NULL),
    "policy_allows": (TRUTH, NULL), "local_system": (TRUTH, NULL), "distributions": (list, NULL), "error": (dict, NULL),
}  # fmt: skip


def conforms(value: dict[str, Any], shape: dict[str, tuple[type, ...]]) -> None:
    assert set(shape) <= set(value)
    for name, kinds in shape.items():
        assert type(value[name]) in kinds, (name, value[name])


def valid(facts: dict[str, Any]) -> None:
    """The facts are as docs/records.md says, and can be written as JSON in UTF-8."""
    json.dumps(facts, allow_nan=False, ensure_ascii=False).encode()
    conforms(facts, FACTS)
    conforms(facts["os"], OS)
    conforms(facts["machine"], MACHINE)
    if facts["wsl"] is not None:
        conforms(facts["wsl"], WSL)
    for position, adapter in enumerate(facts["adapters"] or ()):
        conforms(adapter, ADAPTER)
        assert adapter["index"] == position
        assert adapter["status"] in STATUSES
        assert adapter["vendor"] in ("amd", "intel", "nvidia", "other")
    for problem in facts["problems"]:
        conforms(problem, {"piece": (str,), "code": (str,), "message": (str,)})


SMI = """<?xml version="1.0"?><nvidia_smi_log><driver_version>576.52</driver_version><cuda_version>12.9</cuda_version>
<attached_gpus>1</attached_gpus><gpu id="00000000:01:00.0"><product_name>NVIDIA GeForce RTX 4090</product_name>
<uuid>GPU-1</uuid>
<pci><pci_bus_id>00000000:01:00.0</pci_bus_id><pci_device_id>0x268410DE</pci_device_id></pci></gpu></nvidia_smi_log>"""
PIECES = copy.deepcopy(EVIDENCE)
PIECES["pieces"]["nvidia_smi"]["value"] = {
    "path": "x",
    "rc": 0,
    "stdout": SMI,
    "stderr": "",
    "timed_out": False,
    "seconds": 1,
}


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from paths(inner, (*at, name))


NONSENSE: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**64, -(2**63), 10**30, 1.5, float("nan"), float("inf"), "", " ", "x",
    "\ud800", "\0", "0", "-5", "ÄÖ", "a" * 5000, "hex:00,01", "hex:", "dword:ffffffff",
    "{4d36e968-e325-11ce-bfc1-08002be10318}\\0001", "PCI\\VEN_10DE&DEV_2684", "PCI\\", "\\", "{}", "[]",
    '{"complete": true}', '{"environment": []}', "[" * 5000, '{"fingerprint": {"a": NaN}, "verdict": {}}',
    '{"fingerprint": {"\\ud800": 1e999}, "verdict": {}}',
    '{"fingerprint": {"\\ud800": "\\ud800"}, "verdict": {}, "at": 5}', "10.0", "1.2.3.4.5",
    "99999.99999.99999.99999", [], {}, [None], [[]], [{}], [{"a": 1}], ["x"], {"a": {}}, {"value": 1}, [1, 2, 3, 4],
    [256, -1], [True],
]  # fmt: skip


def put(root: Any, path: tuple[Any, ...], value: Any) -> None:
    for name in path[:-1]:
        root = root[name]
    root[path[-1]] = value


def test_every_place_with_nonsense() -> None:
    generator = random.Random(20261123)
    for path in paths(PIECES["pieces"]):
        for nonsense in generator.sample(NONSENSE, 12):
            mutated = copy.deepcopy(PIECES)
            put(mutated["pieces"], path, nonsense)
            try:
                valid(interpreted(mutated))
            except Exception as error:
                raise AssertionError(f"{path} = {nonsense!r}"[:300]) from error


def test_many_places_at_once() -> None:
    generator = random.Random(20261123)
    everywhere = list(paths(PIECES["pieces"]))
    for number in range(600):
        mutated = copy.deepcopy(PIECES)
        for path in generator.sample(everywhere, generator.randint(2, 30)):
            try:
                put(mutated["pieces"], path, generator.choice(NONSENSE))
            except (KeyError, IndexError, TypeError):
                continue  # what it stood in is gone
        try:
            valid(interpreted(mutated))
        except Exception as error:
            raise AssertionError(f"round {number}") from error


@pytest.mark.parametrize("piece", sorted(EVIDENCE["pieces"]))
@pytest.mark.parametrize("nonsense", [5, "text", [5], True])
def test_a_piece_of_the_wrong_shape_is_a_problem(piece: str, nonsense: Any) -> None:
    mutated = copy.deepcopy(EVIDENCE)
    mutated["pieces"][piece]["value"] = nonsense
    assert ("PIECE_MALFORMED", piece) in [(p["code"], p["piece"]) for p in interpreted(mutated)["problems"]]
    mutated["pieces"][piece] = nonsense
    assert ("PIECE_MALFORMED", piece) in [(p["code"], p["piece"]) for p in interpreted(mutated)["problems"]]


def test_what_is_saved_can_be_read_again() -> None:
    text = evidence.dump("pc-ä", EVIDENCE)
    assert evidence.load(text.encode()) == ("pc-ä", EVIDENCE)


@pytest.mark.parametrize(
    ("host", "name"), [("pc07.lab", "pc07.lab.json"), ("../../etc/x", ".._.._etc_x.json"), ("", "pc.json")]
)
def test_a_file_has_the_name_of_its_pc(host: str, name: str) -> None:
    assert evidence.name_of(host) == name
