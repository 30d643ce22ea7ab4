"""A person's word: kept where it can work, refused with the reason where it cannot, never replaced."""

from pathlib import Path

import pytest
import yaml
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan.wishes import Wishes
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import files as stackfiles
from plans import plan

PCS = yaml.safe_load((Path(__file__).parents[2] / "data" / "plan" / "pcs.yml").read_text())
STACKS = stackfiles.load()
PLUGIN = "tensorflow-directml-plugin"


def pc(base, *adapters, **changes):
    found = []
    for index, one in enumerate(adapters):
        name, extra = one if isinstance(one, tuple) else (one, {})
        found.append({"index": index, "id": f"PCI\\{index}", **PCS["adapters"][name], **extra})
    facts = {**PCS["bases"][base], "adapters": found}
    return {**facts, **{key: {**facts.get(key, {}), **value} for key, value in changes.items()}}


def planned(facts, **wished):
    return plan(facts, Wishes(**wished), STACKS)


def codes(found):
    return [blocker["code"] for blocker in found.blockers]


@pytest.mark.parametrize("stack", ["tensorflow-directml", PLUGIN, "torch-directml", "cpu"])
def test_a_stack_that_is_asked_for_is_taken(stack):
    found = planned(pc("windows", "rtx4090"), experience="professional", stack=stack)
    assert (found.stack, found.target, found.blockers) == (stack, "windows", [])
    assert "gpuready_stack asks for it" in found.reasons[0]


REFUSED = [
    # PC, wishes, code, what the cause says
    (pc("linux", os={"family": "darwin"}), {"stack": "cpu"}, "OS_UNSUPPORTED", "operating system darwin"),
    (pc("windows", "rx6800"), {"stack": "cuda"}, "NO_NVIDIA_GPU", "AMD Radeon RX 6800"),
    (pc("linux", "uhd630"), {"stack": "cuda"}, "NO_NVIDIA_GPU", "Intel"),
    (pc("linux"), {"stack": "cuda"}, "NO_ADAPTER", "no GPU"),
    (
        pc("linux", "a100_linux"),
        {"stack": "torch-directml"},
        "LICENCE_WINDOWS_ONLY",
        "licensed for use on Windows alone",
    ),
    (
        pc("linux", "rx6800"),
        {"stack": "tensorflow-directml"},
        "LICENCE_WINDOWS_ONLY",
        "licensed for use on Windows alone",
    ),
    (pc("linux"), {"stack": "tensorflow-directml-plugin"}, "LICENCE_WINDOWS_ONLY", "licensed for use on Windows alone"),
    (pc("windows", "rtx4090"), {"stack": "cuda", "environment": "windows"}, "TARGET_UNSUPPORTED", "native Windows"),
    (pc("windows", "rtx4090"), {"stack": "cuda", "environment": "linux"}, "TARGET_UNSUPPORTED", "Linux"),
    (pc("windows", "rtx4090"), {"stack": "cuda", "library": "tensorflow2"}, "LIBRARY_NOT_SERVED", "tensorflow2"),
    (pc("windows", "rx6800"), {"stack": "torch-directml", "library": "tensorflow"}, "LIBRARY_NOT_SERVED", "tensorflow"),
    (pc("windows", "tesla_tcc"), {"stack": "cuda"}, "TCC_MODE", "TCC"),
    (pc("windows", "gtx780"), {"stack": "cuda"}, "COMPUTE_CAPABILITY_TOO_LOW", "3.5"),
    (pc("windows"), {"stack": "torch-directml"}, "NO_ADAPTER", "no GPU"),
    (pc("windows", "adreno"), {"stack": "torch-directml"}, "NO_SUITABLE_GPU", "Adreno"),
    (pc("windows", "rx6800", "rtx4090"), {"stack": "cuda", "adapter": "amd"}, "ADAPTER_UNSUITABLE", "RX 6800"),
    (
        pc("windows", "rx6800", os={"architecture": "arm64"}),
        {"stack": "torch-directml"},
        "ARCHITECTURE_UNSUPPORTED",
        "arm64",
    ),
    (pc("windows", "rx6800", os={"architecture": "x86"}), {}, "ARCHITECTURE_UNSUPPORTED", "x86"),
    (pc("linux", "a100_linux", os={"architecture": "arm64"}), {}, "ARCHITECTURE_UNSUPPORTED", "arm64"),
    (pc("windows", "rx6800", "uhd630"), {"adapter": "7"}, "ADAPTER_UNKNOWN", "AMD Radeon RX 6800 (amd); 1: Intel"),
    (pc("windows", "rx6800", "uhd630"), {"adapter": "Voodoo"}, "ADAPTER_UNKNOWN", "Voodoo"),
    (pc("windows", "rx6800", "uhd630"), {"adapter": "nvidia"}, "ADAPTER_UNKNOWN", "nvidia"),
    (pc("windows", "rx6800", "rx6800"), {"adapter": "amd"}, "ADAPTER_AMBIGUOUS", "0: AMD Radeon RX 6800 (amd); 1: AMD"),
    (pc("windows", "rx6800", "vega8"), {"adapter": "radeon"}, "ADAPTER_AMBIGUOUS", "Radeon(TM) Graphics"),
    (pc("windows"), {"adapter": "0"}, "NO_ADAPTER", "no GPU"),
    (pc("linux"), {"adapter": "7"}, "NO_ADAPTER", "no GPU"),  # the processor is no substitute for the GPU asked for
    (pc("linux"), {"adapter": "nvidia", "library": "pytorch"}, "NO_ADAPTER", "no GPU"),
    (pc("linux", "a100_linux"), {"adapter": "0", "stack": "cpu"}, "ADAPTER_UNSUITABLE", "trains on the processor"),
    (pc("guest"), {"adapter": "nvidia"}, "ADAPTER_UNKNOWN", "none"),
]


