"""Stacks are data: a new one is a new file, and a mistake in a file is one line that names file and key."""

import copy
from pathlib import Path

import pytest
import yaml
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan.wishes import WishError, Wishes, parse
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import files as stackfiles
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import model as stacks
from plans import plan

PCS = yaml.safe_load((Path(__file__).parents[2] / "data" / "plan" / "pcs.yml").read_text())
HASH = "sha256:" + "ab" * 32
ROCM = {
    "schema_version": 1,
    "name": "rocm",
    "title": "PyTorch with ROCm",
    "framework": "PyTorch",
    "backend": "torch-rocm",
    "device": "cuda:0",
    "device_kind": "CUDA",
    "gpu_variable": {"name": "HIP_VISIBLE_DEVICES", "takes": "number"},
    "libraries": ["pytorch"],
    "vendors": ["amd"],
    "architectures": ["x86_64"],
    "memory_bytes": 8589934592,
    "platforms": "ROCm runs on Linux hosts",
    "licence": "made up for a test",
    "life": {"state": "maintained", "note": "made up", "exit": "none needed"},
    "serves": [{"library": ["any", "pytorch"], "rank": 10, "why": "an AMD GPU on Linux trains with ROCm"}],
    "targets": {
        "linux": {
            "python": "3.12",
            "disk_bytes": 1073741824,
            "start": "HOME/bin/rocm",
            "variants": {"rocm7": {"lock": "rocm-linux_x86_64.txt", "vendors": ["amd"], "note": "ROCm 7"}},
        }
    },
}


def folder(path, data=ROCM, lock=f"torch==2.13.0 --hash={HASH}\n", name="rocm"):
    (path / "locks").mkdir(parents=True)
    (path / f"{name}.yml").write_text(data if isinstance(data, str) else yaml.safe_dump(data))
    if lock is not None:
        (path / "locks" / "rocm-linux_x86_64.txt").write_text(lock)
    return path


def linux(adapter):
    return {**PCS["bases"]["linux"], "adapters": [{"index": 0, **PCS["adapters"][adapter]}]}


def test_the_five_stacks():
    found = stackfiles.load()
    assert {name: set(stack.targets) for name, stack in found.items()} == {
        "cuda": {"wsl", "linux"},
        "tensorflow-directml": {"windows", "wsl"},
        "tensorflow-directml-plugin": {"windows", "wsl"},
        "torch-directml": {"windows", "wsl"},
        "cpu": {"windows", "wsl", "linux"},
    }
    assert {name: stack.backend for name, stack in found.items()} == {
        "cuda": "torch-cuda",
        "tensorflow-directml": "tensorflow1-directml",
        "tensorflow-directml-plugin": "tensorflow2-directml",
        "torch-directml": "torch-directml",
        "cpu": "torch-cpu",
    }
    assert {name for name, stack in found.items() if stack.reference} == {"cpu"}
    assert {name for name, stack in found.items() if stack.device_kind == "DML"} == {
        name
        for name, stack in found.items()
        if stack.oldest_gpus == "directml" and stack.role == "gpuready.lab.directml"
    }
    for stack in found.values():
        assert stack.architectures == ("x86_64",)
        for target in stack.targets.values():
            assert all(len(variant.lock_sha256) == 64 for variant in target.variants)
            assert target.needs_vc_runtime == (target.name == "windows")
    interpreters = {
        (stack.name, name): target.python_version for stack in found.values() for name, target in stack.targets.items()
    }
    assert interpreters["tensorflow-directml", "windows"] == "3.7"
    assert interpreters["tensorflow-directml-plugin", "windows"] == "3.10"


def test_a_new_stack_is_files_and_no_code(tmp_path):
    found = stackfiles.load([folder(tmp_path / "mine")])
    wished = parse({"gpuready_stack": "rocm"}, found)
    for wish in (wished, Wishes()):
        planned = plan(linux("rx6800"), wish, found)
        assert (planned.stack, planned.target, planned.variant, planned.blockers) == ("rocm", "linux", "rocm7", [])
        said = {
            key: planned.environment[key] for key in ("backend", "device_kind", "gpu_variable", "reference", "role")
        }
        assert list(said.values()) == [
            *("torch-rocm", "CUDA", "HIP_VISIBLE_DEVICES", False),
            "gpuready.lab.python_environment",
        ]
    assert plan(linux("a100_linux"), Wishes(), found).stack == "cuda"
    refused = plan(linux("a100_linux"), wished, found)
    assert refused.stack is None
    assert "NVIDIA A100" in refused.blockers[0]["cause"]


def test_a_stack_may_bring_a_library_of_its_own(tmp_path):
    data = {**ROCM, "libraries": ["jax"], "serves": [{"library": ["jax"], "rank": 10, "why": "JAX was asked for"}]}
    found = stackfiles.load([folder(tmp_path / "mine", data)])
    wished = parse({"gpuready_library": "jax"}, found, found["rocm"].libraries)
    assert plan(linux("rx6800"), wished, found).stack == "rocm"
    assert plan(linux("rx6800"), Wishes(), found).stack == "cpu"
    with pytest.raises(WishError, match=r"'jax' is not one of any, cuda, pytorch, tensorflow, tensorflow2$"):
        parse({"gpuready_library": "jax"}, found)


