# ruff: noqa: E501 - log lines are as long as they are
"""The parts of the trainer that need no framework: its task, its options, and what it reads from the frameworks' logs.

The log lines were printed by tensorflow-directml 1.15.8, tensorflow-directml-plugin 0.4.0.dev230202 on TensorFlow 2.10
and torch-directml 0.2.5.dev240914.
"""

from __future__ import annotations

import ast
import importlib.util
import io
import json
import math
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import catalogue

FILE = Path(__file__).resolve().parents[3] / "collections/ansible_collections/gpuready/lab/trainer/trainer.py"
TF1 = """\
2026-11-23 03:16:20.266293: I tensorflow/stream_executor/platform/default/dso_loader.cc:97] Successfully opened dynamic library /x/libdirectml.so
2026-11-23 03:16:20.581258: I tensorflow/core/common_runtime/dml/dml_device_cache.cc:250] DirectML device enumeration: found 2 compatible adapters.
2026-11-23 03:16:20.582025: I tensorflow/core/common_runtime/dml/dml_device_cache.cc:186] DirectML: creating device on adapter 0 (Intel(R) UHD Graphics 630)
2026-11-23 03:16:20.618489: I tensorflow/core/common_runtime/dml/dml_device_cache.cc:186] DirectML: creating device on adapter 1 (AMD Radeon RX 6800)
GPUREADY-PHASE reference
2026-11-23 03:16:20.852772: I tensorflow/core/common_runtime/eager/execute.cc:571] Executing op MatMul in device /job:localhost/replica:0/task:0/device:CPU:0
GPUREADY-PHASE result
2026-11-23 03:16:20.852772: I tensorflow/core/common_runtime/eager/execute.cc:571] Executing op MatMul in device /job:localhost/replica:0/task:0/device:DML:0
"""
TF2 = """\
2026-11-23 03:09:11.014662: I tensorflow/c/logging.cc:34] DirectML device enumeration: found 1 compatible adapters.
2026-11-23 03:09:16.677840: I tensorflow/c/logging.cc:34] DirectML: creating device on adapter 0 (AMD Radeon RX 6800)
2026-11-23 03:16:51.270964: I tensorflow/core/common_runtime/placer.cc:114] Mean: (Mean): /job:localhost/replica:0/task:0/device:GPU:0
input: (_Arg): /job:localhost/replica:0/task:0/device:CPU:0
"""


@pytest.fixture(scope="module")
def trainer() -> Any:
    spec = importlib.util.spec_from_file_location("gpuready_trainer", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def noise_of(trainer: Any, text: str) -> Any:
    noise = trainer.Noise()
    for line in text.splitlines():
        noise.take(line)
    return noise


def test_it_is_one_file_for_python_3_6_that_imports_the_standard_library_alone() -> None:
    tree = ast.parse(FILE.read_text(encoding="utf-8"), feature_version=(3, 6))
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {alias.name for node in top for alias in node.names} == {
        "collections", "json", "math", "os", "random", "re", "signal", "subprocess", "sys", "threading", "time",
    }  # fmt: skip
    later = {
        (alias.name if isinstance(node, ast.Import) else node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and node not in top
        for alias in node.names
    }
    assert later == {
        "ctypes", "faulthandler", "importlib.metadata", "keras", "numpy", "tensorflow", "torch", "torch_directml", "traceback", "warnings",
    }  # fmt: skip


def test_numbers_that_are_not_finite_become_words(trainer: Any) -> None:
    given = {"a": [1.5, math.nan, math.inf, (-math.inf, 3)], "b": None, "c": True, "d": "nan"}
    found = trainer.plain(given)
    assert found == {"a": [1.5, "nan", "inf", ["-inf", 3]], "b": None, "c": True, "d": "nan"}
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("AMD Radeon RX 6800", "AMD Radeon(TM) RX 6800", True),
        ("NVIDIA GeForce RTX 4090", "GeForce RTX 4090", True),
        ("Intel(R) UHD Graphics 630", "Intel(R) UHD Graphics 630\0", True),
        ("Intel® Arc™ A770 Graphics", "Intel(R) Arc(TM) A770 Graphics", True),
        ("NVIDIA GeForce RTX 3080", "NVIDIA GeForce RTX 3080 Ti", False),
        ("AMD Radeon RX 6800", "AMD Radeon RX 6800 XT", False),
        ("AMD Radeon(TM) Graphics", "Intel(R) Graphics", False),
        ("Intel(R) Graphics", "NVIDIA Graphics", False),
        ("Intel(R) UHD Graphics 630", "Intel(R) UHD Graphics 770", False),
    ],
)
def test_the_same_gpu_under_two_spellings(trainer: Any, one: str, other: str, equal: bool) -> None:
    assert trainer.same(one, other) is equal