@pytest.mark.parametrize(("facts", "wished", "code", "says"), REFUSED)
def test_what_cannot_be_is_refused_with_its_reason(facts, wished, code, says):
    found = planned(facts, **wished)
    assert found.stack is None
    assert code in codes(found)
    assert says in " ".join(blocker["cause"] for blocker in found.blockers)


@pytest.mark.parametrize(
    ("wish", "index"),
    [
        ("1", 1),
        ("0", 0),
        ("intel", 0),
        ("NVIDIA", 1),
        ("geforce", 1),
        ("uhd graphics", 0),
        ("NVIDIA GeForce RTX 4090", 1),
    ],
)
def test_the_gpu_that_is_named_is_taken(wish, index):
    found = planned(pc("windows", "uhd630", "rtx4090"), adapter=wish)
    assert found.adapter["index"] == index
    assert found.blockers == []
    assert any("gpuready_adapter" in reason for reason in found.reasons)


def test_a_whole_name_beats_a_part_of_a_longer_one():
    facts = pc(
        "windows", ("rtx4090", {"name": "NVIDIA GeForce RTX 4070 Ti"}), ("rtx4090", {"name": "NVIDIA GeForce RTX 4070"})
    )
    assert planned(facts, adapter="nvidia geforce rtx 4070").adapter["index"] == 1


CHOICES = [
    # the GPUs in the order of the PC, the one to take, and a word of the reason
    (["uhd630", "rtx4090"], 1, "discrete"),
    (["rtx4090", "uhd630"], 0, "discrete"),
    (["vega8", "rx6800"], 1, "discrete"),
    (["gtx1080", "rx6800"], 1, "more memory"),
    (["rx6800", "rx6800"], 0, "alike"),
    ([("rx6800", {"status": "failing", "problem_code": 43}), "uhd630"], 1, "code 43"),
    ([("rx6800", {"status": "disabled", "problem_code": 22}), "uhd630"], 1, "disabled"),
    ([("rtx4090", {"driver": {"version": "10.0.22621.1", "basic": True}}), "uhd630"], 1, "basic display driver"),
    ([("rx6800", {"memory_bytes": None}), "gtx1080"], 1, "more memory"),
    (["tesla_tcc", "uhd630"], 1, "TCC"),
    (["adreno", "uhd630"], 1, "only GPU"),
    (["uhd630"], 0, "only GPU"),
    ([("rx6800", {"integrated": None}), "uhd630"], 0, "discrete"),
    ([("rx6800", {"status": "absent"}), "uhd630"], 1, "only GPU"),
]


