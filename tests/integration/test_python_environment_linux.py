"""The module on this machine, run by real Ansible with real uv: tiny locks whose wheels are made here."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from ansible_collections.gpuready.lab.plugins.module_utils import uv_output
from environment_help import lock_of, make_wheel, sha256, slow_index

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


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture
def lock1(lab: Lab) -> str:
    return lock_of(lab.alpha1)


@pytest.fixture
def lock2(lab: Lab) -> str:
    return lock_of(lab.alpha2)


def test_from_nothing_and_again(lab: Lab, lock1: str) -> None:
    checked = lab.run(lock1, check=True)
    assert checked["changed"]
    assert not lab.home.exists()
    first = lab.run(lock1)
    assert first["changed"], first
    assert lab.says(lock1) == "1.0"
    environment = first["environment"]
    assert environment["built"]
    assert environment["path"] == str(lab.environment(lock1))
    assert environment["python"] == str(lab.environment(lock1) / "bin/python")
    assert environment["size_bytes"] > 1000
    assert [step["name"] for step in first["steps"]] == ["uv", "interpreter", "environment", "packages", "mark"]
    marker = json.loads((lab.environment(lock1) / "gpuready.json").read_text())
    assert marker["complete"] is True
    assert marker["stack"] == "tiny"
    assert marker["lock_sha256"] == sha256(lock1.encode())
    assert sorted(p.name for p in lab.home.iterdir() if p.name != "python") == [".lock", "environments"]
    before = lab.tree()
    for check in (True, False):
        again = lab.run(lock1, check=check)
        assert not again["changed"]
        assert not again["environment"]["built"]
        assert again["environment"]["size_bytes"] == environment["size_bytes"]
    assert lab.tree() == before


def test_present_never_switches(lab: Lab, lock1: str, lock2: str) -> None:
    lab.run(lock1)
    assert not (lab.home / "current").exists()
    refused = lab.run(lock1, state="current")
    assert refused["failed"]
    assert refused["code"] == "NOT_VERIFIED"
    assert not (lab.home / "current").exists()
    assert lab.run(lock1, state="current", verified=True)["switched"]
    lab.run(lock2)
    pointer = json.loads((lab.home / "current/tiny.json").read_text())
    assert pointer["environment"] == str(lab.environment(lock1))


def test_switch_launcher_note_and_pass(lab: Lab, lock1: str, lock2: str) -> None:
    record = {
        "fingerprint": {"driver": "1"},
        "verdict": {"state": "READY", "code": "TRAINED"},
        "at": "2026-01-01T00:00:00Z",
    }
    start = {"start": "HOME/bin/tiny opens it", "verified": True, "pass_record": record}
    lab.run(lock1)
    assert lab.run(lock1, check=True, state="current", **start)["changed"]
    assert not (lab.home / "current").exists()
    done = lab.run(lock1, state="current", **start)
    assert done["changed"]
    assert done["environment"]["start"] == f"{lab.home}/bin/tiny opens it"
    script = lab.folder / "student.py"
    script.write_text("import sys, gpalpha\nprint(gpalpha.VERSION, sys.argv[1:])\n")
    out = subprocess.run([lab.home / "bin/tiny", script, "a b"], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "1.0 ['a b']"
    shell = subprocess.run(
        [lab.home / "bin/tiny"],
        input="which python\n",
        env={"SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(lab.environment(lock1) / "bin/python") in shell.stdout.splitlines()
    assert f"{lab.home}/bin/tiny opens it" in (lab.home / "README.txt").read_text()
    assert json.loads((lab.home / "passes/tiny.json").read_text()) == record
    before = lab.tree()
    later = {**start, "pass_record": {**record, "at": "2026-02-02T00:00:00Z"}}
    for check in (True, False):
        assert not lab.run(lock1, state="current", check=check, **later)["changed"]
    assert lab.tree() == before
    other = {**start, "pass_record": {**record, "fingerprint": {"driver": "2"}}}
    assert lab.run(lock1, state="current", **other)["changed"]
    assert json.loads((lab.home / "passes/tiny.json").read_text())["fingerprint"] == {"driver": "2"}
    (lab.home / "bin/tiny").unlink()
    assert lab.run(lock1, state="current", **other)["changed"]
    assert (lab.home / "bin/tiny").exists()
    lab.run(lock2)
    lab.run(lock2, state="current", **start)
    out = subprocess.run([lab.home / "bin/tiny", script], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "2.0 []"


@pytest.mark.parametrize("keep", [0, 1])
def test_old_environments_go_by_policy(lab: Lab, keep: int) -> None:
    locks = [lock_of(make_wheel(lab.wheels, "gpalpha", f"{n}.0")) for n in (1, 2, 3)]
    for lock in locks:
        lab.run(lock)
        marker = lab.environment(lock) / "gpuready.json"
        content = json.loads(marker.read_text())
        content["created_at"] = f"2026-01-0{locks.index(lock) + 1}T00:00:00Z"
        marker.write_text(json.dumps(content))
    unfinished = lab.home / "environments/tiny-000000000000"
    unfinished.mkdir()
    other = lab.home / "environments/tiny-other-000000000000"
    other.mkdir()
    wanted = {lab.environment(locks[0]).name, other.name, *([lab.environment(locks[2]).name] if keep else [])}
    assert lab.run(locks[0], check=True, state="current", verified=True, keep_old=keep)["changed"]
    lab.run(locks[0], state="current", verified=True, keep_old=keep)
    assert {p.name for p in (lab.home / "environments").iterdir()} == wanted
    assert lab.says(locks[0]) == "1.0"


def test_a_wrong_hash_leaves_the_old_one_working(lab: Lab, lock1: str) -> None:
    lab.run(lock1)
    lab.run(lock1, state="current", verified=True)
    bad = lock_of(lab.alpha2, wrong=True)
    failed = lab.run(bad)
    assert failed["failed"]
    assert failed["code"] == "HASH_MISMATCH"
    assert "gpalpha==2.0" in failed["msg"]
    assert "\n" not in failed["msg"]
    assert any("Hash mismatch" in line for line in failed["details"])
    assert not lab.environment(bad).exists()
    out = subprocess.run(
        [lab.home / "bin/tiny", "-c", "import gpalpha; print(gpalpha.VERSION)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout.strip() == "1.0"


def test_a_wheel_that_is_not_there(lab: Lab) -> None:
    gone = make_wheel(lab.folder / "elsewhere", "gpbeta", "1.0")
    failed = lab.run(lock_of(gone))
    assert failed["code"] == "NO_WHEEL"
    assert "gpbeta" in failed["msg"]


def test_an_index_out_of_reach(lab: Lab, lock1: str) -> None:
    failed = lab.run(lock1, find_links=[], no_index=False, index_url="http://student:secret@127.0.0.1:9/simple")
    assert failed["code"] == "INDEX_UNREACHABLE"
    assert "127.0.0.1:9" in failed["msg"]
    assert "secret" not in json.dumps({key: failed[key] for key in ("msg", "details")})


@pytest.mark.parametrize(
    "damage", ["no marker", "not complete", "no python", "moved", "base gone", "package gone", "empty", "other lock"]
)
def test_what_is_not_whole_is_built_again(lab: Lab, lock1: str, damage: str) -> None:
    lab.run(lock1)
    environment = lab.environment(lock1)
    marker = environment / "gpuready.json"
    if damage == "no marker":
        marker.unlink()
    elif damage == "not complete":
        marker.write_text(json.dumps({**json.loads(marker.read_text()), "complete": False}))
    elif damage == "other lock":
        marker.write_text(json.dumps({**json.loads(marker.read_text()), "lock_sha256": "0" * 64}))
    elif damage == "no python":
        for file in (environment / "bin").glob("python*"):
            file.unlink()
    elif damage == "base gone":
        marker.write_text(json.dumps({**json.loads(marker.read_text()), "interpreter": "/nowhere/python"}))
    elif damage == "moved":
        (environment / "bin/python").unlink()
        (environment / "bin/python").symlink_to("/nowhere/python")
    elif damage == "package gone":
        shutil.rmtree(next(environment.glob("lib/python*/site-packages/gpalpha-1.0.dist-info")))
    else:
        shutil.rmtree(environment)
        environment.mkdir()
    assert lab.run(lock1, check=True)["changed"]
    again = lab.run(lock1)
    assert again["changed"]
    assert lab.says(lock1) == "1.0"
    assert not lab.run(lock1)["changed"]


def processes_in(home: Path) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.fsencode(str(home)) in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


def test_killed_half_way(lab: Lab, lock2: str, lock1: str) -> None:
    lab.run(lock1)
    lab.run(lock1, state="current", verified=True)
    more = {"find_links": [], "no_index": False}
    with slow_index(lab.alpha2) as (url, asked, release):
        started = lab.start(lab.options(lock2, index_url=url, **more))
        assert asked.wait(60)
        assert lab.environment(lock2).is_dir()
        busy = lab.run(lock2, index_url=url, lock_wait=1, **more)
        assert busy["code"] == "ENVIRONMENT_BUSY"
        started.kill()
        started.wait()
        deadline = time.monotonic() + 10
        while processes_in(lab.home) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert lab.environment(lock2).is_dir()
        assert not (lab.environment(lock2) / "gpuready.json").exists()
        release.set()
        out = subprocess.run(
            [lab.home / "bin/tiny", "-c", "import gpalpha; print(gpalpha.VERSION)"], capture_output=True, text=True
        )
        assert out.stdout.strip() == "1.0"
        again = lab.run(lock2, index_url=url, lock_wait=1, **more)
        assert again["changed"], again
    assert lab.says(lock2) == "2.0"
    assert not list((lab.home / "environments").glob(".*"))


def test_uv_dies_with_the_module(lab: Lab, lock1: str) -> None:
    with slow_index(lab.alpha1) as (url, asked, _):
        started = lab.start(lab.options(lock1, index_url=url, find_links=[], no_index=False))
        assert asked.wait(60)
        (uv,) = processes_in(lab.home)
        started.kill()
        started.wait()
        deadline = time.monotonic() + 10
        while Path(f"/proc/{uv}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not Path(f"/proc/{uv}").exists()


def test_time_limit(lab: Lab, lock1: str) -> None:
    with slow_index(lab.alpha1) as (url, _, _release):
        start = time.monotonic()
        failed = lab.run(lock1, index_url=url, find_links=[], no_index=False, time_limit=3)
        assert time.monotonic() - start < 20
    assert failed["code"] == "ENVIRONMENT_TIME_LIMIT"
    assert not lab.environment(lock1).exists()
    assert not processes_in(lab.home)


def test_a_stale_lock_file_locks_nobody_out(lab: Lab, lock1: str) -> None:
    lab.home.mkdir()
    (lab.home / ".lock").write_text('{"pid": 999999, "since": "2020-01-01T00:00:00Z"}')
    assert lab.run(lock1, lock_wait=0)["changed"]


def test_two_runs_at_once(lab: Lab, lock1: str) -> None:
    lab.home.mkdir()
    with (lab.home / ".lock").open("w") as file:
        json.dump({"pid": 4711, "since": "2026-01-01T00:00:00Z"}, file)
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        failed = lab.run(lock1, lock_wait=0)
        assert failed["code"] == "ENVIRONMENT_BUSY"
        assert "4711" in failed["msg"]
    both = [lab.start(lab.options(lock1)) for _ in range(2)]
    changed = [json.loads(one.communicate(timeout=120)[0])["changed"] for one in both]
    assert sorted(changed) == [False, True]
    assert lab.says(lock1) == "1.0"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=False)


def test_a_full_disk_leaves_the_old_one_working(lab: Lab, lock1: str, small_disk: Path) -> None:
    lab.home = small_disk / "home"
    assert lab.run(lock1)["changed"]
    lab.run(lock1, state="current", verified=True)
    big = lock_of(make_wheel(lab.wheels, "gpbig", "1.0", {"gpbig_data.bin": os.urandom(40_000_000)}))
    wheel = lab.wheels / "gpbig-1.0-py3-none-any.whl"
    half = lab.folder / "sent"
    shutil.copy(wheel, half)
    digest = sha256(wheel.read_bytes())
    offered = {"offered_wheels": [{"name": wheel.name, "sha256": digest}], "find_links": None}
    sent = lab.run(big, uploaded={digest: str(half)}, **offered)
    assert sent["code"] == "DISK_FULL", sent
    assert not (lab.home / "wheelhouse").exists()
    failed = lab.run(big)
    assert failed["code"] == "DISK_FULL", failed
    assert not lab.environment(big).exists()
    assert not (lab.home / "cache").exists()
    launched = [lab.home / "bin/tiny", "-c", "import gpalpha; print(gpalpha.VERSION)"]
    assert subprocess.run(launched, capture_output=True, text=True, check=True).stdout.strip() == "1.0"
    assert lab.run(lock_of(lab.alpha2))["changed"]


def test_only_the_wheels_of_the_lock_are_sent(lab: Lab, lock1: str) -> None:
    """They are kept until the building is done, so one that fails shows them."""
    gone = make_wheel(lab.folder / "elsewhere", "gpbeta", "1.0")
    options = lab.options(lock1 + lock_of(gone), wheelhouse=str(lab.wheels), find_links=None)
    (failed,) = lab.play(options)
    assert failed["code"] == "NO_WHEEL"
    assert "gpbeta" in failed["msg"]
    assert [p.name for p in (lab.home / "wheelhouse").iterdir()] == [lab.alpha1.name]
    make_wheel(lab.wheels, "gpbeta", "1.0")
    checked, done, again = (lab.play(options, check=check)[0] for check in (True, False, False))
    assert [checked["changed"], done["changed"], again["changed"]] == [True, True, False]
    assert done["ansible_facts"]["gpuready"]["apply"]["environment"] == done["environment"]
    assert not (lab.home / "wheelhouse").exists()
    assert lab.says(lock1 + lock_of(gone)) == "1.0"


def test_a_broken_upload_is_not_used(lab: Lab, lock1: str) -> None:
    digest = sha256(lab.alpha1.read_bytes())
    offered = {"offered_wheels": [{"name": lab.alpha1.name, "sha256": digest}], "find_links": None}
    assert lab.run(lock1, **offered)["needs"] == [{"kind": "wheel", "name": lab.alpha1.name, "sha256": digest}]
    half = lab.folder / "half"
    half.write_bytes(lab.alpha1.read_bytes()[:100])
    assert lab.run(lock1, uploaded={digest: str(half)}, **offered)["code"] == "HASH_MISMATCH"
    (lab.home / "wheelhouse").mkdir(exist_ok=True)
    (lab.home / "wheelhouse" / lab.alpha1.name).write_bytes(b"of another day")
    assert lab.run(lock1, **offered)["needs"]
    whole = lab.folder / "whole"
    shutil.copy(lab.alpha1, whole)
    assert lab.run(lock1, uploaded={digest: str(whole)}, **offered)["changed"]
    assert lab.says(lock1) == "1.0"


@pytest.mark.parametrize("form", ["tar.gz", "whl"])
def test_uv_from_an_archive(lab: Lab, lock1: str, form: str) -> None:
    archive = lab.folder / f"uv.{form}"
    if form == "tar.gz":
        with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
            tar.add(uv_binary(), "uv-x86_64-unknown-linux-gnu/uv")
    else:
        with zipfile.ZipFile(archive, "w") as wheel:
            wheel.write(uv_binary(), "uv-9.9.data/scripts/uv")
    good = sha256(archive.read_bytes())
    more = {"uv": None, "env": {"PATH": "/usr/bin:/bin", "HOME": str(lab.folder)}}
    missing = lab.run(lock1, **more)
    assert missing["code"] == "UV_MISSING"
    assert lab.run(lock1, check=True, **more)["code"] == "UV_MISSING"
    wrong = lab.run(lock1, uv_archive={"url": archive.as_uri(), "sha256": "0" * 64}, **more)
    assert wrong["code"] == "HASH_MISMATCH"
    assert not list((lab.home / "downloads").iterdir())
    assert not (lab.home / "uv").exists()
    source = {"path": str(archive)} if form == "whl" else {"url": archive.as_uri()}
    done = lab.run(lock1, uv_archive={**source, "sha256": good}, **more)
    assert subprocess.run([lab.home / "uv", "--version"], capture_output=True, text=True, check=True).stdout.startswith(
        "uv "
    )
    assert done.get("changed") or done["code"] == "INTERPRETER_MISSING"  # no other Python of this version may be there


def test_the_controllers_files_go_where_they_are_missing(lab: Lab, lock1: str) -> None:
    archive = lab.folder / "uv.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(uv_binary(), "uv")
    bare = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(lab.folder)}
    options = {key: value for key, value in lab.options(lock1).items() if key != "uv"}
    (wrong,) = lab.play({**options, "uv_archive": {"path": str(archive), "sha256": "0" * 64}}, env=bare)
    assert wrong["code"] == "HASH_MISMATCH"
    assert not lab.home.exists()
    (lab.home / "elsewhere").mkdir(parents=True)
    bare["PATH"] = "/usr/bin:/bin"
    good = {"path": str(archive), "sha256": sha256(archive.read_bytes())}
    lab.play({**options, "uv_archive": good}, env=bare)
    assert (lab.home / "uv").exists()
    (lab.home / "uv").unlink()
    other = lab.options(lock_of(lab.alpha2), uv=None)
    lab.play(other, env=bare)  # without an archive: the controller's own
    assert sha256((lab.home / "uv").read_bytes()) == sha256(uv_binary().read_bytes())


def test_archives_that_are_none(lab: Lab, lock1: str) -> None:
    more = {"uv": None, "env": {"PATH": "/usr/bin:/bin", "HOME": str(lab.folder)}}
    broken = lab.folder / "uv.zip"
    broken.write_bytes(b"PK\x03\x04 and nothing more")
    options = {"path": str(broken), "sha256": sha256(broken.read_bytes())}
    assert lab.run(lock1, uv_archive=options, **more)["code"] == "ARCHIVE_UNREADABLE"
    evil = lab.folder / "evil.tar.gz"
    with tarfile.open(evil, "w:gz") as tar:
        tar.add(broken, "../../outside")
    options = {"path": str(evil), "sha256": sha256(evil.read_bytes())}
    assert lab.run(lock1, uv_archive=options, **more)["code"] == "ARCHIVE_UNREADABLE"
    assert not (lab.home / "outside").exists()
    assert not (lab.folder / "outside").exists()
    gone = {"path": "/nowhere/uv.zip", "sha256": "0" * 64}
    assert lab.run(lock1, uv_archive=gone, **more)["code"] == "ARCHIVE_MISSING"
    assert lab.run(lock1, uv_archive={"path": str(evil)}, **more)["code"] == "ARGUMENTS"
    assert lab.run(lock1, uv="/nowhere/uv")["code"] == "UV_MISSING"


def test_interpreter_from_an_archive(lab: Lab, lock1: str) -> None:
    base = Path(sys.base_prefix)
    if (
        not (base / f"bin/python{VERSION}").exists()
        or not (base / f"lib/python{VERSION}/encodings").is_dir()
        or base == Path("/usr")
    ):
        pytest.skip("this Python is no folder of its own that could be packed")
    archive = lab.folder / "python.tar"
    skip = ("site-packages", "/test", "__pycache__", "/idlelib", "/include", "/share", "config-")
    with tarfile.open(archive, "w") as tar:
        tar.add(base, "python", filter=lambda info: None if any(part in info.name for part in skip) else info)
    source = {"path": str(archive), "sha256": sha256(archive.read_bytes())}
    other = lab.run(lock1, python="3.9", interpreter_archive=source)
    assert other["code"] == "INTERPRETER_MISSING"
    assert not list((lab.home / "python").iterdir())
    assert lab.run(lock1, interpreter_archive=source)["changed"]
    place = lab.home / "python" / f"{VERSION}-{source['sha256'][:12]}"
    assert place.is_dir()
    assert lab.says(lock1, "import sys; print(sys.base_prefix)") == str(place)
    lab.run(lock_of(lab.alpha2), interpreter_archive=source)
    assert len(list((lab.home / "python").iterdir())) == 1


def test_pip_configuration_of_the_machine(lab: Lab, lock1: str) -> None:
    config = lab.folder / "pip.conf"
    config.write_text(f"[global]\nno-index = true\n[install]\nfind-links =\n    /nowhere\n    {lab.wheels}\n")
    done = lab.run(lock1, find_links=[], no_index=False, env={"PIP_CONFIG_FILE": str(config)})
    assert done["changed"], done
    assert lab.says(lock1) == "1.0"


def test_the_stacks_own_index_is_done_without_when_the_lab_has_it_all(lab: Lab, lock1: str) -> None:
    """As the plan gives it: https://download.pytorch.org is out of reach in a lab with a mirror."""
    record = {
        "schema_version": 1,
        "host": "localhost",
        "simulated": False,
        "troubles": [],
        "plan": {
            "stack": "tiny",
            "blockers": [],
            "environment": {
                "python": VERSION,
                "lock": "tiny.txt",
                "lock_path": str(lab.folder / "tiny.txt"),
                "lock_sha256": sha256(lock1.encode()),
                "extra_index_urls": ["http://127.0.0.1:9/simple"],
                "start": "HOME/bin/tiny opens it",
            },
        },
    }
    (lab.folder / "tiny.txt").write_text(lock1)
    with slow_index(lab.alpha1) as (url, _, release):
        release.set()
        uv = str(uv_binary())
        _, built, gone = lab.play(
            {"facts": {"cacheable": True, "gpuready": record}}, {"index_url": url, "uv": uv}, {"state": "absent"}
        )
    assert built["changed"], built
    assert built["ansible_facts"]["gpuready"]["plan"] == record["plan"]
    assert built["environment"]["start"] == f"{lab.home}/bin/tiny opens it"
    assert gone["changed"]
    assert not lab.home.exists()


