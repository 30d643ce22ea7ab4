"""Secrets among the variables of a run, over real Ansible: where they stand while it goes on, and after it."""

from __future__ import annotations

import os
import signal
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from api_help import HEAD, SLOW, left_behind, started, wait_for_the_slow_task

from gpuready import GpureadyError, Lab

SECRET = "S3CRET-" + str(os.getpid())


def command_lines() -> dict[str, str]:
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found[process.name] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
    return found


def files_with(secret: str) -> list[Path]:
    folder = Path(tempfile.gettempdir())
    return [f for f in folder.rglob("*") if f.is_file() and secret.encode() in f.read_bytes()]


def test_a_secret_stands_on_no_command_line_and_in_no_file(project: Callable[..., Path], tmp_path: Path) -> None:
    project(plan=SLOW)
    (tmp_path / "secrets.yml").write_text(f"ansible_password: {SECRET}\n")
    arguments = ("plan", "-e", f"@{tmp_path}/secrets.yml", "--report", str(tmp_path / "reports"))
    with started(*arguments, umask=0) as process:
        wait_for_the_slow_task()
        lines = command_lines()
        assert any("ansible-playbook" in line for line in lines.values())
        assert [line for line in lines.values() if SECRET in line] == []
        assert files_with(SECRET) == []
        runs = list(Path(tempfile.gettempdir()).glob("gpuready-*"))
        assert [stat.S_IMODE(run.stat().st_mode) for run in runs] == [0o700]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert left_behind() == []


def test_the_file_of_the_variables_is_its_owners_alone(
    project: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gpuready import playbooks

    made: list[tuple[str, int]] = []
    real = playbooks._variables_file

    def spy(*arguments: object) -> Path:
        path = real(*arguments)  # type: ignore[arg-type]
        made.append((path.read_text(), stat.S_IMODE(path.stat().st_mode)))
        return path

    monkeypatch.setattr(playbooks, "_variables_file", spy)
    text = "{{ one }} {{ two.k | join(',') }} {{ three }}"
    project(plan=HEAD + f'    - name: Fail\n      ansible.builtin.fail: {{msg: "said {text}"}}\n')
    extra = {"one": SECRET, "two": {"k": ["'", '"']}, "three": "{{ one | lower }}"}
    old = os.umask(0)
    try:
        with pytest.raises(GpureadyError) as found:
            Lab(extra_vars=extra).plan(report_dir=tmp_path / "reports")
    finally:
        os.umask(old)
    assert f"said {SECRET} ',\" {SECRET.lower()}" in str(found.value)  # Ansible has them, templates and quotes too
    assert len(made) == 1
    assert SECRET in made[0][0]
    assert made[0][1] == 0o600
    assert left_behind() == []