@pytest.mark.parametrize(("adapters", "index", "word"), CHOICES)
def test_the_gpu_that_works_best_is_chosen(adapters, index, word):
    found = planned(pc("windows", *adapters))
    assert found.adapter["index"] == index
    assert word in " ".join(found.reasons)


OLD_INTEL = ("uhd630", {"driver": {"version": "27.20.100.8681"}})
BLOCKED = [
    # PC, wishes, stack, code
    (pc("windows", ("rx6800", {"status": "disabled", "problem_code": 22})), {}, PLUGIN, "GPU_DISABLED"),
    (pc("windows", ("rx6800", {"status": "failing", "problem_code": 43})), {}, PLUGIN, "GPU_FAILING"),
    (pc("windows", ("rx6800", {"status": "no_driver", "problem_code": 28})), {}, PLUGIN, "GPU_NO_DRIVER"),
    (pc("windows", ("rx6800", {"status": "restart_needed"})), {}, PLUGIN, "GPU_RESTART_NEEDED"),
    (pc("windows", ("rx6800", {"status": "unknown"})), {}, PLUGIN, "GPU_STATUS_UNKNOWN"),
    (pc("windows", ("rx6800", {"driver": {"basic": True}})), {}, PLUGIN, "BASIC_DRIVER"),
    (pc("windows", ("rx6800", {"status": "no_driver", "driver": {"basic": True}})), {}, PLUGIN, "BASIC_DRIVER"),
    (pc("windows", "rx6800", os={"build": 15063}), {}, PLUGIN, "OS_BUILD_TOO_OLD"),
    (pc("windows", "rx6800", os={"build": None}), {}, PLUGIN, "FACTS_INCOMPLETE"),
    (pc("windows", "rx6800", os={"architecture": None}), {}, PLUGIN, "FACTS_INCOMPLETE"),
    (pc("windows", "rx6800", disk={"free_bytes": 10**9}), {}, PLUGIN, "DISK_SPACE"),
    (pc("windows", "rtx4090", os={"build": 19043}), {"environment": "wsl"}, PLUGIN, "OS_BUILD_TOO_OLD"),
    (pc("windows", "rtx4090", machine={"virtualization": False}), {"stack": "cuda"}, "cuda", "VIRTUALIZATION_OFF"),
    (pc("windows", "rtx4090", wsl={"policy_allows": False}), {"stack": "cuda"}, "cuda", "WSL_POLICY"),
    (pc("windows", "rtx4090", wsl={"local_system": True}), {"stack": "cuda"}, "cuda", "WSL_LOCAL_SYSTEM"),
    (pc("windows", "rtx4090", wsl={"kernel": "5.10.16.3-1"}), {"stack": "cuda"}, "cuda", "WSL_KERNEL_TOO_OLD"),
    (pc("windows", "rtx5090_old_driver"), {"stack": "cuda"}, "cuda", "DRIVER_TOO_OLD"),
    (pc("windows", ("rtx4090", {"compute_capability": None})), {"stack": "cuda"}, "cuda", "COMPUTE_CAPABILITY_UNKNOWN"),
    (pc("windows", ("rtx4090", {"driver": {}})), {"stack": "cuda"}, "cuda", "DRIVER_UNKNOWN"),
    (pc("linux", "rtx3090_linux_470"), {}, "cuda", "DRIVER_TOO_OLD"),
    (pc("linux", "nouveau"), {}, "cuda", "GPU_NO_DRIVER"),
    (pc("linux", "a100_linux", os={"glibc": "2.17"}), {}, "cuda", "GLIBC_TOO_OLD"),
    ({**pc("guest"), "dxg": False}, {}, PLUGIN, "NO_DXG"),
    ({**pc("guest"), "dxg": None}, {}, PLUGIN, "FACTS_INCOMPLETE"),
    (pc("guest", os={"kernel": "5.4.72-microsoft-standard-WSL2"}), {}, PLUGIN, "WSL_KERNEL_TOO_OLD"),
    ({**pc("windows"), "adapters": None}, {}, PLUGIN, "FACTS_INCOMPLETE"),
    ({**pc("linux"), "adapters": None}, {}, "cuda", "FACTS_INCOMPLETE"),
    (pc("windows", OLD_INTEL), {"environment": "wsl"}, PLUGIN, "DRIVER_TOO_OLD"),
    (pc("windows", ("rx6800", {"driver": {"vendor_version": None}})), {"environment": "wsl"}, PLUGIN, "DRIVER_UNKNOWN"),
]


