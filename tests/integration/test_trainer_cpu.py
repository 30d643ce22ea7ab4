"""Real PyTorch on the processor: what a good training looks like, and what the evidence of bad ones says.

Each bad one is a real training in which something computes wrongly: a sitecustomize.py changes PyTorch before the
trainer imports it. The trainer trains twice, first the reference and then the device, so `second()` is true on the
device.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import records

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from trainer_help import judged, torch_python, train

pytestmark = pytest.mark.slow
STEPS = 40
PATCH = f"""
import sys
if "--child" in sys.orig_argv:
    import torch, warnings
    F = torch.nn.functional
    true_loss, true_norm, true_tensor, calls = F.cross_entropy, F.batch_norm, torch.tensor, [0]

    def second():
        return calls[0] > {STEPS}

    def cross_entropy(logits, labels):
        calls[0] += 1
        return broken(logits, labels)

    F.cross_entropy = cross_entropy
    broken = true_loss
"""


@pytest.fixture(scope="module")
def python() -> str:
    return torch_python()


def bad(folder: Path, python: str, change: str, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The evidence of a training changed so, and its verdict."""
    text = PATCH + "".join(f"    {line}\n" for line in change.strip().splitlines())
    found = train(folder, site=text, python=python, steps=STEPS, **options)
    return found, judged(found)


def failed(verdict: dict[str, Any]) -> set[str]:
    return {check["name"] for check in verdict["checks"] if check["state"] == "fail"}


def test_a_good_training_would_pass(python: str, tmp_path: Path) -> None:
    found = train(tmp_path, python=python, backend="torch-cpu", speed_seconds=0.3)
    assert (found["finished"], found["error"], found["process"]["rc"]) == (True, None, 0)
    assert (found["process"]["phase"], found["process"]["timed_out"]) == ("end", False)
    assert found["framework"]["name"] == "torch"
    device = found["device"]
    assert (device["kind"], device["placed"], device["places"], device["fallbacks"]) == ("CPU", True, ["cpu"], [])
    assert found["task"] == {"seed": 20261123, "classes": 4, "samples": 256, "steps": 40, "batch": 64, "labels": True}
    for part in ("reference", "result"):
        assert len(found[part]["losses"]) == 40
        assert found[part]["losses"][-1] < 0.1 * found[part]["losses"][0]
        assert found[part]["accuracy"] == 1.0
        assert found[part]["samples_per_second"] > 0
        assert found[part]["speed_batch"] in (8, 32, 128)
    assert found["agreement"]["loss_max_difference"] < 1e-5
    assert (judged(found)["state"], failed(judged(found))) == ("READY", set())
    record = records.on_cpu("cpu")
    record["training"] |= {key: found[key] for key in ("device", "task", "reference", "result", "agreement")}
    from ansible_collections.gpuready.lab.plugins.plugin_utils.verdict import judging as verdict

    given = verdict.verdict(record, {})
    assert (given["state"], given["code"]) == ("NOT_READY", "NO_GPU")  # a processor is never READY


@pytest.mark.parametrize("kind", ["cuda", "xpu"])
def test_an_accelerator_that_this_pytorch_was_not_built_for_says_so_itself(
    python: str, tmp_path: Path, kind: str
) -> None:
    found = train(tmp_path, python=python, backend=f"torch-{kind}")
    assert found["finished"] is False
    assert found["process"]["phase"] == "end"
    assert kind in found["error"]["message"].lower()
    assert judged(found)["state"] == "NOT_READY"


def test_an_accelerator_that_pytorch_does_not_know(python: str, tmp_path: Path) -> None:
    found = train(tmp_path, python=python, backend="torch-abacus")
    assert (found["error"]["code"], found["finished"]) == ("BAD_INPUT", False)
    assert found["error"]["message"] == "this PyTorch has no accelerator torch.abacus"


# An accelerator of its own: a module of torch with the calls that torch.cuda and torch.xpu have, on the processor.
ACCELERATOR = """
import sys
if "--child" in sys.orig_argv:
    import torch, types
    real = torch.device
    torch.abacus = types.SimpleNamespace(
        is_available=lambda: True, device_count=lambda: 2, max_memory_allocated=lambda device: 7,
        get_device_name=lambda number: ["Abacus 1", "Abacus 2"][number])
    torch.device = lambda name: real("cpu") if str(name).startswith("abacus") else real(name)
"""


def test_an_accelerator_that_nobody_has_heard_of_trains(python: str, tmp_path: Path) -> None:
    found = train(tmp_path, site=ACCELERATOR, python=python, backend="torch-abacus", adapter="Abacus 2", steps=4)
    device = found["device"]
    assert found["finished"] is True
    assert (device["kind"], device["adapter_name"], device["adapters_found"]) == ("ABACUS", "Abacus 2", 2)
    assert found["result"]["peak_memory_bytes"] == 7


def test_another_seed_is_another_training(python: str, tmp_path: Path) -> None:
    found = train(tmp_path, python=python, seed=5, steps=4, batch=32, samples=64)
    again = train(tmp_path, python=python, seed=5, steps=4, batch=32, samples=64)
    other = train(tmp_path, python=python, seed=6, steps=4, batch=32, samples=64)
    assert found["result"]["losses"] == pytest.approx(again["result"]["losses"], abs=1e-6)
    assert found["result"]["losses"] != pytest.approx(other["result"]["losses"], abs=1e-3)


