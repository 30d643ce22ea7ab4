"""Locks: every line of ours is pinned and hashed, fits its platform, and brings no CUDA where there is none."""

import re
import subprocess
from pathlib import Path

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import files as stackfiles
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import locks

STACKS = stackfiles.load()
FILES = sorted((stackfiles.STACKS / "locks").glob("*.txt"))
HASH = "sha256:" + "0123456789abcdef" * 4
# Packages that carry CUDA or are of use with it only.
CUDA = re.compile(r"nvidia-|cuda|triton$|cudnn|nccl")
# What the framework of a stack must be pinned to; written by hand from the last release of each package.
PINS = {
    "cpu-linux_x86_64": {"torch": "2.13.0+cpu"},
    "cpu-win_amd64": {"torch": "2.13.0"},
    "cuda-cu130-linux_x86_64": {"torch": "2.13.0", "cuda-toolkit": "13.0.3.0"},
    "cuda-cu126-linux_x86_64": {"torch": "2.7.1", "nvidia-cuda-runtime-cu12": "12.6.77"},
    "tensorflow-directml-linux_x86_64": {"tensorflow-directml": "1.15.8", "gast": "0.2.2", "h5py": "2.10.0"},
    "tensorflow-directml-win_amd64": {"tensorflow-directml": "1.15.8", "gast": "0.2.2", "h5py": "2.10.0"},
    "tensorflow-directml-plugin-linux_x86_64": {
        "tensorflow-directml-plugin": "0.4.0.dev230202",
        "tensorflow-cpu": "2.10.0",
    },
    "tensorflow-directml-plugin-win_amd64": {"tensorflow-cpu": "2.10.0", "numpy": "1.23.5", "protobuf": "3.19.6"},
    "torch-directml-linux_x86_64": {"torch-directml": "0.2.5.dev240914", "torch": "2.4.1+cpu"},
    "torch-directml-win_amd64": {"torch-directml": "0.2.5.dev240914", "torch": "2.4.1", "torchvision": "0.19.1"},
}


def parsed(path):
    return locks.parse(path.read_text("utf-8"), path.name)


def test_each_lock_belongs_to_a_stack_and_was_made_from_a_file_beside_it():
    used = {
        variant.lock for stack in STACKS.values() for target in stack.targets.values() for variant in target.variants
    }
    assert used == {path.name for path in FILES}
    assert {path.stem for path in FILES} == set(PINS)
    assert all(path.with_suffix(".in").exists() for path in FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_pinned_hashed_and_of_one_platform(path):
    lock = parsed(path)
    pins = {requirement.name: requirement.version for requirement in lock.requirements}
    assert PINS[path.stem].items() <= pins.items()
    stack = path.stem.rsplit("-", 1)[0]
    assert any(CUDA.search(name) for name in pins) == stack.startswith("cuda")
    local = {name for name, version in pins.items() if "+" in version}
    assert local <= {"torch"}
    assert ("tensorflow-intel" in pins) == (path.stem == "tensorflow-directml-plugin-win_amd64")
    if "tensorflow" in path.stem:  # pkg_resources is imported at runtime and left setuptools with 82
        assert int(pins["setuptools"].split(".")[0]) < 81
    text = path.read_text("utf-8")
    assert not re.search(r"file:|/opt/|/home/|/root/|/tmp/|--(index|find|extra|trusted)", text)
    assert all(len(requirement.hashes) == len(set(requirement.hashes)) for requirement in lock.requirements)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_requirement_of_the_input_is_in_its_lock(path):
    pins = {requirement.name: requirement.version for requirement in parsed(path).requirements}
    lines = [line for line in path.with_suffix(".in").read_text().splitlines() if line and not line.startswith("#")]
    for line in lines:
        name, _, version = line.partition("==")
        assert re.split("[<>]", name)[0] in pins
        assert version in ("", pins.get(name))


def test_the_interpreter_of_a_stack_is_the_one_its_locks_are_for():
    for stack in STACKS.values():
        for target in stack.targets.values():
            for variant in target.variants:
                first = Path(variant.lock_path).with_suffix(".in").read_text().splitlines()[0].split()
                assert first == ["#", "python", target.python, "windows" if target.name == "windows" else "linux"]
                assert variant.lock.endswith("win_amd64.txt" if target.name == "windows" else "linux_x86_64.txt")


def test_newlines_do_not_change_the_hash():
    text = f"a==1 \\\n    --hash={HASH}\n# comment\nb[x]==2.0+cpu --hash={HASH}  # via a\n"
    lock = locks.parse(text)
    assert locks.parse(text.replace("\n", "\r\n")).sha256 == lock.sha256
    assert locks.parse("\ufeff" + text).sha256 == lock.sha256
    assert [(one.name, one.version, one.line) for one in lock.requirements] == [("a", "1", 1), ("b", "2.0+cpu", 4)]
    assert locks.sha256(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()) == lock.sha256
    changed = text.replace("2.0+cpu", "2.1+cpu")
    assert locks.parse(changed).sha256 != lock.sha256


def test_a_marker_is_no_hash():
    assert locks.parse(f"a==1 ; sys_platform == 'win32' --hash={HASH}").requirements[0].version == "1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "there is no requirement in it"),
        ("# nothing\n\n", "there is no requirement in it"),
        (f"a>=1 --hash={HASH}", "line 1: a is not pinned"),
        (f"a --hash={HASH}", "line 1: a is not pinned"),
        (f"a==1.* --hash={HASH}", "a is not pinned"),
        (f"a==1,<2 --hash={HASH}", "a is not pinned to one version"),
        (f"\n# x\na==1 --hash={HASH}\nb==2\n", "line 4: b has no hash"),
        ("a==1 \\\n  --hash=sha256:123", "which is not sha256"),
        ("a==1 --hash=md5:0123456789abcdef0123456789abcdef", "which is not sha256"),
        (f"a==1 --hash={HASH.upper()}", "which is not sha256"),
        (f"--index-url https://example.org/\na==1 --hash={HASH}", "line 1: '--index-url' has no place in a lock"),
        ("-e .", "'-e' has no place in a lock"),
        ("-r other.txt", "'-r' has no place in a lock"),
        (f"a @ https://example.org/a.whl --hash={HASH}", "is not a pinned requirement of an index"),
        (f"./a.whl --hash={HASH}", "is not a pinned requirement of an index"),
        (f"a-b==1 --hash={HASH}\nA_b==1 --hash={HASH}", "line 2: A_b is in line 1 already"),
        ("\0\0", "this is not a text file"),
    ],
)
def test_what_is_wrong_with_a_lock_is_one_line(text, says):
    with pytest.raises(locks.LockError) as caught:
        locks.parse(text, "my.txt")
    assert str(caught.value).startswith("my.txt: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_script_that_makes_them_is_sound():
    subprocess.run(["bash", "-n", stackfiles.STACKS / "relock.sh"], check=True)