@pytest.mark.parametrize(("facts", "wished", "stack", "code"), BLOCKED)
def test_what_can_be_mended_keeps_its_stack_and_is_blocked(facts, wished, stack, code):
    found = planned(facts, **wished)
    assert found.stack == stack
    assert code in codes(found)


@pytest.mark.parametrize(
    ("base", "adapter", "capability", "driver", "variant"),
    [
        ("linux", "a100_linux", "8.0", "580.65.06", "cu130"),
        ("linux", "a100_linux", "8.0", "580.65.05", "cu126"),
        ("linux", "a100_linux", "7.5", "590.44.01", "cu130"),
        ("linux", "a100_linux", "7.0", "580.95.05", "cu126"),
        ("linux", "a100_linux", "5.0", "525.60.13", "cu126"),
        ("linux", "a100_linux", "9.0", "550.54.14", "cu126"),
        ("linux", "a100_linux", "9.0", "610.57.04", "cu130"),
        ("linux", "a100_linux", "10.0", "590.48.01", "cu130"),
        ("linux", "a100_linux", "12.0", "575.51.03", None),
        ("linux", "a100_linux", "6.1", "525.60.11", None),
        ("windows", "rtx4090", "8.9", "580.88", "cu130"),
        ("windows", "rtx4090", "8.9", "579.99", "cu126"),
        ("windows", "rtx4090", "6.1", "596.36", "cu126"),
        ("windows", "rtx4090", "6.1", "527.40", None),
        ("windows", "rtx4090", "5.2", "596.36", None),
    ],
)
def test_the_cuda_build_goes_by_capability_and_driver(base, adapter, capability, driver, variant):
    changes = {
        "compute_capability": capability,
        "driver": {"version": driver, "vendor_version": driver, "basic": False},
    }
    found = planned(pc(base, (adapter, changes)), stack="cuda")
    assert found.variant == variant
    assert (found.environment is None) == (variant is None)
    if variant:
        assert found.environment["lock"] == f"cuda-{variant}-linux_x86_64.txt"


def test_hypervisor_running_means_that_virtualization_is_on():
    facts = pc("windows", "rtx4090", machine={"virtualization": False, "hypervisor": True})
    assert "VIRTUALIZATION_OFF" not in codes(planned(facts, stack="cuda"))


def test_the_nameless_gpu_of_a_guest_is_planned_and_said():
    found = planned(pc("guest", "dxg"))
    assert (found.adapter["vendor"], found.blockers) == ("other", [])
    assert any("cannot be seen from inside" in warning for warning in found.warnings)
    assert planned(pc("linux", "dxg")).stack == "cpu"


def test_several_nvidia_gpus_are_told_apart_by_uuid():
    facts = pc("linux", "a100_linux", ("a100_linux", {"uuid": "GPU-second"}))
    found = planned(facts, adapter="1")
    assert found.environment["visible_devices"] == "GPU-second"
    assert planned(pc("linux", "a100_linux")).environment["visible_devices"] is None


def test_warnings_of_the_pc():
    facts = pc(
        "windows",
        ("rx6800", {"busy": {"utilization_percent": 90}}),
        ("uhd630", {"status": "failing"}),
        os={"kind": "server"},
    )
    facts |= {"pending_reboot": {"pending": True}, "machine": {"memory_bytes": 2**30}, "disk": {}}
    text = "\n".join(planned(facts).warnings)
    for word in (
        "discontinued",
        "server",
        "restart",
        "90 %",
        "UHD Graphics 630",
        "1.0 GiB of memory",
        "disk space",
        "move to PyTorch",
    ):
        assert word in text
    assert planned(facts).stack == "tensorflow-directml-plugin"


