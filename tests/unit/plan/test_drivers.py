"""What the lab's drivers.yml does to a plan: which installer a GPU gets, or why none; no plan promises too much."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from adapters_help import controller, look
from ansible_collections.gpuready.lab.plugins.plugin_utils.facts.model import Facts, at_least
from ansible_collections.gpuready.lab.plugins.plugin_utils.installers import model
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan import choosing, drivers
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan.wishes import Wishes
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import files as stackfiles
from installers_help import entry, file_of
from plans import GIVEN

DATA = Path(__file__).parents[2] / "data"
PCS = yaml.safe_load((DATA / "plan/pcs.yml").read_text())
STACKS = stackfiles.load()
CUDA = Wishes("professional", stack="cuda")
UHD = {**PCS["adapters"]["uhd630"], "vendor_id": "8086", "device_id": "3e92"}
NEW = entry(id="new", version="580.97", file="new.exe")
NEWER = entry(id="newer", version="596.36", file="newer.exe")
OLD = entry(id="old", version="531.14", file="old.exe")


def catalogue(*entries: dict[str, Any], updates: bool = False) -> model.Catalogue:
    installers, wrong = model.parse(file_of(*entries))
    assert not wrong, wrong
    return model.Catalogue("drivers.yml", installers, updates)


def pc(adapter: str | dict[str, Any] = "rtx5090_old_driver", os: Any = None, machine: Any = None, **more: Any) -> Any:
    base = PCS["bases"]["windows"]
    given = PCS["adapters"][adapter] if isinstance(adapter, str) else adapter
    facts = {**base, "os": {**base["os"], **(os or {})}, "machine": {**base["machine"], **(machine or {})}}
    return {**facts, "adapters": [{"index": 0, "id": "PCI\\0", **given, **more}]}


def planned(
    facts: Any,
    *entries: dict[str, Any],
    wishes: Wishes = CUDA,
    automated: bool = True,
    updates: bool = False,
    **more: bool,
) -> SimpleNamespace:
    installers = catalogue(*entries, updates=updates)
    given: Any = {"guest": GIVEN, "installers": installers, "drivers_automated": automated, **more}
    found = choosing.plan(Facts.of(facts), wishes, STACKS, **given)
    return SimpleNamespace(**found)


def step(found: SimpleNamespace) -> dict[str, Any]:
    (one,) = [one for one in found.steps if one["name"] == "gpu_driver"]
    return dict(one)


def codes(found: SimpleNamespace) -> list[str]:
    return [one["code"] for one in found.blockers]


def why(facts: Any, *entries: dict[str, Any]) -> str:
    """Why none of the entries is for the first GPU; empty where one is."""
    known = Facts.of(facts)
    adapter = (known.gpus or (None,))[0]
    offer = drivers.offer(catalogue(*entries), adapter, known)
    assert offer is not None
    assert (offer.installer is None) is (offer.refused is not None)
    return offer.refused.cause if offer.refused else ""


def chosen(facts: Any, *entries: dict[str, Any]) -> str | None:
    known = Facts.of(facts)
    offer = drivers.offer(catalogue(*entries), (known.gpus or (None,))[0], known)
    return offer.installer.id if offer and offer.installer else None


# --- a driver that is too old ---


def test_a_better_driver_of_the_lab_takes_the_blocker_away_where_the_run_installs_it() -> None:
    found = planned(pc(), OLD, NEW)
    assert (found.stack, found.variant, codes(found)) == ("cuda", "cu130", [])
    assert step(found) == {
        "name": "gpu_driver",
        "needed": True,
        "reason": "the driver 572.60 of NVIDIA GeForce RTX 5090 is older than 580, the least for any build; "
        "it gets 580.97 of drivers.yml (new, new.exe)",
    }
    assert found.adapter["name"] == "NVIDIA GeForce RTX 5090"


def test_where_no_role_installs_it_the_blocker_stays_and_names_the_installer() -> None:
    found = planned(pc(), OLD, NEW, automated=False)
    assert codes(found) == ["DRIVER_TOO_OLD"]
    (blocker,) = found.blockers
    assert blocker["next_step"] == (
        "Install 580.97 of drivers.yml (new, new.exe) on the PC by hand, restart it and run again. "
        "This version installs no driver."
    )
    assert step(found)["reason"].endswith("; the lab has 580.97 of drivers.yml (new, new.exe) for it")
    assert found.variant is None


def test_that_is_what_the_plan_of_a_run_says(tmp_path: Path) -> None:
    """By the very way of the actions: the catalogue is there, and the plan has the installer in the blocker's place."""
    from ansible_collections.gpuready.lab.plugins.plugin_utils import planning

    (tmp_path / "new.exe").write_bytes(b"MZ")
    (tmp_path / "drivers.yml").write_text(file_of(NEW))
    variables = {"gpuready_drivers": "drivers.yml", "inventory_dir": str(tmp_path), "gpuready_stack": "cuda"}
    prepared = planning.prepare(variables, lambda value: value)
    record: Any = {"facts": pc()}
    lines = planning.extend(record, prepared)
    assert [one["code"] for one in record["plan"]["blockers"]] == ["WSL_NOT_INSTALLED", "WSL_NO_ARCHIVE"]
    assert "steps    wsl, gpu_driver, python_environment, verify" in lines
    driver = record["plan"]["driver"]
    assert (driver["id"], driver["version"], driver["file"], driver["required"]) == ("new", "580.97", "new.exe", True)
    assert (driver["share"], driver["url"], driver["arguments"], driver["packages"]) == (None, None, None, [])


