"""Model of gpuready.lab.training_facts on Windows: what the trainer would say, from a recorded run and the GPUs."""

from __future__ import annotations

import json
import ntpath
import re
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from importlib import resources
from typing import Any

from gpuready.simlab.gpus import problem_code
from gpuready.simlab.models.home import Home
from gpuready.simlab.models.model import ModuleFailed, Task, model
from gpuready.simlab.pc import SimulatedPc

_ARGUMENTS = (
    *("time_limit", "variables", "interpreter", "backend", "adapter", "gpu_variable", "visible_devices", "options"),
    *("trainer", "home", "claim"),
)
_ACCESS_VIOLATION = "0xC0000005"


@cache
def _recorded() -> dict[str, Any]:
    text = resources.files("gpuready.simlab").joinpath("data/training.json").read_text("utf-8")
    return dict(json.loads(text))


def _said_by(backend: str) -> dict[str, Any] | None:
    """What the trainer says of a backend, None for one that it does not know: an accelerator of PyTorch's own has its
    name in the backend's."""
    kind = re.fullmatch("torch-([a-z]+)", backend)
    if backend in _recorded()["backends"] or kind is None:
        return dict(_recorded()["backends"].get(backend) or {}) or None
    own = deepcopy(_recorded()["accelerator"])
    own["no_adapter"]["message"] = own["no_adapter"]["message"].format(kind[1])
    named = {"name": f"{kind[1]}:0", "place": f"{kind[1]}:0", "kind": kind[1].upper(), "requested": kind[1]}
    return {**own, **named}


@model("gpuready.lab.training_facts")
def training_facts(task: Task) -> dict[str, Any]:
    """The section `training` of docs/records.md."""
    task.only(*_ARGUMENTS)
    for name in ("interpreter", "backend", "trainer"):
        if not task.arguments.get(name):
            raise ModuleFailed(f"{name} is missing: the action plugin gives it")
    if task.check:
        return _answer({"skipped": "check mode"})
    backend, interpreter = str(task.arguments["backend"]), str(task.arguments["interpreter"])
    home = task.arguments.get("home")
    if home and (why := Home(task.pc, str(home)).refusal()):
        error = _error("HOME_NOT_OURS", why)
        return _answer({"schema_version": 1, "finished": False, "process": None, "error": error})
    if not task.pc.disk.is_file(interpreter):
        message = "The system cannot find the file specified"
        return _answer(
            {"schema_version": 1, "finished": False, "process": None, "error": _error("INTERPRETER_MISSING", message)}
        )
    known = _said_by(backend)
    if known is None:
        error = {"type": "Stop", "code": "BAD_INPUT", "message": f"backend: {backend} is unknown", "where": None}
        return _answer({"schema_version": 1, "finished": False, "process": None, "error": error})
    training = trained(task, known, interpreter)
    outcome = task.pc.scenario.training.outcome
    if outcome is None:
        outcome = "trained" if known["kind"] == "CPU" or _adapter(task) else "no_adapter"
    if outcome == "no_adapter" and "no_adapter" in known:
        _stopped(training, {"type": "Stop", "where": None, **known["no_adapter"]})
    elif outcome in OUTCOMES:
        OUTCOMES[outcome](training, task.pc, int(task.arguments.get("time_limit") or 600))
    return _answer(training)


def _answer(training: dict[str, Any]) -> dict[str, Any]:
    return {"ansible_facts": {"gpuready_training": training}}


def _error(code: str, message: str) -> dict[str, Any]:
    return {"type": "Module", "code": code, "message": message, "where": "training_facts"}


def working(pc: SimulatedPc) -> list[str]:
    """Names of the GPUs that a framework would find, in the order of the PC."""
    return [gpu.name for gpu in pc.scenario.gpus if gpu.driver not in (None, "basic") and not problem_code(gpu)]


