"""Where python_environment on Windows gets it all from: sent wheels, archives, an installed Python, indexes."""

from __future__ import annotations

import io
import json
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from environment_help import sha256, slow_index
from python_environment_winlab_help import Lab, hold
from records import of_this_run
from winlab import PREFIXES, testing

pytestmark = pytest.mark.slow
BUILD, PASS = "gpuready.lab.python_environment", "gpuready.lab.environment_pass"


def test_from_the_controllers_files(lab: Lab) -> None:
    """uv and Python as archives, a wheelhouse: each is sent once, and only what the lock names."""
    lab.as_job = True
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
            {"ansible.builtin.set_fact": of_this_run(record)},
            {BUILD: options},
            {"ansible.builtin.set_fact": {"cacheable": True, "gpuready": judged}},
            {PASS: {"state": "current"}},
            {PASS: {"state": "current"}},
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


def test_what_the_pcs_own_pip_is_told_is_obeyed(lab: Lab) -> None:
    told = lab.pc.path(r"C:\ProgramData\pip\pip.ini")
    told.parent.mkdir(parents=True, exist_ok=True)
    told.write_text("[global]\nno-index = true\n[install]\nfind-links =\n    C:\\nowhere\n    C:\\lab\\wheels\n")
    done = lab.one(lab.locks[0], find_links=None, no_index=None)
    told.unlink()
    assert done["changed"], done


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
    assert failed["code"] == "INDEX_UNREACHABLE"
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
