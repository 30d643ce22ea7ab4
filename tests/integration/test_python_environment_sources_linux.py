"""Where the module on this machine gets it all from: sent wheels, archives of uv and Python, package indexes."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from environment_help import lock_of, make_wheel, sha256, slow_index
from python_environment_help import VERSION, Lab, uv_binary
from records import of_this_run


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


def planned(lab: Lab, lock: str) -> dict[str, Any]:
    """A record whose plan names this lock, and an index of the stack's own that is out of reach."""
    (lab.folder / "tiny.txt").write_text(lock)
    environment = {
        "python": VERSION,
        "lock": "tiny.txt",
        "lock_path": str(lab.folder / "tiny.txt"),
        "lock_sha256": sha256(lock.encode()),
        "extra_index_urls": ["http://127.0.0.1:9/simple"],
        "start": "HOME/bin/tiny opens it",
    }
    plan = {"stack": "tiny", "blockers": [], "environment": environment}
    return {"schema_version": 1, "host": "localhost", "simulated": False, "troubles": [], "plan": plan}


def test_of_two_indexes_that_fail_the_one_that_should_have_it_all_is_told(lab: Lab) -> None:
    """The lab's mirror lacks the package, the stack's index is away: the mirror's words would lead nowhere."""
    gone = make_wheel(lab.folder / "elsewhere", "gpbeta", "1.0")
    record = planned(lab, lock_of(gone))
    with slow_index(lab.alpha1) as (url, _, release):
        release.set()
        _, failed = lab.play({"facts": of_this_run(record)}, {"index_url": url, "uv": str(uv_binary())})
    assert failed["code"] == "INDEX_UNREACHABLE", failed
    assert "127.0.0.1:9" in failed["msg"]


def test_the_stacks_own_index_is_done_without_when_the_lab_has_it_all(lab: Lab, lock1: str) -> None:
    """As the plan gives it: https://download.pytorch.org is out of reach in a lab with a mirror."""
    record = planned(lab, lock1)
    with slow_index(lab.alpha1) as (url, _, release):
        release.set()
        uv = str(uv_binary())
        _, built, gone = lab.play({"facts": of_this_run(record)}, {"index_url": url, "uv": uv}, {"state": "absent"})
    assert built["changed"], built
    assert built["ansible_facts"]["gpuready"]["plan"] == record["plan"]
    assert built["environment"]["start"] == f"{lab.home}/bin/tiny opens it"
    assert gone["changed"]
    assert not lab.home.exists()


def arguments_of_all() -> dict[int, str]:
    """What every user of this machine may read: the arguments of each process."""
    arguments = {}
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            arguments[int(one.parent.name)] = one.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return arguments


def test_the_password_of_an_index_is_in_no_process_list(lab: Lab, lock1: str) -> None:
    with slow_index(lab.alpha1) as (url, asked, release):
        secret = url.replace("http://", "http://student:hunter2@")
        options = {"index_url": secret, "extra_index_urls": [f"{secret}/more"], "find_links": [f"{secret}/page"]}
        process = lab.start(lab.options(lock1, no_index=None, **options))
        assert asked.wait(60)
        seen = arguments_of_all().values()
        release.set()
        answer = json.loads(process.communicate(timeout=60)[0])
    assert answer["changed"], answer
    assert [line for line in seen if "--require-hashes" in line and "uv pip install" in line], "uv did not run"
    assert not [line for line in seen if "hunter2" in line]
    assert lab.says(lock1) == "1.0"


BACKEND = """
import pathlib, zipfile
pathlib.Path({marks!r}).open("a").write({name!r} + "\\n")
class Backend:
    def get_requires_for_build_wheel(self, settings=None):
        return []
    def build_wheel(self, folder, settings=None, metadata=None):
        files = {{"gpgamma.py": "VERSION = '1.0'\\n"}}
        about = "gpgamma-1.0.dist-info/"
        files[about + "METADATA"] = "Metadata-Version: 2.1\\nName: gpgamma\\nVersion: 1.0\\n"
        files[about + "WHEEL"] = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        files[about + "RECORD"] = "".join(name + ",,\\n" for name in [*files, about + "RECORD"])
        with zipfile.ZipFile(folder + "/gpgamma-1.0-py3-none-any.whl", "w") as wheel:
            for name, text in files.items():
                wheel.writestr(name, text)
        return "gpgamma-1.0-py3-none-any.whl"
__legacy__ = Backend()
"""


def builder(lab: Lab, version: str, name: str) -> Path:
    """A setuptools that says in the file `marks` that it has built something."""
    code = BACKEND.format(marks=str(lab.folder / "marks"), name=name).encode()
    more = {"setuptools/__init__.py": b"", "setuptools/build_meta.py": code}
    return make_wheel(lab.folder / name, "setuptools", version, more)


def source_only(lab: Lab) -> Path:
    """A package without a wheel, as gast 0.2.2 is."""
    archive = lab.wheels / "gpgamma-1.0.tar.gz"
    about = b"Metadata-Version: 1.0\nName: gpgamma\nVersion: 1.0\n"
    with tarfile.open(archive, "w:gz") as tar:
        for name, data in (("PKG-INFO", about), ("setup.py", b"import setuptools\n")):
            info = tarfile.TarInfo(f"gpgamma-1.0/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return archive


def test_only_what_the_lock_has_a_hash_of_builds_a_source(lab: Lab) -> None:
    """An index with a newer setuptools than the lock's, and one with the lock's name and other bytes."""
    source, marks = source_only(lab), lab.folder / "marks"
    ours, newer, false = builder(lab, "50.0", "ours"), builder(lab, "99.0", "planted"), builder(lab, "50.0", "false")
    pinned = f"gpgamma==1.0 --hash=sha256:{sha256(source.read_bytes())}\n"
    shutil.copy(newer, lab.wheels)
    without = lab.run(pinned)
    assert without["code"] == "BUILD_FAILED", without
    assert "the lock itself" in without["msg"]
    shutil.copy(false, lab.wheels)
    lock = pinned + lock_of(ours)
    refused = lab.run(lock)
    assert refused["code"] == "HASH_MISMATCH", refused
    assert not marks.exists()
    shutil.copy(ours, lab.wheels)
    built = lab.run(lock)
    assert built["changed"], built
    assert set(marks.read_text().split()) == {"ours"}
    assert lab.says(lock, "import gpgamma; print(gpgamma.VERSION)") == "1.0"
