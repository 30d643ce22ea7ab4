"""python_environment on a Windows machine: the real PowerShell, uv.exe, CPython for Windows, and tiny wheels made here.

The tests share one machine and one folder of archives; each has a home of its own on it. Nothing is fetched.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from environment_help import lock_of, make_wheel, sha256, slow_index
from winlab import PREFIXES, Machine, testing

pytestmark = pytest.mark.slow
MODULE = "gpuready.lab.python_environment"
REDIST = r"C:\lab\homes\{home}\tmp\vc_redist.exe"
RUNTIME = ("vcruntime140.dll", "vcruntime140_1.dll", "msvcp140.dll")


class Lab:
    """One home on the machine."""

    def __init__(self, pc: Machine, folder: Path, name: str) -> None:
        self.pc, self.folder, self.name = pc, folder, name
        self.windows = rf"C:\lab\homes\{name}"
        self.wheels = folder / "wheels"
        self.alpha = [self.wheels / f"gpalpha-{n}.0-py3-none-any.whl" for n in (1, 2, 3)]
        self.locks = [lock_of(wheel) for wheel in self.alpha]

    @property
    def home(self) -> Path:
        return self.pc.path(self.windows)

    def options(self, lock: str | None, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = {"home": self.windows, "stack": "tiny", **more}
        if lock is not None:
            found = {"lock": lock, "lock_sha256": sha256(lock.encode()), "python": "3.10", **found}
        if found.get("state", "present") == "present":
            archive = {"path": r"C:\lab\py310.zip", "sha256": sha256((self.folder / "py310.zip").read_bytes())}
            own = {"uv": r"C:\lab\uv.exe", "interpreters": {"3.10": archive}, "find_links": [r"C:\lab\wheels"]}
            found = {**own, "no_index": True, **found}
        return {key: value for key, value in found.items() if value is not None}

    def run(self, *calls: tuple[str | None, dict[str, Any]], check: bool = False) -> list[dict[str, Any]]:
        """Several calls as tasks of one play; the results, failed ones too."""
        tasks = [
            {
                "name": f"Call {n}",
                MODULE: self.options(lock, **more),
                "ignore_errors": True,
                "check_mode": more.pop("check_mode", check),
            }
            for n, (lock, more) in enumerate([(lock, dict(more)) for lock, more in calls])
        ]
        for task in tasks:
            task[MODULE].pop("check_mode", None)
        run = testing.ansible(self.pc, playbook=[{"hosts": "all", "gather_facts": False, "tasks": tasks}])
        return [{"failed": False, "changed": False} | result for _, result in testing.results(run, self.pc.name)]

    def one(self, lock: str | None = None, **more: Any) -> dict[str, Any]:
        return self.run((lock, more))[0]

    def environment(self, lock: str) -> Path:
        return self.pc.path(rf"{self.windows}\environments\tiny-{sha256(lock.encode())[:12]}")

    def says(self, code: str = "import gpalpha; print(gpalpha.VERSION)") -> str:
        """What the current environment's Python says, started as a student does."""
        script = self.pc.path(r"C:\lab\student.py")
        script.write_text(code)
        launcher = rf"{self.windows}\bin\tiny.cmd"
        reply = self.pc.run(["cmd", "/c", launcher, r"C:\lab\student.py", "a b"])
        assert reply.rc == 0, reply
        return reply.stdout.strip()

    def tree(self) -> list[tuple[str, int]]:
        found = [(str(f), f.lstat().st_mtime_ns) for f in self.home.rglob("*") if "__pycache__" not in str(f)]
        return sorted(found)


def prepare(pc: Machine, folder: Path) -> Machine:
    """Put archives, uv and wheels on the machine."""
    windows = PREFIXES / "windows"
    with zipfile.ZipFile(folder / "py310.zip", "w") as archive:
        for file in sorted((windows / "Python310").rglob("*")):
            archive.write(file, f"Python310/{file.relative_to(windows / 'Python310')}")
        archive.writestr("Python310/python310._pth", "python310.zip\n")
    for n in (1, 2, 3):
        make_wheel(folder / "wheels", "gpalpha", f"{n}.0")
    lab = pc.path(r"C:\lab")
    lab.mkdir()
    shutil.copytree(folder / "wheels", lab / "wheels")
    shutil.copy(folder / "py310.zip", lab / "py310.zip")
    shutil.copy(windows / "uv.exe", lab / "uv.exe")
    (lab / "homes").mkdir()
    return pc