def _adapter(task: Task) -> str | None:
    """The GPU that would train: the one that was asked for by name, else the first; none when it does not work."""
    names, wanted = working(task.pc), task.arguments.get("adapter")
    visible = task.arguments.get("visible_devices")
    if visible is not None and str(visible).isdecimal():
        return names[int(visible)] if int(visible) < len(names) else None
    if wanted:
        return next((name for name in names if name == wanted), names[0] if names else None)
    return names[0] if names else None


def trained(task: Task, kind: dict[str, Any], interpreter: str) -> dict[str, Any]:
    """A training that went well."""
    recorded, pc = _recorded(), task.pc
    settings = pc.scenario.training
    reference = deepcopy(recorded["reference"])
    reference["samples_per_second"] = round(settings.samples_per_second / 2.5, 1)
    result = deepcopy(reference) | {"peak_memory_bytes": None, "samples_per_second": settings.samples_per_second}
    result["losses"] = [loss + 4e-7 * (1 if step % 2 else -1) for step, loss in enumerate(reference["losses"])]
    on_cpu = kind["kind"] == "CPU"
    node = pc.disk.get(ntpath.join(ntpath.dirname(ntpath.dirname(interpreter)), "gpuready.json"))
    marker = json.loads(node.data) if node and node.data else {}
    return {
        "schema_version": 1,
        "process": {"rc": 0, "timed_out": False, "seconds": settings.seconds, "stderr_tail": []},
        "framework": dict(kind["framework"]),
        "python": {"version": marker.get("version"), "executable": interpreter},
        "device": {
            "requested": kind["requested"],
            "name": kind["name"],
            "kind": kind["kind"],
            "adapter_name": None if on_cpu else settings.adapter_name or _adapter(task),
            "adapters_found": None if on_cpu else len(working(pc)),
            "placed": True,
            "places": [kind["place"]],
            "operators": 27 if kind["framework"]["name"] == "tensorflow" else None,
            "fallbacks": [],
            "visible": task.arguments.get("visible_devices"),
        },
        "task": dict(recorded["task"]),
        "reference": reference,
        "result": result,
        "agreement": {
            "loss_max_difference": 0.0 if on_cpu else 4e-7,
            "batchnorm_mean_difference": 0.0 if on_cpu else 1e-7,
            "batchnorm_variance_difference": 0.0 if on_cpu else 2e-7,
        },
        "keras": _keras(kind["framework"]),
        "warnings": [],
        "error": None,
        "finished": True,
    }


def _keras(framework: dict[str, Any]) -> dict[str, Any] | None:
    """What TensorFlow's trainer says of a student's first script."""
    if framework["name"] != "tensorflow":
        return None
    own = "2.2.4-tf" if str(framework["version"]).startswith("1.") else framework["version"]
    return {"finished": True, "version": own, "error": None}


# --- what can go wrong: each changes a training that went well into one that did not ---
Outcome = Callable[[dict[str, Any], SimulatedPc, int], None]
OUTCOMES: dict[str, Outcome] = {}


def _outcome(name: str) -> Callable[[Outcome], Outcome]:
    def enter(function: Outcome) -> Outcome:
        OUTCOMES[name] = function
        return function

    return enter


def _stopped(
    training: dict[str, Any], error: dict[str, Any] | None, *, said: tuple[str, ...] = ("task",), **process: Any
) -> None:
    """It ended early: what was not said by then is null."""
    for part in ("task", "framework", "device", "reference", "result", "agreement", "keras"):
        if part not in said:
            training[part] = None
    training["error"], training["finished"] = error, False
    training["process"] |= process


_UNTIL_RESULT = ("task", "framework", "device", "reference")


@_outcome("cpu_fallback")
def _cpu_fallback(training: dict[str, Any], pc: SimulatedPc, limit: int) -> None:
    training["device"] |= {"placed": False, "places": ["cpu"], "name": "/device:CPU:0"}


@_outcome("operator_fallback")
def _operator_fallback(training: dict[str, Any], pc: SimulatedPc, limit: int) -> None:
    training["device"]["fallbacks"] = ["aten::nll_loss_forward.output"]