def test_the_task_is_the_same_each_time_and_its_labels_belong_to_it(trainer: Any) -> None:
    pictures, labels = trainer.images(7, 64, 8)
    assert (pictures, labels) == trainer.images(7, 64, 8)
    assert trainer.images(8, 64, 8) != (pictures, labels)
    assert [labels.count(label) for label in range(4)] == [16, 16, 16, 16]
    assert {len(row) for picture in pictures for row in picture} == {8}
    assert trainer.labelled(pictures, labels) is True
    assert trainer.labelled(pictures, labels[1:] + labels[:1]) is False
    assert trainer.labelled([[[math.nan] * 8] * 8] * 64, labels) is False


def test_the_weights_are_the_same_each_time(trainer: Any) -> None:
    found = trainer.weights(7, 8, 8, 8)
    assert found == trainer.weights(7, 8, 8, 8)
    assert [len(values) for values in found] == [9 * 8, 9 * 8 * 8, 4 * 4 * 8 * 4]


def test_a_difference_with_a_nan_is_a_nan(trainer: Any) -> None:
    assert trainer.furthest([1.0, 2.0], [1.5, 2.0]) == 0.5
    assert math.isnan(trainer.furthest([1.0, math.nan, 3.0], [1.0, 2.0, 3.0]))
    assert math.isnan(trainer.furthest([math.inf], [math.inf]))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "no JSON"),
        ("[]", "object"),
        ('"text"', "object"),
        ('{"step": 3}', "object with keys of"),
        ('{"backend": "rocm"}', "backend must be one of"),
        ('{"steps": 1}', "steps"),
        ('{"steps": 2.5}', "steps"),
        ('{"seed": true}', "seed"),
        ('{"batch": 7}', "multiple"),
        ('{"time_limit": "60"}', "time_limit"),
        ('{"time_limit": NaN}', "time_limit"),
        ('{"speed_seconds": -1}', "speed_seconds"),
        ('{"speed_seconds": 1e999}', "speed_seconds"),
        ('{"adapter": {"name": "x"}}', "adapter"),
        ('{"visible": [0]}', "visible"),
        ('{"visible": "0"}', "variable"),  # a backend that obeys none
        ('{"variable": "PATH=/x"}', "variable"),
        ('{"variable": ["A"]}', "variable"),
        ('{"backend": "torch-"}', "backend must be one of"),
        ('{"backend": ["torch-cuda"]}', "backend must be one of"),
    ],
)
def test_bad_options_are_refused_by_name(trainer: Any, text: str, word: str) -> None:
    with pytest.raises(trainer.Stop) as found:
        trainer.options_from(text)
    assert found.value.args[0] == "BAD_INPUT"
    assert word in found.value.args[1]


def test_options_that_are_not_given_keep_their_values(trainer: Any) -> None:
    assert trainer.options_from("") == trainer.OPTIONS
    assert trainer.options_from('{"steps": 3}') == {**trainer.OPTIONS, "steps": 3}


@pytest.mark.parametrize("backend", ["torch-cuda", "torch-xpu", "torch-cpu", "tensorflow1-directml"])
def test_a_backend_is_a_known_one_or_an_accelerator_of_pytorchs_own(trainer: Any, backend: str) -> None:
    assert trainer.options_from(json.dumps({"backend": backend}))["backend"] == backend