def test_without_a_catalogue_nothing_is_different() -> None:
    for name in PCS["adapters"]:
        facts = Facts.of(pc(name))
        for wishes in (CUDA, Wishes(), Wishes(environment="wsl")):
            plain = choosing.plan(facts, wishes, STACKS)
            assert choosing.plan(facts, wishes, STACKS, drivers_automated=True) == plain
            assert choosing.plan(facts, wishes, STACKS, installers=None) == plain


@pytest.mark.parametrize("automated", [True, False])
def test_a_driver_that_does_is_left_alone(automated: bool) -> None:
    found = planned(pc("rtx4090"), NEW, NEWER, automated=automated)
    assert (codes(found), step(found)["needed"]) == ([], False)
    assert "drivers.yml" not in json.dumps(vars(found))


@pytest.mark.parametrize("automated", [True, False])
def test_the_best_of_the_lab_may_be_too_old(automated: bool) -> None:
    found = planned(pc(), OLD, automated=automated)
    assert codes(found) == ["DRIVER_NOT_LISTED"]
    assert found.blockers[0]["cause"] == (
        "the driver 572.60 of NVIDIA GeForce RTX 5090 is older than 580, the least for any build; "
        "the lab has at best 531.14 of drivers.yml (old, old.exe), which is too old"
    )
    assert "Add a driver that fits to drivers.yml (gpuready drivers FOLDER)" in found.blockers[0]["next_step"]
    assert step(found)["needed"] is True


def test_the_newest_that_fits_is_taken_in_any_order() -> None:
    assert chosen(pc(), NEWER, OLD, NEW) == "newer"
    assert chosen(pc(), OLD, NEW, NEWER) == "newer"
    assert chosen(pc(), {**NEWER, "version": "32.0.15.9636"}, OLD) == "newer"


def test_a_version_that_is_not_known_stays_a_question() -> None:
    """Nobody can say that another is no older one."""
    found = planned(pc("rtx4090", driver={}), NEW)
    assert codes(found) == ["DRIVER_UNKNOWN"]
    assert "Install 580.97 of drivers.yml" in found.blockers[0]["next_step"]
    assert "Whether it is newer than the driver there is not known." in found.blockers[0]["next_step"]


# --- pinned ---


def test_a_pinned_driver_comes_even_where_the_old_one_would_do() -> None:
    facts = pc("rtx4090", driver={"version": "32.0.15.8088", "vendor_version": "580.88", "basic": False})
    found = planned(facts, {**NEW, "pinned": True}, NEWER)
    assert (codes(found), step(found)["needed"]) == ([], True)
    assert step(found)["reason"] == (
        "NVIDIA GeForce RTX 4090 has 580.88 and is pinned to 580.97 of drivers.yml (new, new.exe)"
    )
    by_hand = planned(facts, {**NEW, "pinned": True}, NEWER, automated=False)
    assert step(by_hand)["needed"] is False
    assert any("is pinned to 580.97" in one and one.endswith("install that by hand") for one in by_hand.warnings)