@pytest.fixture(scope="module")
def machine(winlab_machine: Callable[..., Machine], tmp_path_factory: pytest.TempPathFactory) -> tuple[Machine, Path]:
    pc = winlab_machine("python-environment")
    folder = tmp_path_factory.mktemp("files")
    return prepare(pc, folder), folder


@pytest.fixture
def lab(machine: tuple[Machine, Path], request: pytest.FixtureRequest) -> Iterator[Lab]:
    pc, folder = machine
    found = Lab(pc, folder, request.node.name.replace("test_", "").split("[")[0][:20])
    yield found
    shutil.rmtree(found.home, ignore_errors=True)


def test_from_the_controllers_files(lab: Lab) -> None:
    """uv and Python as archives, a wheelhouse: each is sent once, and only what the lock names."""
    uv = lab.folder / "uv-0-py3-none-win_amd64.whl"
    with zipfile.ZipFile(uv, "w") as archive:
        archive.write(PREFIXES / "windows/uv.exe", "uv-0.data/scripts/uv.exe")
    python = lab.folder / "py310.zip"
    lock = lab.locks[0]
    more = {
        "uv": None,
        "uv_archive": {"path": str(uv), "sha256": sha256(uv.read_bytes())},
        "interpreters": {"3.10": {"path": str(python), "sha256": sha256(python.read_bytes())}},
        "wheelhouse": str(lab.wheels),
        "find_links": None,
        "start": r"HOME\bin\tiny.cmd opens it",
    }
    (checked,) = lab.run((lock, more), check=True)
    assert checked["changed"], checked
    assert not lab.home.exists()
    first, again, checked = lab.run((lock, more), (lock, more), (lock, {**more, "check_mode": True}))
    assert first["changed"], first
    environment = first["environment"]
    assert environment["path"].lower() == rf"{lab.windows}\environments\tiny-{sha256(lock.encode())[:12]}".lower()
    assert environment["python"] == environment["path"] + r"\Scripts\python.exe"
    assert environment["start"] == rf"{lab.windows}\bin\tiny.cmd opens it"
    assert environment["built"]
    assert environment["size_bytes"] > 1000
    assert [step["name"] for step in first["steps"]] == ["uv", "interpreter", "environment", "packages", "mark"]
    assert not again["changed"]
    assert not again["environment"]["built"]
    assert not checked["changed"]
    marker = json.loads((lab.environment(lock) / "gpuready.json").read_text())
    assert marker["complete"] is True
    assert marker["lock_sha256"] == sha256(lock.encode())
    assert sorted(p.name for p in lab.home.iterdir()) == [".lock", "environments", "python", "uv.exe"]
    assert [p.name for p in (lab.home / "python").iterdir()] == [f"3.10-{sha256(python.read_bytes())[:12]}"]
    acl = lab.pc.powershell(f"(Get-Acl '{lab.windows}').GetSecurityDescriptorSddlForm('Access')").stdout
    # Wine keeps rights as those of Unix files: Users becomes Everyone
    assert "0x1200a9;;;WD" in acl
    assert "FA;;;WD" not in acl