@_outcome("nan")
def _nan(training: dict[str, Any], pc: SimulatedPc, limit: int) -> None:
    losses = training["result"]["losses"]
    training["result"] |= {"losses": losses[:5] + ["nan"] * (len(losses) - 5), "accuracy": 0.25}
    training["agreement"]["loss_max_difference"] = "nan"


@_outcome("loss_flat")
def _loss_flat(training: dict[str, Any], pc: SimulatedPc, limit: int) -> None:
    training["result"] |= {
        "losses": [training["result"]["losses"][0]] * len(training["result"]["losses"]),
        "accuracy": 0.25,
    }
    training["agreement"]["loss_max_difference"] = 1.7


@_outcome("random_labels")
def _random_labels(training: dict[str, Any], pc: SimulatedPc, limit: int) -> None:
    training["task"]["labels"] = False


@_outcome("disagreement")
def _disagreement(training: dict[str, Any], pc: SimulatedPc, limit: int) -> None:
    training["result"]["losses"] = [loss * 1.25 for loss in training["reference"]["losses"]]
    training["agreement"]["loss_max_difference"] = 0.44


@_outcome("batchnorm")
def _batchnorm(training: dict[str, Any], pc: SimulatedPc, limit: int) -> None:
    training["agreement"]["batchnorm_variance_difference"] = 0.3


@_outcome("slow")
def _slow(training: dict[str, Any], pc: SimulatedPc, limit: int) -> None:
    training["result"]["samples_per_second"] = round(training["reference"]["samples_per_second"] * 0.4, 1)


@_outcome("wrong_adapter")
def _wrong_adapter(training: dict[str, Any], pc: SimulatedPc, limit: int) -> None:
    others = [name for name in working(pc) if name != training["device"]["adapter_name"]]
    training["device"]["adapter_name"] = others[0] if others else "Microsoft Basic Render Driver"


@_outcome("hang")
def _hang(training: dict[str, Any], pc: SimulatedPc, limit: int) -> None:
    _stopped(training, None, said=_UNTIL_RESULT, rc=1, timed_out=True, seconds=float(limit))


@_outcome("crash")
def _crash(training: dict[str, Any], pc: SimulatedPc, limit: int) -> None:
    _stopped(training, None, said=_UNTIL_RESULT, rc="0xC0000409", stderr_tail=["F tensorflow/core: Check failed"])


@_outcome("access_violation")
def _access_violation(training: dict[str, Any], pc: SimulatedPc, limit: int) -> None:
    _stopped(training, None, said=_UNTIL_RESULT, rc=_ACCESS_VIOLATION)


@_outcome("truncated")
def _truncated(training: dict[str, Any], pc: SimulatedPc, limit: int) -> None:
    message = "the training ended in the middle of its answer"
    _stopped(
        training,
        {"type": "Truncated", "code": "OUTPUT_TRUNCATED", "message": message, "where": None},
        said=_UNTIL_RESULT,
    )


@_outcome("out_of_memory")
def _out_of_memory(training: dict[str, Any], pc: SimulatedPc, limit: int) -> None:
    message = "Could not allocate tensor with 268435456 bytes. There is not enough GPU video memory available!"
    _stopped(training, {"type": "RuntimeError", "message": message, "where": "train:120"}, said=_UNTIL_RESULT)


@_outcome("import_error")
def _import_error(training: dict[str, Any], pc: SimulatedPc, limit: int) -> None:
    _stopped(
        training,
        {
            "type": "ImportError",
            "message": "DLL load failed while importing _pywrap_tensorflow_internal",
            "where": "<module>:1",
        },
    )


@_outcome("dll_missing")
def _dll_missing(training: dict[str, Any], pc: SimulatedPc, limit: int) -> None:
    message = "Could not load dynamic library 'DirectML.dll'; dlerror: DirectML.dll not found"
    _stopped(training, {"type": "OSError", "message": message, "where": "<module>:1"})