def test_little_disk_space_is_not_told_as_none():
    (blocker,) = planned(pc("windows", "rx6800", disk={"path": "C:\\", "free_bytes": 20 * 2**20})).blockers
    assert blocker["cause"].endswith(" GiB free on C:\\, and 20 MiB are free")


def test_disk_space_does_not_matter_to_what_is_there_already():
    facts = pc("windows", "rx6800")
    lock = planned(facts).environment["lock_sha256"]
    mine = {"stack": PLUGIN, "lock_sha256": lock, "state": "current"}
    assert planned({**facts, "disk": {"free_bytes": 1}, "environments": [mine]}).blockers == []


WISHED = [
    {},
    *({"library": library} for library in ("cuda", "pytorch", "tensorflow", "tensorflow2")),
    *({"experience": experience} for experience in ("professional", "student")),
    *({"stack": stack} for stack in ("tensorflow-directml", PLUGIN, "torch-directml")),
    *({"adapter": adapter} for adapter in ("0", "nvidia", "radeon")),
    {"environment": "windows"},
    {"library": "pytorch", "environment": "windows", "experience": "professional"},
    {"library": "tensorflow", "adapter": "amd"},
    {"library": "cuda", "environment": "wsl"},
    {"environment": "wsl", "knows_linux": True},
    {"stack": "cuda"},
]


@pytest.mark.parametrize("wished", WISHED)
def test_a_pc_without_a_gpu_is_told_so_whatever_it_was_wished(wished):
    assert codes(planned(pc("windows"), **wished))[0] == "NO_ADAPTER"
    on_linux = codes(planned(pc("linux"), **wished))
    assert on_linux == [] or on_linux[0] == "NO_ADAPTER"  # PyTorch there trains on the processor, never READY


def test_a_gpu_too_old_for_any_build_is_told_so_when_it_is_disabled_too():
    """Enabling it would be for nothing."""
    for state in ({}, {"status": "disabled", "problem_code": 22}, {"status": "failing", "problem_code": 43}):
        found = planned(pc("windows", ("gtx780", state)), stack="cuda")
        assert codes(found) == ["COMPUTE_CAPABILITY_TOO_LOW"], state
    assert codes(planned(pc("guest", ("gtx780", {"status": "failing"})), stack="cuda")) == [
        "COMPUTE_CAPABILITY_TOO_LOW"
    ]


NO_HYPERVISOR = {
    "wsl": {"error": {"code": "Wsl/Service/CreateInstance/CreateVm/HCS/HCS_E_HYPERV_NOT_INSTALLED", "message": "x"}}
}


@pytest.mark.parametrize(
    ("machine", "more", "words"),
    [
        ({"virtualization": False, "hypervisor": False}, {}, "firmware"),
        ({"virtualization": True, "hypervisor": False}, {"features": {"VirtualMachinePlatform": "Enabled"}}, "bcdedit"),
        ({"virtualization": True, "hypervisor": False}, NO_HYPERVISOR, "bcdedit"),
        ({"virtualization": None, "hypervisor": True}, NO_HYPERVISOR, "at the host"),
        ({"virtualization": True, "hypervisor": True}, NO_HYPERVISOR, "SVM"),
        ({"virtualization": True, "hypervisor": True}, {}, None),
        ({"virtualization": True, "hypervisor": False}, {"features": {"VirtualMachinePlatform": "Disabled"}}, None),
        ({"virtualization": None, "hypervisor": None}, {}, None),
    ],
)
def test_virtualization_is_switched_on_where_it_is_off(machine, more, words):
    """A hypervisor that Windows does not start is no setting of the firmware."""
    found = planned(pc("windows", "rtx4090", machine=machine, **more), stack="cuda")
    steps = [one["next_step"] for one in found.blockers if one["code"] == "VIRTUALIZATION_OFF"]
    assert len(steps) == (words is not None)
    if words:
        assert words in steps[0]
        assert ("firmware" in steps[0]) is (words in ("firmware", "SVM"))
