"""nvidia-smi's answers: every sample of tests/data/nvidia_smi, and answers cut off, damaged or of another kind.

What is expected of a sample was read off the sample by eye, not taken from the parser.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.evidence.nvidia_smi import NvidiaSmi, parse

DATA = Path(__file__).parents[2] / "data" / "nvidia_smi"
MIB = 1024**2

# file -> driver, CUDA, name, bus id, device id, memory MiB, used MiB, GPU %, compute capability, driver model, MIG
SAMPLES = {
    "netdata_go.d__rtx-2080-win.xml": (
        ("516.59", "11.7", "NVIDIA GeForce RTX 2080", "0000:0a:00.0", "1e87", 8192, 862, 2, "7.5", "WDDM", None)
    ),
    "netdata_go.d__rtx-3060.xml": (
        (
            "515.65.01",
            "11.7",
            "NVIDIA GeForce RTX 3060 Laptop GPU",
            "0000:01:00.0",
            "2520",
            6144,
            5,
            0,
            "8.6",
            None,
            None,
        )
    ),
    "netdata_go.d__tesla-p100.xml": (
        ("510.47.03", "11.6", "Tesla P100-PCIE-16GB", "0000:00:04.0", "15f8", 16384, 0, 0, "6.0", None, None)
    ),
    "telegraf__a100-sxm4-v12.xml": (
        ("535.54.03", "12.2", "NVIDIA A100-SXM4-80GB", "0000:01:00.0", "20b2", 81920, 50, None, "8.0", None, True)
    ),
    "telegraf__gtx-1070-ti.xml": (
        (None, None, "GeForce GTX 1070 Ti", "0000:01:00.0", None, 4096, 42, 0, None, None, None)
    ),
    "telegraf__quadro-p2000-v12.xml": (
        ("525.125.06", "12.0", "Quadro P2000", "0000:17:00.0", "1c30", 5120, 1, 0, "6.1", None, None)
    ),
    "telegraf__rtx-3060-v12.xml": (
        ("570.124.04", "12.8", "NVIDIA GeForce RTX 3060", "0000:2d:00.0", "2487", 12288, 116, 0, "8.6", None, None)
    ),
    "telegraf__rtx-3090-v12.xml": (  # its device id was blacked out
        ("525.147.05", "12.0", "NVIDIA GeForce RTX 3090", "0000:00:10.0", None, 24576, 1, 0, None, None, None)
    ),
    "telegraf__tesla-t4.xml": (
        ("515.105.01", "11.7", "Tesla T4", "0000:00:1e.0", "1eb8", 15360, 1032, 0, "7.5", None, None)
    ),
    "nvidia_gpu_exporter__linux-x86_64__nvidia-geforce-rtx-2080-super__595.71.05.txt": (
        ("595.71.05", "13.2", "NVIDIA GeForce RTX 2080 SUPER", "0000:0c:00.0", "1e81", 8192, 214, 0, "7.5", None, None)
    ),
    "nvidia_gpu_exporter__linux-x86_64__nvidia-geforce-rtx-2080-super__610.57.04.txt": (
        ("610.57.04", "13.3", "NVIDIA GeForce RTX 2080 SUPER", "0000:0c:00.0", "1e81", 8192, 211, 0, "7.5", None, None)
    ),
    "nvidia_gpu_exporter__linux-x86_64__nvidia-h100-80gb-hbm3__590.48.01.txt": (
        ("590.48.01", "13.1", "NVIDIA H100 80GB HBM3", "0000:00:09.0", "2330", 81559, 0, 0, "9.0", None, False)
    ),
    "nvidia_gpu_exporter__linux-x86_64__nvidia-h200-mig__590.48.01.txt": (
        ("590.48.01", "13.1", "NVIDIA H200", "0000:83:00.0", "2335", 143771, 55, None, "9.0", None, True)
    ),
    "nvidia_gpu_exporter__linux-x86_64__nvidia-l40s__595.80.txt": (
        ("595.80", "13.2", "NVIDIA L40S", "0000:01:00.0", "26b9", 46068, 0, 100, "8.9", None, None)
    ),
    "nvidia_gpu_exporter__windows-x86_64__nvidia-geforce-rtx-2080-super__591.86.txt": (
        ("591.86", "13.1", "NVIDIA GeForce RTX 2080 SUPER", "0000:0c:00.0", "1e81", 8192, 702, 0, "7.5", "WDDM", None)
    ),
}
# Files of the samples that are no answer of `nvidia-smi -q`.
OTHERS = {"SOURCES.md", "netdata_go.d__help-query-gpu.txt", "netdata_go.d__tesla-p100.csv", "wsl_excerpts.txt"}

GPU = """<gpu id="00000000:{bus}:00.0"><product_name>NVIDIA GeForce RTX 4090</product_name><uuid>GPU-{bus}</uuid>
<pci><pci_device_id>268410DE</pci_device_id><pci_bus_id>00000000:{bus}:00.0</pci_bus_id></pci>
<fb_memory_usage><total>24564 MiB</total><used>{used}</used></fb_memory_usage>
<utilization><gpu_util>{util}</gpu_util></utilization></gpu>"""
HEAD = '<?xml version="1.0" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v13.dtd">\n<nvidia_smi_log>\n'


def document(*gpus: str, versions: str = "<driver_version>580.65.06</driver_version>") -> str:
    return HEAD + versions + f"<attached_gpus>{len(gpus)}</attached_gpus>" + "\n".join(gpus) + "\n</nvidia_smi_log>\n"


def gpu(bus: str, used: str = "10 MiB", util: str = "5 %") -> str:
    return GPU.format(bus=bus, used=used, util=util)


def codes(answer: NvidiaSmi) -> list[str]:
    return [problem.code for problem in answer.problems]


def test_every_sample_is_expected() -> None:
    assert {path.name for path in DATA.iterdir()} == set(SAMPLES) | OTHERS


@pytest.mark.parametrize("name", SAMPLES)
def test_sample(name: str) -> None:
    driver, cuda, product, bus, device, memory, used, percent, capability, model, mig = SAMPLES[name]
    answer = parse((DATA / name).read_text())
    assert (answer.driver_version, answer.cuda_version) == (driver, cuda)
    (found,) = answer.gpus
    assert (found.name, found.pci_bus_id, found.device_id) == (product, bus, device)
    assert (found.memory_bytes, found.memory_used_bytes) == (memory * MIB, used * MIB)
    assert (found.utilization_percent, found.compute_capability) == (percent, capability)
    assert (found.driver_model, found.mig) == (model, mig)
    assert found.vendor_id == ("10de" if device else None)
    assert (found.uuid or "").startswith("GPU-")
    assert found.problems == []


def test_sample_that_was_shortened_by_hand_says_so() -> None:
    assert codes(parse((DATA / "telegraf__a100-sxm4-v12.xml").read_text())) == ["NVIDIA_SMI_INCOMPLETE"]


def test_partitions() -> None:
    (a100,) = parse((DATA / "telegraf__a100-sxm4-v12.xml").read_text()).gpus
    assert a100.mig_devices == [19968 * MIB] * 4
    (h200,) = parse((DATA / "nvidia_gpu_exporter__linux-x86_64__nvidia-h200-mig__590.48.01.txt").read_text()).gpus
    assert h200.mig_devices == [m * MIB for m in (71424, 71424, 33280, 16384, 16384)]


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_other_text_is_no_answer(name: str) -> None:
    answer = parse((DATA / name).read_text())
    assert answer.gpus == []
    assert len(answer.problems) == 1


@pytest.mark.parametrize(
    ("versions", "driver", "cuda"),
    [
        ("<kmd_version>610.57.04</kmd_version><cuda_umd_version>13.3</cuda_umd_version>", "610.57.04", "13.3"),
        (
            (
                '<driver_version>Deprecated, see "kmd_version" instead</driver_version>'
                "<kmd_version>610.88</kmd_version>"
                "<cuda_version>Deprecated</cuda_version><cuda_umd_version>13.3</cuda_umd_version>"
            ),
            "610.88",
            "13.3",
        ),
        ("<driver_version>610.57.04 [Deprecated; use KMD Version]</driver_version>", "610.57.04", None),
        (
            "<nvidia_driver_version>620.1</nvidia_driver_version><umd_cuda_version>14.0</umd_cuda_version>",
            "620.1",
            "14.0",
        ),
        ("<driver_version>N/A</driver_version><cuda_version>ERR!</cuda_version>", None, None),
        ("<cuda_driver_version>13.1</cuda_driver_version>", None, "13.1"),
        ("", None, None),
    ],
)
def test_versions_under_old_and_new_names(versions: str, driver: str | None, cuda: str | None) -> None:
    answer = parse(document(gpu("01"), versions=versions))
    assert (answer.driver_version, answer.cuda_version) == (driver, cuda)
    assert len(answer.gpus) == 1


def test_two_alike_stay_two() -> None:
    answer = parse(document(gpu("01"), gpu("02")))
    assert [g.pci_bus_id for g in answer.gpus] == ["0000:01:00.0", "0000:02:00.0"]
    assert answer.problems == []


@pytest.mark.parametrize(
    "value", ["N/A", "[N/A]", "[Not Supported]", "Not Supported", "", "[Insufficient Permissions]"]
)
def test_no_answer_is_null_and_no_problem(value: str) -> None:
    (found,) = parse(document(gpu("01", used=value, util=value))).gpus
    assert (found.memory_used_bytes, found.utilization_percent, found.problems) == (None, None, [])
    assert found.memory_bytes == 24564 * MIB


@pytest.mark.parametrize("value", ["ERR!", "[Unknown Error]", "Unknown Error", "[GPU is lost]", "[GPU requires reset]"])
def test_error_is_null_and_a_problem(value: str) -> None:
    (found,) = parse(document(gpu("01", used="1 MiB", util=value))).gpus
    assert found.utilization_percent is None
    assert [p.code for p in found.problems] == ["NVIDIA_GPU_ERROR"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1 GiB", 1024 * MIB),
        ("512 KiB", 512 * 1024),
        ("5 B", 5),
        ("0 MiB", 0),
        ("many", None),
        ("9" * 400 + " MiB", None),
    ],
)
def test_amounts(value: str, expected: int | None) -> None:
    (found,) = parse(document(gpu("01", used=value))).gpus
    assert found.memory_used_bytes == expected
    assert [p.code for p in found.problems] == ([] if expected is not None else ["NVIDIA_SMI_VALUE"])


@pytest.mark.parametrize("value", ["nan %", "101 %", "-1 %", "inf %", "5"])
def test_percentages_out_of_range(value: str) -> None:
    (found,) = parse(document(gpu("01", util=value))).gpus
    assert found.utilization_percent is None
    assert [p.code for p in found.problems] == ["NVIDIA_SMI_VALUE"]


def test_cut_off_at_every_place_gives_what_is_complete() -> None:
    whole = document(gpu("01"), gpu("02"))
    ends = [whole.index("</gpu>") + len("</gpu>"), whole.rindex("</gpu>") + len("</gpu>")]
    for length in range(whole.index("<gpu ") + 5, whole.index("</nvidia_smi_log>")):
        answer = parse(whole[:length])
        assert len(answer.gpus) == sum(length >= end for end in ends)
        assert answer.driver_version == "580.65.06"
        assert codes(answer) == ["NVIDIA_SMI_TRUNCATED"]


def test_cut_off_gpu_does_not_swallow_the_next() -> None:
    damaged = document(gpu("01")[:200], gpu("02"))
    answer = parse(damaged)
    assert [g.pci_bus_id for g in answer.gpus] == ["0000:02:00.0"]
    assert "NVIDIA_SMI_DAMAGED" in codes(answer)


def test_noise_around_it() -> None:
    answer = parse("WARNING: infoROM is corrupted\n" + document(gpu("01")) + "\nWARNING: <something> & more\n")
    assert len(answer.gpus) == 1
    assert answer.problems == []


def test_damaged_inside() -> None:
    answer = parse(document(gpu("01").replace("<uuid>", "<uuid>\x00 &bad; "), gpu("02")))
    assert [g.pci_bus_id for g in answer.gpus] == ["0000:02:00.0"]
    assert "NVIDIA_SMI_DAMAGED" in codes(answer)


def test_entities_are_never_expanded() -> None:
    bomb = '<!DOCTYPE nvidia_smi_log [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    answer = parse(bomb + "<nvidia_smi_log>" + gpu("01").replace("GPU-01", "&b;") + "</nvidia_smi_log>")
    assert answer.gpus == []
    assert "NVIDIA_SMI_DAMAGED" in codes(answer)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (
            (
                "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that "
                "the latest NVIDIA driver is installed and running."
            ),
            "NVIDIA_DRIVER_NOT_RUNNING",
        ),
        (
            "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 535.54",
            "NVIDIA_DRIVER_MISMATCH",
        ),
        ("Failed to initialize NVML: GPU access blocked by the operating system", "NVIDIA_GPU_BLOCKED"),
        ("Failed to initialize NVML: Insufficient Permissions", "NVIDIA_SMI_NOT_PERMITTED"),
        ("Failed to initialize NVML: Unknown Error", "NVIDIA_SMI_FAILED"),
        ("No devices were found", "NVIDIA_NO_DEVICES"),
        ("Unable to determine the device handle for GPU0000:0A:00.0: Unknown Error", "NVIDIA_GPU_ERROR"),
        (document(), "NVIDIA_NO_DEVICES"),
        ("", "NVIDIA_SMI_EMPTY"),
        ("  \n", "NVIDIA_SMI_EMPTY"),
        ("bash: nvidia-smi: command not found", "NVIDIA_SMI_UNREADABLE"),
        ("<html><body>It works</body></html>", "NVIDIA_SMI_UNREADABLE"),
        ("{}", "NVIDIA_SMI_UNREADABLE"),
    ],
)
def test_what_stands_instead_of_an_answer(said: str, code: str) -> None:
    answer = parse(said)
    assert answer.gpus == []
    assert codes(answer) == [code]


@pytest.mark.parametrize("value", [None, 5, b"", b"\xff\xfe<", [], {}, float("nan")])
def test_no_text_at_all(value: object) -> None:
    assert parse(value).problems


def test_bus_ids_of_other_domains() -> None:
    (found,) = parse(document(gpu("01").replace("00000000:01:00.0", "00010000:E1:00.0"))).gpus
    assert found.pci_bus_id == "10000:e1:00.0"