def test_switch_old_ones_and_absent(lab: Lab) -> None:
    one, two, three = lab.locks
    record = {
        "fingerprint": {"driver": "1", "os_build": 22631},
        "verdict": {"state": "READY", "code": "TRAINED"},
        "at": "2026-01-01",
    }
    good = {"state": "current", "verified": True, "pass_record": record}
    built, refused, checked, switched = lab.run(
        (one, {}), (one, {"state": "current"}), (one, {**good, "check_mode": True}), (one, good)
    )
    assert built["changed"], built
    assert refused["code"] == "NOT_VERIFIED"
    assert checked["changed"]
    assert switched["changed"]
    assert switched["switched"]
    assert lab.says("import sys, gpalpha; print(gpalpha.VERSION, sys.argv[1:])") == "1.0 ['a b']"
    pointer = json.loads((lab.home / "current/tiny.json").read_text())
    assert pointer["environment"].lower() == switched["environment"]["path"].lower()
    assert pointer["lock_sha256"] == sha256(one.encode())
    assert json.loads((lab.home / "passes/tiny.json").read_text()) == record
    assert "tiny.cmd" in (lab.home / "README.txt").read_text()
    prompt = lab.pc.run(["cmd", "/c", rf"{lab.windows}\bin\tiny.cmd"], stdin=b"echo %VIRTUAL_ENV%\r\nexit\r\n")
    assert f"tiny-{sha256(one.encode())[:12]}" in prompt.stdout

    before = lab.tree()
    later = {**good, "pass_record": {**record, "at": "2026-02-02"}}
    again, other = lab.run((one, later), (one, {**later, "check_mode": True}))
    assert [again["changed"], other["changed"]] == [False, False]
    assert [item for item in lab.tree() if ".lock" not in item[0]] == [
        item for item in before if ".lock" not in item[0]
    ]

    wrong = lock_of(lab.alpha[1], wrong=True)
    failed, second, other_driver = lab.run(
        (wrong, {}),
        (two, {}),
        (one, {**good, "pass_record": {**record, "fingerprint": {"driver": "2", "os_build": 22631}}}),
    )
    assert failed["code"] == "HASH_MISMATCH"
    assert "gpalpha==2.0" in failed["msg"]
    assert not lab.environment(wrong).exists()
    assert second["changed"]
    assert not second.get("switched")
    assert other_driver["changed"]
    assert lab.says() == "1.0"

    (lab.home / "environments/tiny-000000000000").mkdir()
    (lab.home / "environments/tiny-other-000000000000").mkdir()
    _, checked, third = lab.run(
        (three, {}), (three, {**good, "check_mode": True, "keep_old": 1}), (three, {**good, "keep_old": 1})
    )
    assert checked["changed"]
    assert third["changed"]
    assert lab.says() == "3.0"
    names = {p.name for p in (lab.home / "environments").iterdir()}
    assert names == {lab.environment(three).name, lab.environment(two).name, "tiny-other-000000000000"}

    (lab.home / "teacher.txt").write_text("mine")
    assert (lab.home / "passes/tiny.json").exists()
    *unproven, checked, gone, again, everything, nothing = lab.run(
        *((None, {"state": "unproven", "check_mode": check}) for check in (True, False, False)),
        *((None, {"state": "absent", "check_mode": check}) for check in (True, False, False)),
        (None, {"state": "absent", "stack": None}),
        (None, {"state": "absent", "stack": None}),
    )
    assert [one["changed"] for one in unproven] == [True, True, False]
    assert [checked["changed"], gone["changed"], again["changed"]] == [True, True, False]
    assert everything["changed"]
    assert not nothing["changed"]
    assert [p.name for p in lab.home.iterdir()] == ["teacher.txt"]


def test_absent_of_one_of_two(lab: Lab) -> None:
    lock = lab.locks[0]
    lab.run(
        *(
            (lock, {"stack": name, **more})
            for name in ("tiny", "other")
            for more in ({}, {"state": "current", "verified": True})
        )
    )
    assert "tiny" in (lab.home / "README.txt").read_text()
    assert lab.one(state="absent")["changed"]
    assert "tiny" not in (lab.home / "README.txt").read_text()
    assert [p.name for p in (lab.home / "bin").iterdir()] == ["other.cmd"]
    checked, gone = lab.run(
        *((None, {"state": "absent", "stack": None, "check_mode": check}) for check in (True, False))
    )
    assert checked["changed"]
    assert gone["changed"]
    assert not lab.home.exists()


def test_what_is_not_whole_is_built_again(lab: Lab) -> None:
    lock = lab.locks[0]
    lab.one(lock)
    for damage in ("no marker", "no python", "base gone", "package gone"):
        environment = lab.environment(lock)
        if damage == "no marker":
            (environment / "gpuready.json").write_text("{")
        elif damage == "no python":
            (environment / "Scripts/python.exe").unlink()
        elif damage == "base gone":
            shutil.rmtree(lab.home / "python")
        else:
            shutil.rmtree(environment / "Lib/site-packages/gpalpha-1.0.dist-info")
        checked, again, third = lab.run(
            (lock, {"check_mode": True}), (lock, {}), (lock, {"state": "current", "verified": True})
        )
        assert checked["changed"], damage
        assert again["changed"], damage
        assert not third["failed"], third
        assert lab.says() == "1.0"
    (lab.environment(lock) / "gpuready.json").unlink()
    assert lab.one(lock, state="current", verified=True)["code"] == "ENVIRONMENT_BROKEN"


