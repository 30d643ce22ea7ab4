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
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import uv as uv_output
from environment_help import make_wheel, sha256

ROOT = Path(__file__).resolve().parents[2]
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


def uv_binary() -> Path:
    from uv import find_uv_bin

    return Path(find_uv_bin())


MODULE = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpuready.lab.plugins.modules import python_environment
with patch_module_args(json.load(sys.stdin)):
    python_environment.main()
"""


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
            found = {
                "lock": lock,
                "lock_sha256": sha256(lock.encode()),
                "python": VERSION,
                "uv": str(uv_binary()),
                **found,
            }
            found = {"find_links": [str(self.wheels)], "no_index": True, **found}
        return {key: value for key, value in found.items() if value is not None}

    def start(self, options: dict[str, Any], env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", MODULE],
            env=self.variables | (env or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdin
        process.stdin.write(json.dumps(options))
        process.stdin.close()
        process.stdin = None
        return process

    def run(
        self, lock: str | None = None, check: bool = False, env: dict[str, str] | None = None, **more: Any
    ) -> dict[str, Any]:
        out, err = self.start({**self.options(lock, **more), "_ansible_check_mode": check}, env).communicate(
            timeout=120
        )
        assert out, err
        result = {"failed": False} | json.loads(out)
        if result.get("code") == "UV_FAILED":
            result["code"], result["msg"] = uv_output.classify(result["phase"], "\n".join(result["details"]))
        return result

    def play(
        self, *tasks: dict[str, Any], check: bool = False, env: dict[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """Options of the action, or facts to set (key `facts`), one task each; the results."""
        plays = [{"hosts": "localhost", "gather_facts": False, "tasks": []}]
        for task in tasks:
            name = "ansible.builtin.set_fact" if "facts" in task else "gpuready.lab.python_environment"
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