def test_a_pinned_driver_is_no_downgrade() -> None:
    found = planned(pc("rtx4090"), {**OLD, "pinned": True})
    assert (codes(found), step(found)["needed"]) == ([], False)
    assert any("has 580.97, newer than 531.14" in one and one.endswith("it stays") for one in found.warnings)


def test_a_downgrade_to_the_pinned_driver_is_asked_for() -> None:
    old = {**OLD, "version": "580.65", "pinned": True}
    found = planned(pc("rtx4090"), old, downgrade=True)
    assert (found.driver["version"], found.driver["required"]) == ("580.65", False)
    assert step(found)["reason"].endswith("has 580.97 and is pinned to 580.65 of drivers.yml (old, old.exe)")
    assert planned(pc("rtx4090"), {**old, "pinned": False}, downgrade=True).driver is None
    too_old = planned(pc("rtx4090"), {**OLD, "version": "516.94", "pinned": True}, downgrade=True)
    assert (too_old.driver, codes(too_old)) == (None, [])


def test_the_pinned_driver_itself_is_no_remark() -> None:
    found = planned(pc("rtx4090"), {**NEW, "pinned": True})
    assert step(found)["needed"] is False
    assert not any("pinned" in one for one in found.warnings)


def test_a_pin_that_is_too_old_is_told_and_not_passed_over() -> None:
    found = planned(pc(), {**OLD, "pinned": True}, NEW)
    assert codes(found) == ["DRIVER_NOT_LISTED"]
    assert "the lab pins it to 531.14" in found.blockers[0]["cause"]
    assert found.blockers[0]["next_step"] == "Pin a newer driver in drivers.yml than old, and run again."


# --- Pascal and older ---

PASCAL = pc("gtx1080", driver={"version": "31.0.15.1694", "vendor_version": "516.94", "basic": False})


def test_a_branch_that_leaves_the_gpu_out_is_passed_over() -> None:
    found = planned(PASCAL, NEWER, NEW)
    assert (found.variant, codes(found)) == ("cu126", [])
    assert "it gets 580.97" in step(found)["reason"]


def test_where_there_is_no_older_branch_the_blocker_says_which() -> None:
    found = planned(PASCAL, NEWER)
    assert codes(found) == ["DRIVER_LEFT_OUT"]
    assert found.blockers[0]["cause"].endswith(
        "drivers.yml has none for this GPU: newer is of 590 or later, and these leave pascal out"
    )
    assert found.blockers[0]["next_step"] == (
        "Add a driver of NVIDIA before 590 to drivers.yml (gpuready drivers FOLDER), and run again."
    )


@pytest.mark.parametrize(
    ("capability", "version", "fits"),
    [
        ("3.5", "475.14", True),
        ("3.5", "496.13", False),
        ("5.0", "582.16", True),
        ("5.2", "591.44", False),
        ("6.1", "582.16", True),
        ("6.1", "590.00", False),
        ("7.0", "591.44", False),
        ("7.5", "610.47", True),
        ("12.0", "610.47", True),
    ],
)
def test_the_last_branch_of_each_family(capability: str, version: str, fits: bool) -> None:
    facts = pc("gtx1080", compute_capability=capability)
    assert bool(chosen(facts, entry(version=version))) is fits


def test_an_id_that_a_person_names_is_believed() -> None:
    facts = pc("gtx1080", vendor_id="10de", device_id="1b80")
    assert (
        chosen(facts, {**NEWER, "pci": ["10DE:1B80"], "computers": ["laptop"], "products": ["professional"]}) == "newer"
    )
    assert why(facts, {**NEWER, "pci": ["10de:2684"]}).endswith("names neither this GPU (10de:1b80) nor its family")


def test_a_family_that_the_branch_leaves_out_is_a_mistake_of_the_entry() -> None:
    (one,) = model.parse(file_of({**NEWER, "families": ["turing", "pascal"]}))[1]
    assert one.text == "families: NVIDIA's drivers from 590 on leave pascal out: take it out here"


# --- other GPUs, other PCs ---