def test_absent(lab: Lab, lock1: str) -> None:
    assert not lab.run(state="absent", stack=None)["changed"]
    lab.run(lock1)
    lab.run(lock1, state="current", verified=True)
    lab.run(lock1, stack="other")
    lab.run(lock1, stack="other", state="current", verified=True)
    assert "tiny" in (lab.home / "README.txt").read_text()
    assert lab.run(check=True, state="absent")["changed"]
    assert lab.run(state="absent")["changed"]
    assert not lab.run(state="absent")["changed"]
    assert [p.name.split("-")[0] for p in (lab.home / "environments").iterdir()] == ["other"]
    assert [p.name for p in (lab.home / "bin").iterdir()] == ["other"]
    assert "tiny" not in (lab.home / "README.txt").read_text()
    (lab.home / "teacher.txt").write_text("mine")
    assert lab.run(state="absent", stack=None)["changed"]
    assert [p.name for p in lab.home.iterdir()] == ["teacher.txt"]
    (lab.home / "teacher.txt").unlink()
    assert not lab.run(state="absent", stack=None)["changed"]
    assert not lab.home.exists()


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ({"stack": "../../etc"}, "stack"),
        ({"python": "ten"}, "python"),
        ({"lock_sha256": "../x"}, "lock_sha256"),
        ({"time_limit": 0}, "time_limit"),
        ({"certificates": "/nowhere.pem"}, "certificates"),
    ],
)
def test_arguments_that_mean_nothing(lab: Lab, lock1: str, bad: dict[str, Any], word: str) -> None:
    failed = lab.run(lock1, **bad)
    assert failed["code"] == "ARGUMENTS"
    assert word in failed["msg"]
    assert not lab.home.exists()


def test_every_user_can_run_it(lab: Lab, lock1: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only an administrator makes environments for others")
    os.umask(0o077)
    try:
        lab.run(lock1)
    finally:
        os.umask(0o022)
    for path in lab.environment(lock1).rglob("*"):
        if not path.is_symlink():
            assert path.stat().st_mode & 0o055 == (0o055 if path.is_dir() or path.stat().st_mode & 0o100 else 0o044), (
                path
            )
            assert not path.stat().st_mode & 0o022
