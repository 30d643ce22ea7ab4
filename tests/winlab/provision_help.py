"""What the tests of provisioning share: PCs with a GPU on winlab, a whole playbook run as an outcome, and trainings
that really go wrong.

Nothing in the product helps to break it: a training goes wrong because a sitecustomize.py on PYTHONPATH changes the
framework in the training's process, or because a file, an option or the GPU is another one.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from records import of_this_run
from winlab import PREFIXES, Machine, testing

HOME = r"C:\ProgramData\gpuready"
CERTIFICATES = r"C:\ProgramData\lab\ca.crt"
PLUGIN = "tensorflow-directml-plugin"
STEPS = 16  # enough for the loss to fall to a fifth
Training = tuple[dict[str, Any], dict[str, Any]]  # the verdict and the evidence


# The CPythons for Windows that install.sh put together, by version.
PYTHONS = {"3.10": PREFIXES / "windows/Python310", "3.7": PREFIXES / "python37"}


def sources(pc: Machine, folder: Path, python: str = "3.10") -> dict[str, Any]:
    """The variables of an inventory: Python from an archive on the controller; uv and the packages as they come."""
    archive = folder / f"cpython-{python}.zip"
    if not archive.exists():
        shutil.make_archive(str(archive.with_suffix("")), "zip", PYTHONS[python])
    if not pc.path(CERTIFICATES).exists():
        pc.copy_in(PREFIXES / "windows/ca-certificates.crt", CERTIFICATES)
    return {
        "gpuready_simulated": True,
        "gpu_verify_throughput_floor": None,  # its GPU is software
        "python_environment_certificates": CERTIFICATES,
        "python_environment_interpreters": {python: _archive(archive)},
        "fleet_report_directory": str(folder / f"report-{pc.name}"),
        "fleet_report_lab": "",
    }


def _archive(path: Path) -> dict[str, str]:
    return {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


@dataclass
class Outcome:
    """A playbook's run over one PC: its JSON, the PC's record from the report, and the commands that WinRM carried."""

    run: dict[str, Any]
    record: dict[str, Any]
    commands: int
    changed: int

    @property
    def verdict(self) -> dict[str, Any]:
        return dict(self.record["verdict"])

    @property
    def word(self) -> tuple[str, str]:
        return self.verdict["state"], self.verdict["code"]


def play(pc: Machine, playbook: str, variables: Mapping[str, Any], **options: Any) -> Outcome:
    """Run one of the product's playbooks and read its report."""
    report = Path(variables["fleet_report_directory"])
    shutil.rmtree(report, ignore_errors=True)
    run = testing.ansible(pc, playbook=f"playbooks/{playbook}.yml", variables=variables, **options)
    found = report / "report.json"
    assert found.exists(), json.dumps(run)[:3000]
    (record,) = json.loads(found.read_text())["hosts"]
    print(json.dumps([record["verdict"], record["troubles"]]))  # shown where the test fails
    return Outcome(run, record, run["counted"], run["stats"][pc.name]["changed"])


def hand_over(one: Machine, other: Machine) -> None:
    """Give a PC the environments of another by hard links, as if built there: not current, never verified."""
    if not other.path(HOME).exists():
        other.copy_in(one.path(HOME), HOME)
        for name in ("current", "passes", "bin"):
            shutil.rmtree(other.path(HOME) / name)


SITE = """
import sys
if "--child" in sys.orig_argv:
"""
# TensorFlow, changed: `on_gpu(tensor)` is true in the second training only; the first is the CPU's reference.
TENSORFLOW = """
import numpy as np
import tensorflow as tf
true_loss, true_norm, true_constant = (
    tf.nn.sparse_softmax_cross_entropy_with_logits, tf.compat.v1.nn.fused_batch_norm, tf.constant)
calls = [0]

def on_gpu(tensor):
    return "GPU" in tensor.device

def loss(labels, logits):
    calls[0] += on_gpu(logits)
    return broken(labels, logits)

tf.nn.sparse_softmax_cross_entropy_with_logits = loss
broken = true_loss
"""