def test_a_stack_that_takes_uuids_is_told_the_gpu_of_several(tmp_path):
    cards = [
        {"index": number, **PCS["adapters"]["rx6800"], "uuid": f"GPU-{number}", "id": f"0000:0{number}:00.0"}
        for number in (0, 1)
    ]
    pc = {**PCS["bases"]["linux"], "adapters": cards}
    for takes, told in (("uuid", "GPU-1"), ("number", None)):
        data = {**ROCM, "gpu_variable": {"name": "ROCR_VISIBLE_DEVICES", "takes": takes}}
        planned = plan(pc, Wishes(adapter="1"), stackfiles.load([folder(tmp_path / takes, data)]))
        assert (planned.stack, planned.environment["visible_devices"]) == ("rocm", told)


def test_a_lab_may_bring_its_own_lock(tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text(f"torch-directml==0.2.0.dev230426 --hash={HASH}\n")
    pc = {**PCS["bases"]["windows"], "adapters": [{"index": 0, **PCS["adapters"]["rx6800"]}]}
    ours = plan(pc, Wishes(stack="torch-directml"), stackfiles.load())
    theirs = plan(
        pc, Wishes(stack="torch-directml"), stackfiles.load(own_locks={"torch-directml": "mine.txt"}, base=tmp_path)
    )
    assert theirs.variant == "own"
    assert theirs.environment["lock"] == "mine.txt"
    assert theirs.environment["lock_path"] == str(mine)
    assert theirs.environment["lock_sha256"] != ours.environment["lock_sha256"]
    assert stackfiles.lock_text(mine, theirs.environment["lock_sha256"]) == mine.read_text()
    own = {
        "torch-directml/windows": {
            "lock": str(mine),
            "python": "3.11",
            "extra_index_urls": ["https://example.org/simple"],
        }
    }
    found = stackfiles.load(own_locks=own)["torch-directml"].targets
    assert (found["windows"].python_version, found["windows"].extra_index_urls) == (
        "3.11",
        ("https://example.org/simple",),
    )
    assert found["wsl"].variants[0].name == "default"
    start = ours.environment["start"]
    for name, told in (
        ("jupyterlab", "; with lab behind its name it opens JupyterLab"),
        ("ipykernel", "; Jupyter has it as a kernel"),
        ("matplotlib", ""),
    ):
        mine.write_text(f"torch-directml==0.2.0.dev230426 --hash={HASH}\n{name}==4.4 --hash={HASH}\n")
        locked = stackfiles.load(own_locks={"torch-directml": str(mine)})
        assert plan(pc, Wishes(stack="torch-directml"), locked).environment["start"] == start + told
    mine.write_text(f"torch-directml==9 --hash={HASH}\n")
    with pytest.raises(stackfiles.StackFilesError, match="has changed since it was planned"):
        stackfiles.lock_text(mine, theirs.environment["lock_sha256"])


@pytest.mark.parametrize(
    ("own", "says"),
    [
        ({"nope": "x.txt"}, "there is no stack nope"),
        ({"cuda/windows": "x.txt"}, "cuda has no target windows"),
        ({"cuda": "x.txt"}, "x.txt: the lock cannot be read: No such file"),
        ({"cuda": 3}, "this is not the path of a lock"),
        ({"cuda": {"path": "x.txt"}}, "path is not one of lock, python, extra_index_urls"),
        ({"cuda": {"lock": "x.txt", "python": 3.1}}, "is not a version in quotes"),
        ({"cuda": {"lock": "x.txt", "extra_index_urls": "https://x"}}, "is not a list of URLs"),
    ],
)
def test_a_lock_that_cannot_be_used_is_one_line(tmp_path, own, says):
    with pytest.raises(stackfiles.StackFilesError) as caught:
        stackfiles.load(own_locks=own, base=tmp_path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def change(path, value):
    data = copy.deepcopy(ROCM)
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    if value is KeyError:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (["title"], KeyError, "title: is missing"),
        (["title"], "", "title: is empty"),
        (["title"], 3, "title: '3' is not a text (put it in quotes)"),
        (["titel"], "x", "titel: is not a key of this place"),
        (["schema_version"], 2, "schema_version: 2 is not known here"),
        (["schema_version"], True, "schema_version: 'True' is not a whole number"),
        (["name"], "Ro cm", "name: 'Ro cm' does not look like"),
        (["vendors"], ["ati"], "vendors: ati is not one of amd, intel, nvidia, other"),
        (["libraries"], ["any"], "libraries: any is not the name of a library"),
        (["libraries"], ["Jax 0.5"], "libraries: Jax 0.5 is not the name of a library"),
        (["libraries"], [], "libraries: is empty"),
        (["device_kind"], KeyError, "device_kind: is missing"),
        (["device_kind"], "cuda:0", "device_kind: 'cuda:0' does not look like"),
        (["reference"], True, "reference: a reference trains on the processor: it has no vendors"),
        (["reference"], "yes", "reference: 'yes' is not true or false"),
        (["gpu_variable"], "HIP_VISIBLE_DEVICES", "gpu_variable: 'HIP_VISIBLE_DEVICES' is not a mapping"),
        (["gpu_variable", "name"], "PATH", "gpu_variable.name: 'PATH' does not look like"),
        (["gpu_variable", "takes"], "name", "gpu_variable.takes: name is not one of number, uuid"),
        (["gpu_variable", "by"], "uuid", "gpu_variable.by: is not a key of this place"),
        (["role"], "../evil", "role: '../evil' does not look like"),
        (["oldest_gpus"], "rocm", "oldest_gpus: rocm is not one of directml"),
        (["memory_bytes"], 0, "memory_bytes: 0 is not above zero"),
        (["memory_bytes"], "8 GiB", "memory_bytes: '8 GiB' is not a whole number"),
        (["life", "state"], "dead", "life.state: dead is not one of maintained, frozen, discontinued"),
        (["life"], "maintained", "life: 'maintained' is not a mapping"),
        (["serves", 0, "rank"], -1, "serves[0].rank: -1 is not above zero"),
        (["serves", 0, "library"], ["tensorflow"], "serves: library tensorflow is not among this stack's libraries"),
        (["serves", 0, "targets"], ["wsl"], "serves: target wsl is not among this stack's targets"),
        (["serves", 0, "experience"], ["expert"], "serves[0].experience: expert is not one of"),
        (["targets"], {}, "targets: is empty"),
        (["targets", "macos"], {}, "targets: macos is not one of windows, wsl, linux"),
        (["targets", "linux", "python"], 3.12, "targets.linux.python: '3.12' is not a text (put it in quotes)"),
        (["targets", "linux", "python"], "3", "targets.linux.python: '3' does not look like"),
        (["targets", "linux", "min_glibc"], "new", "targets.linux.min_glibc: 'new' is not a version"),
        (["targets", "linux", "min_drivers"], {"ati": "1"}, "targets.linux.min_drivers: ati is not one of"),
        (["targets", "linux", "min_drivers"], {"amd": 24.1}, "targets.linux.min_drivers.amd: '24.1' is not a text"),
        (
            ["targets", "linux", "extra_index_urls"],
            ["ftp://x"],
            "extra_index_urls: 'ftp://x' is not an http, https or file URL",
        ),
        (["targets", "linux", "variants"], {}, "targets.linux.variants: is empty"),
        (["targets", "linux", "variants", "rocm7"], None, "targets.linux.variants.rocm7: this is not a mapping"),
        (["targets", "linux", "variants", "rocm7", "lock"], "../x.txt", "rocm7.lock: '../x.txt' does not look like"),
        (["targets", "linux", "variants", "rocm7", "when"], {}, "rocm7.when: is not a key of this place"),
        (["targets", "linux", "variants", "rocm7", "min_driver"], "R580", "min_driver: 'R580' is not a version"),
    ],
)
def test_a_mistake_in_a_stack_is_one_line_with_file_and_key(tmp_path, path, value, says):
    data = change(path, value)
    with pytest.raises(stacks.StackError) as caught:
        stacks.parse(data, "rocm.yml")
    assert str(caught.value).startswith("rocm.yml: ")
    assert says in str(caught.value)
    with pytest.raises(stackfiles.StackFilesError) as caught:
        stackfiles.load([folder(tmp_path / "mine", data)])
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [None, [], "text", 3, {}, {1: 2}])
def test_what_is_no_stack_at_all(data):
    with pytest.raises(stacks.StackError):
        stacks.parse(data, "x.yml")


@pytest.mark.parametrize(
    ("data", "lock", "name", "says"),
    [
        ("a: b: c", f"a==1 --hash={HASH}", "rocm", "rocm.yml: line 1: "),
        ("a: !!python/object/apply:os.system [x]", "", "rocm", "rocm.yml: line 1: "),
        (ROCM, None, "rocm", "rocm-linux_x86_64.txt: the lock cannot be read: No such file"),
        (ROCM, "torch==2.13.0\n", "rocm", "rocm-linux_x86_64.txt: line 1: torch has no hash"),
        (ROCM, f"a==1 --hash={HASH}", "other", "other.yml: name: rocm is not the file's name"),
        ({**ROCM, "name": "cuda"}, f"a==1 --hash={HASH}", "cuda", "name: the stack cuda is in "),
    ],
)
def test_what_is_wrong_on_the_disk(tmp_path, data, lock, name, says):
    with pytest.raises(stackfiles.StackFilesError) as caught:
        stackfiles.load([folder(tmp_path / "mine", data, lock, name)])
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(stackfiles.StackFilesError, match="there is no such folder"):
        stackfiles.load(["nowhere"], base=tmp_path)