def test_nan(python: str, tmp_path: Path) -> None:
    found, word = bad(
        tmp_path, python, "broken = lambda a, b: true_loss(a, b) * (float('nan') if calls[0] > 70 else 1.0)"
    )
    assert found["result"]["losses"][-1] == "nan"
    assert found["agreement"]["loss_max_difference"] == "nan"
    assert (word["state"], word["code"]) == ("NOT_READY", "NOT_FINITE")


def test_a_loss_that_does_not_fall(python: str, tmp_path: Path) -> None:
    found, word = bad(tmp_path, python, "broken = lambda a, b: true_loss(a.detach(), b) + 0.0 * a.sum()")
    assert found["finished"] is True
    assert word["state"] == "NOT_READY"
    assert "loss" in failed(word)


def test_random_labels(python: str, tmp_path: Path) -> None:
    found, word = bad(
        tmp_path,
        python,
        """
import random
def tensor(data, *rest, **more):
    mixed = isinstance(data, list) and isinstance(data[0], int)
    return true_tensor(random.sample(data, len(data)) if mixed else data, *rest, **more)
torch.tensor = tensor
""",
    )
    assert found["task"]["labels"] is False
    assert found["result"]["accuracy"] < 0.9
    assert word["state"] == "NOT_READY"
    assert failed(word) >= {"labels", "accuracy"}


def test_images_that_do_not_arrive(python: str, tmp_path: Path) -> None:
    found, word = bad(
        tmp_path,
        python,
        """
def tensor(data, *rest, **more):
    lost = isinstance(data, list) and isinstance(data[0], list)
    return true_tensor(data, *rest, **more) * (0 if lost else 1)
torch.tensor = tensor
""",
    )
    assert found["task"]["labels"] is False
    assert word["state"] == "NOT_READY"


def test_losses_that_differ_from_the_reference(python: str, tmp_path: Path) -> None:
    found, word = bad(tmp_path, python, "broken = lambda a, b: true_loss(a, b) + (0.05 if second() else 0.0)")
    assert found["agreement"]["loss_max_difference"] == pytest.approx(0.05, abs=1e-3)
    assert found["agreement"]["batchnorm_mean_difference"] < 1e-4
    assert (word["state"], word["code"]) == ("NOT_READY", "REFERENCE_DISAGREES")


def test_wrong_batchnorm_statistics(python: str, tmp_path: Path) -> None:
    found, word = bad(
        tmp_path,
        python,
        """
def batch_norm(x, mean, variance, weight, bias, training, momentum, *rest):
    return true_norm(x, mean, variance, weight, bias, training, momentum * (0.5 if second() else 1.0), *rest)
F.batch_norm = batch_norm
""",
    )
    assert found["agreement"]["batchnorm_variance_difference"] > 0.01
    assert found["agreement"]["loss_max_difference"] < 1e-4  # only the statistics are wrong
    assert (word["state"], word["code"]) == ("NOT_READY", "BATCHNORM_WRONG")


def test_an_operator_that_falls_back(python: str, tmp_path: Path) -> None:
    found, word = bad(
        tmp_path,
        python,
        """
def broken(a, b):
    if calls[0] == 50:
        warnings.warn("The operator 'aten::nll_loss_forward' is not currently supported on the DML backend "
                      "and will fall back to run on the CPU. This may have performance implications.")
    return true_loss(a, b)
""",
    )
    assert found["device"]["fallbacks"] == ["aten::nll_loss_forward"]
    assert (word["state"], word["code"]) == ("NOT_READY", "CPU_FALLBACK")


def test_a_part_of_the_training_elsewhere(python: str, tmp_path: Path) -> None:
    # "meta" is PyTorch's device without memory: the last gradient lies there
    found, word = bad(
        tmp_path,
        python,
        """
import collections
class Elsewhere(torch.Tensor):
    @property
    def device(self):
        return torch.device("meta")
broken = lambda a, b: true_loss(a, b).as_subclass(Elsewhere) if calls[0] == 80 else true_loss(a, b)
""",
    )
    assert (found["device"]["placed"], found["device"]["places"]) == (False, ["cpu", "meta"])
    assert (word["state"], word["code"]) == ("NOT_READY", "CPU_FALLBACK")


def test_an_operator_that_the_device_cannot_do(python: str, tmp_path: Path) -> None:
    found, word = bad(
        tmp_path,
        python,
        """
def broken(a, b):
    if second():
        raise RuntimeError("Call failed.")
    return true_loss(a, b)
""",
    )
    assert (found["finished"], found["process"]["phase"]) == (False, "end")
    assert found["reference"]["accuracy"] == 1.0  # what was known before is not lost
    assert found["result"] is None
    assert (word["state"], word["code"]) == ("NOT_READY", "OPERATOR_UNSUPPORTED")


def test_out_of_memory(python: str, tmp_path: Path) -> None:
    found, word = bad(
        tmp_path,
        python,
        """
import resource
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), -1))
""",
        samples=1 << 17,
        batch=1 << 17,
        environment={"OMP_NUM_THREADS": "1"},
    )
    assert found["finished"] is False
    assert (word["state"], word["code"]) == ("NOT_READY", "OUT_OF_MEMORY"), found["error"]


def test_a_crash_in_the_middle_keeps_the_reference(python: str, tmp_path: Path) -> None:
    found, word = bad(
        tmp_path,
        python,
        """
import ctypes
broken = lambda a, b: ctypes.string_at(0) if second() else true_loss(a, b)
""",
    )
    assert (found["finished"], found["process"]["rc"], found["process"]["phase"]) == (False, -11, "result")
    assert found["reference"]["accuracy"] == 1.0
    assert found["device"]["name"] == "cpu"
    assert word["code"] == "ACCESS_VIOLATION"
