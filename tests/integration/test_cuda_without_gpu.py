"""CUDA's own wheels on this machine, from the lock as it ships, with a stand-in for the driver (tests/stubcuda).

The product brings the stack, trains and judges; PyTorch's and NVIDIA's words are real, and what is computed is right.
Every record says that it is simulated: there is no GPU.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from ansible_collections.gpuready.lab.plugins.modules import training_facts
from ansible_collections.gpuready.lab.plugins.plugin_utils import trainer
from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict import judging, training
from provision_local_help import Machine, recap, states
from stubcuda_help import CARD, STUB, Layer, nvidia_smi
from words import rows

SPACE = 14 << 30  # what the plan asks for, and the wheels while they are unpacked
TORCH = "2.13.0+cu130"
pytestmark = pytest.mark.slow


# A state of the driver as tests/data/cuda_states names it, where it stands in for the driver, with what, and the code.
STATES: list[tuple[str, str, dict[str, str], str]] = [
    ("no-libcuda", "none", {}, "NVIDIA_NO_DRIVER"),
    ("libcuda-text", "text", {}, "NVIDIA_NO_DRIVER"),
    ("version-12.0", "driver", {"STUB_VERSION": "12000"}, "CUDA_DRIVER_OLD"),
    ("init-36", "driver", {"STUB_INIT": "36"}, "CUDA_DRIVER_OLD"),
    ("missing-cuInit", "driver", {"STUB_MISSING": "cuInit"}, "CUDA_DRIVER_OLD"),
    ("init-804-compat_not_supported_on_device", "driver", {"STUB_INIT": "804"}, "CUDA_COMPAT"),
    ("init-803-system_driver_mismatch", "driver", {"STUB_INIT": "803"}, "NVML_MISMATCH"),
    ("init-100-no_device", "driver", {"STUB_INIT": "100"}, "CUDA_NO_DEVICE"),
    ("visible-minus1", "driver", {"CUDA_VISIBLE_DEVICES": "-1"}, "CUDA_NO_DEVICE"),
    ("init-999-unknown", "driver", {"STUB_INIT": "999"}, "CUDA_UNKNOWN_ERROR"),
    ("context-46-devices_unavailable", "kernels", {"STUB_CONTEXT": "46"}, "CUDA_DEVICE_BUSY"),
    ("module-209-no_kernel_image", "kernels", {"STUB_MODULE": "209"}, "CUDA_NO_KERNEL"),
    ("module-222-unsupported_ptx", "kernels", {"STUB_MODULE": "222"}, "CUDA_DRIVER_OLD"),
    ("memory-first", "kernels", {"STUB_FAIL_cudaMalloc": "2"}, "OUT_OF_MEMORY"),
    ("soft-memory-later", "soft", {"STUB_FAIL_cudaMalloc": "2@2"}, "OUT_OF_MEMORY"),
    ("blas-1", "kernels", {"STUB_BLAS": "1"}, "CUDA_LIBRARY_FAILED"),
    ("launch-700-illegal_address", "kernels", {"STUB_LAUNCH": "700"}, "CUDA_KERNEL_DIED"),
    ("launch-702-launch_timeout", "kernels", {"STUB_LAUNCH": "702"}, "GPU_REMOVED"),
    ("launch-719-later", "kernels", {"STUB_LAUNCH": "719@100"}, "CUDA_KERNEL_DIED"),
    ("launch-719-abort", "kernels", {"STUB_LAUNCH": "719@100", "STUB_DEAD": "1"}, "CUDA_KERNEL_DIED"),
    # no error at all, and yet wrong
    ("kernels that do nothing", "kernels", {}, "REFERENCE_DISAGREES"),
    ("relu is wrong", "soft", {"STUB_SOFT_WRONG": "relu"}, "REFERENCE_DISAGREES"),
    ("a convolution is wrong", "soft", {"STUB_SOFT_WRONG": "_slow_conv2d_forward"}, "BATCHNORM_WRONG"),
]
RECORDED = {row["case"]: row["right"].split("|") for row in rows("cuda_states/states.tsv") if row["torch"] == TORCH}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """This machine with an nvidia-smi that tells of a card, and the cuda stack; no driver yet."""
    folder = tmp_path_factory.mktemp("cuda")
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc here, which builds the stand-in for NVIDIA's driver")
    if shutil.disk_usage(folder).free < SPACE:
        pytest.skip(f"less than {SPACE >> 30} GiB are free in {folder.parent}, and CUDA's wheels take five")
    if shutil.which("nvidia-smi") or Path("/proc/driver/nvidia/version").exists():
        pytest.skip("this machine has an NVIDIA driver of its own")
    (folder / "smi.xml").write_text(nvidia_smi())
    (folder / "bin").mkdir()
    (folder / "bin/nvidia-smi").write_text(f"#!/bin/sh\ncat {folder}/smi.xml\n")
    (folder / "bin/nvidia-smi").chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
        yield Machine(folder)
    shutil.rmtree(folder / "home", ignore_errors=True)


@pytest.fixture(scope="module")
def first(machine: Machine) -> dict[str, Any]:
    """The record of the first provision: the stack is brought, and there is no driver to train with."""
    code, output = provision(machine, Layer(machine.home.parent).variables("none"))
    if "INDEX_UNREACHABLE" in output or "INTERPRETER_MISSING" in output:
        pytest.skip("no package index, or no Python for the stack, can be had here")
    assert code == 0, output
    return machine.record()


@pytest.fixture(scope="module")
def layer(machine: Machine, first: dict[str, Any]) -> Layer:
    folder = machine.home.parent / "stub"
    python = first["apply"]["environment"]["path"] + "/bin/python"
    subprocess.run([STUB / "build.sh", python, folder], check=True)
    (folder / "text").mkdir()
    (folder / "text/libcuda.so.1").write_text("no library\n")
    return Layer(folder)


@pytest.fixture(scope="module")
def ready(machine: Machine, layer: Layer) -> tuple[str, dict[str, Any]]:
    """What a run says on a machine whose driver works, and its report."""
    code, output = provision(machine, layer.variables("soft"))
    assert code == 0, output
    return output, machine.document()


def provision(machine: Machine, variables: Mapping[str, str], **more: Any) -> tuple[int, str]:
    return machine.run(
        gpuready_simulated=True,
        gpu_verify_environment=dict(variables),
        gpu_verify_throughput_floor=None,  # its GPU is this machine's processor
        gpu_verify_options={"steps": 16},
        **more,
    )


def test_without_a_driver_the_stack_is_brought_and_the_verdict_says_what_is_missing(first: dict[str, Any]) -> None:
    assert (first["plan"]["stack"], first["plan"]["variant"]) == ("cuda", "cu130")
    assert first["apply"]["environment"]["built"] is True
    assert states(first) == ("NOT_READY", "NVIDIA_NO_DRIVER")
    assert first["verdict"]["next_step"]


def test_with_a_driver_it_is_ready_on_cuda(ready: tuple[str, dict[str, Any]]) -> None:
    output, document = ready
    (record,) = document["hosts"]
    assert states(record) == ("READY", "TRAINED"), (record["verdict"], record["training"])
    assert (document["simulated"], record["simulated"]) == (True, True)
    assert "1 of 1 SIMULATED PC ready" in output
    trained = record["training"]
    assert (trained["device"]["name"], trained["device"]["adapter_name"]) == ("cuda:0", CARD)
    assert trained["framework"]["version"] == TORCH
    assert trained["device"]["placed"] is True
    assert trained["result"]["losses"] != trained["reference"]["losses"], "it was not trained on the CPU twice"
    checks = {check["name"]: check["state"] for check in record["verdict"]["checks"]}
    assert checks.pop("throughput") == "waived"
    assert set(checks.values()) == {"pass"}


def test_a_second_run_changes_nothing(machine: Machine, layer: Layer, ready: tuple[str, dict[str, Any]]) -> None:
    code, output = provision(machine, layer.variables("soft"), gpu_verify_train="when_changed")
    assert code == 0, output
    assert "changed=0 unreachable=0 failed=0" in recap(output)
    record = machine.record()
    assert states(record) == ("READY", "TRAINED")
    assert record["verdict"]["reused"] is True


@pytest.fixture(scope="module")
def judged(layer: Layer, ready: tuple[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The records of trainings with each of the drivers, as the module runs them and the controller judges."""
    (record,) = ready[1]["hosts"]
    asked = training.request({"options": {"speed_seconds": 0, "steps": 8}, "time_limit": 120}, record)
    assert isinstance(asked, dict)
    options = {"adapter": asked["adapter"], "backend": asked["backend"], "time_limit": 120, **asked["options"]}

    def one(state: tuple[str, str, dict[str, str], str]) -> dict[str, Any]:
        variables = layer.variables(*state[1:3])
        found = training_facts.run(asked["interpreter"], trainer.text(), options, variables)
        tried = {**record, "training": {**found, "trainer_sha256": trainer.sha256()}}
        tried["verdict"] = judging.verdict(tried, {"throughput_floor": None, "simulated_lab": True})
        return tried

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip((state[0] for state in STATES), pool.map(one, STATES), strict=True))


@pytest.mark.parametrize(("name", "code"), [(one[0], one[3]) for one in STATES], ids=[one[0] for one in STATES])
def test_each_state_of_the_driver_ends_with_its_own_code(
    judged: dict[str, dict[str, Any]], name: str, code: str
) -> None:
    record = judged[name]
    assert states(record) == ("NOT_READY", code), (record["verdict"], record["training"])
    assert record["verdict"]["cause"]
    assert record["verdict"]["next_step"]
    assert record["simulated"] is True
    if name in RECORDED:
        assert code in RECORDED[name], "the words that were recorded have another code"


def test_a_driver_that_aborts_the_process_does_so_without_an_answer_of_its_own(
    judged: dict[str, dict[str, Any]],
) -> None:
    assert judged["launch-719-abort"]["training"]["process"]["rc"] == -6
    assert judged["launch-719-later"]["training"]["process"]["rc"] == 0