@pytest.mark.parametrize(
    ("facts", "more", "said"),
    [
        (pc(os={"architecture": "arm64"}), {}, "is for x86_64, and the PC is arm64"),
        (pc(os={"architecture": None}), {}, "is for x86_64, and the PC is of no known architecture"),
        (pc(), {"architecture": "arm64"}, "is for arm64, and the PC is x86_64"),
        (pc(os={"build": 19045}), {"windows": ["11"]}, "is for Windows 11, and the PC has Windows 10"),
        (pc(os={"build": 22000}), {"windows": ["10"]}, "is for Windows 10, and the PC has Windows 11"),
        (
            pc(os={"kind": "server", "build": 20348}),
            {},
            "is for Windows 10, 11, and the PC has Windows Server 2022",
        ),
        (
            pc(os={"kind": "server", "build": 26100}),
            {"windows": ["server-2019", "server-2022"]},
            "is for Windows Server 2019, Server 2022, and the PC has Windows Server 2025",
        ),
        (pc(os={"kind": None}), {}, "and the PC has Microsoft Windows 11 Pro"),
        (pc(os={"build": None, "name": None}), {}, "and the PC has a Windows that is not known"),
        (pc(), {"families": ["ada"]}, "is for ada, and the GPU is of blackwell"),
        (
            pc(compute_capability=None, vendor_id="10de", device_id="3fff"),
            {},
            "names neither this GPU (10de:3fff) nor its family",
        ),
        (
            pc(name="NVIDIA GeForce RTX 5090 Laptop GPU"),
            {"computers": ["desktop"]},
            "is for desktops, and the GPU's name is that of a laptop's",
        ),
        (pc(), {"computers": ["laptop"]}, "is for laptops, and the GPU's name is not that of a laptop's"),
        (pc(name="NVIDIA RTX A4000"), {"products": ["geforce"]}, "is for geforce, and the GPU is professional"),
        (pc(), {"products": ["professional", "data-center"]}, "and the GPU is geforce"),
        (pc(name="Tesla T4"), {"products": ["geforce"]}, "and the GPU is data-center"),
        (pc(name="NVIDIA A10"), {"products": ["professional"]}, "and the GPU is data-center"),
        (pc(machine={"manufacturer": "Dell Inc."}), {"makers": ["HP", "LENOVO"]}, "is for PCs of HP, LENOVO alone"),
        (pc(machine={"manufacturer": None}), {"makers": ["HP"]}, "is for PCs of HP alone"),
        (pc("rx6800"), {}, "drivers.yml has no driver of amd"),
    ],
)
def test_an_entry_that_is_not_for_this_pc(facts: Any, more: dict[str, Any], said: str) -> None:
    assert said in why(facts, {**NEW, **more})


@pytest.mark.parametrize(
    ("facts", "more"),
    [
        (pc(os={"build": 26200}), {"windows": ["11"]}),
        (pc(os={"kind": "server", "build": 20348}), {"windows": ["server-2022"]}),
        (pc(os={"kind": "server", "build": 17763}), {"windows": ["server-2019"]}),
        (pc(name="NVIDIA GeForce RTX 5090 Laptop GPU"), {"computers": ["laptop"]}),
        (pc(name="NVIDIA GeForce GTX 1650 with Max-Q Design", compute_capability="7.5"), {"computers": ["laptop"]}),
        (pc(name="NVIDIA GeForce MX450", compute_capability="7.5"), {"computers": ["laptop"]}),
        (pc(name="Quadro M2000M", compute_capability="5.0"), {"computers": ["laptop"], "products": ["professional"]}),
        (pc(name="NVIDIA TITAN RTX", compute_capability="7.5"), {"products": ["geforce"], "computers": ["desktop"]}),
        (pc(name="NVIDIA T1000", compute_capability="7.5"), {"products": ["professional"]}),
        (
            pc(name="Graphics Device"),
            {"products": ["professional"]},
        ),  # not known: the installer refuses
        (pc(machine={"manufacturer": "Dell  Inc."}), {"makers": ["HP", "dell inc."]}),
    ],
)
def test_an_entry_that_is_for_this_pc(facts: Any, more: dict[str, Any]) -> None:
    assert why(facts, {**NEW, **more}) == ""


def test_the_blocker_of_a_server_says_for_which_windows_there_are_drivers() -> None:
    found = planned(pc(os={"kind": "server", "build": 20348}), NEW)
    assert codes(found) == ["DRIVER_NOT_LISTED"]
    assert "new is for Windows 10, 11, and the PC has Windows Server 2022" in found.blockers[0]["cause"]