def test_the_power_goes_off_half_way(lab: Lab) -> None:
    old, new = lab.locks[0], lab.locks[1]
    lab.run((old, {}), (old, {"state": "current", "verified": True}))
    with slow_index(lab.alpha[1]) as (url, asked, release):
        more = {"index_url": url, "find_links": [], "no_index": False}
        running = threading.Thread(target=lab.run, args=((new, more),), daemon=True)
        running.start()
        assert asked.wait(120)
        assert lab.environment(new).is_dir()
        busy = lab.one(new, lock_wait=0, **more)
        assert busy["code"] == "ENVIRONMENT_BUSY"
        assert "process" in busy["msg"]
        lab.pc.stop()
        lab.pc.start()
        release.set()
        running.join(120)
        assert lab.environment(new).is_dir()
        assert not (lab.environment(new) / "gpuready.json").exists()
        assert lab.says() == "1.0"
        again = lab.one(new, **more)
        assert again["changed"], again
    assert lab.one(new, state="current", verified=True)["switched"]
    assert lab.says() == "2.0"


def test_limits_and_indexes(lab: Lab) -> None:
    lock = lab.locks[0]
    nothing = lock_of(make_wheel(lab.folder / "elsewhere", "gpbeta", "1.0"))
    closed = {"index_url": "http://student:secret@127.0.0.1:9/simple", "find_links": [], "no_index": False}
    with slow_index(lab.alpha[0]) as (url, _, _release):
        slow = {"index_url": url, "find_links": [], "no_index": False, "time_limit": 6}
        late, unreachable, lacking = lab.run((lock, slow), (lock, closed), (nothing, {}))
    assert late["code"] == "ENVIRONMENT_TIME_LIMIT"
    assert unreachable["code"] == "INDEX_UNREACHABLE"
    assert "secret" not in unreachable["msg"] + json.dumps(unreachable["details"])
    assert lacking["code"] == "NO_WHEEL"
    assert "gpbeta" in lacking["msg"]
    assert list((lab.home / "environments").iterdir()) == []


def test_the_stacks_index_beside_the_labs_own(lab: Lab) -> None:
    """Two indexes, of which one is out of reach: with the lab's own first, and the other way round."""
    with slow_index(lab.alpha[0]) as (url, _, release):
        release.set()
        environment = {
            "python": "3.10",
            "lock_path": str(lab.folder / "tiny.txt"),
            "lock_sha256": sha256(lab.locks[0].encode()),
            "extra_index_urls": ["http://127.0.0.1:9/simple"],
            "start": r"HOME\bin\tiny.cmd opens it",
            "needs_vc_runtime": True,
        }
        (lab.folder / "tiny.txt").write_text(lab.locks[0])
        record = {"host": "x", "troubles": [], "plan": {"stack": "tiny", "blockers": [], "environment": environment}}
        verdict = {
            "state": "READY",
            "code": "TRAINED",
            "fingerprint": {"lock_sha256": environment["lock_sha256"]},
            "at": "2026-01-01",
        }
        options = lab.options(None, stack=None, index_url=url, find_links=None, no_index=False)
        judged = "{{ ansible_facts.gpuready | combine({'verdict': verdict}) }}"
        tasks: list[dict[str, Any]] = [
            {"ansible.builtin.set_fact": {"cacheable": True, "gpuready": record}},
            {MODULE: options},
            {"ansible.builtin.set_fact": {"cacheable": True, "gpuready": judged}},
            {MODULE: {"state": "current"}},
            {MODULE: {"state": "current"}},
        ]
        play = {"hosts": "all", "gather_facts": False, "vars": {"verdict": verdict}, "tasks": tasks}
        run = testing.ansible(lab.pc, playbook=[play])
    _, built, _, switched, again = (result for _, result in testing.results(run, lab.pc.name))
    assert built["changed"], built
    assert switched["changed"], switched
    assert not again["changed"]
    applied = again["ansible_facts"]["gpuready"]["apply"]
    assert applied["environment"]["built"]
    assert applied["switched"]
    assert applied["changed"]
    assert applied["home"].lower() == lab.windows.lower()
    kept = json.loads((lab.home / "passes/tiny.json").read_text())
    assert kept["fingerprint"] == verdict["fingerprint"]
    assert kept["verdict"]["state"] == "READY"


