"""`gpuready lock`: a shipped lock as it is, with a student's packages below it; the plan takes it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.gpuready.lab.plugins.plugin_utils.plan.wishes import Wishes
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import files as stackfiles
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import locks
from plans import plan

from gpuready import GpureadyError, cli, lock, lock_command, resolver

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from environment_help import make_wheel, sha256

LOCKS = stackfiles.STACKS / "locks"
TORCH = (LOCKS / "torch-directml-win_amd64.txt").read_text("utf-8")
PCS = yaml.safe_load((Path(__file__).parents[2] / "data/plan/pcs.yml").read_text())
WINDOWS = ("torch-directml", "--target", "windows")


def wheel(folder: Path, name: str, version: str, *needs: str, python: str = ">=3.7", tag: str = "py3-none-any") -> Path:
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: {python}\n"
    about += "".join(f"Requires-Dist: {one}\n" for one in needs)
    return make_wheel(folder, name, version, {f"{name}-{version}.dist-info/METADATA": about.encode()}, tag)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What uv knows of this Python, found once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def wheels(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that uv has, and a current folder with settings of uv that are nobody's business."""
    folder, here = tmp_path / "wheels", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    (here / "pyproject.toml").write_text('[tool.uv]\nconstraint-dependencies = ["board<1"]\n')
    (tmp_path / "uv.toml").write_text("no-index = true\n")
    for name in [one for one in os.environ if one.startswith("UV_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_CONFIG_FILE", str(tmp_path / "uv.toml"))
    monkeypatch.setenv("UV_FIND_LINKS", "../wheels")
    monkeypatch.setenv("UV_CACHE_DIR", str(cache))
    monkeypatch.chdir(here)
    return folder


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    folder = tmp_path / "lab"
    (folder / "group_vars").mkdir(parents=True)
    (folder / "hosts.yml").write_text("all: {hosts: {pc1: }}\n")
    (folder / "group_vars/all.yml").write_text("gpuready_library: pytorch\n")
    return folder


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main(["lock", *arguments])
    return int(stop.value.code or 0)


def pins(text: str) -> dict[str, str]:
    return {one.name: one.version for one in locks.parse(text).requirements}


def test_the_plan_takes_what_was_made(wheels: Path, lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = wheel(wheels, "board", "2.0", "numpy>=1.20", "chart")
    chart = wheel(wheels, "chart", "0.3")
    for version in ("1.23.5", "2.1.0"):
        wheel(wheels, "numpy", version)
    assert run(*WINDOWS, "--add", "board", "--add", "numpy", "--lab", str(lab)) == 0
    said = capsys.readouterr()
    file = lab / "lock-torch-directml-windows.txt"
    assert said.err == ""
    first, *rest = said.out.splitlines()
    assert first.startswith(f"{file}: torch-directml-win_amd64.txt as it ships, and 2 more packages for Python 3.10 on")
    assert first.endswith(" Windows: board 2.0 and what it needs.")
    assert rest == [
        "It has as shipped: numpy 1.23.5.",
        f"Put this line into {lab}/group_vars/all.yml, or into the file of a group:",
        "gpuready_stack_locks: {torch-directml/windows: lock-torch-directml-windows.txt}",
        f"Then see what becomes of the PCs: gpuready plan -i {lab} --ask-pass",
    ]
    assert sorted(one.name for one in lab.iterdir()) == ["group_vars", "hosts.yml", file.name]
    text = file.read_text("utf-8")
    assert TORCH in text
    assert pins(text) == {**pins(TORCH), "board": "2.0", "chart": "0.3"}
    for one in (board, chart):
        assert f"    --hash=sha256:{sha256(one.read_bytes())}\n" in text
    assert set(re.findall(r"https?://[^/\s]*", text.replace(TORCH, ""))) == set()
    assert not re.search(r"file://|/tmp|wheels", text.replace(TORCH, ""))

    variables = yaml.safe_load(rest[2])
    pc = {**PCS["bases"]["windows"], "adapters": [{"index": 0, **PCS["adapters"]["rx6800"]}]}
    stacks = stackfiles.load(own_locks=variables["gpuready_stack_locks"], base=lab)
    found = plan(pc, Wishes(stack="torch-directml"), stacks)
    assert (found.variant, found.environment["lock_path"], found.environment["python"]) == ("own", str(file), "3.10")
    assert stackfiles.lock_text(file, found.environment["lock_sha256"]) == text


def test_a_second_time_changes_nothing_and_what_was_added_stays(
    wheels: Path, lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel(wheels, "board", "2.0")
    file = lab / "lock-torch-directml-windows.txt"
    command = (*WINDOWS, "--lab", str(lab / "hosts.yml"), "--add", "board")
    assert run(*command) == 0
    written = file.stat().st_ino, file.stat().st_mtime_ns  # and not when it was read
    line = capsys.readouterr().out.splitlines()[2]
    (lab / "group_vars/all.yml").write_text(f"secret: !vault abc\n{line}\n")
    wheel(wheels, "board", "3.0")
    wheel(wheels, "chart", "0.3")
    assert run(*command) == 0
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == written
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("board 2.0. It was so already.")
    assert said[1:] == [f"{lab}/group_vars/all.yml names it already."]
    assert run(*command, "--add", "chart") == 0
    assert {"board": "2.0", "chart": "0.3"}.items() <= pins(file.read_text()).items()
    assert run(*command, "--upgrade") == 0
    assert pins(file.read_text()) == {**pins(TORCH), "board": "3.0"}


def test_what_somebody_wrote_is_replaced_by_force_alone(
    wheels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel(wheels, "board", "2.0")
    file = tmp_path / "mine.txt"
    command = (*WINDOWS, "--add", "board", "-o", str(file))
    assert run(*command) == 0
    made = file.read_text()
    other = made.replace("for windows, Python", "for wsl, Python")
    for text in ("mine\n", made.replace("board===2.0", "board===2.1"), other, b"\xff\xfe"):
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        before = file.read_bytes()
        capsys.readouterr()
        assert run(*command) == 1
        assert "already, and not as gpuready lock made it for torch-directml/windows" in capsys.readouterr().err
        assert file.read_bytes() == before
        assert run(*command, "--force") == 0
        assert file.read_text() == made
    link = tmp_path / "link.txt"
    link.symlink_to(file)
    assert run(*WINDOWS, "--add", "board", "-o", str(link), "--force") == 1
    assert link.is_symlink()


def test_a_build_that_the_index_has_not_is_believed(wheels: Path) -> None:
    """PyTorch's own index is not asked: its 2.4.1+cpu is in the lock already."""
    wheel(wheels, "metrics", "1.0", "torch>=2")
    wheel(wheels, "metrics", "2.0", "torch>=2.5")
    wheel(wheels, "torch", "2.6.0")
    assert run("torch-directml", "--target", "wsl", "--add", "metrics") == 0
    text = Path("lock-torch-directml-wsl.txt").read_text()
    assert pins(text) == {**pins((LOCKS / "torch-directml-linux_x86_64.txt").read_text()), "metrics": "1.0"}


def test_one_of_several_variants_says_what_it_stands_in_for(
    wheels: Path, lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel(wheels, "board", "2.0")
    assert run("cuda", "--target", "wsl", "--variant", "cu126", "--add", "board", "--lab", str(lab)) == 0
    said = capsys.readouterr().out
    assert "It stands in for cu130 and cu126 alike" in said
    assert "whose PCs cu126 fits (PyTorch 2.7 with CUDA 12.6" in said
    assert "gpuready_stack_locks: {cuda/wsl: lock-cuda-cu126-wsl.txt}" in said
    (lab / "group_vars/all.yml").write_text("gpuready_stack_locks: {cpu: mine.txt}\n")
    assert run("cpu", "--target", "linux", "--add", "board", "--lab", str(lab)) == 0
    assert "all.yml has gpuready_stack_locks already: put what is between the braces" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("torch-directm", "--add", "x"), "there is no stack 'torch-directm' (cpu, cuda, "),
        (("torch-directm", "--add", "x"), "): did you mean torch-directml?"),
        (("torch-directml", "--add", "x"), "say which with --target windows or --target wsl"),
        (("torch-directml", "--add", "x", "--target", "linux"), "--target linux is not one of its own"),
        (("cuda", "--target", "linux", "--add", "x"), "say which with --variant cu130 or --variant cu126 (cu130: Py"),
        (WINDOWS, "say what the lock shall have besides: --add matplotlib"),
        ((*WINDOWS, "--add", " "), "--add is empty: give the name of a package"),
        ((*WINDOWS, "--add", "./board"), "--add ./board: this is not a package of an index"),
        ((*WINDOWS, "--add", "--index-url=https://x"), "this is not a package of an index"),
        ((*WINDOWS, "--add", "a @ https://x/a.whl"), "this is not a package of an index"),
        ((*WINDOWS, "--add", "a\n-e ."), "this is not a package of an index"),
        ((*WINDOWS, "--add", "a\n>=2"), "this is not a package of an index"),
        ((*WINDOWS, "--add", "board", "--lab", "none"), "none: there is no such folder of a lab: make it"),
        ((*WINDOWS, "--add", "board", "--lab", ".", "-o", "x"), "--lab and -o both say where the lock goes"),
        ((*WINDOWS, "--add", "board", "-o", "none/x"), "none/x: there is no such folder: make it"),
        ((*WINDOWS, "--add", "board", "-o", "."), "-o names no file: give it a name"),
        ((*WINDOWS, "--add", "numpy"), "torch-directml-win_amd64.txt has numpy 1.23.5 already"),
        (
            (*WINDOWS, "--add", "torch==2.0", "--add", "board"),
            "--add torch: torch-directml-win_amd64.txt has torch 2.4.1, which no extra may change: leave its",
        ),
        (
            (*WINDOWS, "--add", "board", "--add", "greedy"),
            "--add greedy: torch-directml-win_amd64.txt has numpy 1.23.5, which no extra may change: ask for another",
        ),
        (
            (*WINDOWS, "--add", "board", "--add", "greedy"),
            "ask for another release of greedy, or leave it out (uv: all versions of greedy depend on numpy>=2",
        ),
        (
            ("tensorflow-directml", "--target", "windows", "--add", "young"),
            "--add young: not to be had for Python 3.7 on Windows, which tensorflow-directml needs: ask for an older",
        ),
        ((*WINDOWS, "--add", "linuxonly"), "--add linuxonly: there is no wheel for Python 3.10 on Windows, and"),
        ((*WINDOWS, "--add", "nowhere"), "uv: nowhere was not found in the provided package locations"),
        (
            ("torch-directml", "--target", "wsl", "--add", "vision"),
            "torch-directml-linux_x86_64.txt is without torchvision on purpose (without torchvision, whose PyPI",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line_with_a_next_step(
    wheels: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...], said: str
) -> None:
    wheel(wheels, "board", "2.0")
    wheel(wheels, "greedy", "1.0", "numpy>=2")
    wheel(wheels, "young", "1.0", python=">=3.9")
    wheel(wheels, "linuxonly", "1.0", tag="cp310-cp310-manylinux_2_17_x86_64")
    wheel(wheels, "vision", "1.0", "torchvision")
    wheel(wheels, "torchvision", "0.19.1")
    for name, version in (("numpy", "1.23.5"), ("numpy", "2.1.0"), ("torch", "2.0"), ("torch", "2.4.1")):
        wheel(wheels, name, version)
    assert run(*given) == 1
    heard = capsys.readouterr()
    assert heard.out == ""
    assert heard.err.startswith("gpuready: ")
    assert heard.err.count("\n") == 1
    assert said in heard.err
    assert [one.name for one in Path.cwd().iterdir()] == ["pyproject.toml"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("error: Failed to fetch: `https://x/simple/board/`\n  cause: dns error", "the index cannot be read (uv: Fail"),
        ("Because board was not found in the package registry and you", "--add board: no index has a package of that"),
        ("error: " + "something else " * 100, "--add board: uv finds no versions for Python 3.10 on Windows"),
    ],
)  # fmt: skip
def test_the_words_of_uv_are_short(wheels: Path, monkeypatch: pytest.MonkeyPatch, words: str, said: str) -> None:
    def unsolved(*_: object, **__: object) -> None:
        raise resolver.UnsolvedError(words)

    monkeypatch.setattr(resolver, "resolve", unsolved)
    base = lock.shipped(Path(__file__).parents[3], "torch-directml", "windows")
    with pytest.raises(GpureadyError) as caught:
        lock.make(base, ["board"], Path("x.txt"))
    assert said in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_package_without_a_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "uv"
    script.write_text("#!/bin/sh\nfor last; do :; done\necho 'board==2.0' > \"$last\"\n")
    script.chmod(0o755)
    monkeypatch.setattr(resolver, "_uv", lambda: str(script))
    with pytest.raises(GpureadyError, match=r"uv gave no hash for board==2\.0"):
        resolver.resolve(["board"], {}, "3.10", "windows")


def test_a_stop_writes_nothing(
    wheels: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object, **__: object) -> subprocess.CompletedProcess[bytes]:
        raise KeyboardInterrupt

    monkeypatch.setattr(resolver.subprocess, "run", stopped)
    assert run(*WINDOWS, "--add", "board") == 130
    assert capsys.readouterr().err == "gpuready: stopped, no lock was written\n"


def test_a_lab_whose_variables_lie_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "group_vars/all"
    folder.mkdir(parents=True)
    (folder / "vault.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n6136\n")
    (folder / "main.yml").write_text("gpuready_library: pytorch\n")
    assert lock_command._variables(tmp_path / "group_vars") == (folder / "main.yml", None)
    (folder / "main.yml").write_text("gpuready_stack_locks:\n  cpu/linux: mine.txt\n")
    place, found = lock_command._variables(tmp_path / "group_vars")
    assert (place, (found or {}).get("cpu/linux")) == (folder / "main.yml", "mine.txt")