# --- the frameworks' own words ---
def test_tensorflow_1_names_every_adapter_and_the_first_one_trains(trainer: Any) -> None:
    noise = noise_of(trainer, TF1)
    assert noise.adapters == {0: "Intel(R) UHD Graphics 630", 1: "AMD Radeon RX 6800"}
    assert (noise.found, noise.phase) == (2, "result")
    assert noise.ops == {"/job:localhost/replica:0/task:0/device:DML:0": {"MatMul"}}
    assert len(noise.tail) == 4
    device = trainer.complete({"error": None, "device": {"name": "/device:DML:0", "fallbacks": []}}, noise)["device"]
    assert device["adapter_name"] == "Intel(R) UHD Graphics 630"
    assert device["adapters"] == ["Intel(R) UHD Graphics 630", "AMD Radeon RX 6800"]
    assert (device["adapters_found"], device["fallbacks"], device["operators"]) == (2, [], 1)


def test_the_placers_lines_are_left_out(trainer: Any) -> None:
    noise = noise_of(trainer, TF2)
    assert (noise.adapters, noise.found, noise.ops) == ({0: "AMD Radeon RX 6800"}, 1, {})
    assert [line[-20:] for line in noise.tail] == ["compatible adapters.", "(AMD Radeon RX 6800)"]


def test_an_operation_that_tensorflow_ran_elsewhere_is_a_fallback(trainer: Any) -> None:
    elsewhere = "x: I execute.cc:571] Executing op Conv2D in device /job:localhost/replica:0/task:0/device:CPU:0\n"
    found = {"error": None, "device": {"name": "/device:DML:0", "fallbacks": []}}
    assert trainer.complete(found, noise_of(trainer, TF1 + elsewhere))["device"]["fallbacks"] == ["Conv2D"]


def test_an_operator_that_pytorch_ran_elsewhere_is_a_fallback(trainer: Any) -> None:
    words = (
        "The operator 'aten::linalg_qr.out' is not currently supported on the DML backend and will fall back to run on the"
        " CPU. This may have performance implications. (Triggered internally at fallback.cpp:17.)"
    )
    assert trainer.fallbacks_in(words) == ["aten::linalg_qr.out"]
    assert trainer.fallbacks_in("This will fall back to run on the CPU") == ["an operator without a name"]
    assert trainer.fallbacks_in("Failed to initialize NumPy: No module named 'numpy'") == []
    assert noise_of(trainer, "[W fallback.cpp:17] " + words).fallbacks == {"aten::linalg_qr.out"}


@pytest.mark.parametrize(
    "line",
    [
        "Could not load dynamic library 'libdirectml.d6f03b3.so'; dlerror: libd3d12.so: cannot open shared object file: No such file",
        r"Could not load dynamic library 'C:\nowhere/directml.dll'; dlerror: C:\nowhere\directml.dll not found",
    ],
)
def test_a_library_that_is_missing_is_not_a_gpu_that_is_missing(trainer: Any, line: str) -> None:
    noise = noise_of(
        trainer, f"2026-11-23 03:33:34: W tensorflow/c/logging.cc:37] {line}\nDirectML: found 0 compatible adapters."
    )
    error = {"type": "Stop", "code": "DIRECTML_NO_ADAPTER", "message": "none", "where": "x"}
    found = trainer.complete({"error": error, "device": None}, noise)
    assert found["error"] == {"type": "OSError", "message": line, "where": "x"}
    assert found["device"] == {"adapter_name": None, "adapters_found": 0, "adapters": []}


def test_a_flood_is_kept_short(trainer: Any) -> None:
    noise = trainer.Noise()
    trainer.follow(io.BytesIO(b"x" * (3 << 20) + b"\n" + b"line\xff\0\r\n" * 1000), noise.take)
    assert len(noise.tail) == trainer.TAIL
    assert max(map(len, noise.tail)) <= trainer.WIDTH
    assert noise.tail[-1] == "line\ufffd"


ABORT = """\
terminate called after throwing an instance of 'c10::AcceleratorError'
  what():  CUDA error: unspecified launch failure
Search for `cudaErrorLaunchFailure' in https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html for more information.
"""