@pytest.fixture
def small_disk(lab: Lab) -> Iterator[Path]:
    lab.home.mkdir(parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=110m", "tmpfs", lab.home], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield lab.home
    subprocess.run(["umount", "-l", lab.home], check=False)


def test_a_full_disk_leaves_the_old_one_working(lab: Lab, small_disk: Path) -> None:
    lab.run((lab.locks[0], {}), (lab.locks[0], {"state": "current", "verified": True}))
    big = make_wheel(lab.folder / "elsewhere", "gpbig", "1.0", {"gpbig_data.bin": b"x" * 100_000_000})
    shutil.copy(big, lab.pc.path(r"C:\lab\wheels") / big.name)
    failed = lab.one(lock_of(big))
    sent = lab.one(lock_of(big), find_links=None, wheelhouse=str(big.parent))
    (lab.pc.path(r"C:\lab\wheels") / big.name).unlink()
    assert failed["code"] == "DISK_FULL", failed
    assert sent["code"] == "DISK_FULL", sent
    assert not lab.environment(lock_of(big)).exists()
    assert not (lab.home / "wheelhouse").exists()
    assert not (lab.home / "cache").exists()
    said = lab.says()
    assert said == "1.0", said
    last = lab.one(lab.locks[1])
    assert last["changed"], last


def tar_of_python(path: Path, form: int = tarfile.PAX_FORMAT) -> dict[str, str]:
    """The Python for Windows as a tar.gz with a long name and a link in it."""
    with tarfile.open(path, "w:gz", compresslevel=1, format=form) as tar:
        tar.add(PREFIXES / "windows/Python310", "python/install")
        for name in ("python/install/" + "/".join(["a" * 60] * 3) + "/b.txt", "python/install/" + "c" * 120 + ".txt"):
            info = tarfile.TarInfo(name)
            info.size = 3
            tar.addfile(info, io.BytesIO(b"abc"))
        link = tarfile.TarInfo("python/install/link")
        link.type, link.linkname = tarfile.SYMTYPE, "python.exe"
        tar.addfile(link)
    return {"sha256": sha256(path.read_bytes())}


def test_archives(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = lab.locks[0]
    source = tar_of_python(lab.folder / "python.tar.gz")
    gnu = tar_of_python(lab.folder / "python-gnu.tar.gz", form=tarfile.GNU_FORMAT)
    with slow_index(lab.folder / "python.tar.gz") as (url, _, release):
        release.set()
        at = {"url": url.replace("/simple", "/python.tar.gz?x=.whl")}
        calls = [
            {**at, "sha256": "0" * 64},
            {"url": "http://student:secret@127.0.0.1:9/python.tar.gz", "sha256": "0" * 64},
            {"url": "ftp://127.0.0.1/python.tar.gz", "sha256": "0" * 64},
            {"path": r"C:\nowhere\python.zip", "sha256": "0" * 64},
            {"path": r"C:\lab\py310.zip", "sha256": "0" * 64},
            {**at, **source},
        ]
        results = lab.run(*((lock, {"interpreters": {"3.10": call}}) for call in calls))
    codes = [result.get("code") for result in results]
    assert codes == [
        "HASH_MISMATCH",
        "ARCHIVE_UNREACHABLE",
        "ARCHIVE_MISSING",
        "ARCHIVE_MISSING",
        "HASH_MISMATCH",
        None,
    ]
    assert "secret" not in json.dumps([results[1]["msg"], results[1]["details"]])
    assert results[-1]["changed"]
    place = lab.home / "python" / f"3.10-{source['sha256'][:12]}"
    place = place / "install"
    assert (place / ("a" * 60) / ("a" * 60) / ("a" * 60) / "b.txt").read_text() == "abc"
    assert (place / ("c" * 120 + ".txt")).read_text() == "abc"

    folder = lab.pc.path(r"C:\lab")
    shutil.copy(lab.folder / "python-gnu.tar.gz", folder)
    evil_zip, evil_tar, broken, empty = (folder / name for name in ("evil.zip", "evil.tar", "broken.zip", "empty.zip"))
    with zipfile.ZipFile(evil_zip, "w") as archive:
        archive.writestr("../../outside.txt", "x")
    with tarfile.open(evil_tar, "w") as tar:
        info = tarfile.TarInfo("../../outside.txt")
        tar.addfile(info, io.BytesIO(b""))
    broken.write_bytes(b"PK\x03\x04 and nothing more")
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("readme.txt", "x")
    (folder / "text.tar").write_bytes(b"x" * 2000)
    (folder / "short.tar.gz").write_bytes((lab.folder / "python.tar.gz").read_bytes()[:5000])
    names = ("evil.zip", "evil.tar", "broken.zip", "text.tar", "short.tar.gz", "empty.zip")
    local = [{"path": rf"C:\lab\{name}", "sha256": sha256((folder / name).read_bytes())} for name in names]
    two = lab.locks[1]
    for name in ("XDG_CACHE_HOME", "UV_CACHE_DIR"):  # a controller that cannot fetch a uv for the PC
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("UV_OFFLINE", "1")
    results = lab.run(
        *((two, {"interpreters": {"3.10": call}}) for call in local),
        (two, {"python": "3.11", "interpreters": {"3.11": {"path": r"C:\lab\python-gnu.tar.gz", **gnu}}}),
        (two, {"uv": None, "uv_archive": local[-1]}),
        (two, {"uv": None}),
        (two, {"uv": None, "check_mode": True}),
        (two, {"uv": r"C:\nowhere\uv.exe"}),
        (two, {"interpreters": {"3.10": {"path": r"C:\lab\python-gnu.tar.gz", **gnu}}}),
    )
    codes = [result.get("code") for result in results]
    unreadable = ["ARCHIVE_UNREADABLE"] * 5
    assert codes == [
        *unreadable,
        *("INTERPRETER_MISSING", "INTERPRETER_MISSING", "ARCHIVE_UNREADABLE", "UV_MISSING", "UV_MISSING", "UV_MISSING"),
        None,
    ]
    assert "3.10" in results[6]["msg"]
    assert (lab.home / "python" / f"3.10-{gnu['sha256'][:12]}" / "install" / ("c" * 120 + ".txt")).read_text() == "abc"
    assert not list(folder.rglob("outside.txt"))
    assert sorted(p.name for p in (lab.home / "python").iterdir()) == sorted(
        f"3.10-{one['sha256'][:12]}" for one in (source, gnu)
    )


def test_without_an_archive_the_interpreter_is_looked_for_and_fetched(lab: Lab) -> None:
    failed = lab.one(lab.locks[0], interpreters={})
    assert failed["code"] == "INTERPRETER_MISSING"
    python = lab.pc.path(rf"{lab.windows}\python\cpython-3.10.11-windows-x86_64-none")
    shutil.copytree(PREFIXES / "windows/Python310", python)
    done = lab.one(lab.locks[0], interpreters={})
    assert done["changed"], done
    holders = []

    def uv(call: Any) -> int:
        """Says what a uv says and makes nothing; in the second building a virus scanner sits on what there is."""
        if call.args == ["--version"]:
            call.out("uv 0.9.2\r\n")
        elif call.args[:2] == ["python", "find"]:
            call.out(rf"{lab.windows}\python\{python.name}\python.exe" + "\r\n")
        elif call.args[0] == "venv" and sha256(lab.locks[2].encode())[:12] in call.args[-1]:
            folder = lab.pc.path(call.args[-1])
            folder.mkdir(parents=True)
            (folder / "scanned.txt").write_text("x")
            holders.append(hold(lab.pc, call.args[-1] + r"\scanned.txt", 20))
        elif call.args[0] == "pip" and holders:
            return 1
        return 0

    lab.pc.install_program(r"C:\lab\fake\uv.exe", uv)
    fake = {"interpreters": {}, "uv": r"C:\lab\fake\uv.exe"}
    broken, held = lab.run((lab.locks[1], fake), (lab.locks[2], fake))
    assert broken["code"] == "ENVIRONMENT_BROKEN"
    assert held["code"] == "ENVIRONMENT_FAILED", held  # uv said nothing
    assert any("could not be removed" in note for note in held["notes"])
    for holder in holders:
        holder.join(60)


def test_the_runtime(lab: Lab) -> None:
    """Windows without it: refused at once; brought by its installer; or taken from the environment's own package."""
    system = lab.pc.path(r"C:\windows\system32")
    kept = {name: (system / name).read_bytes() for name in RUNTIME if (system / name).exists()}
    real = (PREFIXES / "windows/Python310/vcruntime140.dll").read_bytes()
    lock = lab.locks[0]
    redist = lab.pc.path(r"C:\lab\vc_redist.x64.exe")
    answers = [1603, 0, 3010]

    def install(call: Any) -> int:
        assert call.args == ["/install", "/quiet", "/norestart"]
        rc = answers.pop(0)
        if rc == 3010:
            for name in RUNTIME:
                (system / name).write_bytes(real)
        return rc

    lab.pc.install_program(r"C:\lab\vc_redist.x64.exe", install)
    lab.pc.programs[rf"{lab.windows}\tmp\vc_redist.exe"] = install
    archive = {"path": r"C:\lab\vc_redist.x64.exe", "sha256": sha256(redist.read_bytes())}
    sent = lab.folder / "vc_redist.x64.exe"
    sent.write_bytes(redist.read_bytes())
    dlls = {f"msvc_runtime-1.0.data/data/Scripts/{name}": real for name in RUNTIME}
    own = make_wheel(lab.folder / "runtime", "msvc_runtime", "1.0", dlls)
    shutil.copy(own, lab.pc.path(r"C:\lab\wheels"))
    try:
        for name in RUNTIME:
            (system / name).unlink(missing_ok=True)
        need = {"needs_vc_runtime": True}
        with_own = lock_of(lab.alpha[1], own)
        checked, refused, from_package, again = lab.run(
            (lock, {**need, "check_mode": True}), (lock, need), (with_own, need), (with_own, need)
        )
        assert checked["code"] == "VC_RUNTIME_MISSING"
        assert refused["code"] == "VC_RUNTIME_MISSING"
        assert "vcruntime140.dll" in refused["msg"]
        assert from_package["changed"], from_package
        assert not again["changed"]
        assert (lab.environment(with_own) / "Lib/site-packages/gpuready_vc_runtime.pth").exists()
        lab.one(with_own, state="current", verified=True)
        assert lab.says("import os; print('scripts' in os.environ['PATH'].split(';')[0].lower())") == "True"
        archives = ({**archive, "path": str(sent)}, archive, archive, archive)  # the first lies on the controller
        results = lab.run((lock, {}), *((lock, {**need, "vc_archive": one}) for one in archives))
    finally:
        for name, data in kept.items():
            (system / name).unlink(missing_ok=True)
            (system / name).write_bytes(data)
    assert [result.get("code") for result in results] == [None, "VC_RUNTIME_MISSING", "VC_RUNTIME_MISSING", None, None]
    assert "1603" in results[1]["msg"]
    assert [result["changed"] for result in results] == [True, False, False, True, False]
    assert any("restart" in note for note in results[3]["notes"])


def test_arguments_that_mean_nothing(lab: Lab) -> None:
    bad: list[dict[str, Any]] = [
        {"home": r"relative\folder"},
        {"stack": r"..\..\windows"},
        {"lock_sha256": "0"},
        {"python": "ten"},
        {"time_limit": 0},
        {"certificates": r"C:\nowhere.pem"},
        {"uv_archive": {"path": r"C:\lab\uv.exe"}},
    ]
    results = lab.run(*((lab.locks[0], one) for one in bad))
    assert [result["code"] for result in results] == ["ARGUMENTS"] * len(bad)
    assert lab.one(state="absent")["changed"] is False
    assert not lab.home.exists()


def hold(pc: Machine, file: str, seconds: int) -> threading.Thread:
    """Keep a file open on the machine for so long; returns when it is open."""
    flag = rf"C:\lab\held-{sha256(file.encode())[:8]}"
    opened = f"$f = [System.IO.File]::Open('{file}', 'Open', 'Read', 'None')"
    script = f"{opened}; Set-Content {flag} yes; Start-Sleep {seconds}"
    holder = threading.Thread(target=pc.powershell, args=(script,), daemon=True)
    holder.start()
    while not pc.path(flag).exists():
        time.sleep(0.2)
    return holder


def test_a_file_in_use(lab: Lab) -> None:
    """A student's program holds a file of the old environment; the interpreter died before and was brought again."""
    one, two = lab.locks[0], lab.locks[1]
    lab.one(one)
    (interpreter,) = (lab.home / "python").rglob("python.exe")
    interpreter.unlink()
    interpreter.write_bytes(b"no program")
    lab.run((two, {}), (two, {"state": "current", "verified": True}))
    python = rf"{lab.windows}\environments\tiny-{sha256(one.encode())[:12]}\Lib\site-packages\gpalpha.py"
    holder = hold(lab.pc, python, 30)
    left = lab.one(two, state="current", verified=True, keep_old=0)
    holder.join(90)
    gone = lab.one(two, state="current", verified=True, keep_old=0)
    assert not left["failed"]
    if left["notes"]:
        assert "in use" in left["notes"][0]
        assert gone["changed"]
    assert not lab.environment(one).exists()
    assert lab.says() == "2.0"