def test_arm64_has_its_own_blocker_whatever_the_lab_has() -> None:
    found = planned(pc(os={"architecture": "arm64"}), NEW, {**NEWER, "architecture": "arm64"})
    assert (found.stack, codes(found)) == (None, ["ARCHITECTURE_UNSUPPORTED"])


def test_tcc_mode_is_no_matter_of_the_driver() -> None:
    facts = pc("tesla_tcc", driver={"version": "27.21.14.5671", "vendor_version": "456.71", "basic": False})
    known = Facts.of(facts)
    assert drivers.offer(catalogue(NEW), (known.gpus or ())[0], known) is None
    for automated in (True, False):
        found = planned(facts, NEW, automated=automated)
        assert codes(found) == ["TCC_MODE"]
        assert "WDDM" in found.blockers[0]["next_step"] or "gpuready_stack" in found.blockers[0]["next_step"]


def test_many_reasons_are_cut() -> None:
    many = [entry(id=f"e{n}", version=f"5{n}0.00", file=f"{n}.exe", windows=["7"]) for n in range(9)]
    assert why(pc(), *many).endswith("; and 6 more")


# --- the PC maker's own driver ---

MAKERS = pc(
    driver={"version": "32.0.15.7260", "vendor_version": "572.60", "provider": "Dell, Inc.", "basic": False},
    machine={"manufacturer": "Dell Inc."},
)


def test_the_makers_own_driver_is_replaced_by_an_entry_for_it_alone() -> None:
    found = planned(MAKERS, NEW)
    assert codes(found) == ["DRIVER_OF_MAKER"]
    assert "new would replace the driver of the PC's maker" in found.blockers[0]["cause"]
    assert "under `makers`" in found.blockers[0]["next_step"]
    assert codes(planned(MAKERS, {**NEW, "makers": ["Dell Inc."]})) == []


@pytest.mark.parametrize(
    "provider",
    ["NVIDIA", "NVIDIA Corporation", "Advanced Micro Devices, Inc.", "Intel Corporation", "Microsoft", None, ""],
)
def test_the_vendors_own_driver_is_no_makers(provider: str | None) -> None:
    driver = {"version": "32.0.15.7260", "vendor_version": "572.60", "provider": provider, "basic": False}
    assert why(pc(driver=driver), NEW) == ""


# --- the basic driver, a card that is gone: as PCs say it ---


def looked(*arguments: Any, **more: Any) -> Any:
    found = look(*arguments, **more)
    return {**PCS["bases"]["windows"], **{name: found[name] for name in ("adapters", "ignored_adapters")}}


BASIC = "PCI\\VEN_10DE&DEV_2684&SUBSYS_889D1043&REV_A1\\4&1"


@pytest.mark.parametrize("code", [0, 28])
def test_a_gpu_on_the_basic_driver_is_known_by_its_number(code: int) -> None:
    row = controller(BASIC, "Microsoft Basic Display Adapter", code=code, DriverVersion="10.0.22621.1")
    facts = looked([{**row, "InfFilename": "display.inf"}])
    found = planned(facts, NEW, entry(id="amd", vendor="amd", version="24.3.1", families=["rdna2"], file="a.exe"))
    assert (found.stack, found.variant, codes(found)) == ("cuda", "cu130", [])
    assert "it gets 580.97 of drivers.yml (new, new.exe)" in step(found)["reason"]
    assert not any("not used here" in one for one in found.warnings)  # it is the GPU of the plan, as it is today
    (blocker,) = planned(facts, NEW, automated=False).blockers
    assert (blocker["code"], "Install 580.97" in blocker["next_step"]) == (
        ("GPU_NO_DRIVER", True) if code else ("BASIC_DRIVER", True)
    )


def test_windows_own_adapter_without_a_card_is_no_gpu() -> None:
    row = controller("ROOT\\BASICDISPLAY\\0000", "Microsoft Basic Display Adapter", DriverVersion="10.0.22621.1")
    assert codes(planned(looked([row]), NEW)) == ["NO_ADAPTER"]


