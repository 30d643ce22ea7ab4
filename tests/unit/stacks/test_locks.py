"""Locks: every line of ours is pinned and hashed, fits its platform, and brings no CUDA where there is none."""

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import files as stackfiles
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import locks
from environment_help import make_wheel, sha256

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
        assert version.removeprefix("=") in ("", pins.get(name))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_other_build_of_a_version_can_slip_in(path):
    """`torch==2.13.0` is met by 2.13.0+cpu of another index; `===` is not."""
    lines = [line for line in path.read_text("utf-8").splitlines() if line and line[0] not in "# "]
    assert lines
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+===[A-Za-z0-9._+!-]+ \\", line) for line in lines)
    assert re.match(r"uv===[0-9.]+ \\\n", (stackfiles.STACKS / "uv.txt").read_text())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_lock_says_when_it_was_made_and_what_supersedes_it(path):
    _, _, python, platform = path.with_suffix(".in").read_text().splitlines()[0].split()
    first, second = path.read_text("utf-8").splitlines()[:2]
    made = re.fullmatch(
        rf"# Made (\d{{4}}-\d\d-\d\d) by stacks/relock.sh {path.stem}, for Python {python} on {platform}\.", first
    )
    assert made
    assert date(2026, 11, 1) < date.fromisoformat(made[1]) <= datetime.now(UTC).date()
    words = path.with_suffix(".in").read_text().splitlines()[1].removeprefix("# superseded by ")
    assert second == f"# Superseded by {words}"
    assert len(words) > 20


def test_the_interpreter_of_a_stack_is_the_one_its_locks_are_for():
    for stack in STACKS.values():
        for target in stack.targets.values():
            for variant in target.variants:
                first = Path(variant.lock_path).with_suffix(".in").read_text().splitlines()[0].split()
                assert first == [
                    "#",
                    "python",
                    target.python_version,
                    "windows" if target.name == "windows" else "linux",
                ]
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


@pytest.mark.parametrize("pin", ["==", "===", "== ", "=== "])
def test_a_pin_may_name_the_version_alone_or_the_build_too(pin):
    assert [one.version for one in locks.parse(f"a{pin}1.0+cpu --hash={HASH}").requirements] == ["1.0+cpu"]


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
        (f"a====1 --hash={HASH}", "a is not pinned"),
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


def relock(folder, *more):
    """relock.sh on a lock of this test's, from a folder of wheels."""
    (folder / "uv").mkdir(exist_ok=True)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment |= {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(folder / "wheels"), "UV_CACHE_DIR": str(folder / "uv")}
    command = ["bash", str(folder / "relock.sh"), *more]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_relocking_keeps_the_pins_the_builds_and_the_day(tmp_path):
    shutil.copy(stackfiles.STACKS / "relock.sh", tmp_path)
    (tmp_path / "locks").mkdir()
    first, local, _ = (make_wheel(tmp_path / "wheels", "gpalpha", v) for v in ("1.0", "1.0+cpu", "2.0"))
    lock, asked = tmp_path / "locks/tiny.txt", tmp_path / "locks/tiny.in"
    asked.write_text("# python 3.11 linux\n# superseded by nothing that is known\ngpalpha===1.0\n")
    done = relock(tmp_path, "tiny")
    assert done.returncode == 0, done.stderr
    today = datetime.now(UTC).date()
    text = lock.read_text()
    assert text.splitlines()[:3] == [
        f"# Made {today} by stacks/relock.sh tiny, for Python 3.11 on linux.",
        "# Superseded by nothing that is known",
        "gpalpha===1.0 \\",
    ]
    assert {one.hashes for one in locks.parse(text).requirements} == {(f"sha256:{sha256(first.read_bytes())}",)}
    # a lock whose requirements are the same stays as it is, day and all
    lock.write_text(text.replace(str(today), "2026-11-23"))
    before = lock.read_text()
    assert relock(tmp_path, "tiny").returncode == 0
    assert lock.read_text() == before
    # a pin that is not asked for is kept too, and no other build of it slips in
    asked.write_text(asked.read_text().replace("gpalpha===1.0", "gpalpha"))
    slipped = relock(tmp_path, "tiny")
    assert slipped.returncode == 1
    assert "gpalpha==1.0+cpu is another build than the one asked for: pin it in tiny.in with ===" in slipped.stderr
    assert lock.read_text() == before
    local.unlink()
    assert relock(tmp_path, "tiny").returncode == 0
    assert lock.read_text() == before
    assert relock(tmp_path, "--upgrade", "tiny").returncode == 0
    assert "gpalpha===2.0 \\" in lock.read_text()
    assert f"# Made {today} " in lock.read_text()
    asked.write_text("# python 3.11 linux\ngpalpha\n")
    assert "does not say '# superseded by ...'" in relock(tmp_path, "tiny").stderr


def test_what_builds_others_is_a_lock_of_its_own():
    text = f"""# made
alpha===1 \\
    --hash={HASH}
Setuptools===68.0.0 \\
    --hash={HASH} \\
    --hash={HASH}
    # via alpha
wheel[test]===0.42.0 --hash={HASH}
setuptools-more===1 --hash={HASH}
"""
    found = locks.parse(locks.builders(text))
    assert [(one.name, one.version, len(one.hashes)) for one in found.requirements] == [
        ("Setuptools", "68.0.0", 2),
        ("wheel", "0.42.0", 1),
    ]
    assert locks.builders("alpha===1\n") == ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_lock_with_a_source_has_what_builds_it(path):
    """gast 0.2.2 has no wheel: setuptools of its time makes one with the package wheel."""
    if ("gast", "0.2.2") in {(one.name, one.version) for one in parsed(path).requirements}:
        builders = locks.parse(locks.builders(path.read_text("utf-8")))
        assert {"setuptools", "wheel"} <= {one.name for one in builders.requirements}
