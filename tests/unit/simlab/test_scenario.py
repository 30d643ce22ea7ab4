"""The YAML of a simulated lab: what is refused and how, and what the PCs of the lab that ships are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpuready.lab.plugins.plugin_utils.facts import windows as windows_facts

from gpuready.errors import GpureadyError
from gpuready.simlab import SimulatedLab, models, scenario, schema
from gpuready.simlab.pc import SimulatedPc

ROOT = Path(__file__).resolve().parents[3]
LAB = ROOT / "inventories/simulated/lab.yml"


def evidence(pc: SimulatedPc, **arguments: Any) -> dict[str, Any]:
    """What gpu_facts gives for a PC."""
    model = models.MODELS["gpuready.lab.gpu_facts"]
    return model(models.Task(pc, arguments, False, None))["ansible_facts"]["gpuready_evidence"]  # type: ignore[arg-type]


def facts_of(document: dict[str, Any]) -> dict[str, Any]:
    """The facts of a lab of one PC."""
    lab = scenario.parse({"pcs": [{"name": "pc", **document}]})
    return windows_facts.interpret(evidence(SimulatedPc(lab.pcs[0], lab.user, lab.password))).as_dict()


@pytest.fixture(scope="module")
def lab() -> dict[str, dict[str, Any]]:
    found = scenario.load(LAB)
    return {
        pc.name: windows_facts.interpret(evidence(SimulatedPc(pc, found.user, found.password))).as_dict()
        for pc in found.pcs
    }


# --- what is refused ---
NVIDIA = {"name": "A", "vendor": "nvidia", "device": "2204", "driver": {"version": "32.0.15.7652"}}


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"pcs": [{"name": "a", "colour": "red"}]}, "pcs[a].colour"),
        ({"pcs": [{"name": "a", "gpus": [{**NVIDIA, "vendor": "matrox"}]}]}, "pcs[a].gpus.0.vendor"),
        ({"pcs": [{"name": "a", "gpus": [{**NVIDIA, "device": "22"}]}]}, "pcs[a].gpus.0.device"),
        ({"pcs": [{"name": "a", "faults": [{"kind": "explodes"}]}]}, "pcs[a].faults.0.kind"),
        ({"pcs": [{"name": "a", "faults": [{"kind": "cut", "times": 0}]}]}, "pcs[a].faults.0.times"),
        ({"pcs": [{"name": "a", "faults": [{"kind": "cut", "on": "gpu_fact"}]}]}, "`on` gpu_fact is none of gpu_facts"),
        ({"pcs": [{"name": "a", "faults": [{"kind": "program_hangs", "on": "gpu_facts"}]}]}, "needs `on`"),
        ({"pcs": [{"name": "a", "address": "192.0.2.1"}]}, "pcs[a].address"),
        ({"pcs": [{"name": "a", "training": {"outcome": "fine"}}]}, "pcs[a].training.outcome"),
        ({"pcs": [{"name": "a"}, {"name": "A"}]}, "two PCs have the name a"),
        ({"pcs": [{"name": "a", "address": "127.0.1.1"}, {"name": "b", "address": "127.0.1.1"}]}, "address 127.0.1.1"),
        ({"pcs": [{"address": "127.0.1.1"}]}, "pcs[0].name"),
        ({"pcs": [7]}, "pcs[0]"),
        ({"pcs": []}, "pcs"),
        ({}, "pcs"),
        ([], "pcs"),
        (None, "pcs"),
        ({"pcs": [{"name": "a"}], "schema_version": 2}, "schema_version"),
        ({"pcs": [{"name": "a"}], "defaults": []}, "defaults"),
    ],
)
def test_a_mistake_is_one_line_with_file_and_place(tmp_path: Path, document: object, says: str) -> None:
    file = tmp_path / "lab.yml"
    file.write_text(yaml.safe_dump(document))
    with pytest.raises(GpureadyError) as caught:
        scenario.load(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert says in message
    assert "\n" not in message


def test_no_file_no_yaml_no_text(tmp_path: Path) -> None:
    with pytest.raises(GpureadyError, match="cannot be read: No such file"):
        scenario.load(tmp_path / "gone.yml")
    (tmp_path / "a.yml").write_text("pcs:\n  - name: a\n   faults: [\n")
    with pytest.raises(GpureadyError, match=r"a\.yml:3: this is not YAML"):
        scenario.load(tmp_path / "a.yml")
    (tmp_path / "b.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GpureadyError, match="not a text file"):
        scenario.load(tmp_path / "b.yml")


def test_on_and_off_are_words(tmp_path: Path) -> None:
    file = tmp_path / "lab.yml"
    file.write_text(
        "pcs:\n  - name: a\n    faults: [{kind: off}, {kind: cut, on: gpu_facts}]\n    connection: {tls: true}\n"
    )
    found = scenario.load(file).pcs[0]
    assert [(fault.kind, fault.on) for fault in found.faults] == [("off", None), ("cut", "gpu_facts")]
    assert found.connection.tls is True


def test_defaults_lie_below_each_pc() -> None:
    found = scenario.parse(
        {
            "defaults": {"os": {"language": "de-DE", "build": 19045}, "users": ["a"]},
            "pcs": [{"name": "x", "os": {"build": 26100}}],
        }
    ).pcs[0]
    assert (found.os.language, found.os.build, found.users) == ("de-DE", 26100, ["a"])


def test_faults_can_strike_every_module_that_is_modelled() -> None:
    assert {name.rsplit(".", 1)[1] for name in models.MODELS} <= set(schema.STRUCK)


# --- addresses and inventory ---
def test_addresses_are_given_out_from_the_base_on() -> None:
    pcs: list[dict[str, Any]] = [{"name": f"pc{n}"} for n in range(300)]
    pcs[2]["address"] = "127.0.1.2"
    lab = SimulatedLab(scenario.parse({"pcs": pcs}), base_address="127.0.1.1")
    addresses = [lab.address(pc) for pc in lab.scenario.pcs]
    assert addresses[:4] == ["127.0.1.1", "127.0.1.3", "127.0.1.2", "127.0.1.4"]
    assert len(set(addresses)) == 300
    assert not [address for address in addresses if address.endswith((".0", ".255"))]
    for base in ("10.0.0.1", "here"):
        with pytest.raises(GpureadyError, match=base):
            SimulatedLab(scenario.parse({"pcs": [{"name": "a"}]}), base_address=base)


def test_the_inventory_that_ships_is_that_of_the_lab() -> None:
    made = SimulatedLab(scenario.load(LAB)).inventory()["all"]["children"]["simulated"]
    shipped = yaml.safe_load((ROOT / "inventories/simulated/hosts.yml").read_text())["all"]["children"]["simulated"]
    common = yaml.safe_load((ROOT / "inventories/simulated/group_vars/simulated.yml").read_text())
    assert list(shipped["hosts"]) == list(made["hosts"])
    for name, variables in made["hosts"].items():
        assert {"ansible_port": common["ansible_port"], **shipped["hosts"][name]} == variables
    assert common == {**made["vars"], "ansible_port": 15985}
    assert common["gpuready_simulated"] is True


# --- the lab that ships ---
def adapter(facts: dict[str, Any], index: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = facts["adapters"][index]
    return found


def test_every_pc_says_that_it_is_simulated_and_nothing_is_unclear(lab: dict[str, dict[str, Any]]) -> None:
    document = scenario.load(LAB)
    for pc in document.pcs:
        marker = evidence(SimulatedPc(pc, "u", "p"))["pieces"]["marker"]
        assert marker == {"value": {"simulated": True, "by": "simlab"}, "error": None}
    assert {name for name, facts in lab.items() if facts["problems"]} == {"code43"}


def test_the_pcs_are_what_they_are_meant_to_be(lab: dict[str, dict[str, Any]]) -> None:
    gpu = adapter(lab["rtx4090"])
    assert (gpu["memory_bytes"], gpu["driver"]["vendor_version"], gpu["cuda_version"]) == (
        25757220864,
        "580.97",
        "13.0",
    )
    assert gpu["busy"] == {"utilization_percent": 3, "memory_used_bytes": 943718400}
    assert (lab["rtx4090"]["wsl"]["version"], lab["rtx4090"]["wsl"]["kernel"]) == ("2.6.1.0", "6.6.87.2-1")
    assert lab["rtx4090"]["users"] == [{"name": "LAB\\jürgen", "session": 1, "state": None}]
    assert lab["rtx4090"]["os"]["language"] == "de-DE"
    assert [(one["vendor"], one["integrated"]) for one in lab["hybrid"]["adapters"]] == [
        ("nvidia", False),
        ("intel", True),
    ]
    amd = adapter(lab["rx6600xt"])
    assert (len(lab["rx6600xt"]["adapters"]), amd["memory_bytes"], amd["driver"]["vendor_version"]) == (
        1,
        8573157376,
        "22.6.1",
    )
    assert any("GTX 960" in one["name"] for one in lab["rx6600xt"]["ignored_adapters"])
    assert (adapter(lab["hd530"])["driver"]["vendor_version"], lab["hd530"]["os"]["language"]) == ("101.2111", "zh-CN")
    assert adapter(lab["arc-b580"])["memory_bytes"] == 12733906944
    first, second = lab["twins"]["adapters"]
    assert first["name"] == second["name"]
    assert len({first["id"], second["id"]}) == len({first["uuid"], second["uuid"]}) == 2
    assert (first["busy"]["utilization_percent"], second["busy"]["utilization_percent"]) == (2, 97)
    assert (adapter(lab["basic-driver"])["status"], adapter(lab["basic-driver"])["driver"]["basic"]) == (
        "no_driver",
        True,
    )
    assert (adapter(lab["code43"])["status"], adapter(lab["code43"])["problem_code"]) == ("failing", 43)
    assert lab["no-gpu"]["adapters"] == []
    assert (lab["old-windows"]["os"]["build"], lab["old-windows"]["os"]["language"]) == (14393, "ja-JP")
    assert (lab["arm64"]["os"]["architecture"], adapter(lab["arm64"])["vendor"]) == ("arm64", "other")


# --- what else a scenario can say ---
def test_a_device_without_a_driver() -> None:
    found = adapter(
        facts_of(
            {"gpus": [{"name": "x", "vendor": "amd", "device": "747E", "driver": None}], "os": {"language": "de-DE"}}
        )
    )
    assert (found["status"], found["problem_code"], found["vendor"], found["name"]) == (
        "no_driver",
        28,
        "amd",
        "Videocontroller",
    )


@pytest.mark.parametrize(("code", "status"), [(22, "disabled"), (14, "restart_needed"), (31, "failing")])
def test_problem_codes(code: int, status: str) -> None:
    assert adapter(facts_of({"gpus": [{**NVIDIA, "problem_code": code}]}))["status"] == status


def test_nvidia_smi_says_errors_and_tcc() -> None:
    found = facts_of({"gpus": [{**NVIDIA, "says": "err", "driver_model": "TCC", "memory": 25769803776}]})
    assert adapter(found)["driver_model"] == "TCC"
    assert adapter(found)["busy"] is None
    assert {problem["code"] for problem in found["problems"]} == {"NVIDIA_GPU_ERROR"}


def test_wsl_policies_restarts_runtime_and_environments() -> None:
    sha = "a" * 64
    found = facts_of(
        {
            "wsl": {"version": "2.6.1.0", "policies": {"AllowWSL": 0}, "distributions": [{"name": "U"},
            {"name": "Old", "version": 1}], "default": "Old"},
            "pending_reboot": ["cbs", "file_renames", "computer_name"],
            "features": {"VirtualMachinePlatform": "EnablePending"},
            "vc_runtime": None,
            "environments": [{"stack": "torch-directml", "lock_sha256": sha}, {"stack": "cpu", "lock_sha256": sha,
            "state": "building"}],
            "interpreters": [{"path": r"C:\Python312\python.exe", "version": "3.12.4"}],
            "uv": "0.9.2",
        }
    )  # fmt: skip
    assert found["wsl"]["policy_allows"] is False
    assert [(one["name"], one["wsl_version"], one["default"]) for one in found["wsl"]["distributions"]] == [
        ("U", 2, False),
        ("Old", 1, True),
    ]
    assert found["pending_reboot"]["pending"] is True
    assert len(found["pending_reboot"]["reasons"]) == 4
    assert found["features"]["VirtualMachinePlatform"] == "EnablePending"
    assert found["vc_runtime"]["installed"] is False
    assert sorted((one["stack"], one["state"]) for one in found["environments"]) == [
        ("cpu", "building"),
        ("torch-directml", "current"),
    ]
    assert [one["version"] for one in found["interpreters"]] == ["3.12.4"]
    assert found["uv"]["version"] == "0.9.2"


def test_programs_that_hang_or_write_garbage_cost_their_piece_alone() -> None:
    fault = {"kind": "program_hangs", "on": "nvidia-smi.exe", "text": "<?xml"}
    lab = scenario.parse(
        {"pcs": [{"name": "pc", "gpus": [NVIDIA], "wsl": {"version": "2.6.1.0", "answer": "hang"}, "faults": [fault]}]}
    )
    found = evidence(SimulatedPc(lab.pcs[0], "u", "p"), time_limit=7)["pieces"]
    for name in ("nvidia_smi", "wsl_version"):
        assert found[name]["error"]["code"] == "TIME_LIMIT"
        assert (found[name]["value"]["rc"], found[name]["value"]["timed_out"], found[name]["value"]["seconds"]) == (
            None,
            True,
            7.0,
        )
    assert found["nvidia_smi"]["value"]["stdout"] == "<?xml"
    assert sum(piece["error"] is not None for piece in found.values()) == 2


def test_the_evidence_is_json_and_has_the_pieces_of_the_document() -> None:
    lab = scenario.load(LAB)
    found = evidence(SimulatedPc(lab.pcs[0], "u", "p"))
    assert json.loads(json.dumps(found)) == found
    text = (ROOT / "docs/evidence.md").read_text()
    table = text.split("## Windows")[1].split("## Linux")[0]
    named = {line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ") and "---" not in line}
    assert set(found["pieces"]) == named - {"piece"}


def test_a_large_dword_is_negative_as_dotnet_reads_it() -> None:
    pc = scenario.load(LAB).pcs[0]
    row = evidence(SimulatedPc(pc, "u", "p"))["pieces"]["display_class"]["value"][0]
    assert row["HardwareInformation.MemorySize"] == -1048576  # 0xFFF00000, as in the dumps of real PCs
    assert row["HardwareInformation.qwMemorySize"] == 25757220864


def test_arguments_of_a_winlab_machine() -> None:
    pc = scenario.load(LAB).pcs[0]
    found = scenario.winlab_arguments(pc)
    assert set(found) == {"cim", "registry", "features", "programs", "adapter"}
    assert found["adapter"] == "NVIDIA GeForce RTX 4090|10de|2684|25757220864"
    assert r"C:\Windows\System32\nvidia-smi.exe" in found["programs"]
    assert found["registry"][r"HKLM\SOFTWARE\gpuready"] == {"Simulated": "simlab"}