def test_the_key_of_a_card_that_is_gone_asks_for_no_driver() -> None:
    """A recorded PC: a Radeon RX 6600 XT, and the key that a GeForce GTX 960 has left behind."""
    examples = json.loads((DATA / "video_controllers.json").read_text("utf-8"))["examples"]
    (example,) = [one for one in examples if one["id"] == "glpi-amd-radeon-rx6600xt"]
    rows = [{**one, "DriverVersion": one.get("DriverVersion", "30.0.21023.1015")} for one in example["controllers"]]
    facts = looked(rows, [{**one, "key": one["key"][-4:]} for one in example["registry_class_4d36e968"]])
    assert [one["vendor"] for one in facts["adapters"]] == ["amd"]
    found = planned(facts, NEW, wishes=Wishes())
    assert (codes(found), step(found)["needed"]) == ([], False)
    assert "drivers.yml" not in json.dumps(vars(found))


def test_of_a_hybrid_pc_the_other_gpu_is_let_alone() -> None:
    facts = pc()
    facts["adapters"].append({"index": 1, "id": "PCI\\1", **PCS["adapters"]["uhd630"]})
    intel = entry(id="intel", vendor="intel", version="32.0.101.7000", families=["gen9"], pinned=True, file="i.exe")
    found = planned(facts, NEW, intel)
    assert "it gets 580.97" in step(found)["reason"]
    assert "intel" not in step(found)["reason"]
    assert found.other_drivers == []


def test_where_the_lab_asks_for_all_gpus_each_gets_what_it_lacks() -> None:
    facts = pc()
    more = (
        ("basic", {"driver": {"version": "10.0.22621.1", "basic": True}}),
        ("well", {}),
        ("off", {"status": "disabled"}),
    )
    for number, (name, what) in enumerate(more, 1):
        gpu = {**UHD, "name": f"UHD {name}", **what}
        facts["adapters"].append({"index": number, "id": f"PCI\\{name}", **gpu})
    intel = entry(id="intel", vendor="intel", version="32.0.101.7000", families=["gen9"], file="i.exe")
    found = planned(facts, NEW, intel, all_drivers=True)
    assert found.driver["adapter"] == "PCI\\0"
    assert [(one["adapter"], one["id"], one["required"]) for one in found.other_drivers] == [
        ("PCI\\basic", "intel", False)
    ]
    first, second = step(found)["reason"].split("; UHD basic ")
    assert first.endswith("it gets 580.97 of drivers.yml (new, new.exe)")
    assert (
        second == "runs on a basic display driver, which cannot compute; it gets 101.7000 of drivers.yml (intel, i.exe)"
    )
    pinned = planned(facts, {**intel, "pinned": True}, all_drivers=True)
    assert [one["adapter"] for one in pinned.other_drivers] == ["PCI\\basic", "PCI\\well"]
    assert planned(facts, NEW, intel, all_drivers=True, automated=False).other_drivers == []


def test_another_gpu_for_which_nothing_fits_is_told_and_stops_nobody() -> None:
    facts = pc(driver={"version": "32.0.15.8097", "vendor_version": "580.97", "basic": False})
    gpu = {**UHD, "driver": {"version": "10.0.22621.1", "basic": True}}
    facts["adapters"].append({"index": 1, "id": "PCI\\1", **gpu})
    arc = entry(id="arc", vendor="intel", version="32.0.101.7000", families=["arc"], file="i.exe")
    found = planned(facts, arc, all_drivers=True)
    assert (codes(found), found.other_drivers, step(found)["needed"]) == ([], [], False)
    assert any("Graphics 630 keeps its driver: " in one and "arc is for arc" in one for one in found.warnings)


@pytest.mark.parametrize("file", sorted((DATA / "nvidia_smi").glob("*.xml")), ids=lambda file: file.stem)
def test_what_nvidia_smi_says_is_enough_to_choose(file: Path) -> None:
    """The recorded GPUs, from Pascal to Ampere: each gets the newest branch that is for it; without an id none."""
    smi = file.read_text("utf-8")
    facts = looked([], [], [], smi)
    if not facts["adapters"]:
        pytest.skip("no GPU in it")
    expected = {
        "netdata_go.d__tesla-p100": "new", "telegraf__quadro-p2000-v12": "new",
        "telegraf__gtx-1070-ti": None, "telegraf__rtx-3090-v12": None,
    }.get(file.stem, "newer")  # fmt: skip
    assert chosen(facts, NEW, NEWER) == expected


# --- Intel and AMD ---

INTEL = replace(Wishes(), environment="wsl")


