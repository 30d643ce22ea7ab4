"""The kernel of Jupyter beside the launcher of a stack: it comes, changes and goes with the current environment."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.module_utils.home import contents, kernels, switch
from ansible_collections.gpuready.lab.plugins.module_utils.home.folder import Home
from ansible_collections.gpuready.lab.plugins.module_utils.home.removal import absent
from ansible_collections.gpuready.lab.plugins.plugin_utils.environment.texts import words

WORDS = words(windows=False)
SHA = "a" * 64


class Lab:
    """A home with environments that count as whole, and a folder where Jupyter looks."""

    def __init__(self, folder: Path) -> None:
        self.home, self.place = Home(folder / "home dir"), folder / "share/jupyter/kernels"
        self.distributions = ["ipykernel-6.29.5.dist-info"]
        self.home.make()
        self.environment = self.home.environment("tiny", SHA)
        (self.environment / "bin").mkdir(parents=True)

    def marker(self, *_: Any) -> dict[str, Any]:
        return {"complete": True, "lock_sha256": SHA, "distributions": self.distributions}

    def current(self, check: bool = False, **more: Any) -> dict[str, Any]:
        asked = {"stack": "tiny", "lock_sha256": SHA, "words": WORDS, "keep_old": 1, "lock_wait": 0, **more}
        return switch.current(self.home, asked, check)

    def absent(self, stack: str | None, check: bool = False) -> bool:
        return bool(absent(self.home, {"stack": stack, "words": WORDS, "lock_wait": 0}, check)["changed"])

    @property
    def link(self) -> Path:
        return self.place / "gpuready-tiny"

    def spec(self) -> dict[str, Any]:
        return dict(json.loads((self.link / "kernel.json").read_text()))


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    made = Lab(tmp_path)
    monkeypatch.setattr(kernels, "place", lambda: made.place)
    monkeypatch.setattr(switch, "complete", made.marker)
    return made


def test_it_starts_the_environments_python_with_what_the_launcher_sets(lab: Lab) -> None:
    asked = {"launcher_variable": "CUDA_VISIBLE_DEVICES=GPU-1", "display_name": "PyTorch (cuda) - gpuready"}
    assert lab.current(check=True, **asked)["changed"]
    assert not lab.place.exists()
    done = lab.current(**asked)
    assert (done["changed"], done["environment"]["kernel"], done["notes"]) == (True, "PyTorch (cuda) - gpuready", [])
    assert lab.spec() == {
        "argv": [str(lab.environment / "bin/python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "PyTorch (cuda) - gpuready",
        "language": "python",
        "env": {
            "PATH": f"{lab.environment}/bin:${{PATH}}",
            "VIRTUAL_ENV": str(lab.environment),
            "CUDA_VISIBLE_DEVICES": "GPU-1",
        },
        "metadata": {"debugger": True, "gpuready": "tiny"},
    }
    assert stat.S_IMODE((lab.link / "kernel.json").stat().st_mode) == 0o644
    (file,) = (contents.environments(lab.home.path) or {})["kernels"]
    assert (file["name"], json.loads(file["text"])) == ("gpuready-tiny", lab.spec())
    # Unasked it is called as it was.
    assert [lab.current(check)["changed"] for check in (True, False)] == [False, False]
    assert lab.current(launcher_variable="")["changed"]
    assert list(lab.spec()["env"]) == ["PATH", "VIRTUAL_ENV"]


def test_where_it_was_taken_away_it_comes_again(lab: Lab) -> None:
    assert lab.current()["environment"]["kernel"] == "tiny - gpuready"
    lab.link.unlink()
    assert [lab.current(check)["changed"] for check in (True, False, False)] == [True, True, False]
    (lab.link / "kernel.json").unlink()
    assert [lab.current(check)["changed"] for check in (True, False, False)] == [True, True, False]
    lab.link.unlink()
    lab.link.symlink_to("/nowhere/kernels/gpuready-tiny")  # of a home that is gone
    assert [lab.current()["changed"] for _ in range(2)] == [True, False]
    assert lab.spec()["language"] == "python"


def test_of_an_environment_without_ipykernel_there_is_none(lab: Lab) -> None:
    lab.current()
    lab.distributions = ["ipykernel_helper-1.dist-info", "torch-2.0.dist-info"]
    assert lab.current(check=True)["changed"]
    assert lab.link.exists()
    done = lab.current()
    assert (done["changed"], done["environment"]["kernel"]) == (True, None)
    assert not (lab.home.path / "jupyter").exists()
    assert list(lab.place.iterdir()) == []  # the place itself may be somebody's
    assert not lab.current()["changed"]


def test_what_is_not_ours_stays_and_is_told(lab: Lab) -> None:
    lab.link.mkdir(parents=True)
    (lab.link / "kernel.json").write_text("{}")
    done = lab.current()
    assert (done["environment"]["kernel"], len(done["notes"])) == (None, 1)
    assert done["notes"][0].startswith(f"{lab.link} is there and none of this gpuready's")
    assert (contents.environments(lab.home.path) or {})["kernels"] == []
    assert not lab.current()["changed"]
    assert lab.absent("tiny")
    assert lab.spec() == {}


@pytest.mark.parametrize("stack", ["tiny", None])
def test_it_goes_with_its_stack(lab: Lab, stack: str | None) -> None:
    lab.current()
    (lab.place / "teachers").mkdir()
    assert lab.absent(stack, check=True)
    assert lab.link.exists()
    assert lab.absent(stack)
    assert [one.name for one in lab.place.iterdir()] == ["teachers"]
    assert not (lab.home.path / "jupyter").exists()
    assert not lab.absent(stack)


def test_root_shows_it_to_every_user_and_others_to_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert kernels.place() == Path("/usr/local/share/jupyter/kernels")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    for name in ("JUPYTER_DATA_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/eve")
    assert kernels.place() == Path("/home/eve/.local/share/jupyter/kernels")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert kernels.place() == Path("/data/jupyter/kernels")
    monkeypatch.setenv("JUPYTER_DATA_DIR", "/own")
    assert kernels.place() == Path("/own/kernels")


def test_the_launcher_opens_jupyterlab_or_says_what_is_missing(lab: Lab) -> None:
    lab.current()
    python, lab_script = lab.environment / "bin/python", lab.environment / "bin/jupyter-lab"
    python.write_text('#!/bin/sh\necho "$#" "$@"\n')
    python.chmod(0o755)

    def start(*arguments: str) -> tuple[int, str, str]:
        done = subprocess.run([lab.home.launcher("tiny"), *arguments], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    code, said, why = start("lab", "--no-browser")
    assert (code, said) == (1, "")
    assert why == (
        "tiny: there is no JupyterLab here; who looks after this PC adds it: gpuready lock tiny --add jupyterlab\n"
    )
    lab_script.write_text("")
    lab_script.chmod(0o755)
    assert start("lab", "--notebook-dir", "a b") == (0, "4 -m jupyterlab --notebook-dir a b\n", "")
    assert start("laboratory.py", "lab") == (0, "2 laboratory.py lab\n", "")