@dataclass
class Bench:
    """A PC that is READY, its record, and trainings on it that go wrong."""

    pc: Machine
    record: dict[str, Any]
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2), repr=False)
    _sites: Iterator[int] = field(default_factory=itertools.count, repr=False)

    def start(self, *arguments: Any, **options: Any) -> Future[Training]:
        """`train`, two at a time: importing TensorFlow takes most of it, and waits more than it computes."""
        return self._pool.submit(self.train, *arguments, **options)

    def train(
        self,
        site: str = "",
        *,
        tensorflow: bool = True,
        record: dict[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Training:
        """Train with this sitecustomize.py (with TENSORFLOW before it, unless told otherwise): verdict and evidence."""
        variables = dict(environment or {})
        if site:
            place = rf"C:\lab\site{next(self._sites)}"
            folder = self.pc.path(place)
            folder.mkdir(parents=True)
            text = (TENSORFLOW if tensorflow else "") + textwrap.dedent(site)
            (folder / "sitecustomize.py").write_text(SITE + textwrap.indent(text, "    "))
            variables["PYTHONPATH"] = place
        limit = options.pop("time_limit", 300)
        tasks: list[dict[str, Any]] = [
            {"name": "Record", "ansible.builtin.set_fact": of_this_run(record or self.record)},
            {
                "name": "Train",
                "gpuready.lab.training_facts": {
                    "time_limit": limit,
                    "variables": variables,
                    "options": {"speed_seconds": 0, "steps": STEPS, **options},
                    "home": rf"C:\lab\home{next(self._sites)}",  # where its job is: in one home there is one at a time
                },
            },
            {"name": "Judge", "gpuready.lab.gpu_verdict": {"policy": {"throughput_floor": None}}},
        ]
        run = testing.ansible(
            self.pc,
            playbook=[{"hosts": "all", "gather_facts": False, "tasks": tasks}],
            variables={"gpuready_simulated": True},
        )
        found = dict(testing.results(run, self.pc.name))
        record = found["Judge"]["ansible_facts"]["gpuready"]
        assert record["troubles"] == [], record["troubles"]
        return record["verdict"], record["training"]


# What a sitecustomize.py does to TensorFlow, and the code of the verdict.
WRONG = {
    "NOT_FINITE": """
        broken = lambda labels, logits: true_loss(labels, logits) * (float('nan') if calls[0] > 10 else 1.0)
        """,
    "LOSS_NOT_FALLING": "broken = lambda labels, logits: true_loss(labels, tf.stop_gradient(logits) + 0.0 * logits)",
    "LABELS_NOT_LEARNED": """
        def constant(value, *rest, **more):
            labels = getattr(value, "dtype", None) == np.int64 and value.ndim == 1 and value.size > 4
            return true_constant(np.random.RandomState(1).permutation(value) if labels else value, *rest, **more)
        tf.constant = constant
        """,
    "BATCHNORM_WRONG": """
        def norm(x, *rest, **more):
            y, mean, variance, *others = true_norm(x, *rest, **more)
            return (y, mean, variance * 1.5 if on_gpu(x) else variance, *others)
        tf.compat.v1.nn.fused_batch_norm = norm
        """,
    "REFERENCE_DISAGREES": """
        broken = lambda labels, logits: true_loss(labels, logits) + (0.05 if on_gpu(logits) else 0.0)
        """,
    "CPU_FALLBACK": """
        true_relu = tf.nn.relu
        def relu(x):
            with tf.device("/CPU:0"):
                return true_relu(tf.identity(x))
        tf.nn.relu = relu
        """,
    # DirectML has no kernel for it
    "OPERATOR_UNSUPPORTED": """
        def broken(labels, logits):
            if on_gpu(logits):
                tf.linalg.svd(logits)
            return true_loss(labels, logits)
        """,
    # 16 TiB; of the PC's memory, since Wine's Direct3D 12 does not survive the same of the GPU's
    "OUT_OF_MEMORY": """
        def broken(labels, logits):
            with tf.device("/CPU:0"):
                tf.ones([1 << 22, 1 << 20])
            return true_loss(labels, logits)
        """,
}


def failed(verdict: Mapping[str, Any]) -> set[str]:
    """The names of the checks that failed."""
    return {check["name"] for check in verdict["checks"] if check["state"] == "fail"}