@pytest.mark.parametrize(
    ("version", "codes_then"),
    [
        ("101.2127", []),
        ("31.0.101.2127", []),
        ("27.20.100.9466", ["DRIVER_NOT_LISTED"]),
        ("100.9864", ["DRIVER_NOT_LISTED"]),
    ],
)
def test_intels_numbers(version: str, codes_then: list[str]) -> None:
    driver = {"version": "26.20.100.7463", "vendor_version": "100.7463", "basic": False}
    facts = pc("uhd630", driver=driver, vendor_id="8086", device_id="3e92")
    listed = entry(vendor="intel", version=version, families=["gen9"])
    found = planned(facts, listed, wishes=INTEL)
    assert codes(found) == codes_then
    if version == "100.9864":
        assert "cannot be told from this number" in found.blockers[0]["cause"]
        assert "as Windows has it" in found.blockers[0]["next_step"]


def test_intels_own_number_is_not_compared_with_windows() -> None:
    """101.2127 is 30.0.101.2127 or later: that is not above 31.0.101.3222, as 101 would be above 31."""
    known = Facts.of(pc("uhd630"))
    (listed,) = catalogue(entry(vendor="intel", version="101.2127", families=["gen9"])).installers
    then = drivers.with_installer((known.gpus or ())[0], listed).driver_number()
    assert at_least(then, "28.20.100.8322") is True
    assert at_least(then, "31.0.101.3222") is False


def test_amds_numbers() -> None:
    driver = {"version": "26.20.15029.27017", "vendor_version": "19.12.2", "basic": False}
    facts = pc("rx6800", driver=driver, vendor_id="1002", device_id="73bf")
    listed = entry(vendor="amd", version="24.3.1", families=["rdna2"])
    assert codes(planned(facts, listed, wishes=INTEL)) == []
    assert codes(planned(facts, {**listed, "families": ["polaris", "vega"]}, wishes=INTEL)) == ["DRIVER_NOT_LISTED"]


# --- no facts make it raise ---


def test_odd_facts_make_nothing_raise() -> None:
    odd: list[Any] = [None, "", [], {}, 7, "x" * 5000, True]
    for value in odd:
        for key in ("name", "vendor_id", "device_id", "driver", "compute_capability", "vendor", "status"):
            planned(pc(**{key: value}), NEW, OLD)
        for key in ("kind", "build", "architecture", "family", "name"):
            planned(pc(os={key: value}), NEW, OLD)
        planned(pc(machine={"manufacturer": value}), {**NEW, "makers": ["Dell Inc."]})
    planned({}, NEW)


# --- Windows Update ---


def test_windows_update_is_a_source_where_the_lab_allows_it() -> None:
    update = entry(id="update", version="580.97", file=None, sha256=None, windows_update="true")
    refused = planned(pc(), update)
    assert codes(refused) == ["DRIVER_NOT_LISTED"]
    assert (
        "update comes from Windows Update, which gpuready_windows_update does not allow" in refused.blockers[0]["cause"]
    )
    found = planned(pc(), update, updates=True)
    assert (codes(found), found.driver["windows_update"], found.driver["sha256"]) == ([], True, "")
    assert step(found)["reason"].endswith("it gets 580.97 or newer of drivers.yml (update, Windows Update)")


def test_a_file_of_the_lab_comes_before_windows_update() -> None:
    update = entry(id="update", version="580.97", file=None, sha256=None, windows_update="true")
    for order in ((update, NEW), (NEW, update)):
        assert planned(pc(), *order, updates=True).driver["id"] == "new"


@pytest.mark.parametrize(("given", "allowed"), [(None, False), ("", False), ("yes", True), (True, True), ("no", False)])
def test_the_lab_says_so_by_a_variable(given: object, allowed: bool, tmp_path: Path) -> None:
    from ansible_collections.gpuready.lab.plugins.plugin_utils import planning

    (tmp_path / "drivers.yml").write_text(file_of(entry(file=None, sha256=None, windows_update="true")))
    variables = {"gpuready_drivers": str(tmp_path / "drivers.yml"), "gpuready_windows_update": given}
    installers = planning.prepare(variables, lambda value: value).installers
    assert installers is not None
    assert installers.updates is allowed
    for name in ("gpuready_windows_update", "gpuready_driver_adapters"):
        with pytest.raises(planning.BadInput, match=name):
            planning.prepare({**variables, name: "perhaps"}, lambda value: value)
