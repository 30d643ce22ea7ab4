"""What the tests of python_environment on this machine share: a home, and the module run by itself or by Ansible."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from ansible_collections.gpuready.lab.plugins.plugin_utils import contract
from ansible_collections.gpuready.lab.plugins.plugin_utils.environment import outcome, request
from ansible_collections.gpuready.lab.plugins.plugin_utils.environment.sources import RequestError
from environment_help import make_wheel, module_for, sha256

ROOT = Path(__file__).resolve().parents[2]
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


def uv_binary() -> Path:
    from uv import find_uv_bin

    return Path(find_uv_bin())


MODULE = """
import importlib, json, sys
from ansible.module_utils.testing import patch_module_args
name = sys.argv[1].rpartition(".")[2]
module = importlib.import_module(f"ansible_collections.gpuready.lab.plugins.modules.{name}")
with patch_module_args(json.load(sys.stdin)):
    module.main()
"""
NOWHERE = request.Place(False, lambda path: None, Path, lambda system, processor: None)


class Lab:
    """One home. `run` runs the module itself as its action would; `play` runs the whole through Ansible."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home, self.wheels = folder, folder / "home", folder / "wheels"
        self.alpha1, self.alpha2 = (make_wheel(self.wheels, "gpalpha", version) for version in ("1.0", "2.0"))
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
        own = {"PIP_CONFIG_FILE": os.devnull, "UV_HTTP_RETRIES": "0", "UV_PYTHON_DOWNLOADS": "never"}
        own["PATH"] = f"{sys.base_prefix}/bin:/usr/bin:/bin"  # without shims, which are slow
        self.variables = kept | own | {"PYTHONPATH": str(ROOT / "collections")}

    def options(self, lock: str | None, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = {"home": str(self.home), "stack": "tiny", **more}
        if lock is not None:
            found = {"lock_sha256": sha256(lock.encode()), **found}
            if not module_for(found).endswith("environment_pass"):
                building = {"lock": lock, "python": VERSION, "uv": str(uv_binary())}
                found = {**building, "find_links": [str(self.wheels)], "no_index": True, **found}
        return {key: value for key, value in found.items() if value is not None}

    def asked(self, options: dict[str, Any]) -> request.Request:
        """As the action asks. What only the PC's module knows (`uploaded`, `offered_wheels`) is added as it is."""
        own = {name: options.pop(name) for name in ("uploaded", "offered_wheels") if name in options}
        if module_for(options).endswith("environment_pass"):
            found = request.switching(options, {}, contract.READY, windows=False)
        else:
            given = request.building({"state": "present", **options}, {}, NOWHERE)
            assert given
            found = given
        found.arguments.update(own)
        return found

    def begin(self, module: str, arguments: dict[str, Any], env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", MODULE, module],
            env=self.variables | (env or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdin
        process.stdin.write(json.dumps(arguments))
        process.stdin.close()
        process.stdin = None
        return process

    def start(self, options: dict[str, Any]) -> subprocess.Popen[str]:
        """A building under way, on a PC whose pip is told nothing."""
        asked = self.asked(options)
        asked.answer_pip({})
        return self.begin(module_for(options), asked.arguments)

    def run(
        self, lock: str | None = None, check: bool = False, env: dict[str, str] | None = None, **more: Any
    ) -> dict[str, Any]:
        """The module itself, asked and understood as by its action."""
        options = self.options(lock, **more)
        try:
            asked = self.asked(options)
        except RequestError as error:
            return outcome.refused(error)
        while True:
            process = self.begin(module_for(options), {**asked.arguments, "_ansible_check_mode": check}, env)
            out, err = process.communicate(timeout=120)
            assert out, err
            answer = json.loads(out)
            if "pip" not in answer:
                break
            asked.answer_pip(answer["pip"])
        return outcome.failure(answer, asked.arguments.get("ways")) or {"failed": False} | answer

    def play(
        self, *tasks: dict[str, Any], check: bool = False, env: dict[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """Options of the action, or facts to set (key `facts`), one task each; the results."""
        plays = [{"hosts": "localhost", "gather_facts": False, "tasks": []}]
        for task in tasks:
            name = "ansible.builtin.set_fact" if "facts" in task else module_for(task)
            options = task["facts"] if "facts" in task else {"home": str(self.home), **task}
            plays[0]["tasks"].append({"name": "One", name: options})
        path = self.folder / "play.yml"
        path.write_text(yaml.safe_dump(plays))
        argv = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "-c", "local"]
        argv += ["-e", f"ansible_python_interpreter={sys.executable}", *(["--check"] if check else []), str(path)]
        variables = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
        done = subprocess.run(
            argv, env=self.variables | variables | (env or {}), capture_output=True, text=True, timeout=180, check=False
        )
        try:
            run = json.JSONDecoder().raw_decode(done.stdout[done.stdout.find("{") :])[0]
        except ValueError:
            raise AssertionError(done.stdout + done.stderr) from None
        found = [task["hosts"]["localhost"] for task in run["plays"][0]["tasks"]]
        return [{"failed": False, "changed": False} | result for result in found]

    def environment(self, lock: str) -> Path:
        return self.home / "environments" / f"tiny-{sha256(lock.encode())[:12]}"

    def says(self, lock: str, code: str = "import gpalpha; print(gpalpha.VERSION)") -> str:
        python = self.environment(lock) / "bin/python"
        return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    def tree(self) -> list[tuple[str, int]]:
        """Every file with its time: what a run that changes nothing leaves as it is."""
        found = [(str(f), f.lstat().st_mtime_ns) for f in self.home.rglob("*") if "__pycache__" not in str(f)]
        return sorted(item for item in found if not item[0].endswith("/.lock"))