def test_the_words_of_an_abort_are_not_pushed_out_by_frames_of_a_stack(trainer: Any) -> None:
    frames = [
        f"frame #{number}: <unknown function> + 0x3721748 (0x7f854ef21748 in libtorch.so)" for number in range(40)
    ]
    python = [f'  File "torch/x.py", line {number} in f' for number in range(40)]
    noise = noise_of(trainer, ABORT + "\n".join([*frames, "Fatal Python error: Aborted", *python]))
    last = noise.last()
    assert last[:3] == [*ABORT.splitlines()[:2], "Fatal Python error: Aborted"]
    assert (len(last), last[-1]) == (trainer.TAIL, python[-1])
    assert noise_of(trainer, "one\ntwo").last() == ["one", "two"]


def test_warnings_reach_the_record_once_each(trainer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Warns:
        def __init__(self, *_: Any) -> None:
            for _ in range(2):
                warnings.warn("NVIDIA GB10 with CUDA capability sm_121\n is not compatible", stacklevel=1)
            raise RuntimeError("and then it fails")

    said: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(trainer, "Torch", Warns)
    trainer.child(dict(trainer.OPTIONS), lambda name, known: said.append((name, list(known["warnings"]))))
    assert said == [("import", []), ("end", ["NVIDIA GB10 with CUDA capability sm_121 is not compatible"])]


@pytest.mark.parametrize(
    ("device", "place", "mine"),
    [
        ("/device:GPU:0", "/job:localhost/replica:0/task:0/device:GPU:0", True),
        ("/device:GPU:0", "/job:localhost/replica:0/task:0/device:CPU:0", False),
        ("/device:DML:0", "/job:localhost/replica:0/task:0/device:DML:1", False),
        ("privateuseone:1", "privateuseone:1", True),
        ("privateuseone:1", "privateuseone:0", False),
        ("cuda:0", "cpu", False),
    ],
)
def test_where_something_is(trainer: Any, device: str, place: str, mine: bool) -> None:
    assert trainer.on_device(device, place) is mine


# --- the planned GPU of several ---
def options(**more: Any) -> dict[str, Any]:
    return {
        "backend": "tensorflow2-directml",
        "adapter": "AMD Radeon RX 6800",
        "variable": "DML_VISIBLE_DEVICES",
        "visible": None,
        "time_limit": 60,
        **more,
    }


@pytest.mark.parametrize(
    ("device", "more", "indexes"),
    [
        ({"adapter_name": "AMD Radeon RX 6800", "adapters": ["AMD Radeon RX 6800", None]}, {}, []),
        ({"adapter_name": "Intel(R) UHD", "adapters": ["Intel(R) UHD", None, None]}, {}, [1, 2]),
        ({"adapter_name": "Intel(R) UHD", "adapters": ["Intel(R) UHD", "Arc", "AMD Radeon RX 6800"]}, {}, [2]),
        ({"adapter_name": "Intel(R) UHD", "adapters": ["Intel(R) UHD", "Arc"]}, {}, []),
        ({"adapter_name": "Intel(R) UHD", "adapters": ["Intel(R) UHD", None]}, {"visible": "0"}, []),
        ({"adapter_name": "Intel(R) UHD", "adapters": ["Intel(R) UHD", None]}, {"variable": None}, []),
        ({"adapter_name": "Intel(R) UHD", "adapters": ["Intel(R) UHD", None]}, {"adapter": None}, []),
        ({"adapter_name": "Intel(R) UHD", "adapters": ["Intel(R) UHD", None]}, {"backend": "torch-directml"}, []),
        ({"adapter_name": None, "adapters": [None]}, {}, []),
        (None, {}, []),
    ],
)
def test_where_else_the_planned_gpu_may_be(trainer: Any, device: Any, more: dict[str, Any], indexes: list[int]) -> None:
    assert trainer.others(options(**more), {"device": device}) == indexes


def test_the_next_gpu_is_tried_until_the_planned_one_trained(trainer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["Intel(R) UHD", "Basic", "AMD Radeon RX 6800"]

    def run_child(given: dict[str, Any], visible: Any, deadline: float) -> dict[str, Any]:
        at = visible or 0
        seen = [names[at]] + [None] * (2 if visible is None else 0)
        return {"device": {"adapter_name": names[at], "adapters": seen, "adapters_found": len(seen)}, "at": at}

    monkeypatch.setattr(trainer, "run_child", run_child)
    found = trainer.prove(options())
    assert (found["at"], found["device"]["visible"], found["device"]["adapters_found"]) == (2, 2, 3)
    assert found["device"]["adapters"] == names
    alone = trainer.prove(options(adapter="NVIDIA GeForce RTX 4090"))
    assert (alone["at"], alone["device"]["visible"]) == (
        0,
        None,
    )  # the first one's evidence stands: the wrong GPU trained
    assert alone["device"]["adapters"] == names


@pytest.mark.parametrize(
    ("already", "number", "trained"),
    [
        ("2,0", 0, "AMD Radeon RX 6800"),  # its second is the PC's first
        ("1, 0", 0, "AMD Radeon RX 6800"),
        ("", None, "AMD Radeon RX 6800"),
        ("0,1", None, "AMD Radeon RX 6800"),
        ("2,1", None, "Intel(R) UHD"),  # hidden: the wrong GPU's evidence stands
        ("1", None, "Arc"),
    ],
)
def test_a_list_that_is_set_already_counts_the_gpus_of_the_pc(
    trainer: Any, monkeypatch: pytest.MonkeyPatch, already: str, number: int | None, trained: str
) -> None:
    monkeypatch.setenv("DML_VISIBLE_DEVICES", already)
    gpus = ["AMD Radeon RX 6800", "Arc", "Intel(R) UHD"]

    def run_child(given: dict[str, Any], visible: Any, deadline: float) -> dict[str, Any]:
        shown = str(already if visible is None else visible)
        seen = [gpus[int(at)] for at in shown.split(",")] if shown else gpus
        return {"device": {"adapter_name": seen[0], "adapters": seen, "adapters_found": len(seen)}}

    monkeypatch.setattr(trainer, "run_child", run_child)
    device = trainer.prove(options())["device"]
    assert (device["visible"], device["adapter_name"]) == (already if number is None else number, trained)


def test_a_gpu_of_pytorchs_own_is_named_by_its_uuid_where_pytorch_tells_it(trainer: Any) -> None:
    torch = trainer.Torch.__new__(trainer.Torch)
    torch.own = SimpleNamespace(get_device_properties=lambda index: SimpleNamespace(uuid=f"5a1cd8bb-{index}"))
    assert torch.uuid(1) == "5a1cd8bb-1"
    torch.own = SimpleNamespace(get_device_properties=lambda index: SimpleNamespace())
    assert torch.uuid(1) is None
    torch.own = None
    assert torch.uuid(0) is None


def test_why_a_first_script_would_not_run_is_evidence_and_no_end(trainer: Any) -> None:
    class Framework:
        def __init__(self, error: Exception | None) -> None:
            self.error = error

        def keras(self) -> str:
            if self.error:
                raise self.error
            return "2.10.0"

    assert trainer.first_script(Framework(None)) == {"finished": True, "version": "2.10.0", "error": None}
    found = trainer.first_script(Framework(ImportError("no module " + "x" * 5000)))
    assert (found["finished"], found["version"], found["error"]["type"]) == (False, None, "ImportError")
    assert len(found["error"]["message"]) == 2000
    assert found["error"]["where"].startswith("keras:")


def test_a_sentence_of_windows_brings_its_number(trainer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch-directml hands on the sentence alone, in the language of Windows; only Windows knows what it stands for."""
    assert trainer.words_of(RuntimeError("Falscher Parameter.")) == "Falscher Parameter.", "no Windows, no numbers"
    german = {0x80070057: "Falscher Parameter.", 0x887A0006: "Die GPU reagiert nicht auf weitere Befehle.\r\n"}
    monkeypatch.setattr("ctypes.FormatError", lambda code: german.get(code + 2**32, ""), raising=False)
    said = trainer.words_of(RuntimeError("Falscher Parameter."))
    assert said == "Falscher Parameter. (HRESULT 0x80070057)"
    assert catalogue.match(said) == "OPERATOR_UNSUPPORTED"
    assert (
        catalogue.match(trainer.words_of(RuntimeError("Die GPU reagiert nicht auf weitere Befehle."))) == "GPU_REMOVED"
    )
    assert trainer.words_of(ValueError("x" * 3000)) == "x" * 2000
